import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/engine/durable.ts";
import {
  type AgentFunction,
  createMemoryJournal,
  definePipeline,
  type Journal,
  type PipelineDefinition,
  type RunResult,
  type Stamped,
} from "../../src/index.ts";
import { fails, failsThen, gives, recorder } from "../support/agents.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

type Entries = [key: string, outcome: Outcome][];

interface LifeOptions {
  readonly entries?: Entries;
  readonly input?: Record<string, unknown>;
  readonly directory?: string;
  readonly cancelAfterMs?: number;
  /** The run dies when the entry with this key is to be written, or has been. */
  readonly diesBefore?: string;
  readonly diesAfter?: string;
  readonly clock?: ReturnType<typeof virtualClock>;
}

/** One process that starts a run, or goes on with one. */
async function live(definition: PipelineDefinition, agents: Record<string, AgentFunction>, options: LifeOptions = {}) {
  const { clock = virtualClock(), entries = [], directory = ".", diesBefore, diesAfter, cancelAfterMs } = options;
  const pipeline = await definePipeline(definition, { agents, clock, random: () => 0.999999, directory, env: {} });
  const journal = mortal(createMemoryJournal(entries), { diesBefore, diesAfter });
  const events: Stamped[] = [];
  const run = pipeline.start({ runId: "run", journal, input: options.input ?? {}, onEvent: (event) => void events.push(event) });
  if (cancelAfterMs !== undefined) clock.after(cancelAfterMs, () => run.cancel());
  const result = await clock.run(run.result.catch((error: unknown) => (error as Error).message));
  return {
    result: result as RunResult,
    died: typeof result === "string" ? result : null,
    entries: entriesOf(journal),
    events: events.map(({ type }) => type),
  };
}

/** As they would come from a disk. */
function entriesOf(journal: Journal): Entries {
  return JSON.parse(JSON.stringify([...journal.entries()])) as Entries;
}

function mortal(journal: Journal, { diesBefore, diesAfter }: Pick<LifeOptions, "diesBefore" | "diesAfter">): Journal {
  return {
    ...journal,
    append: (key, outcome) => {
      if (key === diesBefore) throw new Error("died");
      void journal.append(key, outcome);
      if (key === diesAfter) throw new Error("died");
    },
  };
}

const keysOf = (entries: Entries): string[] => entries.map(([key]) => key);
const abc = pipelineOf({ agents: ["a", "b", "c"] });

