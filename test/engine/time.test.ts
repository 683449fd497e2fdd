import { describe, expect, test } from "vitest";
import { type AgentDefinition, type AgentFunction, definePipeline } from "../../src/index.ts";
import { gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

/** Never ends, whatever it is told. */
const deaf: AgentFunction = () => new Promise(() => {});

describe("row 75, 126: a stage's timeout", () => {
  test.each<[string, AgentFunction]>([
    [
      "that heeds its signal",
      (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    ],
    ["that ignores its signal", deaf],
  ])("stops an agent %s", async (_, agent) => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { timeout: "30s" } } }), { a: agent });
    expect(result.error).toMatchObject({ kind: "timeout", message: "stage 1 (a) failed: it did not end within 30s" });
    expect([result.status, result.duration_ms, result.stages[0]?.status]).toEqual(["failed", 30_000, "failed"]);
  });

  test.each<[string, AgentDefinition, number]>([
    ["is an hour by default", {}, 3_600_000],
    ["can be as long as a month", { timeout: "720h" }, 2_592_000_000],
  ])("%s", async (_, definition, durationMs) => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: definition } }), { a: deaf });
    expect([result.status, result.duration_ms]).toEqual(["failed", durationMs]);
  });

  test("is none with `none`", async () => {
    const clock = virtualClock();
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a"] }, { agents: { a: { timeout: "none" } } }),
      { a: async () => waitOn(clock, 10 ** 9).then(() => ({ ok: true })) },
      { clock },
    );
    expect([result.status, result.duration_ms]).toEqual(["succeeded", 10 ** 9]);
  });

  test("is for one attempt; the waits between do not count", async () => {
    const clock = virtualClock();
    const definition = pipelineOf(
      { agents: ["a"] },
      { agents: { a: { timeout: "10s", retries: 2, retry_delay: "1h", retry_max_delay: "none", retry_jitter: false } } },
    );
    const { result } = await runPipeline(
      definition,
      { a: async (_, { attempt }) => waitOn(clock, attempt === 3 ? 9_999 : 10_001) },
      { clock },
    );
    expect(stageLines(result)).toEqual(["1 a~1: a#1 timeout, a#2 timeout, a#3 ok → succeeded"]);
    expect(result.stages[0]?.attempts.map(({ duration_ms }) => duration_ms)).toEqual([10_000, 10_000, 9_999]);
  });

  test("what comes after it is not kept", async () => {
    const clock = virtualClock();
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b"] }, { agents: { a: { timeout: "1s", on_error: "continue" } } }),
      { a: async () => waitOn(clock, 1500).then(() => ({ late: true })), b: async () => waitOn(clock, 5000) },
      { clock },
    );
    expect(result.state).toEqual({});
    expect(result.stages[0]?.status).toBe("tolerated");
  });
});

describe("row 73, 127: the pipeline's timeout", () => {
  test("stops the running stage; the run is timed_out, the stage cancelled, and no further stage starts", async () => {
    const clock = virtualClock();
    const { agent, inputs } = recorder();
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b", "c"] }, { timeout: "1m" }),
      { a: async () => waitOn(clock, 20_000).then(() => ({ done: 1 })), b: deaf, c: agent },
      { clock },
    );
    expect([result.status, result.duration_ms, result.state]).toEqual(["timed_out", 60_000, { done: 1 }]);
    expect(result.error).toMatchObject({ kind: "deadline", message: "stage 2 (b) failed: the pipeline's timeout of 1m is over" });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 ok → succeeded, wrote done", "2 b~1: b#1 deadline → cancelled"]);
    expect(inputs).toEqual([]);
  });

  test.each<[string, AgentDefinition]>([
    ["retries", { retries: 5 }],
    ["on_error = continue", { on_error: "continue" }],
    ["a fallback", { fallback: "c" }],
  ])("is not undone by %s", async (_, definition) => {
    const { agent, inputs } = recorder();
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { timeout: "1m", agents: { a: definition } }), {
      a: deaf,
      c: agent,
    });
    expect([result.status, stageLines(result)]).toEqual(["timed_out", ["1 a~1: a#1 deadline → cancelled"]]);
    expect(inputs).toEqual([]);
  });

  test("ends a wait between attempts", async () => {
    const definition = pipelineOf(
      { agents: ["a"] },
      { timeout: "1m", agents: { a: { retries: 1, retry_delay: "50s", timeout: "20s", retry_jitter: false } } },
    );
    const { result } = await runPipeline(definition, { a: deaf });
    expect([result.status, result.duration_ms]).toEqual(["timed_out", 60_000]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 timeout → cancelled"]);
  });

  test("is told apart from a stage's own, whichever comes first", async () => {
    const own = await runPipeline(pipelineOf({ agents: ["a"] }, { timeout: "1m", agents: { a: { timeout: "59s" } } }), { a: deaf });
    const whole = await runPipeline(pipelineOf({ agents: ["a"] }, { timeout: "59s", agents: { a: { timeout: "1m" } } }), { a: deaf });
    expect([own.result.status, own.result.error?.kind]).toEqual(["failed", "timeout"]);
    expect([whole.result.status, whole.result.error?.kind]).toEqual(["timed_out", "deadline"]);
  });

  test("can be given with the run instead", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { timeout: "1m" });
    const shorter = await runPipeline(definition, { a: deaf }, { timeoutMs: 2000 });
    const none = await runPipeline(definition, { a: deaf }, { timeoutMs: null });
    expect([shorter.result.status, shorter.result.duration_ms]).toEqual(["timed_out", 2000]);
    expect([none.result.status, none.result.duration_ms]).toEqual(["failed", 3_600_000]);
  });

  test("includes the hooks, and a callback is not stopped by the stage's", async () => {
    const clock = virtualClock();
    const pipeline = await definePipeline(pipelineOf({ agents: ["a", "b"] }, { timeout: "3s", agents: { a: { timeout: "1s" } } }), {
      agents: { a: gives({ a: 1 }), b: gives({ b: 1 }) },
      clock,
    });
    pipeline.on("before_stage", () => waitOn(clock, 2000));
    const result = await clock.run(pipeline.run());
    expect([result.status, result.duration_ms, result.state]).toEqual(["timed_out", 4000, { a: 1 }]);
  });
});

