import { describe, expect, test } from "vitest";
import { AgentError, definePipeline, type PipelineDefinition } from "../../src/index.ts";
import { systemClock } from "../../src/store/clock.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, waitOn } from "../support/run.ts";
import { type Act, play, rollbackLine, type SceneOptions, undone, undoneByTheirOwn } from "../support/undoing.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

const BOOM = new Error("boom");
const own = undoneByTheirOwn;
const inner = (sequence: Parameters<typeof pipelineOf>[0], rest: Partial<PipelineDefinition> = {}): { directory: string } => ({
  directory: pipelineFiles({ inner: { ...pipelineOf(sequence, rest), name: "inner" } }),
});
const NESTED = { type: "pipeline", file: "inner.toml" } as const;

describe("rows 94-96: stages that finished are undone, the last one first", () => {
  test.each<[string, PipelineDefinition, Record<string, Act>, string[], string, SceneOptions?]>([
    [
      "in reverse order",
      pipelineOf({ agents: ["a", "b", "c"] }, { agents: own("a", "b", "c") }),
      { a: {}, b: {}, c: BOOM },
      ["b", "a"],
      "rolled_back",
    ],
    [
      "stages without a handler are passed over",
      pipelineOf({ agents: ["a", "b", "c", "d"] }, { agents: own("a", "c") }),
      { a: {}, b: {}, c: {}, d: BOOM },
      ["c", "a"],
      "rolled_back",
    ],
    ["a run without handlers stays as it ended", pipelineOf({ agents: ["a", "b"] }), { a: {}, b: BOOM }, [], "failed"],
    [
      "and so does one in which no stage with a handler had finished",
      pipelineOf({ agents: ["a"] }, { agents: own("a") }),
      { a: BOOM },
      [],
      "failed",
    ],
    [
      "and one that ran out of time",
      pipelineOf({ agents: ["a", "b"] }, { agents: own("b"), timeout: "1s" }),
      { a: {}, b: 2000 },
      [],
      "timed_out",
    ],
    ["a success is not undone", pipelineOf({ agents: ["a"] }, { agents: own("a") }), { a: {} }, [], "succeeded"],
    [
      "a run that timed out is",
      pipelineOf({ agents: ["a", "b"] }, { agents: own("a"), timeout: "1s" }),
      { a: {}, b: 2000 },
      ["a"],
      "rolled_back",
    ],
    [
      "also one whose time was over in a wait",
      pipelineOf({ agents: ["a", "b"] }, { agents: { ...own("a"), b: { retries: 1, retry_delay: "5s" } }, timeout: "1s" }),
      { a: {}, b: BOOM },
      ["a"],
      "rolled_back",
    ],
    [
      "a run that was cancelled is not",
      pipelineOf({ agents: ["a", "b"] }, { agents: own("a") }),
      { a: {}, b: 2000 },
      [],
      "cancelled",
      { cancelAfterMs: 1000 },
    ],
    [
      'nor one with rollback = "manual"',
      pipelineOf({ agents: ["a", "b"], pipeline: { rollback: "manual" } }, { agents: own("a") }),
      { a: {}, b: BOOM },
      [],
      "failed",
    ],
    [
      'nor one with rollback = "manual" that timed out',
      pipelineOf({ agents: ["a", "b"], pipeline: { rollback: "manual" } }, { agents: own("a"), timeout: "1s" }),
      { a: {}, b: 2000 },
      [],
      "timed_out",
    ],
    [
      "each visit of a loop",
      pipelineOf(
        { agents: ["a", "b"], branches: [{ from_agent: "a", condition: "n < 3", to_agent: "a", max_times: 5 }] },
        { agents: own("a") },
      ),
      { a: ({ n }) => ({ n: n + 1 }), b: BOOM },
      ["a", "a", "a"],
      "rolled_back",
      { input: { n: 0 } },
    ],
    [
      "detours, and nothing that was skipped",
      pipelineOf(
        {
          agents: ["a", "b", "c"],
          branches: [
            { from_agent: "a", to_agent: "x" },
            { from_agent: "x", to_agent: "c" },
          ],
        },
        { agents: own("a", "b", "c", "x") },
      ),
      { a: {}, b: {}, x: {}, c: BOOM },
      ["x", "a"],
      "rolled_back",
    ],
    [
      "members of a group, the last of the list first, whatever finished first",
      pipelineOf({ agents: ["g", "z"], parallel: { g: { agents: ["a", "b", "c"] } } }, { agents: own("a", "b", "c") }),
      { a: 30, b: 20, c: 10, z: BOOM },
      ["c", "b", "a"],
      "rolled_back",
    ],
    [
      "members that had finished in a group that failed, not those that were stopped or had not begun",
      pipelineOf(
        { agents: ["g"], parallel: { g: { agents: ["a", "b", "c", "d"], max_concurrency: 3 } } },
        { agents: own("a", "b", "c", "d") },
      ),
      { a: 10, b: async () => Promise.reject(BOOM), c: 1000, d: {} },
      [],
      "failed",
    ],
    [
      "members that had finished before the group failed",
      pipelineOf({ agents: ["z", "g"], parallel: { g: { agents: ["a", "b", "c"] } } }, { agents: own("a", "b", "c", "z") }),
      { z: {}, a: {}, b: 1000, c: new AgentError("exit", "boom") },
      ["a", "z"],
      "rolled_back",
    ],
    [
      "members of a group that wrote the same key",
      pipelineOf({ agents: ["g"], parallel: { g: { agents: ["a", "b"] } } }, { agents: own("a", "b") }),
      { a: { k: 1 }, b: { k: 2 } },
      ["b", "a"],
      "rolled_back",
    ],
    [
      "a stage whose failure was tolerated has not finished",
      pipelineOf({ agents: ["a", "b", "c"] }, { agents: { a: { rollback: "undo_a", on_error: "continue" }, ...own("b") } }),
      { a: BOOM, b: {}, c: BOOM },
      ["b"],
      "rolled_back",
    ],
    [
      "with fail_fast = false, at the end, what came after the failure as well",
      pipelineOf({ agents: ["a", "b", "c"], pipeline: { fail_fast: false } }, { agents: own("a", "b", "c") }),
      { a: {}, b: BOOM, c: {} },
      ["c", "a"],
      "rolled_back",
    ],
  ])("%s", async (_, definition, acts, order, status, options) => {
    const scene = await play(definition, acts, options);
    expect([undone(scene), scene.result.status]).toEqual([order, status]);
    expect(scene.result.rollback === null).toBe(order.length === 0);
  });

  test("the agent that served brings its handler, also where it is a fallback", async () => {
    const agents = { a: { fallback: "b", rollback: "undo_a" }, b: { rollback: "undo_b" }, c: { fallback: "d", rollback: "undo_c" } };
    const definition = pipelineOf({ agents: ["a", "c", "z"] }, { agents });
    const scene = await play(definition, { a: BOOM, b: {}, c: BOOM, d: {}, z: BOOM });
    expect([undone(scene), rollbackLine(scene.result)]).toEqual([["b"], "succeeded: a by undo_b"]);
  });

  test("the stages of a nested pipeline one by one, after the stage itself", async () => {
    const where = inner({ agents: ["a", "g"], parallel: { g: { agents: ["b", "c"] } } }, { agents: own("a", "b", "c") });
    const definition = pipelineOf({ agents: ["y", "n", "z"] }, { agents: { n: { ...NESTED, rollback: "undo_n" }, ...own("y") } });
    const scene = await play(definition, { y: {}, a: {}, b: {}, c: {}, z: BOOM }, where);
    expect([undone(scene), rollbackLine(scene.result)]).toEqual([
      ["n", "c", "b", "a", "y"],
      "succeeded: n by undo_n, n/c by undo_c, n/b by undo_b, n/a by undo_a, y by undo_y",
    ]);
  });

  test.each<[string, object, Record<string, Act>, string[]]>([
    ["that failed", {}, { b: BOOM }, ["a"]],
    ["that was tolerated", { on_error: "continue" }, { b: BOOM }, ["a"]],
    ["whose own time was over", { timeout: "1s" }, { b: 2000 }, ["a"]],
    [
      "whose second attempt went on from them, once",
      { retries: 1, retry_delay: "0s" },
      { b: (_, { log }) => (log("x"), Promise.reject(BOOM)) },
      ["a"],
    ],
    ["that another agent took over from", { fallback: "m" }, { b: BOOM, m: {} }, ["m", "a"]],
  ])("stages that had finished in a nested pipeline %s", async (_, more, acts, order) => {
    const definition = pipelineOf(
      { agents: ["n", "z"] },
      { agents: { n: { ...NESTED, ...more }, ...(acts.m === undefined ? {} : own("m")) } },
    );
    const where = inner({ agents: ["a", "b"] }, { agents: own("a", "b") });
    const scene = await play(definition, { a: {}, z: BOOM, ...acts }, where);
    expect([undone(scene), scene.result.status]).toEqual([order, "rolled_back"]);
  });

  test("in a nested pipeline, what finished in one attempt although the next one does not come to it", async () => {
    const where = inner({ agents: ["a", "b", "c"], pipeline: { fail_fast: false } }, { agents: own("a", "c") });
    const definition = pipelineOf({ agents: ["n"] }, { agents: { n: { ...NESTED, timeout: "1s", retries: 1, retry_delay: "0s" } } });
    let attempt = 0;
    const b: Act = async (_, { signal }) => {
      attempt += 1;
      return attempt === 1 ? Promise.reject(BOOM) : new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(BOOM)));
    };
    const scene = await play(definition, { a: {}, b, c: {} }, where);
    expect(undone(scene)).toEqual(["c", "a"]);
  });

  test('a nested pipeline with rollback = "manual" keeps its stages; another one in it does not', async () => {
    const directory = pipelineFiles({
      inner: {
        ...pipelineOf(
          { agents: ["a", "m"], pipeline: { rollback: "manual" } },
          { agents: { ...own("a"), m: { type: "pipeline", file: "innermost.toml" } } },
        ),
        name: "inner",
      },
      innermost: { ...pipelineOf({ agents: ["b"] }, { agents: own("b") }), name: "innermost" },
    });
    const definition = pipelineOf({ agents: ["n", "z"] }, { agents: { n: { ...NESTED, rollback: "undo_n" } } });
    const scene = await play(definition, { a: {}, b: {}, z: BOOM }, { directory });
    expect(undone(scene)).toEqual(["n", "b"]);
  });

  test('rollback = "manual" of the run is that of its nested pipelines too', async () => {
    const definition = pipelineOf({ agents: ["n", "z"], pipeline: { rollback: "manual" } }, { agents: { n: NESTED } });
    const scene = await play(definition, { a: {}, z: BOOM }, inner({ agents: ["a"] }, { agents: own("a") }));
    expect([undone(scene), scene.result.status]).toEqual([[], "failed"]);
  });
});

