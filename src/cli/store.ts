import { statSync } from "node:fs";
import { resolve } from "node:path";
import { oneLine } from "../report/sanitise.ts";
import { Layout } from "../store/layout.ts";
import { openStore } from "../store/sqlite.ts";
import type { RunSummary, Store } from "../store/store.ts";
import { shownPath } from "./diagnostics.ts";
import { type Io, UsageError } from "./io.ts";

/** What every command on the store takes, as commander hands it over. */
export interface StoreFlags {
  readonly stateDir?: string;
}

/** Where runs are remembered, unless it is said otherwise; in the working directory. */
const STATE_DIRECTORY = ".agentflow";

/** How many runs are named to whoever gave an id that fits none, or several. */
const MOST_CANDIDATES = 10;

/** The directory of the store: `--state-dir`, AGENTFLOW_STATE_DIR, or `.agentflow` here. An absolute path. */
export function stateDirectory(io: Io, { stateDir }: StoreFlags): string {
  if (stateDir === "") throw new UsageError("--state-dir names no directory");
  const fromEnvironment = io.env.AGENTFLOW_STATE_DIR ?? "";
  return resolve(io.cwd, stateDir ?? (fromEnvironment === "" ? STATE_DIRECTORY : fromEnvironment));
}

/** Opens the store of a command that runs something, and makes it where there is none. @throws StoreError */
export function openStateStore(io: Io, flags: StoreFlags): Promise<Store> {
  const { clock, pid, host } = io;
  return openStore(stateDirectory(io, flags), { clock, pid, host });
}

/** Does something with the store, and closes it; nothing is made where there is none. @throws UsageError, StoreError */
export async function withStore<Result>(io: Io, flags: StoreFlags, work: (store: Store) => Promise<Result>): Promise<Result> {
  return withStoreIfAny(io, flags, async (store) => {
    if (store !== null) return work(store);
    throw new UsageError(`there is no store at ${shownPath(io, stateDirectory(io, flags))}${NO_STORE_HINT}`);
  });
}

const NO_STORE_HINT = "; `agentflow run` makes one, and --state-dir names another one";

/** The same; null where there is no store. */
export async function withStoreIfAny<Result>(io: Io, flags: StoreFlags, work: (store: Store | null) => Promise<Result>): Promise<Result> {
  if (isMissing(new Layout(stateDirectory(io, flags)).database)) return work(null);
  const store = await openStateStore(io, flags);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Whether there is nothing; what is there and cannot be used is for the store to tell. */
function isMissing(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "ENOENT";
  }
}

/**
 * The run that is meant by its id, by any unique beginning of it, or by `latest`.
 *
 * @throws UsageError with the candidates, where there is none or there are several; StoreError
 */
export async function findRun(store: Store, given: string): Promise<RunSummary> {
  const runs = await store.list();
  const [first] = runs;
  if (first === undefined) throw new UsageError("there is no run in the store yet");
  const exact = runs.find((run) => run.run_id === given);
  if (exact !== undefined) return exact;
  if (given === "latest") return first;
  const fitting = given === "" ? [] : runs.filter((run) => run.run_id.startsWith(given));
  const [found] = fitting;
  if (found !== undefined && fitting.length === 1) return found;
  const shown = `\`${oneLine(given, 100)}\``;
  throw new UsageError(
    found === undefined
      ? `there is no run whose id begins with ${shown}; the latest ${runs.length === 1 ? "is" : "are"}\n${candidates(runs)}`
      : `${fitting.length} runs have an id that begins with ${shown}; write more of it\n${candidates(fitting)}`,
  );
}

function candidates(runs: readonly RunSummary[]): string {
  const lines = runs
    .slice(0, MOST_CANDIDATES)
    .map(
      ({ run_id, pipeline_id, started_at }) =>
        `  ${oneLine(run_id)}  ${oneLine(pipeline_id)}, started ${new Date(started_at).toISOString()}`,
    );
  return [...lines, ...(runs.length > MOST_CANDIDATES ? [`  and ${runs.length - MOST_CANDIDATES} more`] : [])].join("\n");
}
