import type { Outcome } from "../engine/durable.ts";
import { toJson } from "../spec/json.ts";

/**
 * What is remembered of one run: outcomes by step key, in the order of their recording.
 *
 * Contract: `append` resolves when the entry is as durable as the journal can make it; a key is appended once. Entries
 * are immutable. An `append` that rejects stops the run at once.
 */
export interface Journal {
  get(key: string): Outcome | undefined;
  append(key: string, outcome: Outcome, options?: AppendOptions): Promise<void> | void;
  entries(): Iterable<readonly [key: string, outcome: Outcome]>;
  /** Asked before anything starts: throws where nothing may be recorded any more. */
  confirm?(): void;
}

export interface AppendOptions {
  /** Whether the entry, and everything before it, has to be durable when the promise resolves. It has, unless false. */
  readonly checkpoint?: boolean;
}

/**
 * A journal that lives as long as the process: for `--no-store`, tests, and the library's default.
 *
 * @param entries of an earlier run that shall go on, also as they come out of JSON
 */
export function createMemoryJournal(entries: Iterable<readonly [string, Outcome]> = []): Journal {
  const outcomes = new Map<string, Outcome>();
  for (const [key, outcome] of entries) outcomes.set(key, toJson(outcome) as unknown as Outcome);
  return {
    get: (key) => outcomes.get(key),
    append(key, outcome) {
      if (outcomes.has(key)) throw new Error(`the step ${key} is recorded already`);
      outcomes.set(key, outcome);
    },
    entries: () => outcomes.entries(),
  };
}
