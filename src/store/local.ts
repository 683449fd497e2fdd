import pTimeout from "p-timeout";
import type { Clock } from "../engine/clock.ts";
import {
  type AllOptions,
  type Child,
  type ChildResult,
  type Durable,
  type EmitOptions,
  type Outcome,
  type StepContext,
  type Stop,
  WHOLE_RUN,
} from "../engine/durable.ts";
import type { RunEvent } from "../engine/event.ts";
import { AgentError, type Failure } from "../engine/failure.ts";
import type { SharedValues } from "../engine/shared-values.ts";
import type { HookPlan } from "../plan/plan.ts";
import { formatDuration } from "../spec/duration.ts";
import { Interruption } from "./interruption.ts";
import type { Journal } from "./journal.ts";

/** What the local engine is made of. */
export interface LocalOptions {
  readonly runId: string;
  readonly journal: Journal;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Wall clock of this run or resume in milliseconds; null for no limit. */
  readonly timeoutMs: number | null;
  /** Cancels the run. */
  readonly signal?: AbortSignal | undefined;
  /** Stops also what is shielded. */
  readonly kill?: AbortSignal | undefined;
  /** How long stopped work may take to end before it is left behind. */
  readonly graceMs: number;
  /** Nothing may start, from the beginning, and why: what is recorded is gone through, and no more. */
  readonly stopped?: Stop | undefined;
  /** Tells also what had happened before. */
  readonly tellsPast?: boolean;
  readonly shared: Pick<SharedValues, "update">;
  readonly onEvent: (event: RunEvent, hooks: readonly HookPlan[], signal: AbortSignal) => Promise<void>;
}

/** The seam on a journal of this process: steps are recorded there, waits are timers. `close` frees timers. */
export function createLocalDurable(options: LocalOptions): { durable: Durable; close: () => void } {
  const { clock, signal, timeoutMs } = options;
  const interruption = new Interruption(null);
  if (options.stopped !== undefined) interruption.raise(options.stopped);
  const deadlineMs = timeoutMs === null ? Number.POSITIVE_INFINITY : clock.elapsed() + timeoutMs;
  const cancel = (): void => interruption.raise({ failure: { kind: "cancelled", message: reasonOf(signal) }, by: WHOLE_RUN });
  if (signal?.aborted === true) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  const stopTimer =
    timeoutMs === null
      ? () => {}
      : clock.after(timeoutMs, () =>
          interruption.raise({
            failure: { kind: "deadline", message: `the pipeline's timeout of ${formatDuration(timeoutMs)} is over` },
            by: WHOLE_RUN,
          }),
        );
  return {
    durable: new LocalDurable(
      { ...options, journal: withoutGaps(options.journal) },
      interruption,
      deadlineMs,
      begunVisits(options.journal),
    ),
    close() {
      stopTimer();
      signal?.removeEventListener("abort", cancel);
    },
  };
}

/** A journal to which nothing can be written takes nothing more afterwards: what it holds stays a prefix of what happened. */
function withoutGaps(journal: Journal): Journal {
  let failed: { readonly error: unknown } | null = null;
  return {
    get: (key) => journal.get(key),
    entries: () => journal.entries(),
    confirm: () => journal.confirm?.(),
    async append(key, outcome, options) {
      if (failed !== null) throw failed.error;
      try {
        await journal.append(key, outcome, options);
      } catch (error) {
        failed = { error };
        throw error;
      }
    },
  };
}

/** How long stages may follow each other without the process hearing of timers and signals. */
const LONGEST_TURN_MS = 10;

class LocalDurable implements Durable {
  readonly runId: string;
  readonly #options: LocalOptions;
  readonly #interruption: Interruption;
  readonly #deadlineMs: number;
  /** Visits that hold others, something of which was recorded before. */
  readonly #begun: ReadonlySet<string>;
  /** Whether the latest step was executed just now, rather than found in the journal. */
  #live = true;
  #turnBeganMs: number;

  constructor(options: LocalOptions, interruption: Interruption, deadlineMs: number, begun: ReadonlySet<string>) {
    this.runId = options.runId;
    this.#begun = begun;
    this.#options = options;
    this.#interruption = interruption;
    this.#deadlineMs = deadlineMs;
    this.#turnBeganMs = options.clock.elapsed();
  }

