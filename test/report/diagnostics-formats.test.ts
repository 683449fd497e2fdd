import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Ajv from "ajv-draft-04";
import { describe, expect, test } from "vitest";
import { conciseLines } from "../../src/report/diagnostics-concise.ts";
import { githubCommands } from "../../src/report/diagnostics-github.ts";
import { diagnosticsReport } from "../../src/report/diagnostics-json.ts";
import { sarifLog } from "../../src/report/diagnostics-sarif.ts";
import { renderDiagnostics } from "../../src/report/diagnostics.ts";
import { displayWidth } from "../../src/report/width.ts";
import type { Diagnostic } from "../../src/spec/diagnostic.ts";
import { type Located, locateAll } from "../../src/spec/positions.ts";

/** Two files: one with wide characters and tabs before its problems, and one that only the first one's problem relates to. */
const TEXTS = new Map([
  ["/project/sub/a, b.toml", '[agents."日本😀"]\n\ttimout = "5s"\nenv = """\n${{ x }}\n"""\n'],
  ["/project/inner.toml", '[inputs."😀".x]\n'],
]);

const DIAGNOSTICS: readonly Diagnostic[] = [
  {
    severity: "error",
    code: "unknown-key",
    message: "unknown key `timout`: 100% wrong",
    file: "/project/sub/a, b.toml",
    path: ["agents", "日本😀", "timout"],
    at: "key",
    label: "did you mean `timeout`?",
    help: "replace `timout` with `timeout`",
    fix: { safe: true, edits: [{ path: ["agents", "日本😀", "timout"], at: "key", text: "timeout" }] },
  },
  {
    severity: "warning",
    code: "missing-input",
    message: "an input is missing",
    file: "/project/sub/a, b.toml",
    path: ["agents", "日本😀"],
    at: "key",
    related: [{ file: "/project/inner.toml", path: ["inputs", "😀", "x"], at: "key", label: "declared here" }],
  },
  {
    severity: "error",
    code: "wrong-type",
    message: "`env`: expected a table",
    file: "/project/sub/a, b.toml",
    path: ["agents", "日本😀", "env"],
  },
  { severity: "error", code: "unreadable-file", message: "there is no file /else/x.toml", file: "/else/x y.toml" },
];

const located = (): Promise<Located[]> => locateAll(DIAGNOSTICS, TEXTS);
const shown = (file: string): string => file.replace("/project/", "");

/** So many problems of a kind, at the beginning of one file. */
const many = (errors: number, warnings: number): Promise<Located[]> => {
  const one = (severity: "error" | "warning", index: number): Diagnostic => {
    return { severity, code: "syntax", message: `${severity} ${index}`, file: "/project/p.toml", span: { start: 0, end: 1 } };
  };
  const kinds = [
    ...Array.from({ length: warnings }, (_, index) => one("warning", index)),
    ...Array.from({ length: errors }, (_, index) => one("error", index)),
  ];
  return locateAll(kinds, new Map([["/project/p.toml", "x"]]));
};

describe("concise", () => {
  test("is a line for each, with its place in code points", async () => {
    expect(conciseLines(await located(), shown)).toEqual([
      "/else/x y.toml:1:1: error: there is no file /else/x.toml [unreadable-file]",
      "sub/a, b.toml:1:9: warning: an input is missing [missing-input]",
      "sub/a, b.toml:2:2: error: unknown key `timout`: 100% wrong [unknown-key]",
      "sub/a, b.toml:3:7: error: `env`: expected a table [wrong-type]",
    ]);
  });

  test("stays one line, and cannot steer a terminal, whatever a message says", async () => {
    const [one] = await many(1, 0);
    const lines = conciseLines([{ ...one!, message: "a\nb\x1b[31mc", file: "/x\ny" }], shown);
    expect(lines).toEqual(["/x y:1:1: error: a bc [syntax]"]);
  });
});

describe("json", () => {
  test("has labels, related places with their file, and fixes", async () => {
    const [, warning, error] = diagnosticsReport([], await located()).diagnostics;
    expect(warning?.related).toEqual([
      { message: "declared here", file: "/project/inner.toml", line: 1, column: 13, end_line: 1, end_column: 14 },
    ]);
    expect({ label: error?.label, fix: error?.fix }).toEqual({
      label: "did you mean `timeout`?",
      fix: { safe: true, edits: [{ line: 2, column: 2, end_line: 2, end_column: 8, start: 17, end: 23, text: "timeout" }] },
    });
  });
});

