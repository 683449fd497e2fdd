import { describe, expect, test } from "vitest";
import { backoffDelayMs } from "../../src/engine/backoff.ts";
import { chooseBranch } from "../../src/engine/branch.ts";
import { type MemberOutput, mergeMembers } from "../../src/engine/merge.ts";
import { prune } from "../../src/engine/prune.ts";
import { ExpressionError } from "../../src/plan/expression-error.ts";
import type { BranchPlan, RetryPolicy } from "../../src/plan/plan.ts";

describe("the wait before a retry", () => {
  const policy: RetryPolicy = { retries: 9, delayMs: 1000, backoff: 2, maxDelayMs: 60_000, jitter: false, on: new Set() };

  test.each<[string, Partial<RetryPolicy>, number, number, number]>([
    ["is the delay after the first attempt", {}, 1, 0.5, 1000],
    ["grows by the factor after each further one", {}, 4, 0.5, 8000],
    ["does not grow with a factor of 1", { backoff: 1 }, 50, 0.5, 1000],
    ["may grow by less than double, in whole milliseconds", { backoff: 1.1, delayMs: 7 }, 3, 0.5, 8],
    ["is capped at the maximum", {}, 10, 0.5, 60_000],
    ["is capped from the first attempt on", { delayMs: 90_000 }, 1, 0.5, 60_000],
    ["has no cap where there is none", { maxDelayMs: null }, 10, 0.5, 512_000],
    ["stays finite after any number of attempts", { maxDelayMs: null }, 5000, 0.5, Number.MAX_SAFE_INTEGER],
    ["is none where the delay is none", { delayMs: 0 }, 5000, 0.5, 0],
    ["with jitter lies anywhere up to that: at the beginning", { jitter: true }, 3, 0, 0],
    ["with jitter lies anywhere up to that: in the middle", { jitter: true }, 3, 0.5, 2000],
    ["with jitter lies anywhere up to that: at the end", { jitter: true }, 3, 0.9999999, 4000],
    ["with jitter lies below the cap, not around it", { jitter: true }, 10, 0.5, 30_000],
  ])("%s", (_, change, attempt, random, delayMs) => {
    expect(backoffDelayMs({ ...policy, ...change }, attempt, random)).toBe(delayMs);
  });
});

describe("merging the outputs of members", () => {
  const wrote = (name: string, keys: MemberOutput["wrote"], bare = false): MemberOutput => ({ name, wrote: keys, bare });

  test.each<[string, "flat" | "namespace" | "prefix", MemberOutput[], object]>([
    ["flat takes the keys as they are", "flat", [wrote("a", { x: 1 }), wrote("b", { y: 2 })], { merged: { x: 1, y: 2 } }],
    ["namespace puts them under the member", "namespace", [wrote("a-1", { x: 1, y: 2 })], { merged: { a_1: { x: 1, y: 2 } } }],
    ["prefix puts the member before them", "prefix", [wrote("a-1", { "x-y": 1 })], { merged: { "a_1_x-y": 1 } }],
    ["nothing leaves nothing, under no rule", "namespace", [wrote("a", {}), wrote("b", {}, true)], { merged: {} }],
    ["no members leave nothing", "flat", [], { merged: {} }],
    ["text lies directly under the member: flat", "flat", [wrote("a-b", { a_b: "t" }, true)], { merged: { a_b: "t" } }],
    ["text lies directly under the member: namespace", "namespace", [wrote("a-b", { a_b: "t" }, true)], { merged: { a_b: "t" } }],
    ["text lies directly under the member: prefix", "prefix", [wrote("a-b", { a_b: "t" }, true)], { merged: { a_b: "t" } }],
    [
      "two writers of one key are a conflict",
      "flat",
      [wrote("a", { x: 1 }), wrote("b", { y: 1 }), wrote("c", { x: 1 })],
      { conflict: { key: "x", members: ["a", "c"] } },
    ],
    [
      "names that become one with `_` conflict in a namespace",
      "namespace",
      [wrote("a-b", { x: 1 }), wrote("a_b", { y: 1 })],
      { conflict: { key: "a_b", members: ["a-b", "a_b"] } },
    ],
    [
      "a prefix may meet another one",
      "prefix",
      [wrote("a", { b_c: 1 }), wrote("a_b", { c: 1 })],
      { conflict: { key: "a_b_c", members: ["a", "a_b"] } },
    ],
    [
      "a prefix may meet text",
      "prefix",
      [wrote("a", { b: 1 }), wrote("a_b", { a_b: "t" }, true)],
      { conflict: { key: "a_b", members: ["a", "a_b"] } },
    ],
  ])("%s", (_, rule, members, result) => {
    expect(mergeMembers(rule, members)).toEqual(result);
  });

  test("what it puts under a member is frozen, and `__proto__` is a key like any other", () => {
    const result = mergeMembers("namespace", [wrote("a", JSON.parse('{"__proto__": 1}'))]);
    if ("conflict" in result) throw new Error("no conflict was to be expected");
    expect(Object.isFrozen(result.merged.a)).toBe(true);
    expect(JSON.stringify(result.merged)).toBe('{"a":{"__proto__":1}}');
  });
});

