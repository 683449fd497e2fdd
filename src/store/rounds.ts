import { NOT_YET, type Outcome, type Stop, WHOLE_RUN } from "../engine/durable.ts";
import { FOREIGN_ROUND, History } from "../engine/history.ts";
import { demandKey, endKey, type RollbackRound, rollbackEndKey } from "../engine/interpreter.ts";
import type { Journal } from "./journal.ts";

/** Where a run goes on. */
export interface Round {
  /** 1-based; see also `FOREIGN_ROUND`. */
  readonly round: number;
  /** What the earlier rounds left behind. */
  readonly history: History;
  /** Whether this run itself had been started before: what it took from another one is no start of its own. */
  readonly resumed: boolean;
  readonly rollback: RollbackRound;
  /** Where nothing may start any more, since the sequence has ended or shall end here: why. */
  readonly stopped: Stop | undefined;
}

type Entries = readonly (readonly [key: string, outcome: Outcome])[];

/** `resume` goes on with a run; `rollback` undoes what it had finished; `look` finds what there is. */
export type Purpose = "resume" | "rollback" | "look";

/**
 * Opens the round that comes next: a run that had failed or was being stopped gets a new one, a run that had died goes on
 * in its own, where what it recorded is found under the same keys. One that had succeeded or was undone stays as it is.
 */
export function openRound(journal: Pick<Journal, "get" | "entries">, purpose: Purpose = "resume"): Round {
  const entries = [...journal.entries()];
  const latest = entries.reduce((round, [key]) => Math.max(round, roundOf(key)), 0);
  const isRecorded = (key: string): boolean => journal.get(key) !== undefined;
  let rollback = 1;
  while (isRecorded(rollbackEndKey(latest, rollback))) rollback += 1;
  const end = journal.get(endKey(latest));
  const isUndoing = isRecorded(demandKey(latest, rollback)) || (rollback === 1 && end?.settled === null);
  const isUndone = rollback > 1 && !isUndoing;
  // Its process died before it could tell the store: there is nothing to go on with, but the end to be told.
  const isFinal = end?.settled === "succeeded" || isUndone;
  const isOver = end !== undefined || entries.some(([key, { stopped_by }]) => roundOf(key) === latest && stopped_by === WHOLE_RUN);
  const isNew = latest === 0 || (purpose === "resume" && isOver && !isUndoing && !isFinal);
  const round = isNew ? latest + 1 : latest;
  // Unless another one is asked for, it is the rollback that has ended, if one has.
  const number = isNew ? 1 : purpose === "rollback" || isUndoing ? rollback : Math.max(1, rollback - 1);
  const demanded = purpose === "rollback" || isRecorded(demandKey(round, number));
  const isPast = (key: string): boolean => roundOf(key) < round || (key.startsWith("rollback:") && rollbackOf(key) < number);
  return {
    round,
    history: new History(entries.filter(([key]) => isPast(key))),
    resumed: latest > FOREIGN_ROUND,
    rollback: { number, demanded },
    stopped: purpose === "resume" && !isUndoing && !isUndone ? undefined : stopOf(end, purpose),
  };
}

/** What was recorded up to the end of a round. */
export function entriesUpTo(round: number, entries: Entries): Entries {
  return entries.filter(([key]) => roundOf(key) <= round);
}

/** The reason that the sequence had not to go on; a reason as good as any where it went to its end. */
function stopOf(end: Outcome | undefined, purpose: Purpose): Stop {
  if (end?.failure !== undefined && end.failure !== null) return { failure: end.failure, by: end.stopped_by ?? WHOLE_RUN };
  return { failure: purpose === "rollback" ? { kind: "cancelled", message: "the run is rolled back" } : NOT_YET, by: WHOLE_RUN };
}

/** `outer~1/inner~1!2.1#1` → 2 */
function roundOf(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf("!") + 1), 10);
}

/** `rollback:stage~1!2.3#1` → 3 */
function rollbackOf(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf("!") + 1).split(".")[1] ?? "1", 10);
}
