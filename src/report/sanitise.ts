import { stripVTControlCharacters } from "node:util";

/**
 * Text from agents, servers and files as one line that cannot steer a terminal.
 *
 * Contract: no escape sequences, no control characters, no characters that reverse the direction of writing; line
 * breaks and tabs are single spaces. Longer than `maxLength` UTF-16 units, it is cut and ends in `…`.
 */
export function oneLine(text: string, maxLength = 500): string {
  const line = printable(text).replace(/\s+/g, " ").trim();
  return line.length <= maxLength
    ? line
    : `${line
        .slice(0, maxLength - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, "")}…`;
}

/** The same for text of several lines: its last `maxLines`, each of them printable, without empty ones at either end. */
export function lastLines(text: string, maxLines: number): string[] {
  const lines = text.split(/\r\n|\n|\r/).map((line) => printable(line.replaceAll("\t", "    ")).trimEnd());
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return first === -1 ? [] : lines.slice(first, last + 1).slice(-maxLines);
}

/** Control characters but for white space, and the ones that embed, override or isolate a direction of writing. */
const UNPRINTABLE = /(?![\t\n\r])\p{Cc}|\p{Bidi_Control}/gu;

function printable(text: string): string {
  return stripVTControlCharacters(text).replace(UNPRINTABLE, "");
}

/** Text in which everything can be seen: tabs as spaces, control characters as pictures, invisible ones by their number. */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\t", "    ")
    .replace(/[\0-\x1f]/g, (character) => String.fromCodePoint(0x2400 + character.charCodeAt(0)))
    .replaceAll("\x7f", "\u2421")
    .replace(INVISIBLE, (character) => `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

/** C1 controls, zero-width characters, and those that steer the direction of writing; not the joiner, which makes emoji. */
const INVISIBLE = /[\x80-\x9f\u00ad\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
