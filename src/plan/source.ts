import { dirname, resolve } from "node:path";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { readSpec } from "../spec/read.ts";
import type { PipelineSpec } from "../spec/spec.ts";
import { decodeText } from "../spec/toml.ts";
import type { PlanSource } from "./plan.ts";

/** Reads a file as bytes; rejects with an error that has a `code` such as ENOENT. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** The documents that were read, by absolute path: diagnostics are located in them. */
export type Documents = Map<string, string>;

/** A source, where the file could be read at all, and every problem of form in it and in what it refers to. */
export interface LoadedSource {
  readonly source: PlanSource | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly documents: Documents;
}

/** Thrown where the pipeline file itself cannot be read. The message is for a person. */
export class UnreadableFileError extends Error {
  override name = "UnreadableFileError";
}

/**
 * Reads a pipeline file and all that it refers to: prompt files and nested pipelines.
 *
 * @throws UnreadableFileError when the file does not exist or cannot be read
 */
export async function loadSource(file: string, readFile: ReadFile): Promise<LoadedSource> {
  return loadText(await readPipeline(file, readFile), file, readFile);
}

/** The same for a text that is there already (standard input, an editor's buffer). */
export async function loadText(bytes: Uint8Array, file: string, readFile: ReadFile): Promise<LoadedSource> {
  const loader = new Loader(readFile);
  const source = await loader.parse(bytes, file, [file]);
  return { source, diagnostics: loader.diagnostics, documents: loader.documents };
}

/** The same for a definition given in code; its paths are relative to `directory`. */
export async function loadSpec(spec: PipelineSpec, directory: string, readFile: ReadFile): Promise<LoadedSource> {
  const loader = new Loader(readFile);
  const source = await loader.complete(spec, null, directory, []);
  return { source, diagnostics: loader.diagnostics, documents: loader.documents };
}

/** Why a file could not be read, in words. */
export function readProblem(file: string, error: unknown): string {
  const code = (error as { code?: string }).code;
  switch (code) {
    case "ENOENT":
      return `there is no file ${file}`;
    case "EISDIR":
      return `${file} is a directory, not a file`;
    case "EACCES":
      return `${file} cannot be read: permission denied`;
    default:
      return `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

class Loader {
  readonly diagnostics: Diagnostic[] = [];
  readonly documents: Documents = new Map();
  readonly #readFile: ReadFile;

  constructor(readFile: ReadFile) {
    this.#readFile = readFile;
  }

  async parse(bytes: Uint8Array, file: string, chain: readonly string[]): Promise<PlanSource | null> {
    const decoded = decodeText(bytes);
    this.documents.set(file, decoded.text);
    if (decoded.diagnostic !== undefined) {
      this.diagnostics.push({ ...decoded.diagnostic, file });
      return null;
    }
    const { spec, diagnostics } = readSpec(decoded.text, file);
    this.diagnostics.push(...diagnostics);
    return spec === null ? null : this.complete(spec, file, dirname(file), chain);
  }

  async complete(spec: PipelineSpec, file: string | null, directory: string, chain: readonly string[]): Promise<PlanSource> {
    const texts: Record<string, string> = {};
    const pipelines: Record<string, PlanSource> = {};
    for (const [name, agent] of Object.entries(spec.agents ?? {})) {
      const at = (key: string): Pick<Diagnostic, "file" | "path"> => ({ ...(file === null ? {} : { file }), path: ["agents", name, key] });
      if (agent.prompt_file !== undefined) {
        const path = resolve(directory, agent.prompt_file);
        const text = await this.#text(path, at("prompt_file"));
        if (text !== null) texts[path] = text;
      }
      if (agent.file !== undefined) {
        const path = resolve(directory, agent.file);
        const nested = await this.#nested(path, at("file"), chain);
        if (nested !== null) pipelines[path] = nested;
      }
    }
    return { file, directory, spec, texts, pipelines };
  }

  async #text(path: string, at: Pick<Diagnostic, "file" | "path">): Promise<string | null> {
    try {
      const decoded = decodeText(await this.#readFile(path));
      if (decoded.diagnostic === undefined) return decoded.text;
      this.diagnostics.push({ severity: "error", code: "unreadable-file", message: `${path} is not a text in UTF-8`, ...at });
    } catch (error) {
      this.diagnostics.push({ severity: "error", code: "unreadable-file", message: readProblem(path, error), ...at });
    }
    return null;
  }

  async #nested(path: string, at: Pick<Diagnostic, "file" | "path">, chain: readonly string[]): Promise<PlanSource | null> {
    if (chain.includes(path)) {
      const cycle = [...chain.slice(chain.indexOf(path)), path].map((file) => file.slice(file.lastIndexOf("/") + 1)).join(" → ");
      this.diagnostics.push({ severity: "error", code: "pipeline-cycle", message: `this pipeline contains itself: ${cycle}`, ...at });
      return null;
    }
    try {
      return await this.parse(await this.#readFile(path), path, [...chain, path]);
    } catch (error) {
      this.diagnostics.push({ severity: "error", code: "unreadable-file", message: readProblem(path, error), ...at });
      return null;
    }
  }
}

async function readPipeline(file: string, readFile: ReadFile): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UnreadableFileError(readProblem(file, error), { cause: error });
  }
}
