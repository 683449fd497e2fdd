import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VERSION } from "../../src/cli/version.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, type ProgramWorld, runProgram } from "../support/program.ts";

const GOOD = oneStage(`type = "canned"`);
const TYPO = GOOD.replace("canned", "caned");
const NOWHERE = GOOD.replace(`["a"]`, `["b", "c"]`);
const LACKS = oneStage(`type = "script"\ncommand = ["no-such-program"]`);
const OUTER = oneStage(`type = "pipeline"\nfile = "typo.toml"`);

const cwd = folderWith({
  "good.toml": GOOD,
  "typo.toml": TYPO,
  "nowhere.toml": NOWHERE,
  "lacks.toml": LACKS,
  "outer.toml": OUTER,
  "sub/prompt.md": "Hello",
});

const TYPO_SHOWN = `error[invalid-value]: \`type\`: expected "script", "llm", "module", "canned", "pipeline"; got "caned"
  --> typo.toml:2:8
   |
 2 | type = "caned"
   |        ^^^^^^^ did you mean "canned"?
   = fix: replace "caned" with "canned"
`;
const LACKS_SHOWN = `warning[missing-program]: there is no program \`no-such-program\` on the PATH
  --> lacks.toml:3:12
   |
 3 | command = ["no-such-program"]
   |            ^^^^^^^^^^^^^^^^^
   = help: install it, or write a path such as "./no-such-program"
`;

