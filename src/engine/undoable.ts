import type { AgentPlan, Plan } from "../plan/plan.ts";
import type { JsonObject } from "../spec/json.ts";
import type { Metadata } from "./agent.ts";
import type { StageRef } from "./event.ts";

/** A stage that has finished, and how it is undone. */
export interface Undoable {
  /** Of the visit: `group/member~1`. */
  readonly key: string;
  readonly ref: StageRef;
  /** The agent that undoes it. */
  readonly handler: AgentPlan;
  /** The pipeline that the stage belongs to, and its metadata. */
  readonly plan: Plan;
  readonly meta: Metadata;
  /** What the agent that served the stage was given, and what it wrote. */
  readonly input: JsonObject;
  readonly output: JsonObject;
  /** Whether it was taken over from an earlier round or attempt, and so not done again. */
  readonly isTakenOver: boolean;
}

/** Adds a stage that has finished. A visit counts once: where it ran last, whatever else has come to nothing since. */
export function noteUndoable(undoable: Undoable[], finished: Undoable): void {
  const index = undoable.findIndex(({ key }) => key === finished.key);
  if (index !== -1 && finished.isTakenOver) return;
  if (index !== -1) undoable.splice(index, 1);
  undoable.push(finished);
}
