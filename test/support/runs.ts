import type { Outcome } from "../../src/engine/durable.ts";
import type { JsonObject } from "../../src/spec/json.ts";
import type { RunRecord } from "../../src/store/store.ts";

/** A run as a store gets it. */
export function recordWith(run_id: string, more: Partial<RunRecord> & { readonly compressAbove?: number } = {}): RunRecord {
  const { compressAbove, ...others } = more;
  const pipeline: object = compressAbove === undefined ? {} : { pipeline: { compress_above: compressAbove } };
  return {
    run_id,
    pipeline_id: "p",
    session_id: "s",
    started_at: Date.UTC(2030, 0, 1),
    source: {
      file: "/p.toml",
      directory: "/",
      spec: { orchestration: { sequential: { agents: ["a"], ...pipeline } } },
      texts: {},
      pipelines: {},
    },
    input: { words: "some" },
    meta: {},
    functions: [],
    secrets: [],
    parent: null,
    ...others,
  };
}

/** An outcome as a journal gets it. */
export function outcomeWith(wrote: JsonObject): Outcome {
  return {
    status: "succeeded",
    settled: "succeeded",
    agent: "a",
    attempt: 1,
    ended_at: Date.UTC(2030, 0, 1),
    duration_ms: 0,
    wrote,
    bare: false,
    failure: null,
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  };
}
