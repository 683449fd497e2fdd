import type { Outcome } from "./durable.ts";

/** How a visit to an element ended in an earlier round. */
export interface PastVisit {
  /** Its place in the order of all records. */
  readonly position: number;
  /** The attempts of that round; the last one settled it. */
  readonly outcomes: readonly Outcome[];
  readonly settled: Outcome;
  /** Whether another run recorded it, perhaps of another version of the file: then where the run goes from here is decided anew. */
  readonly isForeign: boolean;
}

/** The round of what was taken from another run. */
export const FOREIGN_ROUND = 0;

/**
 * What earlier rounds of a run left behind, by visit (`group/member~2`).
 *
 * Contract: only the latest settlement of a visit is known, since an older one saw a state that is gone. Whether it may
 * be taken over is the interpreter's decision: positions must increase along a sequence.
 */
export class History {
  #visits = new Map<string, PastVisit>();
  #open = new Map<string, Outcome[]>();
  #position = 0;

  /** @param entries recorded outcomes by step key, in the order of their recording */
  constructor(entries: Iterable<readonly [key: string, outcome: Outcome]> = []) {
    for (const [key, outcome] of entries) this.add(key, outcome);
  }

  add(key: string, outcome: Outcome): void {
    this.#position += 1;
    const visit = key.slice(0, key.lastIndexOf("!"));
    const round = key.slice(0, endOfRound(key));
    const outcomes = this.#open.get(round) ?? [];
    outcomes.push(outcome);
    if (outcome.settled === null) {
      this.#open.set(round, outcomes);
      return;
    }
    this.#open.delete(round);
    const isForeign = Number.parseInt(key.slice(visit.length + 1), 10) === FOREIGN_ROUND;
    this.#visits.set(visit, { position: this.#position, outcomes, settled: outcome, isForeign });
  }

  /** How many records there are; what is added later has a higher position. */
  get position(): number {
    return this.#position;
  }

  get(visit: string): PastVisit | undefined {
    return this.#visits.get(visit);
  }
}

/** `stage~1!2@backup#3` → the end of `stage~1!2`. */
function endOfRound(key: string): number {
  const start = key.lastIndexOf("!");
  const end = key.slice(start).search(/[@#]/);
  return end === -1 ? key.length : start + end;
}
