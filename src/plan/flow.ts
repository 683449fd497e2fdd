import type { InputSpec } from "../spec/spec.ts";
import { isExhaustive } from "./exhaustive.ts";
import { impliedKeys } from "./expression-implies.ts";
import type { TypeNames } from "./expression-type.ts";
import {
  type Bits,
  joinOrigins,
  makeOrigins,
  mayBeAbsent,
  mayLack,
  noOrigins,
  type Origin,
  originsAfter,
  originsAtStart,
  originsOf,
  originsWith,
  type OriginTable,
} from "./origins.ts";
import { type Paths, pathsOf, type Way } from "./paths.ts";
import type { AgentPlan, BranchPlan, Element, Plan } from "./plan.ts";
import { ANY, constant, NUMBER, objectOf, type Type, typeOfInput, union } from "./type.ts";
import { type Agents, type Doubt, type Effect, effectOf, type Write } from "./writes.ts";

/**
 * Which keys the state has at each place of a run, where they come from, and what they are: reaching definitions over all
 * ways through the pipeline. Conditions decide nothing, except that a key which a branch has to find is there on the way that
 * the branch leads.
 */
export interface Flow {
  /** Whether some run comes to the element. */
  isReached(element: string): boolean;
  /** Whether a key may not be there. */
  mayLack(place: FlowPlace, key: string): boolean;
  originsAt(place: FlowPlace, key: string): readonly Origin[];
  typeAt(place: FlowPlace, key: string): Type;
  /** What expressions see there; `result`: what an agent gave out. */
  namesAt(place: FlowPlace, result?: Type): TypeNames;
  /** A way on which the key is not there, the shortest one; null: there is none. */
  wayWithout(place: FlowPlace, key: string): Lack | null;
  /** The elements from which a way leads to this one, in their order; itself, where a run may come back. */
  elementsBefore(element: string): readonly string[];
  readonly effects: ReadonlyMap<string, Effect>;
  /** Every key that an element may write. */
  readonly written: ReadonlySet<string>;
  /** Whether every element says what it writes. */
  readonly isClosed: boolean;
  /** What a run that has succeeded has written. */
  readonly atEnd: () => Pick<Effect, "writes" | "openBy">;
}

/** When a run comes to an element, or goes on from it. */
export interface FlowPlace {
  readonly element: string;
  readonly after: boolean;
}

/** How a run can come to a place without a key. */
export interface Lack {
  /** The elements on the way, the place's own last. */
  readonly way: readonly string[];
  /** The branches that were taken on it. */
  readonly branches: readonly BranchPlan[];
  /** The elements with branches none of which was taken. */
  readonly passed: readonly string[];
  /** Why elements on the way that may write the key did not. */
  readonly doubts: readonly Doubt[];
  /** Who dropped it last. */
  readonly droppedBy: string | null;
}

/** What a flow is worked out from. */
export interface FlowSource {
  readonly sequence: readonly Element[];
  readonly elements: ReadonlyMap<string, Element>;
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly inputs: ReadonlyMap<string, InputSpec>;
}

