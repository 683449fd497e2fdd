import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, runProgram, startProgram } from "../support/program.ts";

const SECRET = "correct-horse-battery";

/** Every agent and hook does its best to tell the secret. */
const LEAKS = `
[secrets]
env = ["VAULT_TOKEN", "PIN"]

[agents.reads]
type = "script"
shell = 'echo "using $VAULT_TOKEN" >&2; printf "{\\"token\\": \\"%s\\", \\"pin\\": \\"%s\\", \\"list\\": [\\"Bearer %s\\"]}" "$VAULT_TOKEN" "$PIN" "$VAULT_TOKEN"'

[agents.writes]
type = "script"
shell = 'echo "cannot log in with $VAULT_TOKEN" >&2; exit 1'
on_error = "continue"

[agents.throws]
type = "module"
module = "throws.mjs"
retries = 1
retry_delay = "1ms"
on_error = "continue"

[agents.asks]
type = "canned"
reply = { asked = true }

[orchestration.sequential]
agents = ["reads", "writes", "throws", "asks"]

[[orchestration.sequential.branches]]
from_agent = "reads"
condition = "token == state['correct-horse-battery']"
to_agent = "asks"

[[hooks]]
on = ["before_run", "before_stage", "after_stage", "stage_error", "retry", "after_run"]
command = ["sh", "-c", "cat >> hook.ndjson; echo >> hook.ndjson; echo $VAULT_TOKEN >&2; exit 1"]

[[hooks]]
name = "told"
on = "after_run"
module = "told.mjs"
`;

const files = {
  "leaks.toml": LEAKS,
  "throws.mjs": `export default (input, { log }) => { log("log " + input.token); throw new Error("denied: " + input.token); };`,
  "told.mjs": `import { writeFileSync } from "node:fs";\nexport default (payload) => { writeFileSync(new URL("told.json", import.meta.url), JSON.stringify(payload)); throw new Error(process.env.PATH && "told ${SECRET}"); };`,
  "secret.env": `VAULT_TOKEN=${SECRET}\nPIN=1234\n`,
};
const WARNING = "agentflow: the value of PIN has fewer than 8 characters, so it is not masked in what is shown\n";

async function leak(flags: readonly string[]): Promise<ProgramEnd & { folder: string; everything: string }> {
  const folder = folderWith(files);
  const end = await runProgram(["run", "leaks.toml", "--env-file", "secret.env", "--meta", `note=${SECRET}`, ...flags], {
    cwd: folder,
  });
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const kept = [read("hook.ndjson"), read("told.json"), ...(flags.includes("--out") ? [read("out.json")] : [])];
  return { ...end, folder, everything: [end.stdout, end.stderr, ...kept].join("\n") };
}

