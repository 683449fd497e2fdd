import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Stamped } from "../../src/index.ts";
import { eventOf, recordOf } from "../../src/store/contract-samples.ts";
import { commandStarter } from "../support/command.ts";
import { folderWith } from "../support/folder.ts";
import { keep, storeIn, withStoreIn } from "../support/kept.ts";
import { oneStage } from "../support/one-stage.ts";
import { runProgram, startProgram } from "../support/program.ts";

const parsed = (text: string): Stamped[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Stamped);
const typesOf = (text: string): string[] => parsed(text).map(({ type }) => type);

describe("events", () => {
  test("prints what was kept, one line each, without data", async () => {
    const cwd = folderWith({ "p.toml": oneStage('type = "canned"\nreply = { a = 1 }') });
    await runProgram(["run", "p.toml", "--run-id", "r", "--session", "s", "--input", "topic=tea"], { cwd });
    const { code, stdout, stderr } = await runProgram(["events", "latest"], { cwd });
    const stage = { name: "a", number: 1, total: 1, visit: 1, group: null };
    const meta = { session_id: "s", pipeline_id: "p", run_id: "r", total_stages: "1" };
    const attempt = { agent: "a", attempt: 1, attempts: 1 };
    const ended = { status: "succeeded", duration_ms: 0, failure: null };
    const told = [
      { type: "run-start", nested: null, pipeline_id: "p", session_id: "s", total_stages: 1, meta, resumed: false },
      { type: "stage-start", stage, agent: "a" },
      { type: "attempt-start", stage, ...attempt },
      { type: "attempt-end", stage, ...attempt, ...ended, retry_in_ms: null, fallback: null, usage: null },
      { type: "stage-end", stage, agent: "a", attempt: 1, ...ended, usage: null },
      { type: "run-end", nested: null, status: "succeeded", duration_ms: 0, meta: { ...meta, pipeline_completed: "true" }, error: null },
    ];
    const at = "2030-01-01T00:00:00.000Z";
    expect({ code, stderr, events: parsed(stdout) }).toEqual({
      code: 0,
      stderr: "",
      events: told.map((event, index) => ({ version: 1, seq: index + 1, at, run_id: "r", ...event })),
    });
  });

  test("of a run without events, nothing", async () => {
    const cwd = folderWith({});
    await withStoreIn(cwd, (store) => keep(store, { id: "r", startedAt: 0 }));
    expect(await runProgram(["events", "r"], { cwd })).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("of a run that nobody knows, wrong usage", async () => {
    const cwd = folderWith({});
    await withStoreIn(cwd, (store) => keep(store, { id: "r", startedAt: 0 }));
    expect((await runProgram(["events", "x"], { cwd })).code).toBe(2);
  });
});

describe("events --follow", () => {
  /** A run that this process drives, as another one sees it. */
  const driven = async () => {
    const cwd = folderWith({});
    const store = await storeIn(cwd);
    const run = await store.create(recordOf("r"));
    run.keepEvent(eventOf("r", 1));
    return { cwd, store, run };
  };

  test("of a run that is over, is as without", async () => {
    const { cwd, store, run } = await driven();
    await run.end({ status: "succeeded", ended_at: 1, stopped_at: null, result: null });
    await store.close();
    const end = await runProgram(["events", "r", "--follow"], { cwd });
    expect({ ...end, stdout: parsed(end.stdout).map(({ seq }) => seq) }).toEqual({ code: 0, stdout: [1], stderr: "" });
  });

  test("waits for more until the run is over", async () => {
    const { cwd, store, run } = await driven();
    const program = startProgram(["events", "r", "--follow"], { cwd });
    await program.prints('"seq":1,');
    run.keepEvent(eventOf("r", 2));
    await program.prints('"seq":2,');
    run.keepEvent(eventOf("r", 3));
    await run.end({ status: "succeeded", ended_at: 1, stopped_at: null, result: null });
    await store.close();
    const end = await program.end;
    expect({ ...end, stdout: parsed(end.stdout).map(({ seq }) => seq) }).toEqual({ code: 0, stdout: [1, 2, 3], stderr: "" });
  });

  test("ends where nobody drives the run, and says what to do", async () => {
    const { cwd, store, run } = await driven();
    const program = startProgram(["events", "r", "--follow"], { cwd });
    await program.prints('"seq":1,');
    await run.release();
    await store.close();
    const stderr = "agentflow: the run r was interrupted, and no process drives it; `agentflow resume r` goes on with it\n";
    const first = await program.end;
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr });
    const second = await runProgram(["events", "r", "--follow"], { cwd });
    expect({ ...second, stdout: typesOf(second.stdout) }).toEqual({ code: 0, stdout: ["run-end"], stderr });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends the looking, not the run", async (signal, code) => {
    const { cwd, store, run } = await driven();
    const program = startProgram(["events", "r", "--follow"], { cwd });
    await program.prints('"seq":1,');
    program.stop(signal);
    const end = await program.end;
    const [summary] = await store.list();
    await run.release();
    await store.close();
    expect({ code: end.code, stderr: end.stderr, status: summary?.status, owner: summary?.owner?.pid }).toEqual({
      code,
      stderr: "",
      status: "running",
      owner: 4242,
    });
  });

  test("a bug is reported as one", async () => {
    const { cwd, store, run } = await driven();
    const program = startProgram(["events", "r", "--follow"], { cwd });
    await program.prints('"seq":1,');
    program.stop(new Error("a bug"));
    await expect(program.end).rejects.toThrow("a bug");
    await run.release();
    await store.close();
  });

  test("ends when its reader has gone away", async () => {
    const { cwd, store, run } = await driven();
    const program = startProgram(["events", "r", "--follow"], { cwd });
    await program.prints('"seq":1,');
    program.closeStdout();
    const { code, stderr } = await program.end;
    await run.release();
    await store.close();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

const WAITS_AGAIN = `type = "script"\ncommand = ["sh", "-c", "until [ -e on ]; do sleep 0.02; done; echo {}"]`;
const STAGE = ["stage-start", "attempt-start", "attempt-end", "stage-end"];

describe("in a process of its own", () => {
  const start = commandStarter();
  const files = {
    "waits.toml": `[agents.a]\ntype = "script"\ncommand = ["sh", "-c", "until [ -e go ]; do sleep 0.02; done; echo {}"]\n[agents.b]\ntype = "canned"\n[orchestration.sequential]\nagents = ["a", "b"]\n`,
  };

  test("follows a run in another process to its end", async () => {
    const cwd = folderWith(files);
    const run = start(["run", "waits.toml", "--run-id", "r"], { cwd });
    await run.says(/a …/);
    const follower = start(["events", "r", "--follow"], { cwd });
    while (!follower.stdout().includes('"attempt-start"')) await delay(10);
    writeFileSync(join(cwd, "go"), "");
    const [ran, followed] = await Promise.all([run.end, follower.end]);
    expect({ ran: ran.code, code: followed.code, stderr: followed.stderr, types: typesOf(followed.stdout) }).toEqual({
      ran: 0,
      code: 0,
      stderr: "",
      types: ["run-start", ...STAGE, ...STAGE, "run-end"],
    });
  });

  test("Ctrl-C ends it with 130, a reader that leaves with 0, and the run goes on", async () => {
    const cwd = folderWith({ "twice.toml": files["waits.toml"].replace('type = "canned"', WAITS_AGAIN) });
    const run = start(["run", "twice.toml", "--run-id", "r"], { cwd });
    await run.says(/a …/);
    const stopped = start(["events", "r", "--follow"], { cwd });
    const left = start(["events", "r", "--follow"], { cwd });
    while (!stopped.stdout().includes('"attempt-start"') || !left.stdout().includes('"attempt-start"')) await delay(10);
    stopped.child.kill("SIGINT");
    left.child.stdout?.destroy();
    expect(await stopped.end).toMatchObject({ code: 130, stderr: "" });
    expect(existsSync(join(cwd, "go"))).toBe(false);
    writeFileSync(join(cwd, "go"), "");
    expect(await left.end).toMatchObject({ code: 0, stderr: "" });
    expect(run.child.exitCode).toBe(null);
    writeFileSync(join(cwd, "on"), "");
    expect((await run.end).code).toBe(0);
  });

  test("a run that is killed ends the following", async () => {
    const cwd = folderWith({
      ...files,
      "waits.toml": oneStage('type = "module"\nmodule = "waits.mjs"'),
      "waits.mjs": "setTimeout(() => {}, 60000);\nexport default () => new Promise(() => {});\n",
    });
    const run = start(["run", "waits.toml", "--run-id", "r"], { cwd });
    await run.says(/a …/);
    const follower = start(["events", "r", "--follow"], { cwd });
    while (!follower.stdout().includes('"attempt-start"')) await delay(10);
    run.child.kill("SIGKILL");
    expect(await follower.end).toMatchObject({
      code: 0,
      stderr: "agentflow: the run r was interrupted, and no process drives it; `agentflow resume r` goes on with it\n",
    });
    const shown = start(["show", "r"], { cwd });
    const { code, stdout } = await shown.end;
    expect({ code, first: stdout.split("\n")[0], stage: /^1 {2}a.*(?= \d)/m.exec(stdout)?.[0] }).toEqual({
      code: 0,
      first: "waits: interrupted",
      stage: "1  a      ⚠ interrupted ",
    });
  });
});
