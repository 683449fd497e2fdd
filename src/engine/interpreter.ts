import type { JsonObject } from "../spec/json.ts";
import type { Plan } from "../plan/plan.ts";
import type { AgentRunner, Metadata } from "./agent.ts";
import type { Durable, Outcome } from "./durable.ts";
import type { Frame, RunContext, SequenceEnd } from "./frame.ts";
import type { History } from "./history.ts";
import { type RunResult, type RunStatus, sumUsage } from "./result.ts";
import { runSequence } from "./sequence.ts";
import { State } from "./state.ts";
import { StateSize } from "./state-size.ts";

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
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Filled by whoever listens, while the run goes on; it ends up in the result. */
  readonly warnings: string[];
}

/** Metadata that agentflow itself sets; a caller's own keys cannot replace it. */
export const RESERVED_META = [
  "session_id",
  "pipeline_id",
  "run_id",
  "total_stages",
  "stage_number",
  "stage_name",
  "attempt",
  "pipeline_completed",
] as const;

/** The key of the record that ends a round; the next resume opens another one. */
export function endKey(round: number): string {
  return `run!${round}`;
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
  await durable.step(endKey(request.round), async (context) => endOutcome(end, context.now()));
  const result = makeResult(request, frame, end, begun, await durable.now("end"));
  const { status, duration_ms, state, error } = result;
  await durable.emit({ type: "run-end", nested: null, status, duration_ms, state, meta: result.meta, error }, { hooks });
  return result;
}

function endOutcome(end: SequenceEnd, now: number): Outcome {
  const succeeded = end.status === "succeeded";
  return {
    status: succeeded ? "succeeded" : "failed",
    settled: succeeded ? "succeeded" : end.status === "failed" ? "failed" : "cancelled",
    agent: null,
    attempt: 1,
    ended_at: now,
    duration_ms: 0,
    wrote: {},
    bare: false,
    failure: end.error?.failure ?? null,
    stopped_by: end.stopped?.by ?? null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  };
}

function makeResult(request: RunRequest, frame: Frame, end: SequenceEnd, begunMs: number, endedMs: number): RunResult {
  const status = runStatus(end);
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
    usage: sumUsage(frame.stages) ?? { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: request.warnings,
    error: end.error,
  };
}

function runStatus(end: SequenceEnd): RunStatus {
  if (end.status !== "stopped") return end.status;
  return end.error?.kind === "deadline" ? "timed_out" : "cancelled";
}