describe("the value of a secret variable is shown nowhere:", () => {
  test.each<readonly string[]>([
    ["--verbose"],
    ["--verbose", "--output", "result"],
    ["--verbose", "--events"],
    ["--verbose", "--output", "result", "--out", "out.json"],
  ])("%s %s %s %s", async (...flags) => {
    const { code, everything } = await leak(flags);
    expect(code).toBe(0);
    expect(everything).not.toContain(SECRET);
    expect(everything).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 24));
  });

  test("in its place there is ***, in the state, messages, logs, the summary and what hooks get", async () => {
    const { stdout, stderr, folder } = await leak(["--verbose"]);
    expect(JSON.parse(stdout)).toEqual({ token: "***", pin: "1234", list: ["Bearer ***"], asked: true });
    const lines = stderr.split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "reads │ using ***",
        "throws │ log ***",
        "[3/4] throws ✖ attempt 1/2: denied: ***; again in 0ms",
        "⚠ hook hooks[0] failed on before_run, the run goes on: exited with code 1: ***",
        "  ⚠ stage 2 (writes) failed, tolerated: exited with code 1",
        "  ⚠ stage 3 (throws) failed after 2 attempts, tolerated: denied: ***",
        "  ⚠ hook told (after_run) failed: told ***",
      ]),
    );
    const payloads = readFileSync(join(folder, "hook.ndjson"), "utf8")
      .trim()
      .split("\n")
      .filter((line) => line !== "");
    const first = JSON.parse(payloads[0] ?? "") as { event: string; meta: { note: string } };
    expect([first.event, first.meta.note]).toEqual(["before_run", "***"]);
    expect(payloads.some((line) => line.includes(`"token":"***"`))).toBe(true);
  });

  test("one that is too short to be masked is shown, with a warning", async () => {
    const { stdout, stderr } = await leak([]);
    expect([stdout.includes(`"pin": "1234"`), stderr.startsWith(WARNING), stderr.split(WARNING).length]).toEqual([true, true, 2]);
  });

  test("nor in what a module prints to the console, or in the error that it leaves behind", async () => {
    const program = startProgram(["run", "waits.toml"], {
      cwd: folderWith({
        "waits.mjs": `export default ({}, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));`,
        "waits.toml": `[secrets]\nenv = ["VAULT_TOKEN"]\n[agents.a]\ntype = "module"\nmodule = "waits.mjs"\n[orchestration.sequential]\nagents = ["a"]\n`,
      }),
      env: { VAULT_TOKEN: SECRET },
    });
    await program.says("…\n");
    program.print(`token ${SECRET}\n`);
    program.stop(Object.assign(new Error(`no ${SECRET}`), { stack: "" }));
    expect(await program.end).toEqual({
      code: 1,
      stdout: "",
      stderr: `[1/1] a …
token ***
agentflow: a module left an error that nobody caught: no ***; stopping
[1/1] a ✖ cancelled after 0ms: a module left an error that nobody caught: no ***
✖ waits was cancelled after 0ms
  stage 1 (a) failed: a module left an error that nobody caught: no ***

  finished: no stage
  kept: the run and its input; this goes on with it:
    agentflow resume id-1
`,
    });
  });

  test("nor where an input is refused", async () => {
    const cwd = folderWith({
      "typed.toml": `[secrets]\nenv = ["VAULT_TOKEN"]\n[inputs.n]\ntype = "integer"\n[agents.a]\ntype = "canned"\n[orchestration.sequential]\nagents = ["a"]\n`,
    });
    expect(await runProgram(["run", "typed.toml", "--input", `n:="${SECRET}"`], { cwd, env: { VAULT_TOKEN: SECRET } })).toEqual({
      code: 2,
      stdout: "",
      stderr: 'agentflow: the input `n` must be an integer, but is "***"\n',
    });
  });
});

describe("what a store keeps of a run with secrets", () => {
  const file = (agents: string, names = ["TOKEN"]): string => `secrets = { env = ${JSON.stringify(names)} }\n${agents}`;
  /** `b` fails where `closed` is in its environment. */
  const TWO = `[agents.succeeded]
type = "canned"
reply = { said = "hello-hello" }
[agents.b]
type = "script"
shell = 'test -z "$CLOSED" && echo "{\\"heard\\": \\"$LOUD\\"}"'
env = { LOUD = "hello-hello" }
[orchestration.sequential]
agents = ["succeeded", "b"]
`;

  test.each(["sequential", "succeeded", "tolerated"])(
    "a secret that is %s by coincidence breaks neither show nor resume",
    async (TOKEN) => {
      const cwd = folderWith({ "two.toml": file(TWO) });
      expect((await runProgram(["run", "two.toml", "--run-id", "r", "--quiet"], { cwd, env: { TOKEN, CLOSED: "1" } })).code).toBe(1);
      for (const env of [undefined, { TOKEN }]) expect((await runProgram(["show", "r"], { cwd, ...(env && { env }) })).code).toBe(0);
      const { code, stderr } = await runProgram(["resume", "r"], { cwd, env: { TOKEN: "another-value" } });
      expect({ code, stderr }).toMatchObject({ code: 0 });
    },
  );

  test("a secret that is a word of agentflow's own hides what agents made, and not how the run ended", async () => {
    const cwd = folderWith({ "p.toml": `${oneStage('type = "canned"\nreply = { x = "succeeded" }')}\n[secrets]\nenv = ["TOKEN"]\n` });
    const { code, stdout } = await runProgram(["run", "p.toml", "--quiet"], { cwd, env: { TOKEN: "succeeded" } });
    expect({ code, state: JSON.parse(stdout) as unknown }).toEqual({ code: 0, state: { x: "***" } });
  });

  test("one that stands in the file, and has changed since, is not filled in", async () => {
    const cwd = folderWith({ "two.toml": file(TWO) });
    const TOKEN = "hello-hello";
    expect((await runProgram(["run", "two.toml", "--run-id", "r", "--quiet"], { cwd, env: { TOKEN, CLOSED: "1" } })).code).toBe(1);
    expect(await runProgram(["resume", "r", "--force"], { cwd, env: { TOKEN: "bye-bye-bye" } })).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: the secret TOKEN that stands in the pipeline file of the run r has changed since; set it as it was\n",
    });
    expect((await runProgram(["resume", "r", "--output", "none"], { cwd, env: { TOKEN } })).code).toBe(0);
  });

  test("a rerun hides what the file of the run it comes from named as a secret", async () => {
    const cwd = folderWith({ "two.toml": file(TWO) });
    const env = { TOKEN: SECRET };
    const given = ["--input", `key=${SECRET}`];
    expect((await runProgram(["run", "two.toml", "--run-id", "r", "--quiet", ...given], { cwd, env })).code).toBe(0);
    writeFileSync(join(cwd, "two.toml"), file(TWO, []).replace('"hello-hello" }\n[orch', `"{{ key }}" }\n[orch`));
    const { code, stdout, stderr } = await runProgram(["rerun", "r", "--from", "b", "--verbose", "--events"], { cwd, env });
    expect({ code, shown: (stdout + stderr).includes(SECRET) }).toEqual({ code: 0, shown: false });
    expect((await runProgram(["show", "latest", "--json"], { cwd })).stdout).not.toContain(SECRET);
  });

  test("an input that a rerun does not take any more is masked where that is said", async () => {
    const cwd = folderWith({ "two.toml": file(TWO) });
    const env = { TOKEN: SECRET };
    await runProgram(["run", "two.toml", "--run-id", "r", "--quiet", "--input", `key=${SECRET}`], { cwd, env });
    writeFileSync(join(cwd, "two.toml"), file(`[inputs.key]\ntype = "integer"\n${TWO}`));
    expect((await runProgram(["rerun", "r", "--from", "b"], { cwd, env })).stderr).toBe(
      'agentflow: the input of the run r does not fit the pipeline as it is now: the input `key` must be an integer, but is "***"\n',
    );
  });

  test.each([
    ["--run-id", "the run's id holds the value of TOKEN; it is shown, so give another one"],
    ["--session", "the session's id holds the value of TOKEN; it is shown, so give another one"],
  ])("%s must not hold one: it is shown", async (flag, problem) => {
    const cwd = folderWith({ "two.toml": file(TWO) });
    const refused = { code: 2, stdout: "", stderr: `agentflow: ${problem}\n` };
    const env = { TOKEN: SECRET };
    expect(await runProgram(["run", "two.toml", flag, `a-${SECRET}`], { cwd, env })).toEqual(refused);
    expect((await runProgram(["run", "two.toml", "--run-id", "r", "--quiet"], { cwd, env })).code).toBe(0);
    expect(await runProgram(["rerun", "r", "--from", "b", "--quiet", flag, `a-${SECRET}`], { cwd, env })).toEqual(refused);
  });
});

