import { describe, expect, test } from "vitest";
import { type AgentDefinition, AgentError, definePipeline, type FailureKind } from "../../src/index.ts";
import { FAILURE_KINDS } from "../../src/spec/spec.ts";
import { fails, failsThen, gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

const boom = new Error("boom");

describe("on_error = continue", () => {
  test("the stage is tolerated, the state stays, the sequence goes on, the run succeeds", async () => {
    const { inputs, agent } = recorder({ b: 1 });
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b"] }, { agents: { a: { on_error: "continue" } } }),
      { a: fails(), b: agent },
      { input: { n: 1 } },
    );
    expect(inputs).toEqual([{ n: 1 }]);
    expect([result.status, result.error, result.state, result.meta.pipeline_completed]).toEqual([
      "succeeded",
      null,
      { n: 1, b: 1 },
      "true",
    ]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit → tolerated", "2 b~1: b#1 ok → succeeded, wrote b"]);
    expect(result.stages[0]?.error).toEqual({ kind: "exit", message: "boom" });
  });

  test("comes after retries and fallback", async () => {
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a"] }, { agents: { a: { on_error: "continue", retries: 1, fallback: "b" } } }),
      { a: fails(), b: fails("so is this") },
    );
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, a#2 exit, b#1 exit → tolerated"]);
  });

  test("the fallback's own on_error does not count: the stage keeps its own", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { fallback: "b" }, b: { on_error: "continue" } } }), {
      a: fails(),
      b: fails(),
    });
    expect(result.status).toBe("failed");
  });
});

describe("row 78: fail_fast", () => {
  const agents = { a: gives({ a: 1 }), b: fails("first"), c: recorder({ c: 1 }).agent, d: fails("second") };

  test("true: the first failure ends the run", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a", "b", "c"] }), agents);
    expect([result.status, result.path, result.state]).toEqual(["failed", ["a", "b"], { a: 1 }]);
  });

  test("false: the sequence goes on with the state as it was, and the run fails all the same, with its first failure", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false } }), agents);
    expect([result.status, result.state]).toEqual(["failed", { a: 1, c: 1 }]);
    expect(result.error?.message).toBe("stage 2 (b) failed: first");
    expect(stageLines(result)).toEqual([
      "1 a~1: a#1 ok → succeeded, wrote a",
      "2 b~1: b#1 exit → failed",
      "3 c~1: c#1 ok → succeeded, wrote c",
      "4 d~1: d#1 exit → failed",
    ]);
    expect(result.meta.pipeline_completed).toBeUndefined();
  });

  test("false: a tolerated failure is none", async () => {
    const { result } = await runPipeline(
      pipelineOf({ agents: ["b", "a"], pipeline: { fail_fast: false } }, { agents: { b: { on_error: "continue" } } }),
      agents,
    );
    expect(result.status).toBe("succeeded");
  });
});

describe("fallback", () => {
  test("serves the stage when the attempts are used up; attempt numbers start again, the stage keeps its name", async () => {
    const seen: unknown[] = [];
    const { result, events } = await runPipeline(pipelineOf({ agents: ["a", "z"] }, { agents: { a: { retries: 1, fallback: "b" } } }), {
      a: fails(),
      b: (_, { stage, stageNumber, attempt, idempotencyKey }) => {
        seen.push(stage, stageNumber, attempt, idempotencyKey);
        return { by: "b" };
      },
      z: gives({}),
    });
    expect(seen).toEqual(["a", 1, 1, "run/a~1"]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, a#2 exit, b#1 ok → succeeded, wrote by", "2 z~1: z#1 ok → succeeded"]);
    expect(result.path).toEqual(["a", "z"]);
    expect(result.stages[0]?.served_by).toBe("b");
    expect(events.flatMap((event) => (event.type === "attempt-end" ? [[event.agent, event.fallback]] : []))).toEqual([
      ["a", null],
      ["a", "b"],
      ["b", null],
      ["z", null],
    ]);
  });

  test("a chain is followed to its end", async () => {
    const definition = pipelineOf(
      { agents: ["a"] },
      { agents: { a: { fallback: "b" }, b: { fallback: "c", retries: 1 }, c: { fallback: "d" } } },
    );
    const { result } = await runPipeline(definition, { a: fails(), b: fails(), c: fails(), d: fails("the last word") });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, b#1 exit, b#2 exit, c#1 exit, d#1 exit → failed"]);
    expect(result.error).toMatchObject({ message: "stage 1 (a) failed after 5 attempts: the last word", attempts: 5 });
  });

  test("brings its own adapters, timeout and retries; the stage keeps keep and drop", async () => {
    const clock = virtualClock();
    const { inputs, agent } = recorder({ v: 5 });
    const slow = failsThen([new Error("not yet")]);
    const definition = pipelineOf(
      { agents: ["a"] },
      {
        agents: {
          a: { fallback: "b", input: { unseen: "n" }, output: "unseen", keep: ["x", "n"], timeout: "1s" },
          b: { input: { m: "n" }, output: { x: "result.v", y: "result.v" }, timeout: "9s", retries: 1, retry_delay: "0s", drop: ["n"] },
        },
      },
    );
    const { result } = await runPipeline(
      definition,
      {
        a: fails(),
        b: async (input, context) => {
          await waitOn(clock, 5000);
          slow(input, context);
          return agent(input, context);
        },
      },
      { clock, input: { n: 1, other: 2 } },
    );
    expect(inputs).toEqual([{ m: 1 }]);
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, b#1 exit, b#2 ok → succeeded, wrote x y"]);
    expect(result.state).toEqual({ n: 1, x: 5 });
  });

  test.each(FAILURE_KINDS.map((kind) => [kind, kind !== "cancelled" && kind !== "deadline"] as [FailureKind, boolean]))(
    "follows a final failure of kind %s: %s",
    async (kind, follows) => {
      const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { fallback: "b" } } }), {
        a: failsThen([new AgentError(kind, "as it is")]),
        b: gives({}),
      });
      expect(stageLines(result)).toEqual([follows ? `1 a~1: a#1 ${kind}, b#1 ok → succeeded` : `1 a~1: a#1 ${kind} → failed`]);
    },
  );

  test.each<[string, AgentDefinition, unknown]>([
    ["an input that cannot be made", { input: { x: "nowhere" } }, {}],
    ["an output that cannot be made", { output: { x: "result.nowhere" } }, {}],
    ["an output that lacks what was promised", { writes: ["x"] }, {}],
  ])("follows %s", async (_, definition, output) => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { ...definition, fallback: "b" } } }), {
      a: gives(output),
      b: gives({}),
    });
    expect([result.status, result.stages[0]?.served_by]).toEqual(["succeeded", "b"]);
  });

  test("of a model's stage: text of the one that serves lies under the stage's name", async () => {
    const definition = pipelineOf(
      { agents: ["write-up"] },
      {
        agents: {
          "write-up": { type: "llm", model: "m", provider: "ollama", fallback: "spare" },
          spare: { type: "canned", reply: "spare words" },
        },
      },
    );
    const refuse: typeof fetch = () => Promise.reject(new TypeError("fetch failed"));
    const result = await (await definePipeline(definition, { fetch: refuse, env: {} })).run();
    expect([result.status, result.state]).toEqual(["succeeded", { write_up: "spare words" }]);
  });
});

test("row 71, 9: a failure after several agents says how many attempts there were in all", async () => {
  const { result } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, fallback: "b" } } }), {
    a: failsThen([boom, boom]),
    b: fails("no"),
  });
  expect(result.error?.message).toBe("stage 1 (a) failed after 3 attempts: no");
});
