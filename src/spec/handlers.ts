import type { Json, JsonObject } from "./json.ts";
import { isJsonObject } from "./json.ts";

/** Who serves stages, and who undoes them; each with its fallbacks. */
export interface Handlers {
  readonly serving: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
  /** Of these, the ones that serve no stage: their output goes nowhere. */
  readonly alone: ReadonlySet<string>;
}

/** Who undoes stages, by what a file says; takes any data, also where its form is wrong. */
export function handlersIn(data: JsonObject): Handlers {
  const agents = new Map(Object.entries(tableOf(data.agents)));
  const sequential = tableOf(tableOf(data.orchestration).sequential);
  const groups = Object.values(tableOf(sequential.parallel)).flatMap((group) => namesIn(tableOf(group).agents));
  const targets = listOf(sequential.branches).flatMap((branch) => namesIn(tableOf(branch).to_agent));
  const stages = [...namesIn(sequential.agents), ...groups, ...targets];
  const all = withFallbacks(
    [...agents.values()].flatMap((agent) => namesIn(tableOf(agent).rollback)),
    agents,
  );
  const serving = withFallbacks(stages, agents);
  return { serving, all, alone: new Set([...all].filter((name) => !serving.has(name))) };
}

function withFallbacks(names: readonly string[], agents: ReadonlyMap<string, Json>): Set<string> {
  const found = new Set(names);
  for (const name of found) for (const fallback of fallbackOf(name, agents)) found.add(fallback);
  return found;
}

/** Its own, or that of the nearest agent that it extends. */
function fallbackOf(name: string, agents: ReadonlyMap<string, Json>): string[] {
  const bases = new Set([name]);
  for (const base of bases) {
    const agent = tableOf(agents.get(base));
    if (agent.fallback !== undefined) return namesIn(agent.fallback);
    for (const next of namesIn(agent.extends)) bases.add(next);
  }
  return [];
}

function namesIn(value: Json | undefined): string[] {
  return (Array.isArray(value) ? value : [value]).filter((name) => typeof name === "string");
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function tableOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
