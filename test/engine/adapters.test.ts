import { describe, expect, test } from "vitest";
import type { AgentDefinition } from "../../src/index.ts";
import { failsThen, gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline } from "../support/run.ts";
import { stageLines } from "./simulation/shape.ts";

/** Runs one stage, `a`, on a state. */
async function runStage(definition: AgentDefinition, output: unknown, input: Record<string, unknown> = {}) {
  const { inputs, agent } = recorder(output);
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: definition } }), { a: agent }, { input });
  return { state: result.state, failure: result.error?.failure, wrote: result.stages[0]?.wrote, seen: inputs[0] };
}

describe("row 128: the input adapter", () => {
  test.each<[string, AgentDefinition["input"], object]>([
    ["is the whole state where it is absent", undefined, { n: 2, items: [5, 6, 7] }],
    ["is just what the table says", { m: "n" }, { m: 2 }],
    ["takes any expression, with JSON numbers as people expect", { last: "items[n]", more: "n + 1" }, { last: 7, more: 3 }],
    ["sees the state, metadata and stages", { s: "state.n", id: "meta.stage_name", none: "has(stages.a)" }, { s: 2, id: "a", none: false }],
    ["may leave nothing", {}, {}],
  ])("%s", async (_, input, seen) => {
    expect((await runStage(input === undefined ? {} : { input }, {}, { n: 2, items: [5, 6, 7] })).seen).toEqual(seen);
  });

  test("row 129: one that fails is a failure of kind expression; the agent is not called, and it is not tried again", async () => {
    const { inputs, agent } = recorder();
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { input: { x: "nowhere" }, retries: 3 } } }), {
      a: agent,
    });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 expression → failed"]);
    expect(inputs).toEqual([]);
  });
});

describe("row 128: the output adapter", () => {
  test.each<[string, AgentDefinition["output"], unknown, object]>([
    ["merges an object where it is absent", undefined, { a: 1, b: { c: 2 } }, { n: 2, a: 1, b: { c: 2 } }],
    ["puts the whole result under a key", "report", { a: 1 }, { n: 2, report: { a: 1 } }],
    ["puts text under a key", "report", "words", { n: 2, report: "words" }],
    ["puts a list under a key", "report", [1, null], { n: 2, report: [1, null] }],
    ["sets the keys of a table", { b: "result.a", c: "size(result.list)" }, { a: 1, list: [1, 2] }, { n: 2, b: 1, c: 2 }],
    ["sees the state before the stage in bare names", { m: "n + result.n" }, { n: 40 }, { n: 2, m: 42 }],
    ["row 129: is skipped for an empty result", { b: "result.a" }, undefined, { n: 2 }],
    ["row 129: is skipped for null", "report", null, { n: 2 }],
  ])("%s", async (_, output, result, state) => {
    expect((await runStage(output === undefined ? {} : { output }, result, { n: 2 })).state).toEqual(state);
  });

  test.each<[string, AgentDefinition["output"], unknown, string]>([
    [
      "text without a place",
      undefined,
      "hello",
      '`a` gave the string "hello", but only an object can be merged into the state; to keep it under a key of its own, write output = "some_key"',
    ],
    [
      "a list without a place",
      undefined,
      [1, 2],
      '`a` gave a list of 2, but only an object can be merged into the state; to keep it under a key of its own, write output = "some_key"',
    ],
    ["what is not JSON", "x", { f: () => 1 }, "the output of `a` is not JSON: f is a function, which JSON cannot say"],
    [
      "what holds itself",
      "x",
      circular(),
      "the output of `a` is not JSON: self.self.self.self.self.self.self.self.self.self.self.self.… is nested deeper than 500 levels",
    ],
  ])("refuses %s as invalid_output", async (_, output, result, message) => {
    expect((await runStage(output === undefined ? {} : { output }, result)).failure).toEqual({ kind: "invalid_output", message });
  });

  test("one that fails is invalid_output, and another attempt may mend it", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { output: { x: "result.x" }, retries: 1 } } });
    let calls = 0;
    const { result } = await runPipeline(definition, { a: () => (++calls === 1 ? {} : { x: 1 }) });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 invalid_output, a#2 ok → succeeded, wrote x"]);
    expect(result.stages[0]?.attempts[0]?.message).toMatch(/^the `output` of `a` cannot be made: /);
  });
});

