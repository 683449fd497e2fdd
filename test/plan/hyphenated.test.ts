import { describe, expect, test } from "vitest";
import { compileExpression } from "../../src/plan/expression.ts";
import { hyphenated, hyphenatedMember } from "../../src/plan/hyphenated.ts";
import type { ExpressionProblem } from "../../src/plan/scope.ts";
import { pipeline, problemsOf as problemsIn } from "./plans.ts";

/** What is told of an expression in which nothing but `keys` is written, without repetitions. */
function problemsOf(text: string, ...keys: string[]): ExpressionProblem[] {
  const compiled = compileExpression(text, {});
  if (!("expression" in compiled)) throw new Error(JSON.stringify(compiled.problems));
  const unknown = compiled.expression.reads.keys.filter(({ name }) => !keys.includes(name));
  const problems = unknown.flatMap((read) => hyphenated(read, text, new Set(keys)) ?? []);
  return [...new Map(problems.map((problem) => [problem.start, problem])).values()];
}

/** The expression after the fixes of all problems, from the last to the first. */
function fixed(text: string, ...keys: string[]): string {
  return problemsOf(text, ...keys)
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, { fix }) => (fix === undefined ? result : result.slice(0, fix.start) + fix.text + result.slice(fix.end)), text);
}

test("a name with a hyphen is told once, at the whole name", () =>
  expect(problemsOf("tax-rate > 0.2", "tax-rate")).toEqual([
    {
      code: "hyphenated-name",
      message: "`tax-rate` is read here as `tax` minus `rate`",
      start: 0,
      end: 8,
      help: "for the key `tax-rate`, write `state['tax-rate']`",
      fix: { safe: true, start: 0, end: 8, text: "state['tax-rate']" },
    },
  ]));

describe("the fix is exact", () => {
  test.each([
    ["as a member of the state", "state.tax-rate * 2", ["tax-rate"], "state['tax-rate'] * 2"],
    ["with members of its own", "tax-rate.value > 1", ["tax-rate"], "state['tax-rate'].value > 1"],
    ["in a call", "size(open-orders) > limit", ["open-orders", "limit"], "size(state['open-orders']) > limit"],
    ["with several hyphens", "a-b-c == 1", ["a-b-c"], "state['a-b-c'] == 1"],
    ["the longest name there is", "a-b-c == 1", ["a-b", "a-b-c"], "state['a-b-c'] == 1"],
    ["a shorter name, from which something is taken", "a-b-c == 1", ["a-b", "c"], "state['a-b']-c == 1"],
    ["a name that is taken from something", "a-b-c == 1", ["a", "b-c"], "a-state['b-c'] == 1"],
    ["a name that ends in a number", "top-3 == 1", ["top-3"], "state['top-3'] == 1"],
    ["where one half is a key as well", "order-id == 1", ["order", "order-id"], "state['order-id'] == 1"],
    ["at every place", "tax-rate > 1 || tax-rate < 0", ["tax-rate"], "state['tax-rate'] > 1 || state['tax-rate'] < 0"],
    [
      "behind a text with a hyphen",
      "'tax-rate' != name && tax-rate > 1",
      ["name", "tax-rate"],
      "'tax-rate' != name && state['tax-rate'] > 1",
    ],
  ])("%s", (_sentence, text, keys, expected) => {
    expect(fixed(text, ...keys)).toBe(expected);
    expect(problemsOf(expected, ...keys)).toEqual([]);
  });
});

describe("nothing is said", () => {
  test.each([
    ["of a difference of keys", "total-paid > 0", ["total", "paid", "total-paid"]],
    ["of a difference with spaces", "tax - rate > 0", ["tax-rate"]],
    ["where nothing writes the key", "tax-rate > 0", ["rate-tax"]],
    ["of a member of something else", "order.tax-rate > 0", ["order", "tax-rate"]],
    ["of a name without a hyphen", "tax > 0", ["tax-rate"]],
  ])("%s", (_sentence, text, keys) => expect(problemsOf(text, ...keys)).toEqual([]));
});

describe("a member with a hyphen", () => {
  function memberIn(text: string, ...keys: string[]): string[] {
    const compiled = compileExpression(text, {});
    if (!("expression" in compiled)) throw new Error(JSON.stringify(compiled.problems));
    const unknown = compiled.expression.reads.keys.filter(({ name }) => !keys.includes(name));
    const problems = unknown.flatMap((read) => hyphenatedMember(read, text, new Set(keys)) ?? []);
    return problems.map(({ message, help = "", start, end, fix }) => {
      const after = fix === undefined ? "" : text.slice(0, fix.start) + fix.text + text.slice(fix.end);
      return `${text.slice(start, end)} | ${message} | ${help} | ${String(fix?.safe)} ${after}`;
    });
  }

  test("is told with its place in brackets", () =>
    expect(memberIn("order.ship-to == 'Oslo'", "order")).toEqual([
      "ship-to | `ship-to` is read here as `ship` minus `to` | for the member `ship-to`, write `['ship-to']` in place of `.ship-to` | false order['ship-to'] == 'Oslo'",
    ]));

  test.each([
    ["of a difference from a member", "order.total-paid > 0", ["order", "paid"]],
    ["of a difference with spaces", "order.total - paid > 0", ["order"]],
    ["of a member of the state", "state.ship-to == ''", []],
    ["in brackets", "order['ship-to'] == 'Oslo'", ["order"]],
  ])("is not told %s", (_sentence, text, keys) => expect(memberIn(text, ...keys)).toEqual([]));
});

describe("in a pipeline", () => {
  const agents = (text: string, ...keys: string[]) =>
    pipeline(
      { agents: ["ask", "send"] },
      { ask: { type: "script", command: ["x"], writes: keys }, send: { type: "script", command: ["x", text], writes: [] } },
    );
  const inputs = { source: {} };

  test("a key is told once, and not what its halves are", async () =>
    expect(await problemsIn({ ...agents("${{ ship-to }}", "ship-to"), inputs })).toEqual([
      "agents.send.command.1 hyphenated-name: `ship-to` is read here as `ship` minus `to`",
    ]));

  test("so is a member", async () =>
    expect(await problemsIn({ ...agents("${{ order.ship-to }}", "order"), inputs })).toEqual([
      "agents.send.command.1 hyphenated-name: `ship-to` is read here as `ship` minus `to`",
    ]));

  test("a member is not, where what is taken from it may be an input that is not declared", async () =>
    expect(await problemsIn(agents("${{ order.ship-to }}", "order", "sent-by"))).toEqual([]));

  test("nor is a key that is taken from a member", async () =>
    expect(await problemsIn({ ...agents("${{ order.total-paid }}", "order", "paid"), inputs })).toEqual([]));
});