describe("a run that had died goes on where it was", () => {
  test("row 90: what is recorded is not run again; a lost attempt runs again under its own number", async () => {
    const a = recorder({ a: 1 });
    const b = recorder({ b: 1 });
    const first = await live(abc, { a: a.agent, b: b.agent, c: gives({}) }, { diesBefore: "b~1!1#1" });
    expect([first.died, keysOf(first.entries)]).toEqual(["died", ["a~1!1#1"]]);
    const second = await live(abc, { a: a.agent, b: b.agent, c: gives({ c: 1 }) }, { entries: first.entries });
    expect([a.inputs.length, b.inputs.length]).toEqual([1, 2]);
    expect(second.result.state).toEqual({ a: 1, b: 1, c: 1 });
    expect(stageLines(second.result)).toEqual([
      "1 a~1: a#1 ok → succeeded, wrote a",
      "2 b~1: b#1 ok → succeeded, wrote b",
      "3 c~1: c#1 ok → succeeded, wrote c",
    ]);
    expect(keysOf(second.entries)).toEqual(["a~1!1#1", "b~1!1#1", "c~1!1#1", "run!1"]);
  });

  test("row 89: it says that it is resumed, and what is reused tells nothing", async () => {
    const agents = { a: gives({}), b: gives({}), c: gives({}) };
    const first = await live(abc, agents, { diesAfter: "b~1!1#1" });
    const second = await live(abc, agents, { entries: first.entries });
    expect(second.events).toEqual(["run-start", "stage-start", "attempt-start", "attempt-end", "stage-end", "run-end"]);
  });

  test("row 89: what was skipped is told once", async () => {
    const definition = pipelineOf({ agents: ["a", "b", "c"], branches: [{ from_agent: "a", to_agent: "c" }] });
    const agents = { a: gives({}), b: gives({}), c: gives({}) };
    const first = await live(definition, agents, { diesBefore: "c~1!1#1" });
    const second = await live(definition, agents, { entries: first.entries });
    expect([first.events.includes("stage-skip"), second.events.includes("stage-skip"), second.result.stages[1]?.status]).toEqual([
      true,
      false,
      "skipped",
    ]);
  });

  test("a failure that was recorded stays one; the run ends as it was about to", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, retry_delay: "0s" } } });
    const a = recorder();
    const first = await live(definition, { a: fails() }, { diesAfter: "a~1!1#2" });
    const second = await live(definition, { a: a.agent }, { entries: first.entries });
    expect([second.result.status, a.inputs]).toEqual(["failed", []]);
    expect(second.result.error?.message).toBe("stage 1 (a) failed after 2 attempts: boom");
  });

  test.each<[string, number, number]>([
    ["a wait goes on for what is left of it", 400, 600],
    ["a wait that is over does not start again", 5000, 0],
    ["a clock that was set back does not make a wait longer than it was", -3_600_000, 1000],
  ])("%s", async (_, laterMs, durationMs) => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1, retry_jitter: false } } });
    const clock = virtualClock();
    const first = await live(definition, { a: fails() }, { diesAfter: "a~1!1#1", clock });
    const second = await live(definition, { a: gives({}) }, { entries: first.entries, clock: virtualClock(clock.now() + laterMs) });
    expect([second.result.status, second.result.duration_ms]).toEqual(["succeeded", durationMs]);
    expect(stageLines(second.result)).toEqual(["1 a~1: a#1 exit, a#2 ok → succeeded"]);
  });

  test("a branch that was taken is taken again, whatever its condition would say now", async () => {
    const definition = pipelineOf({
      agents: ["a", "b", "c"],
      branches: [{ from_agent: "a", condition: "stages.a.duration_ms > 50", to_agent: "c" }],
    });
    const slow = virtualClock();
    const first = await live(
      definition,
      { a: async () => waitOn(slow, 100), b: gives({}), c: gives({}) },
      { diesAfter: "a~1!1#1", clock: slow },
    );
    const second = await live(definition, { a: gives({}), b: gives({}), c: gives({}) }, { entries: first.entries });
    expect(second.result.path).toEqual(["a", "c"]);
  });

  test("what it read from the disk cannot be changed by an agent either", async () => {
    const first = await live(abc, { a: gives({ list: [{ n: 1 }] }), b: gives({}), c: gives({}) }, { diesAfter: "a~1!1#1" });
    let frozen: unknown;
    await live(
      abc,
      { a: fails(), b: ({ list }) => void (frozen = [Object.isFrozen(list), Object.isFrozen(list[0])]), c: gives({}) },
      { entries: first.entries },
    );
    expect(frozen).toEqual([true, true]);
  });

  test("a run that ended successfully has nothing left to do", async () => {
    const agents = { a: gives({ a: 1 }), b: gives({ b: 1 }), c: gives({ c: 1 }) };
    const first = await live(abc, agents);
    const again = await live(abc, { a: fails(), b: fails(), c: fails() }, { entries: first.entries });
    expect([again.result.status, again.result.state, again.events]).toEqual(["succeeded", { a: 1, b: 1, c: 1 }, ["run-start", "run-end"]]);
  });
});

