import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, type ProgramWorld, runProgram } from "../support/program.ts";

const GOOD = oneStage(`type = "canned"`);
const TYPO = GOOD.replace("canned", "caned");
const NOWHERE = GOOD.replace(`["a"]`, `["b"]`);
const BOTH = TYPO.replace(`["a"]`, `["a", "b"]`);

const BOTH_LEFT = `error[unknown-agent]: there is no agent called \`b\`
  --> both.toml:4:16
   |
 4 | agents = ["a", "b"]
   |                ^^^ not defined
   = help: known: \`a\`; another one needs a table [agents.b]

1 error
`;
const TYPO_DIFF = `--- a/typo.toml
+++ b/typo.toml
@@ -1,4 +1,4 @@
 [agents.a]
-type = "caned"
+type = "canned"
 [orchestration.sequential]
 agents = ["a"]
`;

const folder = (files: Readonly<Record<string, string | Uint8Array>> = {}): string =>
  folderWith({ "good.toml": GOOD, "typo.toml": TYPO, "both.toml": BOTH, "nowhere.toml": NOWHERE, ...files });
const validate = async (cwd: string, args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> => {
  const { code, stdout, stderr } = await runProgram(["validate", ...args], { cwd, ...world });
  return { code, stdout: stdout.replaceAll(cwd, "FOLDER"), stderr: stderr.replaceAll(cwd, "FOLDER") };
};
const read = (cwd: string, name: string): string => readFileSync(join(cwd, name), "utf8");

describe("validate --fix", () => {
  test("mends what leaves no doubt, says how much, and tells what is left", async () => {
    const cwd = folder();
    expect(await validate(cwd, ["--fix", "typo.toml", "both.toml", "good.toml"])).toEqual({
      code: 1,
      stdout: "typo.toml: valid\ngood.toml: valid\n",
      stderr: `typo.toml: 1 problem mended\nboth.toml: 1 problem mended\n${BOTH_LEFT}`,
    });
    expect(read(cwd, "typo.toml")).toBe(GOOD);
    expect(read(cwd, "both.toml")).toBe(BOTH.replace("caned", "canned"));
  });

  test("does nothing where there is nothing to mend", async () => {
    const cwd = folder();
    chmodSync(join(cwd, "good.toml"), 0o444);
    const before = statSync(join(cwd, "good.toml"));
    expect(await validate(cwd, ["--fix", "good.toml"])).toEqual({ code: 0, stdout: "good.toml: valid\n", stderr: "" });
    expect(statSync(join(cwd, "good.toml")).ino).toBe(before.ino);
  });

  test.each<[sentence: string, from: (text: string) => string]>([
    ["a byte order mark", (text) => `\ufeff${text}`],
    ["line breaks of two characters", (text) => text.replaceAll("\n", "\r\n")],
    ["no line break at the end", (text) => text.trimEnd()],
    ["odd spaces, comments and escapes", (text) => `# \u00e9 \u{1F600}\n\t${text}  # end  \n\n\n`],
  ])("leaves everything else as it is: %s", async (_sentence, from) => {
    const cwd = folder({ "x.toml": from(TYPO) });
    expect((await validate(cwd, ["--fix", "x.toml"])).code).toBe(0);
    expect(read(cwd, "x.toml")).toBe(from(GOOD));
  });

  test("leaves what is not UTF-8 as it is", async () => {
    const bytes = Buffer.concat([Buffer.from(TYPO), Buffer.from([0x23, 0xff, 0x0a])]);
    const cwd = folder({ "x.toml": bytes });
    expect((await validate(cwd, ["--fix", "x.toml"])).code).toBe(1);
    expect(readFileSync(join(cwd, "x.toml"))).toEqual(bytes);
  });

  test("keeps a file's mode, changes the target of a link, and leaves no other file behind", async () => {
    const cwd = folder();
    chmodSync(join(cwd, "typo.toml"), 0o666);
    symlinkSync("typo.toml", join(cwd, "link.toml"));
    const before = readdirSync(cwd);
    expect((await validate(cwd, ["--fix", "link.toml"])).code).toBe(0);
    expect(lstatSync(join(cwd, "link.toml")).isSymbolicLink()).toBe(true);
    expect(statSync(join(cwd, "typo.toml")).mode & 0o777).toBe(0o666);
    expect(read(cwd, "typo.toml")).toBe(GOOD);
    expect(readdirSync(cwd)).toEqual(before);
  });

  test("changes only files that are named, and says so of the others", async () => {
    const cwd = folder({ "outer.toml": oneStage(`type = "pipeline"\nfile = "typo.toml"`) });
    const { code, stderr } = await validate(cwd, ["--fix", "outer.toml"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\n1 error\ntypo\.toml: left as it is, with 1 problem to mend, since it was not named\n$/);
    expect(read(cwd, "typo.toml")).toBe(TYPO);
    expect(await validate(cwd, ["--fix", "outer.toml", "typo.toml"])).toEqual({
      code: 0,
      stdout: "outer.toml: valid\ntypo.toml: valid\n",
      stderr: "typo.toml: 1 problem mended\n",
    });
  });

  test("mends a key wherever it is written, then what that brought to light", async () => {
    const cwd = folder({ "x.toml": BOTH.replace("[agents.a]", "[agent.a]").replace("[orch", `[agent.b]\ntype = "canned"\n[orch`) });
    expect(await validate(cwd, ["--fix", "x.toml"])).toEqual({ code: 0, stdout: "x.toml: valid\n", stderr: "x.toml: 2 problems mended\n" });
    expect(read(cwd, "x.toml")).toBe(
      `[agents.a]\ntype = "canned"\n[agents.b]\ntype = "canned"\n[orchestration.sequential]\nagents = ["a", "b"]\n`,
    );
  });

  test("says what cannot be written, mends the others all the same, and ends with 2", async () => {
    // Beside it, no file can be made whose name is longer.
    const long = `${"x".repeat(245)}.toml`;
    const cwd = folder({ [long]: TYPO });
    expect(await validate(cwd, ["--fix", long, "typo.toml"])).toMatchObject({
      code: 2,
      stdout: "typo.toml: valid\n",
      stderr: expect.stringMatching(
        /^agentflow: FOLDER\/x+\.toml cannot be written: ENAMETOOLONG: [^\n]+\ntypo\.toml: 1 problem mended\nerror\[/,
      ) as string,
    });
    expect(read(cwd, long)).toBe(TYPO);
  });

  test("goes with every format", async () => {
    const cwd = folder();
    const { code, stdout, stderr } = await validate(cwd, ["--fix", "--format", "concise", "both.toml"]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "both.toml:4:16: error: there is no agent called `b` [unknown-agent]\n",
      stderr: "both.toml: 1 problem mended\n",
    });
  });
});

describe("validate --fix with standard input", () => {
  test("prints the mended text, and on stderr what is left", async () => {
    const cwd = folder();
    expect(await validate(cwd, ["--fix", "-"], { stdin: `\ufeff${TYPO}` })).toEqual({
      code: 0,
      stdout: `\ufeff${GOOD}`,
      stderr: "stdin.toml: 1 problem mended\nstdin.toml: valid\n",
    });
    expect(await validate(cwd, ["--fix", "-"], { stdin: GOOD })).toEqual({ code: 0, stdout: GOOD, stderr: "stdin.toml: valid\n" });
    expect(await validate(cwd, ["--fix", "-", "--stdin-filename", "both.toml"], { stdin: BOTH })).toEqual({
      code: 1,
      stdout: BOTH.replace("caned", "canned"),
      stderr: `both.toml: 1 problem mended\n${BOTH_LEFT}`,
    });
  });

  test("prints nothing of what is not UTF-8", async () => {
    const { code, stdout } = await validate(folder(), ["--fix", "-"], { stdin: Uint8Array.of(0x23, 0xff) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

describe("validate --fix --dry-run", () => {
  test("prints what would change, tells the problems as they are, and changes nothing", async () => {
    const cwd = folder();
    const { code, stdout, stderr } = await validate(cwd, ["--fix", "--dry-run", "typo.toml", "good.toml"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: TYPO_DIFF });
    expect(stderr).toMatch(/^typo\.toml: --fix would mend 1 problem\nerror\[invalid-value\][^]*\n\n1 error\ngood\.toml: valid\n$/);
    expect(read(cwd, "typo.toml")).toBe(TYPO);
  });

  test("ends with 0 where there is nothing to mend and nothing left, and with 1 where something is left", async () => {
    expect(await validate(folder(), ["--fix", "--dry-run", "good.toml"])).toEqual({ code: 0, stdout: "", stderr: "good.toml: valid\n" });
    expect(await validate(folder(), ["--fix", "--dry-run", "nowhere.toml"])).toMatchObject({ code: 1, stdout: "" });
  });

  test("compares standard input, too", async () => {
    const { stdout } = await validate(folder(), ["--fix", "--dry-run", "-", "--stdin-filename", "typo.toml"], { stdin: TYPO });
    expect(stdout).toBe(TYPO_DIFF);
  });

  test("has colours in a terminal, and shows what would steer it", async () => {
    const cwd = folder({ "x.toml": `# \u202e\n${TYPO}` });
    const { stdout } = await validate(cwd, ["--fix", "--dry-run", "x.toml"], { isTTY: true, columns: 80 });
    expect(stdout.split("\n").slice(0, 6)).toEqual([
      "\x1b[1m--- a/x.toml\x1b[22m",
      "\x1b[1m+++ b/x.toml\x1b[22m",
      "\x1b[36m@@ -1,5 +1,5 @@\x1b[39m",
      " # <U+202E>",
      " [agents.a]",
      '\x1b[31m-type = "caned"\x1b[39m',
    ]);
  });

  test.each(["git apply", "patch -s -p1"])("what it prints is what `%s` takes, and comes to the same", async (command) => {
    const files = {
      "sub/b om.toml": `\ufeff${TYPO}`,
      "crlf.toml": TYPO.replaceAll("\n", "\r\n"),
      "end.toml": `${NOWHERE.trimEnd()} #`.replace("canned", "caned"),
      "é.toml": TYPO,
    };
    const [one, other] = [folder(files), folder(files)];
    const names = Object.keys(files);
    const { stdout } = await validate(one, ["--fix", "--dry-run", ...names, "typo.toml"]);
    await validate(other, ["--fix", ...names, "typo.toml"]);
    const applied = spawnSync("sh", ["-c", `git init -q . && ${command.replace("patch", "patch --binary")}`], {
      cwd: one,
      input: stdout,
      encoding: "utf8",
    });
    expect({ status: applied.status, said: `${applied.stdout}${applied.stderr}` }).toEqual({ status: 0, said: "" });
    for (const name of [...names, "typo.toml"]) {
      expect(readFileSync(join(one, name))).toEqual(readFileSync(join(other, name)));
      expect(read(one, name)).toContain('"canned"');
    }
  });
});

test.each<[sentence: string, args: string[], message: string]>([
  ["--dry-run without --fix", ["--dry-run", "good.toml"], "--dry-run goes with --fix: it shows what that would change"],
  [
    "--dry-run with another format",
    ["--fix", "--dry-run", "--format", "json", "good.toml"],
    "--fix --dry-run prints on stdout what is mended, so --format json does not go with it",
  ],
  [
    "standard input with another format",
    ["--fix", "--format", "sarif", "-"],
    "--fix with - (standard input) prints on stdout what is mended, so --format sarif does not go with it",
  ],
  [
    "standard input with another file",
    ["--fix", "-", "good.toml"],
    "--fix with - (standard input) prints it on stdout, so no other file goes with it",
  ],
])("refuses %s", async (_sentence, args, message) => {
  expect(await validate(folder(), args)).toEqual({ code: 2, stdout: "", stderr: `agentflow: ${message}\n` });
});

describe("of the files of cases/diagnostics, --fix mends what can be mended:", () => {
  const cases = join(import.meta.dirname, "../cases/diagnostics");
  const names = readdirSync(cases).filter((name) => name.endsWith(".toml"));
  interface Report {
    readonly diagnostics: readonly { code: string; message: string; file: string; fix: { safe: boolean } | null }[];
  }
  /** Without what this machine lacks, which is told only of a file that is right otherwise. */
  const reportOf = async (cwd: string, name: string): Promise<Report> => {
    const { diagnostics } = JSON.parse((await validate(cwd, ["--format", "json", name])).stdout) as Report;
    return { diagnostics: diagnostics.filter(({ code }) => !["unset-variable", "missing-program", "missing-file"].includes(code)) };
  };

  test("all of them", async () => {
    const cwd = folderWith({});
    cpSync(cases, cwd, { recursive: true });
    let mended = 0;
    for (const name of names) {
      const before = await reportOf(cwd, name);
      const fixable = before.diagnostics.filter(({ file, fix }) => fix?.safe === true && file.endsWith(name));
      const { stderr } = await validate(cwd, ["--fix", name]);
      if (fixable.length === 0) {
        expect(read(cwd, name)).toBe(read(cases, name));
        continue;
      }
      mended += 1;
      const after = await reportOf(cwd, name);
      const told = before.diagnostics.map(({ code, message }) => `${code} ${message}`);
      expect(after.diagnostics.length, `${name}: ${stderr}`).toBeLessThan(before.diagnostics.length);
      expect(after.diagnostics.filter(({ code, message }) => !told.includes(`${code} ${message}`))).toEqual([]);
      const text = read(cwd, name);
      await validate(cwd, ["--fix", name]);
      expect(read(cwd, name)).toBe(text);
      copyFileSync(join(cases, name), join(cwd, name));
      writeFileSync(join(cwd, name), `\ufeff${read(cases, name).replaceAll(/\r?\n/g, "\r\n")}`);
      await validate(cwd, ["--fix", name]);
      expect(read(cwd, name)).toBe(`\ufeff${text.replaceAll(/\r?\n/g, "\r\n")}`);
    }
    expect(mended).toBeGreaterThan(10);
  }, 60_000);
});
