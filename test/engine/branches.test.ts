import { describe, expect, test } from "vitest";
import type { PipelineDefinition, Stamped } from "../../src/index.ts";
import { fails, gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline, type Sequential } from "../support/run.ts";
import { stageLines } from "./simulation/shape.ts";

type Branches = NonNullable<Sequential["branches"]>;

/** Runs agents that write nothing, and tells the way that the run took. */
async function way(agents: string[], branches: Branches, input: Record<string, unknown> = {}, more: Partial<PipelineDefinition> = {}) {
  const names = new Set([...agents, ...branches.flatMap(({ to_agent }) => (to_agent === undefined ? [] : [to_agent]))]);
  const functions = Object.fromEntries([...names].map((name) => [name, gives({})]));
  const { result, events } = await runPipeline(pipelineOf({ agents, branches }, more), functions, { input });
  return {
    ...result,
    skipped: result.stages.filter(({ status }) => status === "skipped").map(({ name }) => name),
    branches: branchesOf(events),
  };
}

function branchesOf(events: readonly Stamped[]) {
  return events.flatMap((event) =>
    event.type === "branch" ? [{ from: event.stage.name, to: event.to, taken: event.taken, end: event.end, rules: event.rules }] : [],
  );
}

const sequence = ["a", "b", "c", "d"];

describe("row 52, 53: the rules of a stage", () => {
  test.each<[string, Branches, object, string[]]>([
    ["row 58, 84: none: the sequence goes on from its first agent", [], {}, ["a", "b", "c", "d"]],
    ["one that holds", [{ from_agent: "a", condition: "n > 1", to_agent: "c" }], { n: 2 }, ["a", "c", "d"]],
    [
      "row 55: one that does not hold: the sequence goes on",
      [{ from_agent: "a", condition: "n > 1", to_agent: "c" }],
      { n: 1 },
      ["a", "b", "c", "d"],
    ],
    [
      "the first, in file order, of several that hold",
      [
        { from_agent: "a", condition: "n > 9", to_agent: "b" },
        { from_agent: "a", condition: "n > 1", to_agent: "d" },
        { from_agent: "a", condition: "n > 0", to_agent: "c" },
      ],
      { n: 2 },
      ["a", "d"],
    ],
    [
      "row 56: a switch with a default",
      [
        { from_agent: "a", condition: "kind == 'x'", to_agent: "b" },
        { from_agent: "a", condition: "kind == 'y'", to_agent: "c" },
        { from_agent: "a", to_agent: "d" },
      ],
      { kind: "z" },
      ["a", "d"],
    ],
    ["row 54: an explicit end", [{ from_agent: "b", end: true }], {}, ["a", "b"]],
    ["from the last stage", [{ from_agent: "d", condition: "n == 1", to_agent: "e" }], { n: 1 }, ["a", "b", "c", "d", "e"]],
  ])("%s", async (_, branches, input, path) => {
    const result = await way(sequence, branches, { ...input });
    expect([result.status, result.path]).toEqual(["succeeded", path]);
  });

  test("row 52: are evaluated on the state after the stage, pruning included", async () => {
    const definition = pipelineOf(
      { agents: ["a", "b"], branches: [{ from_agent: "a", condition: "n == 2 && !has(state.gone)", end: true }] },
      { agents: { a: { drop: ["gone"] } } },
    );
    const { result } = await runPipeline(definition, { a: gives({ n: 2 }), b: gives({}) }, { input: { n: 1, gone: 1 } });
    expect(result.path).toEqual(["a"]);
  });

  test("see the state, metadata and the stages so far", async () => {
    const condition =
      "state.n == 1 && meta.stage_name == 'a' && meta.own == 'x' && stages.a.visits == 1 && stages.a.status == 'succeeded' && stages.a.attempts == 2";
    const definition = pipelineOf(
      { agents: ["a", "b"], branches: [{ from_agent: "a", condition, end: true }] },
      { agents: { a: { retries: 1 } } },
    );
    const { result } = await runPipeline(
      definition,
      { a: (_, { attempt }) => (attempt === 1 ? Promise.reject(new Error("boom")) : {}), b: gives({}) },
      { input: { n: 1 }, meta: { own: "x" } },
    );
    expect(result.path).toEqual(["a"]);
  });
});

