import { describe, expect, test } from "vitest";
import type { BreakerState } from "../../src/engine/breaker.ts";
import { circuitName, circuitOf } from "../../src/engine/circuit.ts";
import type { Outcome, StepContext } from "../../src/engine/durable.ts";
import type { AgentPlan } from "../../src/plan/plan.ts";
import {
  type AgentDefinition,
  AgentError,
  type AgentFunction,
  createMemoryJournal,
  definePipeline,
  type FailureKind,
  type Journal,
  type Json,
  type PipelineDefinition,
  type RunResult,
} from "../../src/index.ts";
import type { RunOptions } from "../../src/pipeline/pipeline.ts";
import { FAILURE_KINDS } from "../../src/spec/spec.ts";
import { createSharedValues } from "../../src/store/shared-values.ts";
import { fails, failsThen, gives } from "../support/agents.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

const SECOND = 1000;
const breaker = (max_failures = 2): AgentDefinition => ({ circuit_breaker: { max_failures, reset_after: "30s" } });

/** Runs of one pipeline, which share their circuits, one after the other or at the same time. */
async function runsOf(definition: PipelineDefinition, agents: Record<string, AgentFunction>, directory = ".") {
  const clock = virtualClock();
  const pipeline = await definePipeline(definition, { agents, clock, random: () => 0.999999, directory, env: {} });
  let runs = 0;
  const start = (options: RunOptions = {}): Promise<RunResult> => {
    runs += 1;
    return pipeline.run({ runId: `run-${runs}`, ...options });
  };
  return {
    clock,
    start,
    run: (options?: RunOptions) => clock.run(start(options)),
    all: (count: number) => clock.run(Promise.all(Array.from({ length: count }, () => start()))),
    pass: (ms: number) => clock.run(waitOn(clock, ms)),
  };
}

/** Counts how often an agent is called. */
function counting(agent: AgentFunction): { readonly inputs: unknown[]; readonly agent: AgentFunction } {
  const inputs: unknown[] = [];
  return {
    inputs,
    agent: (input, context) => {
      inputs.push(input);
      return agent(input, context);
    },
  };
}

/** Works until it is stopped, and fails then. */
const untilStopped: AgentFunction = (_input, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("stopped")));
  });

const one = (agent: AgentDefinition = breaker()): PipelineDefinition => pipelineOf({ agents: ["a"] }, { agents: { a: agent } });
const kindsOf = (results: readonly RunResult[]): string[] => results.map(({ status, error }) => error?.kind ?? status);
const messageOf = (result: RunResult): string | undefined => result.error?.message;

describe("row 103: while it is open, the stage is not run", () => {
  test("and the error says why, and for how long", async () => {
    const { agent, inputs } = counting(fails("offline"));
    const { run, pass } = await runsOf(one(), { a: agent });
    expect(messageOf(await run())).toBe("stage 1 (a) failed: offline");
    expect(messageOf(await run())).toBe("stage 1 (a) failed: offline; the circuit of `a` is open for 30s");
    await pass(5 * SECOND);
    const result = await run();
    expect(result.error).toMatchObject({
      kind: "circuit_open",
      message:
        "stage 1 (a) failed: the circuit of `a` is open after 2 failures in a row (last: offline); it lets one attempt through in 25s",
    });
    expect([inputs.length, stageLines(result)]).toEqual([2, ["1 a~1: a#1 circuit_open → failed"]]);
  });

  test("a single failure is no row", async () => {
    const { run } = await runsOf(one(breaker(1)), { a: fails("offline") });
    await run();
    expect(messageOf(await run())).toBe(
      "stage 1 (a) failed: the circuit of `a` is open after a failure (last: offline); it lets one attempt through in 30s",
    );
  });

  test("and not tried again, whatever its retries", async () => {
    const { run } = await runsOf(one({ ...breaker(1), retries: 5 }), { a: fails() });
    await run();
    const result = await run();
    expect([stageLines(result), result.duration_ms]).toEqual([["1 a~1: a#1 circuit_open → failed"], 0]);
  });

  test("and its fallback serves", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { ...breaker(1), fallback: "b" } } });
    const { run } = await runsOf(definition, { a: fails(), b: gives({ b: 1 }) });
    expect(stageLines(await run())).toEqual(["1 a~1: a#1 exit, b#1 ok → succeeded, wrote b"]);
    expect(stageLines(await run())).toEqual(["1 a~1: a#1 circuit_open, b#1 ok → succeeded, wrote b"]);
  });

  test("and on_error = continue tolerates it", async () => {
    const { run } = await runsOf(one({ ...breaker(1), on_error: "continue" }), { a: fails() });
    await run();
    expect(stageLines(await run())).toEqual(["1 a~1: a#1 circuit_open → tolerated"]);
  });
});

