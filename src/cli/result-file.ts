import { access, constants, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "./io.ts";

/** A file that the result goes to. */
export interface ResultFile {
  readonly path: string;
  /** Whole or not at all. Rejects with the reason of the system. */
  write(text: string): Promise<void>;
}

/**
 * Finds out, before a run, whether its result can be written to `path` after it. Nothing is changed there by that.
 *
 * A regular file is replaced in one step, at the end of a link if it is one; a device or a pipe is written to.
 *
 * @param id makes the name of the intermediate file unlike that of another run
 * @throws UsageError
 */
export async function openResultFile(path: string, id: string): Promise<ResultFile> {
  try {
    const target = await realpath(path).catch(() => path);
    const found = await stat(target).catch(() => null);
    if (found?.isDirectory() === true) throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
    if (found !== null) await access(target, constants.W_OK);
    if (found?.isFile() === false) return { path, write: (text) => writeFile(target, text) };
    const part = `${target}.${id}.part`;
    await writeFile(part, "");
    await rm(part);
    return {
      path,
      async write(text) {
        try {
          await writeFile(part, text, found === null ? {} : { mode: found.mode & 0o777 });
          await rename(part, target);
        } catch (error) {
          await rm(part).catch(() => {});
          throw error;
        }
      },
    };
  } catch (error) {
    throw new UsageError(`--out: ${writeProblem(path, error)}`);
  }
}

function writeProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `there is no directory ${dirname(path)}`;
  return `${path} cannot be written: ${code === "EISDIR" ? "it is a directory" : code === "EACCES" ? "permission denied" : message}`;
}
