import type { Json } from "../spec/json.ts";
import {
  compileExpression,
  type Expression,
  type ExpressionContext,
  ExpressionError,
  type ExpressionProblem,
  type Read,
  type Reads,
} from "./expression.ts";
import { endOfLiteral } from "./expression-tree.ts";
import type { Scope } from "./plan.ts";

/** A compiled string with `${{ … }}` in it. */
export interface Template {
  readonly text: string;
  /** Whether it holds no expression at all. */
  readonly constant: boolean;
  /** Of all its expressions; offsets are in the template's text. */
  readonly reads: Reads;
  /** The value: with its type where the template is exactly one expression, otherwise a string. @throws ExpressionError */
  render(scope: Scope): Json;
  /** As text: a string as it is, anything else as JSON. @throws ExpressionError */
  renderText(scope: Scope): string;
}

/** A template, or the problems of all its expressions; offsets are in the template's text. Never throws. */
export function compileTemplate(
  text: string,
  context: ExpressionContext,
): { template: Template } | { problems: readonly ExpressionProblem[] } {
  const pieces: (string | Expression)[] = [];
  const problems: ExpressionProblem[] = [];
  const reads: { keys: Read[]; env: Read[]; stages: Read[]; meta: Read[]; wholeState: boolean } = {
    keys: [],
    env: [],
    stages: [],
    meta: [],
    wholeState: false,
  };
  for (const piece of split(text)) {
    if (typeof piece === "string") {
      pieces.push(piece);
      continue;
    }
    const compiled =
      piece.end === undefined ? { problems: [unterminated(piece, text)] } : compileInside(text, piece.start, piece.end, context);
    if ("problems" in compiled) {
      problems.push(...compiled.problems);
      continue;
    }
    pieces.push(compiled.expression);
    for (const kind of ["keys", "env", "stages", "meta"] as const)
      reads[kind].push(...compiled.expression.reads[kind].map((read) => shift(read, piece.start)));
    reads.wholeState ||= compiled.expression.reads.wholeState;
  }
  if (problems.length > 0) return { problems };
  const [only] = pieces;
  const constant = pieces.every((piece) => typeof piece === "string");
  const renderText = (scope: Scope) =>
    pieces.map((piece) => (typeof piece === "string" ? piece : asText(piece.evaluate(scope), piece))).join("");
  const render = pieces.length === 1 && typeof only === "object" ? (scope: Scope) => only.evaluate(scope) : renderText;
  return { template: Object.freeze({ text, constant, reads, render, renderText }) };
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
    if (opening > index && text[opening - 1] === "$") {
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

function unterminated({ start, quote }: Inside, text: string): ExpressionProblem {
  const help =
    quote === undefined
      ? "for the three characters themselves, write `$${{`"
      : `the text that starts with ${text.slice(quote, quote + 10).split("\n")[0]} has no closing quote`;
  return { code: "unterminated-template", message: "`${{` has no `}}` that ends it", start: start - OPENING.length, end: start, help };
}

function compileInside(
  text: string,
  start: number,
  end: number,
  context: ExpressionContext,
): { expression: Expression } | { problems: readonly ExpressionProblem[] } {
  const compiled = compileExpression(text.slice(start, end), context);
  if ("expression" in compiled) return compiled;
  return {
    problems: compiled.problems.map((problem) =>
      problem.code === "empty-expression"
        ? { ...problem, start: start - OPENING.length, end: end + CLOSING.length }
        : shift(problem, start),
    ),
  };
}

function shift<Placed extends { readonly start: number; readonly end: number }>(placed: Placed, by: number): Placed {
  return { ...placed, start: placed.start + by, end: placed.end + by };
}

function asText(value: Json, { text }: Expression): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    throw new ExpressionError(`the value is too large to be written as text: \`${text.trim()}\``);
  }
}
