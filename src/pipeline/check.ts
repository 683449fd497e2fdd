import { accessSync, constants, readdirSync, readFileSync, statSync } from "node:fs";
import { buildPlan } from "../plan/build.ts";
import { checkEnvironment, type Machine } from "../plan/environment.ts";
import type { ListNames } from "../plan/near-file.ts";
import { withoutIgnored } from "../plan/ignored.ts";
import { type Documents, loadText, type ReadFile } from "../plan/source.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { formatSize } from "../spec/size.ts";

/** Everything that is wrong with a file, or worth a look: what `validate` tells. */
export interface CheckedFile {
  readonly file: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly documents: Documents;
}

/**
 * Checks a pipeline file, whose content is `bytes`, without running it. What this machine lacks is a warning.
 *
 * @param readFile reads what the file names
 */
export async function checkFile(file: string, bytes: Uint8Array, env: Machine["env"], readFile = readFileNow): Promise<CheckedFile> {
  const loaded = await loadText(bytes, file, readFile, listNow);
  const built = loaded.source === null ? { plan: null, diagnostics: [] } : buildPlan(loaded.source, { doubts: loaded.doubts });
  const environment = built.plan === null ? [] : await checkEnvironment(built.plan, thisMachine(env), "warning");
  const found = [...loaded.diagnostics, ...built.diagnostics, ...environment];
  return { file, diagnostics: await withoutIgnored(found, loaded), documents: loaded.documents };
}

/** What is on this machine. Asked at once rather than by the thread pool: a few dozen answers of the kernel take less than its start. */
export function thisMachine(env: Machine["env"]): Machine {
  const seen = new Map<string, Seen>();
  return {
    env,
    list: listNow,
    async look(path) {
      const known = seen.get(path) ?? lookAt(path);
      seen.set(path, known);
      return known;
    },
  };
}

/** Reads a file that a pipeline names, likewise at once; refuses what may never end: a pipe, a device, or an enormous file. */
export const readFileNow: ReadFile = async (path) => {
  const found = statSync(path);
  if (!found.isFile() && !found.isDirectory()) throw new Error("it is no file, but a pipe, a socket or a device");
  if (found.size > MOST_BYTES) throw new Error(`it has ${formatSize(found.size)}, and ${formatSize(MOST_BYTES)} is the most`);
  return readFileSync(path);
};

/** Reads the pipeline file itself, likewise at once. That may be a pipe, such as the output of another program. */
export const readPipelineNow: ReadFile = async (path) => readFileSync(path);

const MOST_BYTES = 100 * 1024 * 1024;

/** Names what is in a directory, likewise at once. */
export const listNow: ListNames = async (directory) => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

type Seen = Awaited<ReturnType<Machine["look"]>>;

function lookAt(path: string): Seen {
  try {
    if (statSync(path).isDirectory()) return "directory";
  } catch {
    return "missing";
  }
  try {
    accessSync(path, constants.X_OK);
    return "program";
  } catch {
    return "file";
  }
}
