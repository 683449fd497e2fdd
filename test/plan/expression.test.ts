import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpressionError } from "../../src/plan/expression-error.ts";
import { compileExpression, type Expression } from "../../src/plan/expression.ts";
import type { ExpressionContext } from "../../src/plan/scope.ts";
import { type Json, type JsonObject, toJson } from "../../src/spec/json.ts";
import { compile, evaluate, failure, problems, scopeOf, state } from "./expressions.ts";

describe("JSON numbers", () => {
  test.each<[string, string, Json]>([
    ["are equal to a literal", "count == 3", true],
    ["are equal to a literal on the left", "3 == count", true],
    ["are equal to a decimal literal", "count == 3.0", true],
    ["are not equal to another literal", "count != 4", true],
    ["are equal to a size", "size(items) == count", true],
    ["can be added to", "count + 1", 4],
    ["can be added", "1 + count", 4],
    ["can be subtracted from", "count - 1", 2],
    ["can be multiplied", "2 * count", 6],
    ["are divided with decimals", "count / 2", 1.5],
    ["leave a remainder", "count % 2", 1],
    ["leave a remainder of each other", "count % half", 0],
    ["leave a remainder of a literal", "7 % count", 1],
    ["can be negated", "-count", -3],
    ["compare with literals", "count > 2 && count >= 3 && count < 4 && count <= 3.5", true],
    ["compare with sizes", "size(items) > 2 && count <= size(items)", true],
    ["choose an item", "items[count - 1]", 30],
    ["choose an item of what was made here", "items.map(x, x * 2)[count - 1]", 60],
    ["are found in a list of the state", "20 in items", true],
    ["are found in a list of literals", "count in [1, 2, 3]", true],
    ["give positions in a text", "name.substring(count - 2, count - 1)", "d"],
    ["compare as texts once made texts", "string(count) == '3'", true],
    ["sizes divide as whole numbers", "size(items) / 2", 1],
    ["literals of both kinds compare", "1 == 1.0 && 1 in [1.0]", true],
  ])("%s: %s", (_sentence, text, value) => {
    expect(evaluate(text)).toEqual(value);
  });
});

describe("values", () => {
  test.each<[string, string, Json]>([
    ["lists hold any mixture", "[count, 1, 'a', null]", [3, 1, "a", null]],
    ["objects hold any mixture", "{'a': count, 'b': 'x', 'c': [1]}", { a: 3, b: "x", c: [1] }],
    ["lists of different types can be joined", "items + ['x'] + [null]", [10, 20, 30, "x", null]],
    ["lists of different types can be compared", "mixed == [1, 'a', null] && [1] == [1.0]", true],
    ["objects of different types can be compared", "{'a': 1} == {'a': 1.0} && {'a': 1} != {'a': 'x'}", true],
    ["a choice may be between types", "ready ? 1 : 'none'", 1],
    ["a choice may be between a value and null", "has(state.other) ? state.other : null", null],
    ["choices may be nested", "!ready ? 1 : ready ? 'two' : [3]", "two"],
    ["values of different types are not equal", "name == 3 || nothing == 0", false],
    ["null equals null", "nothing == null", true],
    ["whole results are numbers", "size(items) * 2", 6],
    ["whole numbers inside of lists are numbers", "[[1], {'n': 2}]", [[1], { n: 2 }]],
    ["unsigned numbers are numbers", "2u + 1u", 3],
    ["times are texts", "timestamp('2030-01-31T12:00:00Z') + duration('1h')", "2030-01-31T13:00:00.000Z"],
    ["durations are texts", "duration('1h') - duration('90m')", "-1800s"],
    ["fractions of a second are kept", "duration('1500ms')", "1.5s"],
    ["seconds are a time", "timestamp(count)", "1970-01-01T00:00:03.000Z"],
    ["JSON text can be read", `bytes('{"a": [1]}').json().a[0]`, 1],
    ["the types of values can be asked for", "type(name) == string && list == type(items)", true],
    ["an empty list of the state has no type", "empty.all(x, x > 1) && empty.join(',') == ''", true],
    ["macros nest twice", "order.lines.map(l, items.filter(i, i > l.price * 10))", [[30], []]],
    ["macros may stand after each other", "items.filter(x, x > 10).map(x, x + 1).exists(x, x == 31)", true],
    ["a variable of a macro may be called like a word", "items.all(type, type > 1)", true],
    ["a value can be named", "cel.bind(x, count + 1, x * x)", 16],
    ["keys of objects are texts", "{1: 'a', true: 'b'}", { "1": "a", true: "b" }],
    ["keys that the language drops are kept", "{'constructor': 1, 'prototype': 2}", { constructor: 1, prototype: 2 }],
  ])("%s: %s", (_sentence, text, value) => {
    expect(evaluate(text)).toEqual(value);
  });

  test("what comes from the state is handed on as it is, and what is made is frozen", () => {
    expect(evaluate("order.customer")).toBe((state.order as JsonObject).customer);
    expect(evaluate("state")).toBe(state);
    expect(Object.isFrozen(evaluate("[count]"))).toBe(true);
  });

  test.each<[string, string, string]>([
    [
      "a whole number beyond 2^53",
      "9007199254740991 + 1",
      "the result 9007199254740992 is too large for a whole number in JSON: `9007199254740991 + 1`",
    ],
    ["infinity", "1e308 * 10.0", "the result is not a number that JSON can hold (Infinity): `1e308 * 10.0`"],
    ["not a number", "double('nan')", "the result is not a number that JSON can hold (NaN): `double('nan')`"],
    ["bytes inside of a list", "[bytes(name)]", "the result holds bytes, which JSON cannot hold: `[bytes(name)]`"],
    ["a type inside of a list", "[type(name)]", "the result holds a type, which JSON cannot hold: `[type(name)]`"],
  ])("%s is no result", (_sentence, text, message) => {
    expect(failure(text)).toEqual({ message, missing: null });
  });
});