describe("row 98: a handler that fails", () => {
  const definition = pipelineOf({ agents: ["a", "b", "c", "d"] }, { agents: own("a", "b", "c") });
  const acts = { a: {}, b: {}, c: {}, d: new AgentError("quota", "no money left"), undo_b: BOOM };

  test("is reported with the original error, and the remaining handlers still run", async () => {
    const { result, given } = await play(definition, acts);
    expect([result.status, result.error?.message]).toEqual(["rollback_failed", "stage 4 (d) failed: no money left"]);
    expect(result.rollback).toEqual({
      status: "failed",
      stages: [
        { name: "c", visit: 1, agent: "undo_c", status: "succeeded", attempts: 1, duration_ms: 0, usage: null, error: null },
        {
          name: "b",
          visit: 1,
          agent: "undo_b",
          status: "failed",
          attempts: 1,
          duration_ms: 0,
          usage: null,
          error: { kind: "exit", message: "boom" },
        },
        { name: "a", visit: 1, agent: "undo_a", status: "succeeded", attempts: 1, duration_ms: 0, usage: null, error: null },
      ],
    });
    expect(given.undo_a?.input).toMatchObject({ error: { kind: "quota", message: "no money left" } });
  });

  test("is no stage of the run: path, stages and state are those of the sequence", async () => {
    const { result } = await play(definition, { ...acts, a: { k: 1 } });
    expect([result.path, result.state, result.meta.pipeline_completed]).toEqual([["a", "b", "c", "d"], { k: 1 }, undefined]);
    expect(stageLines(result)).toEqual([
      "1 a~1: a#1 ok → succeeded, wrote k",
      "2 b~1: b#1 ok → succeeded",
      "3 c~1: c#1 ok → succeeded",
      "4 d~1: d#1 quota → failed",
    ]);
  });
});

