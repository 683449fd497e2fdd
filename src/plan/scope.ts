import type { Json, JsonObject } from "../spec/json.ts";

/** What expressions and templates see. */
export interface Scope {
  /** Bare names: the state, or the adapted input, or the state before the stage. */
  readonly names: JsonObject;
  readonly state: JsonObject;
  readonly meta: Readonly<Record<string, string>>;
  /** By stage name: `status`, `attempts`, `duration_ms`, `visits`. */
  readonly stages: JsonObject;
  /** Where the key allows it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** In `output` only. */
  readonly result?: Json;
}

/** The metadata that agentflow itself sets, as a stage sees it. */
export const STAGE_META = ["session_id", "pipeline_id", "run_id", "total_stages", "stage_number", "stage_name", "attempt"] as const;

/** What an expression reads, by where it looks for it. */
export interface Reads {
  /** Top-level keys of the state (or the adapted input): bare names, `state.key` and `state['key']`. */
  readonly keys: readonly Read[];
  readonly env: readonly Read[];
  readonly stages: readonly Read[];
  readonly meta: readonly Read[];
  /** Whether `state` is used as a whole, or with a key that is only known in the run. */
  readonly wholeState: boolean;
}

export interface Read {
  readonly name: string;
  /** Whether it was written as `state.name` and so means the whole state where bare names mean something narrower. */
  readonly viaState: boolean;
  /** Whether it is only asked whether it is there: `has(state.name)`, `'name' in state`. */
  readonly tested: boolean;
  /** Offsets of the name in the expression's text. */
  readonly start: number;
  readonly end: number;
}

/** What an expression may refer to besides state, meta and stages. */
export interface ExpressionContext {
  readonly env?: boolean;
  readonly result?: boolean;
  /** Whether bare names are the keys of an `input` table, which `state` does not have. */
  readonly input?: boolean;
}

/** A mistake that is visible in the text. `start` and `end` are offsets in it. */
export interface ExpressionProblem {
  readonly code: string;
  readonly message: string;
  readonly start: number;
  readonly end: number;
  readonly help?: string;
  /** What mends it: text in the place of a part of the expression's text. */
  readonly fix?: { readonly safe: boolean; readonly start: number; readonly end: number; readonly text: string };
}
