import { join } from "node:path";
import type { Clock } from "../../src/engine/clock.ts";
import type { RunEnd, RunOwner, Store } from "../../src/store/store.ts";
import { recordOf } from "../../src/store/contract-samples.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { stillClock } from "./still-clock.ts";

/** A clock that stands still at another time. */
export function clockAt(now: number): Clock {
  return { ...stillClock(), now: () => now };
}

/** The store of a folder, as another process sees it. */
export function storeIn(folder: string, owner: RunOwner = { pid: 4242, host: "there" }): Promise<Store> {
  return openStore(join(folder, ".agentflow"), { clock: stillClock(), ...owner });
}

/** Does something with it, and closes it. */
export async function withStoreIn<Result>(folder: string, work: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await storeIn(folder);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A run of which nothing but its beginning and its end is kept. */
export interface Kept {
  readonly id: string;
  readonly startedAt: number;
  readonly pipeline?: string;
  readonly parent?: { readonly run_id: string; readonly from: string };
  /** Absent: it was interrupted. */
  readonly end?: Partial<RunEnd>;
}

export async function keep(store: Store, { id, startedAt, pipeline = "report", parent = null as never, end }: Kept): Promise<void> {
  const run = await store.create(recordOf(id, { started_at: startedAt, pipeline_id: pipeline, parent: parent ?? null }));
  if (end !== undefined) await run.end({ status: "succeeded", ended_at: startedAt + 1000, stopped_at: null, result: null, ...end });
  await run.release();
}

/**
 * A copy of a run as it was earlier: with the first of its outcomes, and the first of its events. Whoever gets it drives it
 * until it is released.
 */
export async function earlier(store: Store, from: string, id: string, { entries, events }: { entries: number; events: number }) {
  const stored = await store.read(from);
  if (stored === null) throw new Error(`there is no run ${from}`);
  const run = await store.create({ ...stored.record, run_id: id });
  for (const [key, outcome] of stored.entries.slice(0, entries)) await run.append(key, outcome);
  let kept = 0;
  for await (const event of store.events(from)) {
    if (kept === events) break;
    run.keepEvent({ ...event, run_id: id });
    kept += 1;
  }
  return run;
}