/** `asked`: the keys that somebody may ask for; null: any that there is. */
export function followState(source: FlowSource, asked: ReadonlySet<string> | null = null): Flow {
  const context = effectContext(source.agents);
  const effects = new Map([...source.elements.values()].map((element) => [element.name, effectOf(element, context)]));
  const table = makeOrigins(source.inputs, effects, asked);
  const graph: Graph = { paths: possiblePaths(source, effects), effects, table, inputs: source.inputs };
  const states = spread(graph);
  const indexes = Map.groupBy(graph.paths.positions.keys(), (index) => graph.paths.positions[index]?.name ?? "");
  const merged = new Map<string, Bits>();
  const bitsAt = ({ element, after }: FlowPlace): Bits => {
    const key = `${after ? ">" : "<"}${element}`;
    let bits = merged.get(key);
    if (bits === undefined) {
      const found = (indexes.get(element) ?? []).map((index) => states[index]?.[after ? "after" : "before"] ?? noOrigins(table));
      bits = found.length === 0 ? noOrigins(table) : found.reduce((all, one) => joinOrigins(table, all, one));
      merged.set(key, bits);
    }
    return bits;
  };
  const originsAt: Flow["originsAt"] = (place, key) => originsOf(table, bitsAt(place), key);
  const stages = stagesType(source.elements.values());
  const namesAt: Flow["namesAt"] = (place, result) => {
    const key = (name: string): Type => typeAt(place, name);
    return { bare: key, key, stages, result: result ?? null };
  };
  const known = new Map<Write, Type>();
  const typeOf = (origin: Origin): Type => {
    if (origin.kind === "input") return typeOfInput(origin.spec);
    if (origin.kind !== "write") return ANY;
    const found = known.get(origin.write);
    if (found !== undefined) return found;
    // While it is worked out: a key that is made of itself, in a circle, may be anything.
    known.set(origin.write, ANY);
    const type = origin.write.type((result) => namesAt({ element: origin.element, after: false }, result));
    known.set(origin.write, type);
    return type;
  };
  const typeAt: Flow["typeAt"] = (place, key) => {
    const origins = originsAt(place, key);
    // Where no input is declared, any key may have been given.
    if (source.inputs.size === 0 && origins.some(({ kind }) => kind === "absent")) return ANY;
    const types = origins.filter(({ kind }) => kind !== "absent" && kind !== "dropped").map(typeOf);
    return types.length === 0 ? ANY : union(types);
  };
  return {
    isReached: (element) => indexes.has(element),
    mayLack: (place, key) => mayLack(table, bitsAt(place), key),
    originsAt,
    typeAt,
    namesAt,
    wayWithout: (place, key) => findLack(graph, place, key),
    elementsBefore: (element) => elementsBefore(graph.paths, indexes.get(element) ?? []),
    effects,
    written: new Set([...effects.values()].flatMap(({ writes }) => writes.map(({ key }) => key))),
    isClosed: [...effects.values()].every(({ openBy }) => openBy.length === 0),
    atEnd: () => endOf(graph, states, typeOf),
  };
}

/** Without the way on in the sequence where one of the branches holds in any case. */
function possiblePaths(source: FlowSource, effects: ReadonlyMap<string, Effect>): Paths {
  const paths = pathsOf(source);
  if (source.branches.size === 0) return paths;
  const written = new Set([...effects.values()].flatMap(({ writes }) => writes.map(({ key }) => key)));
  const isOpen = [...effects.values()].some(({ openBy }) => openBy.length > 0);
  const inputs = new Map(isOpen ? [] : [...source.inputs].filter(([name]) => !written.has(name)));
  const leaving = new Set([...source.branches].flatMap(([name, rules]) => (isExhaustive(rules, inputs) ? [name] : [])));
  const isPossible = ({ from, branch }: Way): boolean => branch !== null || !leaving.has(paths.positions[from]?.name ?? "");
  return leaving.size === 0 ? paths : { ...paths, ways: paths.ways.filter(isPossible) };
}

/** What effects are worked out with. */
export function effectContext(agents: ReadonlyMap<string, AgentPlan>): Agents {
  return { agents, writtenBy };
}

const inner = new WeakMap<Plan, ReturnType<Flow["atEnd"]>>();

function writtenBy(plan: Plan): ReturnType<Flow["atEnd"]> {
  const known = inner.get(plan) ?? followState(plan).atEnd();
  inner.set(plan, known);
  return known;
}

interface Graph {
  readonly paths: Paths;
  readonly effects: ReadonlyMap<string, Effect>;
  readonly table: OriginTable;
  readonly inputs: ReadonlyMap<string, InputSpec>;
}

/** By the index of its position. */
type States = readonly { readonly before: Bits; readonly after: Bits }[];

