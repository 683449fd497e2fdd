import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { outlineOf, type Unfinished, unfinishedAt } from "../../src/lsp/outline.ts";
import type { Json } from "../../src/spec/json.ts";
import { parseToml } from "../../src/spec/toml.ts";

describe("what can be seen of a text", () => {
  const rows: readonly [sentence: string, text: string, parts: readonly string[]][] = [
    [
      "keys, dotted keys and values",
      `a = "x" # why\nb.'c d' = 3`,
      ['key a "a"', 'value a "x"', "comment # why", 'key b "b"', "key b/c d \"'c d'\"", "value b/c d 3"],
    ],
    [
      "headers with the names in them",
      `[agents."fe-tch".env]\nA = 1`,
      [
        'header agents/fe-tch/env [agents."fe-tch".env]',
        'key agents "agents"',
        'key agents/fe-tch ""fe-tch""',
        'key agents/fe-tch/env "env"',
        'key agents/fe-tch/env/A "A"',
        "value agents/fe-tch/env/A 1",
      ],
    ],
    [
      "lists of tables by their numbers, and what stands below the latest",
      `[[hooks]]\n[[hooks]]\n[hooks.x]\ny = true`,
      [
        "header hooks/0 [[hooks]]",
        'key hooks "hooks"',
        "header hooks/1 [[hooks]]",
        'key hooks "hooks"',
        "header hooks/1/x [hooks.x]",
        'key hooks "hooks"',
        'key hooks/1/x "x"',
        'key hooks/1/x/y "y"',
        "value hooks/1/x/y true",
      ],
    ],
    [
      "lists over several lines with comments in them",
      `a = [ # first\n  "x", # second\n  ["y"],\n]\nb = 1`,
      [
        'key a "a"',
        "comment # first",
        'value a/0 "x"',
        "comment # second",
        'value a/1/0 "y"',
        'value a/1 ["y"]',
        'value a [ # first\n  "x", # second\n  ["y"],\n]',
        'key b "b"',
        "value b 1",
      ],
    ],
    [
      "tables in one line",
      `a = { b = 1, c.d = { e = 'x' } }`,
      [
        'key a "a"',
        'key a/b "b"',
        "value a/b 1",
        'key a/c "c"',
        'key a/c/d "d"',
        'key a/c/d/e "e"',
        "value a/c/d/e 'x'",
        "value a/c/d { e = 'x' }",
        "value a { b = 1, c.d = { e = 'x' } }",
      ],
    ],
    [
      "what follows a text without its end",
      `a = "x\nb = 'y\nc = 1`,
      ['key a "a"', 'value a "x', 'key b "b"', "value b 'y", 'key c "c"', "value c 1"],
    ],
    [
      "what follows a list without its end",
      `a = ["x"\nb = 1\nc = [\n  "y",\n[d]`,
      [
        'key a "a"',
        'value a/0 "x"',
        'value a ["x"',
        'key b "b"',
        "value b 1",
        'key c "c"',
        'value c/0 "y"',
        'value c [\n  "y",',
        "header d [d]",
        'key d "d"',
      ],
    ],
    [
      "what follows a table in one line without its end",
      `a = { b = 1\n[c]\n`,
      ['key a "a"', 'key a/b "b"', "value a/b 1", "value a { b = 1", "header c [c]", 'key c "c"'],
    ],
    [
      "what follows words that are no TOML",
      `what is this\na = 1\n= 2\n]\nb = 3`,
      ['key what "what"', 'key a "a"', "value a 1", 'key b "b"', "value b 3"],
    ],
    [
      "a list of lists of words that look like headers",
      `a = [\n  [true],\n  [1, 2],\n]`,
      [
        'key a "a"',
        "value a/0/0 true",
        "value a/0 [true]",
        "value a/1/0 1",
        "value a/1/1 2",
        "value a/1 [1, 2]",
        "value a [\n  [true],\n  [1, 2],\n]",
      ],
    ],
    ["carriage returns", `a = "x"\r\n# b\r\n[c]\r\n`, ['key a "a"', 'value a "x"', "comment # b", "header c [c]", 'key c "c"']],
  ];

  test.each(rows)("%s", (_sentence, text, parts) => {
    expect(outlineOf(text).parts.map((part) => shown(part, text))).toEqual(parts);
  });

  test("the text of each string in the samples is at the path at which the parser finds it", () => {
    const files = samples();
    expect(files.length).toBeGreaterThan(10);
    for (const text of files) expect(textsIn(text)).toEqual(stringsOf(parseToml(text).data));
  });

  test("is found in every beginning of every sample, and in any text", () => {
    const all = fc.oneof(
      fc.constantFrom(...samples()).chain((text) => fc.nat(text.length).map((end) => text.slice(0, end))),
      fc
        .array(fc.constantFrom("a", "=", '"', "'", '"""', "'''", "[", "]", "{", "}", ",", ".", "\n", "#", "\\", " ", "1"), {
          maxLength: 40,
        })
        .map((words) => words.join("")),
    );
    fc.assert(
      fc.property(all, (text) => {
        const { parts, end } = outlineOf(text);
        for (const part of parts) expect(part.start >= 0 && part.end >= part.start && part.end <= text.length).toBe(true);
        expect(end.start <= text.length).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("what is being written", () => {
  const rows: readonly [text: string, end: Unfinished][] = [
    ["", { kind: "key", start: 0, table: [], words: [], inline: false }],
    ["[a]\n  ti", { kind: "key", start: 6, table: ["a"], words: ["ti"], inline: false }],
    ["a.", { kind: "key", start: 2, table: [], words: ["a", ""], inline: false }],
    ["[", { kind: "header", start: 0, words: [] }],
    ["[agents.", { kind: "header", start: 0, words: ["agents", ""] }],
    ["[[ho", { kind: "header", start: 0, words: ["ho"] }],
    ["[a]", { kind: "nothing", start: 0 }],
    ["a ", { kind: "nothing", start: 0 }],
    ["a =", { kind: "value", start: 3, path: ["a"], quote: null }],
    ["a = tr", { kind: "value", start: 4, path: ["a"], quote: null }],
    ['a = "x', { kind: "value", start: 5, path: ["a"], quote: '"' }],
    ['a = "x"', { kind: "nothing", start: 0 }],
    ["a = [", { kind: "value", start: 5, path: ["a", 0], quote: null }],
    ['a = ["x", \'', { kind: "value", start: 11, path: ["a", 1], quote: "'" }],
    ['a = [\n  "x",\n  ', { kind: "value", start: 15, path: ["a", 1], quote: null }],
    ['a = [\n  "x"\nb = ', { kind: "value", start: 16, path: ["b"], quote: null }],
    ["a = { ", { kind: "key", start: 6, table: ["a"], words: [], inline: true }],
    ["a = { b = 1, c", { kind: "key", start: 13, table: ["a"], words: ["c"], inline: true }],
    ['a = """\nx ${{ st', { kind: "value", start: 7, path: ["a"], quote: '"""' }],
    ['a = """\nx\n"""\nb', { kind: "key", start: 14, table: [], words: ["b"], inline: false }],
    ["[[h]]\n[[h]]\non = ", { kind: "value", start: 17, path: ["h", 1, "on"], quote: null }],
    ["a = 1 # agentflow-ignore ", { kind: "comment", start: 6 }],
  ];

  test.each(rows)("%j", (text, end) => {
    expect(unfinishedAt(text, text.length)).toEqual(end);
  });
});

function shown(part: ReturnType<typeof outlineOf>["parts"][number], text: string): string {
  const written = text.slice(part.start, part.end);
  if (part.kind === "comment") return `comment ${written}`;
  return `${part.kind} ${part.path.join("/")} ${part.kind === "key" ? `"${written}"` : written}`;
}

function samples(): string[] {
  const folder = fileURLToPath(new URL("../../pipelines", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".toml"));
  return files.map((file) => readFileSync(join(folder, file), "utf8"));
}

function textsIn(text: string): string[] {
  return outlineOf(text)
    .parts.flatMap((part) => (part.kind === "value" && part.text !== null ? [`${part.path.join("/")} = ${part.text.value}`] : []))
    .toSorted();
}

function stringsOf(value: Json | null, path = ""): string[] {
  if (typeof value === "string") return [`${path} = ${value}`];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value)
    .flatMap(([key, child]) => stringsOf(child, path === "" ? key : `${path}/${key}`))
    .toSorted();
}