describe("github", () => {
  test("has the errors first, properties and messages escaped, and columns only within one line", async () => {
    expect(githubCommands(await located(), shown)).toEqual([
      "::error file=/else/x y.toml,title=unreadable-file::there is no file /else/x.toml",
      "::error file=sub/a%2C b.toml,line=2,col=2,endLine=2,endColumn=8,title=unknown-key::unknown key `timout`: 100%25 wrong%0Afix: replace `timout` with `timeout`",
      "::error file=sub/a%2C b.toml,line=3,endLine=5,title=wrong-type::`env`: expected a table",
      "::warning file=sub/a%2C b.toml,line=1,col=9,endLine=1,endColumn=14,title=missing-input::an input is missing",
    ]);
  });

  test("escapes what would end a property or a line", async () => {
    const [one] = await many(1, 0);
    expect(githubCommands([{ ...one!, message: "a\r\n::error::b", file: "/a:b,c%\r\n.toml" }], shown)).toEqual([
      "::error file=/a%3Ab%2Cc%25%0D%0A.toml,line=1,col=1,endLine=1,endColumn=2,title=syntax::a ::error::b",
    ]);
  });

  test.each<[errors: number, warnings: number, notice: string | undefined]>([
    [10, 10, undefined],
    [11, 0, "1 more error is left out here, where 10 of a kind are shown; agentflow validate tells all of them"],
    [0, 12, "2 more warnings are left out here, where 10 of a kind are shown; agentflow validate tells all of them"],
    [13, 11, "3 more errors and 1 more warning are left out here, where 10 of a kind are shown; agentflow validate tells all of them"],
    [3, 11, "1 more warning is left out here, where 10 of a kind are shown; agentflow validate tells all of them"],
  ])("shows ten of a kind, and of %i errors and %i warnings how many it leaves out", async (errors, warnings, notice) => {
    const commands = githubCommands(await many(errors, warnings), shown);
    const kinds = commands.map((command) => /^::(\w+)/.exec(command)?.[1]);
    const expected = [...Array(Math.min(10, errors)).fill("error"), ...Array(Math.min(10, warnings)).fill("warning")];
    expect(kinds).toEqual(notice === undefined ? expected : [...expected, "notice"]);
    if (notice !== undefined) expect(commands.at(-1)).toBe(`::notice title=agentflow::${notice}`);
  });
});

