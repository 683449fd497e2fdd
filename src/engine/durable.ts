import type { JsonObject } from "../spec/json.ts";
import type { HookPlan } from "../plan/plan.ts";
import type { Decision } from "./branch.ts";
import type { RunEvent } from "./event.ts";
import type { Failure, Usage } from "./failure.ts";
import type { SharedValues } from "./shared-values.ts";

/**
 * The seam between the interpreter and an engine that survives crashes.
 *
 * The interpreter is deterministic given what was recorded: time, chance and I/O reach it only through here. On a
 * resume it runs again from the start, and each `step` whose outcome is recorded returns it at once.
 */
export interface Durable {
  readonly runId: string;
  /**
   * Runs the body at least once and records its outcome exactly once. A failure is an outcome; it is never thrown.
   * An exception is control flow of the engine and passes through the interpreter.
   *
   * @param isCheckpoint whether the outcome, and every one before it, has to be durable before anything else happens; always unless given
   */
  step(key: string, body: (context: StepContext) => Promise<Outcome>, isCheckpoint?: (outcome: Outcome) => boolean): Promise<Outcome>;
  /**
   * Waits `delayMs` before the step `key`, counted from `since` (epoch ms) where a wait goes on after a restart. Resolves
   * early, to the reason, when the work is stopped; and at once where that step is recorded.
   */
  sleep(key: string, delayMs: number, since: number): Promise<Stop | undefined>;
  /** Epoch milliseconds, for what is shown; no decision depends on it. */
  now(key: string): Promise<number>;
  /** Child runs, at most `maxConcurrency` at a time. The results are in the order of the children, whatever ended first. */
  all<Result extends ChildResult>(key: string, children: readonly Child<Result>[], options: AllOptions): Promise<Result[]>;
  /**
   * Why nothing may start any more, if so: cancelled, or out of time. The visit that begins with the step `before` may all
   * the same where that is recorded, or anything inside of it.
   */
  interruption(before?: string): Stop | undefined;
  /** Goes on although the run is stopped, or out of time: nothing of that is heard inside. */
  shielded<T>(body: (durable: Durable) => Promise<T>): Promise<T>;
  /** Tells whoever listens, and waits for them. Resolves to whether it was told. */
  emit(event: RunEvent, options?: EmitOptions): Promise<boolean>;
}

export interface EmitOptions {
  /** Hooks of the pipeline that the event belongs to. */
  readonly hooks?: readonly HookPlan[];
  /** The event belongs to this step, and is not told again when the step's outcome is recorded already. */
  readonly unlessRecorded?: string;
  /** The event belongs to an earlier round: only who looks at the whole of a run is told. */
  readonly isPast?: boolean;
}

/** Why work was stopped before it had ended. */
export interface Stop {
  readonly failure: Failure;
  /** Whose end it is: the step after an `all` that stopped its children, or the whole run. */
  readonly by: string;
}

/** What stops the whole run: a cancellation, or its timeout. */
export const WHOLE_RUN = "run";

/** Why nothing starts where a run is only looked at: it tells what the run has not come to from what ended. */
export const NOT_YET: Failure = { kind: "cancelled", message: "the run has not come here yet" };

/** A child run: a member of a group, or a nested pipeline. */
export interface Child<Result> {
  readonly name: string;
  run(durable: Durable): Promise<Result>;
}

export interface ChildResult {
  readonly failed: boolean;
  /** Why it was stopped from outside, if it was: no further child starts then. */
  readonly stopped: Stop | null;
}

export interface AllOptions {
  /** The step that comes after. Once it is recorded the children only repeat what they recorded; they start nothing. */
  readonly followedBy: string;
  readonly maxConcurrency: number;
  /** The first child that fails stops the others. */
  readonly stopOnFailure: boolean;
  /** The children are stopped, with `onTimeout` as the reason, after this long; null for no limit. */
  readonly timeoutMs: number | null;
  readonly onTimeout?: Failure;
}

/** What a body may use of the world. */
export interface StepContext {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that never run backwards. */
  elapsed(): number;
  /** In [0, 1). */
  random(): number;
  /** Milliseconds until the run's time ends; Infinity without a limit. */
  remainingMs(): number;
  /** What all runs on the store share. */
  readonly shared: Pick<SharedValues, "update">;
  /**
   * Runs `work` with a signal that aborts after `timeoutMs` or when the run is interrupted, waits for it to end (at
   * most the grace period after the abort), and rejects with an `AgentError` that says why it was stopped. Work that
   * was finished although it was cancelled counts; after its own timeout or the run's it does not.
   */
  limit<T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** What one attempt, or the merge of a group, left behind: plain JSON, recorded as it is. */
export interface Outcome {
  readonly status: "succeeded" | "failed";
  /**
   * Whether this ends the visit to the element, and how; null: another attempt or a fallback follows. A later round
   * takes over `succeeded` and `tolerated`.
   */
  readonly settled: "succeeded" | "tolerated" | "failed" | "cancelled" | null;
  /** null for a group. */
  readonly agent: string | null;
  /** 1-based. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly ended_at: number;
  readonly duration_ms: number;
  /** Keys that changed, with their new values. */
  readonly wrote: JsonObject;
  /** A model's text under the stage's own name: a group's merge puts it directly under the member. */
  readonly bare: boolean;
  readonly failure: Failure | null;
  /** Where it is settled as cancelled: `Stop.by`. */
  readonly stopped_by: string | null;
  /** The wait before the next attempt; null: there is none by this agent. */
  readonly retry_in_ms: number | null;
  /** Where the run goes from here, once settled; null: on in the sequence. */
  readonly decision: Decision | null;
  readonly usage: Usage | null;
  /** Answers received from model servers in this attempt. */
  readonly answers: number;
}
