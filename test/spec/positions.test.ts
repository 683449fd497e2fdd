import { describe, expect, test } from "vitest";
import type { Diagnostic, Path } from "../../src/spec/diagnostic.ts";
import { locate, locateAll } from "../../src/spec/positions.ts";
import { tableKeys } from "../../src/spec/schema.ts";

const problem = (rest: Partial<Diagnostic>): Diagnostic => ({ severity: "error", code: "test", message: "message", ...rest });

/** The text that a diagnostic marks. */
async function marked(text: string, rest: Partial<Diagnostic>): Promise<string | undefined> {
  const [located] = await locate(text, [problem(rest)]);
  return located?.place === null || located === undefined
    ? undefined
    : text.replace(/^\ufeff/, "").slice(located.place.start, located.place.end);
}

const DOCUMENT = `name = "x"
"quoted key" = 'y'
dotted.key = 1

[agents.fetch]   # the first
command = ["node", "\${{ url }}"]
env.HOME = "/"
input = { a = "x", b = { c = "y" } }

[agents."with space"]
[[hooks]]
on = "retry"
[[hooks]]
on = ["retry", "branch"]
list = [
  { from = 1 },
  [2, 3],
]
[hooks.inner]
a = 1
[agents.third.env]
b = 2
[[agents.many.rows]]
`;

describe("a path is found", () => {
  test.each<[sentence: string, path: Path, value: string, key: string]>([
    ["of a value", ["name"], '"x"', "name"],
    ["of a quoted key", ["quoted key"], "'y'", '"quoted key"'],
    ["of a dotted key", ["dotted", "key"], "1", "key"],
    ["of a table that only a dotted key names", ["dotted"], "dotted", "dotted"],
    ["of a table with a header", ["agents", "fetch"], "[agents.fetch]", "fetch"],
    ["of a table that only headers name", ["agents"], "agents", "agents"],
    ["of a table with a quoted name", ["agents", "with space"], '[agents."with space"]', '"with space"'],
    ["of an entry of a list", ["agents", "fetch", "command", 1], '"${{ url }}"', '"${{ url }}"'],
    ["below a dotted key in a table", ["agents", "fetch", "env", "HOME"], '"/"', "HOME"],
    ["in an inline table", ["agents", "fetch", "input", "b", "c"], '"y"', "c"],
    ["of an inline table", ["agents", "fetch", "input", "b"], '{ c = "y" }', "b"],
    ["of a table in a list of tables", ["hooks", 1], "[[hooks]]", "[[hooks]]"],
    ["in a table in a list of tables", ["hooks", 1, "on", 1], '"branch"', '"branch"'],
    ["in an inline table in a list", ["hooks", 1, "list", 0, "from"], "1", "from"],
    ["in a list in a list", ["hooks", 1, "list", 1, 1], "3", "3"],
    ["of a table below one that another header names", ["agents", "third", "env"], "[agents.third.env]", "env"],
    ["of a list of tables below such a one", ["agents", "many", "rows"], "rows", "rows"],
    ["of a table below the last of a list of tables", ["hooks", 1, "inner"], "[hooks.inner]", "inner"],
  ])("%s", async (_sentence, path, value, key) => {
    expect(await marked(DOCUMENT, { path })).toBe(value);
    expect(await marked(DOCUMENT, { path, at: "key" })).toBe(key);
  });

  test.each<[sentence: string, path: Path, nearest: string]>([
    ["the header of its table", ["agents", "fetch", "timeout"], "[agents.fetch]"],
    ["the header of its table, in a list of tables", ["hooks", 0, "command"], "[[hooks]]"],
    ["the key of its inline table", ["agents", "fetch", "input", "b", "z"], "b"],
    ["its inline table, in a list", ["hooks", 1, "list", 0, "to"], "{ from = 1 }"],
    ["the key that is no table", ["name", "deeper", "still"], "name"],
    ["the part of a header that names its table", ["agents", "other"], "agents"],
    ["nothing at the beginning", ["orchestration", "sequential"], ""],
  ])("where it is not there, by %s", async (_sentence, path, nearest) => expect(await marked(DOCUMENT, { path })).toBe(nearest));
});

