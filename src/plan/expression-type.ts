import { nearest } from "../spec/suggest.ts";
import { failingConstants } from "./expression-constants.ts";
import { functionTypes } from "./expression-functions.ts";
import { children, type Node } from "./expression-tree.ts";
import { extent, quoteNode, sourceOf } from "./expression-words.ts";
import type { AdapterEntry } from "./plan.ts";
import {
  ANY,
  BOOLEAN,
  constant,
  describeType,
  isAny,
  type Kind,
  LIST,
  listOf,
  narrowed,
  NUMBER,
  OBJECT,
  objectOf,
  type Scalar,
  STRING,
  type Type,
  union,
} from "./type.ts";

/** The types of what an expression can name. */
export interface TypeNames {
  /** A bare name: a key of the state, or of an input table. */
  bare(name: string): Type;
  /** `state.name` */
  key(name: string): Type;
  readonly stages: Type;
  /** null: there is no `result` here. */
  readonly result: Type | null;
}

/** Where bare names are the entries of an `input` table: `outer` is what these see. */
export function withTable(table: readonly AdapterEntry[] | null, outer: TypeNames): TypeNames {
  if (table === null) return outer;
  const entries = new Map(table.map(({ key, value }) => [key, value]));
  const bare = (name: string): Type => {
    const value = entries.get(name);
    const tree = value?.tree() ?? null;
    return value === undefined || tree === null ? ANY : inferType(tree, value.text, outer).type;
  };
  return { ...outer, bare };
}

/** What the types show. Offsets are in the expression's text. */
export interface TypeFinding {
  /** `mismatch`: evaluating this fails. `constant`: this comparison always comes out the same. */
  readonly kind: "mismatch" | "constant";
  readonly message: string;
  readonly start: number;
  readonly end: number;
  readonly help?: string;
  /** The part whose type is the reason. */
  readonly about: Node;
  readonly type: Type;
}

/** The type of an expression's value, and what cannot work in it. */
export function inferType(tree: Node, text: string, names: TypeNames): { type: Type; findings: readonly TypeFinding[] } {
  const findings: TypeFinding[] = [];
  const walk: Walk = { tree, text, names, findings, locals: new Map() };
  const type = infer(walk, tree);
  for (const { node, message } of failingConstants(tree, text))
    if (!isTold(walk, node)) push(walk, node, node, type, { kind: "mismatch", message });
  // Who asks for the type of a value may use it according to the answer.
  return { type, findings: asksForTypes(tree) ? [] : findings };
}

interface Walk {
  readonly tree: Node;
  readonly text: string;
  readonly names: TypeNames;
  readonly findings: TypeFinding[];
  readonly locals: ReadonlyMap<string, Type>;
}

function isTold({ text, findings }: Walk, node: Node): boolean {
  const { start, end } = extent(node, text);
  return findings.some((finding) => finding.start < end && start < finding.end);
}

function asksForTypes(node: Node): boolean {
  return (node.op === "call" && (node.args as [string])[0] === "type") || children(node).some(asksForTypes);
}

function infer(walk: Walk, node: Node): Type {
  const { op, args } = node;
  const [left, right] = children(node);
  switch (op) {
    case "value":
      return typeOfLiteral(args);
    case "id":
      return typeOfName(walk, args as string);
    case ".":
      return member(walk, node, args as [Node, string]);
    case "[]":
      return index(walk, node, args as [Node, Node]);
    case "list":
      return literalList(children(node).map((item) => infer(walk, item)));
    case "map":
      return object(walk, args as readonly [Node, Node][]);
    case "?:":
      return choice(walk, node, args as [Node, Node, Node]);
    case "call":
      return call(walk, node, args as [string, Node[]]);
    case "rcall":
      return method(walk, node, args as [string, Node, Node[]]);
  }
  if (left === undefined) return ANY;
  if (right === undefined) return unary(walk, node, left);
  return operation(walk, node, left, right);
}

function typeOfLiteral(value: unknown): Type {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "number":
      return constant(value);
    case "bigint":
      return constant(Number(value));
    default:
      return value === null ? constant(null) : ANY;
  }
}

function literalList(items: readonly Type[]): Type {
  return items.length === 0 ? LIST : listOf(union(items));
}

function typeOfName({ names, locals }: Walk, name: string): Type {
  const local = locals.get(name);
  if (local !== undefined) return local;
  switch (name) {
    case "state":
    case "meta":
    case "env":
      return OBJECT;
    case "stages":
      return names.stages;
    case "result":
      return names.result ?? names.bare(name);
    default:
      return names.bare(name);
  }
}

