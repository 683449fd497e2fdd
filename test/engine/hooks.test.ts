import { describe, expect, test } from "vitest";
import { type AgentFunction, definePipeline, type HookEvent, type HookPayload, type PipelineDefinition } from "../../src/index.ts";
import { HOOK_EVENTS } from "../../src/spec/spec.ts";
import { fails, failsThen, gives } from "../support/agents.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";

/** Runs a pipeline with a callback on every hook, which notes what it is told. */
async function witness(
  definition: PipelineDefinition,
  agents: Record<string, AgentFunction>,
  options: { directory?: string; signal?: AbortSignal; timeoutMs?: number } = {},
) {
  const { directory = ".", ...runOptions } = options;
  const clock = virtualClock();
  const pipeline = await definePipeline(definition, { agents, clock, random: () => 0.999999, directory, env: {} });
  const told: HookPayload[] = [];
  for (const hook of HOOK_EVENTS) pipeline.on(hook, (payload) => void told.push(payload));
  const result = await clock.run(pipeline.run({ runId: "run", sessionId: "session", ...runOptions }));
  const lines = told.map(({ event, stage, attempt }) => [event, stage?.name, attempt].filter((part) => part !== undefined).join(" "));
  return { result, told, lines };
}

describe("row 35-37: which hooks fire", () => {
  test("around a run and its stages", async () => {
    const { lines } = await witness(pipelineOf({ agents: ["a", "b"] }), { a: gives({}), b: gives({}) });
    expect(lines).toEqual(["before_run", "before_stage a", "after_stage a 1", "before_stage b", "after_stage b 1", "after_run"]);
  });

  test("`retry` for each failed attempt, `stage_error` once, after the last", async () => {
    const { lines } = await witness(pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, fallback: "b" } } }), {
      a: fails(),
      b: fails(),
    });
    expect(lines).toEqual(["before_run", "before_stage a", "retry a 1", "retry a 2", "retry a 1", "stage_error a 1", "after_run"]);
  });

  test("`after_stage` where an attempt succeeds in the end", async () => {
    const { lines } = await witness(pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1 } } }), {
      a: failsThen([new Error("boom")]),
    });
    expect(lines).toEqual(["before_run", "before_stage a", "retry a 1", "after_stage a 2", "after_run"]);
  });

  test("`stage_error` for a failure that is tolerated", async () => {
    const { lines } = await witness(pipelineOf({ agents: ["a"] }, { agents: { a: { on_error: "continue" } } }), { a: fails() });
    expect(lines).toEqual(["before_run", "before_stage a", "retry a 1", "stage_error a 1", "after_run"]);
  });

  test("`branch` where one is taken", async () => {
    const branches = [
      { from_agent: "a", condition: "false", to_agent: "c" },
      { from_agent: "b", end: true as const },
    ];
    const { told } = await witness(pipelineOf({ agents: ["a", "b", "c"], branches }), { a: gives({}), b: gives({}), c: gives({}) });
    expect(told.filter(({ event }) => event === "branch").map(({ stage, to, end }) => [stage?.name, to, end])).toEqual([["b", null, true]]);
  });

  test("members of groups fire, groups do not", async () => {
    const { lines } = await witness(pipelineOf({ agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: 1 } } }), {
      a: gives({}),
      b: gives({}),
    });
    expect(lines).toEqual(["before_run", "before_stage a", "after_stage a 1", "before_stage b", "after_stage b 1", "after_run"]);
  });

  test("what a cancellation stops is no error of the stage", async () => {
    const cancellation = new AbortController();
    const { lines, told } = await witness(
      pipelineOf({ agents: ["a"] }),
      { a: () => new Promise(() => cancellation.abort()) },
      { signal: cancellation.signal },
    );
    expect(lines).toEqual(["before_run", "before_stage a", "after_run"]);
    expect(told.at(-1)?.status).toBe("cancelled");
  });

  test("nor is what the pipeline's timeout stops", async () => {
    const { lines, told } = await witness(pipelineOf({ agents: ["a"] }), { a: () => new Promise(() => {}) }, { timeoutMs: 1000 });
    expect(lines).toEqual(["before_run", "before_stage a", "after_run"]);
    expect(told.at(-1)?.status).toBe("timed_out");
  });

  test("a nested pipeline's stages fire by the name outer/inner, and it has a beginning and an end of its own", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["a"] }), name: "inner" } });
    const { told } = await witness(
      pipelineOf({ agents: ["n"] }, { agents: { n: { type: "pipeline", file: "inner.toml" } } }),
      { a: gives({}) },
      { directory },
    );
    expect(told.map(({ event, stage, nested }) => [event, stage?.name ?? nested])).toEqual([
      ["before_run", null],
      ["before_stage", "n"],
      ["before_run", "n"],
      ["before_stage", "n/a"],
      ["after_stage", "n/a"],
      ["after_run", "n"],
      ["after_stage", "n"],
      ["after_run", null],
    ]);
  });
});

