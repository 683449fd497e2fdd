import { describe, expect, test } from "vitest";
import type { ChildResult, Durable, Outcome, StepContext, Stop } from "../../src/engine/durable.ts";
import { AgentError } from "../../src/engine/failure.ts";
import { createMemoryJournal, type Journal } from "../../src/store/journal.ts";
import { createLocalDurable } from "../../src/store/local.ts";
import { createSharedValues } from "../../src/store/shared-values.ts";
import { waitOn } from "../support/run.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

interface World {
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly cancellation: AbortController;
}

/** What every engine below the interpreter promises. */
function durableSuite(name: string, make: (world: World, timeoutMs: number | null) => Durable): void {
  function start({ timeoutMs = null, entries = [] }: { timeoutMs?: number | null; entries?: [string, Outcome][] } = {}) {
    const world: World = { clock: virtualClock(), journal: createMemoryJournal(entries), cancellation: new AbortController() };
    return { ...world, durable: make(world, timeoutMs) };
  }

  const outcome = (wrote: Outcome["wrote"] = {}): Outcome => ({
    status: "succeeded",
    settled: "succeeded",
    agent: "a",
    attempt: 1,
    ended_at: Date.UTC(2030, 0, 1),
    duration_ms: 0,
    wrote,
    bare: false,
    failure: null,
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  });

  describe(`${name}: step`, () => {
    test("runs the body, and records what it came to before it resolves", async () => {
      const { durable, journal } = start();
      expect(await durable.step("a", async () => outcome({ n: 1 }))).toEqual(outcome({ n: 1 }));
      expect([...journal.entries()]).toEqual([["a", outcome({ n: 1 })]]);
    });

    test("does not run a body whose outcome is recorded", async () => {
      const { durable } = start({ entries: [["a", outcome({ n: 1 })]] });
      expect(await durable.step("a", () => Promise.reject(new Error("it was run")))).toEqual(outcome({ n: 1 }));
    });

    test("that cannot be recorded is an exception; nothing is recorded after it, and nothing starts any more", async () => {
      const written: string[] = [];
      const journal: Journal = {
        ...createMemoryJournal(),
        append: (key) => {
          written.push(key);
          if (key === "a") throw new Error("the disk is full");
        },
      };
      const durable = make({ clock: virtualClock(), journal, cancellation: new AbortController() }, null);
      await expect(durable.step("a", async () => outcome())).rejects.toThrow("the disk is full");
      await expect(durable.step("b", async () => outcome())).rejects.toThrow("the disk is full");
      expect([written, durable.interruption()?.failure.kind]).toEqual([["a"], "internal"]);
    });

    test("passes an exception on, and records nothing", async () => {
      const { durable, journal } = start();
      await expect(durable.step("a", () => Promise.reject(new RangeError("a bug")))).rejects.toThrow(new RangeError("a bug"));
      expect([...journal.entries()]).toEqual([]);
    });
  });

  describe(`${name}: limit`, () => {
    type Work = (signal: AbortSignal, clock: VirtualClock) => Promise<string>;
    const onAbort = (signal: AbortSignal, then: () => void): void => signal.addEventListener("abort", then);

    const quick: Work = (_, clock) => waitOn(clock, 500).then(() => "done");
    const heeds: Work = (signal) => new Promise((_, reject) => onAbort(signal, () => reject(new Error("stopped"))));
    const failsWith =
      (kind: "timeout" | "exit", message: string): Work =>
      (signal) =>
        new Promise((_, reject) => onAbort(signal, () => reject(new AgentError(kind, message, { detail: "last words" }))));
    const deaf: Work = () => new Promise(() => {});
    const tidiesUp: Work = (signal, clock) =>
      new Promise((resolve) => onAbort(signal, () => clock.after(2000, () => resolve("done in spite of it"))));
    const dawdles: Work = (signal, clock) => new Promise((resolve) => onAbort(signal, () => clock.after(9000, () => resolve("too late"))));

    test.each<[string, Work, { timeoutMs?: number; ownMs?: number; cancelMs?: number }, string, number]>([
      ["work that ends in time", quick, { ownMs: 1000 }, "done", 500],
      ["work without a limit", quick, {}, "done", 500],
      ["its own timeout, of work that heeds it", heeds, { ownMs: 1000 }, "timeout: it did not end within 1s", 1000],
      [
        "its own timeout, of work that does not: it is left behind after the grace",
        deaf,
        { ownMs: 1000 },
        "timeout: it did not end within 1s",
        6000,
      ],
      [
        "its own timeout, of work that says more about it",
        failsWith("timeout", "it did not end within 1s"),
        { ownMs: 1000 },
        "timeout: it did not end within 1s (last words)",
        1000,
      ],
      [
        "its own timeout, of work that fails for another reason",
        failsWith("exit", "exited with code 1"),
        { ownMs: 1000 },
        "timeout: it did not end within 1s",
        1000,
      ],
      [
        "its own timeout, of work that finishes after it: that does not count",
        tidiesUp,
        { ownMs: 1000 },
        "timeout: it did not end within 1s",
        3000,
      ],
      ["a cancellation, of work that heeds it", heeds, { cancelMs: 700 }, "cancelled: the run was cancelled", 700],
      [
        "a cancellation, of work that finishes all the same: that was done and paid",
        tidiesUp,
        { cancelMs: 700 },
        "done in spite of it",
        2700,
      ],
      ["a cancellation, of work that finishes after the grace", dawdles, { cancelMs: 700 }, "cancelled: the run was cancelled", 5700],
      [
        "the run's timeout, of work that finishes all the same: the time is over",
        tidiesUp,
        { timeoutMs: 800 },
        "deadline: the pipeline's timeout of 800ms is over",
        2800,
      ],
      [
        "whatever comes first: the cancellation",
        heeds,
        { ownMs: 1000, timeoutMs: 800, cancelMs: 700 },
        "cancelled: the run was cancelled",
        700,
      ],
      [
        "whatever comes first: the run's timeout",
        heeds,
        { ownMs: 1000, timeoutMs: 800, cancelMs: 900 },
        "deadline: the pipeline's timeout of 800ms is over",
        800,
      ],
      ["a cancellation that came before", quick, { cancelMs: 0 }, "cancelled: the run was cancelled", 0],
    ])("%s", async (_, work, { timeoutMs = null, ownMs = null, cancelMs }, end, endMs) => {
      const { durable, clock, cancellation } = start({ timeoutMs });
      if (cancelMs === 0) cancellation.abort();
      else if (cancelMs !== undefined) clock.after(cancelMs, () => cancellation.abort());
      let came = "";
      const body = async (context: StepContext): Promise<Outcome> => {
        came = await context
          .limit(ownMs, (signal) => work(signal, clock))
          .catch(({ kind, message, detail }: AgentError) => `${kind}: ${message}${detail === undefined ? "" : ` (${detail})`}`);
        return outcome();
      };
      await clock.run(durable.step("a", body));
      expect([came, clock.elapsed()]).toEqual([end, endMs]);
    });

    test("a failure of the work is thrown as it is", async () => {
      const { durable, clock } = start();
      const failure = new AgentError("quota", "no credit left");
      const run = durable.step("a", async (context) => {
        await expect(context.limit(1000, () => Promise.reject(failure))).rejects.toBe(failure);
        return outcome();
      });
      await clock.run(run);
    });

    test("the time that is left counts down to the run's timeout", async () => {
      const { durable, clock } = start({ timeoutMs: 1000 });
      const left: number[] = [];
      const run = durable.step("a", async (context) => {
        left.push(context.remainingMs());
        await waitOn(clock, 300);
        left.push(context.remainingMs());
        return outcome();
      });
      await clock.run(run);
      expect(left).toEqual([1000, 700]);
    });
  });

  describe(`${name}: sleep`, () => {
    test.each<[string, { cancelMs?: number; entries?: [string, Outcome][] }, Stop | undefined, number]>([
      ["lasts its time", {}, undefined, 1000],
      ["is ended by a stop", { cancelMs: 400 }, { failure: { kind: "cancelled", message: "the run was cancelled" }, by: "run" }, 400],
      ["is none where what it waits for is recorded", { entries: [["b", outcome()]] }, undefined, 0],
      [
        "is none where what it waits for is recorded, even if the run is stopped",
        { cancelMs: 0, entries: [["b", outcome()]] },
        undefined,
        0,
      ],
    ])("%s", async (_, { cancelMs, entries = [] }, stop, endMs) => {
      const { durable, clock, cancellation } = start({ entries });
      if (cancelMs === 0) cancellation.abort();
      else if (cancelMs !== undefined) clock.after(cancelMs, () => cancellation.abort());
      const { ended_at } = await durable.step("a", async () => outcome());
      expect([await clock.run(durable.sleep("b", 1000, ended_at)), clock.elapsed()]).toEqual([stop, endMs]);
    });
  });

  describe(`${name}: interruption`, () => {
    test("is there once the run is stopped, but not for a step that is recorded", () => {
      const { durable, cancellation } = start({ entries: [["a", outcome()]] });
      const before = durable.interruption("b");
      cancellation.abort("enough");
      const stop = { failure: { kind: "cancelled", message: "enough" }, by: "run" };
      expect([before, durable.interruption(), durable.interruption("b"), durable.interruption("a")]).toEqual([
        undefined,
        stop,
        stop,
        undefined,
      ]);
    });
  });

  describe(`${name}: all`, () => {
    interface Result extends ChildResult {
      readonly name: string;
      readonly stop: Stop | undefined;
    }
    /** A child that takes its time, and heeds a stop. */
    const child = (childName: string, ms: number, end: Partial<ChildResult> = {}) => ({
      name: childName,
      run: async (durable: Durable): Promise<Result> => {
        const stop = durable.interruption() ?? (await durable.sleep(childName, ms, 0));
        return { name: childName, failed: false, stopped: stop ?? null, stop, ...end };
      },
    });
    const options = { followedBy: "g", maxConcurrency: 9, stopOnFailure: false, timeoutMs: null };

    test("gives the results in the order of the children, whatever ended first", async () => {
      const { durable, clock } = start();
      const results = await clock.run(durable.all("g/members", [child("a", 300), child("b", 100)], options));
      expect([results.map((result) => result.name), clock.elapsed()]).toEqual([["a", "b"], 300]);
    });

    test("runs so many at a time", async () => {
      const { durable, clock } = start();
      await clock.run(
        durable.all("g/members", [child("a", 300), child("b", 100), child("c", 100)], {
          ...options,
          maxConcurrency: 2,
        }),
      );
      expect(clock.elapsed()).toBe(300);
    });

    test.each<
      [string, Partial<typeof options>, Partial<ChildResult>, { cancelMs?: number; entries?: [string, Outcome][] }, Stop | undefined]
    >([
      ["no one is stopped where one fails", {}, { failed: true }, {}, undefined],
      [
        "one that fails stops the others, by the step that follows",
        { stopOnFailure: true },
        { failed: true },
        {},
        { failure: { kind: "cancelled", message: "stopped because a failed" }, by: "g" },
      ],
      [
        "one that was stopped from outside stops the others, for the same reason",
        {},
        { stopped: { failure: { kind: "timeout", message: "late" }, by: "outer" } },
        {},
        { failure: { kind: "timeout", message: "late" }, by: "outer" },
      ],
      [
        "a cancellation stops all",
        {},
        {},
        { cancelMs: 50 },
        { failure: { kind: "cancelled", message: "the run was cancelled" }, by: "run" },
      ],
      [
        "a timeout of their own stops all, by the step that follows",
        { timeoutMs: 200 as never, onTimeout: { kind: "timeout", message: "late" } } as never,
        {},
        {},
        { failure: { kind: "timeout", message: "late" }, by: "g" },
      ],
      [
        "nothing starts once the step that follows is recorded",
        {},
        {},
        { entries: [["g", outcome()]] },
        { failure: { kind: "cancelled", message: "what it belongs to had ended" }, by: "g" },
      ],
    ])("%s", async (_, more, end, { cancelMs, entries = [] }, stop) => {
      const { durable, clock, cancellation } = start({ entries });
      if (cancelMs !== undefined) clock.after(cancelMs, () => cancellation.abort());
      const results = await clock.run(durable.all("g/members", [child("a", 100, end), child("b", 1000)], { ...options, ...more }));
      expect(results[1]?.stop).toEqual(stop);
    });

    test("what stops the children does not stop what is around them", async () => {
      const { durable, clock } = start();
      await clock.run(durable.all("g/members", [child("a", 10, { failed: true }), child("b", 20)], { ...options, stopOnFailure: true }));
      expect(durable.interruption()).toBeUndefined();
    });

    test("an exception deep inside stops what is around it at once, although something beside it takes its time to end", async () => {
      const { durable, clock } = start();
      const stops: [string | undefined, number][] = [];
      const bad = { name: "bad", run: () => waitOn(clock, 100).then(() => Promise.reject(new RangeError("a bug"))) };
      const slow = {
        name: "slow",
        run: async (inner: Durable): Promise<Result> => {
          await inner
            .step("slow", async (context) => {
              await context.limit(
                null,
                (signal) => new Promise((resolve) => signal.addEventListener("abort", () => clock.after(3000, () => resolve("")))),
              );
              return outcome();
            })
            .catch(() => {});
          return { name: "slow", failed: false, stopped: null, stop: undefined };
        },
      };
      type Children = Parameters<typeof durable.all<Result>>[1];
      const around = (key: string, children: Children) => ({
        name: key,
        run: async (outer: Durable): Promise<Result> =>
          (await outer.all<Result>(`${key}/members`, children, { ...options, followedBy: key }))[0] as Result,
      });
      const beside = {
        name: "beside",
        run: async (outer: Durable): Promise<Result> => {
          const stop = await outer.sleep("beside", 1000, 0);
          stops.push([stop?.failure.kind, clock.elapsed()]);
          return { name: "beside", failed: false, stopped: stop ?? null, stop };
        },
      };
      await expect(clock.run(durable.all<Result>("g/members", [around("h", [around("i", [bad, slow])]), beside], options))).rejects.toThrow(
        new RangeError("a bug"),
      );
      expect([stops, clock.elapsed()]).toEqual([[["internal", 100]], 3100]);
    });

    test("an exception of one passes through, after the others have been stopped and have ended", async () => {
      const { durable, clock } = start();
      const seen: unknown[] = [];
      const bad = { name: "a", run: () => Promise.reject(new RangeError("a bug")) };
      const good = child("b", 5000);
      const watched = {
        name: "b",
        run: async (inner: Durable) => good.run(inner).then((result) => (seen.push(result.stop?.failure.kind), result)),
      };
      const all = durable.all<Result>("g/members", [bad, watched], options);
      await expect(clock.run(all)).rejects.toThrow(new RangeError("a bug"));
      expect([seen, clock.elapsed()]).toEqual([["internal"], 0]);
    });
  });
}

