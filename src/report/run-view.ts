import { NOT_YET } from "../engine/durable.ts";
import type { AttemptEndEvent, BranchEvent, RunEvent, Stamped, StageRef } from "../engine/event.ts";
import type { Failure, Usage } from "../engine/failure.ts";
import { type RollbackResult, type RunResult, type StageResult, sumUsage, type UndoneStage } from "../engine/result.ts";
import type { JsonObject } from "../spec/json.ts";
import { isoTime, type RunHead } from "./runs.ts";

/** What is known of a run: the result as it is or would be now, and what the store knows. `show --json` prints it. */
export interface RunView extends Omit<RunResult, "status" | "ended_at" | "stages" | "rollback"> {
  readonly status: RunHead["status"];
  /** null while the run is `running`. */
  readonly ended_at: string | null;
  readonly stages: readonly ViewedStage[];
  readonly rollback: ViewedRollback | null;
  readonly input: JsonObject;
  /** From a start or a resume to where it ended, oldest first. */
  readonly rounds: readonly ViewedRound[];
  readonly owner: RunHead["owner"];
  readonly parent: RunHead["parent"];
  readonly bytes: number;
  /** Whether what its stages were given and wrote is not kept. */
  readonly only_result: boolean;
  /** Why its stages cannot be shown; null: they can. */
  readonly problem: string | null;
  /** The commands that go on with it, or undo it; null: that cannot be. */
  readonly next: NextCommands;
}

export interface NextCommands {
  readonly resume: string | null;
  readonly rollback: string | null;
}

/** `running`: it had begun, and nothing is known of its end. */
export type ViewedStage = Omit<StageResult, "status"> & { readonly status: StageResult["status"] | "running" };

/** `pending`: not undone yet. */
export interface ViewedRollback {
  readonly status: RollbackResult["status"] | "running";
  readonly stages: readonly (Omit<UndoneStage, "status"> & { readonly status: UndoneStage["status"] | "pending" })[];
}

export interface ViewedRound {
  readonly started_at: string;
  readonly duration_ms: number;
  /** How it ended; null: it did not. */
  readonly status: RunResult["status"] | null;
}

/** What a view is made from. */
export interface ViewSources {
  readonly head: RunHead;
  readonly input: JsonObject;
  /** As the journal tells it; null where that cannot be gone through. */
  readonly recorded: RunResult | null;
  readonly onlyResult: boolean;
  readonly problem: string | null;
  /** Events as they were kept: they tell of what has not been recorded, and when. */
  readonly kept: readonly Stamped[];
  readonly next: NextCommands;
  readonly nowMs: number;
}

