import type { JsonObject } from "../spec/json.ts";
import type { Plan } from "../plan/plan.ts";
import { STAGE_META } from "../plan/scope.ts";
import type { AgentRunner, Metadata } from "./agent.ts";
import type { Durable, Outcome } from "./durable.ts";
import type { Frame, RunContext, SequenceEnd } from "./frame.ts";
import type { History } from "./history.ts";
import { type RollbackResult, type RunResult, type RunStatus, sumUsage } from "./result.ts";
import { rollBack } from "./rollback.ts";
import { runSequence } from "./sequence.ts";
import { State } from "./state.ts";
import { StateSize } from "./state-size.ts";
import type { Undoable } from "./undoable.ts";

/** One run of a plan, or the next round of one. */
export interface RunRequest {
  readonly plan: Plan;
  /** Checked against the plan's inputs, frozen. */
  readonly input: JsonObject;
  readonly sessionId: string;
  /** The caller's own metadata. */
  readonly meta: Metadata;
  readonly durable: Durable;
  readonly agents: AgentRunner;
  /** 1-based. A resume of a run that had ended opens the next round; one that had died goes on in its own. */
  readonly round: number;
  /** What the earlier rounds left behind. */
  readonly history: History;
  readonly resumed: boolean;
  readonly rollback: RollbackRound;
  /** What the earlier rounds had finished that can be undone; what this one finishes is added. */
  readonly undoable: Undoable[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Filled by whoever listens, while the run goes on; it ends up in the result. */
  readonly warnings: string[];
}

/** The rollback that comes at the end of this round, if one does. */
export interface RollbackRound {
  /** 1-based, within the round of the run. */
  readonly number: number;
  /** It was asked for, rather than following from how the run ended: then it undoes everything that can be undone. */
  readonly demanded: boolean;
}

/** Metadata that agentflow itself sets; a caller's own keys cannot replace it. */
export const RESERVED_META = [...STAGE_META, "pipeline_completed"] as const;

/** The key of the record that ends a round; the next resume opens another one. */
export function endKey(round: number): string {
  return `run!${round}`;
}

/** The key of the record that a rollback was asked for. */
export function demandKey(round: number, rollback: number): string {
  return `rollback!${round}.${rollback}#demanded`;
}

/** The key of the record that ends a rollback. */
export function rollbackEndKey(round: number, rollback: number): string {
  return `rollback!${round}.${rollback}#ended`;
}

/**
 * Runs a plan to its end.
 *
 * Contract: resolves for every ending. It rejects only with what the durable engine threw, or for a bug.
 */
export async function interpret(request: RunRequest): Promise<RunResult> {
  const { plan, durable, sessionId } = request;
  const run: RunContext = { runId: durable.runId, sessionId, runSequence, agents: request.agents, history: request.history };
  const meta = Object.freeze({
    ...request.meta,
    session_id: sessionId,
    pipeline_id: plan.pipelineId,
    run_id: durable.runId,
    total_stages: String(plan.sequence.length),
  });
  const frame: Frame = {
    run,
    plan,
    durable,
    state: new State(request.input),
    size: new StateSize(),
    namePrefix: "",
    keyPrefix: "",
    round: String(request.round),
    meta,
    facts: {},
    visits: new Map(),
    branchesTaken: new Map(),
    stages: [],
    path: [],
    undoable: request.undoable,
    progress: { finished: 0 },
    takenOver: 0,
    isPast: false,
  };
  const hooks = plan.hooks;
  const begun = await durable.now("start");
  await durable.emit(
    {
      type: "run-start",
      nested: null,
      pipeline_id: plan.pipelineId,
      session_id: sessionId,
      total_stages: plan.sequence.length,
      input: request.input,
      meta,
      resumed: request.resumed,
    },
    { hooks },
  );
  const end = await runSequence(frame);
  const rollback = await rollBackAtEnd(request, frame, end);
  const result = makeResult(request, frame, end, rollback, begun, await durable.now("end"));
  const { status, duration_ms, state, error } = result;
  await durable.emit({ type: "run-end", nested: null, status, duration_ms, state, meta: result.meta, error }, { hooks });
  return result;
}

/** Records the end of the sequence; what has to be undone then is, before anything is told of the end of the run. */
async function rollBackAtEnd(request: RunRequest, frame: Frame, end: SequenceEnd): Promise<RollbackResult | null> {
  const { durable, round, rollback, plan } = request;
  const finished = undoableOf(frame, end, rollback.demanded);
  const follows = finished.length > 0 && !rollback.demanded;
  await durable.step(endKey(round), async (context) => endOutcome(end, follows, context.now()));
  if (!follows && !rollback.demanded) return null;
  return durable.shielded(async (shielded) => {
    const ended = rollbackEndKey(round, rollback.number);
    if (rollback.demanded)
      await shielded.step(demandKey(round, rollback.number), async (context) => ({ ...NOTHING, ended_at: context.now() }));
    const stages = finished.toReversed().map(({ ref }) => ref.name);
    const told = await shielded.emit({ type: "rollback-start", stages }, { unlessRecorded: ended });
    const { run } = frame;
    const result = await rollBack(finished, { run, durable: shielded, round: `${round}.${rollback.number}`, error: end.error });
    await shielded.step(ended, async (context) => ({ ...NOTHING, status: result.status, settled: result.status, ended_at: context.now() }));
    if (told) await shielded.emit({ type: "rollback-end", status: result.status }, { hooks: plan.hooks });
    return result;
  });
}

/** What a pipeline that a run ends in has to undo: nothing after a success or a cancellation, unless it is asked for. */
function undoableOf(frame: Frame, end: SequenceEnd, demanded: boolean): Undoable[] {
  if (demanded) return frame.undoable;
  const status = runStatus(end);
  if (frame.plan.rollback === "manual" || (status !== "failed" && status !== "timed_out")) return [];
  return frame.undoable.filter(({ plan }) => plan.rollback === "auto");
}

/** An outcome in which nothing was called and nothing written. */
const NOTHING: Outcome = {
  status: "succeeded",
  settled: null,
  agent: null,
  attempt: 1,
  ended_at: 0,
  duration_ms: 0,
  wrote: {},
  bare: false,
  failure: null,
  stopped_by: null,
  retry_in_ms: null,
  decision: null,
  usage: null,
  answers: 0,
};

/** The end of the sequence; `settled` is null where a rollback follows, whose end is then the end of the round. */
function endOutcome(end: SequenceEnd, rollbackFollows: boolean, now: number): Outcome {
  const settled = end.status === "stopped" ? "cancelled" : end.status;
  return {
    ...NOTHING,
    status: end.status === "succeeded" ? "succeeded" : "failed",
    settled: rollbackFollows ? null : settled,
    ended_at: now,
    failure: end.error?.failure ?? null,
    stopped_by: end.stopped?.by ?? null,
  };
}

function makeResult(
  request: RunRequest,
  frame: Frame,
  end: SequenceEnd,
  rollback: RollbackResult | null,
  begunMs: number,
  endedMs: number,
): RunResult {
  const status = rollback === null ? runStatus(end) : rollback.status === "succeeded" ? "rolled_back" : "rollback_failed";
  return {
    version: 1,
    run_id: frame.run.runId,
    pipeline_id: frame.plan.pipelineId,
    session_id: frame.run.sessionId,
    status,
    started_at: new Date(request.startedAt).toISOString(),
    ended_at: new Date(endedMs).toISOString(),
    duration_ms: Math.max(0, endedMs - begunMs),
    state: frame.state.snapshot(),
    meta: Object.freeze(status === "succeeded" ? { ...frame.meta, pipeline_completed: "true" } : frame.meta),
    path: frame.path,
    stages: frame.stages,
    usage: sumUsage([...frame.stages, ...(rollback?.stages ?? [])]) ?? { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: request.warnings,
    error: end.error,
    rollback,
  };
}

function runStatus(end: SequenceEnd): Exclude<RunStatus, "rolled_back" | "rollback_failed"> {
  if (end.status !== "stopped") return end.status;
  return end.error?.kind === "deadline" ? "timed_out" : "cancelled";
}
