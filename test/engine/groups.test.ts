import { describe, expect, test } from "vitest";
import { AgentError, type AgentFunction, definePipeline, type PipelineDefinition } from "../../src/index.ts";
import { fails, gives, recorder } from "../support/agents.ts";
import { pipelineOf, runPipeline, type Sequential, waitOn } from "../support/run.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

type Group = NonNullable<Sequential["parallel"]>[string];

interface GroupRun {
  readonly group?: Partial<Group>;
  readonly sequence?: Partial<Sequential>;
  readonly agents?: PipelineDefinition["agents"];
  readonly input?: Record<string, unknown>;
  readonly clock?: VirtualClock;
  readonly signal?: AbortSignal;
}

/** Runs a group `g` of the agents given, and `z` after it. */
async function runGroup(members: Record<string, AgentFunction>, { group = {}, sequence = {}, agents = {}, ...options }: GroupRun = {}) {
  const definition = pipelineOf(
    { agents: ["g", "z"], parallel: { g: { agents: Object.keys(members), ...group } }, ...sequence },
    { agents },
  );
  const { result, events } = await runPipeline(definition, { ...members, z: gives({}) }, options);
  return { result, events, lines: stageLines(result), failure: result.error?.failure };
}

/** An agent that takes its time. */
function after(clock: VirtualClock, ms: number, output: unknown = {}): AgentFunction {
  return async (_, { signal }) => {
    await waitOn(clock, ms, signal);
    if (output instanceof Error) throw output;
    return output;
  };
}

describe("row 60-66: a group in the sequence", () => {
  test("its members run at the same time on the state as it was before; all are awaited", async () => {
    const clock = virtualClock();
    const seen: unknown[] = [];
    const member =
      (ms: number, output: object): AgentFunction =>
      async (input) => {
        seen.push(input);
        await waitOn(clock, ms);
        return output;
      };
    const { result } = await runGroup({ a: member(300, { a: 1 }), b: member(100, { b: 2 }) }, { clock, input: { n: 0 } });
    expect(seen).toEqual([{ n: 0 }, { n: 0 }]);
    expect([result.state, result.duration_ms]).toEqual([{ n: 0, a: 1, b: 2 }, 300]);
  });

  test("it is one element: one number, one entry in the path; its members stand after it", async () => {
    const { result, lines } = await runGroup({ a: gives({ a: 1 }), b: gives({ b: 2 }) });
    expect(lines).toEqual([
      "1 g~1: succeeded, wrote a b",
      "1 a~1 (g): a#1 ok → succeeded, wrote a",
      "1 b~1 (g): b#1 ok → succeeded, wrote b",
      "2 z~1: z#1 ok → succeeded",
    ]);
    expect([result.path, result.meta.total_stages]).toEqual([["g", "z"], "2"]);
  });

  test("single stages and groups mix, with branches from and to groups", async () => {
    const { result } = await runGroup(
      { a: ({ n }) => ({ n: n + 1 }), b: gives({ b: 1 }) },
      {
        input: { n: 0 },
        sequence: { agents: ["z", "g"], branches: [{ from_agent: "g", condition: "n < 2", to_agent: "g", max_times: 5 }] },
      },
    );
    expect([result.path, result.state]).toEqual([["z", "g", "g"], { n: 2, b: 1 }]);
    expect(result.stages.map(({ name, visit }) => `${name}~${visit}`)).toEqual(["z~1", "g~1", "a~1", "b~1", "g~2", "a~2", "b~2"]);
  });

  test("a group may be a detour", async () => {
    const { result } = await runGroup(
      { a: gives({ a: 1 }), b: gives({ b: 1 }) },
      { sequence: { agents: ["z"], branches: [{ from_agent: "z", to_agent: "g" }] } },
    );
    expect([result.path, result.state, result.stages[1]?.number]).toEqual([["z", "g"], { a: 1, b: 1 }, 1]);
  });

  test("expressions after it see its members and the group", async () => {
    const { result } = await runGroup(
      { a: gives({ a: 1 }), b: fails() },
      {
        group: { on_error: "continue" },
        agents: {
          z: {
            input: { a: "stages.a.status", b: "stages.b.status", g: "stages.g.status", visits: "stages.g.visits" },
            output: { seen: "result" },
          },
        },
        sequence: {
          branches: [{ from_agent: "g", condition: "stages.b.status == 'failed' && stages.g.status == 'succeeded'", end: true }],
        },
      },
    );
    expect(result.path).toEqual(["g"]);
  });
});

