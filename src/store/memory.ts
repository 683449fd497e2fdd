import type { SharedValues } from "../engine/shared-values.ts";
import type { Outcome } from "../engine/durable.ts";
import type { Stamped } from "../engine/event.ts";
import { type Json, jsonEqual, toJson } from "../spec/json.ts";
import { frozenCopy, stageOfKey } from "./codec.ts";
import type { AppendOptions } from "./journal.ts";
import {
  type AcquireOptions,
  type NotedProcess,
  type OwnedRun,
  type RunEnd,
  type RunOwner,
  type RunRecord,
  type RunSummary,
  type Store,
  StoreError,
  type StoredRun,
} from "./store.ts";

/** Who drives runs that only one process can see. */
const THIS_PROCESS: RunOwner = { pid: 0, host: "this process" };

/**
 * A store that lives as long as the process: the same promises but for the death of the process. `close` gives back the
 * runs and forgets nothing, so that the store can be used again.
 *
 * @param owner what is said of the owner of runs
 */
export function createMemoryStore(owner: RunOwner = THIS_PROCESS): Store {
  return new MemoryStore(owner);
}

/** A run, and who drives it. */
interface Stored {
  readonly record: RunRecord;
  /** In the order of creation. */
  readonly number: number;
  readonly entries: Map<string, Outcome>;
  readonly events: Stamped[];
  status: RunSummary["status"];
  endedAt: number | null;
  stoppedAt: string | null;
  result: RunEnd["result"];
  processes: readonly NotedProcess[];
  driver: MemoryRun | null;
  removed: boolean;
}

class MemoryStore implements Store {
  readonly shared: SharedValues = createSharedValues();
  readonly #runs = new Map<string, Stored>();
  readonly #owner: RunOwner;
  readonly #owned = new Set<MemoryRun>();
  readonly #changes = new Changes();
  #created = 0;

  constructor(owner: RunOwner) {
    this.#owner = owner;
  }