/** Carries what there is along all ways, until nothing new comes anywhere. */
function spread({ paths, effects, table }: Graph): States {
  const { positions } = paths;
  const none = noOrigins(table);
  const before: (Bits | undefined)[] = positions.length === 0 ? [] : [originsAtStart(table)];
  const after: (Bits | undefined)[] = [];
  const leaving = Map.groupBy([...paths.ways, ...paths.loops], ({ from }) => from);
  const waiting = new Set(before.keys());
  for (const index of waiting) {
    waiting.delete(index);
    const bits = originsAfter(table, effects.get(positions[index]?.name ?? "") ?? NO_EFFECT, before[index] ?? none);
    after[index] = bits;
    const ways = leaving.get(index) ?? [];
    for (const way of ways) {
      if (way.to === null) continue;
      const present = presentOn(way, ways);
      const arriving = present.size === 0 ? bits : originsWith(table, bits, present);
      const old = before[way.to];
      const joined = old === undefined ? arriving : joinOrigins(table, old, arriving);
      if (joined === old) continue;
      before[way.to] = joined;
      waiting.add(way.to);
    }
  }
  return positions.map((_, index) => ({ before: before[index] ?? none, after: after[index] ?? none }));
}

const NO_EFFECT: Effect = { writes: [], openBy: [], drops: null };

const NONE: ReadonlySet<string> = new Set();

/** Keys that are there where a run takes a way: what its condition has to find, and what those before it have looked for. */
function presentOn(way: Way, ways: readonly Way[]): ReadonlySet<string> {
  if (ways.length === 1 && way.branch === null) return NONE;
  const present = new Set<string>();
  for (const { branch } of ways) {
    const implied = branch === null ? null : impliedBy(branch);
    if (branch === way.branch) {
      for (const key of implied?.holds ?? []) present.add(key);
      break;
    }
    // One that is used up is not looked at.
    if (branch?.maxTimes === null) for (const key of implied?.fails ?? []) present.add(key);
  }
  return present;
}

const implications = new WeakMap<BranchPlan, ReturnType<typeof impliedKeys> | null>();

function impliedBy(branch: BranchPlan): ReturnType<typeof impliedKeys> | null {
  const known = implications.get(branch);
  if (known !== undefined) return known;
  const tree = branch.condition?.tree() ?? null;
  const implied = tree === null ? null : impliedKeys(tree);
  implications.set(branch, implied);
  return implied;
}

/** How a stage that has run can have ended. What was skipped has no facts. */
const STATUSES = ["succeeded", "failed", "tolerated", "cancelled"];

function stagesType(elements: Iterable<Element>): Type {
  const facts = objectOf(
    new Map([
      ["status", union(STATUSES.map(constant))],
      ["attempts", NUMBER],
      ["duration_ms", NUMBER],
      ["visits", NUMBER],
    ]),
    false,
  );
  const all = [...elements].flatMap((element) => [element, ...(element.kind === "group" ? element.members : [])]);
  return objectOf(new Map(all.map(({ name }) => [name, facts])), true);
}

/** A run that has come to a position. */
interface Step {
  readonly index: number;
  readonly lacks: boolean;
  readonly from: Step | null;
  /** What it took from there, and how it had left that position. */
  readonly branch: BranchPlan | null;
  readonly left: Leaving | null;
}

/** How it may stand with the key when a run goes on from an element. */
interface Leaving {
  readonly lacks: boolean;
  readonly doubt: Doubt | null;
  readonly droppedBy: string | null;
}