describe("row 57: a condition that cannot be told", () => {
  test("a missing key is no match, and the event says which", async () => {
    const result = await way(
      ["a", "b"],
      [
        { from_agent: "a", condition: "nowhere == 1", end: true },
        { from_agent: "a", condition: "deep.nowhere", end: true },
      ],
      { deep: {} },
    );
    expect([result.status, result.path]).toEqual(["succeeded", ["a", "b"]]);
    expect(result.branches).toEqual([
      {
        from: "a",
        to: null,
        taken: false,
        end: false,
        rules: [
          { condition: "nowhere == 1", holds: false, missing: "nowhere", used_up: false },
          { condition: "deep.nowhere", holds: false, missing: "deep.nowhere", used_up: false },
        ],
      },
    ]);
  });

  test.each<[string, string[]]>([
    ["nowhere == 1 || true", ["a"]],
    ["nowhere == 1 && false", ["a", "b"]],
    ["!(nowhere == 1 && false)", ["a"]],
  ])("CEL absorbs: %s", async (condition, path) => {
    expect((await way(["a", "b"], [{ from_agent: "a", condition, end: true }])).path).toEqual(path);
  });

  test.each([
    ["an operation that is not there", "text + 1 == 2"],
    ["a value that is neither true nor false", "n"],
    ["a division by zero", "1 / (n - n) == 1"],
  ])("any other error fails the stage as expression: %s", async (_, condition) => {
    const result = await way(["a", "b"], [{ from_agent: "a", condition, end: true }], { n: 1, text: "x" });
    expect([result.status, result.error?.kind, result.path]).toEqual(["failed", "expression", ["a"]]);
    expect(result.error?.message).toMatch(/^stage 1 \(a\) failed: branch from `a`: /);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 expression → failed"]);
  });

  test("such a failure is not tried again, and leaves nothing behind", async () => {
    const { inputs, agent } = recorder({ wrote: 1 });
    const definition = pipelineOf(
      { agents: ["a"], branches: [{ from_agent: "a", condition: "n", end: true }] },
      { agents: { a: { retries: 3 } } },
    );
    const { result } = await runPipeline(definition, { a: agent }, { input: { n: 1 } });
    expect([inputs.length, result.state]).toEqual([1, { n: 1 }]);
  });

  test("it is a failure like any other to on_error and fallback", async () => {
    const branches: Branches = [{ from_agent: "a", condition: "bad", end: true }];
    const tolerated = await runPipeline(pipelineOf({ agents: ["a", "b"], branches }, { agents: { a: { on_error: "continue" } } }), {
      a: gives({ bad: 7 }),
      b: gives({}),
    });
    expect([tolerated.result.status, tolerated.result.path, tolerated.result.state]).toEqual(["succeeded", ["a", "b"], {}]);
    const served = await runPipeline(pipelineOf({ agents: ["a", "b"], branches }, { agents: { a: { fallback: "c" } } }), {
      a: gives({ bad: 7 }),
      b: gives({}),
      c: gives({ bad: true }),
    });
    expect([served.result.status, served.result.path, served.result.state]).toEqual(["succeeded", ["a"], { bad: true }]);
  });
});

