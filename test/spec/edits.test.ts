import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Edit } from "../../src/spec/diagnostic.ts";
import { applyEdits } from "../../src/spec/places/edits.ts";
import { locate } from "../../src/spec/positions.ts";
import { parseToml } from "../../src/spec/toml.ts";

/** The text after a fix with these edits; null where it cannot be made. */
async function edited(text: string, ...edits: readonly Edit[]): Promise<string | null> {
  const [located] = await locate(text, [{ severity: "error", code: "test", message: "message", path: [], fix: { safe: true, edits } }]);
  return located?.fix === null || located === undefined ? null : applyEdits(text, located.fix.edits);
}

type Row = [sentence: string, before: string, edit: Edit, after: string | null];

describe("a value", () => {
  test.each<Row>([
    ["is replaced with its quotes", 'a = "b" # c\n', { path: ["a"], text: '"d"' }, 'a = "d" # c\n'],
    ["of several lines", 'a = """\nb\n"""\nc = 1', { path: ["a"], text: "2" }, "a = 2\nc = 1"],
    ["in a list", "a = [1, 2, 3]\n", { path: ["a", 1], text: "5" }, "a = [1, 5, 3]\n"],
    ["in an inline table", "a = { b = 1, c = 2 }", { path: ["a", "c"], text: "3" }, "a = { b = 1, c = 3 }"],
    ["behind a dotted key", "a.b.c = 1", { path: ["a", "b", "c"], text: "2" }, "a.b.c = 2"],
    ["in a list of tables", "[[a]]\nb = 1\n[[a]]\nb = 1\n", { path: ["a", 1, "b"], text: "2" }, "[[a]]\nb = 1\n[[a]]\nb = 2\n"],
    ["that is not there cannot be", "a = 1", { path: ["b"], text: "2" }, null],
    ["has the line breaks of the file", "a = 1\r\nb = 2\r\n", { path: ["a"], text: "[\n1,\n]" }, "a = [\r\n1,\r\n]\r\nb = 2\r\n"],
  ])("%s", async (_sentence, before, edit, after) => expect(await edited(before, edit)).toBe(after));
});

describe("a key", () => {
  test.each<Row>([
    ["is replaced without its value", "a = 1\n", { path: ["a"], at: "key", text: "b" }, "b = 1\n"],
    ["with its quotes", '"a b" = 1\n', { path: ["a b"], at: "key", text: "b" }, "b = 1\n"],
    ["in an inline table", "t = {a = 1}", { path: ["t", "a"], at: "key", text: "b" }, "t = {b = 1}"],
    ["in a table in a list", "t = [{ a = 1 }]", { path: ["t", 0, "a"], at: "key", text: "b" }, "t = [{ b = 1 }]"],
    ["of a table", "[a]\nb = 1\n", { path: ["a"], at: "key", text: "c" }, "[c]\nb = 1\n"],
    [
      "of a table in all of its headers",
      "[a.b]\nx = 1\n[ a . c ]\n[[a.d]]\n[[a.d]]\n[a.d.e]\n[a]\n",
      { path: ["a"], at: "key", text: "A" },
      "[A.b]\nx = 1\n[ A . c ]\n[[A.d]]\n[[A.d]]\n[A.d.e]\n[A]\n",
    ],
    ["of a table in all of its dotted keys", "a.b = 1\na.c.d = 2\n", { path: ["a"], at: "key", text: "A" }, "A.b = 1\nA.c.d = 2\n"],
    [
      "of a table in a header and a dotted key",
      "[t]\na.b = 1\n[t.a.c]\n",
      { path: ["t", "a"], at: "key", text: "A" },
      "[t]\nA.b = 1\n[t.A.c]\n",
    ],
    ["of a list of tables", "[[a]]\n[[a]]\n[a.b]\n", { path: ["a"], at: "key", text: "A" }, "[[A]]\n[[A]]\n[A.b]\n"],
    [
      "in one of a list of tables",
      "[[t]]\na = 1\n[[t]]\na = 1\n[t.a2]\n",
      { path: ["t", 1, "a"], at: "key", text: "b" },
      "[[t]]\na = 1\n[[t]]\nb = 1\n[t.a2]\n",
    ],
    ["of the same name in another table stays", "a.x = 1\n[t]\na = 1\n", { path: ["a"], at: "key", text: "b" }, "b.x = 1\n[t]\na = 1\n"],
    ["that an entry of a list does not have cannot be", "a = [1]", { path: ["a", 0], at: "key", text: "b" }, null],
  ])("%s", async (_sentence, before, edit, after) => expect(await edited(before, edit)).toBe(after));
});

