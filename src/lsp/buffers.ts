import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readFileNow } from "../pipeline/check.ts";
import { Page } from "./page.ts";

/** The texts that are open in the editor, by the paths of their files, in front of what is on the disk. */
export class Buffers {
  readonly #cwd: string;
  readonly #open = new Map<string, Page>();

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** The path of a file; of a text that has none yet, one in the working directory that nothing else has. */
  fileOf(uri: string): string {
    try {
      if (uri.startsWith("file:")) return fileURLToPath(uri);
    } catch {
      // An address such as file://server/share, which is no file here.
    }
    return resolve(this.#cwd, encodeURIComponent(uri));
  }

  put(page: Page): void {
    this.#open.set(this.fileOf(page.uri), page);
  }

  remove(uri: string): void {
    this.#open.delete(this.fileOf(uri));
  }

  /** As the editor writes the address where the file is open. */
  uriOf(file: string): string {
    return this.#open.get(file)?.uri ?? pathToFileURL(file).href;
  }

  open(file: string): Page | null {
    return this.#open.get(file) ?? null;
  }

  /** A file as it is in the editor or on the disk; null where it cannot be read. */
  page(file: string): Page | null {
    const open = this.#open.get(file);
    if (open !== undefined) return open;
    try {
      return Page.create(pathToFileURL(file).href, "", 0, readFileSync(file, "utf8"));
    } catch {
      return null;
    }
  }

  /** The bytes of a file; rejects as reading it from the disk does. */
  async read(file: string): Promise<Uint8Array> {
    const open = this.#open.get(file);
    return open === undefined ? readFileNow(file) : new TextEncoder().encode(open.text);
  }
}

/**
 * Whether a text is a pipeline, rather than one of the many other files in TOML that an editor opens: by its name, by
 * the schema that it names, or by what every pipeline has.
 */
export function isPipeline(file: string, text: string): boolean {
  return basename(file) === "agentflow.toml" || PIPELINE.test(text);
}

const PIPELINE = /^#:schema\b.*agentflow|^[ \t]*\[*[ \t]*(?:orchestration|agents)[ \t]*[.\]]/m;
