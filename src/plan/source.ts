import { basename, dirname, resolve } from "node:path";
import type { Diagnostic, Path } from "../spec/diagnostic.ts";
import { checkDefinition, readSpec, type ReadResult } from "../spec/read.ts";
import type { PipelineSpec } from "../spec/spec.ts";
import { decodeText } from "../spec/toml.ts";
import type { PlanCode } from "./codes.ts";
import { helpForEscapes } from "./escaped-path.ts";
import { tellingOf, templateIn } from "./misplaced.ts";
import { type ListNames, nearFile } from "./near-file.ts";
import type { PlanSource } from "./plan.ts";

/** Reads a file as bytes; rejects with an error that has a `code` such as ENOENT. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** The documents that were read, by absolute path: diagnostics are located in them. */
export type Documents = Map<string, string>;

/** The places in each file that could not be taken as they are written; null: in a definition given in code. */
export type Doubts = ReadonlyMap<string | null, readonly Path[]>;

/**
 * A source, where the file could be read at all, and every problem of form in it and in what it refers to.
 *
 * Where there are problems, the source is what can be made of the file all the same, so that the rest can be checked.
 */
export interface LoadedSource {
  readonly source: PlanSource | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly documents: Documents;
  readonly doubts: Doubts;
}

/** Thrown where the pipeline file itself cannot be read. The message is for a person. */
export class UnreadableFileError extends Error {
  override name = "UnreadableFileError";
}

/**
 * Reads a pipeline file and all that it refers to: prompt files and nested pipelines.
 *
 * @param list names what is beside a file that is not there, to find the one that was meant
 * @param readPipeline reads the pipeline file itself
 * @throws UnreadableFileError when the file does not exist or cannot be read
 */
export async function loadSource(
  file: string,
  readFile: ReadFile,
  list?: ListNames,
  readPipeline: ReadFile = readFile,
): Promise<LoadedSource> {
  return loadText(await readOrRefuse(file, readPipeline), file, readFile, list);
}

/** The same for a text that is there already (standard input, an editor's buffer). */
export async function loadText(bytes: Uint8Array, file: string, readFile: ReadFile, list?: ListNames): Promise<LoadedSource> {
  const loader = new Loader(readFile, list);
  return loader.loaded(await loader.parse(bytes, file, [file]));
}

