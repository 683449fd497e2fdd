import { children, type Node } from "./expression-tree.ts";
import type { Read } from "./scope.ts";
import type { TemplatePart } from "./template.ts";

/** Whether an expression asks whether a key is there that it reads. */
export function isAskedFor(read: Read, parts: readonly TemplatePart[]): boolean {
  return partOf(read, parts)?.expression.reads.keys.some(({ name, tested }) => tested && name === read.name) === true;
}

/** Whether an expression may do without what it reads there: it stands on one side of `&&`, `||` or `? :`, where the other may decide. */
export function isGuarded(read: Read, parts: readonly TemplatePart[]): boolean {
  const part = partOf(read, parts);
  const tree = part?.expression.tree() ?? null;
  return part !== undefined && tree !== null && decidesAround(tree, read.start - part.start);
}

function partOf(read: Read, parts: readonly TemplatePart[]): TemplatePart | undefined {
  return parts.find(({ expression, start }) => read.start >= start && read.end <= start + expression.text.length);
}

function decidesAround(node: Node, offset: number): boolean {
  if (offset < node.start || offset >= node.end) return false;
  const [condition, ...others] = children(node);
  if (node.op === "&&" || node.op === "||") return true;
  if (node.op === "?:" && others.some((other) => offset >= other.start && offset < other.end)) return true;
  return [condition, ...others].some((child) => child !== undefined && decidesAround(child, offset));
}
