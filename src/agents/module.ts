import { access } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { AgentFunction } from "../engine/agent.ts";
import { AgentError } from "../engine/failure.ts";

/**
 * The function that a JavaScript or TypeScript file exports as its default.
 *
 * Contract: the file is read once per process, as Node does with modules; its top level runs then.
 *
 * @throws AgentError `spawn`, with the file's path, when it cannot be loaded or exports no function.
 */
export async function loadFunction(path: string): Promise<AgentFunction> {
  const loaded = functions.get(path) ?? load(path);
  functions.set(path, loaded);
  return loaded;
}

const functions = new Map<string, Promise<AgentFunction>>();

async function load(path: string): Promise<AgentFunction> {
  let exported: { readonly default?: unknown };
  try {
    exported = await import(/* @vite-ignore */ pathToFileURL(path).href);
  } catch (error) {
    throw new AgentError("spawn", `cannot load the module ${path}: ${await reason(path, error)}`, { cause: error });
  }
  const run = exported.default;
  if (typeof run === "function") return run as AgentFunction;
  const found = "default" in exported ? `its default export is ${kindOf(run)}` : "it has no default export";
  throw new AgentError("spawn", `cannot load the module ${path}: ${found}; expected a function (input, context) => output`);
}

async function reason(path: string, error: unknown): Promise<string> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) return "there is no such file";
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  return error instanceof SyntaxError ? `syntax error: ${error.message}` : error.message;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
