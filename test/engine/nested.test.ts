import { describe, expect, test } from "vitest";
import type { AgentDefinition, AgentFunction, PipelineDefinition } from "../../src/index.ts";
import { fails, failsThen, gives, recorder } from "../support/agents.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, runPipeline, type Sequential, waitOn } from "../support/run.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

interface NestedRun {
  /** The stage `outer`, besides its type and file. */
  readonly outer?: AgentDefinition;
  /** Tables of the inner file besides its sequence. */
  readonly inner?: Partial<PipelineDefinition> & { timeout?: string };
  readonly sequence?: Partial<Sequential>;
  readonly agents?: PipelineDefinition["agents"];
  readonly input?: Record<string, unknown>;
  readonly clock?: VirtualClock;
  readonly signal?: AbortSignal;
  readonly timeout?: string;
}

/** Runs `outer`, which is a file with the sequence that is given, and then `z`. */
async function runNested(innerSequence: Sequential, functions: Record<string, AgentFunction>, options: NestedRun = {}) {
  const { outer = {}, inner = {}, sequence = {}, agents = {}, timeout, ...runOptions } = options;
  const directory = pipelineFiles({ inner: { ...pipelineOf(innerSequence, inner), name: "inner" } });
  const definition = pipelineOf(
    { agents: ["outer", "z"], ...sequence },
    { agents: { ...agents, outer: { type: "pipeline", file: "inner.toml", ...outer } }, ...(timeout === undefined ? {} : { timeout }) },
  );
  const { result, events } = await runPipeline(definition, { z: gives({}), ...functions }, { directory, ...runOptions });
  return { result, events, lines: stageLines(result), failure: result.error?.failure };
}

const deaf: AgentFunction = () => new Promise(() => {});

