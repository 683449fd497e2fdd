import type { Structure } from "../structure.ts";
import type { AgentPlan } from "../plan.ts";
import { memberKeys } from "../writes.ts";
import type { Report } from "./report.ts";

/** Two members of a group that write one key would fail every run in which both succeed. Members whose keys are not visible are passed over. */
export function checkGroupConflicts({ elements }: Structure, agents: ReadonlyMap<string, AgentPlan>, report: Report): void {
  for (const group of elements.values()) {
    if (group.kind !== "group") continue;
    const writers = new Map<string, number>();
    for (const [index, member] of group.members.entries()) {
      for (const key of memberKeys(group, member, agents) ?? []) {
        const first = writers.get(key);
        if (first === undefined) {
          writers.set(key, index);
          continue;
        }
        const path = ["orchestration", "sequential", "parallel", group.name, "agents"];
        const other = group.members[first]?.name ?? "";
        report.error("group-conflict", [...path, index], `the members \`${other}\` and \`${member.name}\` both write \`${key}\``, {
          related: [{ path: [...path, first], label: `writes \`${key}\` too` }],
          help: 'use merge = "namespace" or "prefix", or give one of them an output key of its own',
        });
        break;
      }
    }
  }
}
