import type { FailureKind } from "../../../src/spec/spec.ts";
import {
  canonical,
  outputOf,
  type SimAgent,
  type SimBranch,
  type SimFacts,
  type SimGroup,
  type SimPipeline,
  type SimState,
  type SimWorld,
} from "./world.ts";

/**
 * What a run must come to, by the words of the description of the pipeline file: a second, simpler interpreter.
 *
 * It computes when everything ends instead of waiting for it: each function takes the time at which something starts and
 * the limit at which it would be stopped.
 */
export interface Prediction {
  readonly status: "succeeded" | "failed" | "timed_out";
  readonly state: SimState;
  readonly path: readonly string[];
  readonly stages: readonly PredictedStage[];
  readonly error: { readonly kind: FailureKind; readonly stage: string } | null;
  readonly durationMs: number;
}

export interface PredictedStage {
  readonly name: string;
  readonly number: number;
  readonly visit: number;
  readonly group: string | null;
  readonly status: Status | "skipped";
  readonly servedBy: string | null;
  readonly attempts: readonly { readonly number: number; readonly agent: string; readonly kind: FailureKind | null }[];
  readonly wrote: readonly string[];
}

/** The share of a jittered delay that is waited. */
export const JITTER = 0.5;

export function predict(world: SimWorld): Prediction {
  const run: ModelRun = { world, deadlineMs: world.main.timeoutMs ?? Infinity };
  const memory: Memory = { calls: new Map(), done: new Map() };
  const place = sequencePlace(run, memory, world.main, world.input, "", "");
  const end = runSequence(place, 0, world.main.timeoutMs === null ? NEVER : { atMs: world.main.timeoutMs, kind: "deadline" });
  const status = end.status === "stopped" ? "timed_out" : end.status;
  return { status, state: place.state, path: end.path, stages: end.stages, error: end.error, durationMs: end.endMs };
}

type Status = "succeeded" | "failed" | "tolerated" | "cancelled";

/** When and why everything below is stopped. */
interface Limit {
  readonly atMs: number;
  readonly kind: FailureKind;
}
const NEVER: Limit = { atMs: Infinity, kind: "cancelled" };

interface ModelRun {
  readonly world: SimWorld;
  readonly deadlineMs: number;
}

/** What outlives an attempt at a nested pipeline. */
interface Memory {
  /** By visit and agent: how many calls have ended for a reason of their own. */
  calls: Map<string, number>;
  /** By visit: how it ended, where another attempt goes on from that. */
  done: Map<string, Visit>;
}

/** Where a sequence is: its pipeline, its state, and what was counted. */
interface Place {
  readonly run: ModelRun;
  readonly memory: Memory;
  readonly pipeline: SimPipeline;
  readonly names: string;
  readonly keys: string;
  state: SimState;
  readonly facts: Map<string, { status: string; attempts: number; visits: number }>;
  readonly visits: Map<string, number>;
  readonly taken: Map<SimBranch, number>;
  /** Whether anything was run in this sequence, so that what an earlier attempt did later saw another state. */
  anew: boolean;
}

interface Visit {
  /** null: it was not begun. */
  readonly status: Status | null;
  readonly endMs: number;
  readonly wrote: SimState;
  readonly kind: FailureKind | null;
  readonly branch: SimBranch | null;
  readonly stages: readonly PredictedStage[];
  readonly path: readonly string[];
}

interface SequenceEnd {
  readonly status: "succeeded" | "failed" | "stopped";
  readonly endMs: number;
  readonly error: { readonly kind: FailureKind; readonly stage: string } | null;
  readonly stages: readonly PredictedStage[];
  readonly path: readonly string[];
}

function sequencePlace(run: ModelRun, memory: Memory, pipeline: SimPipeline, state: SimState, names: string, keys: string): Place {
  return { run, memory, pipeline, names, keys, state, facts: new Map(), visits: new Map(), taken: new Map(), anew: false };
}