describe("jumps", () => {
  test("forward: what lies between is recorded as skipped, each once", async () => {
    const result = await way(sequence, [{ from_agent: "a", to_agent: "d" }]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 ok → succeeded", "2 b~0: skipped", "3 c~0: skipped", "4 d~1: d#1 ok → succeeded"]);
    expect(result.path).toEqual(["a", "d"]);
  });

  test("to the next one: nothing is skipped", async () => {
    expect((await way(sequence, [{ from_agent: "a", to_agent: "b" }])).skipped).toEqual([]);
  });

  test("to the end: what is left is skipped", async () => {
    expect((await way(sequence, [{ from_agent: "b", end: true }])).skipped).toEqual(["c", "d"]);
  });

  test("a skip is told, with the stage's number", async () => {
    const { events } = await runPipeline(pipelineOf({ agents: sequence, branches: [{ from_agent: "a", to_agent: "d" }] }), {
      a: gives({}),
      b: gives({}),
      c: gives({}),
      d: gives({}),
    });
    expect(events.flatMap((event) => (event.type === "stage-skip" ? [event.stage] : []))).toEqual([
      { name: "b", number: 2, total: 4, visit: 0, group: null },
      { name: "c", number: 3, total: 4, visit: 0, group: null },
    ]);
  });

  test("back: max_times says how often, and then the next rule is tried", async () => {
    const result = await way(
      ["a", "b", "c"],
      [
        { from_agent: "b", condition: "n == 1", to_agent: "a", max_times: 2 },
        { from_agent: "b", condition: "n == 1", end: true },
      ],
      { n: 1 },
    );
    expect(result.path).toEqual(["a", "b", "a", "b", "a", "b"]);
    expect(result.branches.map(({ to, end, rules }) => [to, end, rules.map(({ used_up }) => used_up)])).toEqual([
      ["a", false, [false]],
      ["a", false, [false]],
      [null, true, [true, false]],
    ]);
    expect(result.stages.map(({ name, visit }) => `${name}~${visit}`)).toEqual(["a~1", "b~1", "a~2", "b~2", "a~3", "b~3", "c~0"]);
  });

  test("a rule that does not hold is not used up", async () => {
    const definition = pipelineOf({ agents: ["a"], branches: [{ from_agent: "a", condition: "n < 3", to_agent: "a", max_times: 9 }] });
    const { result } = await runPipeline(definition, { a: ({ n }) => ({ n: n + 1 }) }, { input: { n: 0 } });
    expect([result.path, result.state]).toEqual([["a", "a", "a"], { n: 3 }]);
  });

  test("each rule is counted by itself", async () => {
    const result = await way(
      ["a"],
      [
        { from_agent: "a", condition: "n == 1", to_agent: "a", max_times: 1 },
        { from_agent: "a", to_agent: "a", max_times: 2 },
      ],
      { n: 1 },
    );
    expect(result.path).toHaveLength(4);
  });
});

describe("detours", () => {
  test("run, and the run goes on after the stage that they came from", async () => {
    const result = await way(["a", "b", "c"], [{ from_agent: "b", to_agent: "x" }]);
    expect([result.path, result.skipped]).toEqual([["a", "b", "x", "c"], []]);
  });

  test("row 22: carry the stage_number of the element that they left; total_stages counts the sequence", async () => {
    const seen: unknown[] = [];
    const look = (_: unknown, { stage, stageNumber, totalStages }: { stage: string; stageNumber: number; totalStages: number }) =>
      void seen.push([stage, stageNumber, totalStages]);
    await runPipeline(
      pipelineOf({
        agents: ["a", "b"],
        branches: [
          { from_agent: "a", to_agent: "x" },
          { from_agent: "x", to_agent: "y", max_times: 1 },
        ],
      }),
      {
        a: look,
        b: look,
        x: look,
        y: look,
      },
    );
    expect(seen).toEqual([
      ["a", 1, 2],
      ["x", 1, 2],
      ["y", 1, 2],
      ["b", 2, 2],
    ]);
  });

  test("nested ones return to the element that the chain left", async () => {
    const result = await way(
      ["a", "b", "c"],
      [
        { from_agent: "a", to_agent: "x" },
        { from_agent: "x", to_agent: "y" },
        { from_agent: "y", to_agent: "z" },
      ],
    );
    expect(result.path).toEqual(["a", "x", "y", "z", "b", "c"]);
  });

  test.each<[string, string, string[], string[]]>([
    ["forward", "d", ["a", "x", "d"], ["b", "c"]],
    ["to the next one", "b", ["a", "x", "b", "c", "d"], []],
  ])("a jump into the sequence, %s, ends the detour", async (_, to, path, skipped) => {
    const result = await way(sequence, [
      { from_agent: "a", to_agent: "x" },
      { from_agent: "x", to_agent: to },
    ]);
    expect([result.path, result.skipped]).toEqual([path, skipped]);
  });

  test("a jump back to the element that was left visits it again", async () => {
    const result = await way(
      ["a", "b"],
      [
        { from_agent: "a", to_agent: "x", max_times: 2 },
        { from_agent: "x", to_agent: "a", max_times: 2 },
      ],
    );
    expect(result.path).toEqual(["a", "x", "a", "x", "a", "b"]);
  });

  test("can end the run; what is left of the sequence is skipped", async () => {
    const result = await way(
      ["a", "b", "c"],
      [
        { from_agent: "a", to_agent: "x" },
        { from_agent: "x", end: true },
      ],
    );
    expect([result.status, result.path, result.skipped]).toEqual(["succeeded", ["a", "x"], ["b", "c"]]);
  });

  test("from the last element return to the end", async () => {
    expect((await way(["a"], [{ from_agent: "a", to_agent: "x" }])).path).toEqual(["a", "x"]);
  });

  test("the same one can be left for from several places", async () => {
    const result = await way(
      ["a", "b", "c"],
      [
        { from_agent: "a", to_agent: "x" },
        { from_agent: "b", to_agent: "x" },
      ],
    );
    expect(result.path).toEqual(["a", "x", "b", "x", "c"]);
    expect(result.stages.map(({ name, visit, number }) => `${number} ${name}~${visit}`)).toEqual([
      "1 a~1",
      "1 x~1",
      "2 b~1",
      "2 x~2",
      "3 c~1",
    ]);
  });

  test("that fail end the run like any stage", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a", "b"], branches: [{ from_agent: "a", to_agent: "x" }] }), {
      a: gives({}),
      b: gives({}),
      x: fails(),
    });
    expect(result.error?.message).toBe("stage 1 (x) failed: boom");
  });
});

