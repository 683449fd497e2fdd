import { describe, expect, test } from "vitest";
import { countDiagnostics, renderDiagnostics } from "../../src/report/diagnostics.ts";
import { diagnosticsReport } from "../../src/report/diagnostics-json.ts";
import type { Palette } from "../../src/report/palette.ts";
import type { Diagnostic, Path } from "../../src/spec/diagnostic.ts";
import { locate } from "../../src/spec/positions.ts";

const PIPELINE = `name = "x"
[agents.collector]
type = "canned"
[orchestration.sequential]
agents = ["colector", "analyzer"]
`;

const UNKNOWN: Diagnostic = {
  severity: "error",
  code: "unknown-agent",
  message: "there is no agent called `colector`",
  file: "/project/pipeline.toml",
  path: ["orchestration", "sequential", "agents", 0],
  label: "not defined",
  related: [{ path: ["agents", "collector"], at: "key", label: "did you mean this one?" }],
  help: "replace `colector` with `collector`",
};

async function shown(text: string | null, diagnostics: readonly Partial<Diagnostic>[], palette?: Palette): Promise<string[]> {
  const whole = diagnostics.map((diagnostic): Diagnostic => ({ severity: "error", code: "test", message: "message", ...diagnostic }));
  const rendered = renderDiagnostics(await locate(text, whole), {
    shown: (file) => file.replace("/project/", ""),
    ...(palette === undefined ? {} : { palette }),
  });
  return rendered.split("\n");
}

describe("a diagnostic for people", () => {
  test("has its message, its place, the marked lines and what to do (row 85)", async () => {
    expect(await shown(PIPELINE, [UNKNOWN])).toEqual([
      "error[unknown-agent]: there is no agent called `colector`",
      "  --> pipeline.toml:5:11",
      "   |",
      ' 5 | agents = ["colector", "analyzer"]',
      "   |           ^^^^^^^^^^ not defined",
      "   |",
      " 2 | [agents.collector]",
      "   |         --------- did you mean this one?",
      "   = help: replace `colector` with `collector`",
      "",
      "1 error",
    ]);
  });

  test("makes room for long line numbers", async () => {
    const text = `a = 1\n${"\n".repeat(998)}b = 2\n`;
    expect(await shown(text, [{ path: ["b"], related: [{ path: ["a"], label: "first" }] }])).toEqual([
      "error[test]: message",
      "    --> line 1000:5",
      "     |",
      "1000 | b = 2",
      "     |     ^",
      "     |",
      "   1 | a = 1",
      "     |     - first",
      "",
      "1 error",
    ]);
  });

  test("follows others in the order of their places, and all are counted", async () => {
    const lines = await shown("a = 1\nb = 2\n", [
      { path: ["b"] },
      { path: ["a"], severity: "warning", code: "unused", message: "not used" },
    ]);
    expect(lines).toEqual([
      "warning[unused]: not used",
      "  --> line 1:5",
      "   |",
      " 1 | a = 1",
      "   |     ^",
      "",
      "error[test]: message",
      "  --> line 2:5",
      "   |",
      " 2 | b = 2",
      "   |     ^",
      "",
      "1 error, 1 warning",
    ]);
  });

  test("has colours where they are handed in", async () => {
    const wrap = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const palette: Palette = {
      red: wrap("red"),
      yellow: wrap("yellow"),
      green: wrap("green"),
      cyan: wrap("cyan"),
      blue: wrap("blue"),
      dim: wrap("dim"),
      bold: wrap("bold"),
    };
    expect(
      await shown("a = 1\nb = 2", [{ path: ["a"], label: "here", help: "do it", related: [{ path: ["b"], label: "there" }] }], palette),
    ).toEqual([
      "<bold><red>error[test]</red></bold><bold>: message</bold>",
      "<blue>  </blue><blue>--></blue> line 1:5",
      "<blue>  </blue> <blue>|</blue>",
      "<blue> 1</blue> <blue>|</blue> a = 1",
      "<blue>  </blue> <blue>|</blue>     <red>^ here</red>",
      "<blue>  </blue> <blue>|</blue>",
      "<blue> 2</blue> <blue>|</blue> b = 2",
      "<blue>  </blue> <blue>|</blue>     <blue>- there</blue>",
      "<blue>  </blue> <blue>=</blue> <bold>help</bold>: do it",
      "",
      "1 error",
    ]);
    expect((await shown("a = 1", [{ severity: "warning", path: ["a"] }], palette))[0]).toBe(
      "<bold><yellow>warning[test]</yellow></bold><bold>: message</bold>",
    );
  });

  test("names the path where there is no text", async () => {
    expect(await shown(null, [{ path: ["agents", "a b", "command", 1] }, { message: "nowhere" }])).toEqual([
      "error[test]: message",
      '  --> agents."a b".command[1]',
      "",
      "error[test]: nowhere",
      "",
      "2 errors",
    ]);
  });

  test("names the file where its text is not known", async () => {
    expect(await shown(null, [{ file: "/project/p.toml", path: ["a"] }])).toEqual(["error[test]: message", "  --> p.toml", "", "1 error"]);
  });

  test("is nothing for nothing", () => expect(renderDiagnostics([])).toBe(""));
});

