import type { BranchPlan, Plan } from "./plan.ts";

/** Where a run can stand: an element, and the place in the sequence that it belongs to: its own, or the one that a detour left. */
export interface Position {
  readonly name: string;
  readonly home: number;
}

/** From one position to the next, both by their index; `branch` is null on in the sequence, `to` is null where the run ends. */
export interface Way {
  readonly from: number;
  readonly to: number | null;
  readonly branch: BranchPlan | null;
}

/** All ways that a run can take through a pipeline. */
export interface Paths {
  /** Those that a run can come to; the first is where it starts. */
  readonly positions: readonly Position[];
  /** They form no circle. */
  readonly ways: readonly Way[];
  /** Branches that lie on a circle and are bounded by `max_times`; without them there is no circle. */
  readonly loops: readonly Way[];
}

/** Follows every branch of a plan, whatever the conditions say. */
export function pathsOf(plan: Plan): Paths {
  const positions: Position[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (name: string, home: number): number => {
    const key = `${home} ${name}`;
    const index = indexes.get(key) ?? positions.push({ name, home }) - 1;
    indexes.set(key, index);
    return index;
  };
  const first = plan.sequence[0];
  if (first === undefined) return { positions, ways: [], loops: [] };
  indexOf(first.name, 0);
  const all: Way[] = [];
  for (let from = 0; from < positions.length; from++) {
    const { name, home } = positions[from] as Position;
    const rules = plan.branches.get(name) ?? [];
    for (const branch of rules) {
      const number = branch.to === null ? null : (plan.elements.get(branch.to)?.number ?? null);
      all.push({ from, branch, to: branch.to === null ? null : indexOf(branch.to, number === null ? home : number - 1) });
    }
    if (rules.some((rule) => rule.condition === null && rule.maxTimes === null)) continue;
    const next = plan.sequence[home + 1];
    all.push({ from, branch: null, to: next === undefined ? null : indexOf(next.name, home + 1) });
  }
  const following = followers(positions.length, all);
  const isLoop = ({ from, to, branch }: Way): boolean =>
    (branch?.maxTimes ?? null) !== null && to !== null && reach(to, following).has(from);
  const loops = new Set(all.filter(isLoop));
  return { positions, ways: all.filter((way) => !loops.has(way)), loops: [...loops] };
}

/**
 * For each element, the elements whose outcome decides whether a run comes to it; none where every run does.
 *
 * An element depends on another when one of that one's outcomes leads to it and one leads past it.
 */
export function dependenciesOf(plan: Plan, paths: Paths): ReadonlyMap<string, readonly string[]> {
  const { positions, ways, loops } = paths;
  const forward = followers(positions.length, ways);
  const everywhere = followers(positions.length, [...ways, ...loops]);
  const backward = leaders(positions.length, ways);
  const names = (indexes: Iterable<number>): Set<string> => new Set(Array.from(indexes, (index) => positions[index]?.name ?? ""));
  const dependencies = new Map<string, Set<string>>([...plan.elements.keys()].map((name) => [name, new Set()]));
  for (const [source, position] of positions.entries()) {
    if (!plan.branches.has(position.name)) continue;
    const outcomes = [...ways, ...loops].filter((way) => way.from === source);
    const leadTo = outcomes.map(({ to }) => (to === null ? new Set<string>() : names(reach(to, forward))));
    const mayLeadTo = outcomes.map(({ to }) => (to === null ? new Set<string>() : names(reach(to, everywhere))));
    const before = names(reach(source, backward));
    for (const [name, sources] of dependencies) {
      const isDecided = leadTo.some((reached) => reached.has(name)) && !mayLeadTo.every((reached) => reached.has(name));
      if (isDecided && !before.has(name)) sources.add(position.name);
    }
  }
  return new Map([...dependencies].map(([name, sources]) => [name, [...sources]]));
}

function followers(count: number, ways: readonly Way[]): number[][] {
  const following: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of ways) if (to !== null) following[from]?.push(to);
  return following;
}

function leaders(count: number, ways: readonly Way[]): number[][] {
  const leading: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of ways) if (to !== null) leading[to]?.push(from);
  return leading;
}

/** Every position that can be reached from this one, itself included. */
function reach(start: number, following: readonly number[][]): ReadonlySet<number> {
  const reached = new Set([start]);
  for (const index of reached) for (const next of following[index] ?? []) reached.add(next);
  return reached;
}
