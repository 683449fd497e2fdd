import type { Element, GroupPlan, StagePlan } from "../plan/plan.ts";
import type { Decision } from "./branch.ts";
import { type Frame, type SequenceEnd, stageRef, type Visit } from "./frame.ts";
import { runGroup } from "./group.ts";
import type { RunError } from "./result.ts";
import { runStage } from "./stage.ts";

/**
 * Runs a sequence from its first element to its end.
 *
 *     sequence:  a ── b ── c ── d          the next element, unless a branch of the current one says otherwise
 *                     │         ▲
 *                     ├─────────┘          a branch into the sequence jumps; what lies between is skipped
 *                     └── x ── y ─▶ c      a branch out of it is a detour, which returns after the element it left
 */
export async function runSequence(frame: Frame): Promise<SequenceEnd> {
  const { sequence, elements } = frame.plan;
  let firstError: RunError | null = null;
  let home = 0;
  let element: Element | undefined = sequence[0];
  while (element !== undefined) {
    const number = sequence[home]?.number ?? home + 1;
    const visit: Visit = await visitElement(frame, element, number);
    if (visit.stopped !== null) return { status: "stopped", stopped: visit.stopped, error: visit.error };
    if (visit.status === "failed") {
      firstError ??= visit.error;
      if (frame.plan.failFast) return { status: "failed", stopped: null, error: firstError };
    }
    if (visit.decision === null) {
      home += 1;
      element = sequence[home];
      continue;
    }
    countBranch(frame, visit.decision);
    const target: Element | undefined = visit.decision.to === null ? undefined : elements.get(visit.decision.to);
    // On a detour the sequence stays where it was.
    const position = target === undefined ? sequence.length : (target.number ?? home + 1) - 1;
    await skipBetween(frame, home, position, visit.live);
    home = position;
    element = target;
  }
  return { status: firstError === null ? "succeeded" : "failed", stopped: null, error: firstError };
}

function visitElement(frame: Frame, element: StagePlan | GroupPlan, number: number): Promise<Visit> {
  return element.kind === "group" ? runGroup(frame, element, number) : runStage(frame, element, { number, group: null });
}

function countBranch(frame: Frame, decision: Decision): void {
  frame.branchesTaken.set(decision.branch, (frame.branchesTaken.get(decision.branch) ?? 0) + 1);
}

/** Notes the elements that a jump forward (or an end) leaves out. */
async function skipBetween(frame: Frame, from: number, to: number, live: boolean): Promise<void> {
  for (const skipped of frame.plan.sequence.slice(from + 1, to)) {
    const ref = stageRef(frame, skipped.name, skipped.number ?? 0, 0, null);
    frame.stages.push({
      name: ref.name,
      number: ref.number,
      status: "skipped",
      visit: 0,
      served_by: null,
      attempts: [],
      duration_ms: 0,
      wrote: [],
      usage: null,
      error: null,
    });
    if (live) await frame.durable.emit({ type: "stage-skip", stage: ref });
  }
}