describe("row 102: what counts", () => {
  const circuitAfter = async (kind: FailureKind): Promise<string> => {
    const { run } = await runsOf(one(breaker(1)), {
      a: failsThen([new AgentError(kind, "no")]),
    });
    await run();
    return kindsOf([await run()])[0] as string;
  };
  const neutral = new Set<FailureKind>(["cancelled", "deadline", "invalid_request", "expression", "circuit_open"]);

  test.each(FAILURE_KINDS)("a failure of kind %s", async (kind) =>
    expect(await circuitAfter(kind)).toBe(neutral.has(kind) ? "succeeded" : "circuit_open"),
  );

  test("failures in a row: a success begins anew", async () => {
    const boom = new Error("boom");
    const { run } = await runsOf(one(), { a: failsThen([boom, undefined, boom, undefined, boom, boom]) });
    const results = [];
    for (let count = 0; count < 7; count += 1) results.push(await run());
    expect(kindsOf(results)).toEqual(["exit", "succeeded", "exit", "succeeded", "exit", "exit", "circuit_open"]);
  });

  test("an output that is not what was promised is a failure", async () => {
    const { run } = await runsOf(one({ ...breaker(1), writes: ["x"] }), { a: gives({}) });
    expect(kindsOf([await run(), await run()])).toEqual(["invalid_output", "circuit_open"]);
  });

  test("an input that cannot be made is none: the agent was not called", async () => {
    const { run } = await runsOf(one({ ...breaker(1), input: { x: "missing" } }), { a: gives({}) });
    expect(kindsOf([await run(), await run()])).toEqual(["expression", "expression"]);
  });

  test("a timeout does", async () => {
    const { run } = await runsOf(one({ ...breaker(1), timeout: "1s" }), { a: () => new Promise(() => {}) });
    expect(kindsOf([await run(), await run()])).toEqual(["timeout", "circuit_open"]);
  });

  test("a cancelled run does not, whatever its agent says then", async () => {
    const { run, clock } = await runsOf(one(breaker(1)), { a: untilStopped });
    for (const _ of [1, 2]) {
      const cancellation = new AbortController();
      clock.after(SECOND, () => cancellation.abort());
      expect((await run({ signal: cancellation.signal })).status).toBe("cancelled");
    }
  });

  test("the pipeline's own time does not", async () => {
    const { run } = await runsOf(one(breaker(1)), { a: untilStopped });
    expect((await run({ timeoutMs: 10 })).status).toBe("timed_out");
    expect((await run({ timeoutMs: 10 })).status).toBe("timed_out");
  });

  test("a member of a group that another one stopped does not", async () => {
    const definition = pipelineOf(
      { agents: ["g"], parallel: { g: { agents: ["a", "b"] } } },
      { agents: { a: { ...breaker(1), retries: 1 } } },
    );
    const { run } = await runsOf(definition, { a: untilStopped, b: failsThen([new Error("boom"), new Error("boom")]) });
    for (const _ of [1, 2]) expect(stageLines(await run())).toContain("1 a~1 (g): a#1 cancelled → cancelled");
  });
});