const validate = async (args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> => {
  const { code, stdout, stderr } = await runProgram(["validate", ...args], { cwd, ...world });
  return { code, stdout: stdout.replaceAll(cwd, "FOLDER"), stderr: stderr.replaceAll(cwd, "FOLDER") };
};

describe("validate", () => {
  test("row 85: says of a valid file that it is valid, and nothing else", async () => {
    expect(await validate(["good.toml"])).toEqual({ code: 0, stdout: "good.toml: valid\n", stderr: "" });
  });

  test("tells every problem of every file at once, each with its place; a file named twice is checked once", async () => {
    expect(await validate(["good.toml", "nowhere.toml", "typo.toml", "good.toml"])).toEqual({
      code: 1,
      stdout: "good.toml: valid\n",
      stderr: `error[unknown-agent]: there is no agent called \`b\`
  --> nowhere.toml:4:11
   |
 4 | agents = ["b", "c"]
   |           ^^^ not defined
   = help: known: \`a\`; another one needs a table [agents.b]

error[unknown-agent]: there is no agent called \`c\`
  --> nowhere.toml:4:16
   |
 4 | agents = ["b", "c"]
   |                ^^^ not defined
   = help: known: \`a\`; another one needs a table [agents.c]

${TYPO_SHOWN}
3 errors; \`agentflow validate --fix\` mends at least 1 of them
`,
    });
  });

  test("tells the problems of a nested file in that file, once", async () => {
    expect(await validate(["outer.toml", "typo.toml"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `${TYPO_SHOWN}\n1 error; \`agentflow validate --fix\` mends it\n`,
    });
  });

  test("warns of what this machine lacks, which fails with --strict", async () => {
    const stderr = `${LACKS_SHOWN}\n1 warning\n`;
    expect(await validate(["lacks.toml"])).toEqual({ code: 0, stdout: "lacks.toml: valid\n", stderr });
    expect(await validate(["lacks.toml", "good.toml", "--strict"])).toEqual({ code: 1, stdout: "good.toml: valid\n", stderr });
  });

  test("names files that cannot be read, checks the others all the same, and ends with 2", async () => {
    expect(await validate(["absent.toml", "typo.toml", "sub", "good.toml"])).toEqual({
      code: 2,
      stdout: "good.toml: valid\n",
      stderr: `error[unreadable-file]: there is no file FOLDER/absent.toml
  --> absent.toml

error[unreadable-file]: FOLDER/sub is a directory, not a file
  --> sub
   = help: name the files in it, or a pattern: 'sub/**/*.toml'

${TYPO_SHOWN}
3 errors; \`agentflow validate --fix\` mends at least 1 of them
`,
    });
  });
});

describe("validate with `-` reads standard input", () => {
  const prompt = oneStage(`type = "llm"\nmodel = "m"\nprompt_file = "prompt.md"`);
  const env = { OPENAI_API_KEY: "set" };

  test("under a name of its own", async () => {
    expect(await validate(["-"], { stdin: GOOD })).toEqual({ code: 0, stdout: "stdin.toml: valid\n", stderr: "" });
    expect(await validate(["-", "good.toml"], { stdin: "x" })).toEqual({
      code: 1,
      stdout: "good.toml: valid\n",
      stderr: `error[syntax]: this is not valid TOML: \`x\` stands alone
  --> stdin.toml:1:1
   |
 1 | x
   | ^
   = help: write x = and a value, or [x] for a table; a comment begins with #

1 error
`,
    });
  });

  test("where --stdin-filename says it stands", async () => {
    expect(await validate(["-", "--stdin-filename", "sub/x.toml"], { stdin: prompt, env })).toEqual({
      code: 0,
      stdout: "sub/x.toml: valid\n",
      stderr: "",
    });
    expect((await validate(["-"], { stdin: prompt, env })).code).toBe(1);
  });

  test("that cannot be read", async () => {
    const stdin = Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" });
    expect(await validate(["-"], { stdin })).toEqual({
      code: 2,
      stdout: "",
      stderr: "error[unreadable-file]: standard input is a directory, not a file\n  --> stdin.toml\n\n1 error\n",
    });
  });
});

describe("validate --format json", () => {
  const json = async (args: readonly string[]): Promise<{ code: number; stderr: string; report: unknown }> => {
    const { code, stdout, stderr } = await validate([...args, "--format", "json"]);
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
    return { code, stderr, report: JSON.parse(stdout) };
  };
  const typo = {
    severity: "error",
    code: "invalid-value",
    message: '`type`: expected "script", "llm", "module", "canned", "pipeline"; got "caned"',
    file: "FOLDER/typo.toml",
    line: 2,
    column: 8,
    end_line: 2,
    end_column: 15,
    path: ["agents", "a", "type"],
    label: 'did you mean "canned"?',
    help: 'replace "caned" with "canned"',
    related: [],
    fix: { safe: true, edits: [{ line: 2, column: 8, end_line: 2, end_column: 15, start: 18, end: 25, text: '"canned"' }] },
  };

  test("is one JSON object on stdout, with all files and problems", async () => {
    expect(await json(["good.toml", "typo.toml"])).toEqual({
      code: 1,
      stderr: "",
      report: {
        version: 1,
        files: [
          { file: "FOLDER/good.toml", valid: true },
          { file: "FOLDER/typo.toml", valid: false },
        ],
        diagnostics: [typo],
        errors: 1,
        warnings: 0,
      },
    });
  });

  test("the same where there is no problem, where a warning is one, and where a file cannot be read", async () => {
    expect(await json(["good.toml"])).toEqual({
      code: 0,
      stderr: "",
      report: { version: 1, files: [{ file: "FOLDER/good.toml", valid: true }], diagnostics: [], errors: 0, warnings: 0 },
    });
    expect(await json(["lacks.toml", "--strict"])).toMatchObject({
      code: 1,
      report: { files: [{ valid: false }], errors: 0, warnings: 1 },
    });
    const { code, report } = await json(["absent.toml", "typo.toml"]);
    const nowhere = {
      line: null,
      column: null,
      end_line: null,
      end_column: null,
      path: [],
      label: null,
      help: null,
      related: [],
      fix: null,
    };
    const absent = {
      severity: "error",
      code: "unreadable-file",
      message: "there is no file FOLDER/absent.toml",
      file: "FOLDER/absent.toml",
    };
    expect({ code, report }).toEqual({
      code: 2,
      report: {
        version: 1,
        files: [
          { file: "FOLDER/absent.toml", valid: false },
          { file: "FOLDER/typo.toml", valid: false },
        ],
        diagnostics: [{ ...absent, ...nowhere }, typo],
        errors: 2,
        warnings: 0,
      },
    });
  });
});

describe("validate --format", () => {
  const both = ["typo.toml", "lacks.toml"];

  test("concise: a line for each problem on stdout, and nothing else", async () => {
    expect(await validate([...both, "--format", "concise"])).toEqual({
      code: 1,
      stdout: `lacks.toml:3:12: warning: there is no program \`no-such-program\` on the PATH [missing-program]
typo.toml:2:8: error: \`type\`: expected "script", "llm", "module", "canned", "pipeline"; got "caned" [invalid-value]
`,
      stderr: "",
    });
    expect(await validate(["good.toml", "--format", "concise"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("github: paths from the root of the checkout, where that is known", async () => {
    const paths = async (world: Partial<ProgramWorld>): Promise<(string | undefined)[]> => {
      const { stdout } = await validate(["../typo.toml", "../lacks.toml", "--format", "github"], { cwd: join(cwd, "sub"), ...world });
      return stdout.split("\n").map((line) => /^::\w+ file=([^,]+)/.exec(line)?.[1]);
    };
    expect(await paths({ env: { GITHUB_WORKSPACE: cwd } })).toEqual(["typo.toml", "lacks.toml", undefined]);
    expect(await paths({})).toEqual(["FOLDER/typo.toml", "FOLDER/lacks.toml", undefined]);
    expect(await validate(["good.toml", "--format", "github"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("sarif: a log with paths from there, also where there is no problem", async () => {
    const { code, stdout } = await validate(["typo.toml", "--format", "sarif"], { env: { GITHUB_WORKSPACE: cwd } });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      runs: [
        {
          tool: { driver: { version: VERSION } },
          results: [{ locations: [{ physicalLocation: { artifactLocation: { uri: "typo.toml", uriBaseId: "%SRCROOT%" } } }] }],
        },
      ],
    });
    const good = await validate(["good.toml", "--format", "sarif"]);
    expect([good.code, JSON.parse(good.stdout)]).toMatchObject([0, { runs: [{ results: [] }] }]);
  });

  test("human: in a terminal no line is wider than it", async () => {
    const { stderr } = await validate(["typo.toml", "--no-color"], { isTTY: true, columns: 60 });
    expect(stderr).toBe(`error[invalid-value]: \`type\`: expected "script", "llm",
    "module", "canned", "pipeline"; got "caned"
${TYPO_SHOWN.split("\n").slice(1).join("\n")}
1 error; \`agentflow validate --fix\` mends it
`);
  });
});

describe("a pattern", () => {
  const folder = folderWith({
    "a/one.toml": GOOD,
    "a/b/two.toml": GOOD,
    "a/b/notes.md": "",
    "a/[x].toml": GOOD,
    "a/x.toml": TYPO,
    "a/folder.toml/three.toml": GOOD,
    "a/node_modules/no.toml": GOOD,
    "a/.agentflow/no.toml": GOOD,
  });
  const valid = async (...patterns: string[]): Promise<unknown[]> => {
    const { code, stdout } = await validate(patterns, { cwd: folder });
    return [code, ...stdout.split("\n").filter((line) => line !== "")];
  };

  test.each<[sentence: string, patterns: string[], expected: unknown[]]>([
    ["is each file that matches, in the order of their names", ["a/{one,b/two}.toml"], [0, "a/b/two.toml: valid", "a/one.toml: valid"]],
    [
      "goes through folders, but not through those of packages and of runs; a folder is no file",
      ["a/**/*.toml"],
      [1, "a/[x].toml: valid", "a/b/two.toml: valid", "a/folder.toml/three.toml: valid", "a/one.toml: valid"],
    ],
    ["is a file that has such a name", ["a/[x].toml"], [0, "a/[x].toml: valid"]],
    ["checks a file once that is named as well", ["./a/one.toml", "a/one*.toml", "a/one.toml"], [0, "a/one.toml: valid"]],
  ])("%s", async (_sentence, patterns, expected) => expect(await valid(...patterns)).toEqual(expected));

  test("that matches nothing is an error, and the others are checked all the same", async () => {
    const { code, stdout, stderr } = await validate(["a/*.tml", "a/one.toml"], { cwd: folder });
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: "a/one.toml: valid\n",
      stderr: `error[unreadable-file]: no file matches a/*.tml
  --> a/*.tml
   = help: a pattern is relative to the working directory; node_modules and .agentflow are skipped

1 error
`,
    });
  });
});

test("a file is checked as its bytes are, whatever its line ends and mark", async () => {
  const folder = folderWith({ "bom.toml": `\uFEFF${GOOD}`, "crlf.toml": GOOD.replaceAll("\n", "\r\n") });
  expect(readFileSync(join(folder, "crlf.toml"), "utf8")).toContain("\r\n");
  expect(await validate(["bom.toml", "crlf.toml"], { cwd: folder })).toEqual({
    code: 0,
    stdout: "bom.toml: valid\ncrlf.toml: valid\n",
    stderr: "",
  });
});
