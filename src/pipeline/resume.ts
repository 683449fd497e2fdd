import { endSurvivors } from "../agents/process.ts";
import type { Stamped } from "../engine/event.ts";
import type { Outcome } from "../engine/durable.ts";
import type { RunResult } from "../engine/result.ts";
import { secretsNamed, secretsOf, withSecrets } from "./listener.ts";
import { buildPlan } from "../plan/build.ts";
import { changesBetween } from "../plan/compare.ts";
import type { Plan, PlanSource } from "../plan/plan.ts";
import { replay } from "./replay.ts";
import { KILL_AFTER_MS, type Remembered, type Run, type RunWorld, startRun } from "./run.ts";
import { createMasker } from "../report/mask.ts";
import type { Json } from "../spec/json.ts";
import { checksumOf, hideInOutcome, hideInResult, recordingOf, reveal } from "../store/references.ts";
import { frozenCopy } from "../store/codec.ts";
import { type RunRecord, type RunSummary, type Store, StoreError } from "../store/store.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A run that is remembered. */
export interface RecordedRun {
  readonly record: RunRecord;
  readonly summary: RunSummary;
  readonly entries: readonly (readonly [key: string, outcome: Outcome])[];
  /** Where only that was kept. */
  readonly result: RunResult | null;
}

/** A run cannot be gone on with, undone, or run again as it was asked: nothing was run. */
export class ResumeError extends Error {
  override name = "ResumeError";
  /** What has changed in the file since, where that is the reason. */
  readonly changes: readonly string[];

  constructor(message: string, changes: readonly string[] = []) {
    super(message);
    this.changes = changes;
  }
}

/**
 * Reads a run out of its store, with its secrets filled in.
 *
 * @throws StoreError `unknown`; ResumeError where a variable that is needed is not set, or one in the file has changed
 */
export async function readRun(store: Store, runId: string, env: Environment): Promise<RecordedRun> {
  const stored = await readStored(store, runId);
  const recorded = revealed(stored, (name) => secretOf(name, runId, env));
  const { source, source_checksum: checksum } = recorded.record;
  if (checksum !== undefined && checksumOf(source) !== checksum) throw changedSecret(stored.record);
  return recorded;
}

/**
 * Reads a run out of its store to show it: secrets are masked in all but its source, without which there is no plan.
 *
 * @throws StoreError `unknown`
 */
export async function lookAtRun(store: Store, runId: string, env: Environment): Promise<RecordedRun> {
  const stored = await readStored(store, runId);
  const { record, summary, entries, result } = revealed(stored, () => null);
  const hide = createMasker(secretsNamed(record.secrets, env)).maskJson;
  const source = reveal(stored.record.source as unknown as Json, (name) => env[name] || null) as unknown as PlanSource;
  return {
    record: { ...record, source, input: hide(record.input), meta: hide(record.meta) },
    summary,
    entries: entries.map(([key, outcome]) => [key, hideInOutcome(outcome, hide)]),
    result: result === null ? null : hideInResult(result, hide),
  };
}

async function readStored(store: Store, runId: string): Promise<RecordedRun> {
  const stored = await store.read(runId);
  if (stored === null) throw new StoreError("unknown", `there is no run ${runId}`);
  return stored;
}

function revealed({ record, summary, entries, result }: RecordedRun, valueOf: (name: string) => string | null): RecordedRun {
  // Frozen again, since agents get it.
  const fill = <Value extends object>(value: Value): Value => frozenCopy(reveal(value as unknown as Json, valueOf) as unknown as Value);
  return {
    record: fill(record),
    summary,
    entries: entries.map(([key, outcome]) => [key, fill(outcome)]),
    result: result === null ? null : fill(result),
  };
}

function secretOf(name: string, runId: string, env: Environment): string {
  const value = env[name];
  if (value !== undefined && value !== "") return value;
  throw new ResumeError(`the run ${runId} refers to the secret in ${name}, which is not set; set it as it was: export ${name}=…`);
}

/** With another value the file would say something else than what the run was started with. */
function changedSecret({ run_id: id, source }: RunRecord): ResumeError {
  const names = new Set<string>();
  reveal(source as unknown as Json, (name) => {
    names.add(name);
    return null;
  });
  const [one, are] = names.size === 1 ? ["the secret", "stands"] : ["one of the secrets", "stand"];
  const all = [...names].join(", ");
  return new ResumeError(`${one} ${all} that ${are} in the pipeline file of the run ${id} has changed since; set it as it was`);
}

/** The plan that a run was started with. @throws ResumeError where this version does not take it */
export function recordedPlan(record: RunRecord): Plan {
  const { plan, diagnostics } = buildPlan(record.source, { functions: new Set(record.functions) });
  if (plan !== null) return plan;
  const why = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
  throw new ResumeError(`the recorded plan of the run ${record.run_id} is not valid for this version of agentflow: ${why.join("; ")}`);
}

/** What can be given where a run is gone on with. */
export interface AgainOptions {
  readonly store: Store;
  /** The file has changed since: go on with the recorded plan. */
  readonly force?: boolean;
  /** The process that drives the run does not answer: take the run from it. */
  readonly takeOver?: boolean;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Instead of the file's `orchestration.timeout`; null for no limit. */
  readonly timeoutMs?: number | null;
  /** Hears every event, in order; must not throw. */
  readonly onEvent?: (event: Stamped) => void;
}

