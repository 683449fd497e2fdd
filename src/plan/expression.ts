import { Environment } from "@marcbachmann/cel-js";
import type { Json } from "../spec/json.ts";
import { withWholeFixes } from "./expression-mend.ts";
import { parsePlain, readPlain } from "./expression-plain.ts";
import { adaptNodes, ScopeNames, startWork, toResult } from "./expression-runtime.ts";
import { children, inspect, type Node } from "./expression-tree.ts";
import {
  type CelError,
  evaluationError,
  one,
  operandsOf,
  type Signature,
  syntaxProblem,
  typeProblem,
  typeWord,
} from "./expression-words.ts";
import type { ExpressionContext, ExpressionProblem, Reads, Scope } from "./scope.ts";

export { ExpressionError } from "./expression-error.ts";

/**
 * A compiled expression (CEL). Immutable; evaluating it has no side effects and always ends.
 */
export interface Expression {
  /** As written. */
  readonly text: string;
  /** What it reads, for checks and for the dry run: bare names, `state` keys, `env` and `stages` names. */
  readonly reads: Reads;
  /** The kind of its value where the text alone decides it, otherwise null. */
  readonly type: ValueType | null;
  /** Its parts; null for what stands in for an expression with problems. */
  tree(): Node | null;
  /** The value, frozen. @throws ExpressionError */
  evaluate(scope: Scope): Json;
}

export type ValueType = "boolean" | "number" | "string" | "list" | "object" | "null";

/** An expression, or what the text shows to be wrong with it. */
export type CompiledExpression = { readonly expression: Expression } | { readonly problems: readonly ExpressionProblem[] };

/** Never throws. */
export function compileExpression(text: string, context: ExpressionContext): CompiledExpression {
  if (text.trim() === "")
    return refuse({
      code: "empty-expression",
      message: "there is no expression",
      help: "write one, such as `count > 0`, or remove the key",
      start: 0,
      end: text.length,
    });
  const plain = readPlain(text, context);
  if (plain === undefined) return withFixes(compileFully(text, context), text, context);
  let full: Expression | undefined;
  let parsed: Node | undefined;
  const evaluate = (scope: Scope): Json => (full ??= expressionOf(compileFully(text, context))).evaluate(scope);
  return { expression: Object.freeze({ text, ...plain, tree: () => (parsed ??= parsePlain(text)), evaluate }) };
}

function withFixes(compiled: CompiledExpression, text: string, context: ExpressionContext): CompiledExpression {
  if ("expression" in compiled) return compiled;
  const problemsOf = (mended: string): readonly ExpressionProblem[] => {
    const again = compileFully(mended, context);
    return "expression" in again ? [] : again.problems;
  };
  return { problems: withWholeFixes(text, compiled.problems, problemsOf) };
}

function expressionOf(compiled: CompiledExpression): Expression {
  if ("expression" in compiled) return compiled.expression;
  throw new Error(`what is plain has problems: ${JSON.stringify(compiled.problems)}`);
}

function compileFully(text: string, context: ExpressionContext): CompiledExpression {
  language ??= createLanguage();
  let parsed: Parsed;
  try {
    parsed = parse(language, text);
  } catch (error) {
    return refuse(syntaxProblem(error, text, context));
  }
  const { reads, problems } = inspect(parsed.ast, context, language.words);
  if (problems.length > 0) return { problems };
  const type = check(language, parsed, text);
  if (typeof type === "object") return refuse(type);
  adaptNodes(parsed.ast, text);
  const evaluate = (scope: Scope) => evaluateParsed(parsed, text, context, scope);
  return { expression: Object.freeze({ text, reads, type: valueType(type), tree: () => parsed.ast, evaluate }) };
}

function refuse(problem: ExpressionProblem): CompiledExpression {
  return { problems: [problem] };
}

function evaluateParsed(parsed: Parsed, text: string, context: ExpressionContext, scope: Scope): Json {
  try {
    startWork();
    return toResult(parsed(new ScopeNames(scope, context)), text);
  } catch (error) {
    throw evaluationError(error, parsed.ast, text);
  }
}

interface Language {
  readonly environment: Environment;
  /** Names that the language has taken: types and name spaces. */
  readonly words: ReadonlySet<string>;
  readonly signatures: readonly Signature[];
  /** The type of what is only known in the run. */
  readonly dynamic: NonNullable<Node["checkedType"]>;
}