describe("row 99: each agent has its own", () => {
  test("in a pipeline, whichever stage it serves", async () => {
    const definition = pipelineOf(
      { agents: ["a", "b", "c"], pipeline: { fail_fast: false } },
      { agents: { a: breaker(), b: { ...breaker(), retries: 0 }, c: { fallback: "a" } } },
    );
    const { run } = await runsOf(definition, { a: fails(), b: gives({}), c: fails() });
    expect(stageLines(await run())).toEqual([
      "1 a~1: a#1 exit → failed",
      "2 b~1: b#1 ok → succeeded",
      "3 c~1: c#1 exit, a#1 exit → failed",
    ]);
    expect(stageLines(await run())).toEqual([
      "1 a~1: a#1 circuit_open → failed",
      "2 b~1: b#1 ok → succeeded",
      "3 c~1: c#1 exit, a#1 circuit_open → failed",
    ]);
  });

  test("one without a breaker is always called", async () => {
    const { agent, inputs } = counting(fails());
    const { run } = await runsOf(one({}), { a: agent });
    for (let count = 0; count < 5; count += 1) await run();
    expect(inputs).toHaveLength(5);
  });

  test("in a nested pipeline under that one's id, also where the outer one has an agent of this name", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["a"] }, { agents: { a: breaker(1) } }), name: "inner" } });
    const definition = pipelineOf(
      { agents: ["o", "a"], pipeline: { fail_fast: false } },
      { agents: { o: { type: "pipeline", file: "inner.toml" }, a: breaker(2) } },
    );
    const { run } = await runsOf(definition, { a: fails() }, directory);
    await run();
    expect(stageLines(await run())).toEqual([
      "1 o~1: o#1 circuit_open → failed",
      "1 o/a~1: a#1 circuit_open → failed",
      "2 a~1: a#1 exit → failed",
    ]);
  });

  test("it is kept under a name of its own, as plain JSON that says all; not where nothing was ever wrong", async () => {
    const shared = createSharedValues();
    const agent = { name: "a", timeoutMs: 5000, breaker: { maxFailures: 1, resetAfterMs: 30_000 } } as AgentPlan;
    const attempt = (holder: string) => circuitOf(agent, "test", holder, { shared, now: () => 1000 } as unknown as StepContext);
    await attempt("run-1/a~1!1#1").admit();
    await attempt("run-1/a~1!1#1").succeeded();
    expect(await shared.list()).toEqual([]);
    await attempt("run-2/a~1!1#1").failed({ kind: "exit", message: "offline" });
    const state: BreakerState = {
      status: "open",
      failures: 1,
      max_failures: 1,
      reset_after_ms: 30_000,
      opened_at: 1000,
      last_failure: "offline",
      probe: null,
    };
    expect(await shared.list()).toEqual([["breaker/test/a", state]]);
    expect(circuitName("test", "a")).toBe("breaker/test/a");
  });

  test("a value that is no circuit counts as none", async () => {
    const shared = createSharedValues();
    const agent = { name: "a", timeoutMs: 5000, breaker: { maxFailures: 1, resetAfterMs: 30_000 } } as AgentPlan;
    for (const value of ["open", {}, [1], { status: "open" }] as Json[]) {
      await shared.update("breaker/test/a", () => ({ value, result: null }));
      expect(await circuitOf(agent, "test", "run", { shared, now: () => 1000 } as unknown as StepContext).admit()).toBeNull();
    }
  });
});

test("a failure that says nothing about the agent does not speak of its circuit either", async () => {
  const { clock, start } = await runsOf(one(breaker(1)), {
    a: async ({ kind, ms }: { kind: FailureKind; ms: number }) => {
      await waitOn(clock, ms);
      throw new AgentError(kind, "no");
    },
  });
  const runs = [start({ input: { kind: "exit", ms: 0 } }), start({ input: { kind: "invalid_request", ms: 10 } })];
  expect((await clock.run(Promise.all(runs))).map(messageOf)).toEqual([
    "stage 1 (a) failed: no; the circuit of `a` is open for 30s",
    "stage 1 (a) failed: no",
  ]);
});

