import { describe, expect, test } from "vitest";
import { EXIT, EXIT_CODES_HELP } from "../../src/cli/exit-codes.ts";
import type { StopReason } from "../../src/cli/io.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, type ProgramWorld, type RunningProgram, runProgram, startProgram } from "../support/program.ts";
import { stillClock } from "../support/still-clock.ts";

const cwd = folderWith({
  "good.toml": oneStage(`type = "canned"`),
  "waits.toml": oneStage(`type = "canned"\ndelay = "30m"`),
  "retries.toml": oneStage(
    `type = "canned"\nfail = "server_error"\nretries = 5\nretry_delay = "30m"\nretry_max_delay = "30m"\nretry_jitter = false`,
  ),
  "group.toml": `
[agents.quick]
type = "canned"
reply = { quick = 1 }
[agents.slow]
type = "canned"
delay = "30m"
[orchestration.sequential]
agents = ["both"]
[orchestration.sequential.parallel.both]
agents = ["quick", "slow"]
`,
  "bad.toml": oneStage(`type = "canned"\nfail = "server_error"`),
  "tolerated.toml": oneStage(`type = "canned"\nfail = "server_error"\non_error = "continue"`),
  "slow.toml": oneStage(`type = "canned"\ndelay = "30m"\ntimeout = "10s"`),
  "late.toml": oneStage(`type = "canned"\ndelay = "30m"`, `[orchestration]\ntimeout = "10s"\n`),
  "goes-on.toml": `
[agents.a]
type = "canned"
fail = "server_error"
[agents.b]
type = "canned"
reply = { b = 1 }
[orchestration.sequential]
agents = ["a", "b"]
[orchestration.sequential.pipeline]
fail_fast = false
`,
  "typo.toml": oneStage(`type = "caned"`),
  "script.toml": oneStage(`type = "script"\ncommand = ["no-such-program"]`),
  "waits.mjs": `export default ({}, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));`,
  "module.toml": oneStage(`type = "module"\nmodule = "waits.mjs"`),
  "outer.toml": oneStage(`type = "pipeline"\nfile = "module.toml"`),
  "hooks.toml": oneStage(`type = "canned"\ndelay = "30m"`, `[[hooks]]\non = "branch"\nmodule = "waits.mjs"\n`),
  "hooked.toml": oneStage(`type = "canned"\ndelay = "30m"`, `[[hooks]]\non = "after_run"\nmodule = "waits.mjs"\n`),
});

const run = (args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> =>
  runProgram(args, { cwd, clock: stillClock({ speed: 1000 }), ownStore: true, ...world });

describe("the exit code says why it ended:", () => {
  test.each<[code: keyof typeof EXIT, sentence: string, args: readonly string[]]>([
    ["ok", "the run succeeded", ["run", "good.toml"]],
    ["ok", "the files are valid", ["validate", "good.toml", "bad.toml"]],
    ["ok", "a failure was tolerated", ["run", "tolerated.toml"]],
    ["ok", "a dry run", ["run", "good.toml", "--dry-run"]],
    ["failed", "a stage failed", ["run", "bad.toml"]],
    ["failed", "row 127: a stage's timeout is a failure like others", ["run", "slow.toml"]],
    ["failed", "row 78: a failure that the run went on after", ["run", "goes-on.toml"]],
    ["failed", "a file is not valid", ["validate", "good.toml", "typo.toml"]],
    ["usage", "wrong usage", ["run", "good.toml", "--what"]],
    ["usage", "a file that cannot be read", ["run", "nowhere.toml"]],
    ["usage", "the same, to be checked", ["validate", "nowhere.toml"]],
    ["usage", "an invalid pipeline", ["run", "typo.toml"]],
    ["usage", "a bad input", ["run", "good.toml", "--input", "x"]],
    ["usage", "a machine that lacks something", ["run", "script.toml"]],
    ["timedOut", "row 73: the pipeline's timeout", ["run", "late.toml"]],
    ["timedOut", "--timeout, instead of the file's", ["run", "waits.toml", "--timeout", "20s"]],
    ["failed", "--timeout none: only the stage's is left", ["run", "slow.toml", "--timeout", "none"]],
  ])("%s: %s", async (code, _sentence, args) => {
    expect((await run(args)).code).toBe(EXIT[code]);
  });

  test("the codes are what the help says they are", () => {
    const told = [...EXIT_CODES_HELP.matchAll(/\d+/g)].map(([code]) => Number(code)).toSorted((a, b) => a - b);
    expect(told).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
    expect(EXIT).toEqual({ ok: 0, failed: 1, usage: 2, bug: 70, store: 74, timedOut: 124, SIGHUP: 129, SIGINT: 130, SIGTERM: 143 });
  });
});

describe("row 127: the message tells a stage's timeout from the pipeline's and from a cancellation:", () => {
  const first = ({ stderr }: ProgramEnd): string[] => stderr.split("\n").slice(0, 2);

  test.each([
    ["slow.toml", ["✖ slow failed after 0ms", "  stage 1 (a) failed: it did not end within 10s"]],
    ["late.toml", ["✖ late ran out of time after 0ms", "  stage 1 (a) failed: the pipeline's timeout of 10s is over"]],
  ])("%s", async (file, lines) => {
    expect(first(await run(["run", file, "--quiet"]))).toEqual(lines);
  });

  test("a signal", async () => {
    const program = startProgram(["run", "waits.toml", "--events", "--quiet"], { cwd, ownStore: true });
    await program.prints('"attempt-start"');
    program.stop("SIGTERM");
    expect(first(await program.end)).toEqual([
      "agentflow: SIGTERM: stopping; once more to stop without waiting",
      "✖ waits was cancelled after 0ms",
    ]);
  });
});

/** Starts a run, stops it for these reasons once it is under way, and waits for its end. */
async function stopped(
  file: string,
  reasons: readonly StopReason[],
  flags: readonly string[] = [],
): Promise<ProgramEnd & { program: RunningProgram }> {
  const program = startProgram(["run", file, ...flags], { cwd, ownStore: true });
  await program.says(file === "retries.toml" ? "again in 30m" : "…\n");
  // A turn later the agent has been called.
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const reason of reasons) program.stop(reason);
  return { ...(await program.end), program };
}

