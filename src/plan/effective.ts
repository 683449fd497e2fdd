import { AGENT_KEYS_BY_TYPE, EXCLUSIVE_AGENT_KEYS } from "../spec/agent-keys.ts";
import type { Path } from "../spec/diagnostic.ts";
import { AGENT_TYPES, type AgentSpec, type PipelineSpec } from "../spec/spec.ts";
import { circleOf, type Report } from "./checks/report.ts";

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
  for (const name of agents.keys()) {
    // What is extended first. A loop, since a chain may be longer than the stack allows.
    for (const [link, own] of unresolvedFrom(name, agents, resolved, report).toReversed()) {
      resolved.set(link, resolve(link, own, own.extends === undefined ? undefined : resolved.get(own.extends)));
    }
  }
  return resolved;
}

/** An agent and those that it extends, nearest first, up to one that is resolved; tells why there is no next one. */
function unresolvedFrom(
  name: string,
  agents: ReadonlyMap<string, AgentSpec>,
  resolved: ReadonlyMap<string, EffectiveAgent>,
  report: Report,
): (readonly [name: string, own: AgentSpec])[] {
  const chain = new Map<string, AgentSpec>();
  let last: string | undefined;
  for (let next: string | undefined = name; next !== undefined && !resolved.has(next); ) {
    const own = agents.get(next);
    if (own === undefined) report.unknownAgent(next, ["agents", last ?? next, "extends"], agents.keys());
    if (chain.has(next)) tellCircle([...chain.keys()], next, report);
    if (own === undefined || chain.has(next)) break;
    chain.set(next, own);
    [last, next] = [next, own.extends];
  }
  return [...chain];
}

function tellCircle(chain: readonly string[], first: string, report: Report): void {
  const others = chain.slice(chain.indexOf(first) + 1);
  report.doubtful(
    "extends-cycle",
    ["agents", first, "extends"],
    `these agents extend each other in a circle: ${circleOf([first, ...others])}`,
    {
      related: others.map((one) => ({ path: ["agents", one, "extends"], label: "and then this one" })),
      help: "remove `extends` from one of these agents: the last of a chain has none",
    },
  );
}

function resolve(name: string, own: AgentSpec, base: EffectiveAgent | undefined): EffectiveAgent {
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
  return {
    name,
    keys,
    pathOf: (key) => ["agents", origins.get(key) ?? name, ...(origins.has(key) ? [key] : [])],
    bases: base === undefined ? [] : [base.name, ...base.bases],
    isWhole: own.extends === undefined || base?.isWhole === true,
  };
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
