import type { JsonObject } from "../spec/json.ts";
import type { FailureKind } from "../spec/spec.ts";
import type { Metadata } from "./agent.ts";
import type { Failure, Usage } from "./failure.ts";

/** `rolled_back` and `rollback_failed`: it did not succeed, and what it had finished was undone, or not all of it. */
export type RunStatus = "succeeded" | "failed" | "timed_out" | "cancelled" | "rolled_back" | "rollback_failed";
export type StageStatus = "succeeded" | "failed" | "tolerated" | "skipped" | "cancelled";

/** How a run ended. This is what `--output result` prints: plain JSON, versioned. */
export interface RunResult {
  readonly version: 1;
  readonly run_id: string;
  readonly pipeline_id: string;
  readonly session_id: string;
  readonly status: RunStatus;
  /** ISO 8601. */
  readonly started_at: string;
  readonly ended_at: string;
  readonly duration_ms: number;
  /** The running state at the end. */
  readonly state: JsonObject;
  readonly meta: Metadata;
  /** The elements that were executed, in order; groups by their name, nested stages as `outer/inner`. */
  readonly path: readonly string[];
  /** One entry per visit; members of a group stand after the group's own entry. */
  readonly stages: readonly StageResult[];
  readonly usage: Usage;
  /** What went wrong without failing the run: hooks and callbacks that failed. */
  readonly warnings: readonly string[];
  readonly error: RunError | null;
  /** null: nothing was undone. */
  readonly rollback: RollbackResult | null;
}

/** What was undone, in the order in which it was. */
export interface RollbackResult {
  readonly status: "succeeded" | "failed";
  readonly stages: readonly UndoneStage[];
}

export interface UndoneStage {
  readonly name: string;
  readonly visit: number;
  /** The agent that undid it, or was the last to try. */
  readonly agent: string;
  readonly status: "succeeded" | "failed";
  readonly attempts: number;
  readonly duration_ms: number;
  readonly usage: Usage | null;
  readonly error: Failure | null;
}

/** Why a run did not succeed. */
export interface RunError {
  /** `stage N (name) failed: cause` */
  readonly message: string;
  readonly kind: Failure["kind"];
  /** null when the run was stopped between stages. */
  readonly stage: string | null;
  readonly number: number | null;
  readonly attempts: number;
  readonly failure: Failure;
  /** The stage that would have come next, where the run was stopped between stages; otherwise null. */
  readonly before: string | null;
}

export interface StageResult {
  readonly name: string;
  readonly number: number;
  readonly status: StageStatus;
  /** 1-based; 0 for one that was skipped. */
  readonly visit: number;
  /** Only on members of a group. */
  readonly group?: string;
  /** The agent that served it; null for a group and for one that was skipped. */
  readonly served_by: string | null;
  readonly attempts: readonly AttemptResult[];
  /** Attempts and the waits between them. */
  readonly duration_ms: number;
  /** The keys that changed. */
  readonly wrote: readonly string[];
  readonly usage: Usage | null;
  readonly error: Failure | null;
}

export interface AttemptResult {
  /** 1-based; starts again with a fallback. */
  readonly number: number;
  readonly agent: string;
  readonly status: "succeeded" | "failed";
  readonly kind: FailureKind | null;
  readonly message: string | null;
  readonly duration_ms: number;
}

/** Tokens added up; null where no model was asked. A cost is known only if every part of it is. */
export function sumUsage(parts: readonly { readonly usage: Usage | null }[]): Usage | null {
  let sum: Usage | null = null;
  for (const { usage } of parts) {
    if (usage === null) continue;
    sum =
      sum === null
        ? usage
        : {
            input_tokens: sum.input_tokens + usage.input_tokens,
            output_tokens: sum.output_tokens + usage.output_tokens,
            cost: sum.cost === null || usage.cost === null ? null : sum.cost + usage.cost,
          };
  }
  return sum;
}
