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
