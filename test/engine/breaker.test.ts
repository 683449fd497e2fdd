import { describe, expect, test } from "vitest";
import { type Admission, admit, type BreakerState, type Finding, openForMs, report } from "../../src/engine/breaker.ts";

const policy = { maxFailures: 3, resetAfterMs: 30_000 };
const me = { holder: "me", leaseMs: 10_000 };
const now = 1_000_000;

const limits = { max_failures: 3, reset_after_ms: 30_000 };
const closed = (failures: number): BreakerState => ({
  status: "closed",
  failures,
  ...limits,
  opened_at: null,
  last_failure: failures === 0 ? null : "boom",
  probe: null,
});
const open = (openedAt: number, failures = 3): BreakerState => ({
  status: "open",
  failures,
  ...limits,
  opened_at: openedAt,
  last_failure: "boom",
  probe: null,
});
const halfOpen = (holder: string, beganAt: number, openedAt = now - 30_000): BreakerState => ({
  ...open(openedAt),
  status: "half_open",
  probe: { holder, began_at: beganAt, lease_ms: 10_000 },
});

const yes = (state: BreakerState | null): Admission => ({ state, admitted: true });
const no = (state: BreakerState, waitMs: number): Admission => ({ state, admitted: false, waitMs });

describe("row 100: an attempt is let through", () => {
  test.each<[sentence: string, state: BreakerState | null, admission: Admission]>([
    ["where there is no state yet", null, yes(null)],
    ["while the circuit is closed", closed(0), yes(closed(0))],
    ["while it is closed after failures", closed(2), yes(closed(2))],
    ["not when it has just opened", open(now), no(open(now), 30_000)],
    ["not a moment before reset_after is over", open(now - 29_999), no(open(now - 29_999), 1)],
    ["as the probe when it is over", open(now - 30_000), yes(halfOpen("me", now))],
    ["as the probe long after", open(now - 900_000), yes(halfOpen("me", now, now - 900_000))],
    ["not while the probe of another is on its way", halfOpen("you", now - 4000), no(halfOpen("you", now - 4000), 6000)],
    ["not a moment before that one's lease is over", halfOpen("you", now - 9999), no(halfOpen("you", now - 9999), 1)],
    ["as the probe when the one before is dead", halfOpen("you", now - 10_000), yes(halfOpen("me", now))],
    ["as the probe that it was before a crash, with a new lease", halfOpen("me", now - 4000), yes(halfOpen("me", now))],
    [
      "as the probe that it was, though the clock was set back",
      halfOpen("me", now, now + 900_000),
      yes(halfOpen("me", now, now + 900_000)),
    ],
    ["not before reset_after from now, where the clock was set back", open(now + 900_000), no(open(now), 30_000)],
    ["not before a lease from now, where the clock was set back", halfOpen("you", now + 900_000), no(halfOpen("you", now), 10_000)],
  ])("%s", (_sentence, state, admission) => expect(admit(state, policy, me, now)).toEqual(admission));

  test("what did not change is the same object", () => {
    const states = [null, closed(0), closed(2), open(now), halfOpen("you", now)];
    expect(states.map((state) => admit(state, policy, me, now).state === state)).toEqual(states.map(() => true));
  });

  test("by the limits of whoever asks, which are noted", () => {
    const shorter = { maxFailures: 1, resetAfterMs: 1000 };
    expect(admit(open(now - 999), shorter, me, now)).toEqual(no(open(now - 999), 1));
    expect(admit(open(now - 1000), shorter, me, now)).toEqual(
      yes({ ...halfOpen("me", now, now - 1000), max_failures: 1, reset_after_ms: 1000 }),
    );
  });
});

describe("row 101, 102: how an attempt ended is taken in:", () => {
  const failure = { failure: "boom" };

  test.each<[sentence: string, before: BreakerState | null, finding: Finding, after: BreakerState | null]>([
    ["a success where nothing was wrong", null, "success", null],
    ["a success while it is closed", closed(0), "success", closed(0)],
    ["a success ends the row", closed(2), "success", closed(0)],
    ["the probe's success closes it", halfOpen("me", now), "success", closed(0)],
    ["the success of one that was under way closes it as well", open(now), "success", closed(0)],
    ["the first failure", null, failure, closed(1)],
    ["a failure after a success", closed(0), failure, closed(1)],
    ["one more failure", closed(1), failure, closed(2)],
    ["the last failure of the row opens it", closed(2), failure, open(now)],
    ["a failure beyond the row, since the limit was lowered", closed(7), failure, open(now, 8)],
    ["the probe's failure opens it again, from now", halfOpen("me", now - 500), failure, open(now, 4)],
    ["the failure of one that was under way when it opened", open(now - 500), failure, open(now - 500)],
    ["a failure of one that is not the probe", halfOpen("you", now), failure, halfOpen("you", now)],
    ["nothing is learnt where nothing was wrong", null, "neutral", null],
    ["nothing is learnt while it is closed", closed(2), "neutral", closed(2)],
    ["nothing is learnt while it is open", open(now), "neutral", open(now)],
    ["a probe from which nothing is learnt makes room for another", halfOpen("me", now), "neutral", open(now - 30_000)],
    ["nothing is learnt beside the probe", halfOpen("you", now), "neutral", halfOpen("you", now)],
  ])("%s", (_sentence, before, finding, after) => {
    const state = report(before, policy, "me", finding, now);
    expect(state).toEqual(after);
    if (JSON.stringify(before) === JSON.stringify(after)) expect(state).toBe(before);
  });

  test("with max_failures = 1 the first failure opens it, and its limits are noted", () =>
    expect(report(null, { maxFailures: 1, resetAfterMs: 1000 }, "me", { failure: "once" }, now)).toEqual({
      status: "open",
      failures: 1,
      max_failures: 1,
      reset_after_ms: 1000,
      opened_at: now,
      last_failure: "once",
      probe: null,
    }));

  test("the probe's failure opens it also where the limit was raised", () =>
    expect(report(halfOpen("me", now), { ...policy, maxFailures: 10 }, "me", failure, now)).toEqual({ ...open(now, 4), max_failures: 10 }));

  test("a state is plain JSON", () => expect(JSON.parse(JSON.stringify(halfOpen("me", now)))).toEqual(halfOpen("me", now)));
});

describe("how long it stays shut", () => {
  test.each<[sentence: string, state: BreakerState, ms: number]>([
    ["not at all, while it is closed", closed(2), 0],
    ["what is left of reset_after", open(now - 10_000), 20_000],
    ["no time, when that is over", open(now - 40_000), 0],
    ["what is left of the probe's lease", halfOpen("you", now - 4000), 6000],
    ["all of it, where the clock was set back", open(now + 5000), 30_000],
  ])("%s", (_sentence, state, ms) => expect(openForMs(state, now)).toBe(ms));
});