function runSequence(place: Place, startMs: number, limit: Limit): SequenceEnd {
  const { pipeline, names } = place;
  const { sequence } = pipeline;
  const stages: PredictedStage[] = [];
  const path: string[] = [];
  let error: SequenceEnd["error"] = null;
  let nowMs = startMs;
  let home = 0;
  let name = sequence[0];
  while (name !== undefined) {
    const group = pipeline.groups.get(name);
    const visit =
      group === undefined ? runStage(place, name, home + 1, null, nowMs, limit) : runGroup(place, group, home + 1, nowMs, limit);
    nowMs = visit.endMs;
    stages.push(...visit.stages);
    path.push(...visit.path);
    const failure = { kind: visit.kind ?? limit.kind, stage: names + name };
    if (visit.status === null || visit.status === "cancelled") return { status: "stopped", endMs: nowMs, error: failure, stages, path };
    if (visit.status === "failed") error ??= failure;
    if (visit.status === "failed" && pipeline.failFast) break;
    if (visit.branch === null) {
      home += 1;
      name = sequence[home];
      continue;
    }
    place.taken.set(visit.branch, (place.taken.get(visit.branch) ?? 0) + 1);
    const { to } = visit.branch;
    const target = to === null ? sequence.length : sequence.indexOf(to);
    if (target !== -1) {
      for (let index = home + 1; index < target; index += 1) stages.push(skipped(names + (sequence[index] as string), index + 1));
      home = target;
    }
    name = to ?? undefined;
  }
  return { status: error === null ? "succeeded" : "failed", endMs: nowMs, error, stages, path };
}

function skipped(name: string, number: number): PredictedStage {
  return { name, number, visit: 0, group: null, status: "skipped", servedBy: null, attempts: [], wrote: [] };
}

function runStage(
  place: Place,
  name: string,
  number: number,
  group: { name: string; visit: number } | null,
  startMs: number,
  limit: Limit,
): Visit {
  const visitNumber = group?.visit ?? countVisit(place, name);
  const key = `${place.keys}${group === null ? "" : `${group.name}/`}${name}~${visitNumber}`;
  const stage = agentOf(place, name);
  const past = place.anew ? undefined : place.memory.done.get(key);
  if (past !== undefined) return takeOver(place, stage, past, group === null, visitNumber, startMs);
  if (limit.atMs <= startMs) return notBegun(startMs);
  if (place.anew) forget(place.memory, key);
  place.memory.done.delete(key);
  place.anew = true;
  const attempts: { number: number; agent: string; kind: FailureKind | null }[] = [];
  const settle = (status: Status, tried: Tried, endMs: number): Visit => {
    place.facts.set(name, { status, attempts: attempts.length, visits: visitNumber });
    const wrote = status === "succeeded" ? tried.wrote : {};
    if (group === null && status === "succeeded") place.state = prune({ ...place.state, ...wrote }, stage);
    const own: PredictedStage = {
      name: place.names + name,
      number,
      visit: visitNumber,
      group: group === null ? null : place.names + group.name,
      status,
      servedBy: attempts.at(-1)?.agent ?? null,
      attempts,
      wrote: Object.keys(wrote).toSorted(),
    };
    const visit = {
      status,
      endMs,
      wrote,
      kind: tried.kind,
      branch: tried.branch,
      stages: [own, ...tried.stages],
      path: [own.name, ...tried.path],
    };
    if (status === "succeeded" || status === "tolerated") place.memory.done.set(key, visit);
    return visit;
  };
  const decide = (status: Status, wrote: SimState): SimBranch | "error" | null =>
    group === null
      ? chooseBranch(
          place,
          name,
          { status, attempts: attempts.length + 1, visits: visitNumber },
          status === "succeeded" ? prune({ ...place.state, ...wrote }, stage) : place.state,
        )
      : null;
  let agent = stage;
  let attempt = 1;
  let nowMs = startMs;
  for (;;) {
    const tried = tryOnce(place, agent, `${key}${agent === stage ? "" : `@${agent.name}`}`, key, nowMs, limit, decide);
    nowMs = tried.endMs;
    const kind = tried.kind;
    if (kind === null || tried.stopped) {
      attempts.push({ number: attempt, agent: agent.name, kind });
      return settle(kind === null ? "succeeded" : "cancelled", tried, nowMs);
    }
    const delayMs = attempt <= agent.retries && retries(agent, kind) ? waitMs(agent, attempt, tried.retryAfterMs) : null;
    if (delayMs !== null && (tried.retryAfterMs === null || nowMs + delayMs < place.run.deadlineMs)) {
      attempts.push({ number: attempt, agent: agent.name, kind });
      if (nowMs + delayMs >= limit.atMs) return settle("cancelled", { ...tried, kind: limit.kind }, limit.atMs);
      nowMs += delayMs;
      attempt += 1;
    } else if (agent.fallback !== null) {
      attempts.push({ number: attempt, agent: agent.name, kind });
      agent = agentOf(place, agent.fallback);
      attempt = 1;
    } else {
      const status = stage.onError === "continue" ? "tolerated" : "failed";
      const branch = status === "tolerated" || !place.pipeline.failFast ? decide(status, {}) : null;
      const final = branch === "error" ? { ...tried, kind: "expression" as const, branch: null } : { ...tried, branch };
      attempts.push({ number: attempt, agent: agent.name, kind: final.kind });
      return settle(status, final, nowMs);
    }
  }
}

