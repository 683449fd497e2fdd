import { describe, expect, test } from "vitest";
import { isJsonObject, jsonEqual, MAX_DEPTH, NotJsonError, parseJson, setOwn, toJson } from "../../src/spec/json.ts";

class Money {
  readonly amount = 1;
}

describe("a copy as JSON", () => {
  test.each<[string, unknown, unknown]>([
    ["null", null, null],
    ["text", "words", "words"],
    ["numbers", [0, -0.5, 1e300], [0, -0.5, 1e300]],
    ["true and false", [true, false], [true, false]],
    ["lists and objects in each other", { a: [{ b: [] }] }, { a: [{ b: [] }] }],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ["undefined in an object is left out", { a: undefined, b: 1 }, { b: 1 }],
    ["undefined in a list is null", [undefined, 1], [null, 1]],
    ["a hole in a list is null", [, 1], [null, 1]],
    ["a date as it says itself", { at: new Date(Date.UTC(2030, 0, 1)) }, { at: "2030-01-01T00:00:00.000Z" }],
    ["whatever `toJSON` gives", { toJSON: () => ({ x: [1] }) }, { x: [1] }],
    ["symbols as keys are left out", { [Symbol("s")]: 1, a: 2 }, { a: 2 }],
  ])("of %s", (_, value, copy) => {
    expect(toJson(value)).toEqual(copy);
  });

  test.each<[string, unknown, string]>([
    ["undefined", undefined, "the value is undefined, which JSON cannot say"],
    ["a function", { a: [() => 1] }, "a[0] is a function, which JSON cannot say"],
    ["a symbol", { a: { b: Symbol("s") } }, "a.b is a symbol, which JSON cannot say"],
    ["a bigint", { items: [0, 1, 2, { at: 1n }] }, "items[3].at is a bigint, which JSON cannot say"],
    ["not a number", { a: Number.NaN }, "a is NaN, which JSON cannot say"],
    ["infinity", [Number.NEGATIVE_INFINITY], "[0] is -Infinity, which JSON cannot say"],
    ["an instance of a class", { price: new Money() }, "price is a Money, not a plain object"],
    ["a map", new Map(), "the value is a Map, not a plain object"],
    ["a date that is none", { at: new Date(Number.NaN), n: undefined }, "unreachable"],
  ])("is refused for %s", (_, value, message) => {
    if (message === "unreachable") expect(toJson(value)).toEqual({ at: null });
    else expect(() => toJson(value)).toThrow(new NotJsonError(message));
  });

  test("nesting ends at a limit, so that a cycle ends too", () => {
    const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    expect(toJson(nested(MAX_DEPTH + 1))).toEqual(nested(MAX_DEPTH + 1));
    expect(() => toJson(nested(MAX_DEPTH + 2))).toThrow(/ is nested deeper than 500 levels$/);
    const self: unknown[] = [];
    self.push(self);
    expect(() => toJson(self)).toThrow(NotJsonError);
  });

  test("is frozen in all its parts, and shares nothing that can change", () => {
    const value = { list: [{ n: 1 }] };
    const copy = toJson(value) as typeof value;
    value.list[0] = { n: 2 };
    expect(copy).toEqual({ list: [{ n: 1 }] });
    expect([copy, copy.list, copy.list[0]].map((part) => Object.isFrozen(part))).toEqual([true, true, true]);
  });

  test("of a copy is that copy, and what is merely frozen is not trusted", () => {
    const copy = toJson({ a: { b: 1 } });
    expect(toJson(copy)).toBe(copy);
    const inner = { n: 1 };
    const frozen = Object.freeze({ inner });
    const second = toJson(frozen);
    inner.n = 2;
    expect(second).toEqual({ inner: { n: 1 } });
  });

  test("`__proto__` is data", () => {
    const copy = toJson(JSON.parse('{"__proto__": {"polluted": 1}}'));
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":1}}');
    expect((copy as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe("a JSON text", () => {
  test.each<[string, unknown]>([
    ['{"a": [1, -0.5, 1e3, "1e999", null]}', { a: [1, -0.5, 1000, "1e999", null] }],
    ["9007199254740992", 2 ** 53],
    ["100000000000000000000", 1e20],
    ["0.1234567890123456789", 0.12345678901234568],
    ["1e-400", 0],
    ['{"__proto__": 9007199254740992}', JSON.parse('{"__proto__": 9007199254740992}')],
  ])("%s is taken as it is", (text, value) => {
    expect(JSON.stringify(parseJson(text))).toBe(JSON.stringify(value));
  });

  test.each<[string, string]>([
    ["9007199254740993", "the number 9007199254740993 would come out as 9007199254740992; as a string it would be kept"],
    [
      '{"id": [-12345678901234567890]}',
      "the number -12345678901234567890 would come out as -12345678901234567000; as a string it would be kept",
    ],
    ["1e999", "the number 1e999 would come out as Infinity; as a string it would be kept"],
    [`1${"0".repeat(50)}1`, `the number 1${"0".repeat(36)}… would come out as 1e+51; as a string it would be kept`],
    [`${"[".repeat(600)}${"]".repeat(600)}`, `${"[0]".repeat(20)}… is nested deeper than 500 levels`],
    [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, ""],
  ])("%.40s is refused rather than changed", (text, message) => {
    expect(() => parseJson(text)).toThrow(message === "" ? NotJsonError : new NotJsonError(message));
  });

  test("that is none is a syntax error, and what comes of one is frozen", () => {
    expect(() => parseJson("{a: 1}")).toThrow(SyntaxError);
    expect(Object.isFrozen(parseJson('{"a": 1}'))).toBe(true);
  });
});

test.each<[unknown, unknown, boolean]>([
  [1, 1, true],
  [1, "1", false],
  [null, null, true],
  [null, undefined, false],
  [null, {}, false],
  [{}, [], false],
  [[1, 2], [1, 2], true],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [{ a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, true],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [{ a: 1, b: 1 }, { a: 1, c: 1 }, false],
  [{ a: 1 }, { b: 1 }, false],
  [{ toString: 1 }, {}, false],
])("%j and %j are equal: %s", (one, other, equal) => {
  expect([jsonEqual(one as never, other as never), jsonEqual(other as never, one as never)]).toEqual([equal, equal]);
});

test.each<[unknown, boolean]>([
  [{}, true],
  [[], false],
  [null, false],
  ["{}", false],
])("%j is an object: %s", (value, expected) => {
  expect(isJsonObject(value)).toBe(expected);
});

test("any name can be set as an own property", () => {
  const target = {};
  for (const name of ["a", "__proto__", "constructor"]) setOwn(target, name, { x: 1 });
  expect(Object.keys(target)).toEqual(["a", "__proto__", "constructor"]);
  expect(Object.getPrototypeOf(target)).toBe(Object.prototype);
});