describe("a part of a string", () => {
  const part = (start: number, end: number, text: string): Edit => ({ path: ["a"], at: { start, end }, text });
  test.each<Row>([
    ["is replaced within its quotes", 'a = "b c d"', part(2, 3, "x"), 'a = "b x d"'],
    ["can be added to", 'a = "bd"', part(1, 1, "c"), 'a = "bcd"'],
    ["at the end", 'a = "bc"', part(2, 2, "d"), 'a = "bcd"'],
    ["in an empty string", 'a = ""', part(0, 0, "b"), 'a = "b"'],
    ["can be taken out, with its escapes", 'a = "b\\u00e9\\nc"', part(1, 3, ""), 'a = "bc"'],
    ["is written as its quotes need it", 'a = "b"', part(0, 1, 'x\n"\\\t\x7f'), 'a = "x\\n\\"\\\\\\t\\u007F"'],
    ["in a literal string as it is", "a = 'b'", part(0, 1, 'x"\\'), "a = 'x\"\\'"],
    ["in a literal string not with a quote", "a = 'b'", part(0, 1, "x'"), null],
    ["in a literal string not with a line break", "a = 'b'", part(0, 1, "x\ny"), null],
    ["in a literal string not with a control character", "a = 'b'", part(0, 1, "\x1b"), null],
    ["nowhere with half a character", 'a = "b"', part(0, 1, "\ud83d"), null],
    ["in a multi-line string, behind the line break that does not count", 'a = """\nb\nc"""\n', part(0, 1, "x"), 'a = """\nx\nc"""\n'],
    ["in a multi-line string with line breaks of two characters", 'a = """\r\nb\r\nc"""\r\n', part(3, 4, "x"), 'a = """\r\nb\r\nx"""\r\n'],
    ["in a multi-line string behind one that is escaped", 'a = """b \\\n   c"""', part(2, 3, "x"), 'a = """b \\\n   x"""'],
    ["in a multi-line string before quotes", 'a = """b"c"""', part(0, 1, '"'), 'a = """\\""c"""'],
    ["in a multi-line literal string, with a line break", "a = '''b'''", part(0, 1, "x\ny"), "a = '''x\ny'''"],
    ["in a multi-line literal string, with a quote", "a = '''b'''", part(1, 1, "'"), "a = '''b''''"],
    ["in a multi-line literal string not with its end", "a = '''b'''", part(1, 1, "'''c"), null],
    ["not where a line break would come to the beginning", "a = '''b\nc'''", part(0, 1, ""), null],
    ["not where quotes would meet", 'a = """b""c"d"""', part(3, 4, ""), null],
    ["of something else cannot be", "a = 123", part(0, 1, "4"), null],
  ])("%s", async (_sentence, before, edit, after) => expect(await edited(before, edit)).toBe(after));
});

