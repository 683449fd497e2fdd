import { access, constants, readFile, stat } from "node:fs/promises";
import { buildPlan } from "./plan/build.ts";
import { checkEnvironment, type Machine } from "./plan/environment.ts";
import { type Documents, loadText } from "./plan/source.ts";
import type { Diagnostic } from "./spec/diagnostic.ts";

/** Everything that is wrong with a file, or worth a look: what `validate` tells. */
export interface CheckedFile {
  readonly file: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly documents: Documents;
}

/** Checks a pipeline file, whose content is `bytes`, without running it. What this machine lacks is a warning. */
export async function checkFile(file: string, bytes: Uint8Array, env: Machine["env"]): Promise<CheckedFile> {
  const loaded = await loadText(bytes, file, readFile);
  const built = loaded.source === null ? { plan: null, diagnostics: [] } : buildPlan(loaded.source);
  const environment = built.plan === null ? [] : await checkEnvironment(built.plan, thisMachine(env), "warning");
  return { file, diagnostics: [...loaded.diagnostics, ...built.diagnostics, ...environment], documents: loaded.documents };
}

/** What is on this machine. */
export function thisMachine(env: Machine["env"]): Machine {
  return {
    env,
    async look(path) {
      try {
        const seen = await stat(path);
        if (seen.isDirectory()) return "directory";
        await access(path, constants.X_OK);
        return "program";
      } catch (error) {
        return (error as { code?: string }).code === "EACCES" ? "file" : "missing";
      }
    },
  };
}