describe("names", () => {
  test.each<[string, string, Json]>([
    ["a bare name is a key of the state", "name", "Ada"],
    ["members are reached by dots and brackets", "order.lines[1]['price']", 3],
    ["`state` is all of it", "state.count", 3],
    ["a hyphenated key is reached in brackets", "state['a-b']", "hyphen"],
    ["a reserved word is reached through `state`", "state.loop", "loop"],
    ["`in` is reached through `state`", "state.in", "in"],
    ["`null` is reached through `state`", "state . null", "null"],
    ["such words may follow each other", "deep.in.true + size(state.in)", 3],
    ["the presence of such words can be asked for", "has(state.in) && !has(state.false)", true],
    ["a key that is called like a root is reached through `state`", "state.meta", "shadowed"],
    ["the root wins over a key of its name", "meta.session_id", "s1"],
    ["stages are known by name", "stages.fetch.attempts + 1", 3],
    ["`result` is an ordinary key outside of `output`", "result", "a key"],
    ["the presence of any key can be asked for", "'a-b' in state && !('x-y' in state)", true],
  ])("%s: %s", (_sentence, text, value) => {
    expect(evaluate(text)).toEqual(value);
  });

  test("bare names can mean something narrower than the state", () => {
    const names = toJson({ count: 7 }) as JsonObject;
    expect(evaluate("[count, state.count]", { names })).toEqual([7, 3]);
    expect(failure("name", { names })).toEqual({ message: "`name` is not in the input", missing: "name" });
  });

  test("`result` is the agent's result where there is one", () => {
    expect(evaluate("result.kind", { result: { kind: "x" } }, { result: true })).toBe("x");
    expect(evaluate("result", { result: null }, { result: true })).toBe(null);
    expect(evaluate("result", { result: "x" }, {})).toBe("a key");
  });

  test("`env` is the environment where it may be read", () => {
    const env = { HOME: "/home/ada", UNSET: undefined };
    expect(evaluate("env.HOME + env['HOME']", { env }, { env: true })).toBe("/home/ada/home/ada");
    expect(evaluate("has(env.HOME) && !has(env.OTHER) && !('UNSET' in env)", { env }, { env: true })).toBe(true);
    expect(failure("env.UNSET", { env }, { env: true })).toEqual({
      message: "the environment variable `UNSET` is not set",
      missing: "env.UNSET",
    });
    expect(failure("env.toString", { env }, { env: true })).toEqual({
      message: "the environment variable `toString` is not set",
      missing: "env.toString",
    });
  });
});