describe("an entry", () => {
  const out = (...path: (string | number)[]): Edit => ({ path, at: "entry", text: "" });
  test.each<Row>([
    ["goes with its line and its comment", "a = 1\nb = 2 # of b\nc = 3\n", out("b"), "a = 1\nc = 3\n"],
    ["goes with all its lines", 'a = 1\n  b = [\n  1,\n]\nc = """\n\n"""\n', out("b"), 'a = 1\nc = """\n\n"""\n'],
    ["goes at the end of a file without a line break", "a = 1\nb = 2", out("b"), "a = 1\n"],
    ["goes with its line break of two characters", "a = 1\r\nb = 2\r\nc = 3\r\n", out("b"), "a = 1\r\nc = 3\r\n"],
    ["with a dotted key goes by its last part", "a.b = 1\na.c = 2\n", out("a", "b"), "a.c = 2\n"],
    ["goes in its table alone", "[t]\na = 1\n[u]\na = 1\n", out("u", "a"), "[t]\na = 1\n[u]\n"],
    ["is replaced by a line", "a = 1\nb = 2\n", { path: ["a"], at: "entry", text: "c = 3\n" }, "c = 3\nb = 2\n"],
    ["of an inline table goes with its comma", "t = { a = 1, b = 2, c = 3 }\n", out("t", "b"), "t = { a = 1, c = 3 }\n"],
    ["that is the last goes with the comma before it", "t = { a = 1, b = 2 }\n", out("t", "b"), "t = { a = 1 }\n"],
    ["that is the only one leaves nothing", "t = { a = 1 }\n", out("t", "a"), "t = {  }\n"],
    ["of a list goes with its comma", "a = [1, 2, 3]\n", out("a", 0), "a = [2, 3]\n"],
    ["that is the last of a list leaves a comma behind it", "a = [1, 2,]\n", out("a", 1), "a = [1,]\n"],
    ["that is the only one of a list goes with a comma behind it", "a = [ 1 , ]\n", out("a", 0), "a = [  ]\n"],
    ["on a line of its own goes with it", "a = [\n  1, # one\n  2, # two\n  3\n]\n", out("a", 1), "a = [\n  1, # one\n  3\n]\n"],
    ["that is the last on a line of its own goes with it", "a = [\n  1,\n  2\n]\n", out("a", 1), "a = [\n  1,\n]\n"],
    ["on the line of the bracket goes up to the next one", "a = [1, # one\n  2]\n", out("a", 0), "a = [2]\n"],
    ["in a list is replaced alone", "a = [1, 2]\n", { path: ["a", 0], at: "entry", text: "3" }, "a = [3, 2]\n"],
    ["that is a table with a header stays", "[t]\na = 1\n", out("t"), null],
    ["that is not there cannot go", "a = 1\n", out("b"), null],
  ])("%s", async (_sentence, before, edit, after) => {
    expect(await edited(before, edit)).toBe(after);
    if (after !== null) expect(parseToml(after).diagnostics).toEqual([]);
  });
});

describe("a line is added", () => {
  const add = (...path: (string | number)[]): Edit => ({ path, at: "end", text: "new = 1\n" });
  test.each<Row>([
    ["behind the last of a table", "[t]\na = 1 # a\n\n[u]\n", add("t"), "[t]\na = 1 # a\nnew = 1\n\n[u]\n"],
    ["behind a value of several lines", '[t]\na = """\n"""\n\n# u\n[u]\n', add("t"), '[t]\na = """\n"""\nnew = 1\n\n# u\n[u]\n'],
    ["behind the header of an empty table", "[t] # t\n[u]\n", add("t"), "[t] # t\nnew = 1\n[u]\n"],
    ["at the end of a file without a line break", "[t]\na = 1", add("t"), "[t]\na = 1\nnew = 1"],
    ["in a file that is one header", "[t]", add("t"), "[t]\nnew = 1"],
    ["with the line breaks of the file", "[t]\r\na = 1\r\n[u]\r\n", add("t"), "[t]\r\na = 1\r\nnew = 1\r\n[u]\r\n"],
    ["with the line breaks of the file at its end", "[t]\r\na = 1", add("t"), "[t]\r\na = 1\r\nnew = 1"],
    ["in one of a list of tables", "[[t]]\na = 1\n[[t]]\nb = 1\n", add("t", 0), "[[t]]\na = 1\nnew = 1\n[[t]]\nb = 1\n"],
    ["before the table that lies in it", "[t]\na = 1\n[t.u]\nb = 1\n", add("t"), "[t]\na = 1\nnew = 1\n[t.u]\nb = 1\n"],
    ["before all tables", "a = 1\n\n[t]\nb = 1\n", add(), "a = 1\nnew = 1\n\n[t]\nb = 1\n"],
    ["not where nothing stands before the tables", "[t]\n", add(), null],
    ["not to a table that only other headers name", "[t.u]\n", add("t"), null],
    ["not to an inline table", "t = { a = 1 }\n", add("t"), null],
    ["not to a list", "t = [1]\n", add("t"), null],
  ])("%s", async (_sentence, before, edit, after) => {
    expect(await edited(before, edit)).toBe(after);
    if (after !== null) expect(parseToml(after).diagnostics).toEqual([]);
  });
});