describe("row 39: what a callback is told", () => {
  const about = { version: 1, run_id: "run" };
  const stage = { name: "a", number: 1, total: 1, visit: 1, group: null };
  const failure = { kind: "exit", message: "boom" };

  test("row 39: agent, stage index and total, input, output, state, attempt, duration", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, retry_jitter: false, input: { m: "n" } } } });
    const clock = virtualClock();
    const pipeline = await definePipeline(definition, {
      agents: {
        a: async (_, { attempt }) => {
          await waitOn(clock, 250);
          if (attempt === 1) throw new Error("boom");
          return { x: 1 };
        },
      },
      clock,
    });
    const told: unknown[] = [];
    for (const hook of HOOK_EVENTS) pipeline.on(hook, (payload) => void told.push(payload));
    await clock.run(pipeline.run({ runId: "run", sessionId: "session", input: { n: 1 }, meta: { own: "1" } }));
    const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms).toISOString();
    const meta = { own: "1", session_id: "session", pipeline_id: "test", run_id: "run", total_stages: "1" };
    expect(told).toEqual([
      {
        ...about,
        event: "before_run",
        at: at(0),
        nested: null,
        pipeline_id: "test",
        session_id: "session",
        total_stages: 1,
        input: { n: 1 },
        meta,
        resumed: false,
      },
      { ...about, event: "before_stage", at: at(0), stage, agent: "a", input: { m: 1 }, state: { n: 1 } },
      {
        ...about,
        event: "retry",
        at: at(250),
        stage,
        agent: "a",
        attempt: 1,
        attempts: 2,
        status: "failed",
        duration_ms: 250,
        retry_in_ms: 1000,
        fallback: null,
        usage: null,
        error: failure,
      },
      {
        ...about,
        event: "after_stage",
        at: at(1500),
        stage,
        agent: "a",
        attempt: 2,
        status: "succeeded",
        duration_ms: 1500,
        input: { m: 1 },
        output: { x: 1 },
        state: { n: 1, x: 1 },
        usage: null,
        error: null,
      },
      {
        ...about,
        event: "after_run",
        at: at(1500),
        nested: null,
        status: "succeeded",
        duration_ms: 1500,
        state: { n: 1, x: 1 },
        meta: { ...meta, pipeline_completed: "true" },
        error: null,
      },
    ]);
  });

  test("row 39, 42: the error", async () => {
    const { told } = await witness(pipelineOf({ agents: ["a"] }), { a: fails() });
    const error = told.find(({ event }) => event === "stage_error");
    expect(error).toMatchObject({ stage, agent: "a", attempt: 1, status: "failed", output: {}, state: {}, error: failure });
    expect(told.at(-1)).toMatchObject({
      event: "after_run",
      status: "failed",
      error: { message: "stage 1 (a) failed: boom", kind: "exit" },
    });
  });
});