/** One attempt: in, call, out, and where the run would go. */
interface Tried {
  readonly endMs: number;
  readonly wrote: SimState;
  /** null: it succeeded. */
  readonly kind: FailureKind | null;
  /** By the limit, or whatever is around. */
  readonly stopped: boolean;
  readonly retryAfterMs: number | null;
  readonly branch: SimBranch | null;
  readonly stages: readonly PredictedStage[];
  readonly path: readonly string[];
}

function tryOnce(
  place: Place,
  agent: SimAgent,
  innerKey: string,
  key: string,
  startMs: number,
  limit: Limit,
  decide: (status: Status, wrote: SimState) => SimBranch | "error" | null,
): Tried {
  const nothing = { endMs: startMs, wrote: {}, kind: null, stopped: false, retryAfterMs: null, branch: null, stages: [], path: [] };
  const input = agent.input === null ? place.state : table(agent.input, place.state);
  if (input === null) return { ...nothing, kind: "expression" };
  const called =
    agent.nested === null
      ? callFunction(place, agent, key, input, startMs, limit)
      : callNested(place, agent, agent.nested, innerKey, input, startMs, limit);
  const tried = { ...nothing, ...called };
  if (called.kind !== null) return tried;
  const adapted = called.result === null ? {} : adaptOutput(agent, called.result);
  if (adapted === null) return { ...tried, kind: "invalid_output" };
  const wrote = changes(place.state, adapted);
  const branch = decide("succeeded", wrote);
  return branch === "error" ? { ...tried, kind: "expression" } : { ...tried, wrote, branch };
}

interface Called extends Partial<Tried> {
  readonly endMs: number;
  readonly kind: FailureKind | null;
  readonly result: SimState | null;
}

function callFunction(place: Place, agent: SimAgent, key: string, input: SimState, startMs: number, limit: Limit): Called {
  const script = place.run.world.scripts.get(agent.name);
  if (script === undefined) throw new Error(`${agent.name} has no script`);
  const counter = `${key} ${agent.name}`;
  const call = place.memory.calls.get(counter) ?? 0;
  const mishap = script.mishaps[script.forever ? Math.min(call, script.mishaps.length - 1) : call];
  const ownEndMs = startMs + (mishap === "hang" ? Infinity : script.delayMs);
  const timeoutMs = startMs + (agent.timeoutMs ?? Infinity);
  const stopped = limit.atMs < Math.min(ownEndMs, timeoutMs);
  if (!stopped || limit.kind === "timeout") place.memory.calls.set(counter, call + 1);
  if (stopped) return { endMs: limit.atMs, kind: limit.kind, stopped, result: null };
  if (mishap === "hang" || timeoutMs < ownEndMs) return { endMs: timeoutMs, kind: "timeout", result: null };
  if (mishap !== undefined) return { endMs: ownEndMs, kind: mishap.kind, retryAfterMs: mishap.retryAfterMs ?? null, result: null };
  return { endMs: ownEndMs, kind: null, result: outputOf(script, input) };
}

function callNested(
  place: Place,
  agent: SimAgent,
  nested: SimPipeline,
  innerKey: string,
  input: SimState,
  startMs: number,
  limit: Limit,
): Called {
  const own: Limit = { atMs: startMs + Math.min(agent.timeoutMs ?? Infinity, nested.timeoutMs ?? Infinity), kind: "timeout" };
  const inner = sequencePlace(place.run, place.memory, nested, input, `${place.names}${nameOfKey(innerKey)}/`, `${innerKey}/`);
  const end = runSequence(inner, startMs, own.atMs < limit.atMs ? own : limit);
  const shown = { endMs: end.endMs, stages: end.stages, path: end.path };
  if (end.error !== null) return { ...shown, kind: end.error.kind, stopped: end.endMs >= limit.atMs, result: null };
  return { ...shown, kind: null, result: agent.output === null ? changes(input, inner.state) : inner.state };
}

/** `x~1/g/a~2@b` → `a` */
function nameOfKey(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1).replace(/~.*/, "");
}

