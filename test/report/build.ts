import type { RunEvent, Stamped, StageRef } from "../../src/engine/event.ts";
import type { Failure } from "../../src/engine/failure.ts";
import type { RunResult, StageResult } from "../../src/engine/result.ts";
import type { Palette } from "../../src/report/palette.ts";

/** Colours that can be read in an expectation: `<red>✖</red>`. */
export const namedPalette: Palette = {
  red: (text) => `<red>${text}</red>`,
  yellow: (text) => `<yellow>${text}</yellow>`,
  green: (text) => `<green>${text}</green>`,
  cyan: (text) => `<cyan>${text}</cyan>`,
  blue: (text) => `<blue>${text}</blue>`,
  dim: (text) => `<dim>${text}</dim>`,
  bold: (text) => `<bold>${text}</bold>`,
};

export function stamp(event: RunEvent): Stamped {
  return { version: 1, seq: 1, at: "2026-01-02T03:04:05.000Z", run_id: "run1", ...event };
}

/** `at("2/3", "analyzer")`. */
export function at(position: string, name: string, more: Partial<StageRef> = {}): StageRef {
  const [number = 1, total = 1] = position.split("/").map(Number);
  return { name, number, total, visit: 1, group: null, ...more };
}

export function failed(message: string, more: Partial<Failure> = {}): Failure {
  return { kind: "exit", message, ...more };
}

type Fields<Type extends RunEvent["type"]> = Partial<Omit<Extract<RunEvent, { type: Type }>, "type" | "stage">>;

export function runStart(fields: Fields<"run-start"> = {}): Stamped {
  return stamp({
    type: "run-start",
    nested: null,
    pipeline_id: "sales",
    session_id: "s1",
    total_stages: 3,
    input: {},
    meta: {},
    resumed: false,
    ...fields,
  });
}

export function stageStart(stage: StageRef, agent = stage.name): Stamped {
  return stamp({ type: "stage-start", stage, agent, input: {}, state: {} });
}

export function attemptStart(stage: StageRef, attempt: number, attempts: number, agent = stage.name): Stamped {
  return stamp({ type: "attempt-start", stage, agent, attempt, attempts });
}

export function attemptEnd(stage: StageRef, fields: Fields<"attempt-end"> = {}): Stamped {
  const status = fields.failure ? "failed" : "succeeded";
  const given = {
    agent: stage.name,
    attempt: 1,
    attempts: 1,
    status,
    duration_ms: 1000,
    failure: null,
    retry_in_ms: null,
    fallback: null,
    usage: null,
  } as const;
  return stamp({ type: "attempt-end", stage, ...given, ...fields });
}

export function stageEnd(stage: StageRef, fields: Fields<"stage-end"> = {}): Stamped {
  const status = fields.failure ? "failed" : "succeeded";
  const given = {
    agent: stage.name,
    attempt: 1,
    status,
    duration_ms: 1200,
    input: {},
    output: {},
    state: {},
    failure: null,
    usage: null,
  } as const;
  return stamp({ type: "stage-end", stage, ...given, ...fields });
}

export function groupStart(stage: StageRef, members: readonly string[]): Stamped {
  return stamp({ type: "group-start", stage, members });
}

export function groupEnd(stage: StageRef, fields: Fields<"group-end"> = {}): Stamped {
  const status = fields.failure ? "failed" : "succeeded";
  return stamp({ type: "group-end", stage, status, duration_ms: 1200, output: {}, failure: null, ...fields });
}

export function branch(stage: StageRef, fields: Fields<"branch">): Stamped {
  return stamp({ type: "branch", stage, taken: false, to: null, end: false, rules: [], ...fields });
}

export function stageResult(name: string, fields: Partial<StageResult> = {}): StageResult {
  return {
    name,
    number: 1,
    status: "succeeded",
    visit: 1,
    served_by: name,
    attempts: [{ number: 1, agent: name, status: "succeeded", kind: null, message: null, duration_ms: 1200 }],
    duration_ms: 1200,
    wrote: [],
    usage: null,
    error: null,
    ...fields,
  };
}

export function runResult(fields: Partial<RunResult> = {}): RunResult {
  return {
    version: 1,
    run_id: "run1",
    pipeline_id: "sales",
    session_id: "s1",
    status: "succeeded",
    started_at: "2026-01-02T03:04:05.000Z",
    ended_at: "2026-01-02T03:04:17.300Z",
    duration_ms: 12_300,
    state: {},
    meta: { total_stages: "3" },
    path: [],
    stages: [],
    rollback: null,
    usage: { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: [],
    error: null,
    ...fields,
  };
}
