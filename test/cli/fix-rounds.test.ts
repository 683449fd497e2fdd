import { describe, expect, test } from "vitest";
import { fixText } from "../../src/pipeline/fix.ts";
import type { Diagnostic, Edit } from "../../src/spec/diagnostic.ts";
import { type Located, locate } from "../../src/spec/positions.ts";
import { folderWith } from "../support/folder.ts";
import { runProgram } from "../support/program.ts";

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

describe("where there are more syntax errors than are told of one text", () => {
  /** The first ten letters that are wrong, as a check tells them that gives up there. */
  const firstTen =
    (mend: (at: number) => Edit): Finder =>
    (text) => {
      const places = [...text.matchAll(/a/g)].slice(0, 10).map(({ index }) => index);
      return places.map((at) => ({ ...unreadable, span: { start: at, end: at + 1 }, fix: { safe: true, edits: [mend(at)] } }));
    };
  const right = (at: number): Edit => ({ span: { start: at, end: at + 1 }, text: "b" });
  /** Whose edits are longer than what was there. */
  const longer = (at: number): Edit => ({ span: { start: at, end: at + 1 }, text: "bbb" });
  const wrong = (at: number): Edit => ({ span: { start: at, end: at + 1 }, text: "ca" });

  test.each<[sentence: string, before: string, mend: (at: number) => Edit, after: string, count: number, refused: boolean]>([
    ["all are mended, those that were hidden too", "a-".repeat(35), right, "b-".repeat(35), 35, false],
    ["also where text is longer afterwards", "a-".repeat(35), longer, "bbb-".repeat(35), 35, false],
    ["more than ten times as many as are told", "a-".repeat(205), right, "b-".repeat(205), 205, false],
    ["a fix that leaves its own behind is still a bug of it", "a-".repeat(10), wrong, "a-".repeat(10), 0, true],
  ])("%s", async (_sentence, before, mend, after, count, refused) =>
    expect(await fixText(before, check(firstTen(mend)))).toEqual({ text: after, count, refused }),
  );

  test("a large text is not gone through for all of them", async () => {
    let checks = 0;
    const finder: Finder = (text) => {
      checks += 1;
      return firstTen(right)(text);
    };
    const { count, refused } = await fixText(`${"a-".repeat(500)}${" ".repeat(100_000)}`, check(finder));
    expect({ count, refused, checks }).toEqual({ count: 10, refused: false, checks: 2 });
  });
});

test("a real file with fifteen lines that end with `;` is mended", async () => {
  const agents = Array.from({ length: 15 }, (_, index) => `[agents.a${index}]\ntype = "canned";\n`).join("");
  const order = Array.from({ length: 15 }, (_, index) => `"a${index}"`).join(", ");
  const folder = folderWith({ "a.toml": `${agents}[orchestration.sequential]\nagents = [${order}]\n` });
  const { code, stderr } = await runProgram(["validate", "--fix", "a.toml"], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "a.toml: 15 problems mended\n" });
});
