import { type JsonObject, toJson } from "../spec/json.ts";
import type { StagePlan } from "../plan/plan.ts";
import type { Durable } from "./durable.ts";
import type { StageRef } from "./event.ts";
import type { Frame, RunContext } from "./frame.ts";
import type { RollbackResult, RunError, UndoneStage } from "./result.ts";
import { runStage } from "./stage.ts";
import { State } from "./state.ts";
import { StateSize } from "./state-size.ts";
import type { Undoable } from "./undoable.ts";

export interface RollbackRequest {
  readonly run: RunContext;
  /** Shielded: a rollback goes on although the run was stopped. */
  readonly durable: Durable;
  /** `2.1`: of the run, and of the rollbacks in it. */
  readonly round: string;
  /** Why. */
  readonly error: RunError | null;
}

/**
 * Undoes finished stages, the last one first, each by its own handler with its own timeout and retries.
 *
 * A handler that fails is told and recorded, and the others still run. One that succeeded in an earlier rollback of the run
 * is not called again.
 */
export async function rollBack(finished: readonly Undoable[], request: RollbackRequest): Promise<RollbackResult> {
  const stages: UndoneStage[] = [];
  for (const undoable of finished.toReversed()) stages.push(await undo(undoable, request));
  return { status: stages.every(({ status }) => status === "succeeded") ? "succeeded" : "failed", stages };
}

async function undo(undoable: Undoable, request: RollbackRequest): Promise<UndoneStage> {
  const { key, ref, handler, plan } = undoable;
  const { durable } = request;
  const frame = makeFrame(undoable, request);
  const stage: StagePlan = { kind: "stage", name: ref.name, number: ref.number, agent: { ...handler, onError: "fail" } };
  const { status, failure, live } = await runStage(frame, stage, { number: ref.number, group: null, undoes: { key, visit: ref.visit } });
  const made = frame.stages[0];
  const undone: UndoneStage = {
    name: ref.name,
    visit: ref.visit,
    agent: made?.served_by ?? handler.name,
    status: status === "succeeded" ? "succeeded" : "failed",
    attempts: made?.attempts.length ?? 0,
    duration_ms: made?.duration_ms ?? 0,
    usage: made?.usage ?? null,
    error: failure,
  };
  if (live) {
    const { agent, attempts, duration_ms } = undone;
    await durable.emit(
      { type: "undo-end", stage: ref, agent, status: undone.status, attempts, duration_ms, failure },
      { hooks: plan.hooks },
    );
  }
  return undone;
}

/** A frame of its own for each handler: that one fails, or runs again, means nothing to the others. */
function makeFrame({ ref, plan, meta, input, output }: Undoable, { run, durable, round, error }: RollbackRequest): Frame {
  const given = toJson({ stage: ref.name, input, output, error: error?.failure ?? null }) as JsonObject;
  return {
    run,
    plan: { ...plan, branches: new Map(), checkpointFrequency: 1 },
    durable: muted(durable, ref),
    state: new State(given),
    size: new StateSize(),
    namePrefix: "",
    keyPrefix: "",
    round,
    meta,
    facts: {},
    visits: new Map(),
    branchesTaken: new Map(),
    stages: [],
    path: [],
    undoable: [],
    progress: { finished: 0 },
    takenOver: 0,
    isPast: false,
  };
}

/**
 * Of what a handler's visit tells, only its beginning, as that of an undoing, and its log: it is no stage of the run.
 *
 * @param ref null: not even its beginning, inside of a handler that is a pipeline
 */
function muted(durable: Durable, ref: StageRef | null): Durable {
  return {
    runId: durable.runId,
    step: (key, body, isCheckpoint) => durable.step(key, body, isCheckpoint),
    sleep: (key, delayMs, since) => durable.sleep(key, delayMs, since),
    now: (key) => durable.now(key),
    interruption: (before) => durable.interruption(before),
    shielded: (body) => durable.shielded(body),
    all: (key, children, options) =>
      durable.all(
        key,
        children.map(({ name, run }) => ({ name, run: (inner: Durable) => run(muted(inner, null)) })),
        options,
      ),
    async emit(event, { unlessRecorded, isPast } = {}) {
      if (event.type === "log" || event.type === "warning") return durable.emit(event);
      if (event.type !== "stage-start" || ref === null) return true;
      const options = { ...(unlessRecorded === undefined ? {} : { unlessRecorded }), ...(isPast === undefined ? {} : { isPast }) };
      return durable.emit({ type: "undo-start", stage: ref, agent: event.agent }, options);
    },
  };
}
