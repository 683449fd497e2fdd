import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpressionError } from "../../src/plan/expression-error.ts";
import type { ExpressionContext } from "../../src/plan/scope.ts";
import type { Scope } from "../../src/plan/scope.ts";
import { compileTemplate, type Template } from "../../src/plan/template.ts";
import { type Json, type JsonObject, toJson } from "../../src/spec/json.ts";

const state = toJson({ name: "Ada", count: 3, rows: [{ n: 1 }, "x"], nothing: null, ready: true, text: "}}" }) as JsonObject;
const scope: Scope = { names: state, state, meta: {}, stages: {}, env: { HOME: "/home/ada" } };

function compile(text: string, context: ExpressionContext = {}): Template {
  const compiled = compileTemplate(text, context);
  if ("problems" in compiled) throw new Error(`${text}: ${compiled.problems.map(({ message }) => message).join("; ")}`);
  return compiled.template;
}

function told(text: string, context: ExpressionContext = {}): string[] {
  const compiled = compileTemplate(text, context);
  if ("template" in compiled) return [];
  return compiled.problems.map(
    ({ code, message, start, end, help }) => `${code} [${text.slice(start, end)}] ${message}${help === undefined ? "" : ` (${help})`}`,
  );
}

describe("row 50: a template renders", () => {
  test.each<[string, string, Json]>([
    ["text as it is", "plain text", "plain text"],
    ["nothing", "", ""],
    ["a value in a text", "Sales of ${{ name }}!", "Sales of Ada!"],
    ["several values", "${{ name }}${{ count }} ${{ ready }} ${{ nothing }}", "Ada3 true null"],
    ["lists and objects in a text as JSON", "rows: ${{ rows }}", 'rows: [{"n":1},"x"]'],
    ["one expression with its type: a number", "${{ count }}", 3],
    ["one expression with its type: a list", "${{rows}}", [{ n: 1 }, "x"]],
    ["one expression with its type: null", "${{ nothing }}", null],
    ["one expression with white space around it as text", " ${{ count }}", " 3"],
    ["one expression with a line break after it as text", "${{ count }}\n", "3\n"],
    ["double braces without a dollar as text", "{{ name }} {{{ }}} }}", "{{ name }} {{{ }}} }}"],
    ["a dollar and one brace as text", "${ name } $name $", "${ name } $name $"],
    ["an escaped opening as text", "$${{ name }}", "${{ name }}"],
    ["a dollar before an escaped opening", "$$${{ name }}", "$${{ name }}"],
    ["an escaped opening after an expression", "${{ name }}$${{ ${{ name }}", "Ada${{ Ada"],
    ["an expression that ends at braces", "${{ {'a': {'b': count}} }}", { a: { b: 3 } }],
    ["braces that close right before the end", "${{ {'a': {'b': count}}}}", { a: { b: 3 } }],
    ["braces that close right before more text", "${{ {'a': 1}}}}", '{"a":1}}'],
    ["closing braces in quotes", "${{ name + '}}' + \"}}\" }}", "Ada}}}}"],
    ["an escaped quote", "${{ '\\'}}' + name }}", "'}}Ada"],
    ["raw quotes", "${{ r'}}' + r\"\\d\" }}", "}}\\d"],
    ["three quotes", "${{ '''it's }} a\n\"line\"''' }}", 'it\'s }} a\n"line"'],
    ["quotes right before the end", "${{'a'}}}", "a}"],
    ["an empty text in quotes", "${{ '' + name }}", "Ada"],
    ["a value that looks like a template as text", "${{ text }}${{ '$' }}{{ name }}", "}}${{ name }}"],
    ["quotes outside of expressions as text", "don't ${{ name }} \"", "don't Ada \""],
    ["an expression over several lines", "${{\n  count > 2\n    ? 'many'\n    : 'few'\n}}", "many"],
  ])("%s: %j", (_sentence, text, value) => {
    expect(compile(text).render(scope)).toEqual(value);
  });

  test("as text: a string as it is, anything else as JSON", () => {
    expect(compile("${{ name }}").renderText(scope)).toBe("Ada");
    expect(compile("${{ count }}").renderText(scope)).toBe("3");
    expect(compile("${{ rows }}").renderText(scope)).toBe('[{"n":1},"x"]');
    expect(compile("${{ nothing }}").renderText(scope)).toBe("null");
    expect(compile("$${{ ${{ count }}").renderText(scope)).toBe("${{ 3");
  });

  test("no expression: it is constant", () => {
    expect(compile("plain $${{ }}").constant).toBe(true);
    expect(compile("").constant).toBe(true);
    expect(compile("${{ 1 }}").constant).toBe(false);
  });

  test("a missing key is an error, never empty text", () => {
    const template = compile("Hello ${{ user }}");
    expect(() => template.renderText(scope)).toThrow(new ExpressionError("`user` is not in the state", "user"));
    expect(() => template.render(scope)).toThrow(ExpressionError);
  });
});