  async step(
    key: string,
    body: (context: StepContext) => Promise<Outcome>,
    isCheckpoint: (outcome: Outcome) => boolean = () => true,
  ): Promise<Outcome> {
    const { journal } = this.#options;
    const recorded = journal.get(key);
    this.#live = recorded === undefined;
    if (recorded !== undefined) return recorded;
    await this.#hearTimers();
    try {
      journal.confirm?.();
      const outcome = Object.freeze(await body(this.#context()));
      await journal.append(key, outcome, { checkpoint: isCheckpoint(outcome) });
      return outcome;
    } catch (error) {
      this.#breakOff();
      throw error;
    }
  }

  sleep(key: string, delayMs: number, since: number): Promise<Stop | undefined> {
    const { clock, journal } = this.#options;
    if (journal.get(key) !== undefined) return Promise.resolve(undefined);
    const leftMs = this.#live ? delayMs : Math.min(delayMs, Math.max(0, since + delayMs - clock.now()));
    const raised = this.#interruption.raised();
    if (raised !== undefined || leftMs === 0) return Promise.resolve(raised);
    return new Promise((resolve) => {
      const stopTimer = clock.after(leftMs, () => {
        stopListening();
        resolve(undefined);
      });
      const stopListening = this.#interruption.listen((stop) => {
        stopTimer();
        resolve(stop);
      });
    });
  }

