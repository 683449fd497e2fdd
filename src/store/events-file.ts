import { closeSync, copyFileSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Stamped } from "../engine/event.ts";
import { frozenCopy, NotAsWrittenError } from "./codec.ts";

const NEWLINE = 10;
const CHUNK_BYTES = 1 << 16;

/** The events of a run that this process drives: one line each, in a file that only grows. */
export class EventsFile {
  /** How many events are kept. */
  count: number;
  #bytes: number;
  /** null: nothing is kept any more. */
  #descriptor: number | null;

  /**
   * Goes on with what is there, without the torn line of an owner that died while it wrote.
   *
   * @param options.anew the owner before may be alive and have the file open: what it still writes goes into one that nobody reads
   */
  constructor(folder: string, options: { readonly anew: boolean }) {
    const path = eventsPath(folder);
    if (options.anew && existsSync(path)) {
      copyFileSync(path, `${path}.new`);
      renameSync(`${path}.new`, path);
    }
    this.#descriptor = openSync(path, "a+", 0o600);
    const { lines, bytes } = measureLines(this.#descriptor);
    if (bytes < fstatSync(this.#descriptor).size) ftruncateSync(this.#descriptor, bytes);
    this.count = lines;
    this.#bytes = bytes;
  }

  /** After one that could not be written, none is: what is kept is always a beginning. */
  keep(event: Stamped): void {
    if (this.#descriptor === null) return;
    try {
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      for (let written = 0; written < line.length; ) written += writeSync(this.#descriptor, line, written);
      this.#bytes += line.length;
      this.count += 1;
    } catch {
      this.#giveUp(this.#descriptor);
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #giveUp(descriptor: number): void {
    this.#descriptor = null;
    try {
      ftruncateSync(descriptor, this.#bytes);
      closeSync(descriptor);
    } catch {
      // What is left of the line has no end, and so nobody reads it.
    }
  }
}

/** Reads the events of a run as they come. */
export class EventsReader {
  readonly #path: string;
  #offset = 0;
  #line = 0;

  constructor(folder: string) {
    this.#path = eventsPath(folder);
  }

  /** Those since the last call. @throws NotAsWrittenError */
  *more(): Generator<Stamped> {
    if (!existsSync(this.#path)) return;
    const descriptor = openSync(this.#path, "r");
    try {
      for (const line of wholeLines(descriptor, this.#offset)) {
        this.#offset += line.length + 1;
        this.#line += 1;
        yield this.#parse(line.toString());
      }
    } finally {
      closeSync(descriptor);
    }
  }

  #parse(line: string): Stamped {
    try {
      return frozenCopy(JSON.parse(line) as Stamped);
    } catch (error) {
      throw new NotAsWrittenError(`line ${this.#line} of ${this.#path} is no event`, { cause: error });
    }
  }
}

function eventsPath(folder: string): string {
  return join(folder, "events.ndjson");
}

function measureLines(descriptor: number): { lines: number; bytes: number } {
  let lines = 0;
  let bytes = 0;
  for (const line of wholeLines(descriptor, 0)) {
    lines += 1;
    bytes += line.length + 1;
  }
  return { lines, bytes };
}

/** Lines that have an end; none from the first zero byte on, which is what a dead machine leaves of bytes that it had not written. */
function* wholeLines(descriptor: number, offset: number): Generator<Buffer> {
  let parts: Buffer[] = [];
  for (let position = offset; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
    if (length === 0) return;
    position += length;
    const zero = chunk.subarray(0, length).indexOf(0);
    let rest = chunk.subarray(0, zero === -1 ? length : zero);
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      yield Buffer.concat([...parts, rest.subarray(0, end)]);
      parts = [];
      rest = rest.subarray(end + 1);
    }
    if (zero !== -1) return;
    parts.push(rest);
  }
}
