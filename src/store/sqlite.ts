import type { SharedValues } from "../engine/shared-values.ts";
import { rmSync } from "node:fs";
import { resolve } from "node:path";
import type { Stamped } from "../engine/event.ts";
import { type Json, jsonEqual, toJson } from "../spec/json.ts";
import type { Clock } from "../engine/clock.ts";
import { compressAboveOf, frozenCopy, stageOfKey } from "./codec.ts";
import { type Database, holdLock, isHeld, type Lock, openDatabase, OtherFormatError } from "./database.ts";
import { EventsFile, EventsReader } from "./events-file.ts";
import { toStoreError, unavailable } from "./fault.ts";
import { Layout, syncDirectory } from "./layout.ts";
import { ProcessesFile } from "./processes-file.ts";
import {
  allRuns,
  allShared,
  deleteEntries,
  deleteResult,
  deleteRun,
  deleteShared,
  entryBytes,
  findRun,
  FORMAT,
  getRun,
  hasRun,
  type Head,
  insertEntries,
  insertRun,
  lastKey,
  loadRun,
  readShared,
  recordRow,
  type RunRow,
  updateRun,
  writeShared,
} from "./runs-table.ts";
import { type Addition, SqliteRun } from "./sqlite-run.ts";
import {
  type AcquireOptions,
  type OwnedRun,
  type RunOwner,
  type RunRecord,
  type RunSummary,
  type Store,
  type StoredRun,
  StoreError,
} from "./store.ts";

export interface SqliteStoreOptions {
  readonly clock: Clock;
  /** Of this process: what others are told about the owner of its runs. */
  readonly pid: number;
  readonly host: string;
}

const POLL_MS = 100;

/** Opens the store in a directory, or makes it. Rejects with a StoreError where that cannot be. */
export async function openStore(directory: string, { clock, pid, host }: SqliteStoreOptions): Promise<Store> {
  const layout = new Layout(resolve(directory));
  try {
    const isNew = layout.prepare();
    const database = await openDatabase(layout.database, FORMAT, clock);
    if (isNew) syncDirectory(layout.directory);
    return new SqliteStore(layout, database, clock, { pid, host });
  } catch (error) {
    if (!(error instanceof OtherFormatError)) throw toStoreError(error, layout.directory);
    throw new StoreError(
      "version",
      `the store ${layout.directory} has format ${error.version}, and this agentflow knows format ${FORMAT.version}: ` +
        `use the agentflow that made it, or a newer one, or another directory`,
      { cause: error },
    );
  }
}

/** One step of a transaction that several share. */
interface Step {
  readonly durable: boolean;
  apply(): () => void;
  reject(error: unknown): void;
}

class SqliteStore implements Store {
  readonly shared: SharedValues = {
    update: (name, change) => this.#updateShared(name, change),
    list: async () => this.#read(() => allShared(this.#database)),
  };
  readonly #layout: Layout;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #owner: RunOwner;
  readonly #owned = new Set<SqliteRun>();
  #steps: Step[] = [];
  /** Why it refuses everything. */
  #refusal: Error | null = null;
  #closing: Promise<void> | null = null;

  constructor(layout: Layout, database: Database, clock: Clock, owner: RunOwner) {
    this.#layout = layout;
    this.#database = database;
    this.#clock = clock;
    this.#owner = owner;
  }