describe("opening in the middle of a stage", () => {
  test("ends its retries, and the last real failure stays the cause", async () => {
    const { run } = await runsOf(one({ ...breaker(2), retries: 5, retry_jitter: false }), { a: fails("offline") });
    const result = await run();
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, a#2 exit → failed"]);
    expect([result.error, result.duration_ms]).toMatchObject([
      { kind: "exit", message: "stage 1 (a) failed after 2 attempts: offline; the circuit of `a` is open for 30s" },
      SECOND,
    ]);
  });

  test("hands over to the fallback", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { ...breaker(2), retries: 5, fallback: "b" } } });
    const { run } = await runsOf(definition, { a: fails(), b: gives({ b: 1 }) });
    expect(stageLines(await run())).toEqual(["1 a~1: a#1 exit, a#2 exit, b#1 ok → succeeded, wrote b"]);
  });

  test("by another run ends them as well", async () => {
    const { all } = await runsOf(one({ ...breaker(3), retries: 5, retry_jitter: false }), { a: fails("offline") });
    const [first, second] = await all(2);
    // 1, 2, and after the wait 3: the other one is still to try, and is not let through.
    expect([first, second].flatMap((result) => (result === undefined ? [] : stageLines(result)))).toEqual([
      "1 a~1: a#1 exit, a#2 exit → failed",
      "1 a~1: a#1 exit, a#2 circuit_open → failed",
    ]);
  });

  test("while an attempt is under way, its failure ends its retries as well", async () => {
    const { clock, start } = await runsOf(one({ ...breaker(1), retries: 5 }), {
      a: async ({ ms }: { ms: number }) => {
        await waitOn(clock, ms);
        throw new Error("boom");
      },
    });
    const [slow, fast] = await clock.run(Promise.all([start({ input: { ms: 5000 } }), start({ input: { ms: 0 } })]));
    expect([slow, fast].map((result) => messageOf(result as RunResult))).toEqual([
      "stage 1 (a) failed: boom; the circuit of `a` is open for 25s",
      "stage 1 (a) failed: boom; the circuit of `a` is open for 30s",
    ]);
  });
});

