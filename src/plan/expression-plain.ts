import type { Node } from "./expression-tree.ts";
import type { ExpressionContext, Read, Reads } from "./scope.ts";

/** What is known of an expression before it is evaluated. */
export interface PlainExpression {
  readonly reads: Reads;
  readonly type: "boolean" | "number" | null;
}

/**
 * What an expression reads and the kind of its value, for those that are as simple as most are: names, numbers and sizes
 * that are calculated with, compared, and combined. Undefined for all others, and wherever something may be wrong.
 *
 * The expression language takes longer to load than a file takes to be checked, and none of it is needed to see this much.
 * What is told here is exactly what the language tells.
 */
export function readPlain(text: string, context: ExpressionContext): PlainExpression | undefined {
  const reads = { keys: [], env: [], stages: [], meta: [], wholeState: false };
  let shape = "";
  let end = 0;
  for (const { 0: token, index, groups = {} } of text.matchAll(TOKEN)) {
    end = index + token.length;
    const { name, sized, number, literal, operator = "" } = groups;
    const path = name ?? sized;
    if (path !== undefined && !read(reads, path, text.indexOf(path, index), context)) return undefined;
    shape += name !== undefined ? "n" : sized !== undefined || number !== undefined ? "1" : literal !== undefined ? "'" : operator;
  }
  if (end < text.length || shape.length > MAX_SHAPE) return undefined;
  const [, type] = SHAPES.find(([form]) => form.test(shape)) ?? [];
  return type === undefined ? undefined : { reads, type };
}

/** The tree of an expression that {@link readPlain} has read, in the form that the language gives it. */
export function parsePlain(text: string): Node {
  const tokens = [...text.matchAll(TOKEN)].filter(({ 0: token }) => token.trim() !== "");
  let next = 0;
  const operatorAt = (index: number): string => tokens[index]?.groups?.operator ?? "";
  const operation = (level: number): Node => {
    const operators = LEVELS[level];
    if (operators === undefined) return operandOf(tokens[next++] as RegExpExecArray);
    let left = operation(level + 1);
    for (let op = operatorAt(next); operators.includes(op); op = operatorAt(next)) {
      next += 1;
      const right = operation(level + 1);
      left = { op, args: [left, right], pos: left.start, start: left.start, end: right.end, meta: {}, evaluate: unevaluated };
    }
    return left;
  };
  return operation(0);
}

/** From the loosest to the tightest. */
const LEVELS: readonly (readonly string[])[] = [["||"], ["&&"], ["<", "<=", ">", ">=", "==", "!="], ["+", "-"], ["*", "/", "%"]];

function operandOf({ 0: token, index, groups = {} }: RegExpExecArray): Node {
  const { name, sized, number, literal } = groups;
  const whole = { pos: index, start: index, end: index + token.length, meta: {}, evaluate: unevaluated };
  if (number !== undefined) return { op: "value", args: Number(number), ...whole };
  if (literal !== undefined) return { op: "value", args: literal.slice(1, -1), ...whole };
  if (name !== undefined) return pathNode(name, index);
  return { op: "call", args: ["size", [pathNode(sized ?? "", index + token.indexOf(sized ?? ""))]], ...whole };
}

function pathNode(path: string, start: number): Node {
  const [root = "", ...members] = path.split(".");
  const at = { meta: {}, evaluate: unevaluated };
  let end = start + root.length;
  return members.reduce<Node>(
    (base, member) => {
      const pos = end + 1;
      end = pos + member.length;
      return { op: ".", args: [base, member], pos, start, end, ...at };
    },
    { op: "id", args: root, pos: start, start, end, ...at },
  );
}

/** The language evaluates; this tree is only looked at. */
function unevaluated(): never {
  throw new Error("a plain tree cannot be evaluated");
}

const PATH = String.raw`[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,9}`;
const NUMBER = String.raw`\d{1,15}(?:\.\d{1,15})?(?![\w.])`;
const LITERAL = String.raw`'[^'"\\\n\r]*'|"[^'"\\\n\r]*"`;
const OPERATOR = String.raw`[-+*/%]|[<>]=?|[=!]=|&&|\|\|`;
const TOKEN = new RegExp(
  String.raw`[ \t\n\r]+|size\((?<sized>${PATH})\)|(?<name>${PATH})|(?<number>${NUMBER})|(?<literal>${LITERAL})|(?<operator>${OPERATOR})`,
  "gy",
);

/** Words of the language, and names that it has taken. */
const TAKEN_WORDS: ReadonlySet<string> = new Set(
  (
    "true false null in as break const continue else for function if import let loop package namespace return var void while " +
    "__proto__ prototype string bool int uint double map list bytes null_type type google cel optional"
  ).split(" "),
);

/** Far below what the expression language takes. */
const MAX_SHAPE = 30;

const SIDE = "[n1](?:[-+*/%][n1])*";
const COMPARISON = "(?:[<>]=?|[=!]=)";
const CONDITION = `(?:${SIDE}${COMPARISON}${SIDE}|n${COMPARISON}'|'${COMPARISON}n|n)`;

/** The kind of value by the operands: `n` is of any kind, `1` a number, `'` a text. */
const SHAPES: readonly (readonly [shape: RegExp, type: PlainExpression["type"]])[] = [
  [/^n(?:[-+*/%]n)*$/, null],
  [/^1(?:[-+*/%]1)*$/, "number"],
  [new RegExp(`^${CONDITION}(?:(?:&&|\\|\\|)${CONDITION})*$`), "boolean"],
];

/** Notes what a name with members reads; false where it may be none. */
function read(reads: Growing<Reads>, path: string, start: number, context: ExpressionContext): boolean {
  const [root = "", member] = path.split(".", 2);
  const inside = (name: string): Read => {
    const from = start + root.length + 1;
    return { name, viaState: root === "state", tested: false, start: from, end: from + name.length };
  };
  if (root === "env" || TAKEN_WORDS.has(root)) return false;
  if (root === "state") {
    if (member === undefined) reads.wholeState = true;
    else reads.keys.push(inside(member));
  } else if (root === "meta" || root === "stages") {
    if (member !== undefined) reads[root].push(inside(member));
  } else if (root !== "result" || context.result !== true) {
    reads.keys.push({ name: root, viaState: false, tested: false, start, end: start + root.length });
  }
  return true;
}

type Growing<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };
