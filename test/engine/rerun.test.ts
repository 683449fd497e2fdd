import { describe, expect, test } from "vitest";
import {
  type AgentFunction,
  definePipeline,
  type OwnedRun,
  type Pipeline,
  type PipelineDefinition,
  type RerunOptions,
  type RunResult,
  type Stamped,
  type Store,
} from "../../src/index.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { pipelineOf } from "../support/run.ts";
import { undoneByTheirOwn as own } from "../support/undoing.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

const BOOM = new Error("boom");

/** One store, in which the run `run` is recorded; its agents give what `acts` says at the time. */
class World {
  readonly clock: VirtualClock = virtualClock();
  readonly store: Store = createMemoryStore();
  readonly calls: string[] = [];
  readonly events: Stamped[] = [];
  acts: Record<string, Error | Record<string, number>> = {};
  definition: PipelineDefinition;

  constructor(definition: PipelineDefinition) {
    this.definition = definition;
  }

  pipeline(names: readonly string[] = [..."abcdx"].flatMap((name) => [name, `undo_${name}`])): Promise<Pipeline> {
    const agents = Object.fromEntries(
      names.map((name): [string, AgentFunction] => [
        name,
        async () => {
          this.calls.push(name);
          const act = this.acts[name] ?? {};
          if (act instanceof Error) throw act;
          return act;
        },
      ]),
    );
    return definePipeline(this.definition, { agents, clock: this.clock, random: () => 0, env: {} });
  }

  async run(): Promise<RunResult> {
    const pipeline = await this.pipeline();
    return this.clock.run(pipeline.run({ runId: "run", sessionId: "session", store: this.store, meta: { who: "me" } }));
  }

  async rerun(options: Omit<RerunOptions, "store"> & { readonly store?: Store }): Promise<RunResult> {
    this.calls.length = 0;
    const pipeline = await this.pipeline();
    const run = await pipeline.rerun("run", {
      store: this.store,
      runId: "again",
      onEvent: (event) => void this.events.push(event),
      ...options,
    });
    return this.clock.run(run.result);
  }

  /** Why it does not come about. */
  async refusal(options: Omit<RerunOptions, "store">, names?: readonly string[]): Promise<string> {
    const pipeline = await this.pipeline(names);
    return pipeline.prepareRerun("run", { store: this.store, ...options }).then(
      () => "none",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  }
}

/** The store, whose new runs note which of their entries had to be durable. */
function noting(store: Store, noted: [key: string, isDurable: boolean][]): Store {
  const notingRun = (run: OwnedRun): OwnedRun =>
    replacing(run, {
      append: (key, outcome, how) => {
        noted.push([key, how?.checkpoint ?? true]);
        return run.append(key, outcome, how);
      },
    });
  return replacing(store, { create: async (record) => notingRun(await store.create(record)) });
}

/** The same object but for some of its methods. */
function replacing<Value extends object>(value: Value, methods: Partial<Value>): Value {
  return new Proxy(value, {
    get(target, key) {
      const member: unknown = Reflect.get(Object.hasOwn(methods, key) ? methods : target, key, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("a new run that begins with what another had recorded", () => {
  test("has all that it took on the disk before anything of its own begins", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b", "c"] }));
    world.acts = { c: BOOM };
    await world.run();
    const noted: [string, boolean][] = [];
    const { status } = await world.rerun({ from: "c", store: noting(world.store, noted) });
    expect([status, world.calls, noted.slice(0, 2)]).toEqual([
      "failed",
      ["c"],
      [
        ["a~1!0#1", false],
        ["b~1!0#1", true],
      ],
    ]);
  });

  test("is not a resumed one; it is once it goes on itself", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b"] }));
    world.acts = { b: BOOM };
    await world.run();
    await world.rerun({ from: "b" });
    const run = await (await world.pipeline()).resume("again", { store: world.store, onEvent: (event) => void world.events.push(event) });
    await world.clock.run(run.result);
    expect(world.events.flatMap((event) => (event.type === "run-start" ? [event.resumed] : []))).toEqual([false, true]);
  });
});

describe("what was undone is not reused", () => {
  const undone = "ResumeError: what a had done in the run run was undone, so it cannot be reused; start from there: --from a";

  test("where its rollback followed from how the run ended", async () => {
    const world = new World(pipelineOf({ agents: ["x", "a", "b", "c"] }, { agents: own("a") }));
    world.acts = { a: { bucket: 1 }, b: BOOM };
    expect((await world.run()).status).toBe("rolled_back");
    expect([await world.refusal({ from: "b" }), await world.refusal({ from: "c" })]).toEqual([undone, undone]);
    world.acts = { a: { bucket: 2 } };
    const again = await world.rerun({ from: "a" });
    expect([again.status, again.state, world.calls]).toEqual(["succeeded", { bucket: 2 }, ["a", "b", "c"]]);
  });

  test("nor where only a member of a group was", async () => {
    const definition = pipelineOf({ agents: ["g", "b"], parallel: { g: { agents: ["x", "a"] } } }, { agents: own("a") });
    const world = new World(definition);
    world.acts = { b: BOOM };
    await world.run();
    expect(await world.refusal({ from: "b" })).toBe(undone.replace("what a", "what g").replace("--from a", "--from g"));
  });

  test("but what could not be undone still is", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b"] }, { agents: own("a") }));
    world.acts = { b: BOOM, undo_a: BOOM };
    expect((await world.run()).status).toBe("rollback_failed");
    expect(await world.refusal({ from: "b" })).toBe("none");
  });
});

describe("a rerun takes only what any run takes", () => {
  test.each<[sentence: string, options: Partial<RerunOptions>, message: string]>([
    ["an id", { runId: "a b" }, "a run's id is made of letters, digits, `.`, `_`, `:` and `-`; `a b` is not"],
    ["metadata of agentflow", { meta: { run_id: "x" } }, "the metadata `run_id` is set by agentflow itself"],
    ["metadata that is text", { meta: { n: 1 } as never }, "the metadata `n` must be a string"],
    ["a limit", { timeoutMs: Number.NaN }, "timeoutMs must be a number of milliseconds, or null for no limit"],
  ])("%s", async (_, options, message) => {
    const world = new World(pipelineOf({ agents: ["a", "b"] }));
    await world.run();
    expect(await world.refusal({ from: "b", ...options })).toBe(`InputError: ${message}`);
  });
});

describe("a program that lacks functions of the run", () => {
  const canned = { type: "canned" } as const;
  const message = (missing: string): string =>
    `ResumeError: the run run has agents that were given as functions, and this program does not give them: ${missing}`;

  test.each<[how: "resume" | "rollback" | "rerun", options: object]>([
    ["resume", { force: true }],
    ["rollback", {}],
    ["rerun", { from: "b" }],
  ])("is refused its %s before anything runs", async (how, options) => {
    const definition = pipelineOf({ agents: ["a", "b"], pipeline: { rollback: "manual" } }, { agents: own("a") });
    const world = new World(definition);
    world.acts = { b: BOOM };
    await world.run();
    world.definition = pipelineOf({ agents: ["a", "b"] }, { agents: { a: canned, b: canned } });
    const prepared = async (names: readonly string[]): Promise<string> => {
      const pipeline = await world.pipeline(names);
      const given = { store: world.store, ...options } as never;
      return pipeline[how]("run", given).then(
        () => "none",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    };
    expect([await prepared([]), await prepared(["a", "b"]), await prepared(["a", "undo_a"])]).toEqual([
      message("a, b, undo_a"),
      message("undo_a"),
      message("b"),
    ]);
  });

  test("may lack those that no run comes to", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b"] }));
    world.acts = { b: BOOM };
    await world.run();
    expect(await world.refusal({ from: "b" }, ["a", "b"])).toBe("none");
  });
});

describe("where a rerun cannot begin, the reason is the true one", () => {
  const jump = { from_agent: "a", condition: "go == 1", to_agent: "c" };

  test.each<[sentence: string, branches: (typeof jump)[], from: string, message: string]>([
    [
      "a detour that was not taken",
      [{ from_agent: "a", condition: "go == 2", to_agent: "d" }],
      "d",
      "the run run did not come to d, a detour; start from a stage that it came to: --from a or b or c",
    ],
    ["a stage that a branch left out", [jump], "b", "with what the run run had recorded, a new one comes to c and not to b: --from c"],
  ])("%s", async (_, branches, from, message) => {
    const world = new World(pipelineOf({ agents: ["a", "b", "c"], branches }));
    world.acts = { a: { go: 1 } };
    await world.run();
    expect(await world.refusal({ from })).toBe(`ResumeError: ${message}`);
  });
});

describe("a group whose list of members has changed", () => {
  const groupOf = (...agents: string[]): PipelineDefinition => pipelineOf({ agents: ["x", "g", "d"], parallel: { g: { agents } } });

  test.each<[sentence: string, later: string[], calls: string[], reason: string]>([
    ["runs again where there is one more", ["a", "b", "c"], ["a", "b", "c", "d"], "its members have changed"],
    ["runs again where there is another one", ["a", "c"], ["a", "c", "d"], "its members have changed"],
    ["is reused in another order", ["b", "a"], ["d"], "as asked for"],
  ])("%s", async (_, later, calls, reason) => {
    const world = new World(groupOf("a", "b"));
    world.acts = { a: { a: 1 } };
    await world.run();
    world.definition = groupOf(...later);
    const prepared = await (await world.pipeline()).prepareRerun("run", { store: world.store, from: "d" });
    const { status, state } = await world.rerun({ from: "d" });
    expect([prepared.reason, status, state, world.calls]).toEqual([reason, "succeeded", { a: 1 }, calls]);
  });
});

test("what a reused stage takes from elsewhere in the file is told where it has changed", async () => {
  const withRetries = (retries: number): PipelineDefinition => pipelineOf({ agents: ["a", "b"] }, { defaults: { retries } });
  const world = new World(withRetries(0));
  await world.run();
  world.definition = withRetries(1);
  const { reused } = await (await world.pipeline()).prepareRerun("run", { store: world.store, from: "b" });
  expect(reused.map(({ stage, changes }) => [stage.name, changes])).toEqual([["a", ["defaults.retries"]]]);
});
