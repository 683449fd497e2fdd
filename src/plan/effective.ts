import { AGENT_TYPES, type AgentSpec, type AgentType, type PipelineSpec } from "../spec/spec.ts";
import { AGENT_KEYS_BY_TYPE } from "../spec/agent-keys.ts";
import type { Path } from "../spec/diagnostic.ts";
import type { Report } from "./checks/report.ts";
import { unknownName } from "./checks/report.ts";

/** An agent with the keys that it takes over, and where each of them is written. */
export interface EffectiveAgent {
  readonly name: string;
  readonly keys: AgentSpec;
  /** The path of a key, in whichever agent it stands. */
  readonly pathOf: (key: string) => Path;
  /** The agents that it extends, nearest first. */
  readonly bases: readonly string[];
}

/** Keys of which one displaces the others. */
const EXCLUSIVE: readonly (readonly (keyof AgentSpec)[])[] = [
  ["command", "shell"],
  ["prompt", "prompt_file"],
  ["reply", "replies"],
  ["keep", "drop"],
];

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
      // "The same with another model" may itself be the fallback of what it extends.
      if (key === "fallback" && base.keys.fallback === name) continue;
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
    keys: keys,
    pathOf: (key) => ["agents", origins.get(key) ?? name, ...(origins.has(key) ? [key] : [])],
    bases: base === undefined ? [] : [base.name, ...base.bases],
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
    const cycle = [...chain.slice(chain.indexOf(own.extends)), own.extends].join(" → ");
    report.error("extends-cycle", path, `agents cannot extend each other in a circle: ${cycle}`);
    return undefined;
  }
  if (!agents.has(own.extends)) {
    report.error(
      "unknown-agent",
      path,
      `there is no agent called \`${own.extends}\` to extend`,
      unknownName(own.extends, agents.keys(), (near) => ["agents", near]),
    );
    return undefined;
  }
  return resolve(own.extends, agents, resolved, chain, report);
}

function inheritedKeys(base: AgentSpec, own: AgentSpec): (keyof AgentSpec)[] {
  const displaced = new Set<string>(["extends"]);
  for (const exclusive of EXCLUSIVE) if (exclusive.some((key) => own[key] !== undefined)) for (const key of exclusive) displaced.add(key);
  const type = own.type;
  if (type !== undefined && type !== base.type) {
    const kept = new Set<string>(AGENT_KEYS_BY_TYPE[type]);
    for (const other of AGENT_TYPES as readonly AgentType[])
      for (const key of AGENT_KEYS_BY_TYPE[other]) if (!kept.has(key)) displaced.add(key);
  }
  return (Object.keys(base) as (keyof AgentSpec)[]).filter((key) => !displaced.has(key));
}