describe("row 97: what is told of a rollback", () => {
  const agents = { ...own("a", "b"), undo_b: { retries: 1, retry_delay: "0s" } };
  const definition = pipelineOf({ agents: ["a", "b", "c"] }, { agents });

  test("its beginning, each handler's beginning and end, logs, and its end; nothing of the handler's own attempts", async () => {
    let tries = 0;
    const undo: Act = (_, { log }) => {
      tries += 1;
      log(`try ${tries}`);
      if (tries === 1) throw BOOM;
    };
    const { events } = await play(definition, { a: {}, b: {}, c: BOOM, undo_a: BOOM, undo_b: undo });
    const start = events.findIndex(({ type }) => type === "rollback-start");
    const bare = events.slice(start).map((event) => {
      const { version, seq, at, run_id, ...rest } = event;
      void [version, at, run_id];
      return { ...rest, after: seq };
    });
    const ref = (name: string, number: number) => ({ name, number, total: 3, visit: 1, group: null });
    const failure = { kind: "exit", message: "boom" };
    expect(bare.slice(0, -1)).toEqual(
      [
        { type: "rollback-start", stages: ["b", "a"] },
        { type: "undo-start", stage: ref("b", 2), agent: "undo_b" },
        { type: "log", stage: "b", attempt: 1, text: "try 1" },
        { type: "log", stage: "b", attempt: 2, text: "try 2" },
        { type: "undo-end", stage: ref("b", 2), agent: "undo_b", status: "succeeded", attempts: 2, duration_ms: 0, failure: null },
        { type: "undo-start", stage: ref("a", 1), agent: "undo_a" },
        { type: "undo-end", stage: ref("a", 1), agent: "undo_a", status: "failed", attempts: 1, duration_ms: 0, failure },
        { type: "rollback-end", status: "failed" },
      ].map((event, index) => ({ ...event, after: start + 1 + index })),
    );
    expect(bare.at(-1)).toMatchObject({ type: "run-end", status: "rollback_failed", error: { kind: "exit" } });
  });

  test("a member of a group is told with its group", async () => {
    const grouped = pipelineOf({ agents: ["g", "z"], parallel: { g: { agents: ["a", "b"] } } }, { agents: own("b") });
    const { events } = await play(grouped, { a: {}, b: {}, z: BOOM });
    expect(events.find(({ type }) => type === "undo-start")).toMatchObject({
      stage: { name: "b", number: 1, total: 2, visit: 1, group: "g" },
    });
  });

  test("the hook `rollback` fires once for each handler; those of stages and retries do not", async () => {
    const clock = virtualClock();
    const boom = (): never => {
      throw BOOM;
    };
    const pipeline = await definePipeline(definition, {
      agents: { a: () => ({}), b: () => ({}), c: boom, undo_a: boom, undo_b: boom },
      clock,
      env: {},
    });
    const heard: string[] = [];
    for (const hook of ["before_stage", "after_stage", "stage_error", "retry", "rollback", "after_run"] as const)
      pipeline.on(
        hook,
        ({ stage, agent, status }) => void heard.push(`${hook} ${stage?.name ?? ""} ${agent ?? ""} ${String(status ?? "")}`.trim()),
      );
    pipeline.on("rollback", "broken", () => boom());
    const result = await clock.run(pipeline.run());
    expect(heard.slice(heard.indexOf("stage_error c c failed"))).toEqual([
      "stage_error c c failed",
      "rollback b undo_b failed",
      "rollback a undo_a failed",
      "after_run   rollback_failed",
    ]);
    expect(result.warnings).toEqual(["hook broken (rollback) failed: boom", "hook broken (rollback) failed: boom"]);
  });

  test("so does a hook of the file: that of the pipeline that the stage is in", async () => {
    const heard: string[] = [];
    Object.assign(globalThis, { heardOfRollback: heard });
    const hook = (of: string) =>
      `export default ({ stage, agent, status }) => void heardOfRollback.push("${of}: " + stage.name + " " + agent + " " + status);`;
    const hooks = (of: string) => [{ on: "rollback" as const, module: `${of}.mjs` }];
    const directory = pipelineFiles(
      { inner: { ...pipelineOf({ agents: ["x"] }, { agents: own("x"), hooks: hooks("inner") }), name: "inner" } },
      { "inner.mjs": hook("inner"), "outer.mjs": hook("outer") },
    );
    const nested = pipelineOf({ agents: ["a", "n", "z"] }, { agents: { ...own("a"), n: NESTED }, hooks: hooks("outer") });
    const { result } = await play(nested, { a: {}, x: {}, z: BOOM, undo_a: BOOM }, { directory, clock: realClock() });
    Reflect.deleteProperty(globalThis, "heardOfRollback");
    expect([heard, result.warnings]).toEqual([["inner: n/x undo_x succeeded", "outer: a undo_a failed"], []]);
  });
});