function member(walk: Walk, node: Node, [base, name]: [Node, string]): Type {
  const root = base.op === "id" && !walk.locals.has(base.args as string) ? (base.args as string) : "";
  if (root === "state") return walk.names.key(name);
  if (root === "meta" || root === "env") return STRING;
  const owner = infer(walk, base);
  if (!owner.kinds.has("object")) {
    if (owner.kinds.has("null")) return ANY;
    const isText = owner.kinds.size === 1 && owner.kinds.has("string");
    const help = isText ? { help: `${quoteNode(base, walk.text)} is the text itself: leave out \`.${name}\`` } : {};
    push(walk, node, base, owner, {
      kind: "mismatch",
      message: `${describeType(owner)} has no member \`${name}\`: ${quoteNode(node, walk.text)}`,
      ...help,
    });
    return ANY;
  }
  return memberType(walk, node, base, owner, name);
}

/** Told only where a value is an object in any case. */
function memberType(walk: Walk, node: Node, base: Node, owner: Type, name: string): Type {
  const known = owner.members?.get(name);
  if (known !== undefined) return known;
  if (owner.members === null || owner.open || owner.kinds.size > 1 || isAsked(walk.tree, sourceOf(node, walk.text), walk.text)) return ANY;
  const near = nearest(name, owner.members.keys());
  const help =
    near === undefined
      ? `it has ${[...owner.members.keys()].map((one) => `\`${one}\``).join(", ") || "none"}`
      : `did you mean \`${near}\`?`;
  push(walk, node, base, owner, { kind: "mismatch", message: `${quoteNode(base, walk.text)} has no member \`${name}\``, help });
  return ANY;
}

/** Whether `has(…)` asks somewhere for a member. */
function isAsked(node: Node, member: string, text: string): boolean {
  const [name, [asked]] = node.op === "call" ? (node.args as [string, Node[]]) : ["", []];
  if (name === "has" && asked !== undefined && sourceOf(asked, text) === member) return true;
  return children(node).some((part) => isAsked(part, member, text));
}

function index(walk: Walk, node: Node, [base, key]: [Node, Node]): Type {
  if (key.op === "value" && typeof key.args === "string") {
    const root = base.op === "id" && !walk.locals.has(base.args as string) ? (base.args as string) : "";
    if (root === "state") return walk.names.key(key.args);
    const owner = infer(walk, base);
    return owner.kinds.has("object") ? memberType(walk, node, base, owner, key.args) : misplaced(walk, node, base, owner, STRING);
  }
  const [owner, place] = [infer(walk, base), infer(walk, key)];
  if (base.op === "list") beyond(walk, node, base, owner, valueOf(place));
  const isIndex = owner.kinds.has("list") && place.kinds.has("number");
  if (!isIndex && !owner.kinds.has("object")) return misplaced(walk, node, base, owner, place);
  return owner.kinds.size === 1 && owner.kinds.has("list") ? (owner.items ?? ANY) : ANY;
}

/** Told of a list whose length the text shows. */
function beyond(walk: Walk, node: Node, base: Node, owner: Type, place: Scalar | undefined): void {
  const { length } = children(base);
  if (typeof place !== "number" || !Number.isInteger(place) || (place >= 0 && place < length)) return;
  const items = `${length} item${length === 1 ? "" : "s"}`;
  tell(walk, node, base, owner, `the list has ${items}, counted from 0`);
}

function misplaced(walk: Walk, node: Node, base: Node, owner: Type, place: Type): Type {
  if (owner.kinds.has("null")) return ANY;
  const isList = owner.kinds.has("list");
  if (!isList || !place.kinds.has("number"))
    tell(
      walk,
      node,
      base,
      owner,
      isList ? `the index of a list is a whole number, not ${describeType(place)}` : `${describeType(owner)} has no members`,
    );
  return ANY;
}

function object(walk: Walk, entries: readonly [Node, Node][]): Type {
  const members = new Map<string, Type>();
  let open = false;
  for (const [key, value] of entries) {
    const type = infer(walk, value);
    if (key.op === "value" && typeof key.args === "string") members.set(key.args, type);
    else open = true;
  }
  return objectOf(members, open);
}

