import { execFile, execFileSync } from "node:child_process";
import { chmodSync, existsSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { runProgram } from "../support/program.ts";

/** One stage that would leave a trace, so that it can be seen that nothing was run. */
const MARKS = `[agents.a]
type = "script"
shell = "touch was-run"
[orchestration.sequential]
agents = ["a"]
`;

interface Row {
  readonly sentence: string;
  readonly file: string | Uint8Array;
  readonly stderr: string;
  readonly env?: Readonly<Record<string, string>>;
}

const rows: readonly Row[] = [
  {
    sentence: "bytes of a program",
    file: Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0x02, 0x01, 0x00, 0x00, 0xff, 0xfe]),
    stderr: `error[encoding]: the file is not UTF-8 text
  --> bad.toml:1:9
   |
 1 | ␡ELF␂␁␀␀��
   |         ^
   = help: is this the right file? If so, save it as UTF-8

1 error
`,
  },
  {
    sentence: "UTF-16",
    file: new Uint8Array(Buffer.from(`\uFEFF${MARKS}`, "utf16le")),
    stderr: `error[encoding]: the file is UTF-16; it has to be UTF-8 text
  --> bad.toml:1:1
   |
 1 | ��[␀a␀g␀e␀n␀t␀s␀.␀a␀]␀
   | ^
   = help: save the file as UTF-8

1 error
`,
  },
  {
    sentence: "nothing at all",
    file: "",
    stderr: `error[missing-key]: the file does not say which agents run, and in which order
  --> bad.toml:1:1
   |
 1 |
   | ^
   = help: write [orchestration.sequential] and below it agents = ["first", "second"]

1 error
`,
  },
  {
    sentence: "TOML that breaks off",
    file: `${MARKS}name = "repo`,
    stderr: `error[syntax]: this is not valid TOML: the text that begins here does not end in its line
  --> bad.toml:6:8
   |
 6 | name = "repo
   |        ^^^^^
   = fix: write " at the end of the text

1 error; \`agentflow validate --fix\` mends it
`,
  },
  {
    sentence: "another language",
    file: "agents:\n  - a\n",
    stderr: `error[syntax]: this is not valid TOML: the file looks like YAML
  --> bad.toml:1:1
   |
 1 | agents:
   | ^^^^^^^
   = help: a pipeline file is TOML: [tables], and keys such as timeout = "30s"

1 error
`,
  },
  {
    sentence: "values of wrong types and an unknown key, all of them",
    file: MARKS.replace("[orchestration", 'retries = "three"\ntimeout = 5\nshel = "x"\n[orchestration'),
    stderr: `error[wrong-type]: \`retries\`: expected a whole number, got the text "three"
  --> bad.toml:4:11
   |
 4 | retries = "three"
   |           ^^^^^^^

error[wrong-type]: \`timeout\`: expected a duration such as "30s", got the number 5
  --> bad.toml:5:11
   |
 5 | timeout = 5
   |           ^
   = help: write "5s" for seconds or "5ms" for milliseconds

error[unknown-key]: unknown key \`shel\` in [agents.a]
  --> bad.toml:6:1
   |
 6 | shel = "x"
   | ^^^^ did you mean \`shell\`?
   = help: replace \`shel\` with \`shell\`

3 errors
`,
  },
  {
    sentence: "row 8: an agent that is not defined",
    file: MARKS.replace(`["a"]`, `["a", "analyzer"]`).replace("[orchestration", `[agents.analyser]\ntype = "canned"\n[orchestration`),
    stderr: `error[unknown-agent]: there is no agent called \`analyzer\`
  --> bad.toml:7:16
   |
 7 | agents = ["a", "analyzer"]
   |                ^^^^^^^^^^ not defined
   |
 4 | [agents.analyser]
   |         -------- did you mean this one?
   = fix: replace \`analyzer\` with \`analyser\`

1 error; \`agentflow validate --fix\` mends it
`,
  },
  {
    sentence: "row 72: another mode",
    file: `${MARKS}[orchestration]\nmode = "loop"\n`,
    stderr: `error[unsupported-mode]: there is no mode "loop"; agents run as a sequence, with branches and parallel groups
  --> bad.toml:7:8
   |
 7 | mode = "loop"
   |        ^^^^^^
   = help: for a loop, write a branch back to an earlier agent, with max_times

1 error
`,
  },
  {
    sentence: "fallbacks that lead back",
    file: MARKS.replace("[orchestration", `fallback = "b"\n[agents.b]\ntype = "canned"\nfallback = "a"\n[orchestration`),
    stderr: `error[fallback-cycle]: these fallbacks lead back to where they began: \`a\` → \`b\` → \`a\`
  --> bad.toml:4:12
   |
 4 | fallback = "b"
   |            ^^^
   |
 7 | fallback = "a"
   |            --- and then this one
   = help: remove \`fallback\` from one of these agents: the last of a chain has none

1 error
`,
  },
  {
    sentence: "agents that extend each other",
    file: MARKS.replace("[orchestration", `extends = "b"\n[agents.b]\ntype = "canned"\nextends = "a"\n[orchestration`),
    stderr: `error[extends-cycle]: these agents extend each other in a circle: \`a\` → \`b\` → \`a\`
  --> bad.toml:4:11
   |
 4 | extends = "b"
   |           ^^^
   |
 7 | extends = "a"
   |           --- and then this one
   = help: remove \`extends\` from one of these agents: the last of a chain has none

1 error
`,
  },
  {
    sentence: "what this machine lacks: variables, a program, files; all of it",
    file: `[agents.a]
type = "script"
command = ["no-such-program"]
env = { TOKEN = "\${{ env.NO_SUCH_VARIABLE }}" }
[agents.b]
type = "module"
module = "no-such-module.mjs"
[agents.c]
type = "llm"
model = "m"
[agents.d]
type = "script"
command = ["./no-such-script.sh"]
[agents.e]
type = "script"
command = ["./data.txt"]
[orchestration.sequential]
agents = ["a", "b", "c", "d", "e"]
`,
    stderr: `error[missing-program]: there is no program \`no-such-program\` on the PATH
  --> bad.toml:3:12
   |
 3 | command = ["no-such-program"]
   |            ^^^^^^^^^^^^^^^^^
   = help: install it, or write a path such as "./no-such-program"

error[unset-variable]: the environment variable NO_SUCH_VARIABLE is not set
  --> bad.toml:4:26
   |
 4 | env = { TOKEN = "\${{ env.NO_SUCH_VARIABLE }}" }
   |                          ^^^^^^^^^^^^^^^^
   = help: set it, for example: export NO_SUCH_VARIABLE=…

error[missing-file]: there is no file no-such-module.mjs
  --> bad.toml:7:10
   |
 7 | module = "no-such-module.mjs"
   |          ^^^^^^^^^^^^^^^^^^^^
   = help: a module's path is relative to the pipeline file

error[unset-variable]: the environment variable OPENAI_API_KEY is not set
  --> bad.toml:8:1
   |
 8 | [agents.c]
   | ^^^^^^^^^^ its provider, openai, takes the key from there
   = help: set it, for example: export OPENAI_API_KEY=…

error[missing-program]: there is no program no-such-script.sh
  --> bad.toml:13:12
   |
13 | command = ["./no-such-script.sh"]
   |            ^^^^^^^^^^^^^^^^^^^^^
   = help: the path of a program is relative to the directory that it runs in

error[missing-program]: data.txt cannot be executed
  --> bad.toml:16:12
   |
16 | command = ["./data.txt"]
   |            ^^^^^^^^^^^^
   = help: run: chmod +x data.txt

6 errors
`,
  },
];

