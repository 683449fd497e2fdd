import { expect, test } from "vitest";
import { AgentError, definePipeline, PipelineError } from "../../src/index.ts";
import { fails, failsThen, gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

test("row 1, 2: the sequence runs in file order, and each output is part of the next input", async () => {
  const { result } = await runPipeline(
    pipelineOf({ agents: ["one", "two"] }),
    { one: ({ n }) => ({ n: n + 1 }), two: ({ n }) => ({ n: n * 10 }) },
    { input: { n: 1 } },
  );
  expect(result.state).toEqual({ n: 20 });
  expect(result.path).toEqual(["one", "two"]);
  expect(result.status).toBe("succeeded");
});

test("row 3: the input seeds the state, and what no stage writes stays", async () => {
  const { inputs, agent } = recorder({ a: 1 });
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: agent }, { input: { seed: [1, { deep: true }] } });
  expect(inputs).toEqual([{ seed: [1, { deep: true }] }]);
  expect(result.state).toEqual({ seed: [1, { deep: true }], a: 1 });
});

test.each([
  ["undefined", undefined],
  ["null", null],
  ["an empty object", {}],
  ["a promise of nothing", Promise.resolve(undefined)],
])("row 6: an agent that gives %s leaves the state as it was", async (_, output) => {
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: gives(output) }, { input: { n: 1 } });
  expect(result.state).toEqual({ n: 1 });
  expect(stageLines(result)).toEqual(["1 a~1: a#1 ok → succeeded"]);
});

test("row 8: an unknown agent is an error that names it, found before the first stage runs", async () => {
  const { inputs, agent } = recorder();
  const definition = pipelineOf({ agents: ["a", "nobody"] });
  const error = await definePipeline(definition, { agents: { a: agent } }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PipelineError);
  expect((error as PipelineError).message).toBe("there is no agent called `nobody` [unknown-agent] at orchestration.sequential.agents.1");
  expect(inputs).toEqual([]);
});

test("row 9, 10: the first failure stops the run, and says where and why with its causes", async () => {
  const { inputs, agent } = recorder();
  const cause = new Error("the disk is full", { cause: new Error("ENOSPC") });
  const { result } = await runPipeline(
    pipelineOf({ agents: ["a", "b", "c"] }),
    { a: gives({ n: 1 }), b: failsThen([new Error("no report", { cause })]), c: agent },
    {},
  );
  expect(result.status).toBe("failed");
  expect(result.error).toEqual({
    message: "stage 2 (b) failed: no report",
    kind: "exit",
    stage: "b",
    number: 2,
    attempts: 1,
    before: null,
    failure: { kind: "exit", message: "no report", cause: ["the disk is full", "ENOSPC"] },
  });
  expect(inputs).toEqual([]);
  expect(result.path).toEqual(["a", "b"]);
  expect(result.state).toEqual({ n: 1 });
});

test.each<[string, unknown, string, string]>([
  ["an error", new Error("boom"), "exit", "boom"],
  ["an error without words", new TypeError(), "exit", "TypeError"],
  ["a string", "boom", "exit", "boom"],
  ["a value", { code: 7 }, "exit", 'a value that is not an error was thrown: {"code":7}'],
  ["an AgentError", new AgentError("quota", "no credit left"), "quota", "no credit left"],
])("row 5: throwing %s fails the attempt", async (_, thrown, kind, message) => {
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: failsThen([thrown]) });
  expect(result.error?.failure).toEqual({ kind, message });
});

test("row 13: without an output of the last agent the result is the running state", async () => {
  const { result } = await runPipeline(pipelineOf({ agents: ["a", "b"] }), { a: gives({ n: 1 }), b: gives(undefined) });
  expect(result.state).toEqual({ n: 1 });
});

test("row 11, 124: the result holds every stage with its duration", async () => {
  const clock = virtualClock();
  const { result } = await runPipeline(
    pipelineOf({ agents: ["a", "b"] }),
    { a: async () => void (await waitOn(clock, 1500)), b: async () => void (await waitOn(clock, 20)) },
    { clock },
  );
  expect(
    result.stages.map(({ name, duration_ms, attempts }) => [name, duration_ms, attempts.map((attempt) => attempt.duration_ms)]),
  ).toEqual([
    ["a", 1500, [1500]],
    ["b", 20, [20]],
  ]);
  expect(result.duration_ms).toBe(1520);
});

test("row 16, 18: a run can be started, waited for and cancelled, and settles once", async () => {
  const clock = virtualClock();
  const { agent, inputs } = recorder();
  const pipeline = await definePipeline(pipelineOf({ agents: ["a", "b"] }), {
    agents: { a: async (_, { signal }) => void (await waitOn(clock, 1000, signal)), b: agent },
    clock,
  });
  const run = pipeline.start({ runId: "r1" });
  expect(run.id).toBe("r1");
  clock.after(400, () => run.cancel("enough"));
  clock.after(401, () => run.cancel("again"));
  const result = await clock.run(run.result);
  run.cancel("too late");
  expect([result.status, result.duration_ms, result.error?.failure.message]).toEqual(["cancelled", 400, "enough"]);
  expect(inputs).toEqual([]);
});

test("one pipeline runs any number of times, at the same time too", async () => {
  const clock = virtualClock();
  const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), {
    agents: { a: async ({ n }) => waitOn(clock, 100 - n).then(() => ({ n: n * 2 })) },
    clock,
  });
  const results = await clock.run(Promise.all([1, 2, 3].map((n) => pipeline.run({ input: { n } }))));
  expect(results.map(({ state }) => state)).toEqual([{ n: 2 }, { n: 4 }, { n: 6 }]);
  expect(new Set(results.map(({ run_id }) => run_id)).size).toBe(3);
});

test("promise 7: a failure without words is no success", async () => {
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: fails("") });
  expect([result.status, result.error?.message]).toEqual(["failed", "stage 1 (a) failed: Error"]);
});

test("a state that holds `__proto__` passes through all stages", async () => {
  const input = JSON.parse('{"__proto__": {"polluted": true}, "n": 1}') as Record<string, unknown>;
  const { inputs, agent } = recorder(JSON.parse('{"constructor": 1}'));
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: agent }, { input });
  expect(JSON.stringify(inputs)).toBe('[{"__proto__":{"polluted":true},"n":1}]');
  expect(JSON.stringify(result.state)).toBe('{"__proto__":{"polluted":true},"n":1,"constructor":1}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});