  async create(given: RunRecord): Promise<OwnedRun> {
    const record = frozenCopy(given);
    const first = recordRow(record, compressAboveOf(record));
    const { run_id: id, pipeline_id, session_id, started_at, parent } = record;
    const head: Head = {
      pipeline_id,
      session_id,
      started_at,
      parent,
      status: "running",
      ended_at: null,
      stopped_at: null,
      owner: this.#owner,
    };
    return await this.#own(
      (hold) => {
        if (this.#look(() => hasRun(this.#database, id))) {
          throw new StoreError("exists", `there is a run ${id} in the store ${this.#layout.directory} already: choose another id`);
        }
        const number = insertRun(this.#database, { id, epoch: 1, head });
        insertEntries(this.#database, number, [first]);
        this.#layout.makeFolder(id, number);
        hold(this.#layout.lock(number, 1));
        return { row: { number, id, epoch: 1, head }, wasHeld: false };
      },
      { durable: true },
    );
  }

  async acquire(runId: string, { takeOver = false }: AcquireOptions = {}): Promise<OwnedRun> {
    return await this.#own(
      (hold) => {
        const before = this.#known(runId);
        const wasHeld = this.#isHeld(before);
        if (wasHeld && !takeOver) throw owned(before);
        const row: RunRow = { ...before, epoch: before.epoch + 1, head: { ...before.head, owner: this.#owner } };
        hold(this.#layout.lock(row.number, row.epoch));
        updateRun(this.#database, row);
        return { row, wasHeld };
      },
      // A machine that dies takes all owners with it: the epoch before does as well then.
      { durable: false },
    );
  }

  async read(runId: string): Promise<StoredRun | null> {
    const found = this.#read(() => {
      const row = findRun(this.#database, runId);
      return row === null ? null : { row, ...loadRun(this.#database, row), ...this.#measure(row) };
    });
    if (found === null) return null;
    const { record, entries, result } = found;
    return { record, summary: this.#summarise(found), entries, result };
  }

  async list(): Promise<readonly RunSummary[]> {
    const found = this.#read(() => allRuns(this.#database).map((row) => ({ row, ...this.#measure(row) })));
    return found.map((each) => this.#summarise(each));
  }

  async remove(runId: string): Promise<void> {
    const { number, epoch } = await this.#commit(() => {
      const run = this.#known(runId);
      if (this.#isHeld(run)) throw owned(run);
      deleteRun(this.#database, run.number);
      this.#database.shrink();
      this.#layout.removeFolder(runId, run.number);
      return run;
    });
    rmSync(this.#layout.lock(number, epoch), { force: true });
  }

  async *events(runId: string, { follow }: { readonly follow?: AbortSignal } = {}): AsyncGenerator<Stamped> {
    const { number } = this.#read(() => this.#known(runId));
    const reader = new EventsReader(this.#layout.folder(runId, number));
    for (;;) {
      // The question comes before the look into the file: whoever ended the run had written its events by then.
      const isLast = follow === undefined || follow.aborted || this.#isOver(number);
      try {
        yield* reader.more();
      } catch (error) {
        throw toStoreError(error, this.#layout.directory);
      }
      if (isLast) return;
      await pause(this.#clock, follow);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const released = await Promise.allSettled([...this.#owned].map((run) => run.release()));
    if (this.#steps.length > 0) await this.#commit(() => {}).catch(() => {});
    this.#refusal ??= unavailable(this.#layout.directory, "it was closed");
    this.#database.close();
    for (const run of released) if (run.status === "rejected") throw run.reason;
  }

  /** Takes hold of a run: the lock is held before the row says so, and given back where something fails. */
  async #own(
    take: (hold: (path: string) => void) => { readonly row: RunRow; readonly wasHeld: boolean },
    options: { readonly durable: boolean },
  ): Promise<OwnedRun> {
    let lock: Lock | null = null;
    let events: EventsFile | null = null;
    try {
      const hold = (path: string): void => {
        lock = holdLock(path);
      };
      const { row, wasHeld } = await this.#commit(() => take(hold), options);
      rmSync(this.#layout.lock(row.number, row.epoch - 1), { force: true });
      const folder = this.#layout.keptFolder(row.id, row.number);
      const loaded = this.#read(() => loadRun(this.#database, row));
      events = new EventsFile(folder, { anew: wasHeld });
      const run = new SqliteRun({
        directory: this.#layout.directory,
        row,
        loaded,
        lock: lock as unknown as Lock,
        events,
        processes: new ProcessesFile(folder, row.epoch),
        confirm: () => {
          const now = this.#read(() => getRun(this.#database, row.number));
          if (now?.epoch !== row.epoch) throw this.#takenOver(now);
        },
        add: (addition) => this.#commit(() => this.#add(addition)),
        released: (run) => void this.#owned.delete(run),
      });
      this.#owned.add(run);
      return run;
    } catch (error) {
      events?.close();
      (lock as Lock | null)?.release({ forget: true });
      throw toStoreError(error, this.#layout.directory);
    }
  }

  #add({ number, epoch, rows, end }: Addition): void {
    const run = this.#look(() => getRun(this.#database, number));
    if (run?.epoch !== epoch) throw this.#takenOver(run);
    const startsAnew = end === null && run.head.status !== "running" && rows.length > 0;
    if (end !== null && end.result !== null) deleteEntries(this.#database, number, 1);
    else if (rows.length > 0 && run.head.status !== "running") deleteResult(this.#database, number);
    insertEntries(this.#database, number, rows);
    if (startsAnew) updateRun(this.#database, { ...run, head: { ...run.head, status: "running", ended_at: null, stopped_at: null } });
    if (end === null) return;
    const { status, ended_at, stopped_at } = end;
    updateRun(this.#database, { ...run, head: { ...run.head, status, ended_at, stopped_at } });
  }

  async #updateShared<Result>(name: string, change: (value: Json) => { value: Json; result: Result }): Promise<Result> {
    return await this.#commit(() => {
      const before = this.#look(() => readShared(this.#database, name));
      const { value, result } = refusing(() => change(before));
      if (value === null) deleteShared(this.#database, name);
      else if (!jsonEqual(value, before))
        writeShared(
          this.#database,
          name,
          refusing(() => toJson(value)),
        );
      return result;
    });
  }

  /**
   * Does something in a transaction, together with what else is asked for in this turn of the event loop: one flush to the
   * disk is enough for all of it. What `apply` throws before it writes concerns only whoever asked.
   */
  #commit<Result>(apply: () => Result, { durable = true } = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#steps.push({
        durable,
        apply: () => {
          const result = apply();
          return () => resolve(result);
        },
        reject,
      });
      if (this.#steps.length === 1) void this.#clock.turn().then(() => this.#flush());
    });
  }

  #flush(): void {
    const steps = this.#steps;
    this.#steps = [];
    try {
      if (this.#refusal !== null) throw this.#refusal;
      const settle = this.#database.write(() => steps.map(applyOrRefuse), { durable: steps.some(({ durable }) => durable) });
      for (const each of settle) each();
    } catch (error) {
      // It may be on the disk all the same. Only whoever opens the store anew can tell.
      this.#refusal ??= toStoreError(error, this.#layout.directory);
      for (const { reject } of steps) reject(this.#refusal);
    }
  }

  /** Reads outside of a transaction of its own that writes. */
  #read<Result>(body: () => Result): Result {
    if (this.#refusal !== null) throw this.#refusal;
    return this.#look(() => this.#database.read(body));
  }

  #look<Result>(body: () => Result): Result {
    try {
      return body();
    } catch (error) {
      throw toStoreError(error, this.#layout.directory);
    }
  }

  #known(runId: string): RunRow {
    const run = this.#look(() => findRun(this.#database, runId));
    if (run === null) throw new StoreError("unknown", `there is no run ${runId} in the store ${this.#layout.directory}`);
    return run;
  }

  #isHeld({ number, epoch }: RunRow): boolean {
    return this.#look(() => isHeld(this.#layout.lock(number, epoch)));
  }

  #ownerOf(run: RunRow): RunOwner | null {
    if (this.#isHeld(run)) return run.head.owner;
    const now = this.#read(() => getRun(this.#database, run.number));
    return now === null || now.epoch === run.epoch ? null : this.#ownerOf(now);
  }

  #isOver(number: number): boolean {
    const run = this.#read(() => getRun(this.#database, number));
    return run === null || (run.head.status !== "running" && this.#ownerOf(run) === null);
  }

  #measure(row: RunRow): { lastKey: string | null; entryBytes: number } {
    return {
      lastKey: row.head.status === "running" ? lastKey(this.#database, row) : null,
      entryBytes: entryBytes(this.#database, row.number),
    };
  }

  #summarise({ row, lastKey, entryBytes }: { row: RunRow; lastKey: string | null; entryBytes: number }): RunSummary {
    const { pipeline_id, session_id, status, started_at, ended_at, stopped_at, parent } = row.head;
    return Object.freeze({
      run_id: row.id,
      pipeline_id,
      session_id,
      status,
      started_at,
      ended_at,
      stopped_at: lastKey === null ? stopped_at : stageOfKey(lastKey),
      parent,
      owner: this.#ownerOf(row),
      bytes: entryBytes + this.#layout.sizeOf(row.id, row.number),
    });
  }

  #takenOver(run: RunRow | null): StoreError {
    return run === null
      ? new StoreError("taken-over", "the run was taken over and removed by another process: nothing more of it is recorded here")
      : new StoreError(
          "taken-over",
          `the run ${run.id} was taken over by ${describe(run.head.owner)}: nothing more of it is recorded by this process`,
          { owner: run.head.owner },
        );
  }
}

/** Only whoever asked for a step gets to know it: it had not written anything yet. */
class Refusal {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

function refusing<Result>(body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    // oxlint-disable-next-line typescript/only-throw-error -- it goes no further than applyOrRefuse
    throw new Refusal(error);
  }
}

function applyOrRefuse({ apply, reject }: Step): () => void {
  try {
    return apply();
  } catch (error) {
    if (error instanceof Refusal) return () => reject(error.reason);
    if (error instanceof StoreError) return () => reject(error);
    throw error;
  }
}

function owned({ id, head }: RunRow): StoreError {
  return new StoreError("owned", `the run ${id} is driven by ${describe(head.owner)}: wait for it, stop it, or take the run over`, {
    owner: head.owner,
  });
}

function describe({ pid, host }: RunOwner): string {
  return `process ${pid} on ${host}`;
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(POLL_MS, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
