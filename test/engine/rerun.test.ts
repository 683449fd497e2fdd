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