describe("what goes in and comes out", () => {
  test("its stages appear as outer/inner, after the outer stage and in the path", async () => {
    const { result, lines } = await runNested({ agents: ["a", "b"] }, { a: gives({ a: 1 }), b: ({ a }) => ({ b: a + 1 }) });
    expect(lines).toEqual([
      "1 outer~1: outer#1 ok → succeeded, wrote a b",
      "1 outer/a~1: a#1 ok → succeeded, wrote a",
      "2 outer/b~1: b#1 ok → succeeded, wrote b",
      "2 z~1: z#1 ok → succeeded",
    ]);
    expect([result.path, result.state]).toEqual([["outer", "outer/a", "outer/b", "z"], { a: 1, b: 2 }]);
  });

  test.each<[string, NestedRun, object]>([
    ["the whole state without an `input` table", {}, { n: 1, other: 2 }],
    ["just what its `input` table says", { outer: { input: { m: "n + 1" } } }, { m: 2 }],
    ["just the inputs that it declares, where there is no table", { inner: { inputs: { n: { type: "integer" } } } }, { n: 1 }],
    ["its own defaults for what is not there", { inner: { inputs: { n: {}, extra: { default: "d" } } } }, { n: 1, extra: "d" }],
  ])("it gets %s", async (_, options, seen) => {
    const { inputs, agent } = recorder();
    await runNested({ agents: ["a"] }, { a: agent }, { input: { n: 1, other: 2 }, ...options });
    expect(inputs).toEqual([seen]);
  });

  test.each<[string, NestedRun, string]>([
    ["a missing one", { inner: { inputs: { m: {} } } }, "the input `m` is missing; give it with --input m=…"],
    ["one of another type", { inner: { inputs: { n: { type: "string" } } } }, "the input `n` must be a string, but is 1"],
  ])("an input that it does not take fails the stage as invalid_request, which is not tried again: %s", async (_, options, problem) => {
    const { agent, inputs } = recorder();
    const { failure, lines } = await runNested(
      { agents: ["a"] },
      { a: agent },
      { input: { n: 1 }, ...options, outer: { ...options.outer, retries: 2 } },
    );
    expect(failure).toEqual({ kind: "invalid_request", message: `the pipeline \`inner\` does not take this input: ${problem}` });
    expect([lines, inputs]).toEqual([["1 outer~1: outer#1 invalid_request → failed"], []]);
  });

  test.each<[string, NestedRun, object]>([
    ["the keys that it wrote, not its inputs", { outer: { input: { m: "n" } } }, { n: 1, a: 2 }],
    ["under a key: its whole final state", { outer: { input: { m: "n" }, output: "inner" } }, { n: 1, inner: { m: 1, a: 2 } }],
    ["by a table over its final state", { outer: { input: { m: "n" }, output: { sum: "result.a + result.m + n" } } }, { n: 1, sum: 4 }],
  ])("the outer state gets %s", async (_, options, state) => {
    const { result } = await runNested({ agents: ["a"] }, { a: gives({ a: 2 }) }, { input: { n: 1 }, ...options });
    expect(result.state).toEqual(state);
  });

  test("what it pruned is not pruned outside", async () => {
    const { result } = await runNested(
      { agents: ["a"] },
      { a: gives({ a: 1, b: 2 }) },
      { input: { n: 1 }, inner: { agents: { a: { keep: ["b"] } } } },
    );
    expect(result.state).toEqual({ n: 1, b: 2 });
  });

  test("its own file governs retries, branches, fail_fast; its numbers are its own", async () => {
    const seen: unknown[] = [];
    const { lines, result } = await runNested(
      { agents: ["a", "b", "c"], branches: [{ from_agent: "a", to_agent: "c" }] },
      {
        a: failsThen([new Error("boom")]),
        b: gives({}),
        c: (_, { pipelineId, stage, stageNumber, totalStages, idempotencyKey, meta }) =>
          void seen.push(pipelineId, stage, stageNumber, totalStages, idempotencyKey, meta.pipeline_id, meta.total_stages, meta.run_id),
      },
      { inner: { agents: { a: { retries: 1 } } } },
    );
    expect(seen).toEqual(["inner", "outer/c", 3, 3, "run/outer~1/c~1", "inner", "3", "run"]);
    expect(lines.slice(1, 4)).toEqual([
      "1 outer/a~1: a#1 exit, a#2 ok → succeeded",
      "2 outer/b~0: skipped",
      "3 outer/c~1: c#1 ok → succeeded",
    ]);
    expect(result.meta).toMatchObject({ pipeline_id: "test", total_stages: "2" });
  });

  test("it may hold groups and further pipelines", async () => {
    const directory = pipelineFiles({
      middle: {
        ...pipelineOf(
          { agents: ["g"], parallel: { g: { agents: ["deep", "b"], merge: "namespace" } } },
          { agents: { deep: { type: "pipeline", file: "deep.toml" } } },
        ),
        name: "middle",
      },
      deep: { ...pipelineOf({ agents: ["a"] }), name: "deep" },
    });
    const definition = pipelineOf({ agents: ["outer"] }, { agents: { outer: { type: "pipeline", file: "middle.toml" } } });
    const { result } = await runPipeline(
      definition,
      { a: (_, { idempotencyKey }) => ({ key: idempotencyKey }), b: gives({ b: 1 }) },
      { directory },
    );
    expect(stageLines(result)).toEqual([
      "1 outer~1: outer#1 ok → succeeded, wrote b deep",
      "1 outer/g~1: succeeded, wrote b deep",
      "1 outer/deep~1 (outer/g): deep#1 ok → succeeded, wrote key",
      "1 outer/deep/a~1: a#1 ok → succeeded, wrote key",
      "1 outer/b~1 (outer/g): b#1 ok → succeeded, wrote b",
    ]);
    expect(result.path).toEqual(["outer", "outer/g"]);
    expect(result.state).toEqual({ deep: { key: "run/outer~1/g/deep~1/a~1" }, b: { b: 1 } });
  });
});

