import type { RunResult } from "../../../src/index.ts";
import type { PredictedStage, Prediction } from "./model.ts";

/** What of a result must be the same, however the run came to its end: no times, no messages. */
export interface Shape {
  readonly status: string;
  readonly state: unknown;
  readonly path: readonly string[];
  readonly error: unknown;
  /** One line per visit. */
  readonly stages: readonly string[];
}

export function shapeOf(result: RunResult | null): Shape {
  if (result === null) throw new Error("the run has not ended");
  const { status, state, path, error } = result;
  return { status, state, path, error: error === null ? null : { kind: error.kind, stage: error.stage }, stages: stageLines(result) };
}

/** The stages of a result, a line each. */
export function stageLines(result: RunResult): string[] {
  return result.stages.map(({ served_by, group = null, ...stage }) => line({ ...stage, group, servedBy: served_by }));
}

export function shapeOfPrediction({ status, state, path, error, stages }: Prediction): Shape {
  return { status, state, path, error, stages: stages.map(line) };
}

/** `2 outer/b~1 (g): a#1 exit, a#2 exit, b#1 ok → succeeded, wrote k1` */
function line({ name, number, visit, group, status, servedBy, attempts, wrote }: PredictedStage): string {
  const tried = attempts.map((attempt) => `${attempt.agent}#${attempt.number} ${attempt.kind ?? "ok"}`).join(", ");
  if (attempts.length > 0 && servedBy !== attempts.at(-1)?.agent)
    throw new Error(`${name} was served by ${servedBy}, not by its last agent`);
  const what = `${number} ${name}~${visit}${group === null ? "" : ` (${group})`}: ${tried === "" ? "" : `${tried} → `}${status}`;
  return wrote.length === 0 ? what : `${what}, wrote ${[...wrote].toSorted().join(" ")}`;
}