describe("sarif", () => {
  const schema = JSON.parse(
    readFileSync(fileURLToPath(import.meta.resolve("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json")), "utf8"),
  ) as object;
  const validate = new Ajv.default({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema);
  const log = async (diagnostics: Promise<Located[]>) => sarifLog(await diagnostics, { version: "1.2.3", shown });
  const artifact = { uri: "sub/a%2C%20b.toml", uriBaseId: "%SRCROOT%" };

  test("is valid against the schema of the format, also without a problem", async () => {
    for (const one of [await log(located()), await log(many(30, 30)), await log(Promise.resolve([]))]) {
      validate(one);
      expect(validate.errors).toBeNull();
    }
    validate({ ...(await log(located())), extra: 1 });
    expect(validate.errors?.map(({ keyword }) => keyword)).toEqual(["additionalProperties"]);
  });

  test("names the tool, and the rules that something breaks", async () => {
    const meaning = { text: "an input that a nested pipeline needs" };
    expect(await log(located())).toMatchObject({
      version: "2.1.0",
      runs: [
        {
          columnKind: "utf16CodeUnits",
          tool: {
            driver: {
              name: "agentflow",
              version: "1.2.3",
              rules: [
                {
                  id: "missing-input",
                  shortDescription: meaning,
                  fullDescription: meaning,
                  help: { text: "`agentflow explain missing-input` says more, with a wrong and a right example." },
                  defaultConfiguration: { level: "warning" },
                },
                { id: "unknown-key" },
                { id: "unreadable-file" },
                { id: "wrong-type", defaultConfiguration: { level: "error" } },
              ],
            },
          },
        },
      ],
    });
  });

  test("has a result for each, with columns in UTF-16 code units, related places and fixes", async () => {
    const { runs } = (await log(located())) as { runs: [{ results: object[] }] };
    expect(runs[0].results).toEqual([
      {
        ruleId: "unreadable-file",
        ruleIndex: 2,
        level: "error",
        message: { text: "there is no file /else/x.toml" },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: "file:///else/x%20y.toml" },
              region: { startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 },
            },
          },
        ],
        partialFingerprints: { "agentflow/v1": "unreadable-file:/else/x y.toml::1" },
      },
      {
        ruleId: "missing-input",
        ruleIndex: 0,
        level: "warning",
        message: { text: "an input is missing" },
        locations: [
          { physicalLocation: { artifactLocation: artifact, region: { startLine: 1, startColumn: 9, endLine: 1, endColumn: 15 } } },
        ],
        relatedLocations: [
          {
            id: 0,
            physicalLocation: {
              artifactLocation: { uri: "inner.toml", uriBaseId: "%SRCROOT%" },
              region: { startLine: 1, startColumn: 14, endLine: 1, endColumn: 15 },
            },
            message: { text: "declared here" },
          },
        ],
        partialFingerprints: { "agentflow/v1": "missing-input:sub/a, b.toml:agents.日本😀:1" },
      },
      {
        ruleId: "unknown-key",
        ruleIndex: 1,
        level: "error",
        message: { text: "unknown key `timout`: 100% wrong\nreplace `timout` with `timeout`" },
        locations: [
          { physicalLocation: { artifactLocation: artifact, region: { startLine: 2, startColumn: 2, endLine: 2, endColumn: 8 } } },
        ],
        fixes: [
          {
            description: { text: "replace `timout` with `timeout`" },
            artifactChanges: [
              {
                artifactLocation: artifact,
                replacements: [
                  { deletedRegion: { startLine: 2, startColumn: 2, endLine: 2, endColumn: 8 }, insertedContent: { text: "timeout" } },
                ],
              },
            ],
          },
        ],
        partialFingerprints: { "agentflow/v1": "unknown-key:sub/a, b.toml:agents.日本😀.timout:1" },
      },
      {
        ruleId: "wrong-type",
        ruleIndex: 3,
        level: "error",
        message: { text: "`env`: expected a table" },
        locations: [
          { physicalLocation: { artifactLocation: artifact, region: { startLine: 3, startColumn: 7, endLine: 5, endColumn: 4 } } },
        ],
        partialFingerprints: { "agentflow/v1": "wrong-type:sub/a, b.toml:agents.日本😀.env:1" },
      },
    ]);
  });

  test("gives a fingerprint that is the same where lines move, and is no other's", async () => {
    const fingerprints = async (diagnostics: Promise<Located[]>): Promise<string[]> => {
      const { runs } = (await log(diagnostics)) as { runs: [{ results: { partialFingerprints: Record<string, string> }[] }] };
      return runs[0].results.map(({ partialFingerprints }) => partialFingerprints["agentflow/v1"] ?? "");
    };
    const moved = new Map([...TEXTS].map(([file, text]) => [file, `# a comment\n\n${text}`]));
    expect(await fingerprints(locateAll(DIAGNOSTICS, moved))).toEqual(await fingerprints(located()));
    expect(new Set(await fingerprints(many(5, 5))).size).toBe(10);
  });
});

