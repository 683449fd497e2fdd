import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunResult } from "../../../src/engine/result.ts";
import { replay } from "../../../src/pipeline/replay.ts";
import { readRun, recordedPlan } from "../../../src/pipeline/resume.ts";
import { systemClock } from "../../../src/store/clock.ts";
import { openStore } from "../../../src/store/sqlite.ts";
import type { Store, StoredRun } from "../../../src/store/store.ts";
import type { Place } from "./agentflow.ts";

/** Looks into a copy of a store, so that the store itself stays as its last owner left it; null where there is none. */
export async function lookInto<Result>(directory: string, look: (store: Store) => Promise<Result>): Promise<Result | null> {
  if (!existsSync(join(directory, "agentflow.db"))) return null;
  const copy = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "agentflow-look-"));
  try {
    cpSync(directory, copy, { recursive: true });
    const store = await openStore(copy, { clock: systemClock(), pid: process.pid, host: "test" });
    try {
      return await look(store);
    } finally {
      await store.close();
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** What is recorded of a run, as it is. */
export function recordedRun({ store }: Place, runId: string): Promise<StoredRun | null> {
  return lookInto(store, (opened) => opened.read(runId));
}

/** The calls whose outcome is recorded, in the words in which agents note them: `run/visit agent attempt`. */
export function recordedCalls(run: StoredRun | null): ReadonlySet<string> {
  if (run === null) return new Set();
  return new Set(
    run.entries.map(([key, { agent, attempt }]) => `${run.record.run_id}/${key.slice(0, key.lastIndexOf("!"))} ${agent} ${attempt}`),
  );
}

/** How a run ended, without what differs from one run to the next. */
export type End = Omit<RunResult, "run_id" | "session_id" | "started_at" | "ended_at" | "duration_ms" | "meta"> | null;

/** The end of a run as it is recorded; what the store says of its status as well. */
export async function recordedEnd({ store }: Place, runId: string): Promise<{ readonly status: string; readonly end: End } | null> {
  return lookInto(store, async (opened) => {
    const recorded = await readRun(opened, runId, process.env);
    const { result } = await replay(recordedPlan(recorded.record), recorded, "look");
    return { status: recorded.summary.status, end: timeless(result) };
  });
}

/** Without times and ids. */
function timeless(result: RunResult): End {
  const text = JSON.stringify(result, (key, value: unknown) => (/_ms$|_at$|_id$|^meta$/.test(key) ? undefined : value));
  return JSON.parse(text) as End;
}