describe("stopping during a rollback", () => {
  const definition = pipelineOf({ agents: ["a", "b", "c"] }, { agents: own("a", "b") });
  const acts = { a: {}, b: {}, c: BOOM, undo_a: {}, undo_b: 2000 };

  test("a cancellation is not heard", async () => {
    const { result } = await play(definition, acts, { cancelAfterMs: 1000 });
    expect([result.status, rollbackLine(result), result.error?.message]).toEqual([
      "rolled_back",
      "succeeded: b by undo_b, a by undo_a",
      "stage 3 (c) failed: boom",
    ]);
  });

  test("a kill is: nothing more starts, and what was stopped can be tried again", async () => {
    const scene = await play(definition, acts, { killAfterMs: 1000 });
    expect([undone(scene), rollbackLine(scene.result), scene.result.status]).toEqual([
      ["b"],
      "failed: b by undo_b failed: cancelled the rollback was stopped, a in 0 by undo_a failed: cancelled the rollback was stopped",
      "rollback_failed",
    ]);
    expect(scene.clock.elapsed()).toBe(1000);
    expect(scene.events.map(({ type }) => type).slice(-5)).toEqual(["rollback-start", "undo-start", "undo-end", "rollback-end", "run-end"]);
  });

  test("a kill in a wait between two attempts, too", async () => {
    const patient = pipelineOf({ agents: ["a", "b"] }, { agents: { ...own("a"), undo_a: { retries: 1, retry_delay: "10s" } } });
    const scene = await play(patient, { a: {}, b: BOOM, undo_a: BOOM }, { killAfterMs: 1000 });
    expect([undone(scene), scene.clock.elapsed(), scene.result.status]).toEqual([["a"], 1000, "rollback_failed"]);
  });

  test("and one that came before it", async () => {
    const scene = await play(definition, { ...acts, c: 5000 }, { killAfterMs: 1000 });
    expect([undone(scene), scene.result.status]).toEqual([[], "succeeded"]);
    const failing: Act = async (_, { signal }) => waitOn(scene.clock, 2000, signal).then(() => Promise.reject(BOOM));
    const after = await play(definition, { ...acts, c: failing }, { killAfterMs: 1000, clock: scene.clock });
    expect([undone(after), after.result.status]).toEqual([[], "rollback_failed"]);
  });
});

