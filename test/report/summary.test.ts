import { describe, expect, it } from "vitest";
import type { RunResult, UndoneStage } from "../../src/engine/result.ts";
import { plainPalette } from "../../src/report/palette.ts";
import { failureSummary, successSummary } from "../../src/report/summary.ts";
import { failed, runResult, stageResult } from "./build.ts";

const collector = stageResult("collector", { wrote: ["rows", "period", "dropped_later"] });
const limit = failed("429 rate limit", { kind: "rate_limit", cause: ["rate limit", "socket hang up"] });
const analyzer = stageResult("analyzer", {
  number: 2,
  status: "failed",
  duration_ms: 11_100,
  attempts: [
    { number: 1, agent: "analyzer", status: "failed", kind: "timeout", message: "no answer\nin 5s", duration_ms: 5000 },
    { number: 1, agent: "backup", status: "failed", kind: "rate_limit", message: "429 rate limit", duration_ms: 2100 },
  ],
  error: limit,
});
const error = {
  message: "stage 2 (analyzer) failed after 2 attempts: 429 rate limit",
  kind: "rate_limit",
  stage: "analyzer",
  number: 2,
  attempts: 2,
  before: null,
  failure: limit,
} as const;
const failedRun = runResult({ status: "failed", stages: [collector, analyzer], state: { rows: [], period: "May", source: "x" }, error });

function undone(name: string, rest: Partial<UndoneStage> = {}): UndoneStage {
  return { name, visit: 1, agent: "remove", status: "succeeded", attempts: 1, duration_ms: 40, usage: null, error: null, ...rest };
}

