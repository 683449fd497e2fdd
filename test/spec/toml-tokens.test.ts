import { describe, expect, test } from "vitest";
import { commentsOf, tokensOf } from "../../src/spec/toml-tokens.ts";

describe("tokensOf", () => {
  test.each<[sentence: string, text: string, tokens: string[]]>([
    ["gives keys, marks and values", 'a.b = [1, "x"]', ["word a.b", "mark =", "mark [", "word 1", "mark ,", 'string "x"', "mark ]"]],
    ["gives line breaks of both kinds", "a\r\nb\n", ["word a", "line-break \r\n", "word b", "line-break \n"]],
    ["gives a comment without its line break", "# x \r\n#", ["comment # x ", "line-break \r\n", "comment #"]],
    ["takes escaped quotes for a part of their string", String.raw`"a\"b\\" c`, [String.raw`string "a\"b\\"`, "word c"]],
    ["takes a backslash in single quotes as it is", String.raw`'a\' c`, [String.raw`string 'a\'`, "word c"]],
    ["gives strings over several lines", '"""\na "" b\\""" c\n"""\'\'\'\n\'\'', ['string """\na "" b\\""" c\n"""', "string '''\n''"]],
    ["takes up to two quotes before the closing ones for a part of the string", '"""a""""" x', ['string """a"""""', "word x"]],
    ["tells an empty string from three quotes", "\"\" '' x", ['string ""', "string ''", "word x"]],
    [
      "ends a string that is not closed with its line",
      "a = \"x\nb = 'y\r\n",
      ["word a", "mark =", 'string "x', "line-break \n", "word b", "mark =", "string 'y", "line-break \r\n"],
    ],
    ["ends a string in three quotes that is not closed with the text", '"""x\n"', ['string """x\n"']],
    ["ends a string in three quotes with a lone backslash", '"""x\\', ['string """x', "word \\"]],
  ])("%s", (_sentence, text, tokens) => {
    expect([...tokensOf(text)].map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)).toEqual(tokens);
  });

  test("gives all tokens from an offset on", () => {
    expect([...tokensOf("a = 1", 2)]).toEqual([
      { kind: "mark", start: 2, end: 3 },
      { kind: "word", start: 4, end: 5 },
    ]);
  });

  test("is not slowed down by a long string that is not closed", () => {
    const text = `a = """${'x"\\n'.repeat(100_000)}`;
    expect([...tokensOf(text)]).toHaveLength(3);
  });
});

describe("commentsOf", () => {
  test.each<[sentence: string, text: string, comments: string[]]>([
    ["gives comments on lines of their own and after values", "# one\na = 1 # two\r\n[b] #three", ["# one", "# two", "#three"]],
    ["leaves out what only looks like a comment", "a = \"# no\"\nb = '# no'\nc = \"\"\"\n# no\"\"\" # yes\nd = '''\n# no\n'''", ["# yes"]],
    ["gives those after a string that is not closed", 'a = "x # no\n# yes', ["# yes"]],
    ["gives none where there is none", "a = 1", []],
  ])("%s", (_sentence, text, comments) => {
    expect(commentsOf(text).map(({ text: written }) => written)).toEqual(comments);
    for (const { start, end, text: written } of commentsOf(text)) expect(text.slice(start, end)).toBe(written);
  });
});
