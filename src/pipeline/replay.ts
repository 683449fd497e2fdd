import type { Clock } from "../engine/clock.ts";
import { NOT_YET, type Outcome, WHOLE_RUN } from "../engine/durable.ts";
import type { RunEvent } from "../engine/event.ts";
import { interpret } from "../engine/interpreter.ts";
import type { RunResult } from "../engine/result.ts";
import type { Undoable } from "../engine/undoable.ts";
import { canUndo } from "../plan/checks/handlers.ts";
import type { Plan } from "../plan/plan.ts";
import { createMemoryJournal } from "../store/journal.ts";
import { createLocalDurable } from "../store/local.ts";
import { createSharedValues } from "../store/shared-values.ts";
import { entriesUpTo, openRound, type Purpose } from "../store/rounds.ts";
import type { RunRecord } from "../store/store.ts";

/** What is recorded of a run, with its secrets filled in or masked. */
export interface Recorded {
  readonly record: Pick<RunRecord, "run_id" | "session_id" | "input" | "meta" | "started_at">;
  readonly entries: Iterable<readonly [key: string, outcome: Outcome]>;
}

/** What a run has recorded, gone through once more by the interpreter without calling anything. */
export interface Replay {
  /** As far as it came. What had not ended is `cancelled` there. */
  readonly result: RunResult;
  /** Every event that the recorded outcomes give, with its data. */
  readonly events: readonly RunEvent[];
}

/**
 * Goes through what is recorded of a run.
 *
 * @param purpose `look`: as it is; `resume`, `rollback`: as far as these would take it over
 */
export async function replay(plan: Plan, recorded: Recorded, purpose: Purpose): Promise<Replay> {
  const { round } = openRound(createMemoryJournal(recorded.entries), purpose);
  return goThrough(plan, recorded, purpose, await undoableBefore(round, plan, recorded));
}

/**
 * What the rounds before this one had finished that can be undone. The present one need not come to all of it: with
 * `fail_fast = false` a later stage may have finished although it was stopped at an earlier one since.
 */
export async function undoableBefore(round: number, plan: Plan, { record, entries }: Recorded): Promise<Undoable[]> {
  const undoable: Undoable[] = [];
  if (round === 1 || !canUndo([...plan.agents.values()])) return undoable;
  const all = [...entries];
  for (let past = 1; past < round; past += 1) await goThrough(plan, { record, entries: entriesUpTo(past, all) }, "look", undoable);
  return undoable;
}

async function goThrough(plan: Plan, { record, entries }: Recorded, purpose: Purpose, undoable: Undoable[]): Promise<Replay> {
  const journal = createMemoryJournal(entries);
  const { stopped, ...round } = openRound(journal, purpose);
  const events: RunEvent[] = [];
  const { durable, close } = createLocalDurable({
    runId: record.run_id,
    journal,
    clock: clockAt(record.started_at),
    random: () => 0,
    timeoutMs: null,
    graceMs: 0,
    shared: createSharedValues(),
    stopped: stopped ?? { failure: NOT_YET, by: WHOLE_RUN },
    tellsPast: true,
    onEvent: async (event) => void events.push(event),
  });
  const agents = { call: () => Promise.reject(new Error("nothing is called where a run is only looked at")) };
  const { session_id: sessionId, input, meta, started_at: startedAt } = record;
  const result = await interpret({ plan, input, sessionId, meta, startedAt, durable, agents, warnings: [], undoable, ...round });
  close();
  return { result, events };
}

function clockAt(ms: number): Clock {
  return { now: () => ms, elapsed: () => 0, after: () => () => {}, turn: () => Promise.resolve() };
}