describe("a run that had ended goes on in another round", () => {
  test("row 90, 91: finished stages are taken over, the failed one starts again with its first attempt", async () => {
    const definition = pipelineOf({ agents: ["a", "b", "c"] }, { agents: { b: { retries: 1, retry_delay: "0s" } } });
    const first = await live(definition, { a: gives({ a: 1 }), b: fails(), c: gives({}) });
    expect(first.result.status).toBe("failed");
    const seen: number[] = [];
    const second = await live(
      definition,
      {
        a: fails("it was run again"),
        b: (_, { attempt }) => {
          seen.push(attempt);
          if (attempt === 1) throw new Error("still broken");
          return { b: 1 };
        },
        c: gives({ c: 1 }),
      },
      { entries: first.entries },
    );
    expect([second.result.status, second.result.state, seen]).toEqual(["succeeded", { a: 1, b: 1, c: 1 }, [1, 2]]);
    expect(stageLines(second.result)[1]).toBe("2 b~1: b#1 exit, b#2 ok → succeeded, wrote b");
    expect(keysOf(second.entries).slice(-4)).toEqual(["b~1!2#1", "b~1!2#2", "c~1!2#1", "run!2"]);
  });

  test("the idempotency key stays the same in all rounds", async () => {
    const keys: string[] = [];
    const note: AgentFunction = (_, { idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length === 1) throw new Error("boom");
    };
    const first = await live(pipelineOf({ agents: ["a"] }), { a: note });
    await live(pipelineOf({ agents: ["a"] }), { a: note }, { entries: first.entries });
    expect(keys).toEqual(["run/a~1", "run/a~1"]);
  });

  test("a tolerated failure is taken over with its attempts and the time that they took", async () => {
    const definition = pipelineOf({ agents: ["a", "b"] }, { agents: { a: { on_error: "continue", retries: 1, retry_jitter: false } } });
    const first = await live(definition, { a: fails(), b: fails() });
    const second = await live(definition, { a: gives({ a: 1 }), b: gives({}) }, { entries: first.entries });
    expect(stageLines(second.result)).toEqual(["1 a~1: a#1 exit, a#2 exit → tolerated", "2 b~1: b#1 ok → succeeded"]);
    expect([first.result.stages[0]?.duration_ms, second.result.stages[0]?.duration_ms]).toEqual([1000, 1000]);
  });

  test("with fail_fast = false everything from the first failed stage on runs again, since it saw a state without it", async () => {
    const definition = pipelineOf({ agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false } });
    const c = recorder({ c: 1 });
    const first = await live(definition, { a: gives({ a: 1 }), b: fails(), c: c.agent, d: gives({ d: 1 }) });
    expect(first.result.status).toBe("failed");
    const second = await live(definition, { a: fails(), b: gives({ b: 1 }), c: c.agent, d: gives({ d: 2 }) }, { entries: first.entries });
    expect(c.inputs).toEqual([{ a: 1 }, { a: 1, b: 1 }]);
    expect([second.result.status, second.result.state]).toEqual(["succeeded", { a: 1, b: 1, c: 1, d: 2 }]);
  });

  test("a loop goes on in its visit", async () => {
    const definition = pipelineOf({ agents: ["a"], branches: [{ from_agent: "a", condition: "n < 4", to_agent: "a", max_times: 9 }] });
    const count: AgentFunction = ({ n }) => ({ n: n + 1 });
    const first = await live(
      definition,
      { a: (input, context) => (input.n === 2 ? Promise.reject(new Error("boom")) : count(input, context)) },
      { input: { n: 0 } },
    );
    const again = recorder();
    const second = await live(
      definition,
      { a: (input, context) => (again.agent(input, context), count(input, context)) },
      { input: { n: 0 }, entries: first.entries },
    );
    expect([again.inputs, second.result.state, second.result.path.length]).toEqual([[{ n: 2 }, { n: 3 }], { n: 4 }, 4]);
  });

  test("a group: members that had finished are taken over, the others run", async () => {
    const definition = pipelineOf({ agents: ["g"], parallel: { g: { agents: ["a", "b"] } } });
    const clock = virtualClock();
    const first = await live(
      definition,
      { a: gives({ a: 1 }), b: async () => waitOn(clock, 10).then(() => Promise.reject(new Error("boom"))) },
      { clock },
    );
    const second = await live(definition, { a: fails("it was run again"), b: gives({ b: 1 }) }, { entries: first.entries });
    expect([second.result.status, second.result.state]).toEqual(["succeeded", { a: 1, b: 1 }]);
    expect(stageLines(second.result)).toEqual([
      "1 g~1: succeeded, wrote a b",
      "1 a~1 (g): a#1 ok → succeeded, wrote a",
      "1 b~1 (g): b#1 ok → succeeded, wrote b",
    ]);
  });

  test("a group that had succeeded keeps the failures of its members", async () => {
    const definition = pipelineOf({ agents: ["g", "z"], parallel: { g: { agents: ["a", "b"], on_error: "continue" } } });
    const first = await live(definition, { a: gives({ a: 1 }), b: fails(), z: fails() });
    const b = recorder();
    const second = await live(definition, { a: b.agent, b: b.agent, z: gives({}) }, { entries: first.entries });
    expect([second.result.status, second.result.state, b.inputs]).toEqual(["succeeded", { a: 1 }, []]);
    expect(stageLines(second.result).slice(0, 3)).toEqual(stageLines(first.result).slice(0, 3));
  });
});

