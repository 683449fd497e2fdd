import { spawnSync } from "node:child_process";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { ScriptCallPlan } from "../../src/plan/plan.ts";
import type { CallOptions } from "./calls.ts";
import { callOf, failureOf, isRunning, listen, PROGRAMS, scriptPlan, template, testRunner } from "./calls.ts";
import { AgentError } from "../../src/engine/failure.ts";

const runner = testRunner({ env: { GREETING: "hello", EMPTY: undefined, AGENTFLOW_RUN_ID: "of an outer run" } });
afterAll(() => runner.close());

const run = (command: string | readonly string[], changes: Partial<ScriptCallPlan> = {}, options: CallOptions = {}) =>
  runner.call(callOf(scriptPlan(command, changes), options));
const program = (name: string, ...args: string[]): string[] => (name.endsWith(".mjs") ? ["node", name, ...args] : [`./${name}`, ...args]);

describe("a script gets", () => {
  test("its input on stdin as one line of JSON", async () => {
    const input = { source: "sales.csv", rows: [1, 2] };
    expect(await run(["cat"], { stdout: "text" }, { input })).toEqual({ output: '{"source":"sales.csv","rows":[1,2]}' });
    expect(await run(program("echo.mjs"), {}, { input })).toEqual({ output: input });
    expect(await run(["wc", "-l"], {}, { input })).toEqual({ output: 1 });
  });

  test("no stdin where it wants none", async () => {
    expect(await run(["cat"], { stdin: "none" }, { input: { a: 1 } })).toEqual({ output: undefined });
  });

  test("an input that is larger than any pipe", async () => {
    const input = { text: "x".repeat(1_000_000) };
    expect(await run(["cat"], {}, { input })).toEqual({ output: input });
  });

  test("each argument as one, whatever is in it; its directory; its environment", async () => {
    const plan = scriptPlan(["node", "prints-arguments.mjs", template((scope) => String(scope.names.title)), "$HOME; `id`", ""], {
      env: [
        { name: "FROM_STATE", value: template((scope) => String(scope.names.title)) },
        { name: "FROM_ENV", value: template((scope) => `${scope.env?.GREETING}, all`) },
        { name: "AGENTFLOW_STAGE", value: template("my own") },
      ],
    });
    const { output } = await runner.call(callOf(plan, { input: { title: "two words; and more" }, context: { attempt: 3 } }));
    const { args, cwd, env } = output as { args: string[]; cwd: string; env: Record<string, string> };
    expect(args).toEqual(["two words; and more", "$HOME; `id`", ""]);
    expect(cwd).toBe(PROGRAMS);
    expect(env).toEqual({
      PATH: process.env.PATH,
      GREETING: "hello",
      FROM_STATE: "two words; and more",
      FROM_ENV: "hello, all",
      AGENTFLOW_RUN_ID: "run-1",
      AGENTFLOW_PIPELINE_ID: "sales",
      AGENTFLOW_SESSION_ID: "session-1",
      AGENTFLOW_STAGE: "my own",
      AGENTFLOW_STAGE_NUMBER: "2",
      AGENTFLOW_TOTAL_STAGES: "3",
      AGENTFLOW_ATTEMPT: "3",
      AGENTFLOW_IDEMPOTENCY_KEY: "run-1/fetch~1",
    });
  });

  test("a shell where it asks for one", async () => {
    expect(await run('echo "$GREETING" | tr a-z A-Z; echo "$AGENTFLOW_STAGE_NUMBER"', { stdout: "lines" })).toEqual({
      output: ["HELLO", "2"],
    });
  });

  test("a process group of its own", async () => {
    const { output } = await run("ps -o pgid= -p $$; echo $$", { stdout: "lines" });
    const [group, pid] = (output as string[]).map((line) => line.trim());
    expect(group).toBe(pid);
  });
});

