import { children, type Node } from "./expression-tree.ts";
import type { Read } from "./scope.ts";
import type { TemplatePart } from "./template.ts";

/**
 * Whether an expression may do without what it reads there: it asks for the key as well, or reads it on one side of `&&`, `||` or
 * `? :`, where the other may decide.
 */
export function isGuarded(read: Read, parts: readonly TemplatePart[]): boolean {
  const part = parts.find(({ expression, start }) => read.start >= start && read.end <= start + expression.text.length);
  if (part === undefined) return false;
  const { expression, start } = part;
  if (expression.reads.keys.some(({ name, tested }) => tested && name === read.name)) return true;
  const tree = expression.tree();
  return tree !== null && decidesAround(tree, read.start - start);
}

function decidesAround(node: Node, offset: number): boolean {
  if (offset < node.start || offset >= node.end) return false;
  const [condition, ...others] = children(node);
  if (node.op === "&&" || node.op === "||") return true;
  if (node.op === "?:" && others.some((other) => offset >= other.start && offset < other.end)) return true;
  return [condition, ...others].some((child) => child !== undefined && decidesAround(child, offset));
}
