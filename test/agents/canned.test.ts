import { describe, expect, test } from "vitest";
import { sleep, type Waiting } from "../../src/agents/abort.ts";
import { createCannedCaller } from "../../src/agents/canned.ts";
import { createHookRunner } from "../../src/agents/hook.ts";
import type { CallCanned } from "../../src/agents/canned.ts";
import { AgentError } from "../../src/engine/failure.ts";
import type { CannedCallPlan } from "../../src/plan/plan.ts";
import { systemClock } from "../../src/store/clock.ts";
import type { CallOptions } from "./calls.ts";
import { callOf, cannedPlan, failureOf } from "./calls.ts";

function answer(caller: CallCanned, plan: CannedCallPlan, options: CallOptions = {}): Promise<unknown> {
  return caller(callOf(plan, options), plan).then(
    ({ output }) => output,
    (error: unknown) => (error instanceof AgentError ? error.kind : Promise.reject(error)),
  );
}

describe("a canned agent", () => {
  const rows: readonly [sentence: string, plan: Partial<CannedCallPlan>, answers: readonly unknown[]][] = [
    ["replies nothing when it has nothing", {}, [undefined, undefined]],
    ["repeats its only reply", { replies: [{ a: 1 }] }, [{ a: 1 }, { a: 1 }]],
    ["gives a reply to each call, and repeats the last", { replies: [1, null, "c"] }, [1, null, "c", "c"]],
    ["fails always", { fail: "rate_limit", replies: [1] }, ["rate_limit", "rate_limit", "rate_limit"]],
    [
      "fails the first calls, and then begins with its first reply",
      { fail: "exit", failTimes: 2, replies: [1, 2] },
      ["exit", "exit", 1, 2, 2],
    ],
    ["fails no time at all", { fail: "exit", failTimes: 0, replies: [1] }, [1]],
  ];
  test.each(rows)("row 123: %s", async (_sentence, changes, answers) => {
    const caller = createCannedCaller(systemClock());
    const plan = cannedPlan(changes);
    const got: unknown[] = [];
    for (const _ of answers) got.push(await answer(caller, plan));
    expect(got).toEqual(answers);
  });

  test("counts its calls by its own name, in each nested pipeline and in each runner anew", async () => {
    const caller = createCannedCaller(systemClock());
    const plan = cannedPlan({ replies: [1, 2] });
    const calls: readonly CallOptions[] = [
      { name: "a", context: { stage: "x" } },
      { name: "a", context: { stage: "y" } },
      { name: "b", context: { stage: "x" } },
      { name: "a", context: { stage: "inner/x" } },
    ];
    const got: unknown[] = [];
    for (const call of calls) got.push(await answer(caller, plan, call));
    got.push(await answer(createCannedCaller(systemClock()), plan, { name: "a" }));
    expect(got).toEqual([1, 2, 1, 1, 1]);
  });

  test("waits before it replies, and before it fails", async () => {
    const delays: number[] = [];
    const caller = createCannedCaller({
      after(ms, callback) {
        delays.push(ms);
        queueMicrotask(callback);
        return () => {};
      },
    });
    expect(await answer(caller, cannedPlan({ delayMs: 500, replies: [1], fail: "exit", failTimes: 1 }))).toBe("exit");
    expect(await answer(caller, cannedPlan({ delayMs: 500, replies: [1], fail: "exit", failTimes: 1 }))).toBe(1);
    expect(delays).toEqual([500, 500]);
  });

  test("stops waiting when it is told to", async () => {
    const controller = new AbortController();
    const plan = cannedPlan({ delayMs: 60_000, replies: [1] });
    const failure = failureOf(createCannedCaller(systemClock())(callOf(plan, { signal: controller.signal }), plan));
    controller.abort(new AgentError("timeout", "too slow"));
    expect(await failure).toMatchObject({ kind: "timeout", message: "too slow" });
  });
});

test("a wait that is over leaves no timer behind, whatever ended it", async () => {
  const pending = new Set<() => void>();
  const clock: Waiting = {
    after(ms, callback) {
      const stop = systemClock().after(ms, callback);
      const cancel = (): void => {
        pending.delete(cancel);
        stop();
      };
      pending.add(cancel);
      return cancel;
    },
  };
  const controller = new AbortController();
  const stopped = sleep(clock, 60_000, controller.signal).catch(() => "stopped");
  controller.abort();
  expect([await stopped, pending.size]).toEqual(["stopped", 0]);
  await createHookRunner({ env: { PATH: process.env.PATH }, graceMs: 0, clock })(
    { name: "h", on: [], agents: null, call: { type: "command", command: ["true"], cwd: "/" }, timeoutMs: 60_000 },
    {},
    new AbortController().signal,
  );
  await Promise.resolve();
  expect(pending.size).toBe(0);
});