describe("row 15: cancellation", () => {
  test("reaches the running agent, and no further stage starts", async () => {
    const clock = virtualClock();
    const cancellation = new AbortController();
    const { agent, inputs } = recorder();
    let told: unknown;
    clock.after(500, () => cancellation.abort("the user said so"));
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b"] }),
      {
        a: (_, { signal }) =>
          new Promise(() => {
            signal.addEventListener("abort", () => {
              told = (signal.reason as { kind: string }).kind;
            });
          }),
        b: agent,
      },
      { clock, signal: cancellation.signal },
    );
    expect(told).toBe("cancelled");
    expect([result.status, result.duration_ms]).toEqual(["cancelled", 500]);
    expect(result.error).toMatchObject({ kind: "cancelled", message: "stage 1 (a) failed: the user said so" });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 cancelled → cancelled"]);
    expect(inputs).toEqual([]);
  });

  test("before the run starts keeps everything from starting", async () => {
    const { agent, inputs } = recorder();
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: agent }, { signal: AbortSignal.abort() });
    expect([result.status, result.path, result.stages]).toEqual(["cancelled", [], []]);
    expect(result.error).toEqual({
      message: "stopped before stage 1 (a): the run was cancelled",
      kind: "cancelled",
      stage: null,
      number: null,
      attempts: 0,
      failure: { kind: "cancelled", message: "the run was cancelled" },
      before: "a",
    });
    expect(inputs).toEqual([]);
  });

  test("between two stages keeps what was done", async () => {
    const cancellation = new AbortController();
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b"] }),
      {
        a: () => {
          cancellation.abort();
          return { done: true };
        },
        b: gives({}),
      },
      { signal: cancellation.signal },
    );
    expect([result.status, result.state, result.path]).toEqual(["cancelled", { done: true }, ["a"]]);
    expect(result.error?.stage).toBeNull();
  });

  test("in a wait between attempts ends the wait", async () => {
    const clock = virtualClock();
    const cancellation = new AbortController();
    clock.after(700, () => cancellation.abort());
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, retry_jitter: false } } }),
      { a: () => Promise.reject(new Error("boom")) },
      { clock, signal: cancellation.signal },
    );
    expect([result.status, result.duration_ms]).toEqual(["cancelled", 700]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit → cancelled"]);
  });

  test.each<[string, AgentDefinition]>([
    ["tolerated", { on_error: "continue" }],
    ["tried again", { retries: 3 }],
    ["followed by a fallback", { fallback: "b" }],
  ])("is not %s", async (_, definition) => {
    const clock = virtualClock();
    const cancellation = new AbortController();
    clock.after(10, () => cancellation.abort());
    const { agent, inputs } = recorder();
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a"] }, { agents: { a: definition } }),
      { a: deaf, b: agent },
      { clock, signal: cancellation.signal },
    );
    expect([result.status, stageLines(result), inputs]).toEqual(["cancelled", ["1 a~1: a#1 cancelled → cancelled"], []]);
  });
});

test("a wait that was cut short counts as long as it lasted", async () => {
  const clock = virtualClock();
  const cancellation = new AbortController();
  clock.after(400, () => cancellation.abort());
  const definition = pipelineOf(
    { agents: ["a"] },
    { agents: { a: { type: "canned", fail: "exit", retries: 1, retry_delay: "30s", retry_jitter: false } } },
  );
  const { result } = await runPipeline(definition, {}, { clock, signal: cancellation.signal });
  expect(result.stages[0]).toMatchObject({ status: "cancelled", duration_ms: 400 });
});