describe("a part of a string is found", () => {
  test.each<[sentence: string, source: string, value: string, part: string]>([
    ["in a plain string", '"kind == x"', "kind == x", "x"],
    ["in a literal string", "'a \\ b'", "a \\ b", "b"],
    ["behind escapes", '"\\"a\\" \\t\\\\ b"', '"a" \t\\ b', "b"],
    ["behind escapes of code points", '"\\u00fc\\U0001F600\\x41 b"', "ü😀A b", "b"],
    ["that is an escape itself", '"a \\u00fc b"', "a ü b", "ü"],
    ["behind characters of two units", '"😀 b"', "😀 b", "b"],
    ["in a multi-line string, whose first line break is trimmed", '"""\na\nb"""', "a\nb", "b"],
    ["in one with the other line breaks", '"""\r\na\r\nb"""', "a\r\nb", "b"],
    ["in a multi-line literal string", "'''\na\\\nb'''", "a\\\nb", "b"],
    ["behind a line break that is escaped", '"""a \\\n\n   b c"""', "a b c", "b"],
    ["before quotes at the end", '"""a b"""""', 'a b""', "b"],
  ])("%s", async (_sentence, source, value, part) => {
    const start = value.indexOf(part);
    const text = `[t]\nkey = ${source} # comment\n`;
    const expected = part === "ü" ? "\\u00fc" : part;
    expect(await marked(text, { path: ["t", "key"], at: { start, end: start + part.length } })).toBe(expected);
    // At the end of the value: nothing, before the closing quotes.
    const [end] = await locate(text, [problem({ path: ["t", "key"], at: { start: value.length, end: value.length } })]);
    expect(text.slice(end?.place?.start)).toBe(`${source.slice(-(/^("""|''')/.test(source) ? 3 : 1))} # comment\n`);
  });

  test("or else the whole value", async () => {
    expect(await marked("a = 123", { path: ["a"], at: { start: 0, end: 1 } })).toBe("123");
    expect(await marked('a = "bc"', { path: ["a"], at: { start: 1, end: 99 } })).toBe("c");
  });
});

describe("a place", () => {
  test("counts lines and columns from 1, columns in code points", async () => {
    const text = 'a = "x"\r\n\tb = ["😀é", 1]\r\nc = """\nd"""';
    const places = (await locate(text, [problem({ path: ["b", 1] }), problem({ path: ["c"] })])).map(({ place }) => place);
    expect(places).toEqual([
      { start: 22, end: 23, line: 2, column: 13, endLine: 2, endColumn: 14, unitColumn: 14, endUnitColumn: 15, source: '\tb = ["😀é", 1]' },
      { start: 30, end: 38, line: 3, column: 5, endLine: 4, endColumn: 5, unitColumn: 5, endUnitColumn: 5, source: 'c = """' },
    ]);
  });

  test("does not count a byte order mark", async () => {
    const [located] = await locate("\ufeffa = 1", [problem({ path: ["a"] })]);
    expect(located?.place).toMatchObject({ start: 4, end: 5, line: 1, column: 5, endLine: 1, endColumn: 6, source: "a = 1" });
  });

  test("is given by a span where there is no document", async () => {
    expect(await marked("a = [", { span: { start: 4, end: 5 } })).toBe("[");
    const [end] = await locate("a =\n", [problem({ span: { start: 4, end: 4 } })]);
    expect(end?.place).toMatchObject({ start: 4, end: 4, line: 2, column: 1, endLine: 2, endColumn: 1, source: "" });
  });

  test("is the beginning where a path cannot be looked up", async () => {
    const [located] = await locate("= [", [problem({ path: ["a"] })]);
    expect(located?.place).toMatchObject({ line: 1, column: 1 });
  });

  test("is nowhere without a text", async () => {
    const [located] = await locate(null, [problem({ path: ["agents", "a"] })]);
    expect(located).toEqual({
      severity: "error",
      fix: null,
      code: "test",
      message: "message",
      file: null,
      path: ["agents", "a"],
      place: null,
      label: null,
      help: null,
      related: [],
    });
  });
});

