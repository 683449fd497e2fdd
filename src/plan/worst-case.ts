import { formatDuration } from "../spec/duration.ts";
import { type Paths, pathsOf } from "./paths.ts";
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

export interface WorstCase {
  /** The elements of the sequence, in order, and then the detours. One visit to each. */
  readonly stages: readonly StageBound[];
  /** Of a whole run; null: there is no limit. */
  readonly totalMs: number | null;
  /** Of the longest way through the pipeline, before its own timeout ends it. */
  readonly longestMs: number | null;
  readonly arithmetic: string;
}

/**
 * How long a run takes at most, by its timeouts alone.
 *
 * A stage: every attempt up to its timeout, every wait without jitter, then the same for each fallback. A group: its
 * members in the order of the list, as many at a time as it allows. A nested pipeline: its own worst case, at most the
 * stage's timeout. The whole: the longest way through the sequence and its detours; every branch that closes a circle
 * adds, as often as it may be taken, the longest way that leads to it. The pipeline's timeout caps all of it.
 *
 * Not counted: hooks, longer waits that a server asks for, and the grace period of what is being stopped.
 */
export function worstCase(plan: Plan): WorstCase {
  const elements = [...plan.sequence, ...[...plan.elements.values()].filter((element) => element.number === null)];
  const stages = elements.map((element) => elementBound(element, plan));
  const longest = longestRun(plan, new Map(stages.map((stage) => [stage.name, stage])));
  return { stages, totalMs: shorter(longest.ms, plan.timeoutMs), longestMs: longest.ms, arithmetic: longest.arithmetic };
}

/** More terms than this are given as their sum. */
const TERMS_SHOWN = 8;
const MULTIPLIED = "×";

function elementBound(element: Element, plan: Plan): StageBound {
  return element.kind === "group" ? groupBound(element, plan) : stageBound(element, plan);
}

function stageBound(stage: StagePlan, plan: Plan): StageBound {
  const parts: Bound[] = [];
  const chain = [stage.agent, ...fallbacksOf(stage.agent, plan)];
  for (const agent of chain) {
    const bound = agentBound(agent);
    parts.push(agent === stage.agent ? bound : { ms: bound.ms, arithmetic: `${agent.name} ${inBrackets(bound.arithmetic)}` });
  }
  const arithmetic = parts.map((part) => part.arithmetic).join(" + ");
  return { name: stage.name, ms: sum(parts.map(({ ms }) => ms)), arithmetic, members: [] };
}

/** The agents that serve a stage one after the other when the one before has finally failed. */
export function fallbacksOf(agent: AgentPlan, plan: Plan): AgentPlan[] {
  const chain: AgentPlan[] = [];
  let next = agent.fallback === null ? undefined : plan.agents.get(agent.fallback);
  while (next !== undefined && next !== agent && !chain.includes(next)) {
    chain.push(next);
    next = next.fallback === null ? undefined : plan.agents.get(next.fallback);
  }
  return chain;
}

function agentBound(agent: AgentPlan): Bound {
  const attempts = agent.retry.retries + 1;
  const attemptMs = attemptBoundMs(agent);
  const waits = waitsOf(agent.retry);
  const times = attempts === 1 ? textOf(attemptMs) : `${attempts} ${MULTIPLIED} ${textOf(attemptMs)}`;
  const ms = attemptMs === null ? null : attempts * attemptMs + waits.ms;
  return { ms, arithmetic: [times, ...waits.terms].join(" + ") };
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
  while (waits.length < retries && waitMs < capMs && backoff > 1 && waitMs > 0) {
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
function groupBound(group: GroupPlan, plan: Plan): StageBound {
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

/** The longest ways to all positions, from the start or from where a circle begins again; parallel lists. */
interface Routes {
  /** The position itself included. Infinity: there is no limit. */
  readonly ms: readonly number[];
  /** How many elements it goes through. */
  readonly lengths: readonly number[];
  /** The position before; null at the beginning. */
  readonly before: readonly (number | null)[];
}

/**
 * The longest run: it is cut into sections at the branches that close a circle. Each section but the last ends with one
 * of them, so it is at most as long as the longest way that leads there; the last is at most as long as the longest way of all.
 */
function longestRun(plan: Plan, bounds: ReadonlyMap<string, StageBound>): Bound {
  const paths = pathsOf(plan);
  const routes = longestRoutes(paths, bounds);
  const sections = [{ times: 1, end: longestOf([...paths.positions.keys()], routes) }];
  for (const [branch, loops] of Map.groupBy(paths.loops, (loop) => loop.branch)) {
    const leading = loops.map((loop) => loop.from);
    sections.push({ times: branch?.maxTimes ?? 0, end: longestOf(leading, routes) });
  }
  let totalMs = 0;
  const terms: string[] = [];
  for (const { times, end } of sections) {
    if (end === undefined || times === 0) continue;
    totalMs += times * (routes.ms[end] ?? 0);
    terms.push(sectionText(times, namesTo(end, routes, paths), finite(routes.ms[end] ?? 0), bounds));
  }
  return { ms: finite(totalMs), arithmetic: terms.join(" + ") };
}

function longestRoutes({ positions, ways }: Paths, bounds: ReadonlyMap<string, StageBound>): Routes {
  const ownMs = positions.map(({ name }) => bounds.get(name)?.ms ?? Number.POSITIVE_INFINITY);
  const routes = { ms: [...ownMs], lengths: positions.map(() => 1), before: positions.map((): number | null => null) };
  const following = Map.groupBy(ways, (way) => way.from);
  const waiting = positions.map(() => 0);
  for (const { to } of ways) if (to !== null) waiting[to] = (waiting[to] ?? 0) + 1;
  // In an order in which every position comes after all that lead to it; there are no circles among the ways.
  const order = [...positions.keys()].filter((index) => waiting[index] === 0);
  for (const from of order) {
    for (const { to } of following.get(from) ?? []) {
      if (to === null) continue;
      const ms = (routes.ms[from] ?? 0) + (ownMs[to] ?? 0);
      if (ms >= (routes.ms[to] ?? 0)) {
        routes.ms[to] = ms;
        routes.lengths[to] = (routes.lengths[from] ?? 0) + 1;
        routes.before[to] = from;
      }
      waiting[to] = (waiting[to] ?? 0) - 1;
      if (waiting[to] === 0) order.push(to);
    }
  }
  return routes;
}

/** Of two that take as long, the one through more elements tells more. */
function longestOf(positions: readonly number[], { ms, lengths }: Routes): number | undefined {
  const key = (index: number): [number, number] => [ms[index] ?? 0, lengths[index] ?? 0];
  return positions.toSorted((a, b) => compare(key(b), key(a)))[0];
}

/** Not by difference: Infinity less Infinity is no number. */
function compare(a: readonly [number, number], b: readonly [number, number]): number {
  return a[0] === b[0] ? a[1] - b[1] : a[0] > b[0] ? 1 : -1;
}

function namesTo(end: number, { before }: Routes, { positions }: Paths): string[] {
  const names: string[] = [];
  for (let at: number | null = end; at !== null; at = before[at] ?? null) names.push(positions[at]?.name ?? "");
  return names.reverse();
}

function sectionText(times: number, names: readonly string[], ms: number | null, bounds: ReadonlyMap<string, StageBound>): string {
  const isSum = names.length > TERMS_SHOWN;
  const terms = isSum
    ? `${names.length} stages ${textOf(finite(ms))}`
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
