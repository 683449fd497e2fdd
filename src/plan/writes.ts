import { isJsonObject } from "../spec/json.ts";
import type { AgentPlan, Element, GroupPlan, Plan, StagePlan } from "./plan.ts";

/** A name as a key that an expression can say: `-` becomes `_`. A model's text goes under the stage's name in this form. */
export function keyOf(name: string): string {
  return name.replaceAll("-", "_");
}

/** The keys that an element may set, whichever agent serves it; null where that is not visible in the file. */
export function keysWritten(element: Element, agents: ReadonlyMap<string, AgentPlan>): ReadonlySet<string> | null {
  return element.kind === "group" ? groupKeys(element, agents) : stageKeys(element, agents);
}

function groupKeys(group: GroupPlan, agents: ReadonlyMap<string, AgentPlan>): ReadonlySet<string> | null {
  const all = new Set<string>();
  for (const member of group.members) {
    const keys = memberKeys(group, member, agents);
    if (keys === null) return null;
    for (const key of keys) all.add(key);
  }
  return all;
}

/** The keys that a member of a group may set, under the group's rule for merging. */
export function memberKeys(group: GroupPlan, member: StagePlan, agents: ReadonlyMap<string, AgentPlan>): ReadonlySet<string> | null {
  const name = keyOf(member.name);
  if (group.merge === "namespace") return new Set([name]);
  const keys = stageKeys(member, agents);
  if (keys === null || group.merge === "flat") return keys;
  const bare = member.agent.call.type === "llm" && member.agent.output === null;
  return new Set([...keys].map((key) => (bare && key === name ? key : `${name}_${key}`)));
}

function stageKeys(stage: StagePlan, agents: ReadonlyMap<string, AgentPlan>): ReadonlySet<string> | null {
  const all = new Set<string>();
  const seen = new Set<string>();
  for (
    let agent: AgentPlan | undefined = stage.agent;
    agent !== undefined && !seen.has(agent.name);
    agent = agents.get(agent.fallback ?? "")
  ) {
    seen.add(agent.name);
    const keys = agentKeys(agent, stage);
    if (keys === null) return null;
    for (const key of keys) all.add(key);
  }
  return all;
}

function agentKeys(agent: AgentPlan, stage: StagePlan): readonly string[] | null {
  if (typeof agent.output === "string") return [agent.output];
  if (agent.output !== null) return agent.output.map(({ key }) => key);
  const { call } = agent;
  switch (call.type) {
    case "llm":
      return [keyOf(stage.name)];
    case "canned":
      return call.replies.flatMap((reply) =>
        isJsonObject(reply) ? Object.keys(reply) : typeof reply === "string" && stage.agent.call.type === "llm" ? [keyOf(stage.name)] : [],
      );
    case "pipeline":
      return planKeys(call.plan);
    case "script":
    case "module":
    case "function":
      return agent.writes;
  }
}

function planKeys(plan: Plan): string[] | null {
  const all: string[] = [];
  for (const element of plan.elements.values()) {
    const keys = keysWritten(element, plan.agents);
    if (keys === null) return null;
    all.push(...keys);
  }
  return all;
}