  now(_key: string): Promise<number> {
    return Promise.resolve(this.#options.clock.now());
  }

  interruption(before?: string): Stop | undefined {
    if (before !== undefined && (this.#options.journal.get(before) !== undefined || this.#begun.has(visitOf(before)))) return undefined;
    return this.#interruption.raised();
  }

  async all<Result extends ChildResult>(_key: string, children: readonly Child<Result>[], options: AllOptions): Promise<Result[]> {
    const inner = new Interruption(this.#interruption);
    const past = this.#options.journal.get(options.followedBy);
    const stop = (failure: Failure): void => inner.raise({ failure, by: options.followedBy });
    if (past !== undefined) stop(past.failure ?? { kind: "cancelled", message: "what it belongs to had ended" });
    const stopTimer =
      options.timeoutMs === null || options.onTimeout === undefined
        ? () => {}
        : this.#options.clock.after(options.timeoutMs, () => stop(options.onTimeout as Failure));
    const results: Result[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < children.length) {
        const index = next;
        next += 1;
        const child = children[index] as Child<Result>;
        const result = await child.run(new LocalDurable(this.#options, inner, this.#deadlineMs, this.#begun));
        results[index] = result;
        if (result.stopped !== null) inner.raise(result.stopped);
        if (result.failed && options.stopOnFailure) stop({ kind: "cancelled", message: `stopped because ${child.name} failed` });
      }
    };
    const breakOff = (error: unknown): never => {
      this.#breakOff();
      throw error;
    };
    const workers = Array.from({ length: Math.min(options.maxConcurrency, children.length) }, () => work().catch(breakOff));
    // Every worker ends before an exception of one of them goes on: nothing may run on behind the interpreter's back.
    const ended = await Promise.allSettled(workers);
    stopTimer();
    inner.close();
    for (const worker of ended) if (worker.status === "rejected") throw worker.reason;
    return results;
  }

  async emit(event: RunEvent, options: EmitOptions = {}): Promise<boolean> {
    const { unlessRecorded } = options;
    const isPast = options.isPast === true || (unlessRecorded !== undefined && this.#options.journal.get(unlessRecorded) !== undefined);
    if (isPast && this.#options.tellsPast !== true) return false;
    await this.#options.onEvent(event, options.hooks ?? [], this.#interruption.signal);
    return true;
  }

  shielded<T>(body: (durable: Durable) => Promise<T>): Promise<T> {
    // Who only looks starts nothing in there either.
    if (this.#options.tellsPast === true) return body(this);
    const interruption = new Interruption(null);
    const { kill } = this.#options;
    const stop = (): void => interruption.raise({ failure: { kind: "cancelled", message: "the rollback was stopped" }, by: WHOLE_RUN });
    if (kill?.aborted === true) stop();
    kill?.addEventListener("abort", stop, { once: true });
    return body(new LocalDurable(this.#options, interruption, Number.POSITIVE_INFINITY, this.#begun)).finally(() =>
      kill?.removeEventListener("abort", stop),
    );
  }

  /** Agents that answer at once would otherwise keep timeouts and Ctrl-C waiting until the run has ended. */
  async #hearTimers(): Promise<void> {
    const { clock } = this.#options;
    if (clock.elapsed() - this.#turnBeganMs < LONGEST_TURN_MS) return;
    await clock.turn();
    this.#turnBeganMs = clock.elapsed();
  }

  /** An exception is on its way up: until it is there, nothing may start any more. */
  #breakOff(): void {
    this.#interruption.raiseForAll({ failure: { kind: "internal", message: "the run broke off" }, by: WHOLE_RUN });
  }

  #context(): StepContext {
    const { clock, random, shared } = this.#options;
    return {
      shared,
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      random,
      remainingMs: () => this.#deadlineMs - clock.elapsed(),
      limit: (timeoutMs, work) => this.#limit(timeoutMs, work),
    };
  }

  async #limit<T>(timeoutMs: number | null, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const raised = this.#interruption.raised();
    if (raised !== undefined) throw errorOf(raised.failure);
    const controller = new AbortController();
    let reason: Failure | undefined;
    let stop: (failure: Failure) => void = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = (failure) => {
        reason ??= failure;
        resolve();
      };
    });
    const stopListening = this.#interruption.listen(({ failure }) => stop(failure));
    const stopTimer =
      timeoutMs === null
        ? () => {}
        : this.#options.clock.after(timeoutMs, () =>
            stop({ kind: "timeout", message: `it did not end within ${formatDuration(timeoutMs)}` }),
          );
    try {
      const working = work(controller.signal);
      const first = await Promise.race([working, stopped]);
      if (reason === undefined) return first as T;
      const error = errorOf(reason);
      controller.abort(error);
      return await this.#afterStop(working, error);
    } finally {
      stopTimer();
      stopListening();
    }
  }

  /**
   * Work that finished in spite of a cancellation is kept, since it was done and paid; after its own timeout it is not.
   * Work that failed for just the reason for which it was stopped may say more of it: what a script had written, for example.
   */
  async #afterStop<T>(working: Promise<T>, error: AgentError): Promise<T> {
    const { clock, graceMs } = this.#options;
    const settled = working.then(
      (value) => ({ value }),
      (thrown: unknown) => ({ thrown }),
    );
    const customTimers = {
      setTimeout: timerOf(clock),
      clearTimeout: (cancel: unknown) => (cancel as () => void)(),
    } as unknown as NonNullable<Parameters<typeof pTimeout>[1]["customTimers"]>;
    const end = await pTimeout(settled, { milliseconds: graceMs, fallback: () => null, customTimers });
    if (end !== null && "value" in end && error.kind === "cancelled") return end.value;
    if (end !== null && "thrown" in end && isSame(end.thrown, error)) throw end.thrown;
    throw error;
  }
}

/** Groups and nested pipelines of which anything is recorded: members and inner stages that had finished are found there. */
function begunVisits(journal: Journal): ReadonlySet<string> {
  const visits = new Set<string>();
  for (const [key] of journal.entries()) {
    const parts = visitOf(key).split("/");
    for (let index = 0; index < parts.length - 1; index += 1) {
      const [name = "", number] = (parts[index] ?? "").replace(/@.*/, "").split("~");
      // A group has no number of its own in the key of a member: it is the member's.
      const visit = `${name}~${number ?? /~(\d+)/.exec(parts[index + 1] ?? "")?.[1] ?? ""}`;
      visits.add([...parts.slice(0, index), visit].join("/"));
    }
  }
  return visits;
}

/** `group/member~1!2#3` → `group/member~1` */
function visitOf(key: string): string {
  return key.slice(0, key.lastIndexOf("!"));
}

/** `setTimeout` on a clock; the timer's handle is the function that cancels it. */
function timerOf(clock: Clock): (callback: () => void, ms: number) => () => void {
  return (callback, ms) => clock.after(ms, callback);
}

function isSame(thrown: unknown, error: AgentError): boolean {
  return thrown instanceof AgentError && thrown.kind === error.kind && thrown.message === error.message;
}

function errorOf(failure: Failure): AgentError {
  return new AgentError(failure.kind, failure.message);
}

function reasonOf(signal: AbortSignal | undefined): string {
  const reason: unknown = signal?.reason;
  return typeof reason === "string" ? reason : "the run was cancelled";
}
