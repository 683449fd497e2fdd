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
export function pathsOf(plan: Pick<Plan, "sequence" | "elements" | "branches">): Paths {
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
  const component = components(followers(positions.length, all));
  const isLoop = ({ from, to, branch }: Way): boolean =>
    (branch?.maxTimes ?? null) !== null && to !== null && component[from] === component[to];
  const loops = new Set(all.filter(isLoop));
  return { positions, ways: all.filter((way) => !loops.has(way)), loops: [...loops] };
}

/**
 * For each element, the elements whose outcome decides whether a run comes to it; none where every run does.
 *
 * An element depends on another when one outcome of that one leads to it in any case, and another may lead past it
 * (control dependence, Ferrante, Ottenstein and Warren, 1987). What always ran before is not decided any more.
 */
export function dependenciesOf(plan: Plan, paths: Paths): ReadonlyMap<string, readonly string[]> {
  const { positions } = paths;
  const ways = [...paths.ways, ...paths.loops];
  const outcomes = Map.groupBy(ways, (way) => way.from);
  const sources = [...positions.keys()].filter((index) => plan.branches.has(positions[index]?.name ?? ""));
  const following = followers(positions.length, ways);
  return new Map(
    [...plan.elements.keys()].map((name) => {
      const avoiding = sources.length === 0 ? new Set<number>() : positionsThatCanAvoid(name, positions, ways);
      const leadsPast = ({ to }: Way): boolean => to === null || avoiding.has(to);
      const deciding = sources.filter((source) => {
        const ends = outcomes.get(source) ?? [];
        return ends.some(leadsPast) && !ends.every(leadsPast) && !isAlwaysBefore(name, source, positions, following);
      });
      return [name, [...new Set(deciding.map((source) => positions[source]?.name ?? ""))]];
    }),
  );
}

/** From where a run can come to its end without the element. */
function positionsThatCanAvoid(name: string, positions: readonly Position[], ways: readonly Way[]): ReadonlySet<number> {
  const isOther = (index: number): boolean => positions[index]?.name !== name;
  const leading: number[][] = positions.map(() => []);
  for (const { from, to } of ways) if (to !== null && isOther(from)) leading[to]?.push(from);
  const last = ways.filter(({ from, to }) => to === null && isOther(from)).map((way) => way.from);
  return reach(last, leading);
}

/** Whether no run comes to the position without having been at the element. */
function isAlwaysBefore(name: string, position: number, positions: readonly Position[], following: readonly number[][]): boolean {
  const without = following.map((next) => next.filter((index) => positions[index]?.name !== name));
  return positions[0]?.name === name || !reach([0], without).has(position);
}

function followers(count: number, ways: readonly Way[]): number[][] {
  const following: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of ways) if (to !== null) following[from]?.push(to);
  return following;
}

/** For each position, a number that it shares with those to which it leads and that lead back to it (Tarjan, 1972). */
function components(following: readonly number[][]): readonly number[] {
  const component: number[] = following.map(() => -1);
  const order: number[] = following.map(() => -1);
  const lowest: number[] = following.map(() => -1);
  const open: number[] = [];
  // A stack of its own: a thousand stages in a row are too many calls within one another.
  const visiting: { readonly index: number; next: number }[] = [];
  let count = 0;
  const enter = (index: number): void => {
    order[index] = count;
    lowest[index] = count;
    count += 1;
    open.push(index);
    visiting.push({ index, next: 0 });
  };
  const lower = (index: number, to = 0): void => {
    lowest[index] = Math.min(lowest[index] ?? 0, to);
  };
  const leave = (index: number): void => {
    visiting.pop();
    const before = visiting.at(-1);
    if (before !== undefined) lower(before.index, lowest[index]);
    if (lowest[index] !== order[index]) return;
    for (const member of open.splice(open.lastIndexOf(index))) component[member] = index;
  };
  for (const start of following.keys()) {
    if (order[start] === -1) enter(start);
    for (let visit = visiting.at(-1); visit !== undefined; visit = visiting.at(-1)) {
      const target = following[visit.index]?.[visit.next];
      visit.next += 1;
      if (target === undefined) leave(visit.index);
      else if (order[target] === -1) enter(target);
      else if (component[target] === -1) lower(visit.index, order[target]);
    }
  }
  return component;
}

/** Every position that can be reached from these, themselves included. */
function reach(starts: readonly number[], following: readonly number[][]): ReadonlySet<number> {
  const reached = new Set(starts);
  for (const index of reached) for (const next of following[index] ?? []) reached.add(next);
  return reached;
}
