import type { RunEvent, RunEventType, StageRef, Stamped } from "../../src/engine/event.ts";
import type { Failure } from "../../src/engine/failure.ts";
import type { RunResult } from "../../src/engine/result.ts";
import type { JsonObject } from "../../src/spec/json.ts";

/** A type with all its optional fields, so that a sample of it shows every one. */
type Complete<T> = T extends JsonObject ? T : T extends object ? { [Key in keyof T]-?: Complete<T[Key]> } : T;

const analyzer: StageRef = { name: "analyzer", number: 2, total: 3, visit: 1, group: null };
const checks: StageRef = { name: "checks", number: 3, total: 3, visit: 1, group: null };

const failure: Complete<Failure> = {
  kind: "rate_limit",
  message: "429 rate limit",
  detail: '{"error":{"message":"Rate limit reached"}}',
  cause: ["429 Rate limit reached for requests"],
  retry_after_ms: 4000,
};

const usage = { input_tokens: 900, output_tokens: 120, cost: null };

const error = {
  message: "stage 2 (analyzer) failed after 3 attempts: 429 rate limit",
  kind: "rate_limit",
  stage: "analyzer",
  number: 2,
  attempts: 3,
  failure,
  before: null,
} as const;

/** One event of each type; `docs/events.md` shows them. */
export const eventSamples: { readonly [Type in RunEventType]: Complete<Stamped<Extract<RunEvent, { type: Type }>>> } = {
  "run-start": {
    ...stamp(1),
    type: "run-start",
    nested: null,
    pipeline_id: "sales-report",
    session_id: "s-7Q2M",
    total_stages: 3,
    input: { source: "may.csv" },
    meta: { pipeline_id: "sales-report", session_id: "s-7Q2M", run_id: "r-01JX", total_stages: "3" },
    resumed: false,
  },
  "stage-start": { ...stamp(2), type: "stage-start", stage: analyzer, agent: "analyzer", input: { rows: [] }, state: { rows: [] } },
  "attempt-start": { ...stamp(3), type: "attempt-start", stage: analyzer, agent: "analyzer", attempt: 1, attempts: 3 },
  "attempt-end": {
    ...stamp(4),
    type: "attempt-end",
    stage: analyzer,
    agent: "analyzer",
    attempt: 1,
    attempts: 3,
    status: "failed",
    duration_ms: 812,
    failure,
    retry_in_ms: 4000,
    fallback: null,
    usage: null,
  },
  log: { ...stamp(5), type: "log", stage: "analyzer", attempt: 2, text: "asking gpt-5-mini" },
  "stage-end": {
    ...stamp(6),
    type: "stage-end",
    stage: analyzer,
    agent: "analyzer",
    attempt: 2,
    status: "succeeded",
    duration_ms: 6120,
    input: { rows: [] },
    output: { kind: "decline" },
    state: { rows: [], kind: "decline" },
    failure: null,
    usage,
  },
  branch: {
    ...stamp(7),
    type: "branch",
    stage: analyzer,
    taken: true,
    to: "alert",
    end: false,
    rules: [{ condition: "kind == 'decline'", holds: true, missing: null, used_up: false }],
  },
  "stage-skip": { ...stamp(8), type: "stage-skip", stage: { ...analyzer, name: "enricher", visit: 0 } },
  "group-start": { ...stamp(9), type: "group-start", stage: checks, members: ["spelling", "figures"] },
  "group-end": {
    ...stamp(10),
    type: "group-end",
    stage: checks,
    status: "succeeded",
    duration_ms: 2040,
    output: { typos: 0 },
    failure: null,
  },
  "hook-fail": { ...stamp(11), type: "hook-fail", hook: "notify", on: "after_stage", message: "exit code 1" },
  warning: { ...stamp(12), type: "warning", stage: null, message: "the state has grown to 1.2 MB" },
  "rollback-start": { ...stamp(14), type: "rollback-start", stages: ["fetch"] },
  "undo-start": { ...stamp(15), type: "undo-start", stage: analyzer, agent: "remove" },
  "undo-end": {
    ...stamp(16),
    type: "undo-end",
    stage: analyzer,
    agent: "remove",
    status: "failed",
    attempts: 1,
    duration_ms: 40,
    failure,
  },
  "rollback-end": { ...stamp(17), type: "rollback-end", status: "failed" },
  "run-end": {
    ...stamp(13),
    type: "run-end",
    nested: null,
    status: "failed",
    duration_ms: 9300,
    state: { rows: [] },
    meta: { pipeline_id: "sales-report", session_id: "s-7Q2M", run_id: "r-01JX", total_stages: "3" },
    error,
  },
};

/** A run in which a group succeeded and the stage after it failed; `docs/result.md` shows it. */
export const resultSample: RunResult = {
  version: 1,
  run_id: "r-01JX",
  pipeline_id: "sales-report",
  session_id: "s-7Q2M",
  status: "failed",
  started_at: "2026-03-01T06:00:00.000Z",
  ended_at: "2026-03-01T06:00:09.300Z",
  duration_ms: 9300,
  state: { source: "may.csv", typos: 0 },
  meta: { pipeline_id: "sales-report", session_id: "s-7Q2M", run_id: "r-01JX", total_stages: "2" },
  path: ["checks", "analyzer"],
  stages: [
    {
      name: "checks",
      number: 1,
      status: "succeeded",
      visit: 1,
      served_by: null,
      attempts: [],
      duration_ms: 2040,
      wrote: ["typos"],
      usage: null,
      error: null,
    },
    {
      name: "spelling",
      number: 1,
      status: "succeeded",
      visit: 1,
      group: "checks",
      served_by: "spelling",
      attempts: [{ number: 1, agent: "spelling", status: "succeeded", kind: null, message: null, duration_ms: 2031 }],
      duration_ms: 2031,
      wrote: ["typos"],
      usage: null,
      error: null,
    },
    {
      name: "analyzer",
      number: 2,
      status: "failed",
      visit: 1,
      served_by: "analyzer",
      attempts: [
        { number: 1, agent: "analyzer", status: "failed", kind: "rate_limit", message: "429 rate limit", duration_ms: 812 },
        { number: 2, agent: "analyzer", status: "failed", kind: "rate_limit", message: "429 rate limit", duration_ms: 790 },
      ],
      duration_ms: 7200,
      wrote: [],
      usage,
      error: failure,
    },
  ],
  usage,
  warnings: ["hook notify (after_stage) failed: exit code 1"],
  error: { ...error, message: "stage 2 (analyzer) failed after 2 attempts: 429 rate limit", attempts: 2 },
  rollback: {
    status: "succeeded",
    stages: [{ name: "checks", visit: 1, agent: "remove", status: "succeeded", attempts: 1, duration_ms: 40, usage: null, error: null }],
  },
};

function stamp(seq: number): { version: 1; seq: number; at: string; run_id: string } {
  return { version: 1, seq, at: `2026-03-01T06:00:${String(seq - 1).padStart(2, "0")}.000Z`, run_id: "r-01JX" };
}