describe("a run that dies while it is rolled back", () => {
  const agents = {
    ...own("a", "c", "n"),
    undo_a: { retries: 1, retry_delay: "1s" },
    n: { ...NESTED, rollback: "undo_n" },
    undo_c: { fallback: "undo_other" },
  };
  const definition = pipelineOf({ agents: ["a", "n", "g", "z"], parallel: { g: { agents: ["c", "d"] } } }, { agents });
  const where = inner({ agents: ["b"] }, { agents: own("b") });
  const acts: Record<string, Act> = {
    a: { a: 1 },
    b: { b: 1 },
    c: { c: 1 },
    d: {},
    z: BOOM,

    undo_a: BOOM,
    undo_b: {},
    undo_c: BOOM,
  };

  test("goes on with it, calls no handler again that was recorded, and comes to the same end, wherever it dies", async () => {
    const whole = await play(definition, acts, where);
    expect(rollbackLine(whole.result)).toBe("failed: c in 2 by undo_other, n by undo_n, n/b by undo_b, a in 2 by undo_a failed: exit boom");
    const deaths = whole.entries.flatMap((_, index) => [false, true].map((keeps) => ({ atEntry: index + 1, keeps })));
    for (const death of deaths) {
      const first = await play(definition, acts, { ...where, death });
      expect(first.died).toBe(true);
      const second = await play(definition, acts, { ...where, entries: first.entries });
      const recorded = first.entries.filter(([key]) => key.startsWith("rollback:")).length;
      expect(undone(second)).toEqual(undone(whole).slice(recorded));
      expect(timeless(second.result)).toEqual(timeless(whole.result));
      expect(second.entries.map(([key]) => key).toSorted()).toEqual(whole.entries.map(([key]) => key).toSorted());
    }
  });

  test("a demanded end does not follow: one that has ended is not gone on with in another round", async () => {
    const whole = await play(definition, acts, where);
    const again = await play(definition, acts, { ...where, entries: whole.entries });
    expect([again.calls, timeless(again.result), again.entries.length]).toEqual([[], timeless(whole.result), whole.entries.length]);
    expect(again.events.map(({ type }) => type)).toEqual(["run-start", "run-end"]);
  });

  test("tells of what is left only", async () => {
    const first = await play(definition, acts, { ...where, death: { atEntry: 11, keeps: true } });
    const second = await play(definition, acts, { ...where, entries: first.entries });
    expect([
      first.entries.at(-1)?.[0],
      second.events.map((event) =>
        "stage" in event && event.stage !== null && typeof event.stage === "object" ? `${event.type} ${event.stage.name}` : event.type,
      ),
    ]).toEqual([
      "rollback:n~1!1.1#1",
      ["run-start", "rollback-start", "undo-start n/b", "undo-end n/b", "undo-start a", "undo-end a", "rollback-end", "run-end"],
    ]);
  });

  test("a wait of a handler goes on for what is left of it", async () => {
    const clock = virtualClock();
    const first = await play(definition, acts, { ...where, clock, death: { atEntry: 13, keeps: true } });
    const later = virtualClock(clock.now() + 400);
    const second = await play(definition, acts, { ...where, clock: later, entries: first.entries });
    expect([first.entries.at(-1)?.[0], undone(second), later.elapsed()]).toEqual(["rollback:a~1!1.1#1", ["a"], 600]);
  });

  test("by its timeout, before it was recorded that it had ended: it goes on, with the time that it has again", async () => {
    const timely = pipelineOf({ agents: ["a", "b"] }, { agents: own("a"), timeout: "1s" });
    const first = await play(timely, { a: {}, b: 5000 }, { death: { atEntry: 2, keeps: true } });
    const second = await play(timely, { a: BOOM, b: 500 }, { entries: first.entries });
    expect([second.result.status, second.calls]).toEqual(["succeeded", ["b"]]);
  });
});