interface Parsed {
  (names: ScopeNames): unknown;
  readonly ast: Node;
  check(): { readonly valid: boolean; readonly type?: string; readonly error?: Error };
}

let language: Language | undefined;

/** Every name is of the type `dyn`: as `double`, a number of the state could not be compared with the literal 3. */
function createLanguage(): Language {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 300, maxDepth: 24 },
  });
  for (const [operator, calculate] of Object.entries(ARITHMETIC)) {
    environment.registerOperator(`double ${operator} int: double`, (left: number, right: bigint) => calculate(left, Number(right)));
    environment.registerOperator(`int ${operator} double: double`, (left: bigint, right: number) => calculate(Number(left), right));
  }
  environment.registerOperator("double % double: double", (left: number, right: number) => left % right);
  environment.registerOperator("int == double: bool", (left: bigint, right: number) => Number(left) === right);
  const { variables, functions } = environment.getDefinitions();
  const probe = environment.parse("name");
  probe.check();
  return {
    environment,
    words: new Set(variables.map(({ name }) => name)),
    signatures: functions,
    dynamic: (probe.ast as unknown as Node).checkedType as Language["dynamic"],
  };
}

/** JSON numbers are doubles, literals and sizes are integers: the package knows no arithmetic between them. */
const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
};

/** Words that the package does not take as a member's name, although nothing else could stand after a dot. */
const KEYWORDS: ReadonlySet<string> = new Set(["in", "true", "false", "null"]);

/** Parses; a member such as `state.in` goes through the parser under a name of the same length. */
function parse({ environment }: Language, text: string): Parsed {
  let source = text;
  for (;;) {
    try {
      const parsed = environment.parse(source) as unknown as Parsed;
      if (source !== text) restoreMembers(parsed.ast, text);
      return parsed;
    } catch (error) {
      const { start, end } = (error as { range?: { start: number; end: number } }).range ?? { start: 0, end: 0 };
      if (!KEYWORDS.has(source.slice(start, end)) || !/\.\s*$/.test(source.slice(0, start))) throw error;
      source = source.slice(0, start) + "_".repeat(end - start) + source.slice(end);
    }
  }
}

function restoreMembers(node: Node, text: string): void {
  const { op, args, pos, end } = node;
  if (op === ".") (args as [Node, string])[1] = text.slice(pos, end);
  for (const part of children(node)) restoreMembers(part, text);
}

/**
 * The type of the whole, or what is wrong.
 *
 * CEL wants one type where JSON does not: for both results of `ready ? 1 : null`, for the items of `[1] + ["a"]`. There the
 * first part is taken to be of a type that is only known in the run; nothing but the node around it looks at that.
 */
function check({ dynamic, signatures }: Language, parsed: Parsed, text: string): string | ExpressionProblem {
  for (;;) {
    const { valid, type = "dyn", error } = parsed.check();
    if (valid && type !== "bytes" && type !== "type") return type;
    if (valid)
      return { code: "type-mismatch", message: `the value would be ${one(type)}, which JSON cannot hold`, start: 0, end: text.length };
    const first = firstOfMixed(error);
    if (first === undefined || first.checkedType === dynamic) return typeProblem(error, parsed.ast, text, signatures);
    first.checkedType = dynamic;
  }
}

/** By operator: what may stand on its right, whatever the types of the items are. */
const MIXED: ReadonlyMap<string, readonly string[]> = new Map([
  ["+", ["list"]],
  ["==", ["list", "object"]],
  ["!=", ["list", "object"]],
  ["in", ["list"]],
]);

/** The first of two parts whose types CEL does not let stand together, and JSON does. */
function firstOfMixed(error: unknown): Node | undefined {
  const { code, summary = "", node } = error as Partial<CelError>;
  if (node === undefined) return undefined;
  const [first, second] = children(node);
  if (code === "incompatible_ternary_branches") return second;
  if (code !== "no_such_overload") return undefined;
  const [left, right = ""] = operandsOf(summary, node);
  if (!MIXED.get(node.op)?.includes(right) || (left !== right && node.op !== "in")) return undefined;
  node.leftStaticType = undefined;
  return first;
}

function valueType(type: string): ValueType | null {
  const word = typeWord(type);
  switch (word) {
    case "boolean":
    case "number":
    case "string":
    case "list":
    case "object":
    case "null":
      return word;
    default:
      return word === "timestamp" || word === "duration" ? "string" : null;
  }
}
