import { describe, expect, test } from "vitest";
import { inferType, type TypeNames } from "../../src/plan/expression-type.ts";
import { compileExpression } from "../../src/plan/expression.ts";
import { ANY, BOOLEAN, constant, describeType, listOf, NUMBER, objectOf, STRING, type Type, union } from "../../src/plan/type.ts";

const TONE: Type = union([constant("plain"), constant("formal")]);
const ORDER: Type = objectOf(
  new Map([
    ["id", STRING],
    ["price", NUMBER],
  ]),
  false,
);
const KEYS: Readonly<Record<string, Type>> = {
  text: STRING,
  count: NUMBER,
  ready: BOOLEAN,
  nought: constant(0),
  files: listOf(STRING),
  counts: listOf(NUMBER),
  mixture: listOf(union([STRING, NUMBER])),
  order: ORDER,
  orders: listOf(ORDER),
  tone: TONE,
  maybe: union([STRING, constant(null)]),
};
const key = (name: string): Type => KEYS[name] ?? ANY;
const NAMES: TypeNames = { bare: key, key, stages: ANY, result: STRING };

function infer(text: string): ReturnType<typeof inferType> {
  const compiled = compileExpression(text, { result: true });
  if (!("expression" in compiled)) throw new Error(JSON.stringify(compiled.problems));
  const tree = compiled.expression.tree();
  if (tree === null) throw new Error("there is no tree");
  return inferType(tree, text, NAMES);
}

const told = (text: string): string[] => infer(text).findings.map(({ kind, message, start, end }) => `${kind} ${start}-${end} ${message}`);

describe("the type of an expression", () => {
  test.each<[text: string, type: string]>([
    ["text", "a string"],
    ["state.count", "a number"],
    ["state['count']", "a number"],
    ["unknown", "a value"],
    ["unknown.member", "a value"],
    ["result", "a string"],
    ["meta.run_id", "a string"],
    ["count + 1", "a number"],
    ["text + 'x'", "a string"],
    ["unknown + 1", "a value"],
    ["files + ['x']", "a list"],
    ["files[0]", "a string"],
    ["order.price * 2", "a number"],
    ["orders.map(one, one.price)[0]", "a number"],
    ["orders.filter(one, one.price > 3)", "a list"],
    ["order.map(name, name)[0]", "a string"],
    ["files.exists(file, file == 'x')", "a boolean"],
    ["size(files)", "a number"],
    ["text.split(',')[0]", "a string"],
    ["files.join(',')", "a string"],
    ["string(count)", "a string"],
    ["double(text)", "a number"],
    ["dyn(text)", "a value"],
    ["ready ? text : count", "a number or a string"],
    ["true ? text : count", "a string"],
    ["-count", "a number"],
    ["!ready", "a boolean"],
    ["{'a': count}.a", "a number"],
    ["cel.bind(n, size(files), n * n)", "a number"],
    ["timestamp(text)", "a value"],
    ["null", "null"],
    ["maybe", "a string or null"],
  ])("%s is %s", (text, type) => {
    const inferred = infer(text);
    expect([describeType(inferred.type), inferred.findings]).toEqual([type, []]);
  });
});