function runGroup(place: Place, group: SimGroup, number: number, startMs: number, limit: Limit): Visit {
  const visitNumber = countVisit(place, group.name);
  const key = `${place.keys}${group.name}~${visitNumber}`;
  const past = place.anew ? undefined : place.memory.done.get(key);
  if (past !== undefined) {
    place.state = { ...place.state, ...past.wrote };
    for (const member of past.stages) if (member.group === place.names + group.name) noteFact(place, member);
    place.facts.set(group.name, { status: "succeeded", attempts: 1, visits: visitNumber });
    return { ...past, endMs: startMs };
  }
  if (limit.atMs <= startMs) return notBegun(startMs);
  if (place.anew) for (const member of group.members) forget(place.memory, `${place.keys}${group.name}/${member}~${visitNumber}`);
  place.memory.done.delete(key);
  const members = runMembers(place, group, number, visitNumber, startMs, limit);
  place.anew = true;
  const endMs = Math.max(startMs, ...members.map(({ visit }) => visit.endMs));
  for (const { visit } of members) for (const stage of visit.stages.slice(0, 1)) noteFact(place, stage);
  const settled = settleGroup(place, group, members, visitNumber, endMs >= limit.atMs ? limit.kind : null);
  const wrote = settled.status === "succeeded" ? settled.wrote : {};
  place.state = { ...place.state, ...wrote };
  place.facts.set(group.name, { status: settled.status, attempts: 1, visits: visitNumber });
  const own: PredictedStage = {
    name: place.names + group.name,
    number,
    visit: visitNumber,
    group: null,
    status: settled.status,
    servedBy: null,
    attempts: [],
    wrote: Object.keys(wrote).toSorted(),
  };
  const stages = [own, ...members.flatMap(({ visit }) => visit.stages)];
  const visit: Visit = { status: settled.status, endMs, wrote, kind: settled.kind, branch: settled.branch, stages, path: [own.name] };
  if (settled.status === "succeeded") place.memory.done.set(key, visit);
  return visit;
}

interface MemberEnd {
  readonly name: string;
  readonly visit: Visit;
}

/** Members take turns at the free places. Who fails first stops those that have not ended by then, and those that have not begun. */
function runMembers(place: Place, group: SimGroup, number: number, visitNumber: number, startMs: number, limit: Limit): MemberEnd[] {
  const once = (memory: Memory, name: string, atMs: number, until: Limit): Visit => {
    const member: Place = { ...place, memory, facts: new Map(place.facts), visits: new Map(), anew: false };
    return runStage(member, name, number, { name: group.name, visit: visitNumber }, atMs, until);
  };
  const free = Array.from({ length: group.maxConcurrency }, () => startMs);
  const starts: number[] = [];
  let stopMs = Infinity;
  for (const name of group.members) {
    const atMs = Math.min(...free);
    starts.push(atMs);
    const copy = { calls: new Map(place.memory.calls), done: new Map(place.memory.done) };
    const visit = atMs >= stopMs ? notBegun(atMs) : once(copy, name, atMs, limit);
    if (visit.status === "failed" && group.onError === "fail") stopMs = Math.min(stopMs, visit.endMs);
    free[free.indexOf(atMs)] = visit.endMs;
  }
  return group.members.map((name, index) => {
    const atMs = starts[index] as number;
    const fails = stopMs < limit.atMs ? { atMs: stopMs, kind: "cancelled" as const } : limit;
    if (atMs >= stopMs) return { name, visit: notBegun(stopMs) };
    // The one that fails at that moment is not stopped by itself.
    const alone = once({ calls: new Map(place.memory.calls), done: new Map(place.memory.done) }, name, atMs, limit);
    return { name, visit: once(place.memory, name, atMs, alone.endMs <= stopMs ? limit : fails) };
  });
}

interface SettledGroup {
  readonly status: Status;
  readonly wrote: SimState;
  readonly kind: FailureKind | null;
  readonly branch: SimBranch | null;
}

function settleGroup(
  place: Place,
  group: SimGroup,
  members: readonly MemberEnd[],
  visits: number,
  stopped: FailureKind | null,
): SettledGroup {
  const failed = (kind: FailureKind): SettledGroup => {
    const branch = place.pipeline.failFast ? null : chooseBranch(place, group.name, { status: "failed", attempts: 1, visits }, place.state);
    return branch === "error"
      ? { status: "failed", wrote: {}, kind: "expression", branch: null }
      : { status: "failed", wrote: {}, kind, branch };
  };
  if (stopped !== null) return { status: "cancelled", wrote: {}, kind: stopped, branch: null };
  const succeeded = members.filter(({ visit }) => visit.status === "succeeded");
  const failing = members.find(({ visit }) => visit.status === "failed");
  const first = failing ?? members.find(({ visit }) => visit.kind !== null);
  const fails = group.onError === "fail" ? failing !== undefined : succeeded.length < group.minSuccess;
  if (fails) return failed(first?.visit.kind ?? "exit");
  const merged: Record<string, unknown> = {};
  for (const { name, visit } of succeeded) {
    for (const [key, value] of Object.entries(memberKeys(group, name, visit.wrote))) {
      if (Object.hasOwn(merged, key)) return failed("conflict");
      merged[key] = value;
    }
  }
  const wrote = changes(place.state, merged);
  const branch = chooseBranch(place, group.name, { status: "succeeded", attempts: 1, visits }, { ...place.state, ...wrote });
  return branch === "error" ? failed("expression") : { status: "succeeded", wrote, kind: null, branch };
}

