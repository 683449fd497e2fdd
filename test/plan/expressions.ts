import { compileExpression, type Expression, ExpressionError } from "../../src/plan/expression.ts";
import type { ExpressionContext, ExpressionProblem, Scope } from "../../src/plan/scope.ts";
import { type Json, type JsonObject, toJson } from "../../src/spec/json.ts";

/** One key of each kind, and keys with names that are hard to say. */
export const state = toJson({
  count: 3,
  half: 1.5,
  name: "Ada",
  ready: true,
  nothing: null,
  items: [10, 20, 30],
  words: ["a", "b"],
  mixed: [1, "a", null],
  empty: [],
  order: { customer: { name: "Ada" }, lines: [{ price: 2 }, { price: 3 }] },
  "a-b": "hyphen",
  loop: "loop",
  in: "in",
  type: "type",
  null: "null",
  meta: "shadowed",
  result: "a key",
  deep: { in: { true: 1 } },
}) as JsonObject;

/** What an expression sees: the state, and what stands beside it. */
export function scopeOf(change: Partial<Scope> = {}): Scope {
  return { names: state, state, meta: { session_id: "s1" }, stages: { fetch: { status: "succeeded", attempts: 2 } }, ...change };
}

/** Throws where the text has problems. */
export function compile(text: string, context: ExpressionContext = {}): Expression {
  const compiled = compileExpression(text, context);
  if ("problems" in compiled) throw new Error(`${text}: ${compiled.problems.map(({ message }) => message).join("; ")}`);
  return compiled.expression;
}

export function evaluate(text: string, change: Partial<Scope> = {}, context: ExpressionContext = {}): Json {
  return compile(text, context).evaluate(scopeOf(change));
}

/** The error of an evaluation; throws where there is none. */
export function failure(
  text: string,
  change: Partial<Scope> = {},
  context: ExpressionContext = {},
): { message: string; missing: string | null } {
  try {
    evaluate(text, change, context);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { message: error.message, missing: error.missing };
  }
  throw new Error(`${text} has a value`);
}

export function problems(text: string, context: ExpressionContext = {}): readonly ExpressionProblem[] {
  const compiled = compileExpression(text, context);
  return "problems" in compiled ? compiled.problems : [];
}

/** A problem on one line: its code, the marked text, the message, the help. */
export function told(text: string, context: ExpressionContext = {}): string[] {
  return problems(text, context).map(
    ({ code, message, start, end, help }) => `${code} [${text.slice(start, end)}] ${message}${help === undefined ? "" : ` (${help})`}`,
  );
}
