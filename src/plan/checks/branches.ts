import type { Path } from "../../spec/diagnostic.ts";
import type { BranchSpec } from "../../spec/spec.ts";
import { expressionAt } from "../compile.ts";
import { pathsOf } from "../paths.ts";
import type { BranchPlan, Element } from "../plan.ts";
import { groupsByMember, groupsOf, type Names, type Structure, tellMember } from "../structure.ts";
import type { Report } from "./report.ts";

const BRANCHES: Path = ["orchestration", "sequential", "branches"];

/** Resolves and checks the branches: their sources, their conditions, "otherwise" last, and a bound on every circle. */
export function planBranches(structure: Structure, names: Names): Map<string, readonly BranchPlan[]> {
  const specs = names.spec.orchestration.sequential.branches ?? [];
  const plans = specs.map((spec, index): BranchPlan => {
    checkSource(spec.from_agent, index, structure, names);
    return {
      from: spec.from_agent,
      index,
      condition: spec.condition === undefined ? null : conditionAt(spec.condition, index, names.report),
      to: spec.to_agent ?? null,
      maxTimes: spec.max_times ?? null,
    };
  });
  const branches = Map.groupBy(plans, ({ from }) => from);
  for (const rules of branches.values()) checkOtherwise(rules, names.report);
  checkCircles(specs, structure, branches, names.report);
  return branches;
}

function checkSource(name: string, index: number, { elements }: Structure, names: Names): void {
  if (elements.has(name)) return;
  const { agents, report } = names;
  const path = [...BRANCHES, index, "from_agent"];
  const group = groupsByMember(names).get(name);
  const groups = groupsOf(names);
  if (group !== undefined) tellMember(report, path, name, group, "starts from");
  else if (agents.has(name) || groups.has(name)) {
    // What a misspelt name would have led to is not known.
    if (report.hasUnknownNames) return;
    report.doubtful("unreached-branch", path, `no run comes to \`${name}\`: it is neither in the sequence nor the target of a branch`, {
      help: "add it to the sequence, or remove this branch",
    });
  } else report.unknownAgent(name, path, agents.keys(), groups.keys());
}

function conditionAt(text: string, index: number, report: Report): BranchPlan["condition"] {
  const path = [...BRANCHES, index, "condition"];
  const condition = expressionAt(text, path, {}, report);
  if (condition.type !== null && condition.type !== "boolean") {
    const is = condition.type === "null" ? "null" : `${condition.type === "object" ? "an" : "a"} ${condition.type}`;
    report.error("type-mismatch", path, `a condition is true or false, and this is ${is}`, {
      help: "compare it with something, for example count > 0",
    });
  }
  return condition;
}

/** A rule without a condition always holds, so it stands last. */
function checkOtherwise(rules: readonly BranchPlan[], report: Report): void {
  const place = rules.findIndex(({ index, condition }) => condition === null && !report.doubtsIn([...BRANCHES, index]));
  const [otherwise, ...later] = place === -1 ? [] : rules.slice(place);
  // A branch that stands under a misspelt name has no certain place among the others.
  if (otherwise === undefined || later.every(({ index }) => report.doubtsIn([...BRANCHES, index]))) return;
  report.error(
    "branch-after-otherwise",
    [...BRANCHES, otherwise.index],
    `a branch without a condition must be the last one from \`${otherwise.from}\``,
    {
      at: "key",
      label: "always holds",
      related: later.map(({ index }) => ({ path: [...BRANCHES, index], at: "key", label: "comes after it" })),
      help: "move it below the others, or give it a condition",
    },
  );
}

/**
 * Every branch that closes a circle needs `max_times`, so that a run always ends.
 *
 * A branch without it may be taken for ever; so there must be no way from its target back to its source over such
 * branches and the steps of the sequence.
 */
