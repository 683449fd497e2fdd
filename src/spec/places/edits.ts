import type { Edit, Fix, Span } from "../diagnostic.ts";
import { type Entry, entryAt } from "./entries.ts";
import { type Lines, type Place, placeOf } from "./place.ts";
import { replacePartOfString } from "./string.ts";

/** A fix whose edits are in the diagnostic's file, in the order of the text, none of which overlaps another. */
export interface LocatedFix {
  readonly safe: boolean;
  readonly edits: readonly LocatedEdit[];
}

export interface LocatedEdit {
  readonly place: Place;
  /** What stands there afterwards; its line breaks are those of the file. */
  readonly text: string;
}

/** The edits of a fix in a text; null where something is not there, or cannot be written there. */
export function locateFix({ safe, edits }: Fix, root: Entry, lines: Lines): LocatedFix | null {
  const lineBreak = /\r?\n/.exec(lines.source)?.[0] ?? "\n";
  const located: LocatedEdit[] = [];
  for (const edit of edits) {
    const replacements = replacementsOf(edit, root, lines.source);
    if (replacements.length === 0) return null;
    for (const { span, text } of replacements) {
      located.push({ place: placeOf(span, lines), text: text.replaceAll(/\r?\n/g, lineBreak) });
    }
  }
  located.sort((one, other) => one.place.start - other.place.start);
  const overlaps = located.some(({ place }, index) => place.start < (located[index - 1]?.place.end ?? 0));
  return overlaps ? null : { safe, edits: located };
}

/** The text after its edits, which are in its order and do not overlap. Everything else stays as it is. */
export function applyEdits(text: string, edits: readonly LocatedEdit[]): string {
  let result = "";
  let end = 0;
  for (const edit of edits) {
    result += text.slice(end, edit.place.start) + edit.text;
    end = edit.place.end;
  }
  return result + text.slice(end);
}

interface Replacement {
  readonly span: Span;
  readonly text: string;
}

/** None: it cannot be made. A key is replaced everywhere it is written, since each of its headers defines the same table. */
function replacementsOf({ path = [], at = "value", span, text }: Edit, root: Entry, source: string): Replacement[] {
  if (span !== undefined) return [{ span, text }];
  const entry = entryAt(root, path);
  if (entry === undefined) return [];
  if (at === "key") return entry.keys.map((key) => ({ span: key, text }));
  const replacement = replacementAt(at, entry, source, text);
  return replacement === null ? [] : [replacement];
}

function replacementAt(at: Exclude<NonNullable<Edit["at"]>, "key">, entry: Entry, source: string, text: string): Replacement | null {
  if (at === "entry") return replaceEntry(entry, source, text);
  if (at === "end") return addLine(entry, source, text);
  if (entry.value === undefined) return null;
  if (at === "value") return { span: entry.value, text };
  return entry.text === true ? replacePartOfString(source, entry.value, at, text) : null;
}

/** A key with its value and its line; in a list or an inline table an entry with its comma, which can only be taken out. */
function replaceEntry({ whole, container }: Entry, source: string, text: string): Replacement | null {
  if (whole === undefined) return null;
  const line = lineOf(whole, source, container === undefined ? /^[ \t]*(?:#.*)?$/ : /^[ \t]*,?[ \t]*(?:#.*)?$/);
  if (container === undefined) return line === null ? null : { span: line, text };
  if (text !== "") return { span: whole, text };
  return { span: line ?? withComma(whole, container.entries, source), text };
}

/** The lines of an entry, where nothing else stands on them but what may follow it. */
function lineOf(whole: Span, source: string, rest: RegExp): Span | null {
  const start = source.lastIndexOf("\n", whole.start - 1) + 1;
  const end = source.indexOf("\n", whole.end) + 1 || source.length;
  const isAlone = source.slice(start, whole.start).trim() === "" && rest.test(source.slice(whole.end, end).trimEnd());
  return isAlone ? { start, end } : null;
}

/** An entry up to the next one; the last one from the end of the one before it. */
function withComma(whole: Span, entries: readonly Span[], source: string): Span {
  const index = entries.findIndex(({ start }) => start === whole.start);
  const [before, next] = [entries[index - 1], entries[index + 1]];
  if (next !== undefined) return { start: whole.start, end: next.start };
  if (before !== undefined) return { start: before.end, end: whole.end };
  const comma = /^\s*,/.exec(source.slice(whole.end))?.[0].length ?? 0;
  return { start: whole.start, end: whole.end + comma };
}

/** After the last line of a table with a header, or of the keys before all tables. */
function addLine({ body }: Entry, source: string, text: string): Replacement | null {
  if (body === undefined) return null;
  const end = source.indexOf("\n", body.end) + 1;
  if (end > 0) return { span: { start: end, end }, text };
  return { span: { start: source.length, end: source.length }, text: `\n${text.replace(/\n$/, "")}` };
}
