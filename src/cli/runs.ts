import { endSurvivors } from "../agents/process.ts";
import { KILL_AFTER_MS } from "../pipeline/run.ts";
import { localTime } from "../report/local-time.ts";
import { isoTime, runJson, runsTable, runText, type ShownStatus, shownStatus } from "../report/runs.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { parseDuration } from "../spec/duration.ts";
import { formatSize } from "../spec/size.ts";
import { type RunSummary, type Store, StoreError } from "../store/store.ts";
import { shownPath } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";
import { findRun, stateDirectory, type StoreFlags, withStore, withStoreIfAny } from "./store.ts";

/** As commander hands them over. */
export interface RunsFlags extends StoreFlags {
  readonly json?: boolean;
  readonly status?: ShownStatus;
  readonly limit?: string;
  readonly color: boolean;
}

/** `agentflow runs`: what is in the store, newest first. Where there is no store, none is made. */
export async function runs(io: Io, flags: RunsFlags): Promise<number> {
  const limit = flags.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--limit", flags.limit, 1);
  const all = await withStoreIfAny(io, flags, async (store) => (store === null ? [] : store.list()));
  const fitting = all.filter((run) => flags.status === undefined || shownStatus(run) === flags.status);
  const shown = fitting.slice(0, limit);
  if (flags.json === true) {
    io.stdout.write(`${JSON.stringify(shown.map(runJson), null, 2)}\n`);
    return EXIT.ok;
  }
  if (all.length === 0) {
    const where = shownPath(io, stateDirectory(io, flags));
    io.stderr.write(`agentflow: no run is kept in ${where} yet; \`agentflow run FILE\` keeps what it does there\n`);
  } else if (shown.length === 0) {
    io.stderr.write(`agentflow: none of the ${all.length} runs is ${flags.status}\n`);
  } else {
    const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
    const columns = io.stdout.isTTY ? io.stdout.columns : 0;
    const ids = all.map(({ run_id }) => run_id);
    io.stdout.write(`${runsTable(shown, { palette, columns, nowMs: io.clock.now(), time: localTime(io.env.TZ), ids })}\n`);
  }
  return EXIT.ok;
}

/** `agentflow runs rm`: all of them are found, and nobody drives one, before the first is removed. */
export async function removeRuns(io: Io, given: readonly string[], flags: StoreFlags): Promise<number> {
  return withStore(io, flags, async (store) => {
    const found = new Map<string, RunSummary>();
    for (const one of given) {
      const run = await findRun(store, one);
      found.set(run.run_id, run);
    }
    for (const { run_id, owner } of found.values())
      if (owner !== null)
        throw new UsageError(`the run ${run_id} is driven by process ${owner.pid} on ${owner.host}; stop it first. Nothing was removed`);
    for (const run of found.values()) {
      await removeWhole(store, run.run_id);
      io.stdout.write(`removed ${runText(run)}\n`);
    }
    return EXIT.ok;
  });
}

/** As commander hands them over. */
export interface PruneFlags extends StoreFlags {
  readonly olderThan?: string;
  readonly keep?: string;
  readonly dryRun?: boolean;
}

/** `agentflow runs prune`: removes the runs that every flag lets go, but none that a process drives. */
export async function pruneRuns(io: Io, flags: PruneFlags): Promise<number> {
  if (flags.olderThan === undefined && flags.keep === undefined)
    throw new UsageError("say what to remove: --older-than 30d, --keep 100, or both");
  const beforeMs = flags.olderThan === undefined ? Number.POSITIVE_INFINITY : io.clock.now() - ageOf(flags.olderThan);
  const keep = flags.keep === undefined ? 0 : wholeNumber("--keep", flags.keep, 0);
  return withStore(io, flags, async (store) => {
    const all = await store.list();
    const doomed = all.slice(keep).filter(({ started_at, ended_at, owner }) => owner === null && (ended_at ?? started_at) < beforeMs);
    const removed: RunSummary[] = [];
    for (const run of doomed) {
      if (flags.dryRun !== true && !(await isRemoved(store, run))) continue;
      removed.push(run);
      io.stdout.write(`${flags.dryRun === true ? "would remove" : "removed"} ${runText(run)}, started ${isoTime(run.started_at)}\n`);
    }
    const bytes = removed.reduce((sum, run) => sum + run.bytes, 0);
    const total = removed.length === 0 ? "nothing" : `${removed.length} of ${all.length} runs, ${formatSize(bytes)}`;
    io.stderr.write(`agentflow: ${flags.dryRun === true ? "would remove" : "removed"} ${total}\n`);
    return EXIT.ok;
  });
}

/** Whether this removed it: another process may have taken hold of it since, or removed it. */
async function isRemoved(store: Store, { run_id }: RunSummary): Promise<boolean> {
  try {
    await removeWhole(store, run_id);
    return true;
  } catch (error) {
    if (error instanceof StoreError && (error.code === "owned" || error.code === "unknown")) return false;
    throw error;
  }
}

/** Removes a run with the processes of it that outlived their owner: nobody could find them any more. */
async function removeWhole(store: Store, runId: string): Promise<void> {
  const run = await store.acquire(runId).catch((error: unknown) => {
    // What cannot be read can be removed all the same.
    if (error instanceof StoreError && error.code === "damaged") return null;
    throw error;
  });
  if (run !== null) {
    await endSurvivors(run.processes, KILL_AFTER_MS);
    await run.release();
  }
  await store.remove(runId);
}

function ageOf(text: string): number {
  const parsed = parseDuration(text, { none: false });
  if ("problem" in parsed) throw new UsageError(`--older-than: ${parsed.problem}`);
  return parsed.ms ?? 0;
}

/** @throws UsageError */
function wholeNumber(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`${flag} takes a whole number from ${least} on, not \`${text}\``);
}
