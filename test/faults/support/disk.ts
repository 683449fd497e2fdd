import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Chance } from "../../engine/simulation/chance.ts";
import type { Call } from "./strace.ts";

/** What is left of the writes that had not been synced when the power went. */
export type Loss = "none of them" | "the first of them" | "any of them" | "any sectors of them" | "any pages of them" | "all up to a byte";
export const LOSSES: readonly Loss[] = [
  "none of them",
  "the first of them",
  "any of them",
  "any sectors of them",
  "any pages of them",
  "all up to a byte",
];

interface Change {
  readonly offset: number;
  /** null: the file ends here. */
  readonly bytes: Buffer | null;
}

interface File {
  readonly isDirectory: boolean;
  /** As it is on the disk. */
  synced: Buffer;
  unsynced: Change[];
  size: number;
}

/** A name that was given to a file, or taken away (null). */
interface Naming {
  readonly path: string;
  readonly file: File | null;
}

/**
 * A disk of the unkind sort that POSIX allows: what a file holds is safe when the file was synced, and under what name it can
 * be found when the directory was. All else may be there after a loss of power or not, in any combination.
 */
export class Disk {
  readonly #root: string;
  /** As the process sees it. */
  readonly #names = new Map<string, File>();
  readonly #syncedNames = new Map<string, File>();
  readonly #unsyncedNames = new Map<string, Naming[]>();

  /** @param root everything outside of it is none of its business */
  constructor(root: string) {
    this.#root = root;
  }

  apply(call: Call): void {
    if (!call.path.startsWith(`${this.#root}/`) && !(call.kind === "sync" && call.path === this.#root)) return;
    // Memory that the processes on a database share: it is written behind the back of any trace, and never read after a crash.
    if (call.path.endsWith("-shm")) return;
    switch (call.kind) {
      case "open":
        if (!this.#names.has(call.path) && call.creates) this.#name(call.path, newFile(false));
        if (call.empties) this.#change(call.path, { offset: 0, bytes: null });
        return;
      case "mkdir":
        return this.#name(call.path, newFile(true));
      case "remove":
        return this.#name(call.path, null);
      case "rename":
        this.#name(call.to, this.#names.get(call.path) ?? null);
        return this.#name(call.path, null);
      case "write":
        return this.#change(call.path, { offset: call.offset ?? this.#names.get(call.path)?.size ?? 0, bytes: call.bytes });
      case "truncate":
        return this.#change(call.path, { offset: call.size, bytes: null });
      case "sync":
        return this.#sync(call.path);
    }
  }

  /** Writes into a folder what the disk holds after the power went. */
  lose(chance: Chance, loss: Loss, folder: string): void {
    const names = new Map(this.#syncedNames);
    for (const namings of this.#unsyncedNames.values()) {
      for (const { path, file } of leftNames(namings, chance, loss)) {
        if (file === null) names.delete(path);
        else names.set(path, file);
      }
    }
    const made = new Set([this.#root]);
    for (const path of [...names.keys()].toSorted()) {
      const file = names.get(path) as File;
      if (!made.has(dirname(path))) continue;
      const target = join(folder, relative(this.#root, path));
      if (file.isDirectory) {
        mkdirSync(target, { mode: 0o700 });
        made.add(path);
      } else {
        writeFileSync(target, contentOf(file.synced, leftChanges(file.unsynced, chance, loss)), { mode: 0o600 });
      }
    }
  }

  #name(path: string, file: File | null): void {
    if (file === null) this.#names.delete(path);
    else this.#names.set(path, file);
    const directory = dirname(path);
    this.#unsyncedNames.set(directory, [...(this.#unsyncedNames.get(directory) ?? []), { path, file }]);
  }

  #change(path: string, change: Change): void {
    const file = this.#names.get(path);
    // It was removed, and is still open.
    if (file === undefined) return;
    file.unsynced.push(change);
    file.size = change.bytes === null ? change.offset : Math.max(file.size, change.offset + change.bytes.length);
  }

  #sync(path: string): void {
    const file = this.#names.get(path);
    if (file !== undefined && !file.isDirectory) {
      file.synced = contentOf(file.synced, file.unsynced);
      file.unsynced = [];
    }
    for (const naming of this.#unsyncedNames.get(path) ?? []) {
      if (naming.file === null) this.#syncedNames.delete(naming.path);
      else this.#syncedNames.set(naming.path, naming.file);
    }
    this.#unsyncedNames.delete(path);
  }
}

function newFile(isDirectory: boolean): File {
  return { isDirectory, synced: Buffer.alloc(0), unsynced: [], size: 0 };
}

function leftNames(namings: readonly Naming[], chance: Chance, loss: Loss): readonly Naming[] {
  switch (loss) {
    case "none of them":
      return [];
    case "the first of them":
      return namings.slice(0, chance.between(0, namings.length));
    case "all up to a byte":
      return namings;
    default:
      return namings.filter(() => chance.oneIn(2));
  }
}

function leftChanges(changes: readonly Change[], chance: Chance, loss: Loss): readonly Change[] {
  switch (loss) {
    case "none of them":
      return [];
    case "the first of them":
      return changes.slice(0, chance.between(0, changes.length));
    case "any of them":
      return changes.filter(() => chance.oneIn(2));
    case "any sectors of them":
      return changes.flatMap((change) => parts(change, 512)).filter(() => chance.oneIn(2));
    case "any pages of them":
      return changes.flatMap((change) => parts(change, 4096)).filter(() => chance.oneIn(2));
    case "all up to a byte": {
      const last = changes.at(-1);
      if (last === undefined || last.bytes === null) return changes;
      return [...changes.slice(0, -1), { ...last, bytes: last.bytes.subarray(0, chance.below(last.bytes.length)) }];
    }
  }
}

/** What the disk writes as a whole: a write is cut where its units begin. */
function parts({ offset, bytes }: Change, unit: number): Change[] {
  if (bytes === null) return [{ offset, bytes }];
  const cut: Change[] = [];
  for (let begin = 0; begin < bytes.length; ) {
    const end = Math.min(bytes.length, begin + unit - ((offset + begin) % unit));
    cut.push({ offset: offset + begin, bytes: bytes.subarray(begin, end) });
    begin = end;
  }
  return cut;
}

function contentOf(before: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return before;
  let size = before.length;
  const ends = changes.map(({ offset, bytes }) => offset + (bytes?.length ?? 0));
  const content = Buffer.alloc(Math.max(size, ...ends));
  before.copy(content);
  for (const { offset, bytes } of changes) {
    if (bytes === null) {
      // What lay behind the new end is gone: were the file to grow again, there would be zeros.
      content.fill(0, offset);
      size = offset;
    } else {
      bytes.copy(content, offset);
      size = Math.max(size, offset + bytes.length);
    }
  }
  return content.subarray(0, size);
}
