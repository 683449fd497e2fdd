import { UsageError } from "./io.ts";
import { openWholeFile, type WholeFile, writeProblem } from "./whole-file.ts";

/**
 * Finds out, before a run, whether its result can be written to `path` after it. Nothing is changed there by that.
 *
 * @param id makes the name of the intermediate file unlike that of another run
 * @throws UsageError
 */
export async function openResultFile(path: string, id: string): Promise<WholeFile> {
  try {
    return await openWholeFile(path, id);
  } catch (error) {
    throw new UsageError(`--out: ${writeProblem(path, error)}`);
  }
}