  async create(given: RunRecord): Promise<OwnedRun> {
    const record = frozenCopy(given);
    if (this.#runs.has(record.run_id)) throw new StoreError("exists", `there is a run ${record.run_id} already: choose another id`);
    this.#created += 1;
    const run: Stored = {
      record,
      number: this.#created,
      entries: new Map(),
      events: [],
      status: "running",
      endedAt: null,
      stoppedAt: null,
      result: null,
      processes: [],
      driver: null,
      removed: false,
    };
    this.#runs.set(record.run_id, run);
    return this.#own(run);
  }

  async acquire(runId: string, { takeOver = false }: AcquireOptions = {}): Promise<OwnedRun> {
    const run = this.#known(runId);
    if (run.driver !== null && !takeOver) throw this.#ownedError(runId);
    return this.#own(run);
  }

  async read(runId: string): Promise<StoredRun | null> {
    const run = this.#runs.get(runId);
    if (run === undefined) return null;
    const entries = Object.freeze([...run.entries].map((entry) => Object.freeze(entry)));
    return { record: run.record, summary: this.#summarise(run), entries, result: run.result };
  }

  async list(): Promise<readonly RunSummary[]> {
    const runs = [...this.#runs.values()].toSorted((a, b) => b.record.started_at - a.record.started_at || b.number - a.number);
    return runs.map((run) => this.#summarise(run));
  }

  async remove(runId: string): Promise<void> {
    const run = this.#known(runId);
    if (run.driver !== null) throw this.#ownedError(runId);
    run.removed = true;
    this.#runs.delete(runId);
    this.#changes.tell();
  }

  async *events(runId: string, { follow }: { readonly follow?: AbortSignal } = {}): AsyncGenerator<Stamped> {
    const run = this.#known(runId);
    for (let next = 0; ; ) {
      for (; next < run.events.length; next += 1) yield run.events[next] as Stamped;
      const isOver = run.removed || (run.status !== "running" && run.driver === null);
      if (follow === undefined || follow.aborted || isOver) return;
      await this.#changes.next(follow);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#owned].map((run) => run.release()));
  }

  #own(run: Stored): MemoryRun {
    const driver: MemoryRun = new MemoryRun(
      run,
      () => {
        this.#owned.delete(driver);
        this.#changes.tell();
      },
      () => this.#changes.tell(),
      this.#owner,
    );
    run.driver = driver;
    this.#owned.add(driver);
    return driver;
  }

  #known(runId: string): Stored {
    const run = this.#runs.get(runId);
    if (run === undefined) throw new StoreError("unknown", `there is no run ${runId}`);
    return run;
  }

  #ownedError(runId: string): StoreError {
    const { pid, host } = this.#owner;
    const message = `the run ${runId} is driven by process ${pid} on ${host}: wait for it, stop it, or take the run over`;
    return new StoreError("owned", message, { owner: this.#owner });
  }

  #summarise(run: Stored): RunSummary {
    const { run_id, pipeline_id, session_id, started_at, parent } = run.record;
    const lastKey = [...run.entries.keys()].at(-1);
    return Object.freeze({
      run_id,
      pipeline_id,
      session_id,
      status: run.status,
      started_at,
      ended_at: run.endedAt,
      stopped_at: run.status === "running" && lastKey !== undefined ? stageOfKey(lastKey) : run.stoppedAt,
      parent,
      owner: run.driver === null ? null : this.#owner,
      bytes: JSON.stringify([run.record, ...run.entries, run.result, run.events]).length,
    });
  }
}

class MemoryRun implements OwnedRun {
  readonly record: RunRecord;
  readonly status: RunSummary["status"];
  readonly processes: readonly NotedProcess[];
  readonly #run: Stored;
  readonly #entries: Map<string, Outcome>;
  readonly #released: () => void;
  readonly #changed: () => void;
  readonly #owner: RunOwner;
  #hasNoted = false;
  /** Waits for the next checkpoint. */
  #unwritten: (readonly [key: string, outcome: Outcome])[] = [];
  #isReleased = false;

  constructor(run: Stored, released: () => void, changed: () => void, owner: RunOwner) {
    this.record = run.record;
    this.status = run.status;
    this.processes = Object.freeze([...run.processes]);
    this.#run = run;
    this.#entries = new Map(run.entries);
    this.#released = released;
    this.#changed = changed;
    this.#owner = owner;
  }

  get(key: string): Outcome | undefined {
    return this.#entries.get(key);
  }

  entries(): Iterable<readonly [key: string, outcome: Outcome]> {
    return this.#entries.entries();
  }

  async append(key: string, outcome: Outcome, { checkpoint = true }: AppendOptions = {}): Promise<void> {
    this.#mayWrite();
    if (this.#entries.has(key)) throw new Error(`the step ${key} is recorded already`);
    const frozen = frozenCopy(outcome);
    this.#entries.set(key, frozen);
    this.#unwritten.push([key, frozen]);
    if (checkpoint) this.#write(null);
  }

  confirm(): void {
    this.#mayWrite();
  }

  async end(end: RunEnd): Promise<void> {
    this.#mayWrite();
    const result = end.result === null ? null : frozenCopy(end.result);
    if (result !== null) {
      this.#unwritten = [];
      this.#entries.clear();
      this.#run.entries.clear();
    }
    this.#write({ ...end, result });
  }

  get eventCount(): number {
    return this.#run.events.length;
  }

  keepEvent(event: Stamped): void {
    if (this.#isReleased || this.#run.driver !== this) return;
    this.#run.events.push(frozenCopy(event));
    this.#changed();
  }

  noteProcess({ pid, started }: NotedProcess): void {
    this.#mayWrite();
    this.#run.processes = [...(this.#hasNoted ? this.#run.processes : []), Object.freeze({ pid, started })];
    this.#hasNoted = true;
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    const isMine = this.#run.driver === this;
    try {
      if (this.#unwritten.length > 0) {
        this.#mayWrite();
        this.#write(null);
      }
    } finally {
      this.#isReleased = true;
      if (isMine) this.#run.driver = null;
      this.#released();
    }
  }

  #mayWrite(): void {
    if (this.#isReleased) throw new StoreError("unavailable", `the run ${this.record.run_id} was released before`);
    if (this.#run.driver === this) return;
    const { pid, host } = this.#owner;
    const message = `the run ${this.record.run_id} was taken over by process ${pid} on ${host}: nothing more of it is recorded here`;
    throw new StoreError("taken-over", message, { owner: this.#owner });
  }

  #write(end: RunEnd | null): void {
    const run = this.#run;
    if (this.#unwritten.length > 0) {
      for (const [key, outcome] of this.#unwritten) run.entries.set(key, outcome);
      this.#unwritten = [];
      Object.assign(run, { status: "running", endedAt: null, stoppedAt: null, result: null });
    }
    if (end !== null) {
      Object.assign(run, { status: end.status, endedAt: end.ended_at, stoppedAt: end.stopped_at, result: end.result ?? run.result });
    }
    this.#changed();
  }
}

/** Wakes whoever waits for something to have changed. */
class Changes {
  readonly #listeners = new Set<() => void>();

  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#listeners.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      this.#listeners.add(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

function createSharedValues(): SharedValues {
  const values = new Map<string, Json>();
  return {
    async update(name, change) {
      const before = values.get(name) ?? null;
      const { value, result } = change(before);
      if (value === null) values.delete(name);
      else if (!jsonEqual(value, before)) values.set(name, toJson(value));
      return result;
    },
    list: async () => [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)).map((entry) => Object.freeze(entry)),
  };
}
