import { shownStatus } from "../report/runs.ts";
import type { Store } from "../store/store.ts";
import { EXIT } from "./exit-codes.ts";
import type { Io, StopReason } from "./io.ts";
import { findRun, type StoreFlags, withStore } from "./store.ts";

/** As commander hands them over. */
export interface EventsFlags extends StoreFlags {
  readonly follow?: boolean;
}

/** How often a run that is followed is asked whether its process is still there. */
const LOOK_AFTER_MS = 1000;

/** `agentflow events`: what is kept, a line each; with `--follow` until the run is over, or no process drives it any more. */
export async function events(io: Io, run: string, { follow, ...flags }: EventsFlags): Promise<number> {
  return withStore(io, flags, async (store) => {
    const { run_id: runId } = await findRun(store, run);
    const ending = new AbortController();
    const reasons: StopReason[] = [];
    const leaveSignals = io.onStop((reason) => {
      reasons.push(reason);
      ending.abort();
    });
    io.stdout.onClosed(() => ending.abort());
    const leaveRun = follow === true ? whenAbandoned(io, store, runId, () => ending.abort()) : () => {};
    try {
      for await (const event of store.events(runId, follow === true ? { follow: ending.signal } : {})) {
        if (reasons.length > 0) break;
        io.stdout.write(`${JSON.stringify(event)}\n`);
      }
    } finally {
      leaveRun();
      leaveSignals();
    }
    const [reason = "idle"] = reasons;
    if (typeof reason !== "string") throw reason;
    return reason === "idle" ? EXIT.ok : EXIT[reason];
  });
}

/** Ends the following of a run whose process is gone: nothing more would come. Returns what ends the looking. */
function whenAbandoned(io: Io, store: Store, runId: string, end: () => void): () => void {
  let isOver = false;
  let stopTimer = (): void => {};
  const look = async (): Promise<void> => {
    const run = (await store.list()).find(({ run_id }) => run_id === runId);
    if (isOver) return;
    if (run !== undefined && shownStatus(run) === "interrupted") {
      io.stderr.write(
        `agentflow: the run ${runId} was interrupted, and no process drives it; \`agentflow resume ${runId}\` goes on with it\n`,
      );
      return end();
    }
    stopTimer = io.clock.after(LOOK_AFTER_MS, () => void look().catch(end));
  };
  // What is wrong with the store, whoever reads the events is told.
  void look().catch(end);
  return () => {
    isOver = true;
    stopTimer();
  };
}