describe("pruning", () => {
  const state = { a: 1, b: { c: 2 }, d: null };

  test.each<[string, string[] | null, string[] | null, object]>([
    ["leaves all where nothing is said", null, null, state],
    ["keeps what is to be kept, in the order of the state", ["d", "a"], null, { a: 1, d: null }],
    ["keeps nothing of nothing", [], null, {}],
    ["does not make up what is not there", ["x", "b"], null, { b: { c: 2 } }],
    ["removes what is to be dropped", null, ["a", "x"], { b: { c: 2 }, d: null }],
    ["drops nothing of nothing", null, [], state],
  ])("%s", (_, keep, drop, pruned) => {
    expect(JSON.stringify(prune(state, keep, drop))).toBe(JSON.stringify(pruned));
  });
});

describe("choosing a branch", () => {
  const scope = { names: {}, state: {}, meta: {}, stages: {} };
  const missing = new ExpressionError("there is no `rows`", "rows");

  function rule(index: number, to: string | null, condition: boolean | Error | number | null, maxTimes: number | null = null): BranchPlan {
    const evaluate = () => {
      if (condition instanceof Error) throw condition;
      return condition as never;
    };
    const expression = condition === null ? null : { text: `c${index}`, reads: { keys: [], env: [], stages: [] }, type: null, evaluate };
    return { from: "a", index, condition: expression as BranchPlan["condition"], to, maxTimes };
  }

  const looked = (index: number, holds: boolean, more: object = {}) => ({
    condition: `c${index}`,
    holds,
    missing: null,
    used_up: false,
    ...more,
  });

  test.each<[string, BranchPlan[], Record<number, number>, object]>([
    ["no rules: none", [], {}, { decision: null, rules: [] }],
    [
      "the first that holds; those after it are not looked at",
      [rule(3, "b", false), rule(5, "c", true), rule(7, "d", new Error("not looked at"))],
      {},
      { decision: { branch: 5, to: "c" }, rules: [looked(3, false), looked(5, true)] },
    ],
    ["none that holds: none", [rule(0, "b", false)], {}, { decision: null, rules: [looked(0, false)] }],
    [
      "otherwise always holds",
      [rule(0, "b", false), rule(1, null, null)],
      {},
      { decision: { branch: 1, to: null }, rules: [looked(0, false), { ...looked(1, true), condition: null }] },
    ],
    [
      "a missing key does not hold, and is named",
      [rule(0, "b", missing), rule(1, "c", true)],
      {},
      { decision: { branch: 1, to: "c" }, rules: [looked(0, false, { missing: "rows" }), looked(1, true)] },
    ],
    [
      "one that is used up does not count",
      [rule(0, "b", true, 2), rule(1, "c", true)],
      { 0: 2 },
      { decision: { branch: 1, to: "c" }, rules: [looked(0, true, { used_up: true }), looked(1, true)] },
    ],
    [
      "one that is not yet used up counts",
      [rule(0, "b", true, 2)],
      { 0: 1 },
      { decision: { branch: 0, to: "b" }, rules: [looked(0, true)] },
    ],
    ["one that does not hold is not called used up", [rule(0, "b", false, 1)], { 0: 1 }, { decision: null, rules: [looked(0, false)] }],
    [
      "otherwise can be used up too",
      [rule(0, "b", null, 1)],
      { 0: 1 },
      { decision: null, rules: [{ ...looked(0, true, { used_up: true }), condition: null }] },
    ],
  ])("%s", (_, rules, taken, result) => {
    expect(chooseBranch(rules, scope, (branch) => taken[branch] ?? 0)).toEqual(result);
  });

  test.each<[string, BranchPlan, string]>([
    ["another error of an expression", rule(0, "b", new ExpressionError("no such overload")), "branch from `a`: no such overload"],
    ["a value that is neither true nor false", rule(0, "b", 7), "branch from `a`: the condition `c0` must be true or false, but is 7"],
  ])("%s is thrown as one, with its source", (_, bad, message) => {
    expect(() => chooseBranch([bad], scope, () => 0)).toThrow(new ExpressionError(message));
  });

  test("a bug in an expression is no expression error", () => {
    expect(() => chooseBranch([rule(0, "b", new RangeError("a bug"))], scope, () => 0)).toThrow(new RangeError("a bug"));
  });
});
