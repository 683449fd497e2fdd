import type { Span } from "../diagnostic.ts";
import { parseToml } from "../toml.ts";

/**
 * A part of a string's value as a range of the source. `whole` is the string with its quotes.
 *
 * The value's units and the source's differ where there are escapes, line breaks that a multi-line string trims, and quotes.
 */
export function partOfString(source: string, whole: Span, part: Span): Span {
  const { starts, ends, close } = unitsOf(source, whole);
  const start = starts[part.start] ?? close;
  const end = part.end > part.start ? (ends[part.end - 1] ?? close) : start;
  return { start: whole.start + start, end: whole.start + end };
}

/** Where the units of a string's value stand, from the beginning of the string on. */
interface Units {
  readonly source: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Where the quotes begin that close it. */
  readonly close: number;
}

/** They are kept as long as the place is, since many problems may be in one long text. */
function unitsOf(source: string, whole: Span): Units {
  const known = UNITS.get(whole);
  if (known?.source === source) return known;
  const units = readUnits(source, whole);
  UNITS.set(whole, units);
  return units;
}

const UNITS = new WeakMap<Span, Units>();

function readUnits(source: string, whole: Span): Units {
  const raw = source.slice(whole.start, whole.end);
  const quotes = isMultiLine(raw) ? 3 : 1;
  const close = raw.length - quotes;
  const starts: number[] = [];
  const ends: number[] = [];
  const opening = quotes === 3 ? /^...(?:\r?\n)?/s : /^./;
  for (let index = opening.exec(raw)?.[0].length ?? quotes; index < close; ) {
    const { length, units } = raw[index] === "\\" && raw[0] === '"' ? escapeAt(raw, index) : { length: 1, units: 1 };
    for (let unit = 0; unit < units; unit++) {
      starts.push(index);
      ends.push(index + length);
    }
    index += length;
  }
  return { source, starts, ends, close };
}

/**
 * What a string is written as once a part of its value says something else; null where its quotes cannot hold that.
 *
 * Contract: only the part differs from what is written now.
 */
export function replacePartOfString(source: string, whole: Span, part: Span, text: string): { span: Span; text: string } | null {
  const span = partOfString(source, whole, part);
  // TOML knows the escapes of JSON, but does not take a DEL as it is.
  const written = source[whole.start] === '"' ? JSON.stringify(text).slice(1, -1).replaceAll("\x7f", "\\u007F") : text;
  const before = valueOf(source.slice(whole.start, whole.end)) ?? "";
  // A quote may meet another, or a line break the beginning of a string of several lines, where it would not count.
  const after = valueOf(source.slice(whole.start, span.start) + written + source.slice(span.end, whole.end));
  return after === before.slice(0, part.start) + text + before.slice(part.end) ? { span, text: written } : null;
}

/** What a string says; undefined where it is none. */
function valueOf(written: string): string | undefined {
  const { data, diagnostics } = parseToml(`value = ${written}`);
  return diagnostics.length === 0 && typeof data?.value === "string" ? data.value : undefined;
}

function isMultiLine(raw: string): boolean {
  return raw.startsWith('"""') || raw.startsWith("'''");
}

/** How much of the source an escape takes, and how many units of the value it stands for. */
function escapeAt(raw: string, index: number): { length: number; units: number } {
  ESCAPE.lastIndex = index;
  const [whole = "\\", hex, trimmed] = ESCAPE.exec(raw) ?? [];
  if (trimmed !== undefined) return { length: whole.length, units: 0 };
  return { length: whole.length, units: hex !== undefined && Number.parseInt(hex, 16) > 0xffff ? 2 : 1 };
}

const ESCAPE = /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U([\da-fA-F]{8})|([ \t]*\r?\n[ \t\r\n]*)|.)/sy;
