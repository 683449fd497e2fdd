import { type Json, setOwn, toJson } from "../spec/json.ts";
import { ExpressionError } from "./expression-error.ts";
import type { ExpressionContext, Scope } from "./scope.ts";
import { children, type Node } from "./expression-tree.ts";
import { one, quote, quoteNode, shorten, sourceOf } from "./expression-words.ts";
import { compilePattern } from "./pattern.ts";

/**
 * How long one evaluation may go on: items looked at in macros, and characters matched, which take around 100 ns each. Two
 * nested macros over a long list would otherwise hold up a run for hours; so it is seconds at most.
 */
const MAX_WORK = 10_000_000;
let work = 0;

function spend(amount: number, node: Node, text: string): void {
  work += amount;
  if (work > MAX_WORK)
    throw new ExpressionError(
      `this takes too long: ${quoteNode(node, text)} goes through more than ${MAX_WORK / 1_000_000} million items or characters`,
    );
}

/** To be called before each evaluation: starts to count anew. */
export function startWork(): void {
  work = 0;
}

/**
 * The names of a scope, as the CEL package wants them: it asks a Map for one name at a time, so nothing is copied.
 *
 * The roots come first: a key of the state that is called like one is reached as `state.meta`.
 */
export class ScopeNames extends Map<string, unknown> {
  readonly #scope: Scope;
  readonly #context: ExpressionContext;

  constructor(scope: Scope, context: ExpressionContext) {
    super();
    this.#scope = scope;
    this.#context = context;
  }

  override get(name: string): unknown {
    const { state, meta, stages, env, result, names } = this.#scope;
    switch (name) {
      case "state":
        return readable(state);
      case "meta":
        return readable(meta);
      case "stages":
        return readable(stages);
      case "env":
        // A copy: process.env is not a plain object, and CEL reads only those.
        return readable({ ...env });
      case "result":
        if (this.#context.result === true && result !== undefined) return readable(result);
        break;
    }
    if (Object.hasOwn(names, name) && names[name] !== undefined) return readable(names[name]);
    throw new ExpressionError(`\`${name}\` is not in the ${names === state ? "state" : "input"}`, name);
  }
}

/** The package asks a value for its `constructor`, which an object from outside may have as a key of its own. */
function readable(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "constructor")) return value;
  return new Map(Object.entries(value));
}

/**
 * Replaces what nodes of a checked tree do where JSON, or a pipeline, wants something else than the package gives:
 * members that name what is missing, no division by zero, bounded loops and regular expressions, whole numbers that
 * arrive as doubles, and keys such as `constructor`, which the package drops.
 */
export function adaptNodes(node: Node, text: string): void {
  for (const child of children(node)) adaptNodes(child, text);
  switch (node.op) {
    case ".":
    case "[]":
      node.handle = (owner: unknown, key: unknown) => readMember(owner, key, node, text);
      break;
    case "/":
    case "%":
      adapt(node, ([, divisor]) => {
        if (divisor === 0 || divisor === 0n) throw new ExpressionError(`cannot divide by zero: ${quoteNode(node, text)}`);
      });
      break;
    case "in":
      adaptIn(node);
      break;
    case "map":
      if ((node.args as unknown[]).length > 0)
        node.evaluate = (evaluator, _node, names) => makeObject(node, text, (part) => part.evaluate(evaluator, part, names));
      break;
    case "call":
      adaptCall(node, text);
      break;
    case "rcall":
      if (node.meta.alternate === undefined) adaptCall(node, text);
      else
        adapt(node.meta.alternate, ([items]) => spend(Array.isArray(items) ? items.length : Object.keys(Object(items)).length, node, text));
      break;
  }
}

/** Does something with the operands before the package does its own. */
function adapt(node: Node, before: (operands: readonly unknown[]) => void): void {
  const handle = node.handle;
  if (handle === undefined) return;
  node.handle = (...operands) => {
    before(operands);
    return handle(...operands);
  };
}

/** The package would look at the types of all values of the object first. */
function adaptIn(node: Node): void {
  const handle = node.handle;
  node.handle = (key: unknown, container: unknown, ...rest) => {
    const isObject = container instanceof Map || (typeof container === "object" && container !== null && isPlain(container));
    return isObject && typeof key === "string" ? memberOf(container, key) !== undefined : handle?.(key, container, ...rest);
  };
}

function readMember(owner: unknown, index: unknown, node: Node, text: string): unknown {
  const key = keyOf(index);
  if (key === undefined) throw new ExpressionError(`an index is a number or a text: ${quoteNode(node, text)}`);
  const value = memberOf(owner, key);
  if (value === undefined) throw missingMember(owner, key, node, text);
  return readable(value);
}

function memberOf(owner: unknown, key: string | number): unknown {
  if (typeof owner !== "object" || owner === null) return undefined;
  if (Array.isArray(owner)) return typeof key === "number" ? owner[key] : undefined;
  if (owner instanceof Map) return owner.get(String(key));
  return Object.hasOwn(owner, key) ? (owner as Record<string, unknown>)[key] : undefined;
}

/** What may stand for a key or an index; undefined for everything else. */
function keyOf(value: unknown): string | number | undefined {
  switch (typeof value) {
    case "string":
    case "number":
      return value;
    case "bigint":
      return Number(value);
    case "boolean":
      return String(value);
    default:
      return value !== null && typeof value?.valueOf() === "bigint" ? Number(value) : undefined;
  }
}

