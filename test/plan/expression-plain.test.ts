import { Environment } from "@marcbachmann/cel-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readPlain } from "../../src/plan/expression-plain.ts";
import { compileExpression } from "../../src/plan/expression.ts";
import type { ExpressionContext } from "../../src/plan/scope.ts";
import { evaluate, failure } from "./expressions.ts";

describe("an expression", () => {
  test.each<[string, string]>([
    ["a name", "rows"],
    ["a name with members", "order.customer.name"],
    ["a key of the state", " state.rows\n"],
    ["a size", "size(order.lines)"],
    ["a calculation with names", "target - total"],
    ["a calculation with numbers", "size(rows) / 100"],
    ["a comparison with a number", "total < target * 0.8"],
    ["a comparison with a text", "status == 'failed'"],
    ["several of them", "ready && size(rows) > 0 || 'x' != stages.fetch.status"],
  ])("that is %s is read without the language", (_sentence, text) => {
    expect(readPlain(text, {})).not.toBeUndefined();
  });

  test.each<[string, string]>([
    ["a mixture whose kind is not known", "total * 0.8"],
    ["a text alone", "'x'"],
    ["a calculation with a text", "name + 'x'"],
    ["a comparison of two texts", "'a' < 'b'"],
    ["a comparison of a number and a text", "1 == 'x'"],
    ["a number as a condition", "ready && 1"],
    ["a chain of comparisons", "a < b < c"],
    ["two values in a row", "a b"],
    ["a comment", "a // b"],
    ["an environment variable", "env.HOME"],
    ["a call", "items.exists(x, x > 1)"],
    ["a number that needs more digits than there are", "1234567890123456"],
    ["a word of the language", "package"],
    ["nothing", ""],
  ])("that is %s is left to the language", (_sentence, text) => {
    expect(readPlain(text, {})).toBeUndefined();
  });

  test("that names what the language has taken is left to it", () => {
    const taken = new Environment().getDefinitions().variables.map(({ name }) => name);
    expect(taken).toContain("int");
    for (const name of taken) expect(readPlain(`${name}.x`, {})).toBeUndefined();
  });

  test("that is read without the language is evaluated by it", () => {
    expect(evaluate("count * 2 > size(items)")).toBe(true);
    expect(failure("order.nothing").missing).toBe("order.nothing");
  });
});

describe("what is read without the language", () => {
  const names = ["count", "order.customer.name", "deep.in.true", "size", "r", "b", "_1", "a.b.c.d.e.f.g.h.i.j.k", "ä", "constructor"];
  const roots = ["state", "state.count", "state.a.b", "meta", "meta.id", "stages", "stages.fetch.status", "env", "env.HOME", "result.url"];
  const words = ["true", "null.x", "in", "loop", "int", "type", "google.x", "__proto__", "a.__proto__", "state.in"];
  const values = ["0", "007", "1.5", "1.", "1e3", "0x1", "3u", "-1", "999999999999999", "9999999999999999", "'x'", `"x y"`, "''", "'\\n'"];
  const calls = ["size(items)", "size( items)", "size (items)", "size(3)", "size(env)", "size(", ")", "(", "has(state.x)", "r'x'"];
  const operators = ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "&&", "||"];
  const others = ["!", "?", ":", "//", ".", "[0]", "=", ",", "&"];
  const gap = fc.constantFrom("", " ", "\n", "\t ", "\u00a0");
  const operand = fc.oneof(...[names, roots, words, values, calls].map((choices) => fc.constantFrom(...choices)));
  const likely = fc
    .tuple(operand, fc.array(fc.tuple(gap, fc.constantFrom(...operators), gap, operand), { maxLength: 16 }))
    .map((parts) => parts.flat(2).join(""));
  const odd = fc.array(fc.oneof(operand, fc.constantFrom(...operators, ...others), gap), { maxLength: 6 }).map((parts) => parts.join(""));
  const contexts = fc.record({ env: fc.boolean(), result: fc.boolean() });

  /** A comment behind it changes nothing, except that the language is asked. */
  const asked = (text: string, context: ExpressionContext) => {
    const compiled = compileExpression(`${text} //`, context);
    return "problems" in compiled ? compiled : { reads: compiled.expression.reads, type: compiled.expression.type };
  };

  test("is what the language tells", () => {
    let plain = 0;
    fc.assert(
      fc.property(fc.oneof(likely, odd, fc.string()), contexts, (text, context) => {
        const read = readPlain(text, context);
        if (read === undefined) return;
        plain += 1;
        expect(read).toEqual(asked(text, context));
      }),
      { numRuns: 10_000 },
    );
    expect(plain).toBeGreaterThan(100);
  });
});