describe("row 100: half open", () => {
  test("after reset_after one attempt is let through; success closes it", async () => {
    const { run, pass } = await runsOf(one(breaker(1)), { a: failsThen([new Error("boom")], { ok: true }) });
    await run();
    await pass(30 * SECOND - 1);
    expect(kindsOf([await run()])).toEqual(["circuit_open"]);
    await pass(1);
    expect(kindsOf([await run(), await run()])).toEqual(["succeeded", "succeeded"]);
  });

  test("a failure opens it again, for as long", async () => {
    const { run, pass } = await runsOf(one(breaker(2)), { a: fails("boom") });
    await run();
    await run();
    await pass(30 * SECOND);
    expect(messageOf(await run())).toBe("stage 1 (a) failed: boom; the circuit of `a` is open for 30s");
    await pass(29 * SECOND);
    expect(messageOf(await run())).toBe(
      "stage 1 (a) failed: the circuit of `a` is open after 3 failures in a row (last: boom); it lets one attempt through in 1s",
    );
  });

  test("exactly one among many runs at the same time is the probe", async () => {
    let calls = 0;
    const { clock, run, all, pass } = await runsOf(one(breaker(1)), {
      a: async () => {
        calls += 1;
        await waitOn(clock, SECOND);
        throw new Error("boom");
      },
    });
    await run();
    await pass(30 * SECOND);
    calls = 0;
    const results = await all(20);
    expect([calls, kindsOf(results).filter((kind) => kind === "circuit_open").length]).toEqual([1, 19]);
    expect(messageOf(results[1] as RunResult)).toBe(
      "stage 1 (a) failed: the circuit of `a` is open after a failure (last: boom); another attempt is trying it just now",
    );
  });

  test("members of a group are let through one by one as well", async () => {
    const definition = pipelineOf(
      { agents: ["b", "g"], pipeline: { fail_fast: false }, parallel: { g: { agents: ["c", "d"], on_error: "continue" } } },
      { agents: { b: { fallback: "a" }, c: { fallback: "a" }, d: { fallback: "a" }, a: breaker(1) } },
    );
    const { clock, run, pass } = await runsOf(definition, {
      a: async () => {
        await waitOn(clock, SECOND);
        throw new Error("boom");
      },
      b: failsThen([new Error("boom")]),
      c: fails(),
      d: fails(),
    });
    await run();
    await pass(31 * SECOND);
    const lines = stageLines(await run());
    expect(lines).toContain("2 c~1 (g): c#1 exit, a#1 exit → failed");
    expect(lines).toContain("2 d~1 (g): d#1 exit, a#1 circuit_open → failed");
  });

  test("a probe that is cancelled makes room for the next one at once", async () => {
    const { clock, run, pass } = await runsOf(one(breaker(1)), {
      a: async (input: { mode?: string }, { signal }) => {
        if (input.mode === "hang") await waitOn(clock, 3_600_000, signal);
        if (input.mode === "fail") throw new Error("boom");
        return {};
      },
    });
    await run({ input: { mode: "fail" } });
    await pass(30 * SECOND);
    const cancellation = new AbortController();
    clock.after(SECOND, () => cancellation.abort());
    expect((await run({ input: { mode: "hang" }, signal: cancellation.signal })).status).toBe("cancelled");
    expect(kindsOf([await run()])).toEqual(["succeeded"]);
  });

  test("a probe that never ends is given up after an hour, where it has no timeout", async () => {
    let calls = 0;
    const { run, start, pass } = await runsOf(one({ ...breaker(1), timeout: "none" }), {
      a: () => {
        calls += 1;
        if (calls === 1) throw new Error("boom");
        return calls === 2 ? new Promise(() => {}) : {};
      },
    });
    await run();
    await pass(30 * SECOND);
    void start();
    await pass(3600 * SECOND - 1);
    expect(kindsOf([await run()])).toEqual(["circuit_open"]);
    await pass(1);
    expect([calls, ...kindsOf([await run()])]).toEqual([2, "succeeded"]);
  });

  test("one whose process died is given up after its attempt's timeout", async () => {
    const shared = createSharedValues();
    const agent = { name: "a", timeoutMs: 5000, breaker: { maxFailures: 1, resetAfterMs: 1000 } } as AgentPlan;
    let nowMs = 0;
    const attempt = (holder: string) => circuitOf(agent, "test", holder, { shared, now: () => nowMs } as unknown as StepContext);
    await attempt("first").failed({ kind: "exit", message: "boom" });
    nowMs = 1000;
    expect(await attempt("dies").admit()).toBeNull();
    nowMs = 5999;
    expect(await attempt("next").admit()).toMatch(/; another attempt is trying it just now$/);
    nowMs = 6000;
    expect(await attempt("next").admit()).toBeNull();
  });

  test("the same attempt, made again after its process had died, is the same probe", async () => {
    const shared = createSharedValues();
    const agent = { name: "a", timeoutMs: 5000, breaker: { maxFailures: 1, resetAfterMs: 1000 } } as AgentPlan;
    let nowMs = 0;
    const attempt = (holder: string) => circuitOf(agent, "test", holder, { shared, now: () => nowMs } as unknown as StepContext);
    await attempt("other").failed({ kind: "exit", message: "boom" });
    nowMs = 1000;
    expect(await attempt("run/a~1!1#1").admit()).toBeNull();
    nowMs = 2000;
    expect(await attempt("other").admit()).toBe(
      "the circuit of `a` is open after a failure (last: boom); another attempt is trying it just now",
    );
    expect(await attempt("run/a~1!1#1").admit()).toBeNull();
    expect(await attempt("other").failed({ kind: "exit", message: "late" })).toEqual({
      failure: { kind: "exit", message: "late; the circuit of `a` is open" },
      isOpen: true,
    });
  });

  test("a clock that was set back does not keep it open for longer", async () => {
    const { clock, run, pass } = await runsOf(one(breaker(1)), { a: failsThen([new Error("boom")], {}) });
    await run();
    clock.jump(-3_600_000);
    expect(messageOf(await run())).toContain("in 30s");
    await pass(30 * SECOND);
    expect(kindsOf([await run()])).toEqual(["succeeded"]);
  });
});

