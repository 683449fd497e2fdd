import { WHOLE_RUN } from "../engine/durable.ts";
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
 * Opens the round that comes next: a run that had ended or was being stopped gets a new one, a run that had died goes on
 * in its own, where what it recorded is found under the same keys.
 */
export function openRound(journal: Journal): Round {
  const entries = [...journal.entries()];
  const latest = entries.reduce((round, [key]) => Math.max(round, roundOf(key)), 1);
  const isOver =
    journal.get(endKey(latest)) !== undefined ||
    entries.some(([key, { stopped_by }]) => roundOf(key) === latest && stopped_by === WHOLE_RUN);
  const round = isOver ? latest + 1 : latest;
  return { round, history: new History(entries.filter(([key]) => roundOf(key) < round)), resumed: entries.length > 0 };
}

/** `outer~1/inner~1!2.1#1` → 2 */
function roundOf(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf("!") + 1), 10);
}
