import { type JsonObject, toJson } from "../spec/json.ts";
import type { HookEvent } from "../spec/spec.ts";
import type { HookPlan } from "../plan/plan.ts";
import type { RunEvent, StageRef, Stamped } from "./event.ts";
import type { Failure } from "./failure.ts";

/** What a hook is told: the JSON on a command's stdin, the argument of a function. Hooks observe; what they return is ignored. */
export interface HookPayload {
  readonly version: 1;
  readonly event: HookEvent;
  /** ISO 8601. */
  readonly at: string;
  readonly run_id: string;
  /** Absent for hooks of the whole run. */
  readonly stage?: StageRef;
  readonly agent?: string;
  readonly attempt?: number;
  readonly input?: JsonObject;
  /** The keys that changed. */
  readonly output?: JsonObject;
  readonly state?: JsonObject;
  readonly duration_ms?: number;
  readonly error?: Failure | null;
  /** Everything else that the event says: `retry_in_ms`, `to`, `status`, `resumed`, … */
  readonly [key: string]: unknown;
}

/** The hook event that an event of the run is, if it is one. Members of groups fire, groups do not. */
export function hookEventOf(event: RunEvent): HookEvent | null {
  switch (event.type) {
    case "run-start":
      return "before_run";
    case "run-end":
      return "after_run";
    case "stage-start":
      return "before_stage";
    case "stage-end":
      if (event.status === "succeeded") return "after_stage";
      return event.status === "cancelled" ? null : "stage_error";
    case "attempt-end":
      return event.status === "failed" && event.failure?.kind !== "cancelled" && event.failure?.kind !== "deadline" ? "retry" : null;
    case "branch":
      return event.taken ? "branch" : null;
    case "undo-end":
      return "rollback";
    default:
      return null;
  }
}

/** The hooks of a file that an event is for, in file order. */
export function matchingHooks(hooks: readonly HookPlan[], on: HookEvent, event: RunEvent): HookPlan[] {
  const stage = "stage" in event && typeof event.stage === "object" && event.stage !== null ? event.stage : null;
  const agent = "agent" in event ? event.agent : null;
  const name = stage?.name.slice(stage.name.lastIndexOf("/") + 1);
  return hooks.filter((hook) => {
    if (!hook.on.includes(on)) return false;
    return hook.agents === null || stage === null || hook.agents.includes(name ?? "") || (agent !== null && hook.agents.includes(agent));
  });
}

export function hookPayload(on: HookEvent, event: Stamped): HookPayload {
  const { type, seq, version, at, run_id, ...fields } = event;
  const { failure, ...rest } = fields as typeof fields & { failure?: Failure | null };
  const error = "error" in fields ? fields.error : failure;
  void type;
  void seq;
  return { version, event: on, at, run_id, ...rest, ...(error === undefined ? {} : { error }) } as HookPayload;
}

/** The payload as frozen JSON. */
export function hookJson(payload: HookPayload): JsonObject {
  return toJson(payload) as JsonObject;
}
