import { fixAt } from "../compile.ts";
import { hyphenated, hyphenatedMember } from "../hyphenated.ts";
import type { Reader } from "../readers.ts";
import type { ExpressionProblem, Read } from "../scope.ts";
import type { StateFlow } from "../state-flow.ts";
import type { More } from "./report.ts";

/**
 * Keys and members with a hyphen that are read as a subtraction. What is told is returned: whether a read is a half of such a name, about
 * which there is nothing more to say.
 */
export function checkHyphens({ texts, readers, keys, isOpen }: StateFlow): (reader: Reader, read: Read) => boolean {
  const halves = new Map<Reader, ExpressionProblem[]>();
  if (isOpen && ![...keys].some((key) => key.includes("-"))) return () => false;
  for (const reader of readers) {
    const found = new Map(
      reader.reads.keys.flatMap((read) => problemOf(read, reader, keys, isOpen)).map((problem) => [problem.start, problem]),
    );
    if (found.size > 0) halves.set(reader, [...found.values()]);
    for (const { message, start, end, help = "", fix } of found.values()) {
      const more: More = { at: { start, end }, help, ...(fix === undefined ? {} : { fix: fixAt(reader.place, fix) }) };
      if (isOpen) texts.report.warning("hyphenated-name", reader.place, message, more);
      else texts.report.error("hyphenated-name", reader.place, message, more);
    }
  }
  return (reader, read) => halves.get(reader)?.some(({ start, end }) => read.start >= start && read.end <= end) === true;
}

/** The problem with its place in the whole text. */
function problemOf(read: Read, { parts, table }: Reader, keys: ReadonlySet<string>, isOpen: boolean): ExpressionProblem[] {
  if (table !== null && !read.viaState) return [];
  const part = parts.find(({ expression, start }) => read.start >= start && read.end <= start + expression.text.length);
  if (part === undefined) return [];
  const { expression, start: by } = part;
  const inside = { ...read, start: read.start - by, end: read.end - by };
  // Where no input is declared, what nothing writes may be one.
  const problem = hyphenated(inside, expression.text, keys) ?? (isOpen ? undefined : hyphenatedMember(inside, expression.text, keys));
  if (problem === undefined) return [];
  const { fix } = problem;
  const moved = fix === undefined ? {} : { fix: { ...fix, start: fix.start + by, end: fix.end + by } };
  return [{ ...problem, ...moved, start: problem.start + by, end: problem.end + by }];
}
