import { accessSync, chmodSync, constants, existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Clock } from "../engine/clock.ts";
import { NotAsWrittenError } from "./codec.ts";
import { SQLITE } from "./fault.ts";
import { syncDirectory } from "./layout.ts";

const BUSY_TIMEOUT_MS = 10_000;
const RETRY_MS = 10;
/** As an outcome of some KB begins in a page of its own, small pages write least. */
const PAGE_BYTES = 1024;
/** "agfl" */
const APPLICATION_ID = 0x6167_666c;

/** What is in a database: the number of its format, and how it is made. */
export interface Format {
  /** At most 0x7fff. */
  readonly version: number;
  readonly schema: string;
}

/** The database was made in a format that is not known. */
export class OtherFormatError extends Error {
  override name = "OtherFormatError";
  readonly version: number;

  constructor(version: number) {
    super(`format ${version}`);
    this.version = version;
  }
}

/** Opens a database, or makes it; for any number of processes at once. */
export async function openDatabase(path: string, format: Format, clock: Clock): Promise<Database> {
  const database = new Database(path);
  try {
    if (database.pragma("user_version") === 0) await database.initialise(format, clock);
    database.check(format);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * One connection to a database file.
 *
 * Contract: what `write` returned from is on the disk, unless it need not be. The file is never opened in any other way while it is in use: the
 * system drops the locks of a process on a file when the process closes it once.
 */
export class Database {
  readonly #path: string;
  readonly #handle: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #inode: number;

  constructor(path: string) {
    this.#path = path;
    const isNew = !existsSync(path);
    this.#handle = new DatabaseSync(path, { defensive: true });
    // The files beside it get the same mode from SQLite.
    if (isNew) chmodSync(path, 0o600);
    this.#inode = statSync(path).ino;
    this.#handle.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON`);
  }

  async initialise({ version, schema }: Format, clock: Clock): Promise<void> {
    if (!this.#isEmpty()) return;
    this.#handle.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
    await this.#useLog(clock);
    // SQLite leaves it to chance whether the journal of that change is still there after a loss of power; it would undo the change
    // beneath the log.
    syncDirectory(dirname(this.#path));
    this.write(() => {
      if (!this.#isEmpty()) return;
      // SQLite says "wal" also where the disk did not let it change the mode; only in a transaction does it know better.
      if (this.pragma("journal_mode") !== "wal") {
        throw Object.assign(new Error(`the log of ${this.#path} could not be made`), { code: "EIO", syscall: "fsync" });
      }
      this.#handle.exec(`${schema}; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${twice(version)}`);
    });
  }

  #isEmpty(): boolean {
    return this.pragma("application_id") === 0 && this.get("SELECT 1 FROM sqlite_schema") === undefined;
  }

  /** @throws NotAsWrittenError, OtherFormatError */
  check({ version }: Format): void {
    const found = Number(this.pragma("user_version"));
    if (this.pragma("application_id") !== APPLICATION_ID || found !== twice(found & 0xffff)) {
      throw new NotAsWrittenError(`${this.#path} is no database of agentflow`);
    }
    if (found !== twice(version)) throw new OtherFormatError(found & 0xffff);
    if (this.pragma("journal_mode") !== "wal") throw new NotAsWrittenError(`the head of ${this.#path} was changed`);
  }

  /**
   * One step that no other process comes between. It happens as a whole or, where `body` throws, not at all. Where it need
   * not be durable, it is so with the next one that is: never is there a step on the disk without those before it.
   */
  write<Result>(body: () => Result, { durable = true }: { readonly durable?: boolean } = {}): Result {
    this.#handle.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
    this.#execute("BEGIN IMMEDIATE");
    let result: Result;
    try {
      result = body();
      this.#execute("COMMIT");
    } catch (error) {
      if (this.#handle.isTransaction) this.#handle.exec("ROLLBACK");
      throw error;
    }
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode) {
      throw Object.assign(new Error(`${this.#path} was removed or replaced while it was in use`), { code: "ESTALE", syscall: "stat" });
    }
    return result;
  }

  /** Reads that see the same moment. Nothing waits for them, and they wait for nothing. */
  read<Result>(body: () => Result): Result {
    this.#execute("BEGIN");
    try {
      return body();
    } finally {
      if (this.#handle.isTransaction) this.#handle.exec("ROLLBACK");
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Record<string, unknown> | undefined {
    return this.#execute(sql, (statement) => statement.get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#execute(sql, (statement) => statement.all(...values));
  }

  /** The number of the row that was inserted last. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#execute(sql, (statement) => statement.run(...values)).lastInsertRowid);
  }

  /** Gives pages that are free back to the system where they are many; the others are used again. To be called while writing. */
  shrink(): void {
    if (Number(this.pragma("freelist_count")) * 4 > Number(this.pragma("page_count"))) this.all("PRAGMA incremental_vacuum");
  }

  pragma(name: string): unknown {
    return this.get(`PRAGMA ${name}`)?.[name];
  }

  close(): void {
    this.#statements.clear();
    if (this.#handle.isOpen) this.#handle.close();
  }

  /** Two processes that change the mode at the same moment may both be refused, whatever the timeout is. */
  async #useLog(clock: Clock): Promise<void> {
    for (let leftMs = BUSY_TIMEOUT_MS; ; leftMs -= RETRY_MS) {
      try {
        if (this.pragma("journal_mode") === "wal" || this.get("PRAGMA journal_mode = WAL")?.["journal_mode"] === "wal") return;
      } catch (error) {
        if (!isBusy(error) || leftMs <= 0) throw error;
      }
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }

  #execute<Result>(sql: string, use: (statement: StatementSync) => Result = (statement) => statement.run() as Result): Result {
    try {
      let statement = this.#statements.get(sql);
      if (statement === undefined) this.#statements.set(sql, (statement = this.#handle.prepare(sql)));
      return use(statement);
    } catch (error) {
      throw this.#isDamage(error) ? new NotAsWrittenError(`${this.#path}: ${(error as Error).message}`, { cause: error }) : error;
    }
  }

  /** A number that is none of ours; a head that forbids to write what the file system allows. */
  #isDamage(error: unknown): boolean {
    if ((error as { code?: unknown }).code === "ERR_OUT_OF_RANGE") return true;
    if (primaryCode(error) !== SQLITE.readOnly) return false;
    try {
      accessSync(this.#path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  }
}

/** A file that is held by one process, until that dies at the latest. */
export interface Lock {
  /** With `forget` the file goes as well: nobody will ask for it again. */
  release(options: { readonly forget: boolean }): void;
}

/** Holds a file that nobody else holds. @throws what SQLite says where somebody does */
export function holdLock(path: string): Lock {
  const handle = new DatabaseSync(path);
  try {
    chmodSync(path, 0o600);
    // Nothing is written: what would undo it need not be in a file.
    handle.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    handle.close();
    throw error;
  }
  return {
    release({ forget }) {
      try {
        if (forget) rmSync(path, { force: true });
      } catch {
        // A lock that nobody holds is in nobody's way.
      }
      if (handle.isOpen) handle.close();
    },
  };
}

/** Whether a process holds a file. */
export function isHeld(path: string): boolean {
  if (!existsSync(path)) return false;
  let handle: DatabaseSync | undefined;
  try {
    handle = new DatabaseSync(path, { readOnly: true });
    handle.prepare("SELECT 1 FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    // It was released between the two looks at it.
    if (!existsSync(path)) return false;
    throw error;
  } finally {
    handle?.close();
  }
}

/** The same 16 bits twice, so that a flipped bit is not taken for another version. */
function twice(version: number): number {
  return version * 0x1_0001;
}

function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE.busy || code === SQLITE.locked;
}

function primaryCode(error: unknown): number | null {
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : null;
}