describe("problems", () => {
  test.each<[string, string[]]>([
    [
      "a ${{ name",
      [
        "unterminated-template [${{] `${{` has no `}}` that ends it (add `}}` where the expression ends; for the three characters themselves, write `$${{`)",
      ],
    ],
    [
      "a ${{ {'b': name }} c",
      [
        "unterminated-template [${{] `${{` has no `}}` that ends it (add `}}` where the expression ends; for the three characters themselves, write `$${{`)",
      ],
    ],
    ["${{ 'name }}", ["unterminated-template [${{] `${{` has no `}}` that ends it (the quote in `'name }}` is never closed)"]],
    ["${{ don't }}\nand 'more'", ["unterminated-template [${{] `${{` has no `}}` that ends it (the quote in `'t }}` is never closed)"]],
    ["a ${{ }} b", ["empty-expression [${{ }}] there is no expression (write one between `${{` and `}}`, or remove them)"]],
    ["${{}}", ["empty-expression [${{}}] there is no expression (write one between `${{` and `}}`, or remove them)"]],
    ["a ${{ name == }} b", ["invalid-expression [] this expression ends too early (something is missing after what stands last)"]],
    [
      "${{ loop }} ${{ name }} ${{ 1 + 'a' }} ${{ env.HOME }}",
      [
        "reserved-name [loop] `loop` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.loop`)",
        "type-mismatch [1 + 'a'] cannot add number and string: `1 + 'a'` (write `string(…)` around what is no text)",
        "env-not-allowed [env] `env` cannot be read here (environment variables can be read in an agent's `env` and in a provider's `headers`; a key of the state that is called `env` is `state.env`)",
      ],
    ],
  ])("%j", (text, expected) => {
    expect(told(text)).toEqual(expected);
  });
});

test("reads are those of all expressions, with offsets in the template", () => {
  const text = "${{ name }} and ${{ state.rows[count] }} at ${{ env.HOME }} by ${{ meta.user }} after ${{ stages.fetch.status }}";
  const { keys, env, meta, stages, wholeState } = compile(text, { env: true }).reads;
  expect(keys.map(({ name, viaState }) => [name, viaState])).toEqual([
    ["name", false],
    ["rows", true],
    ["count", false],
  ]);
  for (const read of [...keys, ...env, ...meta, ...stages]) expect(text.slice(read.start, read.end)).toBe(read.name);
  expect([env.length, meta.length, stages.length, wholeState]).toEqual([1, 1, 1, false]);
  expect(compile("a ${{ name }} ${{ state }}").reads.wholeState).toBe(true);
});

describe("for any text", () => {
  test("without a dollar it renders itself", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }).map((text) => text.replaceAll("$", "{{")),
        (text) => {
          const template = compile(text);
          expect(template.constant).toBe(true);
          expect(template.render(scope)).toBe(text);
          expect(template.renderText(scope)).toBe(text);
        },
      ),
    );
  });

  test("compiling never throws, and problems lie inside of the text", () => {
    const parts = fc.constantFrom(
      "${{",
      "$",
      "{",
      "}",
      "}}",
      "'",
      '"',
      '"""',
      "\\",
      "name",
      "state.in",
      " ",
      "\n",
      "a",
      "r'",
      "😀",
      "+",
      "1",
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 20 }), (list) => {
        const text = list.join("");
        const compiled = compileTemplate(text, {});
        if ("template" in compiled) return;
        for (const { start, end } of compiled.problems) expect(start >= 0 && start <= end && end <= text.length).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("a text between two literal parts is kept whole", () => {
    const literal = fc.string({ unit: "binary" }).map((text) => text.replaceAll("$", ""));
    fc.assert(
      fc.property(literal, fc.string({ unit: "binary" }), literal, (before, value, after) => {
        const names = toJson({ value }) as JsonObject;
        expect(compile(`${before}\${{ value }}${after}`).renderText({ ...scope, names, state: names })).toBe(before + value + after);
      }),
    );
  });
});