function choice(walk: Walk, node: Node, [condition, yes, no]: [Node, Node, Node]): Type {
  const chosen = valueOf(needs(walk, node, condition, ["boolean"], "this must be true or false"));
  const [left, right] = [infer(walk, yes), infer(walk, no)];
  return chosen === true ? left : chosen === false ? right : union([left, right]);
}

/** The type of an operand that has to be of one of some kinds. */
function needs(walk: Walk, node: Node, operand: Node, kinds: readonly Kind[], message: string): Type {
  const type = infer(walk, operand);
  const fitting = narrowed(type, kinds);
  if (fitting.kinds.size > 0) return fitting;
  const help = kinds.length === 1 && kinds[0] === "boolean" ? "compare it with something, for example count > 0" : undefined;
  tell(walk, node, operand, type, `${message}, not ${describeType(type)}`, help);
  return ANY;
}

/** The only value that something can have; undefined where there may be others. */
function valueOf({ values }: Type): Scalar | undefined {
  return values?.length === 1 ? values[0] : undefined;
}

function unary(walk: Walk, node: Node, operand: Node): Type {
  if (node.op !== "!_") return narrowOrAny(needs(walk, node, operand, ["number"], "only a number can be negated"), NUMBER);
  const value = valueOf(needs(walk, node, operand, ["boolean"], "`!` needs true or false"));
  return typeof value === "boolean" ? constant(!value) : BOOLEAN;
}

function narrowOrAny(type: Type, plain: Type): Type {
  return isAny(type) ? ANY : plain;
}

function operation(walk: Walk, node: Node, left: Node, right: Node): Type {
  switch (node.op) {
    case "&&":
    case "||":
      return logical(walk, node, left, right);
    case "==":
    case "!=":
      return equality(walk, node, left, right);
    case "<":
    case "<=":
    case ">":
    case ">=":
      same(walk, node, left, right, ["number", "string", "boolean"], "cannot compare", "with");
      return BOOLEAN;
    case "+":
      return same(walk, node, left, right, ["number", "string", "list"], "cannot add", "and");
    case "-":
      return same(walk, node, left, right, ["number"], "cannot subtract", "and");
    case "*":
      return same(walk, node, left, right, ["number"], "cannot multiply", "by");
    case "/":
    case "%":
      return division(walk, node, left, right);
    case "in":
      return membership(walk, node, left, right);
    default:
      return ANY;
  }
}

function logical(walk: Walk, node: Node, left: Node, right: Node): Type {
  const message = `\`${node.op}\` needs true or false on both sides`;
  const sides = [left, right].map((side) => valueOf(needs(walk, node, side, ["boolean"], message)));
  const deciding = node.op === "||";
  if (sides.includes(deciding)) return constant(deciding);
  return sides.every((side) => side === !deciding) ? constant(!deciding) : BOOLEAN;
}

function equality(walk: Walk, node: Node, left: Node, right: Node): Type {
  const [one, other] = [infer(walk, left), infer(walk, right)];
  const isEqual = equal(one, other);
  if (isEqual === undefined) return BOOLEAN;
  const about = one.values === null || left.op !== "value" ? left : right;
  // Of two constants nothing has to be said: the condition is told as a whole.
  if (left.op !== "value" || right.op !== "value") {
    const outcome = isEqual === (node.op === "==") ? "always" : "never";
    tellConstant(walk, node, about, about === left ? one : other, about === left ? other : one, outcome);
  }
  return constant(isEqual === (node.op === "=="));
}

/** Whether two values are equal; undefined where they may be or not. */
function equal(one: Type, other: Type): boolean | undefined {
  const shared = [...one.kinds].filter((kind) => other.kinds.has(kind));
  if (shared.length === 0) return false;
  if (one.values === null || other.values === null) return undefined;
  if (!one.values.some((value) => other.values?.includes(value) === true)) return false;
  return one.values.length === 1 && other.values.length === 1 ? true : undefined;
}

