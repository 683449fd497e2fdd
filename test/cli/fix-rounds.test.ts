import { expect, test } from "vitest";
import { fixText } from "../../src/pipeline/fix.ts";
import type { Diagnostic, Edit } from "../../src/spec/diagnostic.ts";
import { type Located, locate } from "../../src/spec/positions.ts";

type Finder = (text: string) => readonly Diagnostic[];

const problem = (message: string, ...edits: readonly Edit[]): Diagnostic => {
  return { severity: "error", code: "test", message, span: { start: 0, end: 0 }, fix: { safe: true, edits } };
};
/** Replaces the first `from`. */
const replace = (text: string, from: string, to: string): Edit => {
  const start = text.indexOf(from);
  return { span: { start, end: start + from.length }, text: to };
};
/** Says of a letter that it should be another one, as long as it is there. */
const letter =
  (from: string, to: string, message = `${from} is wrong`): Finder =>
  (text) =>
    text.includes(from) ? [problem(message, replace(text, from, to))] : [];
const unreadable: Diagnostic = { severity: "error", code: "syntax", message: "not valid", span: { start: 0, end: 0 } };
const check =
  (...finders: readonly Finder[]) =>
  (text: string): Promise<Located[]> =>
    locate(
      text,
      finders.flatMap((finder) => finder(text)),
    );

test.each<[sentence: string, before: string, finders: Finder[], after: string, count: number, refused: boolean]>([
  ["nothing is done where nothing is found", "abc", [], "abc", 0, false],
  ["fixes that do not touch are made together", "a-b", [letter("a", "1"), letter("b", "2")], "1-2", 2, false],
  ["what a fix brings to light is mended as well", "a", [letter("a", "b"), letter("b", "c"), letter("c", "d")], "d", 3, false],
  [
    "a suggestion is not made",
    "a",
    [(text) => letter("a", "b")(text).map((one) => ({ ...one, fix: { ...one.fix!, safe: false } }))],
    "a",
    0,
    false,
  ],
  [
    "of two that overlap the first is made, and the other in the next round where it is still meant",
    "ab",
    [letter("ab", "b"), letter("b", "c")],
    "c",
    2,
    false,
  ],
  ["of two that say the same in one place one is made", "a", [letter("a", "b"), letter("a", "b", "again")], "b", 1, false],
  [
    "a problem that a fix leaves behind is a bug of the fix, and nothing is done",
    "ab",
    [letter("a", "1"), (text) => [problem("stays", replace(text, "b", "b"))]],
    "ab",
    0,
    true,
  ],
  ["so is a text that cannot be read any more", "a", [letter("a", "!"), (text) => (text.includes("!") ? [unreadable] : [])], "a", 0, true],
  [
    "a text that could not be read before may be mended in part",
    "a!",
    [letter("a", "b"), (text) => (text.includes("!") ? [unreadable] : [])],
    "b!",
    1,
    false,
  ],
  [
    "of two that are wrong together, one is made",
    "a-b",
    [letter("a", "1"), letter("b", "2"), (text: string) => (text === "1-2" ? [unreadable] : [])].map(
      (finder, index): Finder =>
        (text) =>
          index === 1 && text === "1-b" ? [] : finder(text),
    ),
    "1-b",
    1,
    false,
  ],
  [
    "another problem that was hidden does no harm",
    "a",
    [letter("a", "b"), (text) => (text === "b" ? [{ ...unreadable, code: "other" }] : [])],
    "b",
    1,
    false,
  ],
])("%s", async (_sentence, before, finders, after, count, refused) => {
  expect(await fixText(before, check(...finders))).toEqual({ text: after, count, refused });
});
