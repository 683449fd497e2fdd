import { describe, expect, test } from "vitest";
import { checkInputs, convertInput, isRequired } from "../../src/plan/inputs.ts";
import type { Json, JsonObject } from "../../src/spec/json.ts";
import type { InputSpec } from "../../src/spec/spec.ts";

function check(inputs: Record<string, InputSpec>, given: JsonObject) {
  return checkInputs(new Map(Object.entries(inputs)), given);
}

describe("what a run is given", () => {
  test.each<[string, Record<string, InputSpec>, JsonObject, object]>([
    ["anything, where nothing is declared", {}, { a: 1, b: [null] }, { a: 1, b: [null] }],
    ["what is declared", { n: { type: "integer" } }, { n: 3 }, { n: 3 }],
    ["a value without a declared type", { n: {} }, { n: { any: true } }, { n: { any: true } }],
    ["a default for what is absent", { n: { default: 7 } }, {}, { n: 7 }],
    ["no default for what is there", { n: { default: 7 } }, { n: 0 }, { n: 0 }],
    ["null for what is there", { n: {} }, { n: null }, { n: null }],
    ["nothing for what is not required", { n: { required: false }, m: {} }, { m: 1 }, { m: 1 }],
    ["values in the order of their declaration", { a: {}, b: {} }, { b: 1, a: 2 }, { a: 2, b: 1 }],
  ])("may be %s", (_, inputs, given, values) => {
    const checked = check(inputs, given);
    expect(checked.problems).toEqual([]);
    expect(JSON.stringify(checked.values)).toBe(JSON.stringify(values));
  });

  test.each<[string, Record<string, InputSpec>, JsonObject, string[]]>([
    ["an undeclared one", { a: {}, b: {} }, { a: 1, b: 1, c: 1 }, ["there is no input called `c`; declared are `a`, `b`"]],
    ["a misspelt one", { source: { default: 1 } }, { sorce: 1 }, ["there is no input called `sorce`; did you mean `source`?"]],
    ["a missing one", { a: {} }, {}, ["the input `a` is missing; give it with --input a=…"]],
    [
      "a missing one that is described",
      { a: { description: "the file" } },
      {},
      ["the input `a` (the file) is missing; give it with --input a=…"],
    ],
    ["one that is required although it has a default", { a: { required: true, default: 1 } }, {}, []],
    ["one of another type", { a: { type: "list" } }, { a: {} }, ["the input `a` must be a list, but is {}"]],
    ["one that is none of the choices", { a: { enum: ["x", ["y"]] } }, { a: "y" }, ['the input `a` must be one of "x", ["y"], but is "y"']],
    [
      "several, all told",
      { a: {}, b: { type: "boolean" } },
      { b: 1, c: 1 },
      [
        "there is no input called `c`; declared are `a`, `b`",
        "the input `a` is missing; give it with --input a=…",
        "the input `b` must be true or false, but is 1",
      ],
    ],
    [
      "a long one, of which the beginning is shown",
      { a: { type: "number" } },
      { a: "x".repeat(90) },
      [`the input \`a\` must be a number, but is "${"x".repeat(59)}…`],
    ],
  ])("may not be %s", (_, inputs, given, problems) => {
    expect(check(inputs, given).problems).toEqual(problems);
  });

  test.each<[NonNullable<InputSpec["type"]>, Json[], Json[]]>([
    ["string", ["", "x"], [1, null, ["x"]]],
    ["number", [0, 1.5, -1], ["1", null, true]],
    ["integer", [0, -3, 2 ** 53], [1.5, "1", null]],
    ["boolean", [true, false], ["true", 0, null]],
    ["list", [[], [1]], [{}, "[]", null]],
    ["object", [{}, { a: 1 }], [[], "{}", null]],
  ])("of type %s", (type, good, bad) => {
    const fits = (value: Json): boolean => check({ a: { type } }, { a: value }).problems.length === 0;
    expect([good.map(fits), bad.map(fits)]).toEqual([good.map(() => true), bad.map(() => false)]);
  });

  test("what comes of it is frozen, defaults too", () => {
    const { values } = check({ a: { default: [{ n: 1 }] } }, {});
    expect([Object.isFrozen(values), Object.isFrozen(values.a), Object.isFrozen((values.a as Json[])[0])]).toEqual([true, true, true]);
  });
});

test.each<[InputSpec, boolean]>([
  [{}, true],
  [{ default: null }, false],
  [{ required: false }, false],
  [{ required: true, default: 1 }, true],
])("%j is required: %s", (spec, required) => {
  expect(isRequired(spec)).toBe(required);
});

describe("--input key=value", () => {
  const notA = (what: string, text: string) => ({ problem: `the input \`x\` must be ${what}, but is \`${text}\`` });

  test.each<[InputSpec["type"], string, { value: Json } | { problem: string }]>([
    [undefined, "007", { value: "007" }],
    ["string", "[1]", { value: "[1]" }],
    ["boolean", "true", { value: true }],
    ["boolean", "false", { value: false }],
    ["boolean", "yes", notA("true or false", "yes")],
    ["number", "1.5", { value: 1.5 }],
    ["number", "1e3", { value: 1000 }],
    ["number", "many", notA("a number", "many")],
    ["number", '"1"', notA("a number", '"1"')],
    ["number", "", notA("a number", "")],
    ["integer", "7", { value: 7 }],
    ["integer", "7.5", notA("an integer", "7.5")],
    ["list", "[1, 2]", { value: [1, 2] }],
    ["list", "{}", notA("a list", "{}")],
    ["object", '{"a": 1}', { value: { a: 1 } }],
    ["object", "a=1", notA("an object", "a=1")],
    ["object", `{${"x".repeat(90)}`, notA("an object", `{${"x".repeat(59)}…`)],
  ])("of type %s: %s", (type, text, converted) => {
    expect(convertInput("x", type === undefined ? {} : { type }, text)).toEqual(converted);
  });

  test("of an input that is not declared it stays text", () => {
    expect(convertInput("x", undefined, "1")).toEqual({ value: "1" });
  });
});
