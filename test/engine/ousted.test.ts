import { expect, test } from "vitest";
import { createMemoryStore, definePipeline, type OwnedRun, type RunResult, type Store, StoreError } from "../../src/index.ts";
import { pipelineOf } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const BREAKER = { max_failures: 1, reset_after: "1h" } as const;

test("an owner whose run was taken over in a wait starts nothing more, and changes no circuit", async () => {
  const store = createMemoryStore();
  const clock = virtualClock();
  const calls: string[] = [];
  const definition = pipelineOf(
    { agents: ["a"] },
    { agents: { a: { retries: 1, retry_delay: "10s", circuit_breaker: { ...BREAKER, max_failures: 9 } } } },
  );
  const pipelineFor = (owner: string) =>
    definePipeline(definition, {
      clock,
      env: {},
      random: () => 0.999999,
      agents: {
        a: () => {
          calls.push(owner);
          if (calls.length === 1) throw new Error("boom");
          return {};
        },
      },
    });
  const first = (await pipelineFor("first")).start({ runId: "r", store });
  const failure = first.result.catch((error: unknown) => error);
  await clock.run(new Promise<void>((resolve) => void clock.after(5000, resolve)));
  const second = await (await pipelineFor("second")).resume("r", { store, takeOver: true });
  const result = await clock.run(second.result);
  expect(await clock.run(failure)).toMatchObject({ name: "StoreError", code: "taken-over" });
  expect([result.status, calls]).toEqual(["succeeded", ["first", "second"]]);
});

test("a process that cannot be noted stops the run at once: it is no failure of the stage, and nothing is undone", async () => {
  const memory = createMemoryStore();
  const store: Store = Object.assign(Object.create(memory) as Store, {
    shared: memory.shared,
    create: async (record: Parameters<Store["create"]>[0]) => forgetful(await memory.create(record)),
  });
  const pipeline = await definePipeline(
    pipelineOf(
      { agents: ["a", "b"] },
      {
        agents: {
          a: { type: "canned", reply: {}, rollback: "undo" },
          b: { type: "script", command: ["true"], retries: 3, fallback: "c" },
          c: { type: "canned", reply: {} },
          undo: { type: "canned", reply: {} },
        },
      },
    ),
    { env: { PATH: process.env["PATH"] } },
  );
  const events: string[] = [];
  const run: Promise<RunResult> = pipeline.run({ runId: "r", store, onEvent: (event) => void events.push(event.type) });
  await expect(run).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
  expect(events.filter((type) => type !== "log")).toEqual([
    "run-start",
    "stage-start",
    "attempt-start",
    "attempt-end",
    "stage-end",
    "stage-start",
    "attempt-start",
  ]);
  expect((await memory.read("r"))?.summary.status).toBe("running");
});

function forgetful(run: OwnedRun): OwnedRun {
  return {
    record: run.record,
    status: run.status,
    processes: run.processes,
    eventCount: 0,
    get: (key) => run.get(key),
    entries: () => run.entries(),
    append: (...entry) => Promise.resolve(run.append(...entry)),
    confirm: () => run.confirm(),
    end: (end) => run.end(end),
    keepEvent: () => {},
    noteProcess: () => {
      throw new StoreError("unavailable", "the disk is full");
    },
    release: () => run.release(),
  };
}