/** Looks at every position once with the key, and once without it, the nearest first. */
function findLack(graph: Graph, place: FlowPlace, key: string): Lack | null {
  const { paths, inputs } = graph;
  const spec = inputs.get(key);
  const leaving = Map.groupBy([...paths.ways, ...paths.loops], ({ from }) => from);
  const queue: Step[] = [{ index: 0, lacks: spec === undefined || mayBeAbsent(spec), from: null, branch: null, left: null }];
  const seen = new Set<string>();
  for (const step of queue) {
    const identity = `${step.index} ${step.lacks}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    const name = nameOf(paths, step);
    const left = leavingsOf(graph, step, name, key);
    const last = place.after ? left.find(({ lacks }) => lacks) : null;
    if (name === place.element && (place.after ? last !== undefined : step.lacks)) return lackOf(paths, step, last ?? null);
    const ways = leaving.get(step.index) ?? [];
    for (const { to, branch } of ways) {
      const isPresent = to !== null && presentOn({ from: step.index, to, branch }, ways).has(key);
      for (const one of left)
        if (to !== null && !(one.lacks && isPresent)) queue.push({ index: to, lacks: one.lacks, from: step, branch, left: one });
    }
  }
  return null;
}

function nameOf({ positions }: Paths, { index }: Step): string {
  return positions[index]?.name ?? "";
}

function leavingsOf({ effects }: Graph, { lacks }: Step, name: string, key: string): Leaving[] {
  const { writes, drops } = effects.get(name) ?? NO_EFFECT;
  const write = writes.find((one) => one.key === key);
  if (drops?.(key) === true) return [{ lacks: true, doubt: null, droppedBy: lacks && write === undefined ? null : name }];
  if (write === undefined) return [{ lacks, doubt: null, droppedBy: null }];
  const written: Leaving = { lacks: false, doubt: null, droppedBy: null };
  return write.doubt === null ? [written] : [{ lacks, doubt: write.doubt, droppedBy: null }, written];
}

function lackOf(paths: Paths, end: Step, last: Leaving | null): Lack {
  const steps: Step[] = [];
  for (let step: Step | null = end; step !== null; step = step.from) steps.unshift(step);
  const left = [...steps.map((step) => step.left), last].filter((one) => one !== null);
  return {
    way: steps.map((step) => nameOf(paths, step)),
    branches: steps.flatMap(({ branch }) => branch ?? []),
    passed: steps.flatMap(({ branch, from }) =>
      branch === null && from !== null && hasBranches(paths, from) ? [nameOf(paths, from)] : [],
    ),
    doubts: left.flatMap(({ doubt, lacks }) => (doubt === null || !lacks ? [] : [doubt])),
    droppedBy: left.findLast(({ droppedBy }) => droppedBy !== null)?.droppedBy ?? null,
  };
}

function hasBranches({ ways, loops }: Paths, { index }: Step): boolean {
  return [...ways, ...loops].some(({ from, branch }) => from === index && branch !== null);
}

function elementsBefore(paths: Paths, indexes: readonly number[]): string[] {
  const leading = Map.groupBy([...paths.ways, ...paths.loops], ({ to }) => to);
  const before = new Set<number>();
  const waiting = [...indexes];
  for (const index of waiting)
    for (const { from } of leading.get(index) ?? [])
      if (!before.has(from)) {
        before.add(from);
        waiting.push(from);
      }
  return [...new Set([...before].toSorted((a, b) => a - b).map((index) => paths.positions[index]?.name ?? ""))];
}

/** What is there at every end. A key that only some ends have, or that may be an input there, is in doubt. */
function endOf({ paths, table, effects }: Graph, states: States, typeOf: (origin: Origin) => Type): Pick<Effect, "writes" | "openBy"> {
  const ends = new Set(paths.ways.filter(({ to }) => to === null).map(({ from }) => from));
  const bits = [...ends]
    .flatMap((index) => states[index]?.after ?? [])
    .reduce((all, one) => joinOrigins(table, all, one), noOrigins(table));
  const writes = [...table.slots.keys()].flatMap((key): Write[] => {
    const origins = originsOf(table, bits, key);
    const written = origins.filter((origin) => origin.kind === "write");
    const [first] = written;
    if (first === undefined) return [];
    const doubt: Doubt | null = written.length === origins.length ? null : (first.write.doubt ?? { kind: "answer", agent: first.element });
    const type = union(written.map(typeOf));
    return [{ key, doubt, type: () => type }];
  });
  return { writes, openBy: [...effects.values()].flatMap(({ openBy }) => openBy) };
}
