import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../src/spec/diagnostic.ts";
import { fixed } from "./problems.ts";
import { decodeText, parseToml } from "../../src/spec/toml.ts";

describe("parseToml gives data", () => {
  test.each<[sentence: string, text: string, data: unknown]>([
    ["for tables, lists and values", 'a = 1\n[b]\nc = [true, "x", 1.5]\n', { a: 1, b: { c: [true, "x", 1.5] } }],
    ["for nothing", "", {}],
    ["for a text with a byte order mark", "\ufeffa = 1", { a: 1 }],
    [
      "with dates as they are written",
      "a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:15\n",
      { a: "1979-05-27T07:32:00Z", b: "1979-05-27", c: "07:32:15" },
    ],
    ["with all digits of a fraction of a second", "a = 1979-05-27 00:32:00.999999-07:00", { a: "1979-05-27 00:32:00.999999-07:00" }],
    ["with one form for a moment that is written in two ways", "a = 07:32:00\nb = 07:32:00.0", { a: "07:32:00.000", b: "07:32:00.000" }],
    [
      "with a day in March beside a text that names a day that does not exist",
      'a = 2021-03-02\nb = "2021-02-30"',
      { a: "2021-03-02", b: "2021-02-30" },
    ],
  ])("%s", (_sentence, text, data) => expect(parseToml(text)).toEqual({ data, diagnostics: [], doubtful: [], patches: [] }));

  test("with names of Object's own as data", () => {
    const { data } = parseToml("[__proto__]\na = 1\n[constructor]\ntoString = 2\n");
    expect(JSON.stringify(data)).toBe('{"__proto__":{"a":1},"constructor":{"toString":2}}');
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  });

  test("that is deeply frozen", () => {
    const { data } = parseToml("[a]\nb = [{ c = 1 }]");
    const a = data?.a as { b: object[] };
    expect([data, a, a.b, a.b[0]].every(Object.isFrozen)).toBe(true);
  });
});

describe("parseToml refuses", () => {
  test("a day that does not exist", () => {
    expect(parseToml("a = 2021-02-30").diagnostics).toEqual([
      {
        severity: "error",
        code: "syntax",
        message: "this is not valid TOML: there is no such day as 2021-02-30",
        span: { start: 4, end: 14 },
      },
    ]);
  });

  test("numbers that JSON cannot say, each with its path", () => {
    const { data, diagnostics } = parseToml("a = nan\n[b]\nc = [1, -inf, +inf]\nd = 1e999\ne = 9007199254740993\nf = 9007199254740991\n");
    expect(data).toEqual({ a: null, b: { c: [1, null, null], d: null, e: null, f: 9007199254740991 } });
    const help = "write a number or a text, or leave it out";
    expect(diagnostics).toEqual<Diagnostic[]>([
      { severity: "error", code: "not-json", message: "nan is not a JSON number, and the state is JSON", help, path: ["a"] },
      { severity: "error", code: "not-json", message: "-inf is not a JSON number, and the state is JSON", help, path: ["b", "c", 1] },
      { severity: "error", code: "not-json", message: "inf is not a JSON number, and the state is JSON", help, path: ["b", "c", 2] },
      { severity: "error", code: "not-json", message: "inf is not a JSON number, and the state is JSON", help, path: ["b", "d"] },
      {
        severity: "error",
        code: "inexact-integer",
        message: "9007199254740993 is too large to be kept exactly as a number",
        path: ["b", "e"],
        help: 'write it in quotes: "9007199254740993"',
      },
    ]);
  });

  test("nesting without end, in lists and in dotted keys", () => {
    for (const text of [`a = ${"[".repeat(100_000)}`, `${"a.".repeat(100_000)}b = 1`]) {
      expect(parseToml(text).diagnostics.map(({ code, message }) => ({ code, message }))).toEqual([
        { code: "too-deep", message: "tables and lists can be nested 500 levels deep at most" },
      ]);
    }
  });
});