describe("row 62: merging, in the order of the list, whatever finished first", () => {
  test.each<[string, Partial<Group>, Record<string, object>, object]>([
    ["flat: the keys of all, as they are", {}, { a: { x: 1 }, b: { y: 2 } }, { x: 1, y: 2 }],
    [
      "namespace: under the member's name",
      { merge: "namespace" },
      { a: { x: 1 }, "b-c": { x: 2, y: 3 } },
      { a: { x: 1 }, b_c: { x: 2, y: 3 } },
    ],
    ["prefix: as member_key", { merge: "prefix" }, { a: { x: 1 }, "b-c": { x: 2, y: 3 } }, { a_x: 1, b_c_x: 2, b_c_y: 3 }],
    ["a member that writes nothing leaves nothing", { merge: "namespace" }, { a: { x: 1 }, b: {} }, { a: { x: 1 } }],
  ])("%s", async (_, group, outputs, state) => {
    const members = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, gives(output)]));
    expect((await runGroup(members, { group })).result.state).toEqual(state);
  });

  test("the order of the keys is that of the list", async () => {
    const clock = virtualClock();
    const { result } = await runGroup({ a: after(clock, 90, { x: 1 }), b: after(clock, 10, { y: 1 }) }, { clock });
    expect(Object.keys(result.state)).toEqual(["x", "y"]);
  });

  test("flat: two members that write one key are a conflict that names both; nothing is merged", async () => {
    const { result, failure } = await runGroup({ a: gives({ x: 1, y: 1 }), b: gives({ z: 1 }), c: gives({ y: 1 }) });
    expect(failure).toEqual({
      kind: "conflict",
      message: 'the members `a` and `c` both write `y`; use merge = "namespace" or "prefix", or give one of them an output key of its own',
    });
    expect(result.state).toEqual({});
  });

  test("flat: members that echo the state are in nobody's way", async () => {
    const { result } = await runGroup({ a: (input) => ({ ...input, a: 1 }), b: (input) => ({ ...input, b: 1 }) }, { input: { n: [1] } });
    expect(result.state).toEqual({ n: [1], a: 1, b: 1 });
  });

  test("namespace: what the group wrote the second time counts only where it changed", async () => {
    const { result } = await runGroup(
      { a: gives({ x: 1 }), b: gives({ y: 1 }) },
      { group: { merge: "namespace" }, sequence: { branches: [{ from_agent: "g", to_agent: "g", max_times: 1 }] } },
    );
    expect(result.stages.filter(({ name }) => name === "g").map(({ wrote }) => wrote)).toEqual([["a", "b"], []]);
  });

  test.each<["flat" | "namespace" | "prefix", object]>([
    ["flat", { write_up: "words", b: 1 }],
    ["namespace", { write_up: "words", c: { b: 1 } }],
    ["prefix", { write_up: "words", c_b: 1 }],
  ])("%s: text without an `output` lies directly under the member", async (merge, state) => {
    const definition = pipelineOf(
      { agents: ["g"], parallel: { g: { agents: ["write-up", "c"], merge } } },
      { agents: { "write-up": { type: "llm", model: "m", provider: "ollama" } } },
    );
    const answer = {
      choices: [{ message: { role: "assistant", content: "words" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    };
    const fetch: typeof globalThis.fetch = () => Promise.resolve(Response.json(answer));
    const pipeline = await definePipeline(definition, { agents: { c: gives({ b: 1 }) }, fetch, env: {} });
    const result = await pipeline.run();
    expect([result.error, result.state]).toEqual([null, state]);
    expect(result.usage).toEqual({ input_tokens: 1, output_tokens: 2, cost: null });
  });
});

describe("on_error = fail", () => {
  test("row 63: the first failure stops the other members and fails the group, which merges nothing; result and error of each are kept", async () => {
    const clock = virtualClock();
    const { result, lines, failure } = await runGroup(
      { a: after(clock, 50, { a: 1 }), b: after(clock, 100, new Error("boom")), c: after(clock, 900, { c: 1 }) },
      { clock },
    );
    expect([result.status, result.duration_ms, result.state]).toEqual(["failed", 100, {}]);
    expect(failure).toEqual({ kind: "exit", message: "member b failed: boom" });
    expect(result.error?.message).toBe("stage 1 (g) failed: member b failed: boom");
    expect(lines).toEqual([
      "1 g~1: failed",
      "1 a~1 (g): a#1 ok → succeeded, wrote a",
      "1 b~1 (g): b#1 exit → failed",
      "1 c~1 (g): c#1 cancelled → cancelled",
    ]);
    expect(result.stages[3]?.error).toEqual({ kind: "cancelled", message: "stopped because b failed" });
  });

  test("a member is stopped through its signal, and not awaited longer than that where it ignores it", async () => {
    const clock = virtualClock();
    let told = false;
    const { result } = await runGroup(
      {
        a: after(clock, 100, new Error("boom")),
        b: (_, { signal }) =>
          new Promise(() => {
            signal.addEventListener("abort", () => {
              told = true;
            });
          }),
      },
      { clock },
    );
    expect([told, result.duration_ms]).toEqual([true, 100]);
  });

  test("a member in a wait between attempts is stopped too", async () => {
    const clock = virtualClock();
    const { lines } = await runGroup(
      { a: after(clock, 100, new Error("boom")), b: fails() },
      { clock, agents: { b: { retries: 1, retry_delay: "10s", retry_jitter: false } } },
    );
    expect(lines.slice(1)).toEqual(["1 a~1 (g): a#1 exit → failed", "1 b~1 (g): b#1 exit → cancelled"]);
  });

  test("a member that has not begun by then does not begin", async () => {
    const clock = virtualClock();
    const { agent, inputs } = recorder();
    const { lines } = await runGroup({ a: after(clock, 100, new Error("boom")), b: agent }, { clock, group: { max_concurrency: 1 } });
    expect([lines, inputs]).toEqual([["1 g~1: failed", "1 a~1 (g): a#1 exit → failed"], []]);
  });

  test("retries, fallback and on_error of a member come first", async () => {
    const { result, lines } = await runGroup(
      { a: fails(), b: fails(), c: fails(), d: gives({ d: 1 }) },
      {
        group: { agents: ["a", "b", "c"] },
        agents: { a: { on_error: "continue" }, b: { fallback: "d" }, c: { retries: 1, on_error: "continue", retry_delay: "0s" } },
      },
    );
    expect([result.status, result.state]).toEqual(["succeeded", { d: 1 }]);
    expect(lines.slice(1, 4)).toEqual([
      "1 a~1 (g): a#1 exit → tolerated",
      "1 b~1 (g): b#1 exit, d#1 ok → succeeded, wrote d",
      "1 c~1 (g): c#1 exit, c#2 exit → tolerated",
    ]);
  });
});

describe("on_error = continue", () => {
  test("all finish, failures are kept in the result, and the group succeeds with what there is", async () => {
    const clock = virtualClock();
    const { result, lines } = await runGroup(
      { a: after(clock, 10, new Error("boom")), b: after(clock, 90, { b: 1 }) },
      { clock, group: { on_error: "continue" } },
    );
    expect([result.status, result.duration_ms, result.state]).toEqual(["succeeded", 90, { b: 1 }]);
    expect(lines).toEqual([
      "1 g~1: succeeded, wrote b",
      "1 a~1 (g): a#1 exit → failed",
      "1 b~1 (g): b#1 ok → succeeded, wrote b",
      "2 z~1: z#1 ok → succeeded",
    ]);
  });

  test.each<[string, number | undefined, number, string | null]>([
    ["one success is enough by default", undefined, 1, null],
    ["min_success that is reached", 2, 2, null],
    ["min_success that is not", 2, 1, "1 of 3 members succeeded, and min_success is 2; member b failed: b is out"],
    ["no success at all", undefined, 0, "0 of 3 members succeeded, and min_success is 1; member a failed: a is out"],
  ])("%s", async (_, least, successes, message) => {
    const members = Object.fromEntries(
      ["a", "b", "c"].map((name, index) => [name, index < successes ? gives({ [name]: 1 }) : fails(`${name} is out`)]),
    );
    const { result, failure } = await runGroup(members, {
      group: { on_error: "continue", ...(least === undefined ? {} : { min_success: least }) },
    });
    expect([result.status, failure?.message ?? null]).toEqual([message === null ? "succeeded" : "failed", message]);
    if (message !== null) expect(result.state).toEqual({});
  });

  test("several failures are all told, and the group takes the kind of the first of the list", async () => {
    const clock = virtualClock();
    const { failure } = await runGroup(
      { a: after(clock, 50, new AgentError("auth", "no key")), b: after(clock, 10, new Error("boom")) },
      { clock, group: { on_error: "continue" } },
    );
    expect(failure).toEqual({
      kind: "auth",
      message: "0 of 2 members succeeded, and min_success is 1; member a failed: no key",
      cause: ["member a failed: no key", "member b failed: boom"],
    });
  });

  test("a tolerated member does not count as a success", async () => {
    const { failure } = await runGroup(
      { a: fails(), b: fails() },
      { group: { on_error: "continue" }, agents: { a: { on_error: "continue" }, b: { on_error: "continue" } } },
    );
    expect(failure?.message).toBe("0 of 2 members succeeded, and min_success is 1; member a failed: boom");
  });

  test("conflicts are looked for among those that succeeded", async () => {
    const clock = virtualClock();
    const { result } = await runGroup(
      { a: gives({ x: 1 }), b: after(clock, 1, new Error("boom")), c: gives({ y: 1 }) },
      { clock, group: { on_error: "continue" } },
    );
    expect(result.state).toEqual({ x: 1, y: 1 });
  });
});

test("a member does not see what became of another one, however late it looks", async () => {
  const clock = virtualClock();
  const { inputs, agent } = recorder();
  await runGroup(
    {
      a: gives({ a: 1 }),
      b: async (input, { attempt }) => {
        await waitOn(clock, 100);
        agent(input, {} as never);
        if (attempt === 1) throw new Error("boom");
      },
    },
    { clock, agents: { b: { retries: 1, input: { a: "has(stages.a)", n: "has(state.a)" } } } },
  );
  expect(inputs).toEqual([
    { a: false, n: false },
    { a: false, n: false },
  ]);
});

test("max_concurrency: so many at a time, in the order of the list", async () => {
  const clock = virtualClock();
  const starts: [string, number][] = [];
  const member =
    (name: string, ms: number): AgentFunction =>
    async () => {
      starts.push([name, clock.elapsed()]);
      await waitOn(clock, ms);
    };
  const { result } = await runGroup(
    { a: member("a", 100), b: member("b", 30), c: member("c", 30), d: member("d", 30) },
    { clock, group: { max_concurrency: 2 } },
  );
  expect(starts).toEqual([
    ["a", 0],
    ["b", 0],
    ["c", 30],
    ["d", 60],
  ]);
  expect(result.duration_ms).toBe(100);
});

describe("a group that fails", () => {
  test.each<[string, Partial<Sequential>, string[]]>([
    ["ends the run", {}, ["g"]],
    ["does not with fail_fast = false", { pipeline: { fail_fast: false } }, ["g", "z"]],
    [
      "with fail_fast = false is a source of branches",
      {
        agents: ["g", "y", "z"],
        pipeline: { fail_fast: false },
        branches: [{ from_agent: "g", condition: "stages.g.status == 'failed'", to_agent: "z" }],
      },
      ["g", "z"],
    ],
  ])("%s", async (_, sequence, path) => {
    const { result } = await runGroup(
      { a: gives({ a: 1 }), b: fails(), y: gives({}) },
      { group: { agents: ["a", "b"], on_error: "continue", min_success: 2 }, sequence },
    );
    expect([result.status, result.path, result.state]).toEqual(["failed", path, {}]);
  });

  test.each<[string, Partial<Sequential>, string[]]>([
    ["ends the run", {}, ["g"]],
    ["with fail_fast = false: the next rules see the state without it", { pipeline: { fail_fast: false } }, ["g", "z"]],
  ])("because of a condition fails as expression: %s", async (_, sequence, path) => {
    const { result, failure } = await runGroup(
      { a: gives({ n: 1 }), b: gives({}) },
      { sequence: { ...sequence, branches: [{ from_agent: "g", condition: "n", end: true }] } },
    );
    expect([failure?.kind, result.path, result.state]).toEqual(["expression", path, {}]);
  });
});

test("with fail_fast = false the rules are looked at again, on the state without what it wrote", async () => {
  const { result } = await runGroup(
    { a: gives({ n: 1 }), b: gives({}) },
    {
      sequence: {
        agents: ["g", "y", "z"],
        pipeline: { fail_fast: false },
        branches: [
          { from_agent: "g", condition: "n", end: true },
          { from_agent: "g", to_agent: "z" },
        ],
      },
      group: { agents: ["a", "b"] },
      agents: { y: { type: "canned" } },
    },
  );
  expect([result.status, result.path]).toEqual(["failed", ["g", "z"]]);
});

describe("stopped from outside", () => {
  test.each(["fail", "continue"] as const)(
    "a group with on_error = %s is cancelled, even if enough members had finished",
    async (onError) => {
      const clock = virtualClock();
      const cancellation = new AbortController();
      clock.after(100, () => cancellation.abort());
      const { result, lines } = await runGroup(
        { a: after(clock, 50, { a: 1 }), b: after(clock, 900, { b: 1 }) },
        { clock, group: { on_error: onError }, signal: cancellation.signal },
      );
      expect([result.status, result.duration_ms, result.state, result.path]).toEqual(["cancelled", 100, {}, ["g"]]);
      expect(lines).toEqual(["1 g~1: cancelled", "1 a~1 (g): a#1 ok → succeeded, wrote a", "1 b~1 (g): b#1 cancelled → cancelled"]);
    },
  );

  test("before it began it leaves no trace", async () => {
    const { result } = await runGroup({ a: gives({}), b: gives({}) }, { signal: AbortSignal.abort() });
    expect([result.status, result.stages]).toEqual(["cancelled", []]);
  });
});
