import type { Json } from "../spec/json.ts";
import { type CompiledExpression, compileExpression, type Expression } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import { endOfLiteral } from "./expression-tree.ts";
import type { ExpressionContext, ExpressionProblem, Reads, Scope } from "./scope.ts";

/** A compiled string with `${{ … }}` in it. */
export interface Template {
  readonly text: string;
  /** Whether it holds no expression at all. */
  readonly constant: boolean;
  readonly parts: readonly TemplatePart[];
  /** Of all its expressions; offsets are in the template's text. */
  readonly reads: Reads;
  /** The value: with its type where the template is exactly one expression, otherwise a string. @throws ExpressionError */
  render(scope: Scope): Json;
  /** As text: a string as it is, anything else as JSON. @throws ExpressionError */
  renderText(scope: Scope): string;
}

/** An expression of a template, and where it starts in the template's text. */
export interface TemplatePart {
  readonly expression: Expression;
  readonly start: number;
}

/** A template, or the problems of all its expressions; offsets are in the template's text. */
export type CompiledTemplate = { readonly template: Template } | { readonly problems: readonly ExpressionProblem[] };

/** Never throws. */
export function compileTemplate(text: string, context: ExpressionContext): CompiledTemplate {
  const problems: ExpressionProblem[] = [];
  const pieces: Piece[] = [];
  for (const part of split(text)) {
    if (typeof part === "string") {
      pieces.push(part);
      continue;
    }
    const compiled = compileInside(text, part, context);
    if ("problems" in compiled) problems.push(...compiled.problems);
    else pieces.push({ expression: compiled.expression, start: part.start });
  }
  return problems.length > 0 ? { problems } : { template: createTemplate(text, pieces) };
}

/** Literal text, or an expression. */
type Piece = string | TemplatePart;

function createTemplate(text: string, pieces: readonly Piece[]): Template {
  const [only] = pieces;
  const parts = pieces.filter((piece) => typeof piece === "object");
  const renderText = (scope: Scope): string =>
    pieces.map((piece) => (typeof piece === "string" ? piece : asText(piece.expression, scope))).join("");
  return Object.freeze({
    text,
    constant: parts.length === 0,
    parts,
    reads: readsOf(parts),
    render: pieces.length === 1 && typeof only === "object" ? only.expression.evaluate : renderText,
    renderText,
  });
}

function readsOf(parts: readonly TemplatePart[]): Reads {
  const all = (kind: "keys" | "env" | "stages" | "meta") =>
    parts.flatMap(({ expression, start }) => expression.reads[kind].map((read) => shift(read, start)));
  const wholeState = parts.some(({ expression }) => expression.reads.wholeState);
  return { keys: all("keys"), env: all("env"), stages: all("stages"), meta: all("meta"), wholeState };
}

function asText(expression: Expression, scope: Scope): string {
  const value = expression.evaluate(scope);
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    throw new ExpressionError(`the value is too large to be written as text: \`${expression.text.trim()}\``);
  }
}

const OPENING = "${{";
const CLOSING = "}}";

/** What stands between `${{` and `}}`; without `end` where it does not end. */
interface Inside {
  readonly start: number;
  readonly end?: number;
  /** The quote of a text that does not end. */
  readonly quote?: number;
}

/** The literal text and the expressions, in order. `$${{` is a literal `${{`. */
function* split(text: string): Generator<string | Inside> {
  let literal = "";
  let index = 0;
  for (;;) {
    const opening = text.indexOf(OPENING, index);
    if (opening === -1) break;
    if (text[opening - 1] === "$") {
      literal += text.slice(index, opening - 1) + OPENING;
      index = opening + OPENING.length;
      continue;
    }
    literal += text.slice(index, opening);
    if (literal !== "") yield literal;
    literal = "";
    const inside = findEnd(text, opening + OPENING.length);
    yield inside;
    if (inside.end === undefined) return;
    index = inside.end + CLOSING.length;
  }
  literal += text.slice(index);
  if (literal !== "") yield literal;
}

/** The first `}}` outside of quotes and braces. */
function findEnd(text: string, start: number): Inside {
  let braces = 0;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (character === "'" || character === '"') {
      const end = endOfLiteral(text, index);
      if (end === undefined) return { start, quote: index };
      index = end - 1;
    } else if (character === "{") {
      braces += 1;
    } else if (character === "}" && braces > 0) {
      braces -= 1;
    } else if (text.startsWith(CLOSING, index)) {
      return { start, end: index };
    }
  }
  return { start };
}

function compileInside(text: string, { start, end, quote }: Inside, context: ExpressionContext): CompiledExpression {
  const opening = start - OPENING.length;
  if (end === undefined) {
    const help =
      quote === undefined
        ? "add `}}` where the expression ends; for the three characters themselves, write `$${{`"
        : `the quote in \`${text.slice(quote, quote + 10).split("\n")[0]}\` is never closed`;
    return { problems: [{ code: "unterminated-template", message: "`${{` has no `}}` that ends it", start: opening, end: start, help }] };
  }
  const compiled = compileExpression(text.slice(start, end), context);
  if ("expression" in compiled) return compiled;
  return {
    problems: compiled.problems.map((problem) =>
      problem.code === "empty-expression"
        ? { ...problem, help: EMPTY_HELP, start: opening, end: end + CLOSING.length }
        : shiftProblem(problem, start),
    ),
  };
}

const EMPTY_HELP = "write one between `${{` and `}}`, or remove them";

function shiftProblem(problem: ExpressionProblem, by: number): ExpressionProblem {
  return { ...shift(problem, by), ...(problem.fix === undefined ? {} : { fix: shift(problem.fix, by) }) };
}

function shift<Placed extends { readonly start: number; readonly end: number }>(placed: Placed, by: number): Placed {
  return { ...placed, start: placed.start + by, end: placed.end + by };
}