describe("a script may", () => {
  test("print nothing", async () => expect(await run(["true"])).toEqual({ output: undefined }));
  test("never read its stdin", async () => {
    expect(await run(program("never-reads-stdin.sh"), {}, { input: { text: "x".repeat(1_000_000) } })).toEqual({ output: { read: false } });
  });
  test("close its stdin", async () => {
    expect(await run(program("closes-stdin.sh"), {}, { input: { text: "x".repeat(1_000_000) } })).toEqual({ output: { closed: true } });
  });
  test("leave its output to a process that ends after it", async () => {
    expect(await run(program("holds-pipe-for-a-moment.sh"))).toEqual({ output: { late: true } });
  });
  test("print just as much as it is allowed to", async () => {
    expect(await run(["printf", "12345"], { stdout: "text", maxOutput: 5 })).toEqual({ output: "12345" });
  });

  test("write to stderr: each line is logged, the last one without an end too", async () => {
    const { log, lines } = listen();
    await run("printf 'one\\r\\n\\nthree\\303' >&2", {}, { log });
    expect(lines).toEqual(["one", "", "three\ufffd"]);
  });
  test("write characters in pieces, and lines without end", async () => {
    const { log, lines } = listen();
    await run("printf '\\303' >&2; sleep 0.02; printf '\\274\\n' >&2; head -c 200000 /dev/zero | tr '\\0' x >&2", {}, { log });
    expect(lines[0]).toBe("ü");
    expect(lines.slice(1).join("")).toBe("x".repeat(200_000));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(131_072);
  });
});

describe("a script fails", () => {
  const failures: readonly [
    sentence: string,
    command: string | readonly string[],
    changes: Partial<ScriptCallPlan>,
    failure: Record<string, unknown>,
  ][] = [
    [
      "when it exits with another code than 0, with the end of its stderr",
      program("exits-with-code.sh", "3"),
      {},
      { kind: "exit", message: "exited with code 3", detail: "first\nno such table: sales" },
    ],
    [
      "with the end of its stdout where stderr is empty",
      program("fails-on-stdout.sh"),
      {},
      { kind: "exit", message: "exited with code 2", detail: "usage: report FILE" },
    ],
    ["when it says nothing at all", ["false"], {}, { kind: "exit", message: "exited with code 1", detail: undefined }],
    ["when a signal ends it", program("dies-by-signal.sh", "SEGV"), {}, { kind: "signal", message: "was ended by SIGSEGV" }],
    ["when somebody else kills it", program("dies-by-signal.sh", "KILL"), {}, { kind: "signal", message: "was ended by SIGKILL" }],
    [
      "when it prints nonsense",
      program("prints-nonsense.sh"),
      {},
      { kind: "invalid_output", message: 'stdout is not JSON; it begins with "Hello, world"', detail: "warning: this is a drill" },
    ],
    [
      "when it prints half a JSON",
      program("prints-half-json.sh"),
      {},
      { kind: "invalid_output", message: 'stdout is not JSON; it begins with "{\\"rows\\": [1, 2"' },
    ],
    [
      "when it prints bytes that are not UTF-8",
      program("prints-bytes.mjs", "6162ff"),
      { stdout: "text" },
      { kind: "invalid_output", message: 'stdout is not valid UTF-8; it begins with "ab\ufffd"' },
    ],
    [
      "when it prints more than it may",
      ["printf", "123456"],
      { stdout: "text", maxOutput: 5 },
      { kind: "invalid_output", message: "stdout is larger than max_output (5 bytes); the script was ended" },
    ],
    [
      "when its program is not there",
      ["no-such-program", "x"],
      {},
      { kind: "spawn", message: "cannot start `no-such-program`: there is no such program on the PATH" },
    ],
    [
      "when its file is not there",
      ["./no-such-file.sh"],
      {},
      { kind: "spawn", message: `cannot start \`./no-such-file.sh\`: there is no such file in ${PROGRAMS}` },
    ],
    [
      "when its file is not executable",
      ["./is-not-executable.sh"],
      {},
      {
        kind: "spawn",
        message: "cannot start `./is-not-executable.sh`: it is not an executable file; `chmod +x ./is-not-executable.sh` makes it one",
      },
    ],
    ["when it is a directory", [PROGRAMS], {}, { kind: "spawn", message: `cannot start \`${PROGRAMS}\`: it is a directory` }],
    [
      "when its interpreter is not there",
      ["./names-a-missing-interpreter.sh"],
      {},
      {
        kind: "spawn",
        message: "cannot start `./names-a-missing-interpreter.sh`: the interpreter that its first line names was not found",
      },
    ],
    [
      "when its directory is not there",
      ["true"],
      { cwd: "/no/such" },
      { kind: "spawn", message: "cannot start `true`: its working directory /no/such does not exist" },
    ],
    [
      "when its directory is a file",
      ["true"],
      { cwd: `${PROGRAMS}/echo.mjs` },
      { kind: "spawn", message: `cannot start \`true\`: its working directory ${PROGRAMS}/echo.mjs is not a directory` },
    ],
    [
      "when an argument is larger than the system takes",
      ["echo", "x".repeat(3_000_000)],
      {},
      {
        kind: "spawn",
        message: "cannot start `echo`: its arguments and environment are larger than the system allows; pass large values by stdin",
      },
    ],
    [
      "when an argument holds NUL",
      ["echo", "a\0b"],
      {},
      { kind: "spawn", message: "cannot start `echo`: an argument or a variable holds a NUL character" },
    ],
    [
      "when a variable holds NUL, and does not show it",
      ["true"],
      { env: [{ name: "TOKEN", value: template("se\0cret") }] },
      { kind: "spawn", message: "cannot start `true`: an argument or a variable holds a NUL character" },
    ],
    [
      "when its program is named by an empty text",
      [""],
      {},
      { kind: "spawn", message: "cannot start ``: the name of the program is empty" },
    ],
  ];

  test.each(failures)("%s", async (_sentence, command, changes, failure) => {
    expect(await failureOf(run(command, changes))).toMatchObject(failure);
  });

  test("with at most twenty lines of stderr, each of a bounded length", async () => {
    const { detail } = await failureOf(run(program("floods-stderr.sh", "1000")));
    expect(detail?.split("\n")).toEqual(Array.from({ length: 20 }, (_, index) => `line ${981 + index}`));
    const long = await failureOf(run("head -c 5000 /dev/zero | tr '\\0' x >&2; exit 1"));
    expect(long.detail).toBe(`${"x".repeat(2_000)}…`);
  });
});

