import { AGENT_KEYS_BY_TYPE, EXCLUSIVE_AGENT_KEYS } from "../spec/agent-keys.ts";
import type { Path } from "../spec/diagnostic.ts";
import { AGENT_TYPES, type AgentSpec, type PipelineSpec } from "../spec/spec.ts";
import type { Report } from "./checks/report.ts";

/** An agent with the keys that it takes over, and where each of them is written. */
export interface EffectiveAgent {
  readonly name: string;
  readonly keys: AgentSpec;
  /** The path of a key, in whichever agent it stands; the agent's own table for a key that none of them has. */
  readonly pathOf: (key: string) => Path;
  /** The agents that it extends, nearest first. */
  readonly bases: readonly string[];
  /** Whether all that it extends is there. */
  readonly isWhole: boolean;
}

/** Resolves `extends`: own keys win, and displace what they exclude; a type of its own displaces the keys of the other type. */
export function effectiveAgents(spec: PipelineSpec, report: Report): Map<string, EffectiveAgent> {
  const agents = new Map(Object.entries(spec.agents ?? {}));
  const resolved = new Map<string, EffectiveAgent>();
  for (const name of agents.keys()) resolve(name, agents, resolved, [], report);
  return resolved;
}

function resolve(
  name: string,
  agents: ReadonlyMap<string, AgentSpec>,
  resolved: Map<string, EffectiveAgent>,
  chain: readonly string[],
  report: Report,
): EffectiveAgent | undefined {
  const known = resolved.get(name);
  if (known !== undefined) return known;
  const own = agents.get(name);
  if (own === undefined) return undefined;
  const base = baseOf(name, own, agents, resolved, [...chain, name], report);
  const origins = new Map<string, string>();
  const keys: Record<string, unknown> = {};
  if (base !== undefined) {
    for (const key of inheritedKeys(base.keys, own)) {
      // "The same with another model" may itself be the fallback, or the rollback, of what it extends.
      if ((key === "fallback" || key === "rollback") && base.keys[key] === name) continue;
      keys[key] = base.keys[key];
      origins.set(key, String(base.pathOf(key)[1]));
    }
  }
  for (const key of Object.keys(own) as (keyof AgentSpec)[]) {
    keys[key] = own[key];
    origins.set(key, name);
  }
  const agent: EffectiveAgent = {
    name,
    keys,
    pathOf: (key) => ["agents", origins.get(key) ?? name, ...(origins.has(key) ? [key] : [])],
    bases: base === undefined ? [] : [base.name, ...base.bases],
    isWhole: own.extends === undefined || base?.isWhole === true,
  };
  resolved.set(name, agent);
  return agent;
}

function baseOf(
  name: string,
  own: AgentSpec,
  agents: ReadonlyMap<string, AgentSpec>,
  resolved: Map<string, EffectiveAgent>,
  chain: readonly string[],
  report: Report,
): EffectiveAgent | undefined {
  if (own.extends === undefined) return undefined;
  const path = ["agents", name, "extends"];
  if (chain.includes(own.extends)) {
    const [first = name, ...others] = chain.slice(chain.indexOf(own.extends));
    const circle = [first, ...others, first].map((one) => `\`${one}\``).join(" → ");
    report.doubtful("extends-cycle", ["agents", first, "extends"], `these agents extend each other in a circle: ${circle}`, {
      related: others.map((one) => ({ path: ["agents", one, "extends"], label: "and then this one" })),
      help: "remove `extends` from one of these agents: the last of a chain has none",
    });
    return undefined;
  }
  if (agents.has(own.extends)) return resolve(own.extends, agents, resolved, chain, report);
  report.unknownAgent(own.extends, path, agents.keys());
  return undefined;
}

function inheritedKeys(base: AgentSpec, own: AgentSpec): (keyof AgentSpec)[] {
  const displaced = new Set<string>(["extends"]);
  for (const exclusive of EXCLUSIVE_AGENT_KEYS)
    if (exclusive.some((key) => own[key] !== undefined)) for (const key of exclusive) displaced.add(key);
  const type = own.type;
  if (type !== undefined && type !== base.type) {
    const kept = new Set<string>(AGENT_KEYS_BY_TYPE[type]);
    for (const other of AGENT_TYPES) for (const key of AGENT_KEYS_BY_TYPE[other]) if (!kept.has(key)) displaced.add(key);
  }
  return (Object.keys(base) as (keyof AgentSpec)[]).filter((key) => !displaced.has(key));
}