describe("after more than one round", () => {
  test("a stage that ran again is undone once, for its latest run; what was taken over, with what it was given then", async () => {
    const definition = pipelineOf({ agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false } }, { agents: own("a", "b", "c") });
    const first = await play(definition, { a: { a: 1 }, b: BOOM, c: { c: 1 }, d: 5000 }, { cancelAfterMs: 1000 });
    const second = await play(definition, { b: { b: 2 }, c: { c: 2 }, d: BOOM, a: BOOM }, { entries: first.entries });
    expect([first.result.status, undone(second)]).toEqual(["cancelled", ["c", "b", "a"]]);
    expect(second.given.undo_c?.input).toMatchObject({ input: { a: 1, b: 2 }, output: { c: 2 } });
    expect(second.given.undo_a?.input).toMatchObject({ input: {}, output: { a: 1 } });
  });

  test("what an earlier round had finished is undone although the latest did not come to it", async () => {
    const definition = pipelineOf(
      { agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false }, branches: [{ from_agent: "b", condition: "b == 2", to_agent: "d" }] },
      { agents: own("a", "b", "c") },
    );
    const first = await play(definition, { a: { a: 1 }, b: BOOM, c: { c: 1 }, d: 5000 }, { cancelAfterMs: 1000 });
    const second = await play(definition, { a: BOOM, b: 5000, c: BOOM, d: BOOM }, { entries: first.entries, cancelAfterMs: 1000 });
    expect([second.result.status, second.calls]).toEqual(["cancelled", ["b"]]);
    const third = await play(definition, { a: BOOM, b: { b: 2 }, c: BOOM, d: BOOM }, { entries: second.entries });
    expect([third.calls, rollbackLine(third.result)]).toEqual([
      ["b", "d", "undo_b", "undo_c", "undo_a"],
      "succeeded: b by undo_b, c by undo_c, a by undo_a",
    ]);
    expect(third.given.undo_c?.input).toMatchObject({ stage: "c", input: { a: 1 }, output: { c: 1 } });
  });

  test("what a rerun takes from another run is undone by that run only", async () => {
    const definition = pipelineOf({ agents: ["a", "g", "c"], parallel: { g: { agents: ["b", "x"] } } }, { agents: own("a", "b", "c") });
    const first = await play(definition, { a: { a: 1 }, b: { b: 1 }, x: {}, c: BOOM });
    const taken = first.entries.slice(0, 4).map(([key, outcome]) => [key.replace("!1", "!0"), outcome] as const);
    const second = await play(definition, { a: BOOM, b: BOOM, x: BOOM, c: BOOM }, { entries: taken });
    expect([second.calls, second.result.status]).toEqual([["c"], "failed"]);
  });
});

/** For what really runs: processes, modules that are loaded. */
function realClock(): VirtualClock {
  return { ...systemClock(), run: (promise) => promise, jump: () => {} };
}

function timeless(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part: unknown) => (/^(duration_ms|ended_at|started_at)$/.test(key) ? undefined : part)));
}
