import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

// DIRECTORY/agentflow.db         runs, outcomes, shared values (and its -wal and -shm)
//          /locks/RUN.EPOCH      held by the process that drives the run; RUN is its number
//          /runs/ID/             what need not be as durable: events.ndjson, processes
//          /.gitignore           everything

/**
 * Where the files of a store lie. They hold inputs and outputs, so nobody but their owner may look at them, whatever the
 * umask says.
 */
export class Layout {
  readonly directory: string;
  readonly database: string;

  constructor(directory: string) {
    this.directory = directory;
    this.database = join(directory, "agentflow.db");
  }

  lock(run: number, epoch: number): string {
    return join(this.directory, "locks", `${run}.${epoch}`);
  }

  folder(runId: string, run: number): string {
    return join(this.directory, "runs", folderName(runId, run));
  }

  /** Makes the directory where it is missing. Whether there is no database yet. @throws what the file system says where it cannot be written */
  prepare(): boolean {
    const made = makeWithParents(this.directory);
    // A directory that holds other things as well is somebody's own: its mode and what git ignores there stay as they are.
    if (readdirSync(this.directory).length === 0) {
      chmodSync(this.directory, 0o700);
      writeFileSync(join(this.directory, ".gitignore"), "*\n", { mode: 0o600 });
    }
    for (const name of ["locks", "runs"]) makePrivate(join(this.directory, name));
    for (const path of made) syncDirectory(dirname(path));
    accessSync(this.directory, constants.R_OK | constants.W_OK | constants.X_OK);
    if (!existsSync(this.database)) return true;
    accessSync(this.database, constants.R_OK | constants.W_OK);
    return false;
  }

  /** The run's folder, made anew where somebody removed it: the outcomes do not depend on it. */
  keptFolder(runId: string, run: number): string {
    const folder = this.folder(runId, run);
    if (!existsSync(folder)) makePrivate(folder);
    return folder;
  }

  /** Makes a run's folder, without anything that may be left of one that was called the same. */
  makeFolder(runId: string, run: number): void {
    this.removeFolder(runId, run);
    makePrivate(this.folder(runId, run));
  }

  removeFolder(runId: string, run: number): void {
    rmSync(this.folder(runId, run), { recursive: true, force: true });
  }

  /** Bytes of the files in a run's folder. */
  sizeOf(runId: string, run: number): number {
    const folder = this.folder(runId, run);
    if (!existsSync(folder)) return 0;
    return readdirSync(folder).reduce((bytes, name) => bytes + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  }
}

/** Makes names in a directory survive the death of the machine. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Any text may be a run's id, but not every text a file's name; and some file systems do not tell A from a. */
function folderName(runId: string, run: number): string {
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(runId)) return runId;
  return `${runId
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "_")
    .slice(0, 80)}~${run}`;
}

/**
 * Makes a directory, and those above it that are missing, one by one: Node's own way of doing it never ends in a directory
 * that says of everything new in it that there is no such thing (/proc). Returns those that were made.
 */
function makeWithParents(path: string): string[] {
  if (existsSync(path)) {
    readdirSync(path);
    return [];
  }
  const above = makeWithParents(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have been quicker.
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  }
  return [...above, path];
}

function makePrivate(path: string): void {
  makeWithParents(path);
  chmodSync(path, 0o700);
}
