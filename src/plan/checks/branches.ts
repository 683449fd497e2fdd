import type { Path } from "../../spec/diagnostic.ts";
import type { BranchSpec } from "../../spec/spec.ts";
import { expressionAt } from "../compile.ts";
import type { BranchPlan, Element } from "../plan.ts";
import type { Structure } from "../structure.ts";
import { type Report, unknownName } from "./report.ts";

const BRANCHES: Path = ["orchestration", "sequential", "branches"];

/** Resolves and checks the branches: their sources and targets, "otherwise" last, and a bound on every circle. */
export function planBranches(
  specs: readonly BranchSpec[],
  structure: Structure,
  known: ReadonlySet<string>,
  report: Report,
): Map<string, readonly BranchPlan[]> {
  const branches = new Map<string, BranchPlan[]>();
  for (const [index, spec] of specs.entries()) {
    checkSource(spec, index, structure, known, report);
    const condition = spec.condition === undefined ? null : expressionAt(spec.condition, [...BRANCHES, index, "condition"], {}, report);
    const siblings = branches.get(spec.from_agent) ?? [];
    const otherwise = siblings.find((sibling) => specs[sibling.index]?.condition === undefined);
    if (otherwise !== undefined) {
      report.error(
        "branch-after-otherwise",
        [...BRANCHES, index],
        `this branch from \`${spec.from_agent}\` is never looked at: the one before it has no condition`,
        {
          at: "key",
          related: [{ path: [...BRANCHES, otherwise.index], at: "key", label: "always taken" }],
          help: "put the branch without a condition last",
        },
      );
    }
    siblings.push({ from: spec.from_agent, index, condition, to: spec.to_agent ?? null, maxTimes: spec.max_times ?? null });
    branches.set(spec.from_agent, siblings);
  }
  if (!report.hasErrors) checkCircles(specs, structure, branches, report);
  return branches;
}

function checkSource(spec: BranchSpec, index: number, structure: Structure, known: ReadonlySet<string>, report: Report): void {
  const { elements } = structure;
  if (elements.has(spec.from_agent)) return;
  const path = [...BRANCHES, index, "from_agent"];
  const group = [...elements.values()].find(
    (element) => element.kind === "group" && element.members.some(({ name }) => name === spec.from_agent),
  );
  if (group !== undefined) {
    report.error(
      "branch-in-group",
      path,
      `\`${spec.from_agent}\` is a member of the group \`${group.name}\`; a branch starts from the whole group`,
      { help: `from_agent = "${group.name}"` },
    );
  } else if (known.has(spec.from_agent)) {
    report.error(
      "unreached-branch",
      path,
      `no run comes to \`${spec.from_agent}\`: it is neither in the sequence nor the target of a branch`,
      { help: "add it to the sequence, or remove this branch" },
    );
  } else {
    report.error(
      "unknown-agent",
      path,
      `there is no agent called \`${spec.from_agent}\``,
      unknownName(spec.from_agent, [...known, ...elements.keys()], (near) =>
        known.has(near) ? ["agents", near] : ["orchestration", "sequential", "parallel", near],
      ),
    );
  }
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
  const bounded = new Set(specs.flatMap((spec, index) => (spec.max_times === undefined ? [] : [index])));
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
        help: "say how often at most, for example max_times = 3",
      },
    );
  }
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
