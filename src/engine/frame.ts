import type { Json, JsonObject } from "../spec/json.ts";
import type { AgentPlan, Plan } from "../plan/plan.ts";
import type { Scope } from "../plan/scope.ts";
import type { AgentRunner, Metadata } from "./agent.ts";
import type { Decision } from "./branch.ts";
import { type Durable, type Outcome, type Stop, WHOLE_RUN } from "./durable.ts";
import type { StageRef } from "./event.ts";
import type { History, PastVisit } from "./history.ts";
import type { RunError, StageResult, StageStatus } from "./result.ts";
import type { State } from "./state.ts";
import type { StateSize } from "./state-size.ts";
import type { Failure } from "./failure.ts";
import type { Undoable } from "./undoable.ts";

/** What a whole run shares, nested pipelines and groups included. */
export interface RunContext {
  readonly runId: string;
  /** Runs a sequence to its end; handed in, since sequences hold stages and stages may hold sequences. */
  readonly runSequence: (frame: Frame) => Promise<SequenceEnd>;
  readonly sessionId: string;
  readonly agents: AgentRunner;
  readonly history: History;
}

/**
 * One sequence under way: the pipeline itself, a nested pipeline, or (with the same plan) one member of a group.
 *
 *     frame ── group member frames: own durable, the state as it was before the group
 *           └─ nested pipeline frames: own plan, own state, keys and names under the outer stage
 */
export interface Frame {
  readonly run: RunContext;
  readonly plan: Plan;
  readonly durable: Durable;
  readonly state: State;
  readonly size: StateSize;
  /** Before the names of stages in events and results: "" or `outer/`. */
  readonly namePrefix: string;
  /** Before the keys of steps: "" or `outer~1/`. */
  readonly keyPrefix: string;
  /** `1` in a first run; `1.2` inside the second attempt at a nested pipeline. */
  readonly round: string;
  /** Own keys, `session_id`, `pipeline_id`, `run_id`, `total_stages`. */
  readonly meta: Metadata;
  /** For expressions: `stages.NAME`. */
  readonly facts: Record<string, Json>;
  readonly visits: Map<string, number>;
  readonly branchesTaken: Map<number, number>;
  /** In the order of the visits. */
  readonly stages: StageResult[];
  readonly path: string[];
  /**
   * Finished stages that can be undone, those of earlier rounds and attempts too, in the order of their ends; members of a
   * group in that of its list.
   */
  readonly undoable: Undoable[];
  /** Elements that have finished, for `checkpoint_frequency`. */
  readonly progress: { finished: number };
  /**
   * Records of the history up to this position may not be taken over any more: they saw another state. It is the
   * position of what was taken over last, or the end of the history once something ran anew.
   */
  takenOver: number;
  /**
   * What encloses this sequence (a group, the stage of a nested pipeline) ended in an earlier round: all of it is taken
   * over, failures too, since that end counted them, and nothing starts.
   */
  readonly isPast: boolean;
}

/** How a visit to an element ended. */
export interface Visit {
  readonly status: Exclude<StageStatus, "skipped">;
  readonly wrote: JsonObject;
  readonly bare: boolean;
  readonly failure: Failure | null;
  /** What stopped it, where it is cancelled. */
  readonly stopped: Stop | null;
  readonly error: RunError | null;
  readonly decision: Decision | null;
  /** Whether anything was executed now, rather than taken over or replayed. */
  readonly live: boolean;
}

/** How a sequence ended. */
export interface SequenceEnd {
  readonly status: "succeeded" | "failed" | "stopped";
  /** What stopped it from outside: a cancellation, or a timeout around it. */
  readonly stopped: Stop | null;
  readonly error: RunError | null;
}

/** Counts a visit to an element. */
export function countVisit(frame: Frame, name: string): number {
  const visit = (frame.visits.get(name) ?? 0) + 1;
  frame.visits.set(name, visit);
  return visit;
}

export function stageRef(frame: Frame, name: string, number: number, visit: number, group: string | null): StageRef {
  return {
    name: frame.namePrefix + name,
    number,
    total: frame.plan.sequence.length,
    visit,
    group: group === null ? null : frame.namePrefix + group,
  };
}

/** Metadata as a stage sees it. */
export function stageMeta(frame: Frame, stage: StageRef, attempt: number): Metadata {
  return Object.freeze({ ...frame.meta, stage_number: String(stage.number), stage_name: stage.name, attempt: String(attempt) });
}

/** The scope of an expression over the whole state. */
export function stateScope(frame: Frame, state: JsonObject, meta: Metadata): Scope {
  return { names: state, state, meta, stages: frame.facts };
}

/** Sets what `stages.NAME` tells expressions about the latest visit. */
export function noteFacts(frame: Frame, name: string, status: StageStatus, attempts: number, durationMs: number, visits: number): void {
  frame.facts[name] = { status, attempts, duration_ms: durationMs, visits };
}

/** `stage N (name) failed after K attempts: cause` */
export function runError(stage: StageRef, attempts: number, failure: Failure): RunError {
  const after = attempts > 1 ? ` after ${attempts} attempts` : "";
  return {
    message: `stage ${stage.number} (${stage.name}) failed${after}: ${failure.message}`,
    kind: failure.kind,
    stage: stage.name,
    number: stage.number,
    attempts,
    failure,
    before: null,
  };
}

/** Commits what an element wrote and prunes; tells once when the state has become large. */
export async function commit(
  frame: Frame,
  stage: StageRef,
  wrote: JsonObject,
  prune: Pick<AgentPlan, "keep" | "drop"> | null,
): Promise<void> {
  frame.size.note(wrote);
  frame.state.commit(wrote);
  if (prune !== null && (prune.keep !== null || prune.drop !== null)) {
    frame.state.prune(prune.keep, prune.drop);
    frame.size.forget(frame.state.snapshot());
  }
  const warning = frame.size.warning(stage.name);
  if (warning !== null) await frame.durable.emit({ type: "warning", stage: stage.name, message: warning });
}

/** What stopped the work that an outcome is about, if it was stopped. */
export function stopOf({ settled, failure, stopped_by }: Outcome): Stop | null {
  return settled === "cancelled" && failure !== null ? { failure, by: stopped_by ?? WHOLE_RUN } : null;
}

/** Why the visit whose first step is `key` may not start, if so. */
export function hindrance(frame: Frame, key: string): Stop | undefined {
  return frame.isPast ? { failure: { kind: "cancelled", message: "it had not begun" }, by: WHOLE_RUN } : frame.durable.interruption(key);
}

/** A visit that did not come about, since the run was stopped before. */
export function notBegun(stage: StageRef, stopped: Stop): Visit {
  const { failure } = stopped;
  const message = `stopped before stage ${stage.number} (${stage.name}): ${failure.message}`;
  const error: RunError = { message, kind: failure.kind, stage: null, number: null, attempts: 0, failure, before: stage.name };
  return { status: "cancelled", wrote: {}, bare: false, failure, stopped, error, decision: null, live: false };
}

/**
 * The record of an earlier round that may be taken over: it succeeded or was tolerated, and it is younger than what was
 * taken over before it.
 */
export function reusable(frame: Frame, key: string): PastVisit | undefined {
  const past = frame.run.history.get(key);
  if (past === undefined || past.position <= frame.takenOver) return undefined;
  const { settled } = past.settled;
  return settled === "succeeded" || settled === "tolerated" || frame.isPast ? past : undefined;
}
