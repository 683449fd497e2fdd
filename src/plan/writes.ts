import { isJsonObject, type Json } from "../spec/json.ts";
import { inferType, type TypeNames } from "./expression-type.ts";
import type { AgentPlan, Element, GroupPlan, Plan, StagePlan } from "./plan.ts";
import { ANY, listOf, OBJECT, objectOf, STRING, type Type, typeOfSample, union } from "./type.ts";

/** A name as a key that an expression can say: `-` becomes `_`. A model's text goes under the stage's name in this form. */
export function keyOf(name: string): string {
  return name.replaceAll("-", "_");
}

/** A key that an element may set. */
export interface Write {
  readonly key: string;
  /** null: it is there whenever a run goes on from the element. */
  readonly doubt: Doubt | null;
  /** `names`: what expressions see that stand in the element, with what agents give out as `result`. */
  readonly type: (names: NamesWith) => Type;
}

/** Why a key may not be there afterwards: who may fail, or serve without writing it. */
export interface Doubt {
  readonly kind: "tolerated" | "fallback" | "own" | "answer";
  readonly agent: string;
}

export type NamesWith = (result: Type) => TypeNames;

/** What an element does to the state. */
export interface Effect {
  readonly writes: readonly Write[];
  /** Agents that do not say what they write. */
  readonly openBy: readonly string[];
  /** null: nothing. */
  readonly drops: ((key: string) => boolean) | null;
}

/** What effects are worked out with. */
export interface Agents {
  readonly agents: ReadonlyMap<string, AgentPlan>;
  /** What a pipeline that runs as a stage has written at its end. */
  readonly writtenBy: (plan: Plan) => Pick<Effect, "writes" | "openBy">;
}

/** The effect of an element, whichever agent serves it. */
export function effectOf(element: Element, context: Agents): Effect {
  if (element.kind === "stage") return { ...stageEffect(element, context), drops: dropsOf(element.agent) };
  const effects = element.members.map((member) => memberEffect(element, member, context));
  return { writes: effects.flatMap(({ writes }) => writes), openBy: effects.flatMap(({ openBy }) => openBy), drops: null };
}

/** The same of a member of a group, under the group's rule for merging. */
export function memberEffect(group: GroupPlan, member: StagePlan, context: Agents): Pick<Effect, "writes" | "openBy"> {
  const { writes, openBy } = stageEffect(member, context, PLACED[group.merge](keyOf(member.name)));
  const isNeeded = group.onError === "fail" || group.minSuccess >= group.members.length;
  const tolerated: Doubt | null = isNeeded ? null : { kind: "tolerated", agent: member.name };
  return { writes: writes.map((write) => ({ ...write, doubt: write.doubt ?? tolerated })), openBy };
}

type Placing = (written: Written | null) => Written | null;

/** Where a member's keys go. Text without an `output` lies directly under the member. */
const PLACED: Readonly<Record<GroupPlan["merge"], (name: string) => Placing>> = {
  flat: () => (written) => written,
  prefix: (name) => (written) =>
    written === null ? null : new Map([...written].map(([key, made]) => [made.isText ? name : `${name}_${key}`, made])),
  namespace: (name) => (written) => {
    if (written === null) return new Map([[name, { doubt: null, isText: false, type: () => OBJECT }]]);
    const all = [...written.values()];
    const [first] = all;
    if (first === undefined) return written;
    const doubt = all.every((made) => made.doubt !== null) ? first.doubt : null;
    const type: Write["type"] = (names) =>
      first.isText ? first.type(names) : objectOf(new Map([...written].map(([key, made]) => [key, made.type(names)])), false);
    return new Map([[name, { doubt, isText: false, type }]]);
  },
};

function stageEffect(stage: StagePlan, context: Agents, placing: Placing = (written) => written): Pick<Effect, "writes" | "openBy"> {
  if (stage.agent.fallback === null) return soleEffect(stage, context, placing);
  const all = servingAgents(stage.agent, context.agents);
  const able = all.filter((agent) => !alwaysFails(agent));
  const chain = able.length === 0 ? all : able;
  const variants = chain.map((agent) => placing(agentWrites(agent, stage, context)));
  const keys = new Set(variants.flatMap((variant) => [...(variant?.keys() ?? [])]));
  const writes = [...keys].map((key): Write => {
    const lacking = variants.findIndex((variant) => variant !== null && !variant.has(key));
    const serving = chain[lacking];
    const missing: Doubt | null =
      serving === undefined ? null : { kind: serving === stage.agent ? "own" : "fallback", agent: serving.name };
    const written = variants.flatMap((variant) => variant?.get(key) ?? []);
    const doubt = toleratedBy(stage) ?? missing ?? written.find((write) => write.doubt !== null)?.doubt ?? null;
    return { key, doubt, type: (names) => union(written.map((write) => write.type(names))) };
  });
  const openBy = chain.flatMap((agent, index) => (variants[index] === null ? [agent.name] : []));
  return { writes, openBy };
}

/** Of a stage that one agent serves. */
function soleEffect(stage: StagePlan, context: Agents, placing: Placing): Pick<Effect, "writes" | "openBy"> {
  const written = placing(agentWrites(stage.agent, stage, context));
  if (written === null) return { writes: [], openBy: [stage.agent.name] };
  const tolerated = toleratedBy(stage);
  return { writes: [...written].map(([key, { doubt, type }]) => ({ key, doubt: tolerated ?? doubt, type })), openBy: [] };
}

