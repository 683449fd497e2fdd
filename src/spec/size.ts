import type { Meant } from "./duration.ts";

/** A size that was read, in bytes, or why it could not be read. */
export type ParsedSize = { readonly bytes: number } | { readonly problem: string; readonly meant?: Meant };

/**
 * Reads a size such as `"512B"`, `"8KB"`, `"10MB"`, `"1.5GB"`. One KB is 1024 bytes, one MB 1024 KB, one GB 1024 MB.
 *
 * Contract: a whole number of bytes, at least 1, at most 1024 GB. Never throws; a problem is one clause that starts with the text in quotes.
 */
export function parseSize(text: string): ParsedSize {
  const bytes = measure(text);
  if (bytes === undefined) return { problem: `${quote(text)} ${explain(text)}`, ...meantBy(text) };
  if (bytes < 1) return { problem: `${quote(text)} is less than one byte` };
  if (bytes > LARGEST) return { problem: `${quote(text)} is more than 1024GB` };
  if (!Number.isInteger(bytes)) return { problem: `${quote(text)} is not a whole number of bytes` };
  return { bytes };
}

/** For people: `512B`, `8KB`, `1.5MB`. */
export function formatSize(bytes: number): string {
  const [unit, factor] = Object.entries(FACTORS).findLast(([, one]) => bytes >= one) ?? ["B", 1];
  return `${Math.round((bytes / factor) * 10) / 10}${unit}`;
}

const FACTORS: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };
const LARGEST = 1024 ** 4;

function measure(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|KB|MB|GB)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (FACTORS[match[2] ?? ""] ?? 0);
}

function meantBy(text: string): { meant?: Meant } {
  const isCertain = !BARE_NUMBER.test(text);
  const meant = isCertain ? tidied(text) : `${text}B`;
  return meant !== text && "bytes" in parseSize(meant) ? { meant: { text: meant, isCertain } } : {};
}

function tidied(text: string): string {
  return text
    .toUpperCase()
    .replace(/\s+/g, "")
    .replace(/IB$/, "B")
    .replace(/([KMG])$/, "$1B");
}

const BARE_NUMBER = /^\d+(?:\.\d+)?$/;

function explain(text: string): string {
  if (text.startsWith("-")) return "is negative; a size is not";
  if (BARE_NUMBER.test(text)) return `has no unit; write "${text}B" for bytes or "${text}KB"`;
  const { meant } = meantBy(text);
  if (meant !== undefined) return `is not a size; write "${meant.text}"`;
  return 'is not a size; write it like "512B", "8KB" or "10MB"';
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