describe("after a failed stage", () => {
  const branches: Branches = [
    { from_agent: "a", condition: "stages.a.status == 'tolerated' || stages.a.status == 'failed'", to_agent: "c" },
  ];
  const agents = { a: fails(), b: gives({}), c: gives({ c: 1 }) };

  test("that was tolerated, branches are looked at with the unchanged state", async () => {
    const { result } = await runPipeline(
      pipelineOf(
        { agents: ["a", "b", "c"], branches: [{ from_agent: "a", condition: "n == 1", to_agent: "c" }] },
        { agents: { a: { on_error: "continue", drop: ["n"] } } },
      ),
      agents,
      { input: { n: 1 } },
    );
    expect([result.status, result.path, result.state]).toEqual(["succeeded", ["a", "c"], { n: 1, c: 1 }]);
  });

  test("with fail_fast = false too", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a", "b", "c"], branches, pipeline: { fail_fast: false } }), agents);
    expect([result.status, result.path]).toEqual(["failed", ["a", "c"]]);
  });

  test("with fail_fast = true they are not", async () => {
    const { result, events } = await runPipeline(pipelineOf({ agents: ["a", "b", "c"], branches }), agents);
    expect([result.status, result.path, branchesOf(events)]).toEqual(["failed", ["a"], []]);
  });

  test("`end` never turns a recorded failure into a success", async () => {
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b"], branches: [{ from_agent: "a", end: true }], pipeline: { fail_fast: false } }),
      agents,
    );
    expect([result.status, result.path, result.error?.message]).toEqual(["failed", ["a"], "stage 1 (a) failed: boom"]);
  });

  test("an error in such a condition takes the place of the failure; the stage stays tolerated", async () => {
    const definition = pipelineOf(
      { agents: ["a", "b"], branches: [{ from_agent: "a", condition: "n", end: true }] },
      { agents: { a: { on_error: "continue" } } },
    );
    const { result } = await runPipeline(definition, agents, { input: { n: 1 } });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 expression → tolerated", "2 b~1: b#1 ok → succeeded"]);
  });
});