describe("row 38, 41, 43: callbacks", () => {
  test("row 38: several per hook, in the order of their registration", async () => {
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) } });
    const told: string[] = [];
    pipeline.on("before_stage", "first", () => void told.push("first"));
    pipeline.on("before_stage", () => void told.push("second"));
    pipeline.on("after_stage", "first", () => void told.push("another hook"));
    pipeline.on("before_stage", "third", () => void told.push("third"));
    await pipeline.run();
    expect(told).toEqual(["first", "second", "third", "another hook"]);
  });

  test.each<[string, (pipeline: Awaited<ReturnType<typeof definePipeline>>) => void, string]>([
    ["row 38: a duplicate name", (pipeline) => pipeline.on("retry", "mine", () => {}), "there is a callback called mine on retry already"],
    ["no callback", (pipeline) => pipeline.on("retry", "other", undefined as never), "the callback other of retry is missing"],
    [
      "an unknown hook",
      (pipeline) => pipeline.on("before_lunch" as HookEvent, () => {}),
      "there is no hook called before_lunch; there are before_run, before_stage, after_stage, stage_error, retry, branch, rollback, after_run",
    ],
  ])("%s is an error", async (_, register, message) => {
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) } });
    pipeline.on("retry", "mine", () => {});
    expect(() => register(pipeline)).toThrow(new TypeError(message));
  });

  test.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ])("row 41: one that %s is reported and does not stop the run, nor the next callback", async (_, callback) => {
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({ a: 1 }) } });
    let next = false;
    const events: unknown[] = [];
    pipeline.on("before_stage", "bad", callback);
    pipeline.on("before_stage", "good", () => void (next = true));
    const result = await pipeline.run({
      onEvent: (event) => void (event.type === "hook-fail" && events.push([event.hook, event.on, event.message])),
    });
    expect([result.status, result.state, next]).toEqual(["succeeded", { a: 1 }, true]);
    expect(result.warnings).toEqual(["hook bad (before_stage) failed: broken"]);
    expect(events).toEqual([["bad", "before_stage", "broken"]]);
  });

  test("one that never ends is left behind after ten seconds", async () => {
    const clock = virtualClock();
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) }, clock });
    pipeline.on("after_stage", () => new Promise(() => {}));
    const result = await clock.run(pipeline.run());
    expect([result.status, result.duration_ms]).toEqual(["succeeded", 10_000]);
    expect(result.warnings).toEqual(["hook callback 1 (after_stage) failed: it did not end within 10s"]);
  });

  test("row 40: they are awaited, and observe: what they return or try to change has no effect", async () => {
    const clock = virtualClock();
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: (input) => ({ seen: input.n }) }, clock });
    pipeline.on("before_stage", async (payload) => {
      await waitOn(clock, 500);
      expect(() => {
        (payload.input as { n: number }).n = 7;
      }).toThrow(TypeError);
      return { n: 9 };
    });
    const result = await clock.run(pipeline.run({ input: { n: 1 } }));
    expect([result.state, result.duration_ms, result.stages[0]?.duration_ms]).toEqual([{ n: 1, seen: 1 }, 500, 0]);
    expect(result.warnings).toEqual([]);
  });

  test("row 43: without any the run is the same", async () => {
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({ a: 1 }) } });
    expect(await pipeline.run()).toMatchObject({ status: "succeeded", state: { a: 1 }, warnings: [] });
  });
});

