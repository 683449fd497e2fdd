import { parse, TomlDate, TomlError } from "smol-toml";
import type { Diagnostic, Path, Span } from "./diagnostic.ts";
import type { JsonObject } from "./json.ts";
import { MAX_DEPTH, toJson } from "./json.ts";
import { newerToml } from "./newer-toml.ts";
import type { Patch } from "./patch.ts";
import { recover } from "./recover.ts";
import type { Attempt, Recovered } from "./repairs.ts";
import { syntaxError, TOO_DEEP } from "./syntax.ts";

/** Codes of the diagnostics that arise while a file is turned into data. */
export const TOML_CODES = {
  encoding: "the file is not UTF-8 text",
  syntax: "the file is not valid TOML",
  "duplicate-key": "a key or a table is defined a second time",
  "newer-toml": "something of TOML 1.1, which many editors and tools do not read yet",
  "agents-list-and-table": "`orchestration.sequential.agents` is defined as a list and as a table",
  "not-json": "a value that JSON cannot say: nan, an infinity, or something that is not data",
  "inexact-integer": "an integer that is too large to be kept exactly",
  "too-deep": "tables or lists are nested too deeply",
} as const;

/**
 * The bytes of a file as text, without a byte order mark.
 *
 * Contract: `diagnostic` is there when the bytes are not UTF-8; its span marks the first bad place, and in `text` bad bytes are
 * replaced by U+FFFD.
 */
export function decodeText(bytes: Uint8Array): { readonly text: string; readonly diagnostic?: Diagnostic } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const start = new TextDecoder().decode(bytes.subarray(0, validLength(bytes)), { stream: true }).length;
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const message = utf16 ? "the file is UTF-16; it has to be UTF-8 text" : "the file is not UTF-8 text";
    const help = utf16 ? "save the file as UTF-8" : "is this the right file? If so, save it as UTF-8";
    return { text: new TextDecoder().decode(bytes), diagnostic: encodingError(message, { start, end: start + 1 }, help) };
  }
  if (text.charCodeAt(0) !== 0xfeff) return { text };
  return {
    text,
    diagnostic: encodingError(
      "the file begins with two byte order marks",
      { start: 0, end: 1 },
      "save the file as UTF-8 without a byte order mark",
    ),
  };
}

/** The text without a byte order mark. Offsets of diagnostics count from there. */
export function stripByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** What a TOML text says. */
export interface ParsedToml {
  /** Deeply frozen; null where the text is too far from TOML. */
  readonly data: JsonObject | null;
  readonly diagnostics: readonly Diagnostic[];
  /** The places of the data about which nothing certain can be said, since the text is no TOML there. */
  readonly doubtful: readonly Path[];
  /** What makes the text TOML. */
  readonly patches: readonly Patch[];
}

/**
 * TOML text as JSON data.
 *
 * Contract: where the text is no TOML, that is told, each time with a span, and the data is what the rest says.
 * Dates and times become strings as written. Numbers that JSON cannot say become null, each with a diagnostic that has a path.
 */
export function parseToml(source: string): ParsedToml {
  const text = stripByteOrderMark(source);
  const { table, diagnostics, doubtful, patches } = readTable(text);
  if (table === null) return { data: null, diagnostics, doubtful, patches };
  const refused: Diagnostic[] = [];
  replaceLeaves(table, [], { diagnostics: refused, dates: undefined, text });
  const newer = newerToml(text).filter(
    ({ span }) => !patches.some(({ start, end }) => span !== undefined && start < span.end && end > span.start),
  );
  return { data: toJson(table) as JsonObject, diagnostics: [...diagnostics, ...refused, ...newer], doubtful, patches };
}

type Table = Record<string, unknown>;

function readTable(text: string): Pick<Recovered<Table>, "table" | "diagnostics" | "doubtful" | "patches"> {
  const result = attempt(text);
  return "table" in result ? { table: result.table, diagnostics: [], doubtful: [], patches: [] } : recover(text, attempt);
}

