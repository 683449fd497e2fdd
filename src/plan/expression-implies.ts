import { children, type Node } from "./expression-tree.ts";

/**
 * The keys of the state that are there in any case where a condition holds, and where it does not.
 *
 * An expression that reads a key that is not there has no value, so a condition that holds has found all that it had to read.
 * Where it does not hold, only what it asked for with `has(…)` or `in` is known.
 */
export function impliedKeys(tree: Node): { readonly holds: ReadonlySet<string>; readonly fails: ReadonlySet<string> } {
  return { holds: whereTrue(tree), fails: whereFalse(tree) };
}

const NONE: ReadonlySet<string> = new Set();

function whereTrue(node: Node): ReadonlySet<string> {
  const [left, right] = children(node);
  if (node.op === "&&" && left !== undefined && right !== undefined) return both(whereTrue(left), whereTrue(right));
  if (node.op === "||" && left !== undefined && right !== undefined) return shared(whereTrue(left), whereTrue(right));
  if (node.op === "!_" && left !== undefined) return both(whereFalse(left), readIn(left));
  const tested = testedKey(node);
  return tested === undefined ? readIn(node) : new Set([tested]);
}

function whereFalse(node: Node): ReadonlySet<string> {
  const [left, right] = children(node);
  if (node.op === "||" && left !== undefined && right !== undefined) return both(whereFalse(left), whereFalse(right));
  if (node.op === "&&" && left !== undefined && right !== undefined) return shared(whereFalse(left), whereFalse(right));
  if (node.op === "!_" && left !== undefined) {
    const tested = testedKey(left);
    return tested === undefined ? NONE : new Set([tested]);
  }
  return NONE;
}

/** The key that `has(state.key)` or `'key' in state` asks for. */
function testedKey(node: Node): string | undefined {
  if (node.op === "call") {
    const [name, [asked]] = node.args as [string, Node[]];
    return name === "has" && asked !== undefined ? keyOfMember(asked) : undefined;
  }
  if (node.op !== "in") return undefined;
  const [key, container] = node.args as [Node, Node];
  return isState(container) && key.op === "value" && typeof key.args === "string" ? key.args : undefined;
}

function keyOfMember({ op, args }: Node): string | undefined {
  if (op !== "." && op !== "[]") return undefined;
  const [base, member] = args as [Node, Node | string];
  if (!isState(base)) return undefined;
  if (typeof member === "string") return member;
  return member.op === "value" && typeof member.args === "string" ? member.args : undefined;
}

function isState({ op, args }: Node): boolean {
  return op === "id" && args === "state";
}

/** What is read whatever the values are. Macros may have nothing to go through, and the sides of a choice are not both looked at. */
function readIn(node: Node): ReadonlySet<string> {
  const key = keyOfMember(node);
  if (key !== undefined) return new Set([key]);
  if (node.op === "id") return ROOTS.has(node.args as string) ? NONE : new Set([node.args as string]);
  if (testedKey(node) !== undefined || (node.op === "call" && (node.args as [string])[0] === "has")) return NONE;
  const parts = children(node);
  if (node.op === "rcall" || node.op === "?:") return readIn(parts[0] as Node);
  if (node.op === "||" || node.op === "&&") return NONE;
  return parts.reduce((all, part) => both(all, readIn(part)), NONE);
}

const ROOTS: ReadonlySet<string> = new Set(["state", "meta", "stages", "env", "result", "cel"]);

function both(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one, ...other]);
}

function shared(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((key) => other.has(key)));
}
