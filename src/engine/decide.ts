import type { JsonObject } from "../spec/json.ts";
import { ExpressionError } from "../plan/expression-error.ts";
import { chooseBranch, type Decision } from "./branch.ts";
import type { Outcome } from "./durable.ts";
import type { BranchEvent, StageRef } from "./event.ts";
import type { PastVisit } from "./history.ts";
import { type Frame, noteFacts, stageMeta, stateScope } from "./frame.ts";
import { prune } from "./prune.ts";
import type { StageStatus } from "./result.ts";

/** Where the run goes from here, and what was looked at to find out; both null where no branch starts. */
export interface Decided {
  readonly decision: Decision | null;
  readonly branch: BranchEvent | null;
}

/** How the element that the branches start from has ended. */
export interface Ended {
  readonly status: StageStatus;
  readonly attempts: number;
  readonly durationMs: number;
  readonly wrote: JsonObject;
  readonly keep: readonly string[] | null;
  readonly drop: readonly string[] | null;
}

export const UNDECIDED: Decided = { decision: null, branch: null };

/** Where the run goes from a visit that is taken over; null where it cannot be, since a condition fails on it by now. */
export function decideOnPast(
  frame: Frame,
  ref: StageRef,
  name: string,
  past: PastVisit,
  pruning: Pick<Ended, "keep" | "drop">,
): Outcome | null {
  const { settled, outcomes } = past;
  if (!past.isForeign || settled.settled === null) return settled;
  const durationMs = outcomes.reduce((sum, outcome) => sum + outcome.duration_ms, 0);
  const ended = { status: settled.settled, attempts: outcomes.length, durationMs, wrote: settled.wrote, ...pruning };
  try {
    return { ...settled, decision: decideAfter(frame, ref, name, ended).decision };
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

/**
 * Looks at the branches of an element on the state as it will be after it.
 *
 * It is done before the outcome is recorded, so that outcome and decision are one record.
 * @throws ExpressionError when a condition fails for another reason than a missing key
 */
export function decideAfter(frame: Frame, ref: StageRef, name: string, ended: Ended): Decided {
  const rules = frame.plan.branches.get(name);
  if (rules === undefined) return UNDECIDED;
  noteFacts(frame, name, ended.status, ended.attempts, ended.durationMs, ref.visit);
  const state = prune({ ...frame.state.snapshot(), ...ended.wrote }, ended.keep, ended.drop);
  const scope = stateScope(frame, state, stageMeta(frame, ref, ended.attempts));
  const { decision, rules: looked } = chooseBranch(rules, scope, (index) => frame.branchesTaken.get(index) ?? 0);
  const branch: BranchEvent = {
    type: "branch",
    stage: ref,
    taken: decision !== null,
    to: decision?.to ?? null,
    end: decision !== null && decision.to === null,
    rules: looked,
  };
  return { decision, branch };
}