describe("a bad file ends with 2, nothing was run, and the message says what, where and what to do:", () => {
  test.each(rows)("$sentence", async ({ file, stderr, env = {} }) => {
    const folder = folderWith({ "bad.toml": file, "data.txt": "data" });
    const end = await runProgram(["run", "bad.toml"], { cwd: folder, env });
    expect({ ...end, stderr: end.stderr.replaceAll(folder, "FOLDER") }).toEqual({ code: 2, stdout: "", stderr });
    expect(existsSync(join(folder, "was-run"))).toBe(false);
  });
});

describe("a file that cannot be read ends with 2:", () => {
  const folder = folderWith({ "sub/agentflow.toml": MARKS });
  symlinkSync("circle.toml", join(folder, "circle.toml"));

  test.each([
    ["it is not there", ["nowhere.toml"], "there is no file FOLDER/nowhere.toml; `agentflow init` makes a pipeline to start from"],
    ["none is named, and there is none", [], "there is no file FOLDER/agentflow.toml; `agentflow init` makes a pipeline to start from"],
    ["it is a directory", ["sub"], "FOLDER/sub is a directory, not a file; name the pipeline file in it"],
    [
      "the system cannot find it",
      ["circle.toml"],
      "FOLDER/circle.toml cannot be read: ELOOP: too many symbolic links encountered, open 'FOLDER/circle.toml'",
    ],
  ])("%s", async (_sentence, args, message) => {
    const { code, stdout, stderr } = await runProgram(["run", ...args], { cwd: folder });
    expect({ code, stdout, stderr: stderr.replaceAll(folder, "FOLDER") }).toEqual({
      code: 2,
      stdout: "",
      stderr: `agentflow: ${message}\n`,
    });
  });

  test.skipIf(process.getuid?.() === 0)("it belongs to somebody else", async () => {
    const secret = folderWith({ "secret.toml": MARKS });
    chmodSync(join(secret, "secret.toml"), 0o000);
    expect(await runProgram(["run", "secret.toml"], { cwd: secret })).toEqual({
      code: 2,
      stdout: "",
      stderr: `agentflow: ${secret}/secret.toml cannot be read: permission denied\n`,
    });
  });
});