describe("hooks of the file", () => {
  /** A pipeline with module hooks that note `NAME event stage` in `told`. */
  function withHooks(name: string, hooks: Record<string, object>, definition: PipelineDefinition) {
    const told: string[] = [];
    const channel = `agentflow-test-${name}`;
    (globalThis as Record<string, unknown>)[channel] = told;
    const modules = Object.fromEntries(
      Object.keys(hooks).map((hook) => [
        `${hook}.mjs`,
        `export default ({ event, stage, nested }) => void globalThis["${channel}"].push(["${hook}", event, stage?.name ?? nested ?? "run"].join(" "));`,
      ]),
    );
    const tables = Object.entries(hooks).map(
      ([hook, keys]) => ({ name: hook, module: `${hook}.mjs`, ...keys }) as NonNullable<PipelineDefinition["hooks"]>[number],
    );
    return { told, modules, definition: { ...definition, hooks: tables } };
  }

  test("are awaited in file order, after the callbacks", async () => {
    const { told, modules, definition } = withHooks(
      "order",
      { second: { on: ["before_stage", "after_stage"] }, first: { on: "before_stage" } },
      pipelineOf({ agents: ["a"] }),
    );
    const pipeline = await definePipeline(definition, { agents: { a: gives({}) }, directory: pipelineFiles({}, modules), env: {} });
    pipeline.on("before_stage", ({ event }) => void told.push(`callback ${event}`));
    const result = await pipeline.run();
    expect(result.warnings).toEqual([]);
    expect(told).toEqual(["callback before_stage", "second before_stage a", "first before_stage a", "second after_stage a"]);
  });

  test("`agents` limits them to some: by the stage's name, or that of the agent that serves it", async () => {
    const { told, modules, definition } = withHooks(
      "agents",
      { one: { on: ["before_stage", "after_stage", "before_run"], agents: ["b"] }, other: { on: "retry", agents: ["spare"] } },
      pipelineOf(
        { agents: ["a", "g"], parallel: { g: { agents: ["b", "c"] } } },
        { agents: { a: { fallback: "spare" }, spare: { retries: 1 } } },
      ),
    );
    const pipeline = await definePipeline(definition, {
      agents: { a: fails(), spare: failsThen([new Error("boom")]), b: gives({}), c: gives({}) },
      directory: pipelineFiles({}, modules),
      random: () => 0,
      env: {},
    });
    await pipeline.run();
    expect(told).toEqual(["one before_run run", "other retry a", "one before_stage b", "one after_stage b"]);
  });

  test("tell the end of a run that was cancelled, too", async () => {
    const { told, modules, definition } = withHooks(
      "cancelled",
      { last: { on: ["before_stage", "after_run"] } },
      pipelineOf({ agents: ["a"] }),
    );
    const pipeline = await definePipeline(definition, { agents: { a: gives({}) }, directory: pipelineFiles({}, modules), env: {} });
    const result = await pipeline.run({ signal: AbortSignal.abort() });
    expect([result.status, told, result.warnings]).toEqual(["cancelled", ["last after_run run"], []]);
  });

  test("of a nested pipeline's file are for its own stages, and those of the outer one are not", async () => {
    const inner = withHooks(
      "nested",
      { inside: { on: ["before_run", "before_stage"] } },
      { ...pipelineOf({ agents: ["a"] }), name: "inner" },
    );
    const outer = withHooks(
      "nested",
      { outside: { on: ["before_run", "before_stage"] } },
      pipelineOf({ agents: ["n"] }, { agents: { n: { type: "pipeline", file: "inner.toml" } } }),
    );
    const directory = pipelineFiles({ inner: inner.definition }, { ...inner.modules, ...outer.modules });
    const pipeline = await definePipeline(outer.definition, { agents: { a: gives({}) }, directory, env: {} });
    await pipeline.run();
    expect(outer.told).toEqual(["outside before_run run", "outside before_stage n", "inside before_run n", "inside before_stage n/a"]);
  });
});

test("events come in order, numbered, with the time and the run", async () => {
  const { told } = await witness(pipelineOf({ agents: ["a"] }), { a: gives({}) });
  expect(new Set(told.map(({ run_id }) => run_id))).toEqual(new Set(["run"]));
  const seen: [number, number][] = [];
  const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) } });
  await pipeline.run({ onEvent: ({ seq, version }) => void seen.push([seq, version]) });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6].map((seq) => [seq, 1]));
});
