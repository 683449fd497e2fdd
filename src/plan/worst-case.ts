import { formatDuration } from "../spec/duration.ts";
import { type Paths, pathsOf, type Way } from "./paths.ts";
import type { AgentPlan, Element, GroupPlan, Plan, RetryPolicy, StagePlan } from "./plan.ts";

/** How long something takes at most. */
export interface Bound {
  /** null: there is no limit. */
  readonly ms: number | null;
  /** How it comes about, for a person: `3 × 30s + 5s + 10s`. */
  readonly arithmetic: string;
}

export interface StageBound extends Bound {
  readonly name: string;
  /** Of a group; otherwise empty. */
  readonly members: readonly StageBound[];
}

/** What of a plan says how long it takes. */
export type TimedPlan = Pick<Plan, "sequence" | "elements" | "agents" | "branches" | "timeoutMs">;

export interface WorstCase {
  /** The elements of the sequence, in order, and then the detours. One visit to each. */
  readonly stages: readonly StageBound[];
  /** Of a whole run; null: there is no limit. */
  readonly totalMs: number | null;
  /** Of the longest way through the pipeline, before its own timeout ends it. */
  readonly longestMs: number | null;
  readonly arithmetic: string;
  /** The elements on that way. */
  readonly through: ReadonlySet<string>;
}

/**
 * How long a run takes at most, by its timeouts alone.
 *
 * A stage: every attempt up to its timeout, every wait without jitter, then the same for each fallback. A group: its
 * members in the order of the list, as many at a time as it allows. A nested pipeline: its own worst case, at most the
 * stage's timeout. The whole: the longest way through the sequence and its detours; every branch that closes a circle
 * adds, as often as it may be taken, its longest round. The pipeline's timeout caps all of it.
 *
 * Not counted: hooks, longer waits that a server asks for, and the grace period of what is being stopped.
 */
export function worstCase(plan: TimedPlan): WorstCase {
  const elements = [...plan.sequence, ...[...plan.elements.values()].filter((element) => element.number === null)];
  const stages = elements.map((element) => elementBound(element, plan));
  const longest = longestRun(plan, new Map(stages.map((stage) => [stage.name, stage])));
  return {
    stages,
    totalMs: shorter(longest.ms, plan.timeoutMs),
    longestMs: longest.ms,
    arithmetic: longest.arithmetic,
    through: longest.through,
  };
}

/** More terms than this are given as their sum. */
const TERMS_SHOWN = 8;
const MULTIPLIED = "×";

function elementBound(element: Element, plan: TimedPlan): StageBound {
  return element.kind === "group" ? groupBound(element, plan) : stageBound(element, plan);
}

function stageBound(stage: StagePlan, plan: TimedPlan): StageBound {
  const parts: Bound[] = [];
  const chain = [stage.agent, ...fallbacksOf(stage.agent, plan)];
  for (const agent of chain) {
    const bound = agentBound(agent);
    if (bound.ms === 0 && agent !== stage.agent) continue;
    parts.push(agent === stage.agent ? bound : { ms: bound.ms, arithmetic: `${agent.name} ${inBrackets(bound.arithmetic)}` });
  }
  const arithmetic = parts.map((part) => part.arithmetic).join(" + ");
  return { name: stage.name, ms: sum(parts.map(({ ms }) => ms)), arithmetic, members: [] };
}

/** The agents that serve a stage one after the other when the one before has finally failed. */
export function fallbacksOf(agent: AgentPlan, plan: TimedPlan): AgentPlan[] {
  const chain = new Set<AgentPlan>();
  let next = agent.fallback === null ? undefined : plan.agents.get(agent.fallback);
  while (next !== undefined && next !== agent && !chain.has(next)) {
    chain.add(next);
    next = next.fallback === null ? undefined : plan.agents.get(next.fallback);
  }
  return [...chain];
}

function agentBound(agent: AgentPlan): Bound {
  const attempts = agent.retry.retries + 1;
  const attemptMs = attemptBoundMs(agent);
  const waits = waitsOf(agent.retry);
  const times = attempts === 1 ? textOf(attemptMs) : `${attempts} ${MULTIPLIED} ${textOf(attemptMs)}`;
  const ms = attemptMs === null ? null : attempts * attemptMs + waits.ms;
  return { ms, arithmetic: [...(attemptMs === 0 && waits.ms > 0 ? [] : [times]), ...waits.terms].join(" + ") };
}

