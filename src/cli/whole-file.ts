import { access, chmod, constants, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** A file that is written whole or not at all. */
export interface WholeFile {
  readonly path: string;
  /** Rejects with the reason of the system. */
  write(content: string | Uint8Array): Promise<void>;
}

/**
 * Finds out whether a file can be written to `path`. Nothing is changed there by that.
 *
 * A regular file is replaced in one step, at the end of a link if it is one, and keeps its mode; a device or a pipe is written to.
 * Rejects with the reason of the system.
 *
 * @param id makes the name of the intermediate file unlike that of another run
 */
export async function openWholeFile(path: string, id: string): Promise<WholeFile> {
  const target = await realpath(path).catch(() => path);
  const found = await stat(target).catch(() => null);
  if (found?.isDirectory() === true) throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
  if (found !== null) await access(target, constants.W_OK);
  if (found?.isFile() === false) return { path, write: (content) => writeFile(target, content) };
  const part = `${target}.${id}.part`;
  await writeFile(part, "");
  await rm(part);
  return { path, write: (content) => replace(part, target, content, found === null ? null : found.mode & 0o777) };
}

/** What the system's reason means for a path. */
export function writeProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `there is no directory ${dirname(path)}`;
  return `${path} cannot be written: ${code === "EISDIR" ? "it is a directory" : code === "EACCES" ? "permission denied" : message}`;
}

async function replace(part: string, target: string, content: string | Uint8Array, mode: number | null): Promise<void> {
  try {
    await writeFile(part, content, mode === null ? {} : { mode });
    // The mask of the process narrows what a file is made with.
    if (mode !== null) await chmod(part, mode);
    await rename(part, target);
  } catch (error) {
    await rm(part).catch(() => {});
    throw error;
  }
}