const failures: { does: string; result: RunResult; next?: readonly string[]; lines: string[] }[] = [
  {
    does: "rows 9, 71: which stage, after how many attempts, why, the causes that say something new, what is kept",
    result: failedRun,
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 2 (analyzer) failed after 2 attempts: 429 rate limit",
      "  because: socket hang up",
      "    attempt 1, 5s: timeout: no answer in 5s",
      "    attempt 1 by backup, 2.1s: rate_limit: 429 rate limit",
      "",
      "  finished: collector 1.2s",
      "  kept: nothing is stored; what they wrote (rows, period) is in the result, which `--output result` prints",
    ],
  },
  {
    does: "the exact command that goes on",
    result: runResult({ ...failedRun, usage: { input_tokens: 1000, output_tokens: 200, cost: null } }),
    next: ["agentflow resume run1"],
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 2 (analyzer) failed after 2 attempts: 429 rate limit",
      "  because: socket hang up",
      "    attempt 1, 5s: timeout: no answer in 5s",
      "    attempt 1 by backup, 2.1s: rate_limit: 429 rate limit",
      "",
      "  finished: collector 1.2s",
      "  used: 1,200 tokens",
      "  kept: the finished stages; this goes on without running them again:",
      "    agentflow resume run1",
    ],
  },
  {
    does: "and the one that undoes what has finished, where that can be",
    result: runResult({ status: "cancelled", stages: [collector] }),
    next: ["agentflow resume run1", "agentflow rollback run1"],
    lines: [
      "✖ sales was cancelled after 12.3s",
      "",
      "  finished: collector 1.2s",
      "  kept: the finished stages; this goes on without running them again:",
      "    agentflow resume run1",
      "  or undo them:",
      "    agentflow rollback run1",
    ],
  },
  {
    does: "nothing has finished that could be undone",
    result: runResult({ status: "cancelled", stages: [] }),
    next: ["agentflow resume run1", "agentflow rollback run1"],
    lines: [
      "✖ sales was cancelled after 12.3s",
      "",
      "  finished: no stage",
      "  kept: the run and its input; this goes on with it:",
      "    agentflow resume run1",
    ],
  },
  {
    does: "what has finished is undone, each stage with the agent that undid it",
    result: runResult({
      status: "rolled_back",
      stages: [collector],
      rollback: { status: "succeeded", stages: [undone("collector"), undone("checks", { visit: 2 })] },
    }),
    next: [],
    lines: [
      "✖ sales did not succeed, and was rolled back, after 12.3s",
      "  ↩ collector was undone by remove",
      "  ↩ checks (visit 2) was undone by remove",
      "",
      "  finished: collector 1.2s",
      "  kept: what was recorded, to look at",
    ],
  },
  {
    does: "a handler that failed, and the command that tries it again",
    result: runResult({
      status: "rollback_failed",
      stages: [collector],
      rollback: {
        status: "failed",
        stages: [undone("collector", { status: "failed", error: failed("exited with code 1") })],
      },
    }),
    next: ["agentflow rollback run1"],
    lines: [
      "✖ sales did not succeed, and could not be rolled back whole, after 12.3s",
      "  ✖ collector was not undone: remove failed: exited with code 1",
      "",
      "  finished: collector 1.2s",
      "  kept: what was recorded; this tries the handlers that failed again:",
      "    agentflow rollback run1",
    ],
  },
  {
    does: "the end of a script's stderr, made printable",
    result: runResult({
      status: "failed",
      stages: [stageResult("fetch", { status: "failed", error: failed("exit code 3") })],
      error: {
        message: "stage 1 (fetch) failed: exit code 3",
        kind: "exit",
        stage: "fetch",
        number: 1,
        attempts: 1,
        before: null,
        failure: failed("exit code 3", { detail: "\n\u001b[31mTraceback:\u001b[0m\n\tline 1\r\n\nboom\u0007\n\n" }),
      },
    }),
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 1 (fetch) failed: exit code 3",
      "    │ Traceback:",
      "    │     line 1",
      "    │ ",
      "    │ boom",
      "",
      "  finished: no stage",
      "  kept: nothing",
    ],
  },
  {
    does: "only the last lines of it",
    result: runResult({
      status: "failed",
      error: {
        message: "m",
        kind: "exit",
        stage: null,
        number: null,
        attempts: 0,
        before: null,
        failure: failed("m", { detail: Array.from({ length: 30 }, (_, i) => `${i}`).join("\n") }),
      },
    }),
    lines: [
      "✖ sales failed after 12.3s",
      "  m",
      ...Array.from({ length: 20 }, (_, i) => `    │ ${i + 10}`),
      "",
      "  finished: no stage",
      "  kept: nothing",
    ],
  },
  {
    does: "row 63: every member of a group that failed, what was tolerated, and hooks that failed",
    result: runResult({
      status: "failed",
      stages: [
        stageResult("hint", { status: "tolerated", error: failed("no hints") }),
        stageResult("checks", { number: 2, status: "failed", served_by: null, attempts: [], error: failed("2 of 2 members failed") }),
        stageResult("licences", { number: 2, status: "failed", group: "checks", error: failed("exit code 1", { detail: "no licence" }) }),
        stageResult("sizes", {
          number: 2,
          status: "failed",
          visit: 2,
          group: "checks",
          attempts: analyzer.attempts,
          error: failed("exit code 2"),
        }),
        stageResult("last", { number: 3, status: "skipped", visit: 0, served_by: null, attempts: [] }),
      ],
      warnings: ["hook notify failed on after_stage: exit\u001b[1m code 1"],
      error: {
        message: "stage 2 (checks) failed: 2 of 2 members failed",
        kind: "exit",
        stage: "checks",
        number: 2,
        attempts: 0,
        before: null,
        failure: failed("2 of 2 members failed"),
      },
    }),
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 2 (checks) failed: 2 of 2 members failed",
      "  ✖ stage 2 (licences, in group checks) failed: exit code 1",
      "    │ no licence",
      "  ✖ stage 2 (sizes, in group checks, visit 2) failed after 2 attempts: exit code 2",
      "  ⚠ stage 1 (hint) failed, tolerated: no hints",
      "  ⚠ hook notify failed on after_stage: exit code 1",
      "",
      "  finished: no stage",
      "  kept: nothing",
    ],
  },
  {
    does: "a member or a nested stage whose failure the main message quotes is not told twice",
    result: runResult({
      status: "failed",
      stages: [
        stageResult("outer/read", { status: "failed", error: failed("exit code 3", { detail: "no such file" }) }),
        stageResult("outer", { status: "failed", error: failed("stage 1 (outer/read) failed: exit code 3", { detail: "no such file" }) }),
      ],
      error: {
        message: "stage 1 (outer) failed: stage 1 (outer/read) failed: exit code 3",
        kind: "exit",
        stage: "outer",
        number: 1,
        attempts: 1,
        before: null,
        failure: failed("stage 1 (outer/read) failed: exit code 3", { detail: "no such file" }),
      },
    }),
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 1 (outer) failed: stage 1 (outer/read) failed: exit code 3",
      "    │ no such file",
      "",
      "  finished: no stage",
      "  kept: nothing",
    ],
  },
  {
    does: "but it is where it has more to say",
    result: runResult({
      status: "failed",
      stages: [
        stageResult("g", { status: "failed", served_by: null, error: failed("member a failed: boom") }),
        stageResult("a", { status: "failed", group: "g", error: failed("boom", { detail: "why" }) }),
      ],
      error: {
        message: "stage 1 (g) failed: member a failed: boom",
        kind: "exit",
        stage: "g",
        number: 1,
        attempts: 0,
        before: null,
        failure: failed("member a failed: boom"),
      },
    }),
    lines: [
      "✖ sales failed after 12.3s",
      "  stage 1 (g) failed: member a failed: boom",
      "  ✖ stage 1 (a, in group g) failed: boom",
      "    │ why",
      "",
      "  finished: no stage",
      "  kept: nothing",
    ],
  },
  {
    does: "the pipeline's timeout",
    result: runResult({
      status: "timed_out",
      duration_ms: 300_000,
      error: {
        message: "the pipeline's timeout of 5m is over",
        kind: "deadline",
        stage: null,
        number: null,
        attempts: 0,
        before: null,
        failure: failed("the pipeline's timeout of 5m is over", { kind: "deadline" }),
      },
    }),
    lines: ["✖ sales ran out of time after 5m", "  the pipeline's timeout of 5m is over", "", "  finished: no stage", "  kept: nothing"],
  },
  {
    does: "a cancelled run, with many stages that had finished",
    result: runResult({
      status: "cancelled",
      stages: Array.from({ length: 14 }, (_, i) => stageResult(`s${i}`, { visit: i === 1 ? 2 : 1 })),
    }),
    lines: [
      "✖ sales was cancelled after 12.3s",
      "",
      "  finished: s0 1.2s, s1 (visit 2) 1.2s, s2 1.2s, s3 1.2s, s4 1.2s, s5 1.2s, s6 1.2s, s7 1.2s, s8 1.2s, s9 1.2s, s10 1.2s and 3 more",
      "  kept: nothing",
    ],
  },
];

