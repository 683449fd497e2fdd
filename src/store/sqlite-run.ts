import type { Outcome } from "../engine/durable.ts";
import type { Stamped } from "../engine/event.ts";
import { compressAboveOf, frozenCopy } from "./codec.ts";
import type { Lock } from "./database.ts";
import type { EventsFile } from "./events-file.ts";
import { toStoreError, unavailable } from "./fault.ts";
import type { AppendOptions } from "./journal.ts";
import type { ProcessesFile } from "./processes-file.ts";
import { type EntryRow, type LoadedRun, outcomeRow, resultRow, type RunRow, type Tail } from "./runs-table.ts";
import { type NotedProcess, type OwnedRun, type RunEnd, type RunRecord, type RunSummary } from "./store.ts";

/** Rows to be added to a run, and how it ended. */
export interface Addition {
  readonly number: number;
  /** Of whoever adds. */
  readonly epoch: number;
  readonly rows: readonly EntryRow[];
  readonly end: RunEnd | null;
}

/** What a run that is driven here is made of. */
export interface SqliteRunParts {
  /** Of the store. */
  readonly directory: string;
  readonly row: RunRow;
  readonly loaded: LoadedRun;
  readonly lock: Lock;
  readonly events: EventsFile;
  readonly processes: ProcessesFile;
  /** Throws where another process drives the run. */
  confirm(): void;
  /** Resolves when it is on the disk. */
  add(addition: Addition): Promise<void>;
  released(run: SqliteRun): void;
}

/** A run that this process drives. It knows what the last row is, so that it adds one without a look at the others. */
export class SqliteRun implements OwnedRun {
  readonly record: RunRecord;
  readonly status: RunSummary["status"];
  readonly processes: readonly NotedProcess[];
  readonly #parts: SqliteRunParts;
  readonly #compressAbove: number;
  readonly #outcomes: Map<string, Outcome>;
  #tail: Tail;
  /** Waits for the next checkpoint. */
  #unwritten: EntryRow[] = [];
  #latest: Promise<void> = Promise.resolve();
  #releasing: Promise<void> | null = null;
  /** Why it takes nothing any more. */
  #refusal: Error | null = null;

  constructor(parts: SqliteRunParts) {
    const { row, loaded, processes } = parts;
    this.#parts = parts;
    this.record = loaded.record;
    this.status = row.head.status;
    this.processes = processes.earlier;
    this.#compressAbove = compressAboveOf(loaded.record);
    this.#outcomes = new Map(loaded.entries);
    this.#tail = loaded.tail;
  }

  get(key: string): Outcome | undefined {
    return this.#outcomes.get(key);
  }

  entries(): Iterable<readonly [key: string, outcome: Outcome]> {
    return this.#outcomes.entries();
  }

  async append(key: string, outcome: Outcome, { checkpoint = true }: AppendOptions = {}): Promise<void> {
    if (this.#refusal !== null) throw this.#refusal;
    if (this.#outcomes.has(key)) throw new Error(`the step ${key} is recorded already`);
    const frozen = frozenCopy(outcome);
    const row = outcomeRow(key, frozen, this.#compressAbove, this.#tail);
    this.#outcomes.set(key, frozen);
    this.#tail = row;
    this.#unwritten.push(row);
    if (checkpoint) await this.#write(null);
  }

  confirm(): void {
    if (this.#refusal !== null) throw this.#refusal;
    this.#parts.confirm();
  }

  async end(end: RunEnd): Promise<void> {
    if (this.#refusal !== null) throw this.#refusal;
    if (end.result !== null) {
      this.#unwritten = [resultRow(frozenCopy(end.result), this.#compressAbove, this.#parts.loaded.head)];
      this.#outcomes.clear();
      this.#tail = this.#parts.loaded.head;
    }
    await this.#write(end);
  }

  get eventCount(): number {
    return this.#parts.events.count;
  }

  keepEvent(event: Stamped): void {
    this.#parts.events.keep(event);
  }

  noteProcess(started: NotedProcess): void {
    if (this.#refusal !== null) throw this.#refusal;
    try {
      this.#parts.processes.note(started);
    } catch (error) {
      throw toStoreError(error, this.#parts.directory);
    }
    // Who took the run over before it was noted does not know of it.
    this.confirm();
  }

  release(): Promise<void> {
    this.#releasing ??= this.#release();
    return this.#releasing;
  }

  async #write(end: RunEnd | null): Promise<void> {
    const { number, epoch } = this.#parts.row;
    const rows = this.#unwritten;
    this.#unwritten = [];
    this.#latest = this.#parts.add({ number, epoch, rows, end });
    try {
      await this.#latest;
    } catch (error) {
      this.#refusal = toStoreError(error, this.#parts.directory);
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { directory, lock, events, released, row } = this.#parts;
    try {
      if (this.#refusal === null && this.#unwritten.length > 0) await this.#write(null);
      else await this.#latest.catch(() => {});
    } finally {
      this.#refusal ??= unavailable(directory, `the run ${row.id} was released by this process before`);
      events.close();
      lock.release({ forget: true });
      released(this);
    }
  }
}