/** The same for a definition given in code; its paths are relative to `directory`. */
export async function loadDefinition(definition: unknown, directory: string, readFile: ReadFile, list?: ListNames): Promise<LoadedSource> {
  const loader = new Loader(readFile, list);
  return loader.loaded(await loader.take(checkDefinition(definition), null, directory, []));
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
  readonly #diagnostics: Diagnostic[] = [];
  readonly #documents: Documents = new Map();
  readonly #doubts = new Map<string | null, readonly Path[]>();
  /** A file that two agents name is read once. */
  readonly #texts = new Map<string, string>();
  readonly #pipelines = new Map<string, PlanSource | null>();
  readonly #readFile: ReadFile;
  readonly #list: ListNames;

  constructor(readFile: ReadFile, list: ListNames = async () => []) {
    this.#readFile = readFile;
    this.#list = list;
  }

  loaded(source: PlanSource | null): LoadedSource {
    return { source, diagnostics: this.#diagnostics, documents: this.#documents, doubts: this.#doubts };
  }

  async parse(bytes: Uint8Array, file: string, chain: readonly string[]): Promise<PlanSource | null> {
    const { text, diagnostic } = decodeText(bytes);
    this.#documents.set(file, text);
    if (diagnostic === undefined) return this.take(readSpec(text, file), file, dirname(file), chain);
    this.#diagnostics.push({ ...diagnostic, file });
    return null;
  }

  async take(read: ReadResult, file: string | null, directory: string, chain: readonly string[]): Promise<PlanSource | null> {
    this.#diagnostics.push(...read.diagnostics);
    const spec = read.spec ?? read.draft?.spec;
    if (read.draft !== undefined) this.#doubts.set(file, read.draft.doubtful);
    return spec === undefined ? null : this.#complete(spec, file, directory, chain);
  }

  async #complete(spec: PipelineSpec, file: string | null, directory: string, chain: readonly string[]): Promise<PlanSource> {
    const texts: Record<string, string> = {};
    const pipelines: Record<string, PlanSource> = {};
    for (const [name, agent] of Object.entries(spec.agents ?? {})) {
      const at = (key: string): At => ({ file, directory, path: ["agents", name, key] });
      if (agent.prompt_file !== undefined) {
        const path = resolve(directory, agent.prompt_file);
        const text = await this.#text(path, agent.prompt_file, at("prompt_file"));
        if (text !== null) texts[path] = text;
      }
      if (agent.file !== undefined) {
        const path = resolve(directory, agent.file);
        const nested = await this.#nested(path, agent.file, at("file"), chain);
        if (nested !== null) pipelines[path] = nested;
      }
    }
    return { file, directory, spec, texts, pipelines };
  }

  async #text(path: string, written: string, at: At): Promise<string | null> {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const bytes = await this.#read(path, written, at);
    if (bytes === null) return null;
    const { text, diagnostic } = decodeText(bytes);
    if (diagnostic !== undefined) {
      this.#tell("unreadable-file", `${written} is not a text in UTF-8`, at, { help: "is this the right file? If so, save it as UTF-8" });
      return null;
    }
    this.#documents.set(path, text);
    this.#texts.set(path, text);
    return text;
  }

  async #nested(path: string, written: string, at: At, chain: readonly string[]): Promise<PlanSource | null> {
    if (chain.includes(path)) {
      const circle = [...chain.slice(chain.indexOf(path)), path].map((file) => basename(file)).join(" → ");
      this.#tell("pipeline-cycle", `this pipeline contains itself: ${circle}`, at, {
        help: "a run of it would never end; name another file",
      });
      return null;
    }
    let nested = this.#pipelines.get(path);
    if (nested !== undefined) return nested;
    const bytes = await this.#read(path, written, at);
    nested = bytes === null ? null : await this.parse(bytes, path, [...chain, path]);
    if (bytes !== null) this.#pipelines.set(path, nested);
    return nested;
  }

  async #read(path: string, written: string, at: At): Promise<Uint8Array | null> {
    try {
      return await this.#readFile(path);
    } catch (error) {
      const misplaced = templateIn(written);
      if (misplaced !== null) {
        const { message, help } = tellingOf(String(at.path.at(-1)));
        this.#tell("not-a-template", message, at, { at: misplaced.at, help });
        return null;
      }
      const isMissing = (error as { code?: string }).code === "ENOENT";
      const near = isMissing ? await nearFile(written, at.path, at.directory, this.#list) : null;
      this.#tell(
        "unreadable-file",
        readProblem(written, error),
        at,
        helpForEscapes(written) ?? near ?? { help: "a path is relative to the pipeline file" },
      );
      return null;
    }
  }

  #tell(code: PlanCode, message: string, { file, path }: At, more: Pick<Diagnostic, "at" | "help" | "fix">): void {
    // A name of a file that could not be taken as it is written has been told.
    if (this.#doubts.get(file)?.some((doubt) => doubt.every((part, index) => path[index] === part)) === true) return;
    this.#diagnostics.push({ severity: "error", code, message, ...(file === null ? {} : { file }), path, ...more });
    this.#doubts.set(file, [...(this.#doubts.get(file) ?? []), path]);
  }
}

/** Where a file is named. */
interface At {
  readonly file: string | null;
  readonly directory: string;
  readonly path: Path;
}

async function readOrRefuse(file: string, readFile: ReadFile): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UnreadableFileError(readProblem(file, error), { cause: error });
  }
}