function attemptBoundMs({ call, timeoutMs }: AgentPlan): number | null {
  if (call.type === "pipeline") return shorter(worstCase(call.plan).totalMs, timeoutMs);
  return call.type === "canned" ? shorter(call.delayMs, timeoutMs) : timeoutMs;
}

/** The waits between the attempts, each as long as it can be. Once the delay stops growing, the rest is a product. */
function waitsOf({ retries, delayMs, backoff, maxDelayMs }: RetryPolicy): { ms: number; terms: string[] } {
  const waits: number[] = [];
  const capMs = maxDelayMs ?? Number.POSITIVE_INFINITY;
  let waitMs = Math.min(delayMs, capMs);
  const growing = backoff > 1 && waitMs > 0 ? retries : 0;
  while (waits.length < growing && waitMs < capMs) {
    waits.push(waitMs);
    waitMs = Math.min(waitMs * backoff, capMs);
  }
  const rest = retries - waits.length;
  const totalMs = waits.reduce((total, wait) => total + wait, 0) + (rest > 0 ? rest * waitMs : 0);
  if (totalMs === 0) return { ms: 0, terms: [] };
  if (waits.length > 4) return { ms: totalMs, terms: [`waits of ${formatDuration(totalMs)}`] };
  const terms = waits.map((wait) => formatDuration(wait));
  if (rest > 0) terms.push(rest === 1 ? formatDuration(waitMs) : `${rest} ${MULTIPLIED} ${formatDuration(waitMs)}`);
  return { ms: totalMs, terms };
}

/** Members start in the order of the list, each as soon as there is room; a shorter one never makes the whole longer. */
function groupBound(group: GroupPlan, plan: TimedPlan): StageBound {
  const members = group.members.map((member) => stageBound(member, plan));
  const lanes = Array.from({ length: Math.max(1, Math.min(group.maxConcurrency, members.length)) }, () => 0);
  for (const member of members) {
    const free = lanes.indexOf(Math.min(...lanes));
    lanes[free] = (lanes[free] ?? 0) + (member.ms ?? Number.POSITIVE_INFINITY);
  }
  const ms = finite(Math.max(...lanes));
  const slowest = members.find((member) => member.ms === ms);
  const arithmetic =
    lanes.length < members.length
      ? `${members.length} members, ${lanes.length === 1 ? "one after the other" : `${lanes.length} at a time`}`
      : `the slowest of ${members.length}: ${slowest?.name ?? "none"}`;
  return { name: group.name, ms, arithmetic, members };
}

/** A way through some positions, by their index, and how long it takes. Infinity: there is no limit. */
interface Route {
  readonly ms: number;
  readonly through: readonly number[];
}

/** A part of a run, and how often it is run. */
interface Section {
  readonly times: number;
  readonly route: Route;
}

/**
 * The longest run. Without the branches that close a circle, it is the longest way from the start. Each time that one of
 * them is taken, a round is added: the longest way from its target to where such a branch may be taken again. Where a run
 * comes to its end only by such a branch, its last round is the longest way from the target to the end.
 */
function longestRun(plan: TimedPlan, bounds: ReadonlyMap<string, StageBound>): Bound & Pick<WorstCase, "through"> {
  const paths = pathsOf(plan);
  const sources = new Set(paths.loops.map((loop) => loop.from));
  const longest = longestRoutes(paths, bounds);
  const loops = [...Map.groupBy(paths.loops, (loop) => loop.branch)].map(([branch, ways]) => {
    const targets = ways.flatMap(({ to }) => (to === null ? [] : [to]));
    return { times: branch?.maxTimes ?? 0, round: longest(targets, sources), last: longest(targets) };
  });
  const rounds = loops.map(({ times, round }): Section => ({ times, route: round }));
  const runs: Section[][] = [[{ times: 1, route: longest([0]) }, ...rounds]];
  for (const [index, { times, round, last }] of loops.entries()) {
    const others = rounds.with(index, { times: times - 1, route: round });
    runs.push([{ times: 1, route: longest([0], sources) }, { times: 1, route: last }, ...others]);
  }
  const [worst = []] = runs.toSorted((a, b) => compare(lengthOf(b), lengthOf(a)));
  const sections = worst.filter(({ times, route }, index) => times > 0 && route.through.length > 0 && (index === 0 || route.ms > 0));
  const through = new Set(sections.flatMap(({ route }) => route.through.map((index) => paths.positions[index]?.name ?? "")));
  return { ms: finite(lengthOf(worst)), arithmetic: sections.map((section) => sectionText(section, paths, bounds)).join(" + "), through };
}

