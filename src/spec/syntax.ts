import type { Diagnostic, Fix, Span } from "./diagnostic.ts";
import { MAX_DEPTH } from "./json.ts";

export const TOO_DEEP = `tables and lists can be nested ${MAX_DEPTH} levels deep at most`;

/**
 * A place that is no TOML, in words that name what stands there, and what to do. `statement` is what is broken, `offset` where a
 * parser gave up for a reason of its own.
 */
export function describeSyntax(source: string, statement: Span, offset: number, reason: string): Diagnostic {
  const span = wordAt(source, offset);
  if (/nested/.test(reason)) return { severity: "error", code: "too-deep", message: TOO_DEEP, span };
  const [what, help] = explain(reason, source.slice(span.start, span.end), span.start >= source.length);
  return syntaxError(what, help, span);
}

export function syntaxError(reason: string, help: string | undefined, span: Span, fix?: Fix): Diagnostic {
  return {
    severity: "error",
    code: "syntax",
    message: `this is not valid TOML: ${reason}`,
    span,
    ...(help === undefined ? {} : { help }),
    ...(fix === undefined ? {} : { fix }),
  };
}

/** The parser's reason in words that name what stands there, and what to do. */
function explain(reason: string, word: string, atEnd: boolean): [reason: string, help: string | undefined] {
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

/** The word that begins at an offset, or one character; nothing at the end of the text. */
function wordAt(text: string, start: number): Span {
  const match = /[\w.+:-]+|"[^"\n]*"|'[^'\n]*'|[^\n]/uy;
  match.lastIndex = start;
  return { start, end: start + (match.exec(text)?.[0].length ?? 0) };
}
