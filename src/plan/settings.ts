import type { PipelineSpec } from "../spec/spec.ts";
import type { Plan } from "./plan.ts";

export const DEFAULT_COMPRESS_ABOVE_BYTES = 8 * 1024;

/** What `[orchestration.sequential.pipeline]` says, with its defaults. */
export function settingsOf({
  orchestration,
}: PipelineSpec): Pick<Plan, "failFast" | "checkpointFrequency" | "saveIntermediateResults" | "compressAbove" | "rollback"> {
  const { pipeline = {} } = orchestration.sequential;
  return {
    failFast: pipeline.fail_fast ?? true,
    checkpointFrequency: pipeline.checkpoint_frequency ?? 1,
    saveIntermediateResults: pipeline.save_intermediate_results ?? true,
    compressAbove: pipeline.compress_above ?? DEFAULT_COMPRESS_ABOVE_BYTES,
    rollback: pipeline.rollback ?? "auto",
  };
}