describe("what cannot work is told", () => {
  test.each<[text: string, finding: string]>([
    ["text > 3", "mismatch 0-8 cannot compare a string with a number: `text > 3`"],
    ["ready && (text > 3)", "mismatch 10-18 cannot compare a string with a number: `text > 3`"],
    ["count + text", "mismatch 0-12 cannot add a number and a string: `count + text`"],
    ["text - 1", "mismatch 0-8 cannot subtract a string and a number: `text - 1`"],
    ["files * 2", "mismatch 0-9 cannot multiply a list by a number: `files * 2`"],
    ["text / 2", "mismatch 0-8 cannot divide a string by a number: `text / 2`"],
    ["-text", "mismatch 0-5 only a number can be negated, not a string: `-text`"],
    ["!count", "mismatch 0-6 `!` needs true or false, not a number: `!count`"],
    ["count && ready", "mismatch 0-14 `&&` needs true or false on both sides, not a number: `count && ready`"],
    ["text ? 1 : 2", "mismatch 0-12 this must be true or false, not a string: `text ? 1 : 2`"],
    ["text.name", "mismatch 0-9 a string has no member `name`: `text.name`"],
    ["text['name']", "mismatch 0-12 a string has no members: `text['name']`"],
    ["text[0]", "mismatch 0-7 a string has no members: `text[0]`"],
    ["files[text]", "mismatch 0-11 the index of a list is a whole number, not a string: `files[text]`"],
    ["files['x']", "mismatch 0-10 the index of a list is a whole number, not a string: `files['x']`"],
    ["order.prise", "mismatch 0-11 `order` has no member `prise`"],
    ["orders[0].prise", "mismatch 0-15 `orders[0]` has no member `prise`"],
    ["orders.map(one, one.prise)", "mismatch 16-25 `one` has no member `prise`"],
    ["count.contains('x')", "mismatch 0-19 `contains` is called on a string, not a number: `count.contains('x')`"],
    ["size(count)", "mismatch 0-11 `size` takes a string, a list or an object, not a number: `size(count)`"],
    ["count.map(x, x)", "mismatch 0-15 only a list or an object has items, not a number: `count.map(x, x)`"],
    ["'x' in text", "mismatch 0-11 only a list or an object has items, not a string: `'x' in text`"],
    ["string(files)", "mismatch 0-13 `string` takes a boolean, a number or a string, not a list: `string(files)`"],
    ["string(order)", "mismatch 0-13 `string` takes a boolean, a number or a string, not an object: `string(order)`"],
    ["int(ready)", "mismatch 0-10 `int` takes a number or a string, not a boolean: `int(ready)`"],
    ["double(files)", "mismatch 0-13 `double` takes a number or a string, not a list: `double(files)`"],
    ["bool(count)", "mismatch 0-11 `bool` takes a boolean or a string, not a number: `bool(count)`"],
    ["duration(count)", "mismatch 0-15 `duration` takes a string, not a number: `duration(count)`"],
    ["timestamp(ready)", "mismatch 0-16 `timestamp` takes a number or a string, not a boolean: `timestamp(ready)`"],
    ["text.contains(count)", "mismatch 0-20 `contains` takes a string, not a number: `text.contains(count)`"],
    ["text.startsWith(files)", "mismatch 0-22 `startsWith` takes a string, not a list: `text.startsWith(files)`"],
    ["text.endsWith(order)", "mismatch 0-20 `endsWith` takes a string, not an object: `text.endsWith(order)`"],
    ["text.matches(count)", "mismatch 0-19 `matches` takes a string, not a number: `text.matches(count)`"],
    ["text.indexOf(count)", "mismatch 0-19 `indexOf` takes a string, not a number: `text.indexOf(count)`"],
    [
      "text.lastIndexOf('a', text)",
      "mismatch 0-27 `lastIndexOf` takes a number in the second place, not a string: `text.lastIndexOf('a', text)`",
    ],
    ["text.split(count)", "mismatch 0-17 `split` takes a string, not a number: `text.split(count)`"],
    ["text.substring(text)", "mismatch 0-20 `substring` takes a number, not a string: `text.substring(text)`"],
    ["text.substring(1, ready)", "mismatch 0-24 `substring` takes a number in the second place, not a boolean: `text.substring(1, ready)`"],
    ["files.join(count)", "mismatch 0-17 `join` takes a string, not a number: `files.join(count)`"],
    ["counts.join(',')", "mismatch 0-16 `join` needs strings as items, not a number: `counts.join(',')`"],
    ["orders.join(',')", "mismatch 0-16 `join` needs strings as items, not an object: `orders.join(',')`"],
    ["orders.map(one, one.price).join()", "mismatch 0-33 `join` needs strings as items, not a number: `orders.map(one, one.price).join()`"],
    ["count.getFullYear()", "mismatch 0-19 `getFullYear` is called on a timestamp, not a number: `count.getFullYear()`"],
    ["text.getHours()", "mismatch 0-15 `getHours` is called on a timestamp or a duration, not a string: `text.getHours()`"],
    [
      "timestamp(text).getFullYear(count)",
      "mismatch 0-34 `getFullYear` takes a string, not a number: `timestamp(text).getFullYear(count)`",
    ],
    ["files.all(file, file)", "mismatch 0-21 `all` needs true or false for each item, not a string: `files.all(file, file)`"],
    [
      "orders.exists(one, one.price)",
      "mismatch 0-29 `exists` needs true or false for each item, not a number: `orders.exists(one, one.price)`",
    ],
    [
      "orders.exists_one(one, one.id)",
      "mismatch 0-30 `exists_one` needs true or false for each item, not a string: `orders.exists_one(one, one.id)`",
    ],
    ["orders.filter(one, one)", "mismatch 0-23 `filter` needs true or false for each item, not an object: `orders.filter(one, one)`"],
    [
      "orders.map(one, one.price, one.id)",
      "mismatch 0-34 `map` needs true or false for each item, not a number: `orders.map(one, one.price, one.id)`",
    ],
    ["order.all(name, name)", "mismatch 0-21 `all` needs true or false for each item, not a string: `order.all(name, name)`"],
    ["files.at(0)", "mismatch 0-11 `at` is called on bytes, not a list: `files.at(0)`"],
    ["orders.join(count)", "mismatch 0-18 `join` takes a string, not a number: `orders.join(count)`"],
    ["count / 0", "mismatch 0-9 cannot divide by zero: `count / 0`"],
    ["count % 0.0", "mismatch 0-11 cannot divide by zero: `count % 0.0`"],
    ["count / nought", "mismatch 0-14 cannot divide by zero: `count / nought`"],
    ["1 / 0", "mismatch 0-5 cannot divide by zero: `1 / 0`"],
    ["text + string(1 / 0)", "mismatch 14-19 cannot divide by zero: `1 / 0`"],
    ["int('abc') + count", "mismatch 0-10 the value cannot be made a number: `int('abc')`"],
    ["double('') > 1.0", "mismatch 0-10 the value cannot be made a number: `double('')`"],
    ["bool('yes')", "mismatch 0-11 the value cannot be made true or false: `bool('yes')`"],
    ["timestamp('nope')", "mismatch 0-17 a time is written with its zone, as in '2030-01-31T12:00:00Z': `timestamp('nope')`"],
    [
      "timestamp('2030-13-01T00:00:00Z') > timestamp(text)",
      "mismatch 0-33 a time is written as in '2030-01-31T12:00:00Z': `timestamp('2030-13-01T00:00:00Z')`",
    ],
    ["duration('x')", "mismatch 0-13 a duration is written as in '1h30m': `duration('x')`"],
    ["'abc'.substring(7)", "mismatch 0-18 the position is outside of the text: `'abc'.substring(7)`"],
    ["[1, 2][5]", "mismatch 0-9 the list has 2 items, counted from 0: `[1, 2][5]`"],
    ["[count, 2][2]", "mismatch 0-13 the list has 2 items, counted from 0: `[count, 2][2]`"],
    ["[][0]", "mismatch 0-5 the list has 0 items, counted from 0: `[][0]`"],
    ["9007199254740993", "mismatch 0-16 the result 9007199254740993 is too large for a whole number in JSON: `9007199254740993`"],
    [
      "ready ? [9007199254740993] : []",
      "mismatch 9-25 the result 9007199254740993 is too large for a whole number in JSON: `9007199254740993`",
    ],
    [
      "{'id': -9007199254740993}",
      "mismatch 7-24 the result -9007199254740993 is too large for a whole number in JSON: `-9007199254740993`",
    ],
    ["double('1e999')", "mismatch 0-15 the result is not a number that JSON can hold (Infinity): `double('1e999')`"],
  ])("%s", (text, finding) => expect(told(text)).toEqual([finding]));

  test.each<[text: string, help: string]>([
    ["text.getHours()", "write `timestamp(text).getHours()`"],
    ["counts.join(',')", "write `counts.map(item, string(item)).join(…)`"],
    ["files.at(0)", "an item of a list is `files[0]`"],
    ["orders.join(',')", "write what is meant of each item: `orders.map(item, …).join(…)`"],
  ])("%s: %s", (text, help) => expect(infer(text).findings[0]?.help).toBe(help));

  test.each([
    "string(maybe)",
    "string(unknown)",
    "timestamp(count)",
    "timestamp(count).getHours()",
    "(timestamp(text) - duration('1h')).getFullYear('UTC')",
    "unknown.getFullYear()",
    "duration('1h').getHours() + 1",
    "[timestamp(text)].map(time, time.getMonth())",
    "text.contains(maybe)",
    "text.substring(count, count)",
    "text.split(',', 2).join('-')",
    "files.filter(file, file.startsWith('a')).join()",
    "orders.map(one, one.id).join(',')",
    "mixture.join(',')",
    "unknown.all(one, one)",
    "files.map(file, size(file) > 2, file)",
    "order.exists(name, name == 'id')",
    "count / 0.5",
    "count / count",
    "0 / count",
    "[count, 2][1]",
    "[count, 2][count]",
    "int('12')",
    "has(order.prise) ? order.prise : 0",
    "bytes('a').size()",
    "bytes('a').at(0)",
    "string(bytes('a')) + text",
    "9007199254740993 > count",
    "9007199254740991",
    "timestamp('2030-01-31T12:00:00Z')",
    "type(unknown) == int ? 1 / 0 : 1",
    "unknown.map(item, item).join(',')",
    "cel.bind(parts, files, parts.join(','))",
    "unknown > 3",
    "unknown.contains('x')",
    "maybe.size",
    "maybe > 'a'",
    "has(order.prise)",
    "'prise' in order",
    "type(text) == string ? text.contains('x') : text > 3",
    "dyn(text) > 3",
    "timestamp(text) > timestamp('2030-01-31T12:00:00Z')",
    "order['id'] + text",
    "unknown ? text : count > 3",
  ])("%s may work", (text) => expect(told(text)).toEqual([]));
});