describe("in a terminal", () => {
  const narrow = async (diagnostics: readonly Diagnostic[], columns: number, text = TEXT): Promise<string[]> =>
    renderDiagnostics(await locateAll(diagnostics, new Map([["/project/p.toml", text]])), { shown, columns }).split("\n");
  const TEXT = 'key = "a value that is rather long for the terminal in which it is shown"\n';
  const LONG: Diagnostic = {
    severity: "error",
    code: "unknown-key",
    message: "a message that says at some length what is wrong, and what was expected",
    file: "/project/p.toml",
    path: ["key"],
    at: "key",
    label: "a label that has a lot to say as well",
    help: "do this, or that, or something else that takes a few words to say",
  };

  test("messages, labels and help are wrapped, with their lines indented, and source lines cut", async () => {
    expect(await narrow([LONG], 40)).toEqual([
      "error[unknown-key]: a message that says",
      "    at some length what is wrong, and",
      "    what was expected",
      "  --> p.toml:1:1",
      "   |",
      ' 1 | key = "a value that is rather long…',
      "   | ^^^ a label that has a lot to say",
      "   |     as well",
      "   = help: do this, or that, or",
      "           something else that takes a",
      "           few words to say",
      "",
      "1 error",
    ]);
  });

  test("a label stands below the mark where there is no room behind it", async () => {
    expect((await narrow([{ ...LONG, at: "value" }], 40)).slice(5, 9)).toEqual([
      ' 1 | key = "a value that is rather long…',
      `   |       ${"^".repeat(29)}`,
      "   |       a label that has a lot to say",
      "   |       as well",
    ]);
  });

  test("words are broken that are wider than a line", async () => {
    expect((await narrow([{ ...LONG, message: `the file ${"日本".repeat(12)} is not there` }], 40)).slice(0, 4)).toEqual([
      "error[unknown-key]: the file",
      "    日本日本日本日本日本日本日本日本日本",
      "    日本日本日本 is not there",
      "  --> p.toml:1:1",
    ]);
  });

  test.each([30, 33, 40, 61, 80, 120, 200])("of %i columns no line is wider", async (columns) => {
    const texts = [TEXT, `key = [${"1, ".repeat(200)}2]\n`, `${"\t".repeat(9)}key = "${"日".repeat(90)}"\n`];
    for (const text of texts) {
      for (const at of ["key", "value"] as const) {
        const related = [{ path: ["key"], label: "x".repeat(300) }];
        const lines = await narrow(
          [
            { ...LONG, at, related, message: "m".repeat(300) },
            { ...LONG, at, severity: "warning" },
          ],
          columns,
          text,
        );
        expect(lines.filter((line) => displayWidth(line) > columns)).toEqual([]);
      }
    }
  });

  test("elsewhere nothing is wrapped", async () => {
    expect(await narrow([LONG], 0)).toEqual([
      "error[unknown-key]: a message that says at some length what is wrong, and what was expected",
      "  --> p.toml:1:1",
      "   |",
      ' 1 | key = "a value that is rather long for the terminal in which it is shown"',
      "   | ^^^ a label that has a lot to say as well",
      "   = help: do this, or that, or something else that takes a few words to say",
      "",
      "1 error",
    ]);
  });
});

describe("the count says what can be mended", () => {
  const fix = { safe: true, edits: [{ path: ["key"], text: "1" }] };
  const one = (rest: Partial<Diagnostic>): Diagnostic => {
    return { severity: "error", code: "test", message: JSON.stringify(rest), file: "/project/p.toml", path: ["key"], ...rest };
  };
  const count = async (...diagnostics: Diagnostic[]): Promise<string | undefined> => {
    const texts = new Map(["/project/p.toml", "/project/inner.toml"].map((file) => [file, "key = 2\n"]));
    return renderDiagnostics(await locateAll(diagnostics, texts), { mends: (file) => file === "/project/p.toml" })
      .split("\n")
      .at(-1);
  };

  test.each<[sentence: string, diagnostics: Diagnostic[], text: string]>([
    ["nothing", [one({})], "1 error"],
    ["not what is only a suggestion", [one({ fix: { ...fix, safe: false } })], "1 error"],
    ["not what cannot be written", [one({ fix: { safe: true, edits: [{ path: ["other"], text: "1" }] } })], "1 error"],
    ["not what is in a file that would not be mended", [one({ fix, file: "/project/inner.toml" })], "1 error"],
    ["the only one", [one({ fix })], "1 error; `agentflow validate --fix` mends it"],
    ["all", [one({ fix }), one({ fix, severity: "warning" })], "1 error, 1 warning; `agentflow validate --fix` mends them"],
    ["some", [one({ fix }), one({}), one({ label: "x" })], "3 errors; `agentflow validate --fix` mends at least 1 of them"],
  ])("%s", async (_sentence, diagnostics, text) => expect(await count(...diagnostics)).toBe(text));
});