describe("what a script started ends with it", () => {
  /** Whatever must not be waited for takes a minute: this is far from that, and far from what a machine under load needs. */
  const SOON_MS = 10_000;
  let pids: string[] = [];
  afterEach(() => {
    for (const pid of pids) if (isRunning(pid)) process.kill(Number(pid), "SIGKILL");
    pids = [];
  });

  /** Starts a program that says a process id on stderr, and stops it then. */
  async function stopped(
    command: string | readonly string[],
    options: { graceMs?: number; reason?: unknown; changes?: Partial<ScriptCallPlan> } = {},
  ) {
    const own = testRunner({ graceMs: options.graceMs ?? 60_000 });
    const controller = new AbortController();
    const { log, first } = listen();
    const call = own.call(callOf(scriptPlan(command, options.changes), { signal: controller.signal, log }));
    const pid = await Promise.race([first, call.then(() => Promise.reject(new Error("it ended by itself")))]);
    pids.push(pid);
    const start = performance.now();
    controller.abort(options.reason ?? new AgentError("timeout", "too slow"));
    const error = await failureOf(call);
    return { pid, error, tookMs: performance.now() - start };
  }

  test("row 126: a script that does not end is ended when its time is over", async () => {
    const { pid, error, tookMs } = await stopped(program("forever.sh"));
    expect({ kind: error.kind, message: error.message, detail: error.detail, running: isRunning(pid) }).toEqual({
      kind: "timeout",
      message: "too slow",
      detail: pid, // all that it had written to stderr
      running: false,
    });
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  test("row 15: so is one whose run was cancelled", async () => {
    const { pid, error } = await stopped(program("forever.sh"), { reason: "Ctrl-C" });
    expect({ kind: error.kind, message: error.message, detail: error.detail, running: isRunning(pid) }).toEqual({
      kind: "cancelled",
      message: "the call was cancelled",
      detail: undefined,
      running: false,
    });
  });

  test("one that ignores SIGTERM is killed after the grace", async () => {
    const { pid, tookMs } = await stopped(program("ignores-term.sh"), { graceMs: 150 });
    expect(isRunning(pid)).toBe(false);
    expect(tookMs).toBeGreaterThanOrEqual(145);
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  test("its own children end with it", async () => {
    const { pid, tookMs } = await stopped(program("spawns-grandchild.sh"));
    expect(isRunning(pid)).toBe(false);
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  test("a child that ignores SIGTERM is killed too, although the script has ended and no pipe is open", async () => {
    const { pid, tookMs } = await stopped(program("spawns-stubborn-grandchild.sh"), { graceMs: 150 });
    expect(isRunning(pid)).toBe(false);
    expect(tookMs).toBeLessThan(SOON_MS);
  });

  test("a process in another session that holds the pipe is not waited for", async () => {
    const { pid, error, tookMs } = await stopped(program("holds-pipe-setsid.mjs"), { graceMs: 150 });
    expect(error.kind).toBe("timeout");
    expect(tookMs).toBeLessThan(SOON_MS);
    expect(isRunning(pid)).toBe(true); // out of reach
  });

  test("nor where the script has failed", async () => {
    const { log, lines } = listen();
    const error = await failureOf(run(program("holds-pipe-setsid.mjs", "4"), {}, { log }));
    pids.push(lines[0] ?? "");
    expect(error.message).toBe("exited with code 4");
  });

  test("a process of the group that holds the pipe is waited for until the time is over, then ended", async () => {
    const { pid, error } = await stopped(program("holds-pipe.sh", "0"));
    expect({ kind: error.kind, running: isRunning(pid) }).toEqual({ kind: "timeout", running: false });
  });

  test("and ended at once where the script has failed", async () => {
    const { log, lines } = listen();
    const error = await failureOf(run(program("holds-pipe.sh", "5"), {}, { log }));
    pids.push(lines[0] ?? "");
    expect({ message: error.message, running: isRunning(pids[0]) }).toEqual({ message: "exited with code 5", running: false });
  });

  test("a process that it left behind is ended, and the log says so", async () => {
    const { log, lines } = listen();
    const reply = await run(program("leaves-background.sh"), {}, { log });
    pids.push(lines[0] ?? "");
    expect(reply).toEqual({ output: { done: true } });
    expect(isRunning(pids[0])).toBe(false);
    expect(lines.slice(1)).toEqual(["processes that the script had left running were ended"]);
  });

  test.skipIf(process.platform !== "linux")("a process that has ended and that nobody collects is not waited for", async () => {
    const { log, lines } = listen();
    const own = testRunner({ graceMs: 60_000 });
    const reply = await own.call(callOf(scriptPlan(program("leaves-zombie.sh")), { log }));
    pids.push(lines[0] ?? "");
    expect(reply).toEqual({ output: { done: true } });
    expect(lines).toHaveLength(1);
  });

  test("an agentflow that exits in a hurry leaves no script", async () => {
    const { stdout, status } = spawnSync(process.execPath, [`${PROGRAMS}/exits-during-a-script.mjs`], { encoding: "utf8" });
    pids.push(stdout);
    expect(status).toBe(7);
    await expect.poll(() => isRunning(stdout)).toBe(false);
  });

  test("a pipe that somebody else holds does not keep agentflow from ending", () => {
    const { stdout, status } = spawnSync(process.execPath, [`${PROGRAMS}/ends-after-a-script.mjs`], { encoding: "utf8", timeout: 5_000 });
    pids.push(stdout.trim());
    expect(status).toBe(0);
  });

  test("one that writes without end is ended when it has written too much", async () => {
    const { log, lines } = listen();
    const error = await failureOf(run(program("floods-stdout.sh"), { maxOutput: 100_000 }, { log }));
    pids.push(lines[0] ?? "");
    expect(error.message).toBe("stdout is larger than max_output (100000 bytes); the script was ended");
    expect(isRunning(pids[0])).toBe(false);
    expect(lines).toHaveLength(1);
  });

  test("one whose call is already cancelled is not started", async () => {
    const { log, lines } = listen();
    const signal = AbortSignal.abort(new AgentError("deadline", "no time left"));
    expect(await failureOf(run(["sh", "-c", "echo started >&2"], {}, { signal, log }))).toMatchObject({
      kind: "deadline",
      message: "no time left",
    });
    expect(lines).toEqual([]);
  });

  test("closing the runner ends what is under way and waits for it; killing it does not give grace", async () => {
    const ends = ["close", "kill"] as const;
    for (const end of ends) {
      const own = testRunner({ graceMs: end === "close" ? 100 : 60_000 });
      const { log, first } = listen();
      const failure = failureOf(own.call(callOf(scriptPlan(program("ignores-term.sh")), { log })));
      pids.push(await first);
      await own[end]();
      if (end === "kill") await failure;
      expect(isRunning(pids.at(-1))).toBe(false);
      expect((await failure).kind).toBe("cancelled");
    }
  });
});