describe("row 57: a missing key", () => {
  test.each<[string, string, string, string]>([
    ["by its bare name", "rows == 1", "rows", "`rows` is not in the state"],
    ["of the state", "state.rows", "state.rows", "`rows` is not in the state"],
    ["of the state in brackets", "state['x-y']", "state['x-y']", "`x-y` is not in the state"],
    ["of a member", "order.rows > 1", "order.rows", "`order.rows` is not there"],
    ["of a member's member", "order.customer.address.city", "order.customer.address", "`order.customer.address` is not there"],
    ["by a key that is computed", "order[name]", "order['Ada']", "`order['Ada']` is not there"],
    ["of null", "nothing.name", "nothing.name", "`nothing.name` is not there: `nothing` is null"],
    ["beyond a list", "items[count]", "items[3]", "`items[3]` is not there: `items` has 3 items, counted from 0"],
    ["before a list", "items[0 - 1]", "items[-1]", "`items[-1]` is not there: `items` has 3 items, counted from 0"],
    ["between the items of a list", "items[half]", "items[1.5]", "`items[1.5]` is not there: `items` has 3 items, counted from 0"],
    ["in an item", "order.lines[0].cost", "order.lines[0].cost", "`order.lines[0].cost` is not there"],
    ["in a macro", "order.lines.map(l, l.cost)", "l.cost", "`l.cost` is not there"],
    ["on the way of `has`", "has(order.address.city)", "order.address", "there is nothing here: `order.address`"],
    ["of the metadata", "meta.user", "meta.user", "`user` is not in the metadata"],
    ["of the stages", "stages.parse.status", "stages.parse", "no stage `parse` has run"],
    ["that every JavaScript object has", "toString", "toString", "`toString` is not in the state"],
    ["`constructor`", "state.constructor", "state.constructor", "`constructor` is not in the state"],
    ["`__proto__`", "state.__proto__", "state.__proto__", "`__proto__` is not in the state"],
    [
      "`constructor` of an object that was made here",
      "{'a': 1}.constructor",
      "{'a': 1}.constructor",
      "`{'a': 1}.constructor` is not there",
    ],
    ["`length` of a list is no key", "items['length'] == 3", "", "a list has no member `length`: `items['length']`"],
    ["`length` of a text is no key", "name.length", "", "a string has no member `length`: `name.length`"],
  ])("%s: %s", (_sentence, text, missing, message) => {
    expect(failure(text)).toEqual({ message, missing: missing === "" ? null : missing });
  });

  test.each<[string, string, boolean]>([
    ["right of `||`", "true || rows == 1", true],
    ["left of `||`", "rows == 1 || true", true],
    ["left of `&&`", "rows == 1 && false", false],
    ["in one of several items", "order.lines.exists(l, l.cost == 1 || l.price == 3)", true],
  ])("is absorbed %s", (_sentence, text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  test("is not absorbed where it decides", () => {
    expect(failure("rows == 1 || false").missing).toBe("rows");
    expect(failure("rows == 1 && true").missing).toBe("rows");
  });
});

test("keys that JavaScript objects inherit are keys like any other where the state has them", () => {
  const names = toJson(JSON.parse('{"constructor": {"constructor": "c", "b": 1}, "__proto__": 2, "toString": 3}')) as JsonObject;
  const scope = { names, state: names };
  expect(evaluate("state.constructor.b + state.__proto__ + toString", scope)).toBe(6);
  expect(evaluate("constructor.constructor", scope)).toBe("c");
  expect(evaluate("[constructor][0]", scope)).toEqual(JSON.parse('{"constructor": "c", "b": 1}'));
  expect(evaluate("size(constructor) == 2 && 'constructor' in state", scope)).toBe(true);
  expect(evaluate("state", scope)).toEqual(names);
  expect(evaluate("{'__proto__': 1}.__proto__")).toBe(1);
});

describe("what goes wrong in a run is said plainly", () => {
  test.each<[string, string]>([
    ["name > 3", "cannot compare string with number: `name > 3`"],
    ["name + count", "cannot add string and number: `name + count`"],
    ["items - 1", "cannot subtract list and number: `items - 1`"],
    ["order * 2", "cannot multiply object by number: `order * 2`"],
    ["(count + 1) > ('a' + ')')", "cannot compare number with string: `(count + 1) > ('a' + ')')`"],
    ["count in name", "cannot look for number in string: `count in name`"],
    ["!count", "`!` needs true or false, not a number: `!count`"],
    ["-order", "cannot negate an object: `-order`"],
    ["count && true", "`&&` needs true or false on both sides, not a number: `count && true`"],
    ["false || name", "`||` needs true or false on both sides, not a string: `false || name`"],
    ["count ? 1 : 2", "this must be true or false, not a number: `count`"],
    ["items.filter(x, x)", "this must be true or false, not a number: `x`"],
    ["count.all(x, true)", "only a list or an object has items, not a number: `count`"],
    ["count / 0", "cannot divide by zero: `count / 0`"],
    ["count % 0.0", "cannot divide by zero: `count % 0.0`"],
    ["1 / (size(items) - 3)", "cannot divide by zero: `1 / (size(items) - 3)`"],
    ["size(count)", "`size` does not take a number: `size(count)`"],
    ["name.split(count)", "`split` cannot be called on a string with a number: `name.split(count)`"],
    ["items.join(',')", "`join` cannot be called on a list with a string: `items.join(',')`"],
    ["name.substring(count + 1)", "the position is outside of the text: `name.substring(count + 1)`"],
    ["int(name)", "the value cannot be made a number: `int(name)`"],
    ["duration(name)", "a duration is written as in '1h30m': `duration(name)`"],
    [
      "timestamp('2030-01-31T12:00:00.00')",
      "a time is written with its zone, as in '2030-01-31T12:00:00Z': `timestamp('2030-01-31T12:00:00.00')`",
    ],
    ["{items: 1}", "a key of an object must be text: `items`"],
    ["order[items]", "an index is a number or a text: `order[items]`"],
    ["count.name", "a number has no member `name`: `count.name`"],
    ["9223372036854775807 + size(items)", "the number is too large: `9223372036854775807 + size(items)`"],
    ["name.matches(name + '(')", "this regular expression cannot be used: unterminated group: `name.matches(name + '(')`"],
  ])("%s", (text, message) => {
    expect(failure(text)).toEqual({ message, missing: null });
  });

  test("an error that the language does not know is wrapped", () => {
    expect(failure("bytes(name).json()").message).toBe(
      "`bytes(name).json()` cannot be evaluated: Unexpected token 'A', \"Ada\" is not valid JSON",
    );
  });

  test("a long key is named in part, on one line", () => {
    const names = toJson({ key: `a\nb${"c".repeat(1000)}` }) as JsonObject;
    expect(failure("state[key]", { names }).message).toBe(`\`a b${"c".repeat(76)}…\` is not in the state`);
  });

  test("a long expression is quoted in part, on one line", () => {
    expect(failure(`name\n  > ${"1 + ".repeat(40)}1`).message).toBe(`cannot compare string with number: \`name > ${"1 + ".repeat(18)}…\``);
  });
});

describe("reads", () => {
  function reads(text: string, context: ExpressionContext = { env: true, result: true }) {
    const { wholeState, ...kinds } = compile(text, context).reads;
    const shown = Object.entries(kinds).flatMap(([kind, list]) =>
      list.map(
        ({ name, viaState, tested, start, end }) =>
          `${kind} ${name}${viaState ? " via state" : ""}${tested ? " tested" : ""} [${text.slice(start, end)}]`,
      ),
    );
    return [...shown, ...(wholeState ? ["the whole state"] : [])];
  }

  test.each<[string, string, string[]]>([
    ["bare names", "rows == 1 && kind.x[other] == 'a'", ["keys rows [rows]", "keys kind [kind]", "keys other [other]"]],
    ["each place", "a + a", ["keys a [a]", "keys a [a]"]],
    ["keys of the state", "state.rows + state['a-b']", ["keys rows via state [rows]", "keys a-b via state ['a-b']"]],
    ["reserved words", "state.in", ["keys in via state [in]"]],
    ["the whole state", "size(state) > 1", ["the whole state"]],
    ["the whole state, by a key that is computed", "state[key]", ["keys key [key]", "the whole state"]],
    ["variables of the environment", "env.HOME + env['PATH']", ["env HOME [HOME]", "env PATH ['PATH']"]],
    ["stages", "stages.fetch.status == stages['a-b'].status", ["stages fetch [fetch]", "stages a-b ['a-b']"]],
    ["metadata", "meta.session_id", ["meta session_id [session_id]"]],
    [
      "what is only asked for",
      "has(state.a) || 'b' in state || has(stages.c) || has(env.D)",
      ["keys a via state tested [a]", "keys b via state tested ['b']", "env D tested [D]", "stages c tested [c]"],
    ],
    ["the name before the member that is asked for", "has(a.b.c)", ["keys a [a]"]],
    ["not the variables of macros", "items.filter(x, x.price > limit).map(x, x)", ["keys items [items]", "keys limit [limit]"]],
    ["a name outside of the macro whose variable is called like it", "items.all(x, x > 1) && x", ["keys items [items]", "keys x [x]"]],
    ["not the variables of bind, but its value", "cel.bind(x, a + x, x + b)", ["keys a [a]", "keys x [x]", "keys b [b]"]],
    ["not a variable that is called like a root", "order.map(state, state.price + env.x)", ["keys order [order]", "env x [x]"]],
    ["not the result", "result.kind", []],
    ["not the names of types", "type(a) == string", ["keys a [a]"]],
    ["subtraction that looks like a hyphenated name", "a-b", ["keys a [a]", "keys b [b]"]],
  ])("%s", (_sentence, text, expected) => {
    expect(reads(text)).toEqual(expected);
  });

  test("are of the key `result` where there is no result", () => {
    expect(reads("result.kind", {})).toEqual(["keys result [result]"]);
  });
});

test.each<[string, Expression["type"]]>([
  ["count == 3", "boolean"],
  ["size(items)", "number"],
  ["'a' + string(count)", "string"],
  ["[1]", "list"],
  ["{'a': 1}", "object"],
  ["null", "null"],
  ["timestamp(0)", "string"],
  ["count", null],
  ["ready ? 1 : 'a'", null],
])("the type of %s is known from the text: %s", (text, type) => {
  expect(compile(text).type).toBe(type);
});

describe("for any text", () => {
  const words =
    "a b state env meta stages in . [ ] ( ) { } : , 'x' \"y\" 1 2.5 + - * / % == != < && || ! ? has size map all x null true type string loop matches cel bind 1u // ${{ }} \n \\ ' \" 😀".split(
      / /,
    );
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((parts) => parts.join(" ")),
    fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((parts) => parts.join("")),
  );

  test("compiling never throws, and problems lie inside of the text and are one sentence", () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const { start, end, message } of problems(text)) {
          expect(start >= 0 && start <= end && end <= text.length).toBe(true);
          expect(message).not.toMatch(/\n|overload|undefined|\[object/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("evaluating gives frozen JSON, or an ExpressionError of one sentence", () => {
    const names = toJson({ a: 1, b: [1, "x"], x: { constructor: 1 } }) as JsonObject;
    const evaluatesWell = (text: string): boolean => {
      const compiled = compileExpression(text, {});
      if ("problems" in compiled) return true;
      try {
        const value = compiled.expression.evaluate(scopeOf({ names }));
        return toJson(value) === value;
      } catch (error) {
        return error instanceof ExpressionError && !/\n|overload|undefined|\[object/.test(error.message);
      }
    };
    fc.assert(
      fc.property(texts, (text) => {
        expect(evaluatesWell(text)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("for any state", () => {
  const toolbox = [
    "a",
    "a == b",
    "a != b",
    "[a, b]",
    "{'a': a, 'b': b}",
    "a + b",
    "a > b",
    "a in [b]",
    "b in a",
    "size(a)",
    "a.map(x, x)",
    "a.filter(x, x == b)",
    "a.all(x, x == b)",
    "a[b]",
    "a[0]",
    "a.b",
    "has(a.b)",
    "'a' in state",
    "state",
    "string(a)",
    "a ? b : [a]",
    "a && b",
    "-a",
    "type(a) == list",
    "cel.bind(x, a, [x, x])",
  ].map((text) => compile(text));

  test("expressions leave the state as it is, and give the same value again", () => {
    fc.assert(
      fc.property(fc.record({ a: fc.jsonValue(), b: fc.jsonValue() }), fc.constantFrom(...toolbox), (raw, expression) => {
        const names = toJson(raw) as JsonObject;
        const before = JSON.stringify(names);
        const outcome = () => {
          try {
            return JSON.stringify(expression.evaluate(scopeOf({ names, state: names })));
          } catch (error) {
            if (error instanceof ExpressionError) return error.message;
            throw error;
          }
        };
        const first = outcome();
        expect(outcome()).toBe(first);
        expect(JSON.stringify(names)).toBe(before);
      }),
      { numRuns: 1000 },
    );
  });
});