function tellConstant(walk: Walk, node: Node, about: Node, type: Type, other: Type, outcome: "always" | "never"): void {
  const name = quoteNode(about, walk.text);
  const value = valueOf(other);
  const texts = (type.values ?? []).map((one) => JSON.stringify(one));
  const isKnown = type.values !== null && type.values.length > 0;
  const near =
    typeof value === "string"
      ? meantBy(
          value,
          (type.values ?? []).filter((one) => typeof one === "string"),
        )
      : undefined;
  const reason = isKnown ? `is ${texts.length > 1 ? `one of ${texts.join(", ")}` : texts[0]}` : `is ${describeType(type)}`;
  const contrast = isKnown && type.kinds.size === other.kinds.size && [...other.kinds].every((kind) => type.kinds.has(kind));
  push(walk, node, about, type, {
    kind: "constant",
    message: `this is ${outcome} true: ${name} ${reason}${contrast ? "" : `, and the other side ${describeType(other)}`}`,
    ...(near !== undefined && near !== value
      ? { help: `did you mean "${near}"?` }
      : contrast
        ? {}
        : { help: `compare it with ${describeType(type)}` }),
  });
}

/** The near text, or the only one that begins alike, as `succeeded` and `success` do. */
function meantBy(text: string, candidates: readonly string[]): string | undefined {
  const alike = candidates.filter((one) => text.length > 4 && one.startsWith(text.slice(0, 4)));
  return nearest(text, candidates) ?? (alike.length === 1 ? alike[0] : undefined);
}

/** Two operands of one kind: that kind, or what is left of both. */
function same(walk: Walk, node: Node, left: Node, right: Node, kinds: readonly Kind[], verb: string, between: string): Type {
  const [one, other] = [infer(walk, left), infer(walk, right)];
  const shared = kinds.filter((kind) => one.kinds.has(kind) && other.kinds.has(kind));
  if (shared.length === 0) {
    const about = right.op === "value" || (left.op !== "value" && !kinds.some((kind) => one.kinds.has(kind))) ? left : right;
    tell(
      walk,
      node,
      about,
      about === left ? one : other,
      `${verb} ${describeType(one)} ${between} ${describeType(other)}`,
      conversion(node, one, other),
    );
    return ANY;
  }
  if (isAny(one) || isAny(other)) return ANY;
  return {
    ...ANY,
    kinds: new Set(shared),
    items: shared.includes("list") && one.items && other.items ? union([one.items, other.items]) : null,
  };
}

function conversion({ op }: Node, one: Type, other: Type): string | undefined {
  const isOne = (kind: Kind): boolean => [one, other].some(({ kinds }) => kinds.size === 1 && kinds.has(kind));
  if (isOne("object")) return "name the member of the object that is meant";
  if (!isOne("number")) return undefined;
  if (isOne("list")) return "write `size(…)` around the list for the number of its entries";
  if (!isOne("string")) return undefined;
  return op === "+"
    ? "write `string(…)` around the number, or `double(…)` around the string"
    : "write `double(…)` around the string, or compare it with a text";
}

function division(walk: Walk, node: Node, left: Node, right: Node): Type {
  const known = walk.findings.length;
  const type = same(walk, node, left, right, ["number"], "cannot divide", "by");
  // Only what has no parts to speak of is looked at once more.
  const divisor = NAMED.has(right.op) && walk.findings.length === known ? infer(walk, right) : ANY;
  if (divisor.values?.every((value) => value === 0) === true) tell(walk, node, right, divisor, "cannot divide by zero");
  return type;
}

const NAMED: ReadonlySet<string> = new Set(["value", "id", "."]);

function membership(walk: Walk, node: Node, left: Node, right: Node): Type {
  const item = infer(walk, left);
  const container = infer(walk, right);
  if (!container.kinds.has("list") && !container.kinds.has("object")) {
    const help = container.kinds.has("string") ? "write `text.contains(…)`" : undefined;
    tell(walk, node, right, container, `only a list or an object has items, not ${describeType(container)}`, help);
    return BOOLEAN;
  }
  const values = container.items?.values;
  if (container.kinds.size > 1 || !container.kinds.has("list") || values === undefined || values === null) return BOOLEAN;
  const isDisjoint =
    item.values !== null
      ? !item.values.some((value) => values.includes(value))
      : equal(item, { ...ANY, kinds: container.items?.kinds ?? ANY.kinds }) === false;
  if (!isDisjoint) return BOOLEAN;
  tellConstant(walk, node, left, item, container.items ?? ANY, "never");
  return constant(false);
}

function call(walk: Walk, node: Node, [name, args]: [string, Node[]]): Type {
  // What it asks for need not be there.
  if (name === "has") return BOOLEAN;
  checkArguments(walk, node, name, args);
  return functionTypes(name)?.gives ?? ANY;
}

