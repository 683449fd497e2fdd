import { describe, expect, test } from "vitest";
import {
  type AgentFunction,
  definePipeline,
  type Pipeline,
  type PipelineDefinition,
  type RunResult,
  type Stamped,
  type Store,
  type OwnedRun,
} from "../../src/index.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, waitOn } from "../support/run.ts";
import { type Act, rollbackLine, undoneByTheirOwn } from "../support/undoing.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

const BOOM = new Error("boom");
const own = undoneByTheirOwn;
const NESTED = { type: "pipeline", file: "inner.toml" } as const;

/** One pipeline in one store; its agents do what `acts` says at the time. */
class World {
  readonly clock: VirtualClock = virtualClock();
  readonly store: Store = createMemoryStore();
  readonly calls: string[] = [];
  readonly given: Record<string, unknown> = {};
  readonly events: Stamped[] = [];
  acts: Record<string, Act> = {};
  readonly #definition: PipelineDefinition;
  readonly #where: { readonly directory?: string; readonly env: Record<string, string> };

  constructor(definition: PipelineDefinition, { directory, env = {} }: { directory?: string; env?: Record<string, string> } = {}) {
    this.#definition = definition;
    this.#where = { ...(directory === undefined ? {} : { directory }), env };
  }

  pipeline(definition = this.#definition): Promise<Pipeline> {
    const names = [..."abcdnxyz"].flatMap((name) => [name, `undo_${name}`]);
    const isFunction = (name: string): boolean => definition.agents?.[name]?.type === undefined;
    const agents = Object.fromEntries(names.filter(isFunction).map((name): [string, AgentFunction] => [name, this.#agent(name)]));
    return definePipeline(definition, { agents, clock: this.clock, random: () => 0, ...this.#where });
  }

  #agent(name: string): AgentFunction {
    return async (input, context) => {
      this.calls.push(name);
      this.given[name] = input;
      const act = this.acts[name] ?? {};
      if (act instanceof Error) throw act;
      if (typeof act === "number") return waitOn(this.clock, act, context.signal);
      return typeof act === "function" ? act(input, context) : act;
    };
  }

  /** Starts the run, goes on with it, or undoes it; what it came to, or why it did not. */
  async drive(
    how: "run" | "resume" | "rollback",
    options: { cancelAfterMs?: number; store?: Store; takeOver?: boolean } = {},
  ): Promise<RunResult> {
    const { cancelAfterMs, store = this.store, takeOver = false } = options;
    this.calls.length = 0;
    this.events.length = 0;
    const pipeline = await this.pipeline();
    const onEvent = (event: Stamped): void => void this.events.push(event);
    const run =
      how === "run"
        ? pipeline.start({ runId: "run", sessionId: "session", store, onEvent })
        : await pipeline[how]("run", { store, onEvent, takeOver });
    if (cancelAfterMs === 0) run.cancel();
    else if (cancelAfterMs !== undefined) this.clock.after(cancelAfterMs, () => run.cancel());
    return this.clock.run(run.result);
  }

  async refusal(how: "resume" | "rollback", definition?: PipelineDefinition): Promise<string> {
    const pipeline = await this.pipeline(definition);
    return pipeline[how]("run", { store: this.store }).then(
      () => "none",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  }

  async undone(): Promise<readonly string[]> {
    const prepared = await (await this.pipeline()).prepareRollback("run", { store: this.store });
    await prepared.release();
    return prepared.undone;
  }

  /** Of the handlers: the stages that they undo, in order. */
  get handled(): string[] {
    return this.calls.filter((name) => name.startsWith("undo_")).map((name) => name.slice("undo_".length));
  }

  async status(): Promise<string | undefined> {
    return (await this.store.read("run"))?.summary.status;
  }
}

const abc = pipelineOf({ agents: ["a", "b", "c"] }, { agents: own("a", "b") });

describe("a rollback that is asked for", () => {
  test("undoes a cancelled run, the last stage first, and keeps why it had ended", async () => {
    const world = new World(abc);
    world.acts = { a: { a: 1 }, c: 5000 };
    const first = await world.drive("run", { cancelAfterMs: 1000 });
    expect([first.status, first.rollback, await world.undone()]).toEqual(["cancelled", null, ["b", "a"]]);
    const prepared = await (await world.pipeline()).prepareRollback("run", { store: world.store });
    await prepared.release();
    expect(prepared.recorded.rollback?.stages.map(({ name, attempts, error }) => [name, attempts, error?.kind])).toEqual([
      ["b", 0, "cancelled"],
      ["a", 0, "cancelled"],
    ]);
    const second = await world.drive("rollback");
    expect([world.calls, rollbackLine(second), second.status, second.state]).toEqual([
      ["undo_b", "undo_a"],
      "succeeded: b by undo_b, a by undo_a",
      "rolled_back",
      { a: 1 },
    ]);
    expect([second.error, second.stages]).toEqual([first.error, first.stages]);
    expect(world.given.undo_a).toEqual({
      stage: "a",
      input: {},
      output: { a: 1 },
      error: { kind: "cancelled", message: "the run was cancelled" },
    });
    expect(world.events.map(({ type }) => type)).toEqual([
      "run-start",
      "rollback-start",
      "undo-start",
      "undo-end",
      "undo-start",
      "undo-end",
      "rollback-end",
      "run-end",
    ]);
    expect(await world.status()).toBe("rolled_back");
  });

  test('undoes a run that failed with rollback = "manual", and what was to be kept in nested pipelines', async () => {
    const directory = pipelineFiles({
      inner: { ...pipelineOf({ agents: ["x"], pipeline: { rollback: "manual" } }, { agents: own("x") }), name: "inner" },
    });
    const world = new World(
      pipelineOf({ agents: ["a", "n", "c"], pipeline: { rollback: "manual" } }, { agents: { ...own("a"), n: NESTED } }),
      { directory },
    );
    world.acts = { c: BOOM };
    expect((await world.drive("run")).status).toBe("failed");
    const { status, error } = await world.drive("rollback");
    expect([world.handled, status, error?.message]).toEqual([["x", "a"], "rolled_back", "stage 3 (c) failed: boom"]);
  });

  test("undoes also what a rollback by itself had left in nested pipelines", async () => {
    const directory = pipelineFiles({
      inner: { ...pipelineOf({ agents: ["x"], pipeline: { rollback: "manual" } }, { agents: own("x") }), name: "inner" },
    });
    const world = new World(pipelineOf({ agents: ["a", "n", "c"] }, { agents: { ...own("a"), n: NESTED } }), { directory });
    world.acts = { c: BOOM };
    expect([(await world.drive("run")).status, world.handled, await world.undone()]).toEqual(["rolled_back", ["a"], ["n/x"]]);
    const second = await world.drive("rollback");
    expect([world.handled, rollbackLine(second)]).toEqual([["x"], "succeeded: n/x by undo_x, a by undo_a"]);
    expect(await world.refusal("rollback")).toBe("ResumeError: the run run was rolled back: what it had finished is undone");
  });

  test("tries again only the handlers that failed, as often as it is asked for", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b", "c", "d"] }, { agents: own("a", "b", "c") }));
    world.acts = { d: BOOM, undo_a: BOOM, undo_b: BOOM };
    const first = await world.drive("run");
    expect([first.status, world.handled, await world.undone()]).toEqual(["rollback_failed", ["c", "b", "a"], ["b", "a"]]);
    world.acts = { undo_a: BOOM };
    const second = await world.drive("rollback");
    expect([second.status, world.handled, rollbackLine(second)]).toEqual([
      "rollback_failed",
      ["b", "a"],
      "failed: c by undo_c, b by undo_b, a by undo_a failed: exit boom",
    ]);
    expect(
      world.events.flatMap((event) =>
        event.type === "undo-start" || event.type === "undo-end" ? [`${event.type} ${event.stage.name}`] : [],
      ),
    ).toEqual(["undo-start b", "undo-end b", "undo-start a", "undo-end a"]);
    expect(await world.refusal("resume")).toBe(
      "ResumeError: the run run was rolled back in part, so it cannot be gone on with; `agentflow rollback run` tries the rest again",
    );
    world.acts = {};
    const third = await world.drive("rollback");
    expect([third.status, world.handled, third.error?.message, await world.status()]).toEqual([
      "rolled_back",
      ["a"],
      "stage 4 (d) failed: boom",
      "rolled_back",
    ]);
  });

  test("tries a handler again whose failure [defaults] would tolerate", async () => {
    const agents = { ...own("a"), b: { on_error: "fail" as const } };
    const world = new World({ ...pipelineOf({ agents: ["a", "b"] }, { agents }), defaults: { on_error: "continue" } });
    world.acts = { b: BOOM, undo_a: BOOM };
    expect((await world.drive("run")).status).toBe("rollback_failed");
    expect([(await world.drive("rollback")).status, world.handled]).toEqual(["rollback_failed", ["a"]]);
  });

  test("hears no cancellation and has no limit of time", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b"] }, { agents: own("a"), timeout: "10s" }));
    world.acts = { b: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    world.acts = { undo_a: 60_000 };
    const { status } = await world.drive("rollback", { cancelAfterMs: 20_000 });
    expect([status, world.handled]).toEqual(["rolled_back", ["a"]]);
  });

  test.each<[string, PipelineDefinition, Record<string, Act>, string]>([
    ["that succeeded", abc, {}, "ResumeError: the run run succeeded: there is nothing to undo"],
    ["that was rolled back", abc, { c: BOOM }, "ResumeError: the run run was rolled back: what it had finished is undone"],
    [
      "in which no stage with a handler had finished",
      abc,
      { a: BOOM },
      "ResumeError: there is nothing to undo in the run run: no stage that finished has a `rollback` agent",
    ],
    [
      "without handlers",
      pipelineOf({ agents: ["a", "b"] }),
      { b: BOOM },
      "ResumeError: there is nothing to undo in the run run: no stage that finished has a `rollback` agent",
    ],
  ])("is refused for a run %s, and lets go of it", async (_, definition, acts, message) => {
    const world = new World(definition);
    world.acts = acts;
    await world.drive("run");
    expect(await world.refusal("rollback")).toBe(message);
    expect((await world.store.read("run"))?.summary.owner).toBe(null);
  });

  test("a run that was rolled back is not gone on with", async () => {
    const world = new World(abc);
    world.acts = { c: BOOM };
    await world.drive("run");
    expect(await world.refusal("resume")).toBe("ResumeError: the run run was rolled back: what it had finished is undone");
  });

  test("goes by the recorded plan where the file has changed since", async () => {
    const world = new World(abc);
    world.acts = { c: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    const changed = pipelineOf({ agents: ["a", "c"] }, { agents: {} });
    expect(await world.refusal("resume", changed)).toBe(
      "ResumeError: the pipeline has changed since the run run was started: agents.a, agents.b, orchestration.sequential.agents",
    );
    const pipeline = await world.pipeline(changed);
    const run = await pipeline.rollback("run", { store: world.store });
    world.calls.length = 0;
    expect([rollbackLine(await world.clock.run(run.result)), world.handled]).toEqual(["succeeded: b by undo_b, a by undo_a", ["b", "a"]]);
  });
});

describe("after several rounds", () => {
  const directory = pipelineFiles({ inner: { ...pipelineOf({ agents: ["x", "y"] }, { agents: own("x") }), name: "inner" } });
  const definition = pipelineOf(
    { agents: ["g", "z"], parallel: { g: { agents: ["a", "b", "n"] } } },
    { agents: { ...own("a", "b"), n: NESTED } },
  );

  test.each([
    ["the latest was stopped as it began", "resume"],
    ["the latest had not even begun", null],
  ] as const)("members of groups and stages of nested pipelines are undone although %s", async (_, how) => {
    const world = new World(definition, { directory });
    world.acts = { a: { a: 1 }, b: 5000, x: { x: 1 }, y: 6000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    if (how !== null) expect([(await world.drive(how, { cancelAfterMs: 0 })).status, world.calls]).toEqual(["cancelled", []]);
    const { status } = await world.drive("rollback");
    expect([status, world.calls]).toEqual(["rolled_back", ["undo_x", "undo_a"]]);
    expect(world.given.undo_x).toMatchObject({ stage: "n/x", input: {}, output: { x: 1 } });
  });

  test("stages of a nested pipeline that served as a fallback, too", async () => {
    const agents = { a: { fallback: "n" }, n: NESTED };
    const world = new World(pipelineOf({ agents: ["a"] }, { agents }), { directory });
    world.acts = { a: BOOM, y: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    await world.drive("resume", { cancelAfterMs: 0 });
    expect([(await world.drive("rollback")).status, world.calls]).toEqual(["rolled_back", ["undo_x"]]);
  });

  test("what each had finished is undone, with what it was given then", async () => {
    const loose = pipelineOf({ agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false } }, { agents: own("a", "b", "c", "d") });
    const world = new World(loose);
    world.acts = { a: { a: 1 }, b: BOOM, c: { c: 1 }, d: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    world.acts = { b: { b: 1 }, c: BOOM, d: BOOM };
    await world.drive("resume", { cancelAfterMs: 0 });
    world.acts = { b: BOOM, c: { c: 3 }, d: 5000 };
    await world.drive("resume", { cancelAfterMs: 1000 });
    world.acts = { b: 5000 };
    await world.drive("resume", { cancelAfterMs: 1000 });
    expect([world.calls, await world.undone()]).toEqual([["b"], ["c", "a"]]);
    const { status } = await world.drive("rollback");
    expect([status, world.calls]).toEqual(["rolled_back", ["undo_c", "undo_a"]]);
    expect(world.given.undo_c).toMatchObject({ stage: "c", input: { a: 1 }, output: { c: 3 } });
  });

  test("each stage once, where it ran last", async () => {
    const loose = pipelineOf({ agents: ["a", "b", "c", "d"], pipeline: { fail_fast: false } }, { agents: own("a", "b", "c", "d") });
    const world = new World(loose);
    world.acts = { b: BOOM, c: { c: 1 }, d: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    world.acts = { b: { b: 2 }, c: { c: 2 }, d: 5000 };
    await world.drive("resume", { cancelAfterMs: 1000 });
    await world.drive("rollback");
    expect([world.calls, world.given.undo_c]).toMatchObject([["undo_c", "undo_b", "undo_a"], { input: { b: 2 }, output: { c: 2 } }]);
  });
});

describe("a run that died", () => {
  /** The store of a process that dies when it writes its n-th entry, or when it writes the end; what was not durable is lost. */
  function mortal(store: Store, death: { atEntry: number; keeps: boolean } | "at-end"): Store {
    const dying = (run: OwnedRun): OwnedRun => {
      let appended = 0;
      const wrapped: OwnedRun = Object.create(run, {
        record: { value: run.record },
        status: { value: run.status },
        processes: { value: run.processes },
        eventCount: { get: () => run.eventCount },
      }) as OwnedRun;
      return Object.assign(wrapped, {
        get: (key: string) => run.get(key),
        entries: () => run.entries(),
        keepEvent: () => {},
        confirm: () => run.confirm(),
        append: async (...entry: Parameters<OwnedRun["append"]>) => {
          appended += 1;
          if (death === "at-end" || appended < death.atEntry || (appended === death.atEntry && death.keeps)) await run.append(...entry);
          if (death !== "at-end" && appended >= death.atEntry) throw new Error("died");
        },
        end: async (end: Parameters<OwnedRun["end"]>[0]) => {
          if (death === "at-end") throw new Error("died");
          await run.end(end);
        },
        release: async () => {},
      });
    };
    return {
      ...store,
      shared: store.shared,
      read: (id) => store.read(id),
      create: async (record) => dying(await store.create(record)),
      acquire: async (id, options) => dying(await store.acquire(id, options)),
    };
  }

  async function dies(world: World, how: "run" | "resume" | "rollback", death: Parameters<typeof mortal>[1]): Promise<boolean> {
    const store = mortal(world.store, death);
    return world.drive(how, { store, takeOver: true }).then(
      () => false,
      (error: Error) => error.message === "died",
    );
  }

  const definition = pipelineOf(
    { agents: ["a", "g", "z"], parallel: { g: { agents: ["b", "c"] } } },
    { agents: { ...own("a", "b", "c"), undo_a: { retries: 1, retry_delay: "1s" } } },
  );

  test.each(["resume", "rollback"] as const)("while it was undone on demand goes on with that on %s, wherever it died", async (how) => {
    const cancelled = async (): Promise<World> => {
      const world = new World(definition);
      world.acts = { z: 5000, undo_b: BOOM, undo_a: BOOM };
      await world.drive("run", { cancelAfterMs: 1000 });
      return world;
    };
    const whole = await cancelled();
    const expected = await whole.drive("rollback");
    expect(whole.handled).toEqual(["c", "b", "a", "a"]);
    for (let atEntry = 1; ; atEntry += 1) {
      let died = true;
      for (const keeps of [false, true]) {
        const world = await cancelled();
        died = await dies(world, "rollback", { atEntry, keeps });
        if (!died) continue;
        const before = (await world.store.read("run"))?.entries ?? [];
        const recorded = before.filter(([key]) => key.startsWith("rollback:")).length;
        // Before it was recorded that it was asked for, a resume goes on with the run; after its last entry, a rollback tries again.
        const isAsked = before.some(([key]) => key.endsWith("#demanded"));
        const isOver = before.some(([key]) => key.endsWith("#ended"));
        if ((!isAsked && how === "resume") || (isOver && how === "rollback")) continue;
        const end = await world.drive(how, { takeOver: true });
        expect([world.handled, timeless(end), await world.status()]).toEqual([
          ["c", "b", "a", "a"].slice(recorded),
          timeless(expected),
          "rollback_failed",
        ]);
      }
      if (!died) break;
    }
  });

  test.each<[string, "resume" | "rollback"]>([
    ["resume", "resume"],
    ["rollback", "rollback"],
  ])("between its last handler and its end is ended by %s, without another call", async (_, how) => {
    const world = new World(definition);
    world.acts = { z: BOOM };
    expect([await dies(world, "run", "at-end"), await world.status()]).toEqual([true, "running"]);
    const { status, error } = await world.drive(how, { takeOver: true });
    expect([status, error?.message, world.calls, await world.status()]).toEqual([
      "rolled_back",
      "stage 3 (z) failed: boom",
      [],
      "rolled_back",
    ]);
  });

  test("between its success and its end is not undone, and ended by a resume", async () => {
    const world = new World(definition);
    expect([await dies(world, "run", "at-end"), await world.status()]).toEqual([true, "running"]);
    const pipeline = await world.pipeline();
    await expect(pipeline.rollback("run", { store: world.store, takeOver: true })).rejects.toThrow(
      "the run run succeeded: there is nothing to undo",
    );
    expect([(await world.drive("resume", { takeOver: true })).status, world.calls]).toEqual(["succeeded", []]);
  });

  test("before anything was asked for can be undone instead of resumed: exactly what had finished", async () => {
    const order = ["a", "b", "c"];
    for (let atEntry = 1; atEntry <= 5; atEntry += 1) {
      for (const keeps of [false, true]) {
        const world = new World(
          pipelineOf(
            { agents: ["a", "g", "z"], parallel: { g: { agents: ["b", "c"] } }, pipeline: { rollback: "manual" } },
            { agents: own(...order) },
          ),
        );
        world.acts = { z: BOOM };
        expect(await dies(world, "run", { atEntry, keeps })).toBe(true);
        const finished = ((await world.store.read("run"))?.entries ?? []).flatMap(([key]) => /([abc])~/.exec(key)?.[1] ?? []);
        if (finished.length === 0) continue;
        const { status } = await world.drive("rollback", { takeOver: true });
        expect([status, world.calls]).toEqual([
          "rolled_back",
          order
            .filter((name) => finished.includes(name))
            .toReversed()
            .map((name) => `undo_${name}`),
        ]);
      }
    }
  });

  test("between two attempts, and before a fallback: neither is begun by a rollback", async () => {
    const agents = { ...own("a"), b: { retries: 1, retry_delay: "1s", fallback: "c" } };
    for (const atEntry of [2, 3]) {
      const world = new World(pipelineOf({ agents: ["a", "b"] }, { agents }));
      world.acts = { b: BOOM, c: BOOM };
      await dies(world, "run", { atEntry, keeps: true });
      const { status, stages } = await world.drive("rollback", { takeOver: true });
      expect([status, world.calls, stages[1]?.attempts.length]).toEqual(["rolled_back", ["undo_a"], atEntry - 1]);
    }
  });

  test("in a second round that had begun is undone, with what both had finished", async () => {
    const world = new World(pipelineOf({ agents: ["a", "b", "c"], pipeline: { rollback: "manual" } }, { agents: own("a", "b") }));
    world.acts = { b: BOOM };
    await world.drive("run");
    world.acts = { c: BOOM };
    expect(await dies(world, "resume", { atEntry: 1, keeps: true })).toBe(true);
    expect((await world.drive("rollback", { takeOver: true })).status).toBe("rolled_back");
    expect(world.calls).toEqual(["undo_b", "undo_a"]);
  });
});

describe("secrets", () => {
  test("are filled in for handlers, never kept in the store, and cannot be changed by an agent", async () => {
    const secret = "s3cr3t-of-mine";
    const world = new World(
      { ...pipelineOf({ agents: ["a", "b"] }, { agents: own("a") }), secrets: { env: ["TOKEN"] } },
      { env: { TOKEN: secret } },
    );
    world.acts = { a: { list: [{ token: secret }] }, b: 5000 };
    await world.drive("run", { cancelAfterMs: 1000 });
    let frozen: unknown;
    world.acts = { b: ({ list }) => ((frozen = [Object.isFrozen(list), Object.isFrozen(list[0])]), Promise.reject(BOOM)), undo_a: BOOM };
    const { status } = await world.drive("resume");
    expect([status, frozen]).toEqual(["rollback_failed", [true, true]]);
    expect(world.given.undo_a).toMatchObject({ output: { list: [{ token: secret }] } });
    const stored = await world.store.read("run");
    const { events, ...rest } = { ...stored, events: [] };
    void events;
    expect(JSON.stringify(rest)).not.toContain(secret);
  });
});

function timeless(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part: unknown) => (/^(duration_ms|ended_at|started_at)$/.test(key) ? undefined : part)));
}
