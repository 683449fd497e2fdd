import { execFileSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { platform } from "node:os";
import { join } from "node:path";
import type { NotedProcess } from "./store.ts";

interface Note extends NotedProcess {
  /** Which start of the machine it belongs to. */
  readonly boot: string;
}

/** The processes that the owners of a run started: a file for each owner, a line for each process. */
export class ProcessesFile {
  /** Those of earlier owners that may still be there. */
  readonly earlier: readonly NotedProcess[];
  readonly #folder: string;
  readonly #epoch: number;
  /** The files of earlier owners. */
  #earlierFiles: readonly string[];

  /** @param epoch tells the owners of a run from one another; it grows */
  constructor(folder: string, epoch: number) {
    this.#folder = folder;
    this.#epoch = epoch;
    this.#earlierFiles = readdirSync(folder)
      .filter((name) => (epochOf(name) ?? epoch) < epoch)
      .toSorted((a, b) => (epochOf(a) ?? 0) - (epochOf(b) ?? 0))
      .map((name) => join(folder, name));
    this.earlier = Object.freeze(this.#earlierFiles.flatMap(readNotes));
  }

  /** @throws what the file system says */
  note({ pid, started }: NotedProcess): void {
    // Until then the earlier notes stay: should this process die before it has ended those processes, the next one will.
    for (const path of this.#earlierFiles) rmSync(path, { force: true });
    this.#earlierFiles = [];
    const note: Note = { pid, started, boot: bootId() };
    appendFileSync(join(this.#folder, `processes.${this.#epoch}`), `${JSON.stringify(note)}\n`, { mode: 0o600 });
  }
}

function epochOf(name: string): number | null {
  const epoch = /^processes\.(\d+)$/.exec(name)?.[1];
  return epoch === undefined ? null : Number(epoch);
}

function readNotes(path: string): NotedProcess[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const note = parseNote(line);
      return note?.boot === bootId() ? [Object.freeze({ pid: note.pid, started: note.started })] : [];
    });
}

/** null for a torn line. */
function parseNote(line: string): Note | null {
  try {
    return JSON.parse(line) as Note;
  } catch {
    return null;
  }
}

let boot: string | undefined;

/** What tells one start of the machine from the next, after which pids begin anew. */
function bootId(): string {
  boot ??=
    platform() === "darwin" ? execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" }) : readLinuxBootId();
  return boot;
}

/** Where it is hidden, one process is still told from another by when it started. */
function readLinuxBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}