function toleratedBy({ name, agent }: StagePlan): Doubt | null {
  return agent.onError === "continue" ? { kind: "tolerated", agent: name } : null;
}

/** An agent and its fallbacks, in the order in which they serve. */
export function servingAgents(agent: AgentPlan, agents: ReadonlyMap<string, AgentPlan>): AgentPlan[] {
  const chain = new Set<AgentPlan>();
  for (let next: AgentPlan | undefined = agent; next !== undefined && !chain.has(next); next = agents.get(next.fallback ?? ""))
    chain.add(next);
  return [...chain];
}

function dropsOf({ keep, drop }: AgentPlan): Effect["drops"] {
  if (keep !== null) return (key) => !keep.includes(key);
  return drop === null ? null : (key) => drop.includes(key);
}

/** By key: what an agent writes where it serves a stage. */
export type Written = ReadonlyMap<string, Made>;

interface Made extends Omit<Write, "key"> {
  /** A model's text, without an `output`. */
  readonly isText: boolean;
}

/** null: it does not say. */
export function agentWrites(agent: AgentPlan, stage: StagePlan, context: Agents): Written | null {
  const { output } = agent;
  if (output === null) return callWrites(agent, stage, context);
  const result = resultOf(agent, context);
  const doubt = mayGiveNothing(agent);
  // Of nothing, nothing is taken.
  if (doubt === "always") return new Map();
  if (typeof output === "string") return new Map([[output, { doubt, isText: false, type: () => result }]]);
  return new Map(
    output.map(({ key, value }) => {
      const type: Write["type"] = (names) => {
        const tree = value.tree();
        return tree === null ? ANY : inferType(tree, value.text, names(result)).type;
      };
      return [key, { doubt, isText: false, type }] as const;
    }),
  );
}

function alwaysFails({ call }: AgentPlan): boolean {
  return call.type === "canned" && call.fail !== null && call.failTimes === null;
}

/** Whether the file shows that an agent gives out nothing, where it does not fail. */
function mayGiveNothing(agent: AgentPlan): Doubt | null | "always" {
  const { name, call } = agent;
  if (call.type !== "canned" || alwaysFails(agent)) return null;
  if (call.replies.every((reply) => reply === null)) return "always";
  return call.replies.includes(null) ? { kind: "answer", agent: name } : null;
}

/** The type of what an agent gives out. */
export function resultOf({ call }: AgentPlan, { writtenBy }: Pick<Agents, "writtenBy">): Type {
  switch (call.type) {
    case "llm":
      return STRING;
    case "script":
      return call.stdout === "text" ? STRING : call.stdout === "lines" ? listOf(STRING) : ANY;
    case "canned": {
      const replies = call.replies.filter((reply) => reply !== null);
      return replies.length === 0 ? ANY : union(replies.map(typeOfSample));
    }
    case "pipeline":
      return finalState(call.plan, writtenBy(call.plan));
    case "module":
    case "function":
      return ANY;
  }
}

/** What a pipeline has at its end: its inputs, and what was written. */
function finalState({ inputs, elements }: Plan, { writes, openBy }: Pick<Effect, "writes" | "openBy">): Type {
  const members = new Map([...inputs].map(([name]) => [name, ANY]));
  for (const { key } of writes) members.set(key, ANY);
  const isPruned = [...elements.values()].some((element) => element.kind === "stage" && dropsOf(element.agent) !== null);
  return objectOf(members, openBy.length > 0 || inputs.size === 0 || isPruned);
}

/** Where an agent has no `output`: what is merged into the state by the rule of its type. */
function callWrites(agent: AgentPlan, stage: StagePlan, { writtenBy }: Agents): Written | null {
  const { call, writes } = agent;
  switch (call.type) {
    case "llm":
      return new Map([[keyOf(stage.name), { doubt: null, isText: true, type: () => STRING }]]);
    case "canned":
      return repliesWritten(call.replies, agent, stage);
    case "pipeline": {
      const inner = writtenBy(call.plan);
      return inner.openBy.length > 0 ? declared(writes) : new Map(inner.writes.map((write) => [write.key, { ...write, isText: false }]));
    }
    case "script":
    case "module":
    case "function":
      return declared(writes);
  }
}

const ANYTHING: Made = { doubt: null, isText: false, type: () => ANY };

function declared(writes: AgentPlan["writes"]): Written | null {
  return writes === null ? null : new Map(writes.map((key) => [key, ANYTHING]));
}

function repliesWritten(replies: readonly Json[], agent: AgentPlan, stage: StagePlan): Written {
  const isText = (reply: Json): boolean => typeof reply === "string" && stage.agent.call.type === "llm";
  const tables = replies.map((reply) => (isText(reply) ? { [keyOf(stage.name)]: reply } : isJsonObject(reply) ? reply : {}));
  const keys = new Set(tables.flatMap((table) => Object.keys(table)));
  return new Map(
    [...keys].map((key) => {
      const samples = tables.flatMap((table) => (Object.hasOwn(table, key) ? [table[key] as Json] : []));
      const doubt: Doubt | null = samples.length < tables.length ? { kind: "answer", agent: agent.name } : null;
      const type = union(samples.map(typeOfSample));
      return [
        key,
        { doubt, isText: samples.every((sample) => typeof sample === "string") && replies.some(isText), type: () => type },
      ] as const;
    }),
  );
}