describe("the marked line", () => {
  const frame = async (text: string, diagnostic: Partial<Diagnostic>): Promise<string[]> =>
    (await shown(text, [{ label: "here", ...diagnostic }])).slice(3, 5);

  test.each<[sentence: string, text: string, path: Path, lines: [string, string]]>([
    [
      "has its mark under wide characters",
      'a = ["日本", "é😀", 1]',
      ["a", 1],
      [' 1 | a = ["日本", "é😀", 1]', "   |              ^^^^^ here"],
    ],
    ["has its mark behind tabs", "\ta =\t[1,\t2]", ["a", 1], [" 1 |     a =    [1,    2]", "   |                   ^ here"]],
    ["shows only the first of the lines that are marked", 'a = """\nb"""', ["a"], [' 1 | a = """', "   |     ^^^ here"]],
  ])("%s", async (_sentence, text, path, lines) => expect(await frame(text, { path })).toEqual(lines));

  test("shows what cannot be seen", async () => {
    const text = '"a\u202eb\u200b\u0085" = 1 # \x1b[31m\x7f \ufeff \ud800';
    expect(await frame(text, { span: { start: 10, end: 11 } })).toEqual([
      ' 1 | "a<U+202E>b<U+200B><U+0085>" = 1 # ␛[31m␡ <U+FEFF> \ufffd',
      "   |                                ^ here",
    ]);
  });

  test("is cut behind the mark where it is long", async () => {
    expect(await frame(`a = [1, "${"x".repeat(200)}"]`, { path: ["a", 0] })).toEqual([
      ` 1 | a = [1, "${"x".repeat(100)}…`,
      "   |      ^ here",
    ]);
  });

  test("is cut before the mark where that is far to the right", async () => {
    expect(await frame(`a = ["${"x".repeat(5000)}", 22, "${"y".repeat(5000)}"]`, { path: ["a", 1] })).toEqual([
      ` 1 | …${"x".repeat(27)}", 22, "${"y".repeat(73)}…`,
      `   | ${" ".repeat(31)}^^ here`,
    ]);
  });

  test("is cut within the mark where that is long", async () => {
    expect(await frame(`a = "${"x".repeat(5000)}"`, { path: ["a"] })).toEqual([
      ` 1 | a = "${"x".repeat(104)}…`,
      `   |     ${"^".repeat(106)} here`,
    ]);
  });

  test("is cut before the mark where that is very far to the right", async () => {
    const text = `a = ["${"x".repeat(50_000)}", 2]`;
    const lines = await frame(text, { path: ["a", 1] });
    expect(lines).toEqual([` 1 | …${"x".repeat(27)}", 2]`, `   | ${" ".repeat(31)}^ here`]);
  });

  test("of an empty text is empty", async () =>
    expect(await shown("", [{ path: ["a"] }])).toEqual([
      "error[test]: message",
      "  --> line 1:1",
      "   |",
      " 1 |",
      "   | ^",
      "",
      "1 error",
    ]));
});

test("a message, a label and a file cannot steer the terminal", async () => {
  const lines = await shown("a = 1", [
    { path: ["a"], message: "x\x1b[31m\ny", label: "l\x07", help: "h\u202e", file: "/project/\x1b]0;t\x07f\n.toml" },
  ]);
  expect(lines).toEqual(["error[test]: x y", "  --> f .toml:1:5", "   |", " 1 | a = 1", "   |     ^ l", "   = help: h", "", "1 error"]);
});

test.each<[severities: Diagnostic["severity"][], text: string]>([
  [[], "no problems"],
  [["error"], "1 error"],
  [["warning", "warning"], "2 warnings"],
  [["warning", "error", "error"], "2 errors, 1 warning"],
])("%j are counted as %s", (severities, text) => expect(countDiagnostics(severities.map((severity) => ({ severity })))).toBe(text));

test("diagnostics for programs are plain data of version 1", async () => {
  const located = [
    ...(await locate(PIPELINE, [UNKNOWN])),
    ...(await locate(null, [{ severity: "warning", code: "test", message: "in code", path: ["agents"] }])),
  ];
  expect(
    diagnosticsReport(
      [
        { file: "/project/pipeline.toml", valid: false },
        { file: "/project/other.toml", valid: true },
      ],
      located,
    ),
  ).toEqual({
    version: 1,
    files: [
      { file: "/project/pipeline.toml", valid: false },
      { file: "/project/other.toml", valid: true },
    ],
    diagnostics: [
      {
        severity: "error",
        code: "unknown-agent",
        message: "there is no agent called `colector`",
        file: "/project/pipeline.toml",
        line: 5,
        column: 11,
        end_line: 5,
        end_column: 21,
        path: ["orchestration", "sequential", "agents", 0],
        label: "not defined",
        help: "replace `colector` with `collector`",
        related: [{ message: "did you mean this one?", file: "/project/pipeline.toml", line: 2, column: 9, end_line: 2, end_column: 18 }],
        fix: null,
      },
      {
        severity: "warning",
        code: "test",
        message: "in code",
        file: null,
        line: null,
        column: null,
        end_line: null,
        end_column: null,
        path: ["agents"],
        label: null,
        help: null,
        related: [],
        fix: null,
      },
    ],
    errors: 1,
    warnings: 1,
  });
});
