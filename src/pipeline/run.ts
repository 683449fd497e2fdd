import type { StartedProcess } from "../agents/process.ts";
import { createAgentRunner } from "../agents/runner.ts";
import type { AgentFunction, AgentRunner, Metadata } from "../engine/agent.ts";
import type { Clock } from "../engine/clock.ts";
import type { Stamped } from "../engine/event.ts";
import { interpret } from "../engine/interpreter.ts";
import type { RunResult } from "../engine/result.ts";
import type { SharedValues } from "../engine/shared-values.ts";
import { type Callbacks, Listener, secretsOf } from "./listener.ts";
import { createMasker } from "../report/mask.ts";
import type { Plan } from "../plan/plan.ts";
import { undoableBefore } from "./replay.ts";
import type { JsonObject } from "../spec/json.ts";
import { createLocalDurable } from "../store/local.ts";
import type { Recording } from "../store/references.ts";
import { openRound } from "../store/rounds.ts";
import type { OwnedRun, Store } from "../store/store.ts";

/** From a stop to the end of every process: SIGTERM at once, SIGKILL after this. */
export const KILL_AFTER_MS = 4_000;
/** How long the engine waits for stopped work before it goes on without it. */
const GRACE_MS = 5_000;

/** A run under way. */
export interface Run {
  readonly id: string;
  /** Resolves for every ending; rejects only where the store cannot be written (a StoreError), or for a bug. */
  readonly result: Promise<RunResult>;
  /** Stops the running agents; no further stage starts. A rollback goes on. */
  cancel(reason?: string): void;
  /** Ends every process that the run started, at once; what they were doing is lost. */
  kill(): void;
}

/** The world that a run lives in, whole. */
export interface RunWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly functions: ReadonlyMap<string, AgentFunction>;
  readonly callbacks: Callbacks;
  /** Of all runs in this process that are in no store. */
  readonly shared: SharedValues;
}

/** A run that is to begin, or to go on. */
export interface RunTask {
  readonly plan: Plan;
  readonly runId: string;
  readonly sessionId: string;
  readonly input: JsonObject;
  readonly meta: Metadata;
  /** When it began, in epoch milliseconds. */
  readonly startedAt: number;
  readonly purpose: "resume" | "rollback";
  readonly timeoutMs: number | null;
  /** null: those of the process. */
  readonly store: Store | null;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: ((event: Stamped) => void) | undefined;
  /** Takes hold of what is remembered of it. */
  open(): Promise<Remembered>;
}

/** Where a run is recorded. */
export interface Remembered {
  readonly recording: Recording;
  /** The run in its store; null: it is in none. */
  readonly kept: OwnedRun | null;
}

/** Starts a run, or the next round of one. */
export function startRun(task: RunTask, world: RunWorld): Run {
  const cancellation = new AbortController();
  const killing = new AbortController();
  const signal = task.signal === undefined ? cancellation.signal : AbortSignal.any([task.signal, cancellation.signal]);
  const notes = new ProcessNotes();
  const agents = createAgentRunner({
    env: world.env,
    functions: world.functions,
    graceMs: KILL_AFTER_MS,
    clock: world.clock,
    onProcess: (started) => notes.add(started),
    mask: createMasker(secretsOf(task.plan, world.env)).maskText,
    ...(world.fetch === undefined ? {} : { fetch: world.fetch }),
  });
  const run = async (): Promise<RunResult> => {
    // The first event comes after this function has returned, so that its caller can hold the run.
    await Promise.resolve();
    const remembered = await task.open();
    notes.run = remembered.kept;
    let result: RunResult;
    try {
      result = await drive(task, world, remembered, { agents, notes, signal, kill: killing.signal });
    } catch (error) {
      await agents.close();
      // Why it broke off is the reason to tell, whatever becomes of letting go.
      await remembered.kept?.release().catch(() => {});
      throw error;
    }
    await agents.close();
    await remembered.kept?.release();
    return result;
  };
  return {
    id: task.runId,
    result: run(),
    cancel: (reason) => cancellation.abort(reason ?? "the run was cancelled"),
    kill() {
      killing.abort();
      agents.kill();
    },
  };
}

/** The processes of a run, as they are noted in its store. */
class ProcessNotes {
  run: OwnedRun | null = null;
  /** Why one could not be noted: nothing more is recorded then, since the run could not be gone on with safely. */
  #fault: { readonly error: unknown } | null = null;

  /** @throws StoreError */
  add(started: StartedProcess): void {
    try {
      this.run?.noteProcess(started);
    } catch (error) {
      this.#fault ??= { error };
      throw error;
    }
  }

  /** @throws StoreError where one could not be noted */
  check(): void {
    if (this.#fault !== null) throw this.#fault.error;
  }
}

interface Means {
  readonly agents: AgentRunner;
  readonly notes: ProcessNotes;
  /** Cancels the run. */
  readonly signal: AbortSignal;
  /** Ends hooks at once, and a rollback. */
  readonly kill: AbortSignal;
}

async function drive(task: RunTask, world: RunWorld, { recording, kept }: Remembered, means: Means): Promise<RunResult> {
  const journal: Recording = {
    get: (key) => recording.get(key),
    entries: () => recording.entries(),
    confirm: () => recording.confirm?.(),
    append(...entry) {
      means.notes.check();
      return recording.append(...entry);
    },
    end: (end) => recording.end(end),
  };
  const { plan, runId, purpose } = task;
  const { clock } = world;
  const warnings: string[] = [];
  const listener = new Listener(plan, world.env, world.callbacks, {
    clock,
    runId,
    warnings,
    kept,
    onEvent: task.onEvent,
    kill: means.kill,
    graceMs: KILL_AFTER_MS,
    onProcess: (started) => means.notes.add(started),
  });
  const { sessionId, input, meta, startedAt } = task;
  const { stopped, ...round } = openRound(journal, purpose);
  const record = { run_id: runId, session_id: sessionId, input, meta, started_at: startedAt };
  const undoable = await undoableBefore(round.round, plan, { record, entries: journal.entries() });
  const { durable, close } = createLocalDurable({
    runId,
    journal,
    clock,
    random: world.random,
    timeoutMs: task.timeoutMs,
    signal: means.signal,
    kill: means.kill,
    graceMs: GRACE_MS,
    shared: sharedOf(task, world, kept),
    stopped,
    onEvent: (event, hooks, stop) => listener.tell(event, hooks, stop),
  });
  try {
    const result = await interpret({
      plan,
      input,
      sessionId,
      meta,
      startedAt,
      durable,
      agents: means.agents,
      warnings,
      undoable,
      ...round,
    });
    const onlyResult = !plan.saveIntermediateResults && result.status === "succeeded";
    const stoppedAt = result.error?.stage ?? result.error?.before ?? null;
    await journal.end({ status: result.status, ended_at: clock.now(), stopped_at: stoppedAt, result: onlyResult ? result : null });
    return result;
  } finally {
    close();
  }
}

/** Values that runs share: no secret of this one shows in them, and one that was taken over changes nothing. */
function sharedOf({ plan, store }: RunTask, world: RunWorld, kept: OwnedRun | null): Pick<SharedValues, "update"> {
  const { shared } = store ?? world;
  const masker = createMasker(secretsOf(plan, world.env));
  return {
    async update(name, change) {
      kept?.confirm();
      return shared.update(name, (value) => {
        const changed = change(value);
        return { ...changed, value: masker.maskJson(changed.value) };
      });
    },
  };
}