describe("a run that was cancelled", () => {
  test("goes on with the stage that was stopped", async () => {
    const clock = virtualClock();
    const a = recorder({ a: 1 });
    const first = await live(
      abc,
      { a: a.agent, b: async (_, { signal }) => waitOn(clock, 1000, signal), c: gives({}) },
      { clock, cancelAfterMs: 500 },
    );
    expect([first.result.status, keysOf(first.entries)]).toEqual(["cancelled", ["a~1!1#1", "b~1!1#1", "run!1"]]);
    const second = await live(abc, { a: a.agent, b: gives({ b: 1 }), c: gives({ c: 1 }) }, { entries: first.entries });
    expect([second.result.status, second.result.state, a.inputs.length]).toEqual(["succeeded", { a: 1, b: 1, c: 1 }, 1]);
  });

  test("goes on at once, although it died before it could write that it had ended", async () => {
    const clock = virtualClock();
    const first = await live(
      abc,
      { a: gives({ a: 1 }), b: async (_, { signal }) => waitOn(clock, 1000, signal), c: gives({}) },
      { clock, cancelAfterMs: 500, diesBefore: "run!1" },
    );
    const second = await live(abc, { a: fails(), b: gives({ b: 1 }), c: gives({ c: 1 }) }, { entries: first.entries });
    expect([second.result.status, second.result.state]).toEqual(["succeeded", { a: 1, b: 1, c: 1 }]);
  });

  test("in a nested pipeline that is tolerated: the stop is no failure to tolerate, even if the run died right after it", async () => {
    const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["a"] }), name: "inner" } });
    const definition = pipelineOf({ agents: ["n"] }, { agents: { n: { type: "pipeline", file: "inner.toml", on_error: "continue" } } });
    const clock = virtualClock();
    const options = { directory, clock, cancelAfterMs: 500, diesAfter: "n~1/a~1!1.1#1" };
    const first = await live(definition, { a: async (_, { signal }) => waitOn(clock, 1000, signal) }, options);
    const second = await live(definition, { a: gives({ a: 1 }) }, { directory, entries: first.entries });
    expect([second.result.status, second.result.state]).toEqual(["succeeded", { a: 1 }]);
  });

  test("in a group with on_error = continue: what was stopped is not left out, though enough had finished", async () => {
    const definition = pipelineOf({ agents: ["g"], parallel: { g: { agents: ["a", "b"], on_error: "continue" } } });
    const clock = virtualClock();
    const first = await live(
      definition,
      { a: gives({ a: 1 }), b: async (_, { signal }) => waitOn(clock, 1000, signal) },
      { clock, cancelAfterMs: 500 },
    );
    const second = await live(definition, { a: fails("it was run again"), b: gives({ b: 1 }) }, { entries: first.entries });
    expect([first.result.status, second.result.status, second.result.state]).toEqual(["cancelled", "succeeded", { a: 1, b: 1 }]);
  });
});

