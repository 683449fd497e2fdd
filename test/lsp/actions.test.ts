import { describe, expect, test } from "vitest";
import { actionsIn } from "../../src/lsp/actions.ts";
import { linesOf, placeOf } from "../../src/spec/places/place.ts";
import type { Located } from "../../src/spec/positions.ts";

/** A diagnostic about a word of the text; `fix` replaces words by others. */
function about(
  text: string,
  word: string,
  rest: Partial<Located> & { readonly replace?: readonly [string, string]; readonly safe?: boolean } = {},
): Located {
  const { replace, safe = true, ...more } = rest;
  const place = (part: string) => placeOf(wordIn(text, part), linesOf(text));
  const fix = replace === undefined ? null : { safe, edits: [{ place: place(replace[0]), text: replace[1] }] };
  return {
    severity: "error",
    code: "c",
    message: "it is wrong",
    file: null,
    path: [],
    place: place(word),
    label: null,
    help: null,
    related: [],
    fix,
    ...more,
  };
}

function wordIn(text: string, word: string): { start: number; end: number } {
  const start = text.indexOf(word);
  return { start, end: start + word.length };
}

describe("what can be done about diagnostics", () => {
  const text = "alpha = 1\nbeta = 2\n";

  test("a fix that leaves no doubt, in one place and in all", () => {
    const alpha = about(text, "alpha", { help: "replace it", replace: ["alpha", "a"] });
    const beta = about(text, "beta", { replace: ["beta", "b"] });
    expect(actionsIn(text, wordIn(text, "lph"), [alpha, beta])).toEqual([
      { title: "Replace it", kind: "quickfix", isSafe: true, diagnostics: [alpha], edits: [{ start: 0, end: 5, text: "a" }] },
      {
        title: "Fix all safe problems",
        kind: "source.fixAll.agentflow",
        isSafe: true,
        diagnostics: [alpha, beta],
        edits: [
          { start: 0, end: 5, text: "a" },
          { start: 10, end: 14, text: "b" },
        ],
      },
    ]);
  });

  test("a fix that is a suggestion, by itself alone", () => {
    const alpha = about(text, "alpha", { replace: ["alpha", "a"], safe: false });
    expect(actionsIn(text, { start: 2, end: 2 }, [alpha]).map(({ title, isSafe }) => [title, isSafe])).toEqual([["It is wrong", false]]);
  });

  test("of fixes that touch each other the first one, where all are made", () => {
    const diagnostics = ["alpha", "pha", " ="].map((word) => about(text, word, { replace: [word, "x"] }));
    expect(actionsIn(text, wordIn(text, "beta"), diagnostics).map(({ edits }) => edits)).toEqual([[{ start: 0, end: 5, text: "x" }]]);
  });

  test("nothing about what is elsewhere, or nowhere", () => {
    const nowhere = { ...about(text, "alpha"), place: null };
    expect(actionsIn(text, wordIn(text, "beta"), [about(text, "alpha"), nowhere])).toEqual([]);
  });

  const silences: readonly [sentence: string, text: string, word: string, result: string][] = [
    ["on a line of its own", "a = 1\nb = 2\n", "b", "a = 1\n# agentflow-ignore c: say why\nb = 2\n"],
    ["as far in as what it is about", "a = [\n  1,\n]\n", "1", "a = [\n  # agentflow-ignore c: say why\n  1,\n]\n"],
    ["above a text of several lines, not in it", 'a = """\n  x\n"""\n', "x", '# agentflow-ignore c: say why\na = """\n  x\n"""\n'],
    ["with the line breaks of the file", "a = 1\r\nb = 2\r\n", "b", "a = 1\r\n# agentflow-ignore c: say why\r\nb = 2\r\n"],
  ];

  test.each(silences)("a warning can be ignored %s", (_sentence, source, word, result) => {
    const [action] = actionsIn(source, wordIn(source, word), [about(source, word, { severity: "warning" })]);
    expect(action?.title).toBe("Ignore `c` here: # agentflow-ignore");
    const [edit] = action?.edits ?? [];
    expect(edit && source.slice(0, edit.start) + edit.text + source.slice(edit.end)).toBe(result);
  });

  test("an error can be ignored where it is a judgement, and what is wrong with a comment cannot", () => {
    const titles = (code: string, severity: Located["severity"]): string[] =>
      actionsIn(text, wordIn(text, "alpha"), [about(text, "alpha", { code, severity })]).map(({ title }) => title);
    expect(titles("missing-on-path", "error")).toEqual(["Ignore `missing-on-path` here: # agentflow-ignore"]);
    expect(titles("unknown-agent", "error")).toEqual([]);
    expect(titles("unused-ignore", "warning")).toEqual([]);
  });
});
