import type { InputSpec } from "../spec/spec.ts";
import { children, type Node } from "./expression-tree.ts";
import { sourceOf } from "./expression-words.ts";
import type { BranchPlan } from "./plan.ts";

/**
 * Whether one of some rules holds in any case, as far as their texts show it: two of them are opposites, or they compare an
 * input with every value that it may have. `inputs` are those that no stage writes.
 */
export function isExhaustive(rules: readonly BranchPlan[], inputs: ReadonlyMap<string, InputSpec>): boolean {
  const conditions = rules.flatMap(({ condition, maxTimes }): Condition[] => {
    const tree = maxTimes === null ? (condition?.tree() ?? null) : null;
    return tree === null ? [] : [{ tree, text: condition?.text ?? "" }];
  });
  return hasOpposites(conditions) || coversInput(conditions, inputs);
}

interface Condition {
  readonly tree: Node;
  readonly text: string;
}

function hasOpposites(conditions: readonly Condition[]): boolean {
  const all = new Set(conditions.map(normalized));
  return conditions.some((condition) => all.has(opposite(condition)));
}

const OPPOSITES: Readonly<Record<string, string>> = { "<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "==" };

/** Without what makes no difference. */
function normalized({ tree, text }: Condition): string {
  const [left, right] = children(tree);
  if (right === undefined || !Object.hasOwn(OPPOSITES, tree.op)) return bare(tree, text);
  return left === undefined ? "" : `${bare(left, text)} ${tree.op} ${bare(right, text)}`;
}

function opposite({ tree, text }: Condition): string {
  const [left, right] = children(tree);
  if (tree.op === "!_" && left !== undefined) return normalized({ tree: left, text });
  if (left === undefined || right === undefined || !Object.hasOwn(OPPOSITES, tree.op)) return `!${bare(tree, text)}`;
  return `${bare(left, text)} ${OPPOSITES[tree.op]} ${bare(right, text)}`;
}

function bare(node: Node, text: string): string {
  return sourceOf(node, text)
    .replaceAll(/\s+/g, "")
    .replace(/^\((.*)\)$/, "$1");
}

function coversInput(conditions: readonly Condition[], inputs: ReadonlyMap<string, InputSpec>): boolean {
  const compared = new Map<string, Set<unknown>>();
  for (const { tree } of conditions) {
    const [name, ...values] = comparisonOf(tree) ?? [];
    if (typeof name === "string") compared.set(name, new Set([...(compared.get(name) ?? []), ...values]));
  }
  return [...compared].some(([name, values]) => {
    const { type, enum: choices = type === "boolean" ? [true, false] : [] } = inputs.get(name) ?? {};
    return choices.length > 0 && choices.every((choice) => values.has(choice));
  });
}

/** The key in `key == value` and `key in [values]`, and the values. */
function comparisonOf(tree: Node): [key: string, ...values: unknown[]] | undefined {
  const [left, right] = children(tree);
  if (tree.op === "id") return [tree.args as string, true];
  if (tree.op === "!_" && left?.op === "id") return [left.args as string, false];
  if (left === undefined || right === undefined) return undefined;
  const [key, value] = left.op === "id" ? [left, right] : [right, left];
  if (key.op !== "id") return undefined;
  if (tree.op === "==" && value.op === "value") return [key.args as string, valueOf(value)];
  if (tree.op !== "in" || key !== left || value.op !== "list") return undefined;
  return [key.args as string, ...children(value).map(valueOf)];
}

function valueOf({ args }: Node): unknown {
  return typeof args === "bigint" ? Number(args) : args;
}