describe("a comparison that always comes out the same is told", () => {
  test.each<[text: string, finding: string]>([
    ["tone == 'forml'", 'constant 0-15 this is never true: `tone` is one of "plain", "formal"'],
    ["'forml' == tone", 'constant 0-15 this is never true: `tone` is one of "plain", "formal"'],
    ["tone != 'forml'", 'constant 0-15 this is always true: `tone` is one of "plain", "formal"'],
    ["tone in ['informal', 'forml']", 'constant 0-29 this is never true: `tone` is one of "plain", "formal"'],
    ["count == '3'", "constant 0-12 this is never true: `count` is a number, and the other side a string"],
    ["text != 3", "constant 0-9 this is always true: `text` is a string, and the other side a number"],
    ["text == null", "constant 0-12 this is never true: `text` is a string, and the other side null"],
    ["ready || tone == 'forml'", 'constant 9-24 this is never true: `tone` is one of "plain", "formal"'],
  ])("%s", (text, finding) => expect(told(text)).toEqual([finding]));

  test("with the value that was probably meant", () => expect(infer("tone == 'forml'").findings[0]?.help).toBe('did you mean "formal"?'));

  test.each(["tone == 'formal'", "tone in ['plain', 'loud']", "maybe == null", "unknown == 'x'", "files[0] == 'x'"])(
    "%s may be either",
    (text) => expect(told(text)).toEqual([]),
  );

  test.each<[text: string, value: boolean | null]>([
    ["true", true],
    ["1 == 1", true],
    ["1 == 2", false],
    ["ready || true", true],
    ["ready && false", false],
    ["ready || false", null],
    ["!false", true],
    ["ready", null],
    ["1 in [2, 3]", false],
  ])("%s as a whole: %s", (text, value) => expect(infer(text).type.values ?? [null]).toEqual([value]));
});
