import { relative, resolve } from "node:path";
import { AGENT_KEYS_BY_TYPE } from "../spec/agent-keys.ts";
import { isJsonObject, type Json, jsonEqual } from "../spec/json.ts";
import type { AgentSpec } from "../spec/spec.ts";
import type { PlanSource } from "./plan.ts";

/**
 * What differs between two sources of a plan, in the words of the file: `agents.fetch.timeout`; empty where they mean the
 * same. How a file is written (comments, order of tables, quotes) is no difference.
 */
export function changesBetween(before: PlanSource, after: PlanSource): string[] {
  return [
    ...changesOf(before.spec as unknown as Json, after.spec as unknown as Json, []),
    ...filesChanged(before.texts, after.texts, before.directory),
    ...nestedChanges(before, after),
  ];
}

/**
 * Those of the changes that bear on a stage or a group: on its agent and its fallbacks, on what these extend, on the
 * defaults, providers and files that they use, and on the definition of the group.
 */
export function changesOfElement(name: string, before: PlanSource, after: PlanSource): string[] {
  const places = [...new Set([...placesOf(name, before), ...placesOf(name, after)])];
  const isAt = (change: string, place: string): boolean =>
    change === place || [".", ": "].some((separator) => change.startsWith(place + separator)) || place.startsWith(`${change}.`);
  return changesBetween(before, after).filter((change) => places.some((place) => isAt(change, place)));
}

/** Where an element is defined, in the words of {@link changesBetween}. */
function placesOf(name: string, { spec, directory }: PlanSource): string[] {
  if (Object.hasOwn(spec.orchestration.sequential.parallel ?? {}, name)) return [`${GROUPS}.${name}`];
  const { agents = {}, defaults = {} } = spec;
  const places: string[] = [];
  const serving = new Set([name]);
  for (const one of serving) {
    const chain = withBases(one, agents);
    const valueOf = (key: keyof AgentSpec): unknown => chain.find(([, keys]) => Object.hasOwn(keys, key))?.[1][key];
    const isModel = valueOf("type") === "llm";
    const provider = valueOf("provider") ?? defaults.provider;
    const fallback = valueOf("fallback");
    if (typeof fallback === "string") serving.add(fallback);
    places.push(...chain.map(([base]) => `agents.${base}`));
    for (const key of Object.keys(defaults) as (keyof AgentSpec)[])
      if (valueOf(key) === undefined && (isModel || !MODEL_KEYS.has(key))) places.push(`defaults.${key}`);
    if (isModel && typeof provider === "string") places.push(`providers.${provider}`);
    for (const file of [valueOf("prompt_file"), valueOf("file")])
      if (typeof file === "string") places.push(relative(directory, resolve(directory, file)));
  }
  return places;
}

const MODEL_KEYS: ReadonlySet<string> = new Set(AGENT_KEYS_BY_TYPE.llm);

/** An agent and all that it extends, nearest first. */
function withBases(name: string, agents: Readonly<Record<string, AgentSpec>>): (readonly [name: string, keys: AgentSpec])[] {
  const chain = new Map<string, AgentSpec>();
  for (let next: string | undefined = name; next !== undefined && !chain.has(next) && Object.hasOwn(agents, next); ) {
    const keys: AgentSpec = agents[next] ?? {};
    chain.set(next, keys);
    next = keys.extends;
  }
  return [...chain];
}

const GROUPS = "orchestration.sequential.parallel";

/** How deep a place is named: `agents.NAME.key`, `orchestration.sequential.branches`; of groups, which one. */
function isDeepest(path: readonly string[]): boolean {
  return path.length === 4 || (path.length === 3 && path.join(".") !== GROUPS);
}

function changesOf(before: Json | undefined, after: Json | undefined, path: readonly string[]): string[] {
  if (jsonEqual(before, after)) return [];
  if (isDeepest(path) || !isJsonObject(before) || !isJsonObject(after)) return [path.join(".")];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changesOf(own(before, key), own(after, key), [...path, key]));
}

function own(value: Readonly<Record<string, Json>>, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function filesChanged(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>, directory: string): string[] {
  const files = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...files].filter((file) => before[file] !== after[file]).map((file) => relative(directory, file));
}

function nestedChanges(before: PlanSource, after: PlanSource): string[] {
  const files = new Set([...Object.keys(before.pipelines), ...Object.keys(after.pipelines)]);
  return [...files].flatMap((file) => {
    const [old, now] = [before.pipelines[file], after.pipelines[file]];
    const name = relative(before.directory, file);
    // A file that is named no more, or for the first time, shows as a change of the agent that names it.
    return old === undefined || now === undefined ? [] : changesBetween(old, now).map((change) => `${name}: ${change}`);
  });
}