/** A run that this process has taken hold of, before anything of it runs. */
export interface PreparedRun {
  readonly id: string;
  readonly plan: Plan;
  /** What is recorded, as far as it is taken over. */
  readonly recorded: RunResult;
  /** Finished stages that will be undone, the first one first; empty where the run goes on. */
  readonly undone: readonly string[];
  start(onEvent?: (event: Stamped) => void): Run;
  /** Lets go of it instead. */
  release(): Promise<void>;
}

/** What a pipeline is, and the world that it runs in. */
interface Again {
  readonly plan: Plan;
  readonly world: RunWorld;
}

/** Takes hold of a run that did not finish. @throws ResumeError, StoreError */
export function prepareResume(again: Again, runId: string, options: AgainOptions): Promise<PreparedRun> {
  return prepare(again, runId, options, "resume");
}

/** Takes hold of a run to undo what it had finished. @throws ResumeError, StoreError */
export function prepareRollback(again: Again, runId: string, options: AgainOptions): Promise<PreparedRun> {
  return prepare(again, runId, { ...options, force: true }, "rollback");
}

async function prepare({ plan, world }: Again, runId: string, options: AgainOptions, purpose: "resume" | "rollback"): Promise<PreparedRun> {
  const { store, force = false, takeOver = false } = options;
  const stored = await readRun(store, runId, world.env);
  refuseEnded(stored.summary, purpose);
  refuseMissingFunctions(stored.record, world);
  const changes = changesBetween(stored.record.source, plan.source);
  if (changes.length > 0 && !force)
    throw new ResumeError(`the pipeline has changed since the run ${runId} was started: ${changes.join(", ")}`, changes);
  const used = withSecrets(changes.length > 0 ? recordedPlan(stored.record) : plan, stored.record.secrets);
  const kept = await store.acquire(runId, { takeOver });
  try {
    // What the run had recorded may have become more in the meantime.
    const recorded = await readRun(store, runId, world.env);
    refuseEnded(recorded.summary, purpose);
    const { result } = await replay(used, recorded, purpose);
    const undone = result.rollback?.stages.filter(({ status }) => status !== "succeeded").map(({ name }) => name) ?? [];
    if (purpose === "rollback") await refuseSucceeded(used, recorded);
    if (purpose === "rollback" && undone.length === 0) refuseUndone(recorded.summary, result);
    const { record, entries } = recorded;
    const { signal, onEvent, timeoutMs = purpose === "resume" ? used.timeoutMs : null } = options;
    const open = async (): Promise<Remembered> => {
      await endSurvivors(kept.processes, KILL_AFTER_MS);
      return { recording: recordingOf(kept, entries, secretsOf(used, world.env)), kept };
    };
    const { session_id: sessionId, input, meta, started_at: startedAt } = record;
    const task = { plan: used, runId, sessionId, input, meta, startedAt, purpose, timeoutMs, store, signal, open };
    return {
      id: runId,
      plan: used,
      recorded: result,
      undone,
      start: (listener = onEvent) => startRun({ ...task, onEvent: listener }, world),
      release: () => kept.release(),
    };
  } catch (error) {
    await kept.release();
    throw error;
  }
}

/** @throws ResumeError where this program lacks a function that the run has as an agent */
export function refuseMissingFunctions(record: RunRecord, { functions }: Pick<RunWorld, "functions">): void {
  if (record.functions.every((name) => functions.has(name))) return;
  const missing = [...functionsIn(recordedPlan(record))].filter((name) => !functions.has(name));
  if (missing.length > 0)
    throw new ResumeError(
      `the run ${record.run_id} has agents that were given as functions, and this program does not give them: ${missing.join(", ")}`,
    );
}

/** The agents that are functions, of all that a run may come to. */
function functionsIn({ elements, agents }: Plan): Set<string> {
  const names = new Set(
    [...elements.values()].flatMap((element) => (element.kind === "group" ? element.members : [element])).map(({ name }) => name),
  );
  const found = new Set<string>();
  for (const name of names) {
    const agent = agents.get(name);
    for (const other of [agent?.fallback, agent?.rollback]) if (typeof other === "string") names.add(other);
    if (agent?.call.type === "function") found.add(name);
    if (agent?.call.type === "pipeline") for (const inner of functionsIn(agent.call.plan)) found.add(inner);
  }
  return found;
}

/** @throws ResumeError where there is nothing left to do */
export function refuseEnded({ run_id: id, status }: RunSummary, purpose: "resume" | "rollback"): void {
  if (status === "succeeded")
    throw new ResumeError(`the run ${id} succeeded: there is nothing to ${purpose === "resume" ? "go on with" : "undo"}`);
  if (status === "rolled_back" && purpose === "resume")
    throw new ResumeError(`the run ${id} was rolled back: what it had finished is undone`);
  if (status === "rollback_failed" && purpose === "resume")
    throw new ResumeError(
      `the run ${id} was rolled back in part, so it cannot be gone on with; \`agentflow rollback ${id}\` tries the rest again`,
    );
}

/** @throws ResumeError where it came to a good end, though its process died before it said so */
async function refuseSucceeded(plan: Plan, recorded: RecordedRun): Promise<void> {
  const { status } = (await replay(plan, recorded, "look")).result;
  if (status === "succeeded") refuseEnded({ ...recorded.summary, status }, "rollback");
}

/** @throws ResumeError where nothing is left to undo; one that died between the last handler and its end has still to end */
function refuseUndone({ run_id: id, status }: RunSummary, { rollback }: RunResult): void {
  if (status === "rolled_back") throw new ResumeError(`the run ${id} was rolled back: what it had finished is undone`);
  if (rollback === null || rollback.stages.length === 0)
    throw new ResumeError(`there is nothing to undo in the run ${id}: no stage that finished has a \`rollback\` agent`);
}