function checkArguments(walk: Walk, node: Node, name: string, args: readonly Node[]): void {
  const takes = functionTypes(name)?.takes ?? [];
  for (const [index, argument] of args.entries()) {
    const kinds = takes[index];
    const which = index === 0 ? "" : " in the second place";
    if (kinds === undefined) infer(walk, argument);
    else needs(walk, node, argument, kinds, `\`${name}\` takes ${oneOf(kinds)}${which}`);
  }
}

function oneOf(kinds: readonly Kind[]): string {
  return describeType({ ...ANY, kinds: new Set(kinds) });
}

function method(walk: Walk, node: Node, [name, receiver, args]: [string, Node, Node[]]): Type {
  if (receiver.op === "id" && receiver.args === "cel" && name === "bind") return bind(walk, args);
  if (MACROS.has(name) && args.length >= 2) return macro(walk, node, name, receiver, args as [Node, ...Node[]]);
  checkArguments(walk, node, name, args);
  checkReceiver(walk, node, name, receiver);
  return functionTypes(name)?.gives ?? ANY;
}

function checkReceiver(walk: Walk, node: Node, name: string, receiver: Node): void {
  const on = functionTypes(name)?.on;
  if (on === undefined) infer(walk, receiver);
  else if (typeof on === "string") checkForeign(walk, node, name, on, receiver);
  else {
    const type = needs(walk, node, receiver, on, `\`${name}\` is called on ${oneOf(on)}`);
    if (name === "join" && !isTold(walk, node)) checkJoined(walk, node, receiver, type);
  }
}

/** Times and bytes have no type in JSON, and so none here. */
function checkForeign(walk: Walk, node: Node, name: string, on: string, receiver: Node): void {
  const type = infer(walk, receiver);
  if (isAny(type)) return;
  const help = foreignHelp(name, on, sourceOf(receiver, walk.text), type);
  tell(walk, node, receiver, type, `\`${name}\` is called on ${on}, not ${describeType(type)}`, help);
}

function foreignHelp(name: string, on: string, source: string, { kinds }: Type): string | undefined {
  if (on === "bytes") return kinds.has("list") ? `an item of a list is \`${source}[0]\`` : undefined;
  return kinds.has("string") ? `write \`timestamp(${source}).${name}()\`` : undefined;
}

function checkJoined(walk: Walk, node: Node, receiver: Node, type: Type): void {
  const { kinds, items } = type;
  if (kinds.size > 1 || items === null || items.kinds.has("string")) return;
  const source = sourceOf(receiver, walk.text);
  const isScalar = narrowed(items, ["boolean", "number"]).kinds.size > 0;
  const help = isScalar
    ? `write \`${source}.map(item, string(item)).join(…)\``
    : `write what is meant of each item: \`${source}.map(item, …).join(…)\``;
  tell(walk, node, receiver, type, `\`join\` needs strings as items, not ${describeType(items)}`, help);
}

function bind(walk: Walk, [name, value, body]: readonly Node[]): Type {
  if (name === undefined || value === undefined || body === undefined) return ANY;
  return infer({ ...walk, locals: new Map([...walk.locals, [String(name.args), infer(walk, value)]]) }, body);
}

const MACROS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "filter", "map"]);

function macro(walk: Walk, node: Node, name: string, receiver: Node, [variable, ...bodies]: readonly [Node, ...Node[]]): Type {
  const items = needs(walk, node, receiver, ["list", "object"], "only a list or an object has items");
  const item = items.kinds.has("object") ? (items.kinds.has("list") ? ANY : STRING) : (items.items ?? ANY);
  const inner = { ...walk, locals: new Map([...walk.locals, [String(variable.args), item]]) };
  const value = name === "map" ? bodies.at(-1) : undefined;
  for (const body of bodies) if (body !== value) needs(inner, node, body, ["boolean"], `\`${name}\` needs true or false for each item`);
  if (name === "filter") return items.kinds.has("object") ? ANY : items;
  return value === undefined ? BOOLEAN : listOf(infer(inner, value));
}

function tell(walk: Walk, node: Node, about: Node, type: Type, message: string, help?: string): void {
  push(walk, node, about, type, {
    kind: "mismatch",
    message: `${message}: ${quoteNode(node, walk.text)}`,
    ...(help === undefined ? {} : { help }),
  });
}

function push(walk: Walk, node: Node, about: Node, type: Type, finding: Pick<TypeFinding, "kind" | "message" | "help">): void {
  walk.findings.push({ ...finding, ...extent(node, walk.text), about, type });
}