durableSuite("on a journal of this process", (world, timeoutMs) => {
  const { clock, journal, cancellation } = world;
  const { durable } = createLocalDurable({
    runId: "run",
    journal,
    clock,
    random: () => 0.5,
    timeoutMs,
    signal: cancellation.signal,
    graceMs: 5000,
    shared: createSharedValues(),
    onEvent: () => Promise.resolve(),
  });
  return durable;
});

test("events are told in order and waited for; not those of a step that is recorded", async () => {
  const clock = virtualClock();
  const told: string[] = [];
  const { durable, close } = createLocalDurable({
    runId: "run",
    journal: createMemoryJournal(),
    clock,
    random: () => 0.5,
    timeoutMs: null,
    graceMs: 0,
    shared: createSharedValues(),
    onEvent: async ({ type }) => {
      await waitOn(clock, 10);
      told.push(type);
    },
  });
  const warning = { type: "warning" as const, stage: null, message: "mind" };
  const first = await clock.run(durable.emit(warning, { unlessRecorded: "a" }));
  await durable.step("a", async () => ({ settled: "succeeded" }) as Outcome);
  const second = await clock.run(durable.emit(warning, { unlessRecorded: "a" }));
  close();
  expect([first, second, told]).toEqual([true, false, ["warning"]]);
});
