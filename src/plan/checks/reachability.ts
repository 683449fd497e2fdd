import type { Path } from "../../spec/diagnostic.ts";
import type { GroupSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { BranchPlan } from "../plan.ts";
import type { Structure } from "../structure.ts";
import { hidesFlow } from "./doubt.ts";
import { alsoAt, type Mention } from "./mentions.ts";
import { listed, type Report } from "./report.ts";

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

/** An agent or a group that no run comes to, and all that hangs together with it: what would lead to it leads to these as well. */
export interface Unreached {
  readonly name: string;
  readonly others: ReadonlySet<string>;
}

/** Finds the agents and groups that no run comes to; of several that hang together the first. */
export function unreachedIn(reached: ReadonlySet<string>, graph: Graph, report: Report): Unreached[] {
  if (report.hasUnknownNames || report.doubts.some(hidesFlow)) return [];
  const { groups, structure, branches, effective } = graph;
  const covered = new Set<string>();
  const cover = (names: Iterable<string>): Set<string> => {
    const led = from(names, graph);
    for (const name of led) for (const used of [name, ...(effective.get(name)?.bases ?? [])]) covered.add(used);
    return led;
  };
  cover(reached);
  // That a branch starts from something unreached is an error, and told already.
  cover([...branches.keys()].filter((name) => !structure.elements.has(name)));
  const rest = [...effective.keys(), ...groups.keys()].filter((name) => !covered.has(name));
  const led = new Set(rest.flatMap((name) => [...next(name, graph), ...(effective.get(name)?.bases ?? [])]));
  const firsts = [...rest.filter((one) => !led.has(one)), ...rest];
  return firsts.flatMap((name) => (covered.has(name) ? [] : [{ name, others: cover([name]) }]));
}

/** Warns of what no run comes to. It is an error where something reads what only that would write: `missed` are these reads. */
export function tellUnreached({ name }: Unreached, isGroup: boolean, missed: readonly Mention[], report: Report): void {
  const path: Path = isGroup ? ["orchestration", "sequential", "parallel", name] : ["agents", name];
  const what = `no run comes to the ${isGroup ? "group" : "agent"} \`${name}\``;
  const ways = isGroup
    ? ["add it to the sequence", "make it the target of a branch"]
    : ["add it to the sequence or a group", "make it the target of a branch, a fallback or a rollback"];
  if (missed.length === 0) {
    report.warning("unreached-agent", path, what, { at: "key", help: `${ways.join(", ")}, or remove it` });
    return;
  }
  const keys = listed(new Set(missed.map((mention) => mention.name)));
  report.error("unreached-agent", path, `${what}, and nothing else writes ${keys}`, {
    at: "key",
    related: alsoAt(missed, "read here"),
    help: ways.join(", or "),
  });
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