/** Finds the longest way from one of some positions to one of others, or to any; both ends count. */
function longestRoutes(
  { positions, ways }: Paths,
  bounds: ReadonlyMap<string, StageBound>,
): (starts: readonly number[], ends?: ReadonlySet<number>) => Route {
  const ownMs = positions.map(({ name }) => bounds.get(name)?.ms ?? Number.POSITIVE_INFINITY);
  const following = Map.groupBy(ways, (way) => way.from);
  const order = inOrder(positions.length, ways, following);
  return (starts, ends) => {
    const ms = positions.map((_, index) => (starts.includes(index) ? (ownMs[index] ?? 0) : -1));
    const before: (number | undefined)[] = [];
    let longest = -1;
    for (const from of order) {
      const soFarMs = ms[from] ?? -1;
      if (soFarMs < 0) continue;
      if ((ends?.has(from) ?? true) && soFarMs >= (ms[longest] ?? 0)) longest = from;
      for (const { to } of following.get(from) ?? []) {
        if (to === null || soFarMs + (ownMs[to] ?? 0) < (ms[to] ?? -1)) continue;
        ms[to] = soFarMs + (ownMs[to] ?? 0);
        before[to] = from;
      }
    }
    const through: number[] = [];
    for (let index: number | undefined = longest; index !== undefined && index >= 0; index = before[index]) through.push(index);
    return { ms: ms[longest] ?? 0, through: through.toReversed() };
  };
}

/** Every position after all that lead to it; the ways form no circle. */
function inOrder(count: number, ways: readonly Way[], following: ReadonlyMap<number, readonly Way[]>): number[] {
  const waiting = Array.from({ length: count }, () => 0);
  for (const { to } of ways) if (to !== null) waiting[to] = (waiting[to] ?? 0) + 1;
  const order = [...waiting.keys()].filter((index) => waiting[index] === 0);
  for (const from of order) {
    for (const { to } of following.get(from) ?? []) {
      if (to === null) continue;
      waiting[to] = (waiting[to] ?? 0) - 1;
      if (waiting[to] === 0) order.push(to);
    }
  }
  return order;
}

function lengthOf(sections: readonly Section[]): number {
  return sections.reduce((ms, { times, route }) => ms + (times === 0 ? 0 : times * route.ms), 0);
}

/** Not by difference: Infinity less Infinity is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a > b ? 1 : -1;
}

function sectionText({ times, route }: Section, { positions }: Paths, bounds: ReadonlyMap<string, StageBound>): string {
  const all = route.through.map((index) => positions[index]?.name ?? "");
  const lasting = all.filter((name) => bounds.get(name)?.ms !== 0);
  const names = lasting.length === 0 ? all : lasting;
  const isSum = names.length > TERMS_SHOWN;
  const terms = isSum
    ? `${names.length} stages ${textOf(finite(route.ms))}`
    : names.map((name) => `${name} ${textOf(bounds.get(name)?.ms ?? null)}`).join(" + ");
  return times === 1 ? terms : `${times} ${MULTIPLIED} ${isSum || names.length > 1 ? `(${terms})` : terms}`;
}

function inBrackets(arithmetic: string): string {
  return arithmetic.includes(" ") ? `(${arithmetic})` : arithmetic;
}

function sum(parts: readonly (number | null)[]): number | null {
  return parts.reduce((total, part) => (total === null || part === null ? null : total + part), 0);
}

function shorter(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null;
}

function textOf(ms: number | null): string {
  return ms === null ? "no limit" : formatDuration(ms);
}
