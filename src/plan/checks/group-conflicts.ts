import type { Path } from "../../spec/diagnostic.ts";
import type { AgentPlan } from "../plan.ts";
import { groupsOf, type Names, type Structure } from "../structure.ts";
import { effectContext } from "../flow.ts";
import { memberEffect } from "../writes.ts";
import { listed } from "./report.ts";

/**
 * Members of a group that write one key would fail every run in which they succeed. Members whose keys are not visible are
 * passed over. The same members are told once, with all keys that they share.
 */
export function checkGroupConflicts({ elements }: Structure, agents: ReadonlyMap<string, AgentPlan>, names: Names): void {
  const context = effectContext(agents);
  for (const group of elements.values()) {
    const path: Path = ["orchestration", "sequential", "parallel", group.name];
    if (group.kind !== "group" || names.report.doubtsIn(path)) continue;
    const writers = new Map<string, string[]>();
    for (const member of group.members) {
      for (const { key } of memberEffect(group, member, context).writes) writers.set(key, [...(writers.get(key) ?? []), member.name]);
    }
    const shared = [...writers].filter(([, members]) => members.length > 1);
    for (const conflict of Map.groupBy(shared, ([, members]) => members.join(" ")).values()) {
      const [[, [first = "", ...others]] = ["", []]] = conflict;
      const keys = listed(conflict.map(([key]) => key));
      const placeOf = (member: string): Path => [...path, "agents", groupsOf(names).get(group.name)?.agents.indexOf(member) ?? 0];
      const members = others.length === 1 ? `\`${first}\` and \`${others[0]}\` both` : `${listed([first, ...others])} all`;
      names.report.doubtful("group-conflict", placeOf(others.at(-1) ?? first), `the members ${members} write ${keys}`, {
        related: [first, ...others.slice(0, -1)].map((member) => ({ path: placeOf(member), label: `writes ${keys} too` })),
        help: 'use merge = "namespace" or "prefix", or give one of them an output key of its own',
      });
    }
  }
}
