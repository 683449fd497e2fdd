import type { Outcome } from "../engine/durable.ts";
import { History } from "../engine/history.ts";
import { endKey } from "../engine/interpreter.ts";
import type { Journal } from "./journal.ts";

/** Where a run goes on. */
export interface Round {
  /** 1-based. */
  readonly round: number;
  /** What the earlier rounds left behind. */
  readonly history: History;
  /** Whether the run had been started before. */
  readonly resumed: boolean;
}

/**
 * Opens the round that comes next: a run that had ended gets a new one, a run that had died goes on in its own, where
 * what it recorded is found under the same keys.
 */
export function openRound(journal: Journal): Round {
  let round = 1;
  while (journal.get(endKey(round)) !== undefined) round += 1;
  const earlier: [string, Outcome][] = [];
  let resumed = false;
  for (const [key, outcome] of journal.entries()) {
    resumed = true;
    if (roundOf(key) < round) earlier.push([key, outcome]);
  }
  return { round, history: new History(earlier), resumed };
}

/** `outer~1/inner~1!2.1#1` → 2 */
function roundOf(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf("!") + 1), 10);
}