describe("row 99: of an agent that is a pipeline", () => {
  const nested = (agent: AgentDefinition): { definition: PipelineDefinition; directory: string } => ({
    directory: pipelineFiles({ inner: { ...pipelineOf({ agents: ["i", "j"] }), name: "inner" } }),
    definition: pipelineOf({ agents: ["o"] }, { agents: { o: { type: "pipeline", file: "inner.toml", ...agent } } }),
  });

  test("nothing inside is begun while it is open", async () => {
    const { definition, directory } = nested(breaker(1));
    const { agent, inputs } = counting(gives({}));
    const { run, pass } = await runsOf(definition, { i: agent, j: failsThen([new Error("boom")]) }, directory);
    expect(stageLines(await run())).toEqual(["1 o~1: o#1 exit → failed", "1 o/i~1: i#1 ok → succeeded", "2 o/j~1: j#1 exit → failed"]);
    const refused = await run();
    expect([stageLines(refused), refused.path]).toEqual([["1 o~1: o#1 circuit_open → failed"], ["o"]]);
    expect(messageOf(refused)).toMatch(
      /^stage 1 \(o\) failed: the circuit of `o` is open after a failure \(last: .*boom\); it lets one attempt through in 30s$/,
    );
    await pass(30 * SECOND);
    expect([kindsOf([await run(), await run()]), inputs.length]).toEqual([["succeeded", "succeeded"], 3]);
  });

  test("an open circuit inside says nothing about it", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["i"] }, { agents: { i: breaker(1) } }), name: "inner" } });
    const outer = { type: "pipeline", file: "inner.toml", ...breaker(2) } as const;
    const { run } = await runsOf(pipelineOf({ agents: ["o"] }, { agents: { o: outer } }), { i: fails() }, directory);
    await run();
    for (const _ of [2, 3, 4]) expect(stageLines(await run())).toContain("1 o/i~1: i#1 circuit_open → failed");
  });

  test("its own timeout counts, and not for the agent inside that it stopped", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["i"] }, { agents: { i: breaker(1) } }), name: "inner" } });
    const outer = { type: "pipeline", file: "inner.toml", timeout: "1s", ...breaker(2) } as const;
    const { run } = await runsOf(pipelineOf({ agents: ["o"] }, { agents: { o: outer } }), { i: untilStopped }, directory);
    expect(kindsOf([await run(), await run(), await run()])).toEqual(["timeout", "timeout", "circuit_open"]);
  });
});

describe("a run that goes on repeats what was recorded, whatever became of the circuit", () => {
  /** Runs until its process dies before the entry is written, and again, later, on what was. */
  async function twice(definition: PipelineDefinition, agents: Record<string, AgentFunction>, diesBefore: string, directory = ".") {
    const { clock, run, start, pass } = await runsOf(definition, agents, directory);
    await run();
    const journal = createMemoryJournal();
    const mortal: Journal = {
      ...journal,
      append(key, outcome) {
        if (key === diesBefore) throw new Error("died");
        return journal.append(key, outcome);
      },
    };
    const died = clock.run(start({ journal: mortal, runId: "mortal" }).catch((error: unknown) => (error as Error).message));
    expect(await died).toBe("died");
    await pass(60 * SECOND);
    const entries = JSON.parse(JSON.stringify([...journal.entries()])) as [string, Outcome][];
    return { result: await run({ journal: createMemoryJournal(entries), runId: "mortal" }), keys: entries.map(([key]) => key) };
  }

  test("a refused attempt", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { ...breaker(1), fallback: "b" }, b: {} } });
    const { result, keys } = await twice(definition, { a: failsThen([new Error("boom")]), b: gives({ b: 1 }) }, "run!1");
    expect([stageLines(result), keys]).toEqual([["1 a~1: a#1 circuit_open, b#1 ok → succeeded, wrote b"], ["a~1!1#1", "a~1!1@b#1"]]);
  });

  test("a nested pipeline that was refused, or was not", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["i"] }), name: "inner" } });
    const outer = { type: "pipeline", file: "inner.toml", fallback: "b", ...breaker(1) } as const;
    const definition = pipelineOf({ agents: ["o"] }, { agents: { o: outer, b: {} } });
    const refused = await twice(definition, { i: failsThen([new Error("boom")]), b: gives({ b: 1 }) }, "o~1!1@b#1", directory);
    expect([stageLines(refused.result), refused.keys]).toEqual([
      ["1 o~1: o#1 circuit_open, b#1 ok → succeeded, wrote b"],
      ["o~1/admission!1#1", "o~1!1#1"],
    ]);
    const served = await twice(definition, { i: gives({ i: 1 }), b: gives({}) }, "o~1!1#1", directory);
    expect([stageLines(served.result), served.keys]).toEqual([
      ["1 o~1: o#1 ok → succeeded, wrote i", "1 o/i~1: i#1 ok → succeeded, wrote i"],
      ["o~1/admission!1#1", "o~1/i~1!1.1#1"],
    ]);
  });
});