describe("nested pipelines", () => {
  const inner = (sequence: Parameters<typeof pipelineOf>[0], more: Partial<PipelineDefinition> = {}) =>
    pipelineFiles({ inner: { ...pipelineOf(sequence, more), name: "inner" } });
  const outer = (more: object = {}, sequence: object = {}) =>
    pipelineOf({ agents: ["n", "z"], ...sequence }, { agents: { n: { type: "pipeline", file: "inner.toml", ...more } } });

  test("the finished stages of one that failed are taken over", async () => {
    const directory = inner({ agents: ["a", "b"] });
    const first = await live(outer(), { a: gives({ a: 1 }), b: fails(), z: gives({}) }, { directory });
    const second = await live(
      outer(),
      { a: fails("it was run again"), b: gives({ b: 1 }), z: gives({}) },
      { directory, entries: first.entries },
    );
    expect([second.result.status, second.result.state]).toEqual(["succeeded", { a: 1, b: 1 }]);
  });

  test("one that had succeeded is taken over with its stages, and tells nothing", async () => {
    const directory = inner({ agents: ["a"] });
    const first = await live(outer(), { a: gives({ a: 1 }), z: fails() }, { directory });
    const second = await live(outer(), { a: fails("it was run again"), z: gives({}) }, { directory, entries: first.entries });
    expect(stageLines(second.result)).toEqual([
      "1 n~1: n#1 ok → succeeded, wrote a",
      "1 n/a~1: a#1 ok → succeeded, wrote a",
      "2 z~1: z#1 ok → succeeded",
    ]);
    expect(second.events).toEqual(["run-start", "stage-start", "attempt-start", "attempt-end", "stage-end", "run-end"]);
  });

  test.each<[string, object, object]>([
    ["was tolerated", { on_error: "continue" }, {}],
    ["failed in a group that succeeded", {}, { agents: ["g", "z"], parallel: { g: { agents: ["n", "m"], on_error: "continue" } } }],
  ])("nothing runs in one that %s, not even its failed stage", async (_, more, sequence) => {
    const directory = inner({ agents: ["a", "b"] });
    const definition = outer(more, sequence);
    const first = await live(definition, { a: gives({ a: 1 }), b: fails(), m: gives({}), z: fails() }, { directory });
    const again = recorder();
    const second = await live(
      definition,
      { a: again.agent, b: again.agent, m: again.agent, z: gives({}) },
      { directory, entries: first.entries },
    );
    expect([second.result.status, again.inputs]).toEqual(["succeeded", []]);
    const z = (line: string): boolean => !line.includes("z~1");
    expect(stageLines(second.result).filter(z)).toEqual(stageLines(first.result).filter(z));
  });

  test("nor a stage whose wait its timeout had broken off", async () => {
    const directory = inner({ agents: ["a"] }, { agents: { a: { retries: 1, retry_delay: "10s", retry_jitter: false } } });
    const definition = outer({ on_error: "continue", timeout: "5s" });
    const first = await live(definition, { a: fails(), z: fails() }, { directory });
    const again = recorder();
    const second = await live(definition, { a: again.agent, z: gives({}) }, { directory, entries: first.entries });
    expect([second.result.status, again.inputs]).toEqual(["succeeded", []]);
    expect(stageLines(second.result)).toEqual(["1 n~1: n#1 timeout → tolerated", "2 z~1: z#1 ok → succeeded"]);
  });

  test("nor a member of its group that had not begun", async () => {
    const directory = inner({ agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: 1 } } });
    const definition = outer({ on_error: "continue" });
    const first = await live(definition, { a: fails(), b: gives({}), z: fails() }, { directory });
    const again = recorder();
    const second = await live(definition, { a: again.agent, b: again.agent, z: gives({}) }, { directory, entries: first.entries });
    expect([second.result.status, again.inputs]).toEqual(["succeeded", []]);
    expect(stageLines(second.result)).toEqual([
      "1 n~1: n#1 exit → tolerated",
      "1 n/g~1: failed",
      "1 n/a~1 (n/g): a#1 exit → failed",
      "2 z~1: z#1 ok → succeeded",
    ]);
  });

  test("when the inner timeout had stopped a member and the run died, the members after it do not begin", async () => {
    const directory = inner({ agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: 1, on_error: "continue" } } });
    const b = recorder({ b: 1 });
    const agents = { a: () => new Promise(() => {}), b: b.agent, z: gives({}) };
    const first = await live(outer({ timeout: "5s" }), agents, { directory, diesAfter: "n~1/g/a~1!1.1#1" });
    const second = await live(outer({ timeout: "5s" }), agents, { directory, entries: first.entries });
    expect(b.inputs).toEqual([]);
    expect([second.result.status, second.result.error?.kind]).toEqual(["failed", "timeout"]);
    expect(stageLines(second.result)).toEqual([
      "1 n~1: n#1 timeout → failed",
      "1 n/g~1: cancelled",
      "1 n/a~1 (n/g): a#1 timeout → cancelled",
    ]);
  });

  test("a wait that the inner timeout had ended is not waited for again, and the attempt after it does not come", async () => {
    const directory = inner({ agents: ["a"] }, { agents: { a: { retries: 1, retry_delay: "10s", retry_jitter: false } } });
    const definition = outer({ timeout: "5s", retries: 1, retry_delay: "0s" });
    const agents = { a: failsThen([new Error("boom")], { a: 1 }), z: gives({}) };
    const first = await live(definition, agents, { directory, diesAfter: "n~1!1#2" });
    expect(keysOf(first.entries)).toEqual(["n~1/a~1!1.1#1", "n~1!1#1", "n~1/a~1!1.2#1", "n~1!1#2"]);
    const second = await live(definition, { a: fails("it was run again"), z: gives({}) }, { directory, entries: first.entries });
    expect([second.result.status, second.result.state, second.result.duration_ms]).toEqual(["succeeded", { a: 1 }, 0]);
    expect(keysOf(second.entries)).toEqual([...keysOf(first.entries), "z~1!1#1", "run!1"]);
  });
});