test("what the machine and the input lack is told at once", async () => {
  const folder = folderWith({
    "lacks.toml": MARKS.replace(`shell = "touch was-run"`, `command = ["no-such-program"]`) + `[inputs.topic]\n`,
  });
  const { code, stdout, stderr } = await runProgram(["run", "lacks.toml", "--input", "tpic=tea"], { cwd: folder });
  expect({ code, stdout, told: stderr.split("\n").filter((line) => /^(error|warning|agentflow)/.test(line)) }).toEqual({
    code: 2,
    stdout: "",
    told: [
      "error[missing-program]: there is no program `no-such-program` on the PATH",
      "agentflow: there is no input called `tpic`; did you mean `topic`?",
      "agentflow: the input `topic` is missing; give it with --input topic=…",
    ],
  });
});

test("warnings are printed, and the run goes on", async () => {
  const folder = folderWith({ "warns.toml": `${MARKS}[agents.b]\ntype = "canned"\n` });
  expect(await runProgram(["run", "warns.toml", "--quiet"], { cwd: folder })).toEqual({
    code: 0,
    stdout: "{}\n",
    stderr: `warning[unreached-agent]: no run comes to the agent \`b\`
  --> warns.toml:6:9
   |
 6 | [agents.b]
   |         ^
   = help: add it to the sequence or a group, make it the target of a branch, a fallback or a rollback, or remove it

1 warning
`,
  });
  expect(existsSync(join(folder, "was-run"))).toBe(true);
});

describe("what may never end, or fill the memory, is not read:", () => {
  const asks = '[agents.a]\ntype = "llm"\nmodel = "m"\nprompt_file = "NAME"\n[orchestration.sequential]\nagents = ["a"]\n';
  const calls = '[agents.a]\ntype = "pipeline"\nfile = "NAME"\n[orchestration.sequential]\nagents = ["a"]\n';

  test.each<[sentence: string, text: string, name: string, line: string]>([
    ["a device as a prompt", asks, "/dev/null", "4:15: error: /dev/null cannot be read: it is no file, but a pipe, a socket or a device"],
    ["a device as a pipeline", calls, "/dev/null", "3:8: error: /dev/null cannot be read: it is no file, but a pipe, a socket or a device"],
    ["a prompt of 101 MB", asks, "large", "4:15: error: large cannot be read: it has 101MB, and 100MB is the most"],
    ["a pipeline of 101 MB", calls, "large", "3:8: error: large cannot be read: it has 101MB, and 100MB is the most"],
  ])("%s", async (_sentence, text, name, line) => {
    const folder = folderWith({ "a.toml": text.replace("NAME", name), large: "" });
    truncateSync(join(folder, "large"), 101 * 1024 * 1024);
    const { code, stdout } = await runProgram(["validate", "--format", "concise", "a.toml"], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 1, stdout: `a.toml:${line} [unreadable-file]\n` });
  });

  test.each([["validate"], ["run"]])("but the pipeline file itself may be a pipe: %s", async (command) => {
    const folder = folderWith({ "a.toml": MARKS });
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const writer = execFile("sh", ["-c", "cat a.toml > pipe"], { cwd: folder, timeout: 10_000 });
    expect((await runProgram([command, "pipe"], { cwd: folder })).code).toBe(0);
    expect([writer.exitCode ?? 0, existsSync(join(folder, "was-run"))]).toEqual([0, command === "run"]);
  });
});