describe("failures", () => {
  test("keep the inner kind, and say where", async () => {
    const { result, lines } = await runNested({ agents: ["a", "b"] }, { a: gives({}), b: fails() });
    expect(result.error).toMatchObject({ kind: "exit", message: "stage 1 (outer) failed: stage 2 (outer/b) failed: boom" });
    expect(lines).toEqual(["1 outer~1: outer#1 exit → failed", "1 outer/a~1: a#1 ok → succeeded", "2 outer/b~1: b#1 exit → failed"]);
  });

  test("a retry goes on from the finished stages; the result shows the last attempt", async () => {
    const a = recorder({ a: 1 });
    const { result, lines } = await runNested(
      { agents: ["a", "b", "c"] },
      { a: a.agent, b: failsThen([new Error("boom")], { b: 1 }), c: gives({ c: 1 }) },
      { outer: { retries: 1 } },
    );
    expect(a.inputs).toHaveLength(1);
    expect(result.state).toEqual({ a: 1, b: 1, c: 1 });
    expect(lines.slice(0, 4)).toEqual([
      "1 outer~1: outer#1 exit, outer#2 ok → succeeded, wrote a b c",
      "1 outer/a~1: a#1 ok → succeeded, wrote a",
      "2 outer/b~1: b#1 ok → succeeded, wrote b",
      "3 outer/c~1: c#1 ok → succeeded, wrote c",
    ]);
    expect(result.path).toEqual(["outer", "outer/a", "outer/b", "outer/c", "z"]);
  });

  test("a retry runs again what came after a failed stage, since it saw a state without it", async () => {
    const c = recorder({ c: 1 });
    const { lines } = await runNested(
      { agents: ["a", "b", "c"], pipeline: { fail_fast: false } },
      { a: gives({ a: 1 }), b: failsThen([new Error("boom")], { b: 1 }), c: c.agent },
      { outer: { retries: 1 } },
    );
    expect(c.inputs).toEqual([{ a: 1 }, { a: 1, b: 1 }]);
    expect(lines[0]).toBe("1 outer~1: outer#1 exit, outer#2 ok → succeeded, wrote a b c");
  });

  test("a retry takes the same branches, and a loop goes on where it was", async () => {
    const a = recorder({});
    let visits = 0;
    const { result } = await runNested(
      { agents: ["a", "b"], branches: [{ from_agent: "b", condition: "n < 3", to_agent: "a", max_times: 5 }] },
      {
        a: a.agent,
        b: ({ n }) => {
          visits += 1;
          if (visits === 2) throw new Error("boom");
          return { n: n + 1 };
        },
      },
      { input: { n: 0 }, outer: { retries: 1 } },
    );
    expect(a.inputs).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    expect([result.state, result.path]).toEqual([
      { n: 3 },
      ["outer", "outer/a", "outer/b", "outer/a", "outer/b", "outer/a", "outer/b", "z"],
    ]);
  });

  test("the members of a group that had finished are not run again", async () => {
    const clock = virtualClock();
    const m = recorder({ m: 1 });
    const n = failsThen([new Error("boom")], { n: 1 });
    const { result } = await runNested(
      { agents: ["g"], parallel: { g: { agents: ["m", "n"] } } },
      { m: m.agent, n: async (input, context) => waitOn(clock, 100).then(() => n(input, context)) },
      { outer: { retries: 1 }, clock },
    );
    expect(m.inputs).toHaveLength(1);
    expect(result.state).toEqual({ m: 1, n: 1 });
  });
  test("a fallback serves the stage, and shows nothing of what failed inside", async () => {
    const { result, lines } = await runNested({ agents: ["a"] }, { a: fails(), spare: gives({ s: 1 }) }, { outer: { fallback: "spare" } });
    expect(lines[0]).toBe("1 outer~1: outer#1 exit, spare#1 ok → succeeded, wrote s");
    expect([result.path, result.state]).toEqual([["outer", "z"], { s: 1 }]);
  });

  test("a pipeline can be a fallback; its stages appear under the name of the stage", async () => {
    const { lines } = await runNested(
      { agents: ["a"] },
      { first: fails(), a: gives({ a: 1 }) },
      { sequence: { agents: ["first"] }, agents: { first: { fallback: "outer" } } },
    );
    expect(lines).toEqual(["1 first~1: first#1 exit, outer#1 ok → succeeded, wrote a", "1 first/a~1: a#1 ok → succeeded, wrote a"]);
  });

  test("a pipeline that serves in the place of another one starts anew, though its stages have the same names", async () => {
    const directory = pipelineFiles({
      first: { ...pipelineOf({ agents: ["a", "b"] }), name: "first" },
      second: { ...pipelineOf({ agents: ["a"] }, { agents: { a: { output: "second" } } }), name: "second" },
    });
    const definition = pipelineOf(
      { agents: ["n"] },
      { agents: { n: { type: "pipeline", file: "first.toml", fallback: "m" }, m: { type: "pipeline", file: "second.toml" } } },
    );
    const { result } = await runPipeline(definition, { a: ({ x = 0 }) => ({ x: x + 1 }), b: fails() }, { directory });
    expect(stageLines(result)).toEqual(["1 n~1: n#1 exit, m#1 ok → succeeded, wrote second", "1 n/a~1: a#1 ok → succeeded, wrote second"]);
  });

  test("on_error = continue tolerates it", async () => {
    const { result, lines } = await runNested({ agents: ["a"] }, { a: fails() }, { outer: { on_error: "continue" } });
    expect([result.status, lines.slice(0, 2)]).toEqual([
      "succeeded",
      ["1 outer~1: outer#1 exit → tolerated", "1 outer/a~1: a#1 exit → failed"],
    ]);
  });
});