describe("after a run that did not succeed", () => {
  it.each(failures)("$does", ({ result, next, lines }) => {
    expect(failureSummary(result, { palette: plainPalette, next: next ?? null }).split("\n")).toEqual(lines);
  });
});

describe("after a run that succeeded", () => {
  it.each([
    { does: "stages and duration", result: runResult({ stages: [collector] }), lines: ["✔ sales succeeded in 12.3s: 1 stage"] },
    {
      does: "tokens and cost where there are any; groups and skipped stages are no calls",
      result: runResult({
        stages: [
          collector,
          stageResult("g", { served_by: null }),
          stageResult("a", { group: "g" }),
          stageResult("b", { group: "g" }),
          stageResult("s", { status: "skipped", served_by: null }),
        ],
        usage: { input_tokens: 1_234_000, output_tokens: 567, cost: 0.12 },
      }),
      lines: ["✔ sales succeeded in 12.3s: 3 stages, 1,234,567 tokens, cost 0.12"],
    },
    {
      does: "what was tolerated, and warnings, are never silent",
      result: runResult({
        stages: [collector, stageResult("analyzer", { number: 2, status: "tolerated", attempts: analyzer.attempts, error: limit })],
        warnings: ["hook notify failed on after_run: exit code 1"],
      }),
      lines: [
        "✔ sales succeeded in 12.3s: 2 stages",
        "  ⚠ stage 2 (analyzer) failed after 2 attempts, tolerated: 429 rate limit",
        "  ⚠ hook notify failed on after_run: exit code 1",
      ],
    },
    {
      does: "a member that failed while its group succeeded is not silent",
      result: runResult({
        stages: [
          stageResult("g", { served_by: null }),
          stageResult("a", { group: "g" }),
          stageResult("b", { group: "g", status: "failed", error: limit }),
        ],
      }),
      lines: ["✔ sales succeeded in 12.3s: 2 stages", "  ⚠ stage 1 (b, in group g) failed, tolerated: 429 rate limit"],
    },
  ])("$does", ({ result, lines }) => {
    expect(successSummary(result, { palette: plainPalette }).split("\n")).toEqual(lines);
  });
});
