import type { Outcome } from "../engine/durable.ts";
import type { Stamped } from "../engine/event.ts";
import type { Metadata } from "../engine/agent.ts";
import type { RunResult, RunStatus } from "../engine/result.ts";
import type { SharedValues } from "../engine/shared-values.ts";
import type { PlanSource } from "../plan/plan.ts";
import type { JsonObject } from "../spec/json.ts";
import type { Journal } from "./journal.ts";

/**
 * Where runs are remembered, by any number of processes at the same time.
 *
 * Contract: one process drives a run. What `create`, `append` with a checkpoint, and `end` resolved for survives the
 * death of the process and of the machine. What can be read of a run is always a prefix of what happened, in its order.
 * Everything that goes in is JSON and comes out as it went in. Whatever fails rejects with a {@link StoreError}.
 * `storeContract` shows whether an implementation keeps this.
 */
export interface Store {
  /** Remembers a new run; whoever called owns it. Rejects as `exists` where there is one of that id. */
  create(record: RunRecord): Promise<OwnedRun>;
  /** Takes hold of a run that is there. Rejects as `unknown`, or as `owned` where another process drives it. */
  acquire(runId: string, options?: AcquireOptions): Promise<OwnedRun>;
  /** Looks at a run without owning it; null where there is none. */
  read(runId: string): Promise<StoredRun | null>;
  /** Newest first. */
  list(): Promise<readonly RunSummary[]>;
  /** Forgets a run. Rejects as `unknown` or `owned`. */
  remove(runId: string): Promise<void>;
  /** The events of a run, oldest first; with `follow` also those to come, until the run is over or the signal aborts. */
  events(runId: string, options?: { readonly follow?: AbortSignal }): AsyncIterable<Stamped>;
  /** Small values that runs share, such as the state of circuit breakers. */
  readonly shared: SharedValues;
  /** Frees what the process holds. Runs that it owns are released first. */
  close(): Promise<void>;
}

export interface AcquireOptions {
  /** Takes the run from an owner that does not answer: from then on, nothing that it writes is accepted. */
  readonly takeOver?: boolean;
}

/** What a run is given, and what it runs: the first thing that is remembered. Plain JSON. */
export interface RunRecord {
  readonly run_id: string;
  readonly pipeline_id: string;
  readonly session_id: string;
  /** Epoch milliseconds. */
  readonly started_at: number;
  readonly source: PlanSource;
  /** Of the source as it was, where it is kept with references to secrets. */
  readonly source_checksum?: number;
  readonly input: JsonObject;
  readonly meta: Metadata;
  /** Names of the agents that were given as functions. */
  readonly functions: readonly string[];
  /** Names of the variables whose values are kept as references. */
  readonly secrets: readonly string[];
  /** The run whose recorded outcomes it began with, and the stage from which it ran anew. */
  readonly parent: { readonly run_id: string; readonly from: string } | null;
}

/** The process that drives a run. */
export interface RunOwner {
  readonly pid: number;
  readonly host: string;
}

/** A run as it is remembered. */
export interface StoredRun {
  readonly record: RunRecord;
  readonly summary: RunSummary;
  /** In the order of their recording; none where only the result was kept. */
  readonly entries: readonly (readonly [key: string, outcome: Outcome])[];
  /** Where only that was kept. */
  readonly result: RunResult | null;
}

/** One line of a list of runs. */
export interface RunSummary {
  readonly run_id: string;
  readonly pipeline_id: string;
  readonly session_id: string;
  /** Of its latest end; `running` before the first, and again as soon as a resume has recorded something. */
  readonly status: RunStatus | "running";
  /** Epoch milliseconds. */
  readonly started_at: number;
  /** Epoch milliseconds; null while it is `running`. */
  readonly ended_at: number | null;
  /** The stage at which it stopped; while it is `running`, that of the latest entry. */
  readonly stopped_at: string | null;
  readonly parent: RunRecord["parent"];
  /** null: no process drives it. */
  readonly owner: RunOwner | null;
  /** What it takes in the store. */
  readonly bytes: number;
}

/** A run that this process drives. */
export interface OwnedRun extends Journal {
  readonly record: RunRecord;
  /** As it was when the run was acquired. */
  readonly status: RunStatus | "running";
  /** Throws as `taken-over` where another process drives the run by now. */
  confirm(): void;
  /** Remembers the end of a round, with everything before it. */
  end(end: RunEnd): Promise<void>;
  /** How many events are kept; the next one has the next number. */
  readonly eventCount: number;
  /** Keeps an event. It outlives the process, but need not outlive the machine; it never waits and never fails. */
  keepEvent(event: Stamped): void;
  /** Notes a process that the run started, so that whoever goes on with the run can end it. As durable as events are. */
  noteProcess(process: NotedProcess): void;
  /** Those noted by earlier owners. */
  readonly processes: readonly NotedProcess[];
  /** Ends the ownership. What was appended without a checkpoint is written first. */
  release(): Promise<void>;
}

export interface RunEnd {
  readonly status: RunStatus;
  /** Epoch milliseconds. */
  readonly ended_at: number;
  readonly stopped_at: string | null;
  /** Kept instead of the entries, which are forgotten. */
  readonly result: RunResult | null;
}

/** A process with a group of its own. */
export interface NotedProcess {
  readonly pid: number;
  /** When it started, in the words of the system, which tell it from a later process with the same pid. */
  readonly started: string;
}

export type StoreErrorCode =
  /** There is no such run. */
  | "unknown"
  /** There is such a run already. */
  | "exists"
  /** Another process drives the run. */
  | "owned"
  /** Another process took the run over from this one. */
  | "taken-over"
  /** The store was made by a version that this one does not know. */
  | "version"
  /** What is in the store is not what was written. */
  | "damaged"
  /** It cannot be opened, read or written. */
  | "unavailable";

/** The store cannot do what it was asked. The message says what, where, and what to do. */
export class StoreError extends Error {
  override name = "StoreError";
  readonly code: StoreErrorCode;
  /** With `owned` and `taken-over`. */
  readonly owner: RunOwner | null;

  constructor(code: StoreErrorCode, message: string, options: ErrorOptions & { readonly owner?: RunOwner } = {}) {
    super(message, options);
    this.code = code;
    this.owner = options.owner ?? null;
  }
}
