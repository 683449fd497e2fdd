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
  files: listOf(STRING),
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
  ])("%s", (text, finding) => expect(told(text)).toEqual([finding]));

  test.each([
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
