import type { Span } from "../spec/diagnostic.ts";
import type { ExpressionContext, ExpressionProblem, Read, Reads } from "./scope.ts";
import { compilePattern } from "./pattern.ts";

/** A node of a parsed expression, as the CEL package makes it; offsets are in the expression's text. */
export interface Node {
  /** `id`, `value`, `.`, `[]`, `call`, `rcall`, `list`, `map`, `?:`, or an operator. */
  readonly op: string;
  readonly args: unknown;
  /** Where its name stands in `a.name`, otherwise the same as `start`. */
  readonly pos: number;
  /** A parenthesis around a whole node is not part of it. */
  readonly start: number;
  readonly end: number;
  /** What the package calls with the values of the operands, once it has checked the node. */
  handle?(...operands: unknown[]): unknown;
  evaluate(evaluator: unknown, node: Node, names: unknown): unknown;
  checkedType?: { readonly name: string };
  /** The type of the left operand, where it does not depend on the run. */
  leftStaticType?: { readonly name: string } | undefined;
  /** `alternate` is what a macro stands for. */
  readonly meta: { readonly alternate?: Node };
}

/** A problem without its place. */
export type Wording = Pick<ExpressionProblem, "code" | "message" | "help" | "fix">;

export interface Inspection {
  readonly reads: Reads;
  readonly problems: readonly ExpressionProblem[];
}

/**
 * Finds what an expression reads, and what is wrong with it beyond syntax and types: words that are no names, variables
 * of the environment where there are none, macros nested too deeply, patterns that cannot be bounded.
 *
 * `words` are the names that the expression language has taken for itself.
 */
export function inspect(root: Node, context: ExpressionContext, words: ReadonlySet<string>): Inspection {
  const walk: Walk = { context, words, keys: [], env: [], stages: [], meta: [], wholeState: false, problems: [] };
  visit(walk, root, { locals: [], nesting: 0 });
  const { keys, env, stages, meta, wholeState, problems } = walk;
  return { reads: { keys, env, stages, meta, wholeState }, problems };
}

/** The parts of a node that are nodes themselves, in the order of the text. */
export function children({ args }: Node): Node[] {
  return (Array.isArray(args) ? args.flat() : [args]).filter(
    (part): part is Node => typeof part === "object" && part !== null && "op" in part,
  );
}

/** The index after the text literal that starts with the quote at `start`; undefined where it does not end. */
export function endOfLiteral(text: string, start: number): number | undefined {
  const quote = text.charAt(start);
  const closing = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  for (let index = start + closing.length; index < text.length; index += text[index] === "\\" ? 2 : 1) {
    if (text.startsWith(closing, index)) return index + closing.length;
    if (closing.length === 1 && text[index] === "\n") return undefined;
  }
  return undefined;
}

interface Walk {
  readonly context: ExpressionContext;
  readonly words: ReadonlySet<string>;
  readonly keys: Read[];
  readonly env: Read[];
  readonly stages: Read[];
  readonly meta: Read[];
  readonly problems: ExpressionProblem[];
  wholeState: boolean;
}

/** Where a node stands: the variables of the macros around it, and how many these are. */
interface Surroundings {
  readonly locals: readonly string[];
  readonly nesting: number;
}

type Root = "state" | "meta" | "stages" | "env" | "result";

const MAX_NESTED_MACROS = 2;

function visit(walk: Walk, node: Node, around: Surroundings): void {
  switch (node.op) {
    case "id":
      return visitName(walk, node, around);
    case ".":
    case "[]":
      return visitMember(walk, node, around);
    case "call":
      return visitCall(walk, node, around);
    case "rcall":
      return visitMethod(walk, node, around);
    case "in":
      return visitIn(walk, node, around);
    case "==":
    case "!=":
      return visitEquality(walk, node, around);
    default:
      return visitAll(walk, children(node), around);
  }
}

function visitAll(walk: Walk, nodes: readonly Node[], around: Surroundings): void {
  for (const node of nodes) visit(walk, node, around);
}

function visitName(walk: Walk, node: Node, { locals }: Surroundings): void {
  const name = node.args as string;
  if (locals.includes(name)) return;
  const root = rootOf(walk, node, locals);
  if (root === "env") {
    problem(walk, node, envProblem(walk, "`env` can only be read by name", "write `env.NAME`"));
  } else if (root !== undefined) {
    if (root === "state") walk.wholeState = true;
  } else if (walk.words.has(name)) {
    problem(walk, node, reservedName(name, node, walk.context));
  } else {
    walk.keys.push({ name, viaState: false, tested: false, start: node.start, end: node.end });
  }
}

/** `env` counts as a root everywhere, so that it never quietly means a key of the state. */
function rootOf({ context }: Walk, node: Node, locals: readonly string[]): Root | undefined {
  if (node.op !== "id" || locals.includes(node.args as string)) return undefined;
  const name = node.args as Root;
  switch (name) {
    case "state":
    case "meta":
    case "stages":
    case "env":
      return name;
    case "result":
      return context.result === true ? name : undefined;
    default:
      return undefined;
  }
}

function envProblem({ context }: Walk, message: string, help: string): Wording {
  if (context.env === true) return { code: "invalid-env", message, help };
  return {
    code: "env-not-allowed",
    message: "`env` cannot be read here",
    help: "environment variables can be read in an agent's `env` and in a provider's `headers`; a key of the state that is called `env` is `state.env`",
  };
}

/** The problem of a word that cannot be a bare name. */
export function reservedName(name: string, place: Span, context: ExpressionContext): Wording {
  return {
    code: "reserved-name",
    message: `\`${name}\` is a word of the expression language and cannot stand alone as a name`,
    help:
      context.input === true
        ? `give it another name in the \`input\` table; a key of the state is \`state.${name}\``
        : `for the key of the state, write \`state.${name}\``,
    ...stateFix(name, place, context),
  };
}

