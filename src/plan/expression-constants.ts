import type { Span } from "../spec/diagnostic.ts";
import { compileExpression } from "./expression.ts";
import { ExpressionError } from "./expression-error.ts";
import { children, type Node } from "./expression-tree.ts";
import { extent, sourceOf } from "./expression-words.ts";

/** A part of an expression that fails whenever it is evaluated. Offsets are in the expression's text. */
export interface FailingConstant extends Span {
  readonly node: Node;
  readonly message: string;
}

/**
 * The smallest parts that name nothing, and so always have the same value, and that have none: `int('abc')`, `1 / 0`. And
 * those that would be the value of the whole, and that JSON cannot hold.
 */
export function failingConstants(tree: Node, text: string): FailingConstant[] {
  const found: FailingConstant[] = [];
  const isConstant = visit(tree, text, found);
  if (found.length === 0) visitResult(tree, text, isConstant, found);
  return found;
}

/** Of what may fail with constants; the rest is only of a wrong type. */
const CAN_FAIL: ReadonlySet<string> = new Set(["call", "rcall", "[]", "/", "%"]);

/** Whether a node names nothing, and nothing in it fails. */
function visit(node: Node, text: string, found: FailingConstant[]): boolean {
  if (node.op === "id" || isHas(node)) return false;
  const parts = children(node).map((part) => visit(part, text, found));
  if (!parts.every(Boolean)) return false;
  // A size looks at no value, so that only what fails by itself is found.
  const message = CAN_FAIL.has(node.op) ? failureOf(`size([${sourceOf(node, text)}])`) : undefined;
  if (message !== undefined) found.push({ node, message, ...extent(node, text) });
  return message === undefined;
}

/** What it asks for need not be there. */
function isHas({ op, args }: Node): boolean {
  return op === "call" && (args as [string])[0] === "has";
}

/** Looks at the parts of which the value of the whole is made. */
function visitResult(node: Node, text: string, isConstant: boolean, found: FailingConstant[]): void {
  const parts = resultParts(node);
  for (const part of parts) visitResult(part, text, isConstant || visit(part, text, []), found);
  if (parts.length > 0 || !isConstant) return;
  const message = failureOf(sourceOf(node, text));
  if (message !== undefined) found.push({ node, message, ...extent(node, text) });
}

function resultParts(node: Node): Node[] {
  switch (node.op) {
    case "?:":
      return children(node).slice(1);
    case "list":
      return children(node);
    case "map":
      return (node.args as readonly [Node, Node][]).map(([, value]) => value);
    default:
      return [];
  }
}

/** Why an expression that names nothing cannot be evaluated; undefined where it can, or where its text is wrong. */
function failureOf(text: string): string | undefined {
  const compiled = compileExpression(text, {});
  if (!("expression" in compiled)) return undefined;
  try {
    compiled.expression.evaluate({ names: {}, state: {}, meta: {}, stages: {} });
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}
