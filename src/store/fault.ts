import { NotAsWrittenError } from "./codec.ts";
import { StoreError } from "./store.ts";

/** The primary result codes of SQLite. */
export const SQLITE = {
  error: 1,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  range: 25,
  notADatabase: 26,
} as const;

export function unavailable(directory: string, why: string, cause?: unknown): StoreError {
  return new StoreError("unavailable", `the store ${directory} cannot be used: ${why}`, { cause });
}

/** What a person can make something of, for what SQLite, the file system and the codec throw; anything else as it is. */
export function toStoreError(error: unknown, directory: string): Error {
  if (!(error instanceof Error)) return new Error(String(error), { cause: error });
  if (error instanceof StoreError) return error;
  if (error instanceof NotAsWrittenError) return damaged(directory, error.message, error);
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
  if (code === "ERR_SQLITE_ERROR" && typeof errcode === "number") return ofSqlite(error, errcode, directory);
  if (typeof code !== "string" || !("syscall" in error)) return error;
  return unavailable(directory, FILE_FAULTS[code] ?? error.message, error);
}

function damaged(directory: string, what: string, cause?: unknown): StoreError {
  return new StoreError(
    "damaged",
    `the store ${directory} is damaged: ${what}; put a backup in its place, or move it away and begin with a new one`,
    { cause },
  );
}

/** The memory that processes on a database share is a file as well, and could not grow (SQLITE_IOERR_SHMSIZE). */
const NO_SHARED_MEMORY = 4874;

const NO_ROOM = "the disk is full: make room, and go on with the run";
const NO_PERMISSION = "this user may not read and write it: change its permissions, or use another directory";
const BAD_DISK = "the disk reports an error: check it, and go on with the run";
const NOT_A_DIRECTORY = "a file is in the place of a directory: move it away, or use another directory";
const READ_ONLY = "it can only be read: make it writable, or use another directory";
const TOO_MANY_FILES = "too many files are open: raise the limit (ulimit -n), or start fewer runs at once";

const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOSPC: NO_ROOM,
  EDQUOT: NO_ROOM,
  EACCES: NO_PERMISSION,
  EPERM: NO_PERMISSION,
  EROFS: READ_ONLY,
  EIO: BAD_DISK,
  ENOTDIR: NOT_A_DIRECTORY,
  EEXIST: NOT_A_DIRECTORY,
  EMFILE: TOO_MANY_FILES,
  ENFILE: TOO_MANY_FILES,
};

function ofSqlite(error: Error, code: number, directory: string): StoreError {
  switch (code & 0xff) {
    case SQLITE.busy:
    case SQLITE.locked:
    case SQLITE.protocol:
      return unavailable(directory, "other processes keep it busy: try again when they have less to do", error);
    case SQLITE.readOnly:
      return unavailable(directory, READ_ONLY, error);
    case SQLITE.full:
      return unavailable(directory, NO_ROOM, error);
    case SQLITE.io:
      return unavailable(directory, code === NO_SHARED_MEMORY ? NO_ROOM : BAD_DISK, error);
    case SQLITE.cannotOpen:
      return unavailable(directory, "its files cannot be opened: check their permissions, and how many files may be open", error);
    case SQLITE.tooBig:
      return unavailable(directory, "a value is larger than the 1 GB that it can hold: let the agent keep it in a file", error);
    case SQLITE.noMemory:
      return unavailable(directory, "there is not enough memory", error);
    default:
      return damaged(directory, `the database says "${error.message}"`, error);
  }
}
