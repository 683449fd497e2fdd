import { type JsonObject, setOwn } from "../spec/json.ts";
import { formatDuration } from "../spec/duration.ts";
import { checkInputs } from "../plan/inputs.ts";
import type { AgentPlan, Plan } from "../plan/plan.ts";
import type { AgentReply } from "./agent.ts";
import type { ChildResult, Durable, Stop } from "./durable.ts";
import { AgentError, type Failure } from "./failure.ts";
import type { Frame, SequenceEnd } from "./frame.ts";
import { State } from "./state.ts";
import { StateSize } from "./state-size.ts";

/** How a nested pipeline ended. */
export interface NestedRun {
  readonly durationMs: number;
  /** What stopped it from outside; its own timeout is a failure. */
  readonly stopped: Stop | undefined;
  /** What it wrote. @throws AgentError with the kind of the failure inside */
  reply(): AgentReply;
}

/** Where the nested pipeline stands in the outer one. */
export interface NestedPlace {
  /** `outer/` */
  readonly namePrefix: string;
  /** `outer~1/` */
  readonly keyPrefix: string;
  readonly round: string;
  /** The key of the outer stage's attempt. */
  readonly key: string;
  readonly outer: string;
  /** What the history must be younger than; see `Frame.takenOver`. */
  readonly takenOver: number;
  /** See `Frame.isPast`. */
  readonly isPast: boolean;
}

/**
 * Runs another pipeline as one attempt at a stage: a child run with its own state, which starts as the adapted input.
 *
 * Its stages are steps of the same journal, so a later attempt, or a resume, goes on from what was finished.
 */
export async function runNested(frame: Frame, agent: AgentPlan, input: JsonObject, place: NestedPlace): Promise<NestedRun> {
  if (agent.call.type !== "pipeline") throw new Error(`\`${agent.name}\` is not a pipeline`);
  const { plan } = agent.call;
  const seeded = seed(plan, agent, input);
  if ("problem" in seeded) {
    return { durationMs: 0, stopped: undefined, reply: () => fail({ kind: "invalid_request", message: seeded.problem }) };
  }
  const startedMs = await frame.durable.now(`${place.key}/start`);
  const run = async (durable: Durable): Promise<NestedResult> => runInside(frame, plan, place, durable, seeded.state);
  const limitMs = shorter(agent.timeoutMs, plan.timeoutMs);
  const [result] = await frame.durable.all(`${place.key}/run`, [{ name: agent.name, run }], {
    followedBy: place.key,
    maxConcurrency: 1,
    stopOnFailure: false,
    timeoutMs: limitMs,
    onTimeout: { kind: "timeout", message: `the pipeline \`${plan.pipelineId}\` did not end within ${formatDuration(limitMs ?? 0)}` },
  });
  const durationMs = Math.max(0, (await frame.durable.now(`${place.key}/end`)) - startedMs);
  const stopped = result?.stopped?.by === place.key ? undefined : (result?.stopped ?? undefined);
  return { durationMs, stopped, reply: () => replyOf(agent, result, seeded.state) };
}

interface NestedResult extends ChildResult {
  readonly end: SequenceEnd;
  readonly frame: Frame;
}

async function runInside(outer: Frame, plan: Plan, place: NestedPlace, durable: Durable, state: JsonObject): Promise<NestedResult> {
  const frame: Frame = {
    run: outer.run,
    plan,
    durable,
    state: new State(state),
    size: new StateSize(),
    namePrefix: place.namePrefix,
    keyPrefix: place.keyPrefix,
    round: place.round,
    meta: Object.freeze({ ...outer.meta, pipeline_id: plan.pipelineId, total_stages: String(plan.sequence.length) }),
    facts: {},
    visits: new Map(),
    branchesTaken: new Map(),
    stages: outer.stages,
    path: outer.path,
    undoable: outer.undoable,
    progress: { finished: 0 },
    takenOver: place.takenOver,
    isPast: place.isPast,
  };
  const { sessionId } = outer.run;
  const options = { hooks: plan.hooks, unlessRecorded: place.key };
  const told =
    !place.isPast &&
    (await durable.emit(
      {
        type: "run-start",
        nested: place.outer,
        pipeline_id: plan.pipelineId,
        session_id: sessionId,
        total_stages: plan.sequence.length,
        input: state,
        meta: frame.meta,
        resumed: false,
      },
      options,
    ));
  const startedMs = await durable.now(`${place.key}/inside`);
  const end = await outer.run.runSequence(frame);
  if (told) {
    const durationMs = Math.max(0, (await durable.now(`${place.key}/outside`)) - startedMs);
    const status = end.status === "stopped" ? "cancelled" : end.status;
    await durable.emit(
      {
        type: "run-end",
        nested: place.outer,
        status,
        duration_ms: durationMs,
        state: frame.state.snapshot(),
        meta: frame.meta,
        error: end.error,
      },
      { hooks: plan.hooks },
    );
  }
  return { failed: end.status === "failed", stopped: end.stopped, end, frame };
}

/** Without an `input` table, a pipeline that declares its inputs gets just those of the state. */
function seed(plan: Plan, agent: AgentPlan, input: JsonObject): { state: JsonObject } | { problem: string } {
  const given = agent.input === null && plan.inputs.size > 0 ? pick(input, [...plan.inputs.keys()]) : input;
  const checked = checkInputs(plan.inputs, given);
  if (checked.problems.length === 0) return { state: checked.values };
  return { problem: `the pipeline \`${plan.pipelineId}\` does not take this input: ${checked.problems.join("; ")}` };
}

/** The keys that it wrote are merged, not its inputs; an `output` table sees the whole final state. */
function replyOf(agent: AgentPlan, result: NestedResult | undefined, before: JsonObject): AgentReply {
  if (result === undefined) throw new Error("a child run gave no result");
  const error = result.end.error;
  if (error !== null)
    throw new AgentError(error.kind, error.message, error.failure.detail === undefined ? {} : { detail: error.failure.detail });
  const state = result.frame.state.snapshot();
  return { output: agent.output === null ? new State(before).changesOf(state) : state };
}

function pick(state: JsonObject, keys: readonly string[]): JsonObject {
  const picked = {};
  for (const key of keys) if (Object.hasOwn(state, key)) setOwn(picked, key, state[key]);
  return Object.freeze(picked);
}

function shorter(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}

function fail(failure: Failure): never {
  throw new AgentError(failure.kind, failure.message);
}
