import type { Path } from "../../spec/diagnostic.ts";
import type { GroupSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { BranchPlan } from "../plan.ts";
import type { Structure } from "../structure.ts";
import { hidesFlow } from "./doubt.ts";
import type { Report } from "./report.ts";

/** What leads where in a pipeline. */
export interface Graph {
  readonly groups: ReadonlyMap<string, GroupSpec>;
  readonly structure: Structure;
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
}

/** The elements and agents that some run can come to: as a stage, a group, a member, a fallback, or a rollback. */
export function reachedNames(graph: Graph): Set<string> {
  return from(
    graph.structure.sequence.map(({ name }) => name),
    graph,
  );
}

/**
 * Warns of agents and groups that no run comes to.
 *
 * Of several that hang together, only the first is told: what would lead to it leads to the others as well.
 */
export function checkReachability(reached: ReadonlySet<string>, graph: Graph, report: Report): void {
  if (report.hasUnknownNames || report.doubts.some(hidesFlow)) return;
  const { groups, structure, branches, effective } = graph;
  const covered = new Set<string>();
  const cover = (names: Iterable<string>): void => {
    for (const name of from(names, graph)) for (const used of [name, ...(effective.get(name)?.bases ?? [])]) covered.add(used);
  };
  cover(reached);
  // That a branch starts from something unreached is an error, and told already.
  cover([...branches.keys()].filter((name) => !structure.elements.has(name)));
  const rest = [...effective.keys(), ...groups.keys()].filter((name) => !covered.has(name));
  const led = new Set(rest.flatMap((name) => [...next(name, graph), ...(effective.get(name)?.bases ?? [])]));
  for (const name of [...rest.filter((one) => !led.has(one)), ...rest]) {
    if (covered.has(name)) continue;
    cover([name]);
    const isGroup = groups.has(name);
    const path: Path = isGroup ? ["orchestration", "sequential", "parallel", name] : ["agents", name];
    report.warning("unreached-agent", path, `no run comes to the ${isGroup ? "group" : "agent"} \`${name}\``, {
      at: "key",
      help: isGroup
        ? "add it to the sequence, make it the target of a branch, or remove it"
        : "add it to the sequence or a group, make it the target of a branch, a fallback or a rollback, or remove it",
    });
  }
}

function from(names: Iterable<string>, graph: Graph): Set<string> {
  const reached = new Set(names);
  for (const name of reached) for (const other of next(name, graph)) reached.add(other);
  return reached;
}

/** Where a run can go on from here; who can stand in, and who undoes it. */
function next(name: string, { groups, branches, effective }: Graph): string[] {
  const members = groups.get(name)?.agents ?? [];
  const targets = (branches.get(name) ?? []).flatMap(({ to }) => (to === null ? [] : [to]));
  const { fallback = [], rollback = [] } = effective.get(name)?.keys ?? {};
  return [...members, ...targets, ...[fallback, rollback].flat()];
}
