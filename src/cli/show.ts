import type { RunEvent, Stamped } from "../engine/event.ts";
import { localTime } from "../report/local-time.ts";
import { logLines, type NextCommands, type RunView, runView, stageVisits, visitsTo } from "../report/run-view.ts";
import { showLogs, showRun, showVisits } from "../report/show.ts";
import { oneLine } from "../report/sanitise.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { replay } from "../pipeline/replay.ts";
import { lookAtRun, type RecordedRun, recordedPlan, ResumeError } from "../pipeline/resume.ts";
import { type RunSummary, type Store, StoreError } from "../store/store.ts";
import { shownPath } from "./diagnostics.ts";
import { EXIT, storeExitCode } from "./exit-codes.ts";
import { commandsOf } from "./follow.ts";
import { type Io, UsageError } from "./io.ts";
import { findRun, type StoreFlags, withStore } from "./store.ts";

/** As commander hands them over. */
export interface ShowFlags extends StoreFlags {
  readonly stage?: string;
  readonly logs?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

/** `agentflow show`: one run. What cannot be read of it is said, and the rest is shown; the code tells then. */
export async function show(io: Io, run: string, flags: ShowFlags): Promise<number> {
  return withStore(io, flags, async (store) => {
    const summary = await findRun(store, run);
    const seen = await look(io, store, summary, flags);
    if (flags.logs === true) await showLog(io, seen, flags);
    else if (flags.stage === undefined) await showWhole(io, seen, flags);
    else await showStage(io, seen, flags.stage, flags);
    return seen.code;
  });
}

/** What was found out about a run. */
interface Seen {
  readonly view: RunView;
  /** With their data, from the recorded outcomes. */
  readonly events: readonly RunEvent[];
  /** As they were kept. */
  readonly kept: readonly Stamped[];
  readonly file: string | null;
  readonly code: number;
}

async function look(io: Io, store: Store, summary: RunSummary, flags: ShowFlags): Promise<Seen> {
  const read = await attempt(() => lookAtRun(store, summary.run_id, io.env));
  const run = read.value;
  const past = await attempt(async () => (run === null ? NOTHING : pastOf(run)));
  const kept: Stamped[] = [];
  const heard = await attempt(async () => {
    for await (const event of store.events(summary.run_id)) kept.push(event);
  });
  const { result, events, canUndo } = past.value ?? NOTHING;
  const unreadable = read.problem ?? past.problem;
  const problem = unreadable ?? heard.problem;
  const head = run?.summary ?? summary;
  const view = runView({
    head,
    input: run?.record.input ?? {},
    recorded: result,
    onlyResult: run !== null && run.result !== null,
    problem: problem?.text ?? null,
    kept,
    next: unreadable === null ? nextOf(head, canUndo, commandsOf(head.run_id, flags)) : { resume: null, rollback: null },
    nowMs: io.clock.now(),
  });
  return { view, events, kept, file: shownFile(io, run), code: problem?.code ?? EXIT.ok };
}

function shownFile(io: Io, run: RecordedRun | null): string | null {
  const file = run?.record.source.file ?? null;
  return file === null ? null : shownPath(io, file);
}

/** What the journal tells of a run. */
interface Past {
  readonly result: RecordedRun["result"];
  readonly events: readonly RunEvent[];
  /** Whether there is anything that a rollback would undo. */
  readonly canUndo: boolean;
}

const NOTHING: Past = { result: null, events: [], canUndo: false };

async function pastOf(run: RecordedRun): Promise<Past> {
  if (run.result !== null) return { ...NOTHING, result: run.result };
  const plan = recordedPlan(run.record);
  const { result, events } = await replay(plan, run, "look");
  const undone = (await replay(plan, run, "rollback")).result.rollback?.stages ?? [];
  return { result, events, canUndo: undone.length > 0 };
}

interface Problem {
  readonly text: string;
  readonly code: number;
}

/** What cannot be read of a run is no reason not to show the rest. */
async function attempt<Value>(work: () => Promise<Value>): Promise<{ readonly value: Value | null; readonly problem: Problem | null }> {
  try {
    return { value: await work(), problem: null };
  } catch (error) {
    return { value: null, problem: problemOf(error) };
  }
}

/** Why a run cannot be shown whole. @throws what is no such reason */
function problemOf(error: unknown): Problem {
  if (error instanceof ResumeError) return { text: error.message, code: EXIT.usage };
  if (error instanceof StoreError && error.code === "damaged") return { text: error.message, code: storeExitCode(error.code) };
  throw error;
}

/** Nothing can be done with a run that another process drives. */
function nextOf({ status, owner }: RunSummary, canUndo: boolean, { resume, rollback }: { resume: string; rollback: string }): NextCommands {
  if (owner !== null || status === "succeeded" || status === "rolled_back") return { resume: null, rollback: null };
  return { resume: status === "rollback_failed" ? null : resume, rollback: canUndo ? rollback : null };
}

async function showWhole(io: Io, { view, file }: Seen, flags: ShowFlags): Promise<void> {
  if (flags.json === true) return printJson(io, view);
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  const columns = io.stdout.isTTY ? io.stdout.columns : 0;
  io.stdout.write(`${showRun(view, { palette, columns, time: localTime(io.env.TZ), file })}\n`);
}

/** @throws UsageError where the run did not come to the stage */
async function showStage(io: Io, { view, events, kept }: Seen, name: string, flags: ShowFlags): Promise<void> {
  const all = stageVisits(view, events, kept);
  const visits = visitsTo(all, name);
  if (visits.length === 0) {
    if (view.problem !== null) throw new UsageError(view.problem);
    const names = [...new Set(all.map((visit) => oneLine(visit.name)))].join(", ");
    throw new UsageError(
      `the run ${view.run_id} has not come to a stage called \`${oneLine(name, 100)}\`${names === "" ? "" : `; it came to ${names}`}`,
    );
  }
  if (flags.json === true) return printJson(io, { version: 1, run_id: view.run_id, visits });
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  io.stdout.write(`${showVisits(visits, view, { palette })}\n`);
}

async function showLog(io: Io, { view, kept }: Seen, flags: ShowFlags): Promise<void> {
  const { stage } = flags;
  const logs = logLines(kept).filter((line) => stage === undefined || line.stage === stage || line.stage.endsWith(`/${stage}`));
  if (flags.json === true) return printJson(io, { version: 1, run_id: view.run_id, logs });
  if (logs.length === 0) {
    const what = stage === undefined ? `the run ${view.run_id}` : `\`${oneLine(stage, 100)}\` in the run ${view.run_id}`;
    io.stderr.write(`agentflow: no line of a log is kept of ${what}\n`);
    return;
  }
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  io.stdout.write(`${showLogs(logs, { palette, time: localTime(io.env.TZ) })}\n`);
}

function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