describe("a group that had ended when the run died", () => {
  const definition = pipelineOf(
    { agents: ["g"], pipeline: { fail_fast: false }, parallel: { g: { agents: ["a", "b", "c"], max_concurrency: 2 } } },
    { agents: { a: { retries: 1, retry_delay: "5s", retry_jitter: false } } },
  );

  test("begins no member that had not begun, and ends no wait that was broken off", async () => {
    const clock = virtualClock();
    const c = recorder();
    const first = await live(
      definition,
      { a: fails(), b: async () => waitOn(clock, 100).then(() => Promise.reject(new Error("boom"))), c: c.agent },
      { clock, diesAfter: "g~1!1#1" },
    );
    const second = await live(definition, { a: c.agent, b: c.agent, c: c.agent }, { entries: first.entries });
    expect(c.inputs).toEqual([]);
    expect(stageLines(second.result)).toEqual(["1 g~1: failed", "1 a~1 (g): a#1 exit → cancelled", "1 b~1 (g): b#1 exit → failed"]);
  });

  test("shows what its members had finished, however late they were told of the failure", async () => {
    const clock = virtualClock();
    const agents = {
      a: failsThen([new Error("boom")], { a: 1 }),
      b: async () => waitOn(clock, 9000).then(() => Promise.reject(new Error("boom"))),
      c: gives({ c: 1 }),
    };
    const first = await live(definition, agents, { clock, diesAfter: "g~1!1#1" });
    const second = await live(definition, { a: fails(), b: fails(), c: fails() }, { entries: first.entries });
    expect(stageLines(second.result)).toEqual([
      "1 g~1: failed",
      "1 a~1 (g): a#1 exit, a#2 ok → succeeded, wrote a",
      "1 b~1 (g): b#1 exit → failed",
      "1 c~1 (g): c#1 ok → succeeded, wrote c",
    ]);
  });
});

describe("promise 4: a journal that cannot be written stops the run at once", () => {
  test("before any further stage", async () => {
    const b = recorder();
    const { died } = await live(abc, { a: gives({}), b: b.agent, c: b.agent }, { diesBefore: "a~1!1#1" });
    expect([died, b.inputs]).toEqual(["died", []]);
  });

  test("wherever in the run: what stands beside the group, or around it, is stopped too", async () => {
    const clock = virtualClock();
    const late = recorder();
    const directory = pipelineFiles({
      inner: { ...pipelineOf({ agents: ["h"], parallel: { h: { agents: ["a", "b"] } } }), name: "inner" },
    });
    const definition = pipelineOf(
      { agents: ["g"], parallel: { g: { agents: ["n", "c"] } } },
      { agents: { n: { type: "pipeline", file: "inner.toml" }, c: { retries: 1, retry_delay: "1s" } } },
    );
    const first: AgentFunction = async (input, context) =>
      context.attempt === 1 ? Promise.reject(new Error("boom")) : late.agent(input, context);
    const agents = { a: async () => waitOn(clock, 500), b: async () => waitOn(clock, 5000), c: first };
    const { died, entries } = await live(definition, agents, { clock, directory, diesBefore: "g/n~1/h/a~1!1.1#1" });
    expect([died, late.inputs, clock.elapsed()]).toEqual(["died", [], 500]);
    expect(keysOf(entries)).toEqual(["g/c~1!1#1"]);
  });

  test("in a group: the other members are stopped, and those that wait do not begin", async () => {
    const clock = virtualClock();
    const late = recorder();
    let stopped = false;
    const definition = pipelineOf({
      agents: ["g"],
      parallel: { g: { agents: ["a", "b", "c"], max_concurrency: 2, on_error: "continue" } },
    });
    const { died } = await live(
      definition,
      {
        a: gives({}),
        b: (_, { signal }) => {
          signal.addEventListener("abort", () => {
            stopped = true;
          });
          return waitOn(clock, 10_000, signal);
        },
        c: late.agent,
      },
      { clock, diesBefore: "g/a~1!1#1" },
    );
    expect([died, stopped, late.inputs, clock.elapsed()]).toEqual(["died", true, [], 0]);
  });
});
