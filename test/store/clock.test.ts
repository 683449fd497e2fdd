import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/store/clock.ts";
import { Interruption } from "../../src/store/interruption.ts";

const DAY_MS = 86_400_000;

describe("the system's clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    ["a moment", 5],
    ["no time", 0],
    ["just what one timer holds", 2 ** 31 - 1],
    ["a little more than one timer holds", 2 ** 31],
    ["a hundred days", 100 * DAY_MS],
  ])("calls back once, after %s", async (_, ms) => {
    let calls = 0;
    systemClock().after(ms, () => {
      calls += 1;
    });
    await vi.advanceTimersByTimeAsync(Math.max(0, ms - 1));
    const early = calls;
    await vi.advanceTimersByTimeAsync(2);
    const due = calls;
    await vi.advanceTimersByTimeAsync(200 * DAY_MS);
    expect([early, due, calls]).toEqual([ms === 0 ? 1 : 0, 1, 1]);
  });

  test.each([
    ["at once", 0],
    ["in the second of its parts", 30 * DAY_MS],
  ])("does not call back when it is cancelled %s", async (_, ms) => {
    let calls = 0;
    const cancel = systemClock().after(100 * DAY_MS, () => {
      calls += 1;
    });
    await vi.advanceTimersByTimeAsync(ms);
    cancel();
    await vi.advanceTimersByTimeAsync(200 * DAY_MS);
    expect(calls).toBe(0);
  });

  test("a wall clock that is set does not change how long a wait is", async () => {
    let calls = 0;
    systemClock().after(1000, () => {
      calls += 1;
    });
    vi.setSystemTime(Date.now() + DAY_MS);
    await vi.advanceTimersByTimeAsync(999);
    const early = calls;
    await vi.advanceTimersByTimeAsync(1);
    expect([early, calls]).toEqual([0, 1]);
  });
});

describe("an interruption", () => {
  const cancelled = { failure: { kind: "cancelled" as const, message: "enough" }, by: "run" };
  const timeout = { failure: { kind: "timeout" as const, message: "late" }, by: "n~1!1#1" };

  test("is heard below, not above", () => {
    const run = new Interruption(null);
    const group = new Interruption(run);
    const nested = new Interruption(group);
    group.raise(timeout);
    expect([run.raised(), group.raised(), nested.raised()]).toEqual([undefined, timeout, timeout]);
    expect([run.signal.aborted, group.signal.aborted, nested.signal.reason]).toEqual([false, true, timeout.failure]);
  });

  test("keeps its first reason", () => {
    const run = new Interruption(null);
    const group = new Interruption(run);
    group.raise(timeout);
    run.raise(cancelled);
    run.raise(timeout);
    expect([run.raised(), group.raised()]).toEqual([cancelled, timeout]);
  });

  test("that was raised above is known to one that is made later", () => {
    const run = new Interruption(null);
    run.raise(cancelled);
    expect(new Interruption(run).raised()).toEqual(cancelled);
  });

  test("calls each listener once, and none that has stopped listening", () => {
    const run = new Interruption(null);
    const heard: string[] = [];
    run.listen(({ failure }) => heard.push(`one: ${failure.message}`));
    run.listen(() => heard.push("other"))();
    run.raise(cancelled);
    run.raise(timeout);
    expect(heard).toEqual(["one: enough"]);
  });

  test("below that is closed hears no more", () => {
    const run = new Interruption(null);
    const group = new Interruption(run);
    const heard: unknown[] = [];
    group.listen((stop) => heard.push(stop));
    group.close();
    run.raise(cancelled);
    expect(heard).toEqual([]);
  });
});
