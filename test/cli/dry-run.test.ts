import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, runProgram } from "../support/program.ts";

const cwd = folderWith({
  "report.toml": `
name = "report"
[inputs.topic]
type = "string"
[inputs.limit]
type = "integer"
default = 3
[agents.fetch]
type = "script"
shell = "touch was-run"
env = { TOKEN = "\${{ env.FETCH_TOKEN }}" }
timeout = "10s"
retries = 1
[agents.write]
type = "llm"
model = "gpt-5-mini"
prompt = "Write about \${{ topic }}"
output = "text"
[agents.check]
type = "canned"
[orchestration]
timeout = "5m"
[orchestration.sequential]
agents = ["fetch", "write"]
[[orchestration.sequential.branches]]
from_agent = "write"
condition = "size(text) > limit"
to_agent = "check"
`,
  "typo.toml": `[agents.a]\ntype = "canned"\n[orchestration.sequential]\nagents = ["b"]\n`,
});

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> =>
  runProgram(["run", "--dry-run", ...args], { cwd, env });
const json = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Record<string, never>> => {
  const { stdout } = await run([...args, "--json"], env);
  expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
  return JSON.parse(stdout) as Record<string, never>;
};

describe("a dry run", () => {
  test("row 48: shows what would be run and what is missing, and that is no failure", async () => {
    expect(await run(["report.toml"])).toEqual({
      code: 0,
      stderr: "",
      stdout: `report: what a run would do. Nothing is called and nothing is written.

#  stage  kind    calls                 timeout  attempts  at most
1  fetch  script  touch was-run         10s      2         21s = 2 × 10s + 1s
2  write  llm     gpt-5-mini at openai  10m      1         10m
      ↳ when size(text) > limit: on to check
–  check  canned  canned replies        1h       1         0ms
      reached only by a branch: depends on the outcome of \`write\`

Time       at most 5m: then the pipeline's timeout ends the run
           without it 10m 21s = fetch 21s + write 10m
           not counted: longer waits that a server asks for

Inputs     topic  string, required           missing: give it with --input topic=…
           limit  integer, 3 when not given

Variables  FETCH_TOKEN     not set
           OPENAI_API_KEY  not set

A run would not start: the input topic, the variable FETCH_TOKEN, the variable OPENAI_API_KEY are missing.
`,
    });
  });

  test("runs nothing and writes nothing", async () => {
    await run(["report.toml", "--input", "topic=tea"], { FETCH_TOKEN: "set", OPENAI_API_KEY: "set" });
    expect(existsSync(join(cwd, "was-run"))).toBe(false);
    expect(readdirSync(cwd).toSorted()).toEqual(["report.toml", "typo.toml"]);
  });

  test("misses nothing that is given, by flags, the environment or an env file", async () => {
    const missing = async (args: readonly string[], env = {}): Promise<unknown> => {
      const { inputs, variables } = (await json(["report.toml", ...args], env)) as unknown as {
        inputs: { name: string; missing: boolean }[];
        variables: { name: string; set: boolean }[];
      };
      return [...inputs.filter((input) => input.missing), ...variables.filter((variable) => !variable.set)].map(({ name }) => name);
    };
    expect(await missing([])).toEqual(["topic", "FETCH_TOKEN", "OPENAI_API_KEY"]);
    expect(await missing(["--input", "topic=tea"], { FETCH_TOKEN: "set", OPENAI_API_KEY: "" })).toEqual(["OPENAI_API_KEY"]);
  });

  test("warns of programs and files that are missing here", async () => {
    const lacks = folderWith({
      "lacks.toml": oneStage(`type = "script"\ncommand = ["no-such-program"]`),
    });
    const { code, stdout, stderr } = await runProgram(["run", "lacks.toml", "--dry-run"], { cwd: lacks });
    expect({ code, first: stdout.split("\n")[0], stderr: stderr.split("\n")[0] }).toEqual({
      code: 0,
      first: "lacks: what a run would do. Nothing is called and nothing is written.",
      stderr: "warning[missing-program]: there is no program `no-such-program` on the PATH",
    });
  });

  test("counts with --timeout instead of the file's", async () => {
    expect([(await json(["report.toml"])).timeout_ms, (await json(["report.toml"])).worst_case]).toEqual([
      300_000,
      { ms: 300_000, longest_ms: 621_000, arithmetic: "fetch 21s + write 10m" },
    ]);
    expect((await json(["report.toml", "--timeout", "20s"])).timeout_ms).toBe(20_000);
    expect((await json(["report.toml", "--timeout", "none"])).worst_case).toMatchObject({ ms: 621_000 });
  });

  test.each([
    ["an invalid file", ["typo.toml"], /^error\[unknown-agent\]: /],
    [
      "an input of the wrong type",
      ["report.toml", "--input", "limit:=true"],
      /^agentflow: the input `limit` must be an integer, but is true\n$/,
    ],
    ["an input that is not declared", ["report.toml", "--input", "limits=3"], /^agentflow: there is no input called `limits`; /],
  ])("refuses what a run would refuse: %s", async (_sentence, args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(message) });
  });
});