/** The name as a member of the state. Where bare names are something else than the state, it may not be there. */
function stateFix(name: string, { start, end }: Span, context: ExpressionContext): Pick<Wording, "fix"> {
  return context.input === true ? {} : { fix: { safe: true, start, end, text: `state.${name}` } };
}

function visitMember(walk: Walk, node: Node, around: Surroundings): void {
  const [base, index] = node.args as [Node, Node | string];
  const root = rootOf(walk, base, around.locals);
  const member = memberOf(node);
  if (root !== undefined && member !== undefined) return readMember(walk, root, base, member, false);
  visit(walk, base, around);
  if (typeof index === "object") visit(walk, index, around);
}

interface Member {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** What is read in `base.name` and `base['name']`; undefined where the name is not in the text. */
function memberOf(node: Node): Member | undefined {
  const [, index] = node.args as [Node, Node | string];
  if (typeof index === "string") return { name: index, start: node.pos, end: node.end };
  return index.op === "value" && typeof index.args === "string" ? { name: index.args, start: index.start, end: index.end } : undefined;
}

function readMember(walk: Walk, root: Root, base: Node, { name, start, end }: Member, tested: boolean): void {
  const read: Read = { name, viaState: root === "state", tested, start, end };
  if (root === "env" && walk.context.env !== true) problem(walk, base, envProblem(walk, "", ""));
  else if (root === "state") walk.keys.push(read);
  else if (root !== "result") walk[root].push(read);
}

function visitCall(walk: Walk, node: Node, around: Surroundings): void {
  const [name, args] = node.args as [string, Node[]];
  const [asked] = args;
  if (name !== "has" || args.length !== 1 || asked === undefined) return visitAll(walk, args, around);
  if (!isChain(asked)) return problem(walk, asked, hasProblem(asked, walk.context));
  const [base] = asked.args as [Node];
  const root = rootOf(walk, base, around.locals);
  if (root === undefined) visit(walk, base, around);
  else readMember(walk, root, base, memberOf(asked) as Member, true);
}

/** `a.b.c` */
function isChain(node: Node): boolean {
  if (node.op !== ".") return false;
  const [base] = node.args as [Node];
  return base.op === "id" || isChain(base);
}

function hasProblem(asked: Node, context: ExpressionContext): Wording {
  const member = asked.op === "[]" ? memberOf(asked) : undefined;
  const help =
    asked.op === "id"
      ? `write \`has(state.${asked.args as string})\``
      : member === undefined
        ? undefined
        : `write \`'${member.name}' in …\` in place of \`has(…['${member.name}'])\``;
  return {
    code: "type-mismatch",
    message: "`has` asks for a member by name, such as `has(state.name)`",
    ...(help === undefined ? {} : { help }),
    ...(asked.op === "id" ? stateFix(asked.args as string, asked, context) : {}),
  };
}

/** Macros over a list or an object, with the numbers of arguments that they take. */
const MACROS: ReadonlyMap<string, readonly number[]> = new Map([
  ["all", [2]],
  ["exists", [2]],
  ["exists_one", [2]],
  ["filter", [2]],
  ["map", [2, 3]],
]);

function visitMethod(walk: Walk, node: Node, around: Surroundings): void {
  const [name, receiver, args] = node.args as [string, Node, Node[]];
  const binds = name === "bind" && args.length === 3 && receiver.op === "id" && receiver.args === "cel";
  if (!binds) visit(walk, receiver, around);
  if (!binds && !MACROS.get(name)?.includes(args.length)) {
    if (name === "matches") checkPattern(walk, args[0]);
    return visitAll(walk, args, around);
  }
  if (around.nesting === MAX_NESTED_MACROS) {
    const message = `\`${name}\` stands inside ${MAX_NESTED_MACROS} others, and deeper than that the time to evaluate it has no sensible bound`;
    return problem(walk, node, { code: "expression-too-large", message, help: "move a part of it to a stage of its own" });
  }
  const [variable, ...rest] = args as [Node, ...Node[]];
  const locals = [...around.locals, String(variable.args)];
  if (binds) visit(walk, rest.shift() as Node, around);
  visitAll(walk, rest, { locals, nesting: around.nesting + 1 });
}

function checkPattern(walk: Walk, node: Node | undefined): void {
  if (node?.op !== "value" || typeof node.args !== "string") return;
  const pattern = compilePattern(node.args);
  if ("regex" in pattern) return;
  problem(walk, node, {
    code: "invalid-pattern",
    message: `this regular expression cannot be used: ${pattern.reason}`,
    ...(pattern.help === undefined ? {} : { help: pattern.help }),
  });
}

/** `'key' in state` asks for a key as `has(state.key)` does, and can say any key. */
function visitIn(walk: Walk, node: Node, around: Surroundings): void {
  const [asked, container] = node.args as [Node, Node];
  const root = rootOf(walk, container, around.locals);
  if (root === undefined || asked.op !== "value" || typeof asked.args !== "string") return visitAll(walk, [asked, container], around);
  readMember(walk, root, container, { name: asked.args, start: asked.start, end: asked.end }, true);
}

/** The names of types may stand beside `type(…)`. */
function visitEquality(walk: Walk, node: Node, around: Surroundings): void {
  const [left, right] = node.args as [Node, Node];
  for (const [side, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const namesType =
      side.op === "id" && walk.words.has(side.args as string) && other.op === "call" && (other.args as [string])[0] === "type";
    if (!namesType) visit(walk, side, around);
  }
}

function problem(walk: Walk, { start, end }: Node, what: Wording): void {
  walk.problems.push({ ...what, start, end });
}