describe("time", () => {
  test.each<[string, NestedRun]>([
    ["the stage's timeout", { outer: { timeout: "10s" }, inner: { timeout: "1m" } }],
    ["the inner file's own", { outer: { timeout: "1m" }, inner: { timeout: "10s" } }],
  ])("%s, whichever is shorter, fails the stage as timeout", async (_, options) => {
    const { result, lines } = await runNested({ agents: ["a"] }, { a: deaf }, options);
    expect([result.status, result.duration_ms]).toEqual(["failed", 10_000]);
    expect(result.error).toMatchObject({
      kind: "timeout",
      message: "stage 1 (outer) failed: stage 1 (outer/a) failed: the pipeline `inner` did not end within 10s",
    });
    expect(lines).toEqual(["1 outer~1: outer#1 timeout → failed", "1 outer/a~1: a#1 timeout → cancelled"]);
  });

  test("it can be tried again, with its time anew, from what was finished", async () => {
    const clock = virtualClock();
    const a = recorder();
    const slow: AgentFunction = async (_, { signal }) =>
      waitOn(clock, a.inputs.length === 1 && clock.elapsed() < 10_000 ? 20_000 : 9_000, signal);
    const { result, lines } = await runNested(
      { agents: ["a", "b"] },
      { a: a.agent, b: slow },
      { clock, outer: { timeout: "10s", retries: 1, retry_delay: "0s" } },
    );
    expect([result.status, result.duration_ms, a.inputs.length]).toEqual(["succeeded", 19_000, 1]);
    expect(lines[0]).toBe("1 outer~1: outer#1 timeout, outer#2 ok → succeeded");
  });

  test("the run's timeout and its cancellation reach the inner agents, and are not taken for a failure of the stage", async () => {
    const options: NestedRun = { outer: { on_error: "continue", retries: 3, fallback: "spare" } };
    const late = await runNested({ agents: ["a"] }, { a: deaf, spare: gives({}) }, { ...options, timeout: "5s" });
    expect([late.result.status, late.result.duration_ms, late.lines]).toEqual([
      "timed_out",
      5000,
      ["1 outer~1: outer#1 deadline → cancelled", "1 outer/a~1: a#1 deadline → cancelled"],
    ]);
    const clock = virtualClock();
    const cancellation = new AbortController();
    clock.after(5000, () => cancellation.abort());
    const cancelled = await runNested({ agents: ["a"] }, { a: deaf, spare: gives({}) }, { ...options, clock, signal: cancellation.signal });
    expect([cancelled.result.status, cancelled.lines]).toEqual([
      "cancelled",
      ["1 outer~1: outer#1 cancelled → cancelled", "1 outer/a~1: a#1 cancelled → cancelled"],
    ]);
  });

  test("a member that is a pipeline is stopped with its stages when another member fails", async () => {
    const clock = virtualClock();
    const { lines } = await runNested(
      { agents: ["a"] },
      { a: deaf, bad: async () => waitOn(clock, 70).then(() => Promise.reject(new Error("boom"))) },
      { clock, sequence: { agents: ["g"], parallel: { g: { agents: ["outer", "bad"] } } } },
    );
    expect(lines).toEqual([
      "1 g~1: failed",
      "1 outer~1 (g): outer#1 cancelled → cancelled",
      "1 outer/a~1: a#1 cancelled → cancelled",
      "1 bad~1 (g): bad#1 exit → failed",
    ]);
  });
});

test("the events of a nested run begin and end with its own, and number its stages", async () => {
  const { events } = await runNested({ agents: ["a"] }, { a: gives({ a: 1 }) });
  const seen = events.map((event) => {
    if (event.type === "run-start" || event.type === "run-end") return `${event.type} ${event.nested}`;
    return "stage" in event && event.stage !== null && typeof event.stage === "object"
      ? `${event.type} ${event.stage.name} ${event.stage.number}/${event.stage.total}`
      : event.type;
  });
  expect(seen).toEqual([
    "run-start null",
    "stage-start outer 1/2",
    "attempt-start outer 1/2",
    "run-start outer",
    "stage-start outer/a 1/1",
    "attempt-start outer/a 1/1",
    "attempt-end outer/a 1/1",
    "stage-end outer/a 1/1",
    "run-end outer",
    "attempt-end outer 1/2",
    "stage-end outer 1/2",
    "stage-start z 2/2",
    "attempt-start z 2/2",
    "attempt-end z 2/2",
    "stage-end z 2/2",
    "run-end null",
  ]);
});
