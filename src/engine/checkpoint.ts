import type { Outcome } from "./durable.ts";
import type { Frame } from "./frame.ts";

/**
 * Whether an outcome has to be durable before the run goes on, by the pipeline's `checkpoint_frequency`: after every n-th
 * finished element, and whenever something failed for good or was stopped. What can be undone is always remembered.
 *
 * @param isElement whether the outcome may finish an element of the sequence (or a detour); a member of a group does not
 */
export function isCheckpoint(frame: Frame, outcome: Outcome, isElement: boolean, canBeUndone: boolean): boolean {
  const frequency = frame.plan.checkpointFrequency;
  if (frequency === 1) return true;
  switch (outcome.settled) {
    case null:
      return false;
    case "failed":
    case "cancelled":
      return true;
    case "succeeded":
    case "tolerated":
      if (isElement) frame.progress.finished += 1;
      return canBeUndone || (isElement && frequency > 0 && frame.progress.finished % frequency === 0);
  }
}