function missingMember(owner: unknown, key: string | number, node: Node, text: string): ExpressionError {
  const [base] = node.args as [Node];
  const path = pathOf(base, text);
  const name = shorten(String(key));
  const missing = `${path}${node.op === "." ? `.${name}` : typeof key === "string" ? `['${name}']` : `[${name}]`}`;
  if (Array.isArray(owner) && typeof key === "number") {
    const length = `${owner.length} item${owner.length === 1 ? "" : "s"}`;
    return new ExpressionError(`\`${missing}\` is not there: \`${path}\` has ${length}, counted from 0`, missing);
  }
  if (Array.isArray(owner) || typeof owner !== "object") {
    const type = Array.isArray(owner) ? "list" : typeof owner === "bigint" ? "number" : typeof owner;
    return new ExpressionError(`a ${type} has no member \`${name}\`: ${quoteNode(node, text)}`);
  }
  if (owner === null) return new ExpressionError(`\`${missing}\` is not there: \`${path}\` is null`, missing);
  switch (base.op === "id" ? base.args : "") {
    case "state":
      return new ExpressionError(`\`${name}\` is not in the state`, missing);
    case "env":
      return new ExpressionError(`the environment variable \`${name}\` is not set`, missing);
    case "meta":
      return new ExpressionError(`\`${name}\` is not in the metadata`, missing);
    case "stages":
      return new ExpressionError(`no stage \`${name}\` has run`, missing);
    default:
      return new ExpressionError(`\`${missing}\` is not there`, missing);
  }
}

/** How a value is reached, as one would write it: `order.lines[0].price`. */
function pathOf(node: Node, text: string): string {
  if (node.op !== "." && node.op !== "[]") return sourceOf(node, text);
  const [base, index] = node.args as [Node, Node | string];
  return `${pathOf(base, text)}${typeof index === "string" ? `.${index}` : `[${sourceOf(index, text)}]`}`;
}

function makeObject(node: Node, text: string, evaluate: (part: Node) => unknown): unknown {
  const object = {};
  for (const [keyNode, valueNode] of node.args as readonly [Node, Node][]) {
    const key = keyOf(evaluate(keyNode));
    if (key === undefined) throw new ExpressionError(`a key of an object must be text: ${quoteNode(keyNode, text)}`);
    setOwn(object, String(key), evaluate(valueNode));
  }
  return readable(object);
}

/** Functions that take positions and counts, which JSON has as doubles. */
const TAKES_WHOLE_NUMBERS: ReadonlySet<string> = new Set(["substring", "indexOf", "lastIndexOf", "split", "at", "timestamp"]);

function adaptCall(node: Node, text: string): void {
  const [name] = node.args as [string];
  if (name === "matches") adaptMatches(node, text);
  if (!TAKES_WHOLE_NUMBERS.has(name)) return;
  adapt(node, (operands) => {
    const values = operands[0] as unknown[];
    for (const [index, value] of values.entries()) if (Number.isInteger(value)) values[index] = BigInt(value as number);
    // Without a zone the time would be that of the machine's own zone.
    if (name === "timestamp" && typeof values[0] === "string" && !/(?:Z|[+-]\d\d:\d\d)$/.test(values[0])) {
      throw new ExpressionError(`a time is written with its zone, as in '2030-01-31T12:00:00Z': ${quoteNode(node, text)}`);
    }
  });
}

function adaptMatches(node: Node, text: string): void {
  const handle = node.handle;
  node.handle = (values: readonly unknown[], ...rest) => {
    const [subject, source] = values;
    if (typeof subject !== "string" || typeof source !== "string" || values.length !== 2) return handle?.(values, ...rest);
    const pattern = compilePattern(source);
    if (!("regex" in pattern))
      throw new ExpressionError(`this regular expression cannot be used: ${pattern.reason}: ${quoteNode(node, text)}`);
    spend(subject.length * (1 + pattern.size / 16), node, text);
    return pattern.regex.test(subject);
  };
}

/** The value of an expression as frozen JSON. What came from the scope is handed on as it is. */
export function toResult(value: unknown, text: string): Json {
  return toJson(plain(value, text));
}

function plain(value: unknown, text: string): unknown {
  switch (typeof value) {
    case "bigint":
      return wholeNumber(value, text);
    case "number":
      if (Number.isFinite(value)) return value;
      throw new ExpressionError(`the result is not a number that JSON can hold (${value}): ${quote(text)}`);
    case "object":
      return value === null || isFrozenJson(value) ? value : plainObject(value, text);
    default:
      return value;
  }
}

function wholeNumber(value: bigint, text: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new ExpressionError(`the result ${value} is too large for a whole number in JSON: ${quote(text)}`);
}

function plainObject(value: object, text: string): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, text));
  if (value instanceof Map || isPlain(value)) {
    const object = {};
    for (const [key, item] of value instanceof Map ? value : Object.entries(value)) setOwn(object, key, plain(item, text));
    return object;
  }
  if (value instanceof Date) return value.toISOString();
  const whole = value.valueOf();
  if (typeof whole === "bigint") return wholeNumber(whole, text);
  if (typeof whole === "number") return `${whole / 1000}s`;
  const type = value instanceof Uint8Array ? "bytes" : value.constructor.name.toLowerCase();
  throw new ExpressionError(`the result holds ${one(type)}, which JSON cannot hold: ${quote(text)}`);
}

function isFrozenJson(value: object): boolean {
  return Object.isFrozen(value) && (Array.isArray(value) || isPlain(value));
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
