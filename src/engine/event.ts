import type { JsonObject } from "../spec/json.ts";
import type { Failure, Usage } from "./failure.ts";
import type { Metadata } from "./agent.ts";
import type { RunError, RunStatus, StageStatus } from "./result.ts";

/**
 * What happens in a run: the whole vocabulary of progress, hooks, logs and `--events`.
 *
 * Contract: plain JSON; within a run `seq` grows by one with each event. A consumer must ignore types and fields that
 * it does not know; a change of meaning raises `version`.
 */
export type RunEvent =
  | RunStartEvent
  | StageStartEvent
  | AttemptStartEvent
  | AttemptEndEvent
  | StageEndEvent
  | StageSkipEvent
  | GroupStartEvent
  | GroupEndEvent
  | BranchEvent
  | RollbackStartEvent
  | UndoStartEvent
  | UndoEndEvent
  | RollbackEndEvent
  | LogEvent
  | HookFailEvent
  | WarningEvent
  | RunEndEvent;

export type RunEventType = RunEvent["type"];

/** Which stage (or group) an event is about. */
export interface StageRef {
  /** In a nested pipeline `outer/inner`. */
  readonly name: string;
  /** 1-based; a detour carries the number of the element that it left. */
  readonly number: number;
  /** Elements in the sequence. */
  readonly total: number;
  /** 1-based: how often the run has come here. */
  readonly visit: number;
  /** The group that it is a member of. */
  readonly group: string | null;
}

export interface RunStartEvent {
  readonly type: "run-start";
  /** The outer stage, for a nested pipeline; null for the run itself. */
  readonly nested: string | null;
  readonly pipeline_id: string;
  readonly session_id: string;
  readonly total_stages: number;
  readonly input: JsonObject;
  readonly meta: Metadata;
  /** Whether this goes on with a run that had been started before. */
  readonly resumed: boolean;
}

/** Before the first attempt at a stage. */
export interface StageStartEvent {
  readonly type: "stage-start";
  readonly stage: StageRef;
  readonly agent: string;
  readonly input: JsonObject;
  readonly state: JsonObject;
}

export interface AttemptStartEvent {
  readonly type: "attempt-start";
  readonly stage: StageRef;
  readonly agent: string;
  readonly attempt: number;
  /** How many there may be at most. */
  readonly attempts: number;
}

export interface AttemptEndEvent {
  readonly type: "attempt-end";
  readonly stage: StageRef;
  readonly agent: string;
  readonly attempt: number;
  readonly attempts: number;
  readonly status: "succeeded" | "failed";
  readonly duration_ms: number;
  readonly failure: Failure | null;
  /** The wait before the next attempt; null: there is none by this agent. */
  readonly retry_in_ms: number | null;
  /** The agent that takes over now; null: none. */
  readonly fallback: string | null;
  readonly usage: Usage | null;
}

/** A stage has ended for good: after its last attempt. */
export interface StageEndEvent {
  readonly type: "stage-end";
  readonly stage: StageRef;
  /** The agent that served it. */
  readonly agent: string;
  readonly attempt: number;
  readonly status: Exclude<StageStatus, "skipped">;
  readonly duration_ms: number;
  readonly input: JsonObject;
  /** The keys that changed. */
  readonly output: JsonObject;
  /** After the stage, before a group's merge. */
  readonly state: JsonObject;
  readonly failure: Failure | null;
  readonly usage: Usage | null;
}

/** A branch jumped over this element. */
export interface StageSkipEvent {
  readonly type: "stage-skip";
  readonly stage: StageRef;
}

export interface GroupStartEvent {
  readonly type: "group-start";
  readonly stage: StageRef;
  readonly members: readonly string[];
}

export interface GroupEndEvent {
  readonly type: "group-end";
  readonly stage: StageRef;
  readonly status: Exclude<StageStatus, "skipped">;
  readonly duration_ms: number;
  readonly output: JsonObject;
  readonly failure: Failure | null;
}

/** The branches of an element were looked at. `to` is null where the run ends or the sequence goes on. */
export interface BranchEvent {
  readonly type: "branch";
  readonly stage: StageRef;
  readonly taken: boolean;
  readonly to: string | null;
  readonly end: boolean;
  readonly rules: readonly BranchRuleResult[];
}

/** One rule that was looked at; those after the one that held were not. */
export interface BranchRuleResult {
  /** null: otherwise. */
  readonly condition: string | null;
  readonly holds: boolean;
  /** The key whose absence made the condition not hold. */
  readonly missing: string | null;
  /** Whether it held but was used up by `max_times`. */
  readonly used_up: boolean;
}

/** Finished stages are about to be undone. */
export interface RollbackStartEvent {
  readonly type: "rollback-start";
  /** In the order in which they will be undone. */
  readonly stages: readonly string[];
}

/** Before the handler of a stage is called. */
export interface UndoStartEvent {
  readonly type: "undo-start";
  readonly stage: StageRef;
  readonly agent: string;
}

/** A handler has ended for good. */
export interface UndoEndEvent {
  readonly type: "undo-end";
  readonly stage: StageRef;
  readonly agent: string;
  readonly status: "succeeded" | "failed";
  readonly attempts: number;
  readonly duration_ms: number;
  readonly failure: Failure | null;
}

export interface RollbackEndEvent {
  readonly type: "rollback-end";
  readonly status: "succeeded" | "failed";
}

/** A line from a script's stderr or an agent's `log`. */
export interface LogEvent {
  readonly type: "log";
  readonly stage: string;
  readonly attempt: number;
  readonly text: string;
}

/** A hook or a callback failed; the run goes on. */
export interface HookFailEvent {
  readonly type: "hook-fail";
  readonly hook: string;
  readonly on: string;
  readonly message: string;
}

/** Something to look at that does not fail the run. */
export interface WarningEvent {
  readonly type: "warning";
  readonly stage: string | null;
  readonly message: string;
}

export interface RunEndEvent {
  readonly type: "run-end";
  /** The outer stage, for a nested pipeline; null for the run itself. */
  readonly nested: string | null;
  readonly status: RunStatus;
  readonly duration_ms: number;
  readonly state: JsonObject;
  readonly meta: Metadata;
  readonly error: RunError | null;
}

/** What every event has besides its own fields, as listeners get it. */
export type Stamped<Event = RunEvent> = Event & {
  readonly version: 1;
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  readonly run_id: string;
};