/** Prints something as long as `before`, and the secret after it. */
const prints = (before: number): string => `head -c ${before} /dev/zero | tr "\\0" x; printf %s "$TOKEN"`;

describe("a secret is not cut in two where a text is cut:", () => {
  test.each<[string, string]>([
    ["a long line of stderr, at its 2,000th character", `(${prints(1_990)}) >&2; exit 1`],
    [
      "a longer one, where it is passed on in pieces",
      `(head -c 75000 /dev/zero | tr "\\0" x; printf correct; sleep 0.1; printf %s "\${TOKEN#correct}") >&2; exit 1`,
    ],
    ["the end of stdout", `printf %s "$TOKEN"; head -c 3990 /dev/zero | tr "\\0" x; exit 1`],
    ["the beginning of what is no JSON", prints(70)],
    ["where a parser quotes what it found", `printf "[1, %s]" "$TOKEN"`],
  ])("%s", async (_, shell) => {
    const cwd = folderWith({ "cut.toml": `secrets = { env = ["TOKEN"] }\n${oneStage(`type = "script"\nshell = '${shell}'`)}` });
    const env = { TOKEN: SECRET };
    const { code, stdout, stderr } = await runProgram(["run", "cut.toml", "--run-id", "r", "--verbose", "--events"], { cwd, env });
    const shown = await runProgram(["show", "r", "--json"], { cwd });
    expect({ code, told: /corr|hors|batt|tery/.exec(stdout + stderr + shown.stdout)?.[0] }).toEqual({ code: 1, told: undefined });
  });

  test("what a hook says last", async () => {
    const hook = `[[hooks]]\non = "after_run"\ncommand = ["sh", "-c", '(${prints(1_990)}) >&2; exit 1']\n`;
    const cwd = folderWith({ "cut.toml": `secrets = { env = ["TOKEN"] }\n${oneStage(`type = "canned"`)}\n${hook}` });
    const { code, stdout } = await runProgram(["run", "cut.toml", "--events"], { cwd, env: { TOKEN: SECRET } });
    expect({ code, said: stdout.includes("xxx"), told: /corr|hors/.exec(stdout)?.[0] }).toEqual({ code: 0, said: true, told: undefined });
  });
});