function checkCircles(
  specs: readonly BranchSpec[],
  structure: Structure,
  branches: ReadonlyMap<string, readonly BranchPlan[]>,
  report: Report,
): void {
  const mayComeBack = (spec: BranchSpec): boolean => spec.max_times === undefined && !leadsOnward(spec, structure, branches);
  if (!specs.some(mayComeBack) || !hasCircle(structure, branches)) return;
  const isBounded = (spec: BranchSpec, index: number): boolean => spec.max_times !== undefined || report.doubtsIn([...BRANCHES, index]);
  const bounded = new Set(specs.flatMap((spec, index) => (isBounded(spec, index) ? [index] : [])));
  // From the last to the first: the branch that closes a circle is usually written after those that open it.
  for (let index = specs.length - 1; index >= 0; index -= 1) {
    const spec = specs[index] as BranchSpec;
    if (spec.to_agent === undefined || bounded.has(index) || jumpsForward(spec, structure)) continue;
    const way = wayBack(spec, structure, branches, bounded);
    if (way === null) continue;
    bounded.add(index);
    report.error(
      "missing-max-times",
      [...BRANCHES, index],
      `this branch can be taken for ever: ${[...way, way[0]].map((name) => `\`${name}\``).join(" → ")}`,
      {
        at: "key",
        label: "needs `max_times`",
        help: "say how often at most, for example max_times = 3",
        fix: { safe: false, edits: [{ path: [...BRANCHES, index], at: "end", text: "max_times = 3\n" }] },
      },
    );
    // A bound lets a run go on past the branch, and so round another circle.
    index = specs.length;
  }
}

/** Whether a run may come round without taking a branch that is bounded: what is left when all are taken away that lead nowhere. */
function hasCircle(structure: Structure, branches: ReadonlyMap<string, readonly BranchPlan[]>): boolean {
  const { positions, ways, loops } = pathsOf({ ...structure, branches });
  const onward = [...ways, ...loops].filter(({ to, branch }) => to !== null && (branch?.maxTimes ?? null) === null);
  const waiting = positions.map(() => 0);
  for (const { to } of onward) waiting[to ?? 0] = (waiting[to ?? 0] ?? 0) + 1;
  const leaving = Map.groupBy(onward, ({ from }) => from);
  const free = [...positions.keys()].filter((index) => waiting[index] === 0);
  for (const index of free) {
    for (const { to } of leaving.get(index) ?? []) {
      waiting[to ?? 0] = (waiting[to ?? 0] ?? 0) - 1;
      if (waiting[to ?? 0] === 0) free.push(to ?? 0);
    }
  }
  return free.length < positions.length;
}

/** To the end, to a later element, or to a detour that returns. */
function leadsOnward(branch: BranchSpec, structure: Structure, branches: ReadonlyMap<string, readonly BranchPlan[]>): boolean {
  const { from_agent: from, to_agent: to } = branch;
  if (to === undefined || jumpsForward(branch, structure)) return true;
  const isDetour = (name: string): boolean => (structure.elements.get(name)?.number ?? null) === null;
  return !isDetour(from) && isDetour(to) && !branches.has(to);
}

/** From one element of the sequence to a later one; such a branch alone closes no circle. */
function jumpsForward(branch: BranchSpec, { elements }: Structure): boolean {
  const from = elements.get(branch.from_agent)?.number ?? null;
  const to = elements.get(branch.to_agent ?? "")?.number ?? null;
  return from !== null && to !== null && to > from;
}

/** Positions in a run: an element, and for a detour the place in the sequence that it was left from. */
interface Position {
  readonly name: string;
  readonly home: number;
  readonly via: Position | null;
}

/** The shortest way from a branch's target back to its source that no `max_times` bounds; the source first. */
function wayBack(
  branch: BranchSpec,
  { sequence, elements }: Structure,
  branches: ReadonlyMap<string, readonly BranchPlan[]>,
  bounded: ReadonlySet<number>,
): string[] | null {
  const homeOf = (name: string, home: number): number => {
    const number = elements.get(name)?.number ?? null;
    return number === null ? home : number - 1;
  };
  const sourceIsDetour = (elements.get(branch.from_agent)?.number ?? null) === null;
  const starts = sourceIsDetour ? sequence.map((_, index) => index) : [homeOf(branch.from_agent, 0)];
  for (const start of starts) {
    const target = branch.to_agent as string;
    const queue: Position[] = [{ name: target, home: homeOf(target, start), via: null }];
    const seen = new Set<string>();
    for (const position of queue) {
      if (position.name === branch.from_agent && position.home === start) return [branch.from_agent, ...trail(position).slice(0, -1)];
      const key = `${position.name} ${position.home}`;
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push(...next(position, sequence, elements, branches, homeOf, bounded));
    }
  }
  return null;
}

function next(
  position: Position,
  sequence: readonly Element[],
  elements: ReadonlyMap<string, Element>,
  branches: ReadonlyMap<string, readonly BranchPlan[]>,
  homeOf: (name: string, home: number) => number,
  bounded: ReadonlySet<number>,
): Position[] {
  const following: Position[] = [];
  const rules = branches.get(position.name) ?? [];
  for (const rule of rules) {
    if (!bounded.has(rule.index) && rule.to !== null && elements.has(rule.to))
      following.push({ name: rule.to, home: homeOf(rule.to, position.home), via: position });
  }
  const after = sequence[position.home + 1];
  const alwaysLeft = rules.some((rule) => rule.condition === null && !bounded.has(rule.index));
  if (after !== undefined && !alwaysLeft) following.push({ name: after.name, home: position.home + 1, via: position });
  return following;
}

function trail(position: Position): string[] {
  const names: string[] = [];
  for (let current: Position | null = position; current !== null; current = current.via) names.unshift(current.name);
  return names;
}
