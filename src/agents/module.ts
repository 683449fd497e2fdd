import { stat } from "node:fs/promises";
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
  const file = await stat(path).catch(() => null);
  if (file === null) return "there is no such file";
  if (file.isDirectory()) return "it is a directory";
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const stack = error.stack ?? "";
  // Where Node knows the place it stands above the message; of JavaScript it tells only who runs it.
  const place = /^(?:file:\/\/)?(\/.+:\d+)\n/.exec(stack)?.[1];
  if (place !== undefined) return `syntax error at ${place}: ${error.message}`;
  if (/ at (compileSourceTextModule|wrapSafe) /.test(stack)) return `syntax error: ${error.message}; \`node --check ${path}\` shows where`;
  return error.message;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