describe("located diagnostics", () => {
  test("are sorted by place, without exact repetitions", async () => {
    const text = "a = 1\nb = 2\nc = 3\n";
    const located = await locate(text, [
      problem({ path: ["c"] }),
      problem({ path: ["a"], message: "second" }),
      problem({ path: ["a"], message: "second" }),
      problem({ path: ["a"], message: "third" }),
      problem({ path: ["a"], at: "key", message: "first" }),
    ]);
    expect(located.map(({ place, message }) => [place?.line, message])).toEqual([
      [1, "first"],
      [1, "second"],
      [1, "third"],
      [3, "message"],
    ]);
  });

  test("have their related places, but not those that do not exist", async () => {
    const [located] = await locate("a = 1\n[b]\nc = 2", [
      problem({
        path: ["a"],
        related: [
          { path: ["b"], label: "here" },
          { path: ["b", "c"], at: "key", label: "there" },
          { path: ["d"], label: "nowhere" },
        ],
      }),
    ]);
    expect(located?.related.map(({ place, label }) => [place.line, place.column, place.endColumn, label])).toEqual([
      [2, 1, 4, "here"],
      [3, 1, 2, "there"],
    ]);
  });

  test("of several files are sorted by file, then place", async () => {
    const texts = new Map([
      ["/b.toml", "x = 1\ny = 2"],
      ["/a.toml", "z = 1"],
    ]);
    const located = await locateAll(
      [
        problem({ file: "/b.toml", path: ["y"] }),
        problem({ file: "/b.toml", path: ["x"] }),
        problem({ file: "/a.toml", path: ["z"] }),
        problem({ path: ["in", "code"] }),
        problem({ file: "/unread.toml", path: ["x"] }),
      ],
      texts,
    );
    expect(located.map(({ file, place }) => [file, place?.line])).toEqual([
      [null, undefined],
      ["/a.toml", 1],
      ["/b.toml", 1],
      ["/b.toml", 2],
      ["/unread.toml", undefined],
    ]);
  });
});

test("many problems in one long line with wide characters each have their place, without the line being gone through for each", async () => {
  const count = 20_000;
  const text = `a = "${"😀".repeat(10)}${"x\\n ".repeat(count)}"`;
  const diagnostics = Array.from({ length: count }, (_, index): Diagnostic => {
    const start = 20 + 3 * index;
    return { severity: "error", code: "c", message: "m", path: ["a"], at: { start, end: start + 1 } };
  });
  const located = await locate(text, diagnostics);
  const columns = located.map(({ place }) => [place?.column, place?.unitColumn, place?.endColumn]);
  expect(columns).toEqual(Array.from({ length: count }, (_, index) => [16 + 4 * index, 26 + 4 * index, 17 + 4 * index]));
});

test("the keys of tables are collected once", () => expect(tableKeys()).toBe(tableKeys()));

describe("in a text with a value of half a million characters, the place is", () => {
  const long = `[agents.fetch]
reply = "${"x".repeat(500_000)}"
timeout = "soon"
[[hooks]]
on = "retry"
`;
  test.each<[sentence: string, path: Path, rest: Partial<Diagnostic>, expected: string]>([
    ["the key of a value", ["agents", "fetch", "timeout"], {}, "timeout"],
    ["the key of what is in a value", ["agents", "fetch", "timeout"], { at: { start: 1, end: 2 } }, "timeout"],
    ["the header of a table", ["agents", "fetch"], {}, "[agents.fetch]"],
    ["the name in a header", ["agents", "fetch"], { at: "key" }, "fetch"],
    ["the header of a table in a list", ["hooks", 0], {}, "[[hooks]]"],
    ["the header of a table that lacks a key", ["agents", "fetch", "type"], {}, "[agents.fetch]"],
  ])("%s", async (_sentence, path, rest, expected) => expect(await marked(long, { path, ...rest })).toBe(expected));

  test("and a fix of a value is none", async () => {
    const fix = { safe: true, edits: [{ path: ["agents", "fetch", "timeout"], text: '"1s"' }] };
    const [located] = await locate(long, [problem({ path: ["agents", "fetch", "timeout"], fix })]);
    expect(located?.fix).toBeNull();
  });
});
