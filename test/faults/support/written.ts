import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Outcome } from "../../../src/engine/durable.ts";
import { systemClock } from "../../../src/store/clock.ts";
import { openStore } from "../../../src/store/sqlite.ts";
import type { RunRecord, Store } from "../../../src/store/store.ts";
import { chanceOf } from "../../engine/simulation/chance.ts";

/** What a writer has been told to be safe. */
export interface Acknowledged {
  readonly runs: Readonly<Record<string, { readonly entries: number; readonly ended: boolean }>>;
  readonly shared: number;
}

export const NOTHING: Acknowledged = { runs: {}, shared: 0 };
const RUNS = ["one", "two", "three"];

export function recordOf(id: string): RunRecord {
  return {
    run_id: id,
    pipeline_id: "p",
    session_id: "s",
    started_at: 0,
    source: { file: null, directory: "/", spec: {} } as unknown as RunRecord["source"],
    input: { id },
    meta: {},
    functions: [],
    secrets: [],
    parent: null,
  };
}

export function keyOf(index: number): string {
  return `stage~${index + 1}!1#1`;
}

const outcomes = new Map<string, Outcome>();

/** Another one for each run and index, which cannot be made much smaller. */
export function outcomeOf(id: string, index: number, bytes: number): Outcome {
  const name = `${id} ${index} ${bytes}`;
  const outcome = outcomes.get(name) ?? makeOutcome(id, index, bytes);
  outcomes.set(name, outcome);
  return outcome;
}

function makeOutcome(id: string, index: number, bytes: number): Outcome {
  const chance = chanceOf(index + id.length * 1000);
  let value = "";
  while (value.length < bytes) value += chance.below(2 ** 31).toString(36);
  return {
    status: "succeeded",
    settled: "succeeded",
    agent: "a",
    attempt: 1,
    ended_at: index,
    duration_ms: 0,
    wrote: { id, index, value },
    bare: false,
    failure: null,
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  };
}

/** Makes a store's directory anew, has it filled, and looks at what is in it. Returns what is not as it was promised. */
export async function check(fill: (folder: string) => void, acknowledged: Acknowledged, valueBytes: number): Promise<string[]> {
  const place = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "agentflow-power-"));
  try {
    fill(place);
    mkdirSync(join(place, "store"), { recursive: true });
    return await problemsIn(join(place, "store"), acknowledged, valueBytes);
  } catch (error) {
    return [`it cannot be used: ${(error as Error).message}`];
  } finally {
    rmSync(place, { recursive: true });
  }
}

async function problemsIn(directory: string, acknowledged: Acknowledged, valueBytes: number): Promise<string[]> {
  const problems: string[] = [];
  const counts = await withStore(directory, async (store) => {
    const found = await Promise.all(RUNS.map((id) => entriesOf(store, id, valueBytes)));
    const shared = (await store.shared.list()).find(([name]) => name === "count")?.[1] ?? 0;
    if (shared !== acknowledged.shared && (acknowledged.shared > 0 || shared !== 1))
      problems.push(`the shared value is ${JSON.stringify(shared)}`);
    for (const [index, id] of RUNS.entries()) {
      const { entries, garbage, status } = found[index] ?? { entries: null, garbage: [], status: null };
      problems.push(...garbage);
      const promised = acknowledged.runs[id];
      if (promised === undefined) continue;
      if (entries === null) problems.push(`the run ${id} is gone`);
      else if (entries < promised.entries) problems.push(`of the run ${id}, ${entries} of ${promised.entries} entries are left`);
      else if (promised.ended && status !== "failed" && entries === promised.entries) problems.push(`the end of the run ${id} is gone`);
      else await goOn(store, id, entries, valueBytes);
    }
    return found.map(({ entries }) => entries);
  });
  // What was written after the loss is there as well, and nothing else.
  await withStore(directory, async (store) => {
    for (const [index, id] of RUNS.entries()) {
      if (acknowledged.runs[id] === undefined) continue;
      const before = counts[index] ?? 0;
      const { entries, garbage } = await entriesOf(store, id, valueBytes);
      problems.push(...garbage);
      if (entries !== before + 1) problems.push(`the run ${id} went on, from ${before} entries to ${entries}`);
    }
  });
  return problems;
}

async function withStore<Result>(directory: string, use: (store: Store) => Promise<Result>): Promise<Result> {
  const store = await openStore(directory, { clock: systemClock(), pid: process.pid, host: "test" });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function goOn(store: Store, id: string, index: number, valueBytes: number): Promise<void> {
  const run = await store.acquire(id);
  await run.append(keyOf(index), outcomeOf(id, index, valueBytes));
  await run.release();
}

/** How many entries there are; each has to be the one that was written in its place. */
async function entriesOf(
  store: Store,
  id: string,
  valueBytes: number,
): Promise<{ readonly entries: number | null; readonly garbage: string[]; readonly status: string | null }> {
  const run = await store.read(id);
  if (run === null) return { entries: null, garbage: [], status: null };
  const garbage = run.entries.flatMap(([key, outcome], index) =>
    key === keyOf(index) && isDeepStrictEqual({ ...outcome }, outcomeOf(id, index, valueBytes))
      ? []
      : [`entry ${index} of the run ${id} is another`],
  );
  if (!isDeepStrictEqual(run.record, recordOf(id))) garbage.push(`the record of the run ${id} is another`);
  return { entries: run.entries.length, garbage, status: run.summary.status };
}