const attempt: Attempt<Table> = (text) => {
  try {
    return { table: parse(text, { integersAsBigInt: "asNeeded", maxDepth: MAX_DEPTH }) };
  } catch (error) {
    // Anything but a TomlError would be a fault of the parser; the author is still told that the file cannot be read.
    if (!(error instanceof TomlError)) return { failure: { offset: 0, reason: "it cannot be read" } };
    const reason = error.message.slice("Invalid TOML document: ".length).split("\n", 1)[0] ?? "";
    return { failure: { offset: offsetAt(text, error.line, error.column), reason } };
  }
};

function encodingError(message: string, span: Span, help: string): Diagnostic {
  return { severity: "error", code: "encoding", message, span, help };
}

/** How many of the first bytes can be the beginning of UTF-8 text. */
function validLength(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return valid;
}

interface Replacing {
  readonly diagnostics: Diagnostic[];
  readonly text: string;
  dates: ReadonlyMap<string, WrittenDate> | undefined;
}

/** Puts JSON in the place of what TOML can say and JSON cannot. */
function replaceLeaves(container: object, path: Path, context: Replacing): void {
  for (const key of Array.isArray(container) ? container.keys() : Object.keys(container)) {
    const value = (container as Record<string | number, unknown>)[key];
    const replaced = replacement(value, [...path, key], context);
    // An own `__proto__` is already there as an own property, so this never sets a prototype.
    if (replaced !== value) (container as Record<string | number, unknown>)[key] = replaced;
  }
}

function replacement(value: unknown, path: Path, context: Replacing): unknown {
  const refuse = (code: keyof typeof TOML_CODES, message: string, help?: string): null => {
    context.diagnostics.push({ severity: "error", code, message, path, ...(help === undefined ? {} : { help }) });
    return null;
  };
  if (typeof value === "bigint") {
    return refuse("inexact-integer", `${value} is too large to be kept exactly as a number`, `write it in quotes: "${value}"`);
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    const word = Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return refuse("not-json", `${word} is not a JSON number, and the state is JSON`, "write a number or a text, or leave it out");
  }
  if (value instanceof Date) {
    context.dates ??= writtenDates(context.text);
    const iso = value.toISOString();
    const { written = iso, unreal } = context.dates.get(iso) ?? {};
    if (unreal !== undefined) context.diagnostics.push(syntaxError(`there is no such day as ${written.slice(0, 10)}`, undefined, unreal));
    return written;
  }
  if (typeof value === "object" && value !== null) {
    if (path.length >= MAX_DEPTH) return refuse("too-deep", TOO_DEEP);
    replaceLeaves(value, path, context);
  }
  return value;
}

interface WrittenDate {
  readonly written: string;
  /** Where it stands, for a day that the calendar does not have, such as 30 February. The parser lets it pass as a day in March. */
  readonly unreal: Span | undefined;
}

/**
 * Dates and times as they are written, by their normal form, which is all that the parser keeps. Where the same moment is
 * written in two ways, the normal form stands for both.
 */
function writtenDates(text: string): Map<string, WrittenDate> {
  const dates = new Map<string, WrittenDate>();
  for (const { 0: token, index } of text.matchAll(DATE_OR_TIME)) {
    const date = new TomlDate(token);
    if (!date.isValid()) continue;
    const iso = date.toISOString();
    const other = dates.get(iso);
    if (!date.isTime() && !iso.startsWith(token.slice(0, 10))) {
      if (other === undefined) dates.set(iso, { written: token, unreal: { start: index, end: index + 10 } });
    } else {
      const same = other === undefined || other.unreal !== undefined || other.written === token;
      dates.set(iso, { written: same ? token : iso, unreal: undefined });
    }
  }
  return dates;
}

const TIME = /\d\d:\d\d(?::\d\d(?:\.\d+)?)?/.source;
const DATE_OR_TIME = new RegExp(String.raw`\d{4}-\d\d-\d\d(?:[Tt ]${TIME}(?:[Zz]|[+-]\d\d:\d\d)?)?|${TIME}`, "g");

function offsetAt(text: string, line: number, column: number): number {
  let start = 0;
  for (let passed = 1; passed < line; passed++) start = text.indexOf("\n", start) + 1;
  return Math.min(start + column - 1, text.length);
}
