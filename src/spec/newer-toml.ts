import type { Diagnostic, Span } from "./diagnostic.ts";
import { type Token, tokensOf } from "./toml-tokens.ts";

/**
 * What only TOML 1.1 allows, so that many editors and other tools refuse it: line breaks and a comma at the end in inline tables,
 * the escapes `\e` and `\xHH`, times without seconds. A text that is no TOML may be given as well.
 */
export function newerToml(text: string): Diagnostic[] {
  return SUSPICIOUS.test(text) || text.split("\n").some(isUnbalanced) ? [...findNewer(text)] : [];
}

// Most files have nothing of all this, and are not looked at any closer.
const SUSPICIOUS = /\\[ex]|,\s*\}|\d\d:\d\d(?![:\d])/;

/** Whether a line has more opening than closing braces, or fewer. */
function isUnbalanced(line: string): boolean {
  return /[{}]/.test(line) && line.split("{").length !== line.split("}").length;
}

/** A bracket that is open. */
interface Open {
  readonly mark: string;
  readonly start: number;
  hasLineBreak: boolean;
}

function* findNewer(text: string): Generator<Diagnostic> {
  const open: Open[] = [];
  let before: Token | undefined;
  for (const token of tokensOf(text)) {
    const innermost = open.at(-1);
    const mark = token.kind === "mark" ? (text[token.start] ?? "") : "";
    if (token.kind === "line-break" && innermost?.mark === "{") innermost.hasLineBreak = true;
    if (token.kind === "string" && text[token.start] === '"') yield* escapesIn(text, token);
    if (token.kind === "word") yield* timeIn(text, token);
    if (mark === "[" || mark === "{") open.push({ mark, start: token.start, hasLineBreak: false });
    if (mark === "}" && innermost?.mark === "{") yield* tableEnding(text, innermost, token.end, before);
    if (mark === "]" || mark === "}") open.pop();
    if (token.kind !== "line-break" && token.kind !== "comment") before = token;
  }
}

function* tableEnding(text: string, { start, hasLineBreak }: Open, end: number, before: Token | undefined): Generator<Diagnostic> {
  if (hasLineBreak) {
    yield newer("an inline table over several lines", { start, end }, "write it on one line, or as a table with a header of its own");
  } else if (before !== undefined && text[before.start] === ",") {
    const span = { start: before.start, end: before.end };
    yield newer("a comma at the end of an inline table", span, "remove the comma", "");
  }
}

function* escapesIn(text: string, { start, end }: Token): Generator<Diagnostic> {
  for (const { 0: written, 1: hex, index } of text.slice(start, end).matchAll(ESCAPE)) {
    const span = { start: start + index, end: start + index + written.length };
    if (written === "\\e") yield newer("the escape \\e", span, "write \\u001b", "\\u001b");
    if (hex !== undefined) yield newer("an escape \\x with two digits", span, `write \\u00${hex}`, `\\u00${hex}`);
  }
}

const ESCAPE = /\\(?:x([\da-fA-F]{2})|[^])/g;

function* timeIn(text: string, { start, end }: Token): Generator<Diagnostic> {
  const time = TIME.exec(text.slice(start, end))?.[0];
  if (time !== undefined) yield newer("a time without seconds", { start, end }, `write ${time}:00`, `${time}:00`, start + time.length);
}

const TIME = /^(?:\d{4}-\d\d-\d\d[Tt])?\d\d:\d\d(?=$|[Zz+-])/;

/** `fixed`: what stands there afterwards, up to the end of the span or before it. */
function newer(what: string, span: Span, help: string, fixed?: string, end: number = span.end): Diagnostic {
  return {
    severity: "warning",
    code: "newer-toml",
    message: `${what} is TOML 1.1, which many editors and tools do not read yet`,
    span,
    help,
    ...(fixed === undefined ? {} : { fix: { safe: true, edits: [{ span: { start: span.start, end }, text: fixed }] } }),
  };
}