describe("a list of agents and tables of the same name", () => {
  const expected = {
    severity: "error",
    code: "agents-list-and-table",
    message: "`agents` in [orchestration.sequential] is a list of names, so there cannot be tables below it as well",
    label: "write [agents.fetch]",
    help: 'what an agent is and how it is run stands in [agents.NAME]: write [agents.fetch], [agents."a b"]; only the order stands in [orchestration.sequential]',
  };
  const tables = '[orchestration.sequential.agents.fetch]\ntimeout = "1s"\n[ orchestration . sequential . agents . "a b" ]\nretries = 1\n';
  const renamed = '[agents.fetch]\ntimeout = "1s"\n[ agents . "a b" ]\nretries = 1\n';
  test.each<[sentence: string, text: string]>([
    ["in the order of the original sample", `[orchestration.sequential]\nagents = ["fetch"]\n${tables}`],
    ["with the tables first", `${tables}[orchestration.sequential]\nagents = ["fetch"]\n`],
    ["with the list as a dotted key", `orchestration.sequential.agents = ["fetch"]\n${tables}`],
    ["with the list in [orchestration]", `[orchestration]\nsequential.agents = ["fetch"]\n${tables}`],
  ])("are explained %s", (_sentence, text) => {
    const { data, diagnostics, doubtful } = parseToml(text);
    const shown = diagnostics.map(({ span, fix, ...rest }) => ({
      ...rest,
      marked: text.slice(span?.start, span?.end),
      safe: fix?.safe,
      fixed: fixed(text, fix),
    }));
    const expectedText = text.replace(tables, renamed);
    expect(shown).toEqual([{ ...expected, marked: "[orchestration.sequential.agents.fetch]", safe: true, fixed: expectedText }]);
    expect({ data, doubtful }).toEqual({ data: parseToml(expectedText).data, doubtful: [] });
  });

  test("are renamed with their own tables, however they are quoted, and nothing else is", () => {
    const text = `[orchestration.sequential]
agents = ["fetch"]   # orchestration.sequential.agents
[ orchestration . "sequential" . 'agents' . fetch ]\r
prompt = "[orchestration.sequential.agents.fetch]"
[orchestration.sequential.agents.fetch.env] # [orchestration.sequential.agents.x]
A = "1"
`;
    const { diagnostics } = parseToml(text);
    expect(diagnostics.map(({ code, fix }) => [code, fixed(text, fix)])).toEqual([
      [
        "agents-list-and-table",
        text
          .replace(`orchestration . "sequential" . 'agents'`, "agents")
          .replace("[orchestration.sequential.agents.fetch.env]", "[agents.fetch.env]"),
      ],
    ]);
  });

  test("have no fix where the right table is there as well, and that is not told as well", () => {
    const { diagnostics } = parseToml(`[agents.fetch]\nretries = 2\n[orchestration.sequential]\nagents = ["fetch"]\n${tables}`);
    expect(diagnostics.map(({ code, fix }) => [code, fix])).toEqual([["agents-list-and-table", undefined]]);
  });

  test("are not blamed for another key that is defined twice", () => {
    const text = `${tables}[a]\nb = 1\nb = 2\n`;
    expect(parseToml(text).diagnostics.map(({ code, message }) => ({ code, message }))).toEqual([
      { code: "duplicate-key", message: "`b` is defined a second time" },
    ]);
  });
});

describe("decodeText", () => {
  const bytes = (...parts: (string | number[])[]): Uint8Array =>
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

  test("gives text without its byte order mark", () => {
    expect(decodeText(bytes([0xef, 0xbb, 0xbf], "a = 'ü'"))).toEqual({ text: "a = 'ü'" });
    expect(decodeText(bytes(""))).toEqual({ text: "" });
  });

  test.each<[sentence: string, input: Uint8Array, text: string, start: number, message: string, help: string]>([
    [
      "bytes that are not UTF-8",
      bytes("a = 'ü", [0xff], "'"),
      "a = 'ü\ufffd'",
      6,
      "the file is not UTF-8 text",
      "is this the right file? If so, save it as UTF-8",
    ],
    [
      "a character that is cut off at the end",
      bytes("abc", [0xe2, 0x82]),
      "abc\ufffd",
      3,
      "the file is not UTF-8 text",
      "is this the right file? If so, save it as UTF-8",
    ],
    ["UTF-16", bytes([0xff, 0xfe], "a\0"), "\ufffd\ufffda\0", 0, "the file is UTF-16; it has to be UTF-8 text", "save the file as UTF-8"],
    [
      "bytes of which only one is a byte order mark's",
      bytes([0xff, 0x41]),
      "\ufffdA",
      0,
      "the file is not UTF-8 text",
      "is this the right file? If so, save it as UTF-8",
    ],
    [
      "a second byte order mark",
      bytes([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf], "a"),
      "\ufeffa",
      0,
      "the file begins with two byte order marks",
      "save the file as UTF-8 without a byte order mark",
    ],
  ])("marks %s", (_sentence, input, text, start, message, help) =>
    expect(decodeText(input)).toEqual({
      text,
      diagnostic: { severity: "error", code: "encoding", message, span: { start, end: start + 1 }, help },
    }),
  );
});
