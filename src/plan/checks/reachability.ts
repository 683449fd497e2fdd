import type { EffectiveAgent } from "../effective.ts";
import type { Structure } from "../structure.ts";
import type { BranchPlan } from "../plan.ts";
import type { Report } from "./report.ts";

/** The agents that some run can come to: as a stage, a member, a fallback, or as the base of one of these. */
export function reachedAgents(
  structure: Structure,
  branches: ReadonlyMap<string, readonly BranchPlan[]>,
  agents: ReadonlyMap<string, EffectiveAgent>,
): Set<string> {
  const reached = new Set<string>();
  const visit = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    const agent = agents.get(name);
    if (agent?.keys.fallback !== undefined) visit(agent.keys.fallback);
    for (const base of agent?.bases ?? []) reached.add(base);
  };
  for (const name of reachedElements(structure, branches)) {
    const element = structure.elements.get(name);
    if (element?.kind === "group") for (const member of element.members) visit(member.name);
    else visit(name);
  }
  return reached;
}

/** Warns of agents that no run comes to. */
export function checkReachability(reached: ReadonlySet<string>, agents: ReadonlyMap<string, EffectiveAgent>, report: Report): void {
  for (const name of agents.keys()) {
    if (reached.has(name)) continue;
    report.warning("unreached-agent", ["agents", name], `no run comes to the agent \`${name}\``, {
      at: "key",
      help: "add it to the sequence, make it a branch's target or a fallback, or remove it",
    });
  }
}

function reachedElements({ sequence, elements }: Structure, branches: ReadonlyMap<string, readonly BranchPlan[]>): Set<string> {
  const reached = new Set(sequence.map(({ name }) => name));
  for (const name of reached) {
    for (const branch of branches.get(name) ?? []) if (branch.to !== null && elements.has(branch.to)) reached.add(branch.to);
  }
  return reached;
}
