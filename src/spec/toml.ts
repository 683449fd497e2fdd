import { parse, TomlDate, TomlError } from "smol-toml";
import type { Diagnostic, Path, Span } from "./diagnostic.ts";
import type { JsonObject } from "./json.ts";
import { MAX_DEPTH, toJson } from "./json.ts";

/** Codes of the diagnostics that arise while a file is turned into data. */
export const TOML_CODES = {
  encoding: "the file is not UTF-8 text",
  syntax: "the file is not valid TOML",
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

/**
 * TOML text as JSON data.
 *
 * Contract: `data` is deeply frozen; null when the text cannot be parsed, and then there is exactly one diagnostic, with a span.
 * Dates and times become strings as written. Numbers that JSON cannot say become null, each with a diagnostic that has a path.
 */
export function parseToml(source: string): { readonly data: JsonObject | null; readonly diagnostics: readonly Diagnostic[] } {
  const text = stripByteOrderMark(source);
  let table: Record<string, unknown>;
  try {
    table = parse(text, { integersAsBigInt: "asNeeded", maxDepth: MAX_DEPTH });
  } catch (error) {
    return { data: null, diagnostics: [syntaxDiagnostic(text, error)] };
  }
  const diagnostics: Diagnostic[] = [];
  replaceLeaves(table, [], { diagnostics, dates: undefined, text });
  return { data: toJson(table) as JsonObject, diagnostics };
}

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
    return refuse("inexact-integer", `${value} is too large to be kept exactly as a number`, "write it as a string");
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return refuse("not-json", `${Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"} is not a JSON number, and the state is JSON`);
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

const TOO_DEEP = `tables and lists can be nested ${MAX_DEPTH} levels deep at most`;

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

function syntaxDiagnostic(text: string, error: unknown): Diagnostic {
  // Anything but a TomlError would be a fault of the parser; the author is still told that the file cannot be read.
  if (!(error instanceof TomlError)) return syntaxError("it cannot be read", undefined, { start: 0, end: 0 });
  const reason = error.message.slice("Invalid TOML document: ".length).split("\n", 1)[0] ?? "";
  const span = wordAt(text, offsetAt(text, error.line, error.column));
  if (/nested/.test(reason)) return { severity: "error", code: "too-deep", message: TOO_DEEP, span };
  const double = REDEFINED.test(reason) ? agentsListAndTable(text, span.start) : undefined;
  return double ?? syntaxError(...explain(reason, text.slice(span.start, span.end), span.start >= text.length), span);
}

function syntaxError(reason: string, help: string | undefined, span: Span): Diagnostic {
  return { severity: "error", code: "syntax", message: `this is not valid TOML: ${reason}`, span, ...(help === undefined ? {} : { help }) };
}

const REDEFINED = /redefine/;

/** The parser's reason in words that name what stands there, and what to do. */
function explain(reason: string, word: string, atEnd: boolean): [reason: string, help: string | undefined] {
  if (REDEFINED.test(reason)) return [`${tick(word)} is defined a second time`, "each table and each key stands in the file once"];
  if (reason.startsWith("invalid value")) {
    if (atEnd) return ["the file ends where a value is expected", undefined];
    return [word === "" ? "a value is missing" : `${tick(word)} is not a value`, 'text stands in quotes: key = "text"'];
  }
  if (/^control characters.*strings/.test(reason) && word.trim() === "") {
    return ["a line ends inside a text", 'close the quotes, or use """three quotes""" for several lines'];
  }
  if (reason.startsWith("unfinished string")) return ["the file ends inside a text", "close the quotes"];
  if (reason.startsWith("illegal character in key") && word.trim() === "") return ["the line ends inside a key or a [table]", undefined];
  if (reason.startsWith("illegal character in key")) return [reason, "a key is letters, digits, - and _; anything else stands in quotes"];
  if (/cannot find end of key/.test(reason)) return ["a key without a value", "write key = value, or [table]"];
  if (/comma or end of structure/.test(reason))
    return [
      "a comma or a closing bracket is missing before this",
      "entries are separated by commas; a list ends with ] and an inline table with }",
    ];
  if (/end-of-line/.test(reason)) return ["something follows the value", "one key = value per line; a comment begins with #"];
  if (/unrecognised escape/.test(reason)) return [reason, "write \\\\ for a backslash, or put the text in 'single quotes'"];
  return [reason, undefined];
}

function tick(word: string): string {
  return `\`${word.length > 60 ? `${word.slice(0, 60)}…` : word}\``;
}

function offsetAt(text: string, line: number, column: number): number {
  let start = 0;
  for (let passed = 1; passed < line; passed++) start = text.indexOf("\n", start) + 1;
  return Math.min(start + column - 1, text.length);
}

/** The word that begins at an offset, or one character; nothing at the end of the text. */
function wordAt(text: string, start: number): Span {
  const match = /[\w.+:-]+|"[^"\n]*"|'[^'\n]*'|[^\n]/uy;
  match.lastIndex = start;
  return { start, end: start + (match.exec(text)?.[0].length ?? 0) };
}

/**
 * The list of agents and a table of the same name. The order of agents and their settings used to be written like that,
 * and it looks natural, but TOML defines a key once.
 */
function agentsListAndTable(text: string, offset: number): Diagnostic | undefined {
  const headers = [...text.matchAll(AGENT_HEADER)];
  const first = headers[0];
  if (first === undefined) return undefined;
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(lineStart, (text.indexOf("\n", lineStart) + 1 || text.length + 1) - 1);
  if (!AGENT_LIST.test(line) && !headers.some((header) => header.index === lineStart)) return undefined;
  const start = first.index + first[0].indexOf("[");
  const names = [...new Set(headers.map((header) => header[1] ?? ""))];
  const renames = names.map((name) => `[agents.${name}]`);
  return {
    severity: "error",
    code: "agents-list-and-table",
    message: "`agents` in [orchestration.sequential] is a list of names, so there cannot be tables below it as well",
    span: { start, end: first.index + first[0].length },
    label: `write ${renames[0]}`,
    help: `what an agent is and how it is run stands in [agents.NAME]: write ${renames.join(", ")}; only the order stands in [orchestration.sequential]`,
  };
}

const NAME = String.raw`("[^"\n]*"|'[^'\n]*'|[\w-]+)`;
const AGENT_HEADER = new RegExp(
  String.raw`^[ \t]*\[[ \t]*orchestration[ \t]*\.[ \t]*sequential[ \t]*\.[ \t]*agents[ \t]*\.[ \t]*${NAME}[^\]\n]*\]`,
  "gm",
);
const AGENT_LIST = /^[ \t]*(?:orchestration[ \t]*\.[ \t]*)?(?:sequential[ \t]*\.[ \t]*)?agents[ \t]*=/;