describe("several edits", () => {
  const replace = (key: string, text: string): Edit => ({ path: [key], text });
  test("are all made, in whatever order they come", async () => {
    expect(await edited("a = 1\nb = 2\n", replace("b", "30"), replace("a", "40"))).toBe("a = 40\nb = 30\n");
  });
  test("are none where one cannot be made", async () => {
    expect(await edited("a = 1\n", replace("a", "2"), replace("b", "3"))).toBeNull();
  });
  test("are none where two overlap", async () => {
    expect(await edited("a = [1, 2]\n", replace("a", "2"), { path: ["a", 0], text: "3" })).toBeNull();
  });
  test("may meet", async () => {
    expect(await edited("a = 1\n", { span: { start: 0, end: 1 }, text: "b" }, { span: { start: 1, end: 1 }, text: "c" })).toBe("bc = 1\n");
  });
  test("do not look at a byte order mark", async () => {
    const [located] = await locate("\ufeffa = 1\n", [
      { severity: "error", code: "test", message: "message", path: [], fix: { safe: true, edits: [replace("a", "2")] } },
    ]);
    expect(located?.fix?.edits.map(({ place }) => [place.start, place.end])).toEqual([[4, 5]]);
  });
});

test("whatever a string says, and in whichever quotes, a part of it can be replaced by any text, or the fix is none", async () => {
  const quoted = fc.constantFrom<(text: string) => string>(
    (text) => JSON.stringify(text).replaceAll("\x7f", "\\u007F"),
    (text) => `"""\n${JSON.stringify(text).slice(1, -1).replaceAll("\\n", "\n").replaceAll("\x7f", "\\u007F")}"""`,
    (text) => `'''${text}'''`,
    (text) => `'${text}'`,
  );
  const letters = fc.string({ unit: fc.constantFrom("a", " ", '"', "'", "\\", "\n", "\t", "é", "😀", "\x7f"), maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(quoted, letters, letters, fc.nat(8), fc.nat(8), async (quote, value, text, one, other) => {
      const before = `[t]\na = ${quote(value)} # comment\n`;
      fc.pre((parseToml(before).data?.t as { a?: string } | undefined)?.a === value);
      const [start = 0, end = 0] = [one, other].map((at) => wholeAt(value, Math.min(at, value.length))).toSorted((a, b) => a - b);
      const after = await edited(before, { path: ["t", "a"], at: { start, end }, text });
      if (after === null) return;
      expect(parseToml(after).data).toEqual({ t: { a: value.slice(0, start) + text + value.slice(end) } });
      expect(after.endsWith(" # comment\n")).toBe(true);
    }),
    { numRuns: 500 },
  );
});

/** The offset, or the next one where it lies in the middle of a character. */
function wholeAt(text: string, offset: number): number {
  return /[\udc00-\udfff]/.test(text[offset] ?? "") ? offset + 1 : offset;
}
