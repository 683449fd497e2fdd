import { AGENT_TYPES, type AgentType } from "../spec/spec.ts";
import type { Outline, Part } from "./outline.ts";
import { matches, type Site } from "./sites.ts";

/** What the file says about an agent: its keys as they are written, those that it takes over with whom they are from. */
export interface AgentFacts {
  readonly keys: ReadonlyMap<string, { readonly written: string; readonly from: string }>;
  readonly type: AgentType | null;
  readonly description: string | null;
}

/** What the file says about each agent: of one that extends another, what both say; its own keys win. */
export function agentFactsIn(text: string, outline: Outline): (name: string) => AgentFacts {
  const tables = agentTables(outline);
  return (name) => {
    const keys = new Map<string, { written: string; from: string; value: string | null }>();
    for (const from of lineage(name, tables).toReversed()) {
      for (const [key, part] of tables.get(from) ?? [])
        keys.set(key, { written: text.slice(part.start, part.end), from, value: part.text?.value ?? null });
    }
    const type = AGENT_TYPES.find((known) => known === keys.get("type")?.value) ?? null;
    return { keys, type, description: keys.get("description")?.value ?? null };
  };
}

type ValuePart = Extract<Part, { kind: "value" }>;
type Tables = ReadonlyMap<string, ReadonlyMap<string, ValuePart>>;

function agentTables({ parts }: Outline): Tables {
  const tables = new Map<string, Map<string, ValuePart>>();
  for (const part of parts) {
    if (part.kind !== "value" || !matches(part.path, "agents.*.*")) continue;
    const [, agent, key] = part.path as [string, string, string];
    if (!tables.has(agent)) tables.set(agent, new Map());
    tables.get(agent)?.set(key, part);
  }
  return tables;
}

/** An agent and those that it extends, nearest first. */
function lineage(name: string, tables: Tables): string[] {
  const names = new Set<string>();
  for (let next: string | undefined = name; next !== undefined && !names.has(next); ) {
    names.add(next);
    next = tables.get(next)?.get("extends")?.text?.value;
  }
  return [...names];
}

/** What uses an agent or a group, a phrase for each place. */
export function usesOf(name: string, sites: readonly Site[]): string[] {
  const uses = sites.filter((site) => site.name === name && !site.isDefinition && site.subject !== "provider").map(useIn);
  return [...new Set(uses)];
}

function useIn({ path, member }: Site): string {
  const [first, second, third, fourth] = path;
  if (member !== null || path.at(-1) === "condition") return "read in an expression";
  if (first === "agents" && third === "extends") return `extended by \`${second}\``;
  if (first === "agents" && (third === "fallback" || third === "rollback")) return `${third} of \`${second}\``;
  if (first === "agents") return "read in an expression";
  if (first === "hooks") return "what a hook is called for";
  if (third === "agents") return `number ${Number(fourth) + 1} of the sequence`;
  if (third === "parallel") return `member of the group \`${fourth}\``;
  return path.at(-1) === "to_agent" ? "where a branch leads" : "where a branch starts";
}