describe("row 15: a signal stops the run, and its code is the signal's:", () => {
  test.each([
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s", async (signal, code) => {
    const end = await stopped("waits.toml", [signal]);
    expect({ code: end.code, stdout: end.stdout, stderr: end.stderr }).toEqual({
      code,
      stdout: "",
      stderr: `[1/1] a …
agentflow: ${signal}: stopping; once more to stop without waiting
[1/1] a ✖ cancelled after 0ms: the run was stopped by ${signal}
✖ waits was cancelled after 0ms
  stage 1 (a) failed: the run was stopped by ${signal}

  finished: no stage
  kept: the run and its input; this goes on with it:
    agentflow resume id-1
`,
    });
  });

  test("in the wait before another attempt", async () => {
    const { code, stderr } = await stopped("retries.toml", ["SIGINT"]);
    expect({ code, attempts: stderr.match(/attempt \d\/6/g) }).toEqual({ code: 130, attempts: ["attempt 1/6"] });
  });

  test("in a group, whose finished members stay in the result", async () => {
    const { code, stdout } = await stopped("group.toml", ["SIGINT"], ["--output", "result"]);
    const result = JSON.parse(stdout) as { status: string; state: unknown; stages: { name: string; status: string }[] };
    expect({ code, status: result.status, state: result.state, stages: result.stages.map(({ name, status }) => [name, status]) }).toEqual({
      code: 130,
      status: "cancelled",
      state: {},
      stages: [
        ["both", "cancelled"],
        ["quick", "succeeded"],
        ["slow", "cancelled"],
      ],
    });
  });

  test("a second one does not wait: there is no result, and the code is that of the first", async () => {
    const end = await stopped("hooked.toml", ["SIGTERM", "SIGINT"], ["--output", "result"]);
    expect({ code: end.code, stdout: end.stdout, last: end.stderr.split("\n").slice(-3) }).toEqual({
      code: 143,
      stdout: "",
      last: ["agentflow: what had finished is kept; this goes on with it:", "    agentflow resume id-1", ""],
    });
  });

  test("after the end it is nobody's: nothing listens any more", async () => {
    const { code, stderr, program } = await stopped("waits.toml", ["SIGINT"]);
    program.stop("SIGTERM");
    expect([code, program.stderr()]).toEqual([130, stderr]);
  });
});

describe("what a module leaves behind stops the run, which fails:", () => {
  const error = Object.assign(new Error("lost"), { stack: `Error: lost\n    at later (file:///tmp/a.mjs:3:9)\n    at more` });
  const idle = "nothing can happen any more: a module waits for something that never comes";

  test.each<[sentence: string, file: string, reason: StopReason, text: string]>([
    [
      "an error that nobody caught",
      "module.toml",
      error,
      "a module left an error that nobody caught: lost, at later (file:///tmp/a.mjs:3:9)",
    ],
    [
      "the same without a place",
      "module.toml",
      Object.assign(new Error("lost"), { stack: "Error: lost" }),
      "a module left an error that nobody caught: lost",
    ],
    ["a wait for something that never comes", "module.toml", "idle", idle],
    ["the same in a nested pipeline", "outer.toml", "idle", idle],
    ["the same where only a hook is a module", "hooks.toml", "idle", idle],
  ])("%s", async (_sentence, file, reason, text) => {
    const { code, stdout, stderr } = await stopped(file, [reason]);
    const told = stderr.split("\n").filter((line) => line.startsWith("agentflow: ") || line.startsWith("  stage"));
    expect({ code, stdout, told: told.slice(0, 2) }).toEqual({
      code: 1,
      stdout: "",
      told: [`agentflow: ${text}; stopping`, expect.stringMatching(/^ {2}stage 1 \(a\) failed/)],
    });
    expect(told[1]).toContain(text);
  });

  test("where there is no module it is a bug, for whoever started the program", async () => {
    const program = startProgram(["run", "waits.toml"], { cwd, ownStore: true });
    await program.says("…\n");
    program.stop(error);
    await expect(program.end).rejects.toBe(error);
    const idler = startProgram(["run", "waits.toml"], { cwd, ownStore: true });
    await idler.says("…\n");
    idler.stop("idle");
    await expect(idler.end).rejects.toThrow("nothing can happen any more, but the run has not ended");
  });

  test("a signal after it counts as the first", async () => {
    const { code } = await stopped("module.toml", [error, "SIGTERM"]);
    expect(code).toBe(143);
  });
});

test("a bug is not hidden: it reaches whoever started the program", async () => {
  const world = {
    cwd,
    ownStore: true,
    clock: {
      ...stillClock(),
      now: () => {
        throw new RangeError("broken clock");
      },
    },
  };
  await expect(runProgram(["run", "good.toml"], world)).rejects.toThrow("broken clock");
});