describe("writes", () => {
  test.each<[string, object, string | undefined]>([
    ["all of them", { x: 1, y: 2 }, undefined],
    ["more than them", { x: 1, y: 2, z: 3 }, undefined],
    ["one with the value that it had", { x: 1, y: 7 }, undefined],
    ["only one", { x: 1 }, "`a` declares that it writes `y`, but it wrote only `x`"],
    ["none", {}, "`a` declares that it writes `x`, `y`, but it wrote nothing"],
  ])("of an agent that writes %s", async (_, output, message) => {
    const { failure } = await runStage({ writes: ["x", "y"] }, output, { y: 7 });
    expect(failure).toEqual(message === undefined ? undefined : { kind: "invalid_output", message });
  });

  test("an agent that gives nothing at all lacks them too", async () => {
    expect((await runStage({ writes: ["x"] }, null)).failure?.kind).toBe("invalid_output");
  });
});

describe("what counts as written", () => {
  test.each<[string, object, string[]]>([
    ["an agent that echoes its input writes nothing", { n: 1, deep: { a: [1, { b: 2 }] } }, []],
    ["the order of keys does not count", { deep: { a: [1, { b: 2 }] }, n: 1 }, []],
    ["a changed value inside counts", { n: 1, deep: { a: [1, { b: 3 }] } }, ["deep"]],
    ["null is a value", { n: null, deep: { a: [1, { b: 2 }] } }, ["n"]],
    ["a new null is written", { more: null }, ["more"]],
  ])("%s", async (_, output, wrote) => {
    expect((await runStage({}, output, { n: 1, deep: { a: [1, { b: 2 }] } })).wrote).toEqual(wrote);
  });
});

describe("row 125: pruning", () => {
  test.each<[string, AgentDefinition, object]>([
    ["keeps only the keys of keep", { keep: ["b", "new"] }, { b: 2, new: 4 }],
    ["removes the keys of drop", { drop: ["a", "new"] }, { b: 2, c: 3 }],
    ["of nothing keeps nothing", { keep: [] }, {}],
  ])("%s", async (_, definition, state) => {
    expect((await runStage(definition, { new: 4 }, { a: 1, b: 2, c: 3 })).state).toEqual(state);
  });

  test("keeps the metadata, and leaves the state alone when the stage fails", async () => {
    const definition = pipelineOf({ agents: ["a", "b"] }, { agents: { a: { keep: [], on_error: "continue" } } });
    const { inputs, agent } = recorder();
    const { result } = await runPipeline(
      definition,
      { a: failsThen([new Error("boom")]), b: agent },
      { input: { n: 1 }, meta: { own: "1" } },
    );
    expect(inputs).toEqual([{ n: 1 }]);
    expect(result.meta.own).toBe("1");
  });
});

test("row 34: a failing agent leaves nothing behind", async () => {
  const { result } = await runPipeline(
    pipelineOf({ agents: ["a"] }, { agents: { a: { on_error: "continue" } } }),
    {
      a: (input) => {
        expect(() => {
          input.list.push(3);
        }).toThrow(TypeError);
        throw new Error("half-way");
      },
    },
    { input: { list: [1, 2] } },
  );
  expect(result.state).toEqual({ list: [1, 2] });
});

test("what an agent changes after it has returned does not reach the state", async () => {
  const output = { list: [1] };
  const { inputs, agent } = recorder();
  await runPipeline(pipelineOf({ agents: ["a", "b", "c"] }), { a: gives(output), b: () => void output.list.push(2), c: agent });
  expect(inputs).toEqual([{ list: [1] }]);
});

function circular(): object {
  const self: Record<string, unknown> = {};
  self.self = self;
  return self;
}
