import type { Outcome } from "../engine/durable.ts";

/**
 * What is remembered of one run: outcomes by step key, in the order of their recording.
 *
 * Contract: `append` resolves when the entry is as durable as the journal can make it; a key is appended once. Entries
 * are immutable. An `append` that rejects stops the run at once.
 */
export interface Journal {
  get(key: string): Outcome | undefined;
  append(key: string, outcome: Outcome): Promise<void> | void;
  entries(): Iterable<readonly [key: string, outcome: Outcome]>;
}

/** A journal that lives as long as the process: for `--no-store`, tests, and the library's default. */
export function createMemoryJournal(entries: Iterable<readonly [string, Outcome]> = []): Journal {
  const outcomes = new Map<string, Outcome>(entries);
  return {
    get: (key) => outcomes.get(key),
    append(key, outcome) {
      if (outcomes.has(key)) throw new Error(`the step ${key} is recorded already`);
      outcomes.set(key, outcome);
    },
    entries: () => outcomes.entries(),
  };
}