function memberKeys(group: SimGroup, name: string, wrote: SimState): SimState {
  if (group.merge === "flat" || Object.keys(wrote).length === 0) return wrote;
  if (group.merge === "namespace") return { [name]: wrote };
  return Object.fromEntries(Object.entries(wrote).map(([key, value]) => [`${name}_${key}`, value]));
}

function chooseBranch(
  place: Place,
  from: string,
  fact: { status: string; attempts: number; visits: number },
  state: SimState,
): SimBranch | "error" | null {
  place.facts.set(from, fact);
  for (const branch of place.pipeline.branches) {
    if (branch.from !== from) continue;
    const holds = branch.condition === null || branch.condition.holds(state, place.facts as SimFacts);
    if (holds === "error") return "error";
    if (holds && (branch.maxTimes === null || (place.taken.get(branch) ?? 0) < branch.maxTimes)) return branch;
  }
  return null;
}

function takeOver(place: Place, stage: SimAgent, past: Visit, alone: boolean, visits: number, startMs: number): Visit {
  if (alone && past.status === "succeeded") place.state = prune({ ...place.state, ...past.wrote }, stage);
  const own = past.stages[0] as PredictedStage;
  place.facts.set(stage.name, { status: own.status, attempts: own.attempts.length, visits });
  return { ...past, endMs: startMs };
}

function noteFact(place: Place, { name, status, attempts, visit }: PredictedStage): void {
  place.facts.set(name.slice(place.names.length), { status, attempts: attempts.length, visits: visit });
}

/** What a nested pipeline did in another visit's time counts no longer. */
function forget(memory: Memory, key: string): void {
  for (const other of memory.done.keys()) if (other.startsWith(key)) memory.done.delete(other);
}

function notBegun(atMs: number): Visit {
  return { status: null, endMs: atMs, wrote: {}, kind: null, branch: null, stages: [], path: [] };
}

function countVisit(place: Place, name: string): number {
  const visit = (place.visits.get(name) ?? 0) + 1;
  place.visits.set(name, visit);
  return visit;
}

function agentOf(place: Place, name: string): SimAgent {
  const agent = place.pipeline.agents.get(name);
  if (agent === undefined) throw new Error(`there is no agent ${name} in ${place.pipeline.name}`);
  return agent;
}

const PASSING_KINDS: readonly string[] = ["timeout", "exit", "signal", "invalid_output", "rate_limit", "server_error", "connection"];

function retries(agent: SimAgent, kind: FailureKind): boolean {
  return (agent.retryOn ?? PASSING_KINDS).includes(kind);
}

function waitMs(agent: SimAgent, attempt: number, retryAfterMs: number | null): number {
  const grown = Math.min(agent.retryDelayMs * agent.backoff ** (attempt - 1), agent.maxDelayMs);
  return Math.max(Math.round(agent.jitter ? grown * JITTER : grown), retryAfterMs ?? 0);
}

function changes(before: SimState, values: SimState): SimState {
  return Object.fromEntries(
    Object.entries(values).filter(([key, value]) => !Object.hasOwn(before, key) || canonical(before[key]) !== canonical(value)),
  );
}

function adaptOutput(agent: SimAgent, result: SimState): SimState | null {
  if (typeof agent.output === "string") return { [agent.output]: result };
  return agent.output === null ? result : table(agent.output, result);
}

/** null: a key is missing. */
function table(entries: Readonly<Record<string, string>>, from: SimState): SimState | null {
  const missing = Object.values(entries).some((key) => !Object.hasOwn(from, key));
  return missing ? null : Object.fromEntries(Object.entries(entries).map(([name, key]) => [name, from[key]]));
}

function prune(state: SimState, { keep, drop }: SimAgent): SimState {
  return Object.fromEntries(Object.entries(state).filter(([key]) => (keep === null || keep.includes(key)) && drop?.includes(key) !== true));
}
