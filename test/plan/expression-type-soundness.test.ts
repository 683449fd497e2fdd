import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compileExpression, ExpressionError } from "../../src/plan/expression.ts";
import { inferType, type TypeFinding, type TypeNames } from "../../src/plan/expression-type.ts";
import { sourceOf } from "../../src/plan/expression-words.ts";
import { ANY, BOOLEAN, constant, listOf, NUMBER, objectOf, STRING, type Type, union } from "../../src/plan/type.ts";
import { type JsonObject, toJson } from "../../src/spec/json.ts";

const ORDER: Type = objectOf(
  new Map([
    ["id", STRING],
    ["price", NUMBER],
  ]),
  false,
);
/** Keys of the state, and the variables of macros, so that what stands in a macro can be evaluated by itself. */
const KEYS: Readonly<Record<string, Type>> = {
  text: STRING,
  count: NUMBER,
  ready: BOOLEAN,
  nothing: constant(null),
  maybe: union([STRING, constant(null)]),
  either: union([STRING, NUMBER]),
  order: ORDER,
  files: listOf(STRING),
  counts: listOf(NUMBER),
  orders: listOf(ORDER),
  file: STRING,
  number: NUMBER,
  one: ORDER,
};
const key = (name: string): Type => KEYS[name] ?? ANY;
const NAMES: TypeNames = { bare: key, key, stages: ANY, result: null };

const text = fc.constantFrom("", "a", "12", "true", "1h", "2030-01-31T12:00:00Z", "id");
const count = fc.constantFrom(0, 1, 2, -1, 0.5, 1e20);
const order = fc.record({ id: text, price: count });
/** What is told of the items of a list is told although the list may be empty. */
const some = { minLength: 1, maxLength: 3 };
const states: fc.Arbitrary<JsonObject> = fc
  .record({
    text,
    count,
    ready: fc.boolean(),
    nothing: fc.constant(null),
    maybe: fc.option(text),
    either: fc.oneof(text, count),
    order,
    files: fc.array(text, some),
    counts: fc.array(count, some),
    orders: fc.array(order, some),
    file: text,
    number: count,
    one: order,
  })
  .map((state) => toJson(state) as JsonObject);

const LITERALS = ["0", "1", "0.5", "true", "null", "'a'", "'12'", "'1h'", "'2030-01-31T12:00:00Z'", "9007199254740993", "[]", "['a', 1]"];
const FUNCTIONS = ["size", "string", "int", "double", "bool", "timestamp", "duration", "dyn"];
const METHODS = ["contains", "startsWith", "matches", "indexOf", "lastIndexOf", "split", "substring", "join", "getFullYear", "getHours"];
const OPERATORS = ["+", "-", "*", "/", "%", "<", ">=", "==", "!=", "&&", "||", "in"];
const MACROS = ["all", "exists", "exists_one", "filter", "map"];
const LISTS: readonly (readonly [list: string, variable: string])[] = [
  ["files", "file"],
  ["counts", "number"],
  ["orders", "one"],
];

const { expression: expressions } = fc.letrec<{ expression: string }>((tie) => {
  const part = tie("expression");
  const leaf = fc.constantFrom(...Object.keys(KEYS), ...LITERALS);
  return {
    expression: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc.tuple(part, fc.constantFrom(...OPERATORS), part).map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      fc.tuple(fc.constantFrom(...FUNCTIONS), part).map(([name, argument]) => `${name}(${argument})`),
      fc
        .tuple(part, fc.constantFrom(...METHODS), fc.array(part, { maxLength: 2 }))
        .map(([on, name, all]) => `${on}.${name}(${all.join(", ")})`),
      fc.tuple(part, fc.constantFrom(".id", ".price", ".prise", "[0]", "['id']")).map(([on, member]) => `${on}${member}`),
      fc.tuple(part, part, part).map(([condition, yes, no]) => `(${condition} ? ${yes} : ${no})`),
      fc.tuple(part, part).map(([first, second]) => `[${first}, ${second}]`),
      part.map((operand) => `-${operand}`),
      part.map((operand) => `!${operand}`),
      // Its own list may be empty, and is only counted.
      fc
        .tuple(fc.constantFrom(...LISTS), fc.constantFrom(...MACROS), part)
        .map(([[list, variable], macro, body]) => `size([${list}.${macro}(${variable}, ${body})])`),
      fc.tuple(fc.constantFrom(...LISTS), part).map(([[list, variable], body]) => `${list}.map(${variable}, ${body})`),
    ),
  };
});

function mismatches(source: string): TypeFinding[] {
  const compiled = compileExpression(source, {});
  const tree = "expression" in compiled ? compiled.expression.tree() : null;
  return tree === null ? [] : inferType(tree, source, NAMES).findings.filter(({ kind }) => kind === "mismatch");
}

/** What fails. One side of `&&` and `||` may decide before the other is looked at: there it is what the side is used for. */
function partOf({ start, end, about, message }: TypeFinding, source: string): string {
  return message.includes(" on both sides") ? `(${sourceOf(about, source)}) ? 1 : 2` : source.slice(start, end);
}

/** The value as text, or null where there is none. */
function valueOf(source: string, state: JsonObject): string | null {
  const compiled = compileExpression(source, {});
  if (!("expression" in compiled)) return null;
  try {
    return JSON.stringify(compiled.expression.evaluate({ names: state, state, meta: {}, stages: {} }));
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

test("what is told to be a mismatch fails for every value", () => {
  let told = 0;
  fc.assert(
    fc.property(expressions, fc.array(states, { minLength: 8, maxLength: 8 }), (source, all) => {
      for (const finding of mismatches(source)) {
        told += 1;
        const values = all.map((state) => valueOf(partOf(finding, source), state));
        expect([finding.message, ...values]).toEqual([finding.message, ...all.map(() => null)]);
      }
    }),
    { numRuns: 500 },
  );
  expect(told).toBeGreaterThan(40);
});