export function runView(sources: ViewSources): RunView {
  const { head, input, recorded, onlyResult, problem, kept, next, nowMs } = sources;
  const isRunning = head.status === "running";
  const rounds = roundsOf(kept, head, nowMs);
  const begun = isRunning ? begunStages(kept, head, nowMs) : [];
  const stages = (recorded?.stages ?? []).map((stage) => (isRunning ? asRunning(stage, begun) : stage));
  const more = begun.filter(({ name, visit }) => !stages.some((stage) => stage.name === name && stage.visit === visit));
  const endMs = head.ended_at ?? (head.owner === null ? lastMs(kept, head.started_at) : nowMs);
  return {
    version: 1,
    run_id: head.run_id,
    pipeline_id: head.pipeline_id,
    session_id: head.session_id,
    status: head.status,
    started_at: isoTime(head.started_at),
    ended_at: head.ended_at === null ? null : isoTime(head.ended_at),
    duration_ms: onlyResult ? (recorded?.duration_ms ?? 0) : (rounds.at(-1)?.duration_ms ?? Math.max(0, endMs - head.started_at)),
    state: recorded?.state ?? {},
    meta: recorded?.meta ?? {},
    path: [...(recorded?.path ?? []), ...more.filter(({ group }) => group === undefined).map(({ name }) => name)],
    stages: [...stages, ...more],
    usage: sumUsage(stages) ?? recorded?.usage ?? { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: onlyResult ? (recorded?.warnings ?? []) : warningsOf(kept),
    error: isRunning ? null : (recorded?.error ?? null),
    rollback: recorded?.rollback === null || recorded === null ? null : viewedRollback(recorded.rollback, isRunning),
    input,
    rounds,
    owner: head.owner,
    parent: head.parent,
    bytes: head.bytes,
    only_result: onlyResult,
    problem,
    next,
  };
}

/** What stopped only because nothing starts where a run is looked at. */
function isNotYet(failure: Failure | null): boolean {
  return failure?.kind === NOT_YET.kind && failure.message === NOT_YET.message;
}

function asRunning(stage: StageResult, begun: readonly ViewedStage[]): ViewedStage {
  if (stage.status !== "cancelled" || !isNotYet(stage.error)) return stage;
  const { duration_ms } = begun.find(({ name, visit }) => name === stage.name && visit === stage.visit) ?? stage;
  // The attempt that would be under way has no outcome.
  const attempts = stage.attempts.filter(({ kind, message }) => kind !== NOT_YET.kind || message !== NOT_YET.message);
  return { ...stage, status: "running", attempts, duration_ms, error: null };
}

function viewedRollback({ status, stages }: RollbackResult, isRunning: boolean): ViewedRollback {
  const isPending = (stage: UndoneStage): boolean => isRunning && stage.status === "failed" && stage.attempts === 0;
  if (!stages.some(isPending)) return { status, stages };
  return { status: "running", stages: stages.map((stage) => (isPending(stage) ? { ...stage, status: "pending", error: null } : stage)) };
}

function isStart(event: Stamped): boolean {
  return event.type === "run-start" && event.nested === null;
}

function roundsOf(kept: readonly Stamped[], head: RunHead, nowMs: number): ViewedRound[] {
  const starts = kept.flatMap((event, index) => (isStart(event) ? [index] : []));
  return starts.map((start, index) => {
    const events = kept.slice(start, starts[index + 1]);
    const end = events.find((event) => event.type === "run-end" && event.nested === null);
    const startedAt = events[0]?.at ?? isoTime(head.started_at);
    if (end?.type === "run-end") return { started_at: startedAt, duration_ms: end.duration_ms, status: end.status };
    const isNow = index === starts.length - 1 && head.owner !== null;
    const untilMs = isNow ? nowMs : lastMs(events, head.started_at);
    return { started_at: startedAt, duration_ms: Math.max(0, untilMs - Date.parse(startedAt)), status: null };
  });
}

function lastMs(events: readonly Stamped[], otherwise: number): number {
  const last = events.at(-1);
  return last === undefined ? otherwise : Date.parse(last.at);
}

/** What the run's own list of warnings holds, in its latest round. */
function warningsOf(kept: readonly Stamped[]): string[] {
  return kept.slice(kept.findLastIndex(isStart)).flatMap((event) => {
    if (event.type === "warning") return [event.message];
    return event.type === "hook-fail" ? [`hook ${event.hook} (${event.on}) failed: ${event.message}`] : [];
  });
}

/** Stages and groups that have begun in the latest round, and of whose end no event tells. */
function begunStages(kept: readonly Stamped[], head: RunHead, nowMs: number): ViewedStage[] {
  const begun = new Map<string, Stamped & { readonly stage: StageRef }>();
  for (const event of kept.slice(kept.findLastIndex(isStart))) {
    if (event.type === "stage-start" || event.type === "group-start") begun.set(event.stage.name, event);
    if (event.type === "stage-end" || event.type === "group-end") begun.delete(event.stage.name);
  }
  const untilMs = head.owner === null ? lastMs(kept, head.started_at) : nowMs;
  return [...begun.values()].map((event) => {
    const { name, number, visit, group } = event.stage;
    return {
      name,
      number,
      status: "running",
      visit,
      ...(group === null ? {} : { group }),
      served_by: event.type === "stage-start" ? event.agent : null,
      attempts: [],
      duration_ms: Math.max(0, untilMs - Date.parse(event.at)),
      wrote: [],
      usage: null,
      error: null,
    };
  });
}

/** One visit to a stage or a group, with its data. */
export interface StageVisit {
  readonly name: string;
  readonly number: number;
  readonly visit: number;
  readonly group: string | null;
  readonly status: ViewedStage["status"];
  /** The agent that served it; null for a group and for one that was skipped. */
  readonly served_by: string | null;
  readonly duration_ms: number;
  readonly attempts: readonly VisitAttempt[];
  /** What it was given, what it wrote, and the state after it; null where that is not known, as the state is within a group. */
  readonly input: JsonObject | null;
  readonly output: JsonObject | null;
  readonly state: JsonObject | null;
  readonly usage: Usage | null;
  readonly error: Failure | null;
  /** Where the run went from here; null where no branch was looked at. */
  readonly branch: Pick<BranchEvent, "taken" | "to" | "end" | "rules"> | null;
  /** null: nothing was undone. */
  readonly undone: ViewedRollback["stages"][number] | null;
}

export type VisitAttempt = Pick<
  AttemptEndEvent,
  "agent" | "attempt" | "status" | "duration_ms" | "failure" | "retry_in_ms" | "fallback" | "usage"
>;

/**
 * Every visit that the recorded outcomes tell of, in the order of the run; then those of which only the view knows. Why a
 * branch was taken, only the kept events tell.
 */
export function stageVisits(view: RunView, events: readonly RunEvent[], kept: readonly Stamped[]): StageVisit[] {
  const visits: StageVisit[] = [];
  const open = new Map<string, number>();
  const change = (name: string, changes: Partial<StageVisit>): void => {
    const index = open.get(name);
    const before = index === undefined ? undefined : visits[index];
    if (index !== undefined && before !== undefined) visits[index] = { ...before, ...changes };
  };
  for (const [index, event] of events.entries()) {
    if (event.type === "stage-start" || event.type === "group-start") {
      open.set(event.stage.name, visits.length);
      const isStage = event.type === "stage-start";
      visits.push({ ...newVisit(event.stage, view), served_by: isStage ? event.agent : null, input: isStage ? event.input : null });
    } else if (event.type === "attempt-end" && !isNotYet(event.failure)) {
      const before = visits[open.get(event.stage.name) ?? -1]?.attempts ?? [];
      change(event.stage.name, { attempts: [...before, attemptOf(event)] });
    } else if (event.type === "stage-end" || event.type === "group-end") {
      const { name } = event.stage;
      if (event.status === "cancelled" && isNotYet(event.failure)) continue;
      const { status, duration_ms, output, failure: error } = event;
      const { group } = event.stage;
      // What a member writes is not in the state before its group has ended.
      const state =
        event.type === "group-end" ? stateAfterGroup(event.stage, events.slice(index + 1)) : group === null ? event.state : null;
      change(name, { status, duration_ms, output, error, state });
      if (event.type === "stage-end") change(name, { served_by: event.agent, usage: event.usage, input: event.input });
    }
  }
  const known = new Set(visits.map(({ name, visit }) => `${name}~${visit}`));
  const more = view.stages.filter(({ name, visit }) => !known.has(`${name}~${visit}`)).map((stage) => visitOf(stage, view));
  return [...visits, ...more].map((visit) => ({ ...visit, branch: branchAfter(visit, kept) }));
}

function newVisit({ name, number, visit, group }: StageRef, view: RunView): StageVisit {
  return {
    name,
    number,
    visit,
    group,
    status: "running",
    served_by: null,
    duration_ms: view.stages.find((stage) => stage.name === name && stage.visit === visit)?.duration_ms ?? 0,
    attempts: [],
    input: null,
    output: null,
    state: null,
    usage: null,
    error: null,
    branch: null,
    undone: undoneOf(view, name, visit),
  };
}

function undoneOf(view: RunView, name: string, visit: number): StageVisit["undone"] {
  return view.rollback?.stages.find((stage) => stage.name === name && stage.visit === visit) ?? null;
}

function branchAfter({ name, visit }: StageVisit, kept: readonly Stamped[]): StageVisit["branch"] {
  for (const event of kept.toReversed()) {
    if (event.type !== "branch" || event.stage.name !== name || event.stage.visit !== visit) continue;
    const { taken, to, end, rules } = event;
    return { taken, to, end, rules };
  }
  return null;
}

function attemptOf({ agent, attempt, status, duration_ms, failure, retry_in_ms, fallback, usage }: AttemptEndEvent): VisitAttempt {
  return { agent, attempt, status, duration_ms, failure, retry_in_ms, fallback, usage };
}

/** That of whatever comes next beside the group, or around it: nothing else changes the state in between. */
function stateAfterGroup({ name }: StageRef, later: readonly RunEvent[]): JsonObject | null {
  const prefix = name.slice(0, name.lastIndexOf("/") + 1);
  for (const event of later) {
    if (event.type === "stage-end" && `${event.stage.name}/` === prefix) return null;
    if (event.type === "stage-start" && event.stage.name.startsWith(prefix)) return event.state;
    if (event.type === "run-end" && (event.nested === null ? "" : `${event.nested}/`) === prefix) return event.state;
  }
  return null;
}

/** Of a visit that no recorded outcome tells of: a stage that was skipped, or is under way; or only the result was kept. */
function visitOf(stage: ViewedStage, view: RunView): StageVisit {
  const { name, number, visit, group = null, status, served_by, duration_ms, usage, error } = stage;
  const attempts = stage.attempts.map(({ number: attempt, agent, kind, message, ...rest }) => ({
    agent,
    attempt,
    status: rest.status,
    duration_ms: rest.duration_ms,
    failure: kind === null ? null : { kind, message: message ?? "" },
    retry_in_ms: null,
    fallback: null,
    usage: null,
  }));
  return { ...newVisit({ name, number, visit, group, total: 0 }, view), status, served_by, duration_ms, attempts, usage, error };
}

/**
 * The visits to a stage: to the one that is called just this, in a group as `group/member` as well; otherwise to those
 * whose name ends in it.
 */
export function visitsTo(visits: readonly StageVisit[], name: string): StageVisit[] {
  const exact = visits.filter((visit) => visit.name === name || memberName(visit) === name);
  return exact.length > 0 ? exact : visits.filter((visit) => visit.name.endsWith(`/${name}`) || memberName(visit).endsWith(`/${name}`));
}

/** `outer/group/member` */
function memberName({ name, group }: StageVisit): string {
  return group === null ? name : `${group}/${name.slice(name.lastIndexOf("/") + 1)}`;
}

/** A line of a stage's log. */
export interface LogLine {
  readonly stage: string;
  readonly attempt: number;
  readonly at: string;
  readonly text: string;
}

/** The log, stage by stage in the order in which they first spoke. */
export function logLines(kept: readonly Stamped[]): LogLine[] {
  const byStage = Map.groupBy(
    kept.flatMap((event) => (event.type === "log" ? [{ stage: event.stage, attempt: event.attempt, at: event.at, text: event.text }] : [])),
    ({ stage }) => stage,
  );
  return [...byStage.values()].flat();
}
