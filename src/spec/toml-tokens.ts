import type { Span } from "./diagnostic.ts";

/** A comment of a TOML text, from its `#` to the end of its line. */
export interface Comment extends Span {
  readonly text: string;
}

/** All comments of a text, in their order. A `#` in a string begins none. */
export function commentsOf(text: string): Comment[] {
  if (!text.includes("#")) return [];
  const comments: Comment[] = [];
  for (const { kind, start, end } of tokensOf(text)) if (kind === "comment") comments.push({ start, end, text: text.slice(start, end) });
  return comments;
}

/** `mark`: one of `[ ] { } = ,`. `word`: whatever stands without quotes, such as a key, a number or a part of a date. */
export interface Token extends Span {
  readonly kind: "comment" | "line-break" | "string" | "mark" | "word";
}

/**
 * The tokens of a text from an offset on. Blanks are left out.
 *
 * Contract: takes any text, also one that is no TOML. A string that is not closed ends with its line; one in three quotes, with
 * the text.
 */
export function* tokensOf(text: string, offset = 0): Generator<Token> {
  const pattern = new RegExp(TOKEN, "y");
  for (let start = offset; start < text.length; start = pattern.lastIndex) {
    pattern.lastIndex = start;
    const index = pattern.exec(text)?.findIndex((part, group) => group > 0 && part !== undefined) ?? -1;
    const kind = KINDS[index];
    if (kind !== undefined) yield { kind, start, end: pattern.lastIndex };
  }
}

// What closes a string is optional, so that no pattern is ever tried twice over the same characters.
const STRINGS = [
  String.raw`"""(?:[^"\\]+|\\[^]|"(?!""))*(?:"{3,5})?`,
  String.raw`'''(?:[^']+|'(?!''))*(?:'{3,5})?`,
  String.raw`"(?:[^"\\\r\n]+|\\[^\r\n])*"?`,
  String.raw`'[^'\r\n]*'?`,
];
const KINDS: readonly (Token["kind"] | undefined)[] = [undefined, "comment", "line-break", "string", "mark", "word"];
const TOKEN = String.raw`(#(?:[^\r\n]|\r(?!\n))*)|(\r?\n)|(${STRINGS.join("|")})|([[\]{}=,])|([^\s#"'[\]{}=,]+)|[^]`;
