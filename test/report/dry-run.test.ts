import { describe, expect, it } from "vitest";
import { dryRun } from "../../src/report/dry-run.ts";
import { type DryRunFacts, dryRunJson } from "../../src/report/dry-run-json.ts";
import { plainPalette } from "../../src/report/palette.ts";
import { agent, branch, group, model, type PlanParts, plan, script } from "./build-plan.ts";
import { namedPalette } from "./build.ts";

const NOTHING_MISSING: DryRunFacts = { missingInputs: [], missingVariables: [], assumedInputs: [] };
const SECOND = 1000;
const MINUTE = 60 * SECOND;

function shown(parts: PlanParts, facts: Partial<DryRunFacts> = {}): string[] {
  return dryRun(plan(parts), { ...NOTHING_MISSING, ...facts }, { palette: plainPalette }).split("\n");
}

/** Only the lines about stages. */
function table(parts: PlanParts): string[] {
  const lines = shown(parts);
  const start = lines.findIndex((line) => line.startsWith("#"));
  return lines.slice(start + 1, lines.indexOf("", start));
}

/** Only what stands beside a title. */
function beside(title: string, lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => line.startsWith(title));
  const end = lines.indexOf("", start);
  return start === -1 ? [] : lines.slice(start, end === -1 ? undefined : end).map((line) => line.slice(11));
}

const example: PlanParts = {
  description: "Sales figures of a month, with findings",
  sequence: [
    agent("collector", {
      call: script("node", "collect.mjs", "${{ source }}"),
      timeoutMs: 30 * SECOND,
      retry: { retries: 2, delayMs: 5000 },
    }),
    agent("analyzer", { call: model("gpt-5-mini"), fallback: "backup", onError: "continue" }),
    group("checks", [agent("spelling"), agent("figures", { timeoutMs: 2 * MINUTE })], { merge: "namespace", onError: "continue" }),
    agent("formatter", { description: "Writes the report", call: model("gpt-5-mini"), timeoutMs: 10 * MINUTE }),
  ],
  detours: [agent("alert", { timeoutMs: 5 * MINUTE })],
  fallbacks: [agent("backup", { call: model("llama3"), retry: { retries: 1 } })],
  branches: [
    branch("analyzer", "alert", "kind == 'decline'"),
    branch("analyzer", "formatter", "rows == []"),
    branch("formatter", "analyzer", "score < 8", 2),
  ],
  inputs: { source: { type: "string", description: "CSV file with one row per sale" }, limit: { type: "integer", default: 10 } },
  variables: ["OPENAI_API_KEY", "HOME"],
  hooks: [
    {
      name: "notify",
      on: ["after_stage", "stage_error"],
      agents: null,
      call: { type: "command", command: ["node", "notify.mjs"], cwd: "/home/me" },
      timeoutMs: 10 * SECOND,
    },
  ],
};

describe("a dry run, for a person", () => {
  it("shows the whole of a pipeline", () => {
    expect(shown(example, { missingInputs: ["source"], missingVariables: ["OPENAI_API_KEY"] })).toEqual([
      "sales-report: what a run would do. Nothing is called and nothing is written.",
      "Sales figures of a month, with findings",
      "",
      "#  stage       kind    calls                           timeout  attempts  at most",
      "1  collector   script  node collect.mjs ${{ source }}  30s      3         1m 45s = 3 × 30s + 5s + 10s",
      "2  analyzer    llm     gpt-5-mini at openai            1m       1         3m 01s = 1m + backup (2 × 1m + 1s)",
      "      when that has failed, backup takes over: llm llama3 at openai, timeout 1m, 2 attempts",
      "      a failure is tolerated: the run goes on without its output",
      "      ↳ when kind == 'decline': on to alert",
      "      ↳ when rows == []: on to formatter",
      "3  checks      group   2 members at the same time                         2m = the slowest of 2: figures",
      "      merge namespace: what each writes goes under its name; all finish, and at least 1 must succeed",
      "      may be jumped over: depends on the outcome of `analyzer`",
      "     spelling  script  node spelling.mjs               1m       1         1m",
      "     figures   script  node figures.mjs                2m       1         2m",
      "4  formatter   llm     gpt-5-mini at openai            10m      1         10m",
      "      Writes the report",
      "      ↳ when score < 8: back to analyzer, at most 2 times",
      "–  alert       script  node alert.mjs                  5m       1         5m",
      "      reached only by a branch: depends on the outcome of `analyzer`",
      "",
      "Time       at most 1h 02m = collector 1m 45s + analyzer 3m 01s + alert 5m + checks 2m + formatter 10m",
      "           + 2 × (analyzer 3m 01s + alert 5m + checks 2m + formatter 10m)",
      "           not counted: longer waits that a server asks for, hooks",
      "",
      "Inputs     source  string, required            missing: give it with --input source=…  CSV file with one row per sale",
      "           limit   integer, 10 when not given",
      "",
      "Variables  OPENAI_API_KEY  not set",
      "           HOME            set",
      "",
      "Hooks      notify  on after_stage, stage_error  of all stages  node notify.mjs  timeout 10s",
      "",
      "A run would not start: the input source, the variable OPENAI_API_KEY are missing.",
    ]);
  });

  it("shows little of a small one", () => {
    expect(shown({ sequence: [agent("only", { timeoutMs: null })] })).toEqual([
      "sales-report: what a run would do. Nothing is called and nothing is written.",
      "",
      "#  stage  kind    calls          timeout   attempts  at most",
      "1  only   script  node only.mjs  no limit  1         no limit",
      "",
      "Time       no limit = only no limit",
      "",
      "Inputs     none is declared: any input is taken",
    ]);
  });

  it("says what each type of agent calls", () => {
    const inner = { ...plan({ sequence: [agent("look-up"), group("both", [agent("p"), agent("q")])] }), file: "/home/me/lib/enrich.toml" };
    expect(
      table({
        sequence: [
          agent("shell", { call: { ...script(), command: "cat *.csv |\n  sort" } }),
          agent("module", { call: { type: "module", module: "/home/me/lib/look-up.mjs" } }),
          agent("canned", { timeoutMs: null, call: { type: "canned", replies: [1], delayMs: 0, fail: null, failTimes: null } }),
          agent("broken", { call: { type: "canned", replies: [], delayMs: 0, fail: "rate_limit", failTimes: 1 } }),
          agent("code", { call: { type: "function" } }),
          agent("long", { call: script("node", "x".repeat(60)) }),
          agent("nested", { call: { type: "pipeline", plan: inner } }),
        ],
      }),
    ).toEqual([
      "1  shell             script    cat *.csv | sort                              1m        1         1m",
      "2  module            module    lib/look-up.mjs                               1m        1         1m",
      "3  canned            canned    canned replies                                no limit  1         0ms",
      "4  broken            canned    fails as rate_limit 1 time, then replies      1m        1         0ms",
      "5  code              function  a function in code                            1m        1         1m",
      `6  long              script    node ${"x".repeat(38)}…  1m        1         1m`,
      "7  nested            pipeline  lib/enrich.toml                               1m        1         1m",
      "     nested/look-up  script    node look-up.mjs                              1m        1         1m",
      "     nested/both     group     2 members at the same time                                        1m = the slowest of 2: p",
      "      merge flat: what they write goes into the state as it is; no two may write the same key; the first failure stops the others",
      "       nested/p      script    node p.mjs                                    1m        1         1m",
      "       nested/q      script    node q.mjs                                    1m        1         1m",
    ]);
  });

  it("says how a group runs and what it does with what its members write", () => {
    const members = ["a", "b", "c"].map((name) => agent(name));
    const prefix = "      merge prefix: what each writes goes into the state, its keys with the member's name before them; ";
    expect(
      table({ sequence: [group("g", members, { maxConcurrency: 2, merge: "prefix", onError: "continue", minSuccess: 2 })] }).slice(0, 2),
    ).toEqual([
      "1  g      group   3 members, 2 at a time                     2m = 3 members, 2 at a time",
      `${prefix}all finish, and at least 2 must succeed`,
    ]);
    expect(table({ sequence: [group("g", members, { maxConcurrency: 1, merge: "prefix" })] }).slice(0, 2)).toEqual([
      "1  g      group   3 members, one after the other                     3m = 3 members, one after the other",
      `${prefix}the first failure stops the others`,
    ]);
  });

  it("says where branches lead, and what is decided by them", () => {
    expect(
      table({
        sequence: [agent("a"), agent("b"), agent("c")],
        detours: [agent("x")],
        branches: [branch("a", null, "done"), branch("a", "x", "k", 1), branch("c", "c", "again", 3), branch("x", "c")],
      }).filter((line) => line.startsWith("    ") || /^\S  \S/.test(line)),
    ).toEqual([
      "1  a      script  node a.mjs  1m       1         1m",
      "      ↳ when done: the run ends",
      "      ↳ when k: on to x, at most 1 time",
      "2  b      script  node b.mjs  1m       1         1m",
      "      may be jumped over: depends on the outcome of `a`",
      "3  c      script  node c.mjs  1m       1         1m",
      "      may be jumped over: depends on the outcome of `a`",
      "      ↳ when again: back to c, at most 3 times",
      "–  x      script  node x.mjs  1m       1         1m",
      "      reached only by a branch: depends on the outcome of `a`",
      "      ↳ otherwise: on to c",
    ]);
  });

  it.each([
    {
      does: "the timeout ends a run",
      parts: { sequence: [agent("a"), agent("b")], timeoutMs: 90 * SECOND },
      lines: ["at most 1m 30s: then the pipeline's timeout ends the run", "without it 2m = a 1m + b 1m"],
    },
    { does: "a longer timeout does nothing", parts: { sequence: [agent("a")], timeoutMs: 90 * SECOND }, lines: ["at most 1m = a 1m"] },
    { does: "a timeout of just that", parts: { sequence: [agent("a")], timeoutMs: MINUTE }, lines: ["at most 1m = a 1m"] },
    {
      does: "the timeout ends what has no limit",
      parts: { sequence: [agent("a", { timeoutMs: null })], timeoutMs: 90 * SECOND },
      lines: ["at most 1m 30s: then the pipeline's timeout ends the run", "without it no limit = a no limit"],
    },
    {
      does: "a model in a group of a nested pipeline may be asked to wait",
      parts: {
        sequence: [agent("a", { call: { type: "pipeline", plan: plan({ sequence: [group("g", [agent("m", { call: model("x") })])] }) } })],
      },
      lines: ["at most 1m = a 1m", "not counted: longer waits that a server asks for"],
    },
  ])("time: $does", ({ parts, lines }) => {
    expect(beside("Time", shown(parts))).toEqual(lines);
  });

  it("names the inputs that nobody declared", () => {
    expect(beside("Inputs", shown({ sequence: [agent("a")], inputs: { b: { required: false } } }, { assumedInputs: ["region"] }))).toEqual([
      "b       any type, optional",
      "region  any type            read by a stage and written by none: it must be in the input",
    ]);
  });

  it("makes what the file says printable", () => {
    const lines = shown({
      pipelineId: "evil\u001b[2J",
      description: "a\nb",
      sequence: [agent("a", { call: script("echo", "\u001b]0;x\u0007\nb") })],
    });
    expect(lines.slice(0, 2)).toEqual(["evil: what a run would do. Nothing is called and nothing is written.", "a b"]);
    expect(lines[4]).toBe("1  a      script  echo b  1m       1         1m");
  });

  it("keeps the columns in line with colours and wide characters", () => {
    const inputs = {
      ort: { default: "東京", description: "x" },
      a: { type: "string" },
      b: { default: "Berlin 1", description: "y" },
    } as const;
    const text = dryRun(plan({ sequence: [agent("a")], inputs }), { ...NOTHING_MISSING, missingInputs: ["a"] }, { palette: namedPalette });
    const lines = text.split("\n");
    const start = lines.findIndex((line) => line.startsWith("<bold>Inputs"));
    expect(lines.slice(start)).toEqual([
      '<bold>Inputs     </bold>ort  any type, "東京" when not given      x',
      "<bold>           </bold>a    string, required                     <red>missing: give it with --input a=…</red>",
      '<bold>           </bold>b    any type, "Berlin 1" when not given  y',
      "",
      "<yellow>A run would not start: the input a is missing.</yellow>",
    ]);
  });
});

describe("a dry run, of what is kept and undone", () => {
  it("says nothing where it is as usual", () => {
    const lines = shown({ sequence: [agent("a")] });
    expect([beside("Kept", lines), beside("Rollback", lines)]).toEqual([[], []]);
  });

  it.each([
    { settings: { checkpointFrequency: 0 }, kept: ["progress is kept only at a failure and at the end"] },
    { settings: { checkpointFrequency: 2 }, kept: ["progress is kept after every 2 stages, and at a failure and the end"] },
    { settings: { saveIntermediateResults: false }, kept: ["once the run has succeeded, only its final state and timings"] },
    { settings: { compressAbove: 65_536 }, kept: ["values from 64KB on are compressed"] },
  ])("says how it is kept: $settings", ({ settings, kept }) =>
    expect(beside("Kept", shown({ sequence: [agent("a")], settings }))).toEqual(kept),
  );

  it("shows who undoes what, and when an agent is spared", () => {
    const parts: PlanParts = {
      sequence: [
        agent("book", { fallback: "phone", rollback: "cancel", breaker: { maxFailures: 3, resetAfterMs: 30_000 }, onError: "continue" }),
      ],
      fallbacks: [
        agent("phone", { rollback: "call-back", breaker: { maxFailures: 1, resetAfterMs: 1000 } }),
        agent("cancel", { retry: { retries: 2 }, fallback: "mail" }),
        agent("call-back", { timeoutMs: null }),
        agent("mail"),
      ],
    };
    expect(table(parts)).toEqual([
      "1  book   script  node book.mjs  1m       1         2m = 1m + phone 1m",
      "      when that has failed, phone takes over: script node phone.mjs, timeout 1m, 1 attempt",
      "      after 3 failed attempts in a row, book is not called for 30s",
      "      after a failed attempt, phone is not called for 1s",
      "      a failure is tolerated: the run goes on without its output",
      "      when the run is rolled back, cancel undoes it: script node cancel.mjs, timeout 1m, 3 attempts, and when that has failed mail",
      "      when the run is rolled back, call-back undoes what phone did: script node call-back.mjs, no timeout, 1 attempt",
    ]);
    expect(beside("Time", shown(parts))).toEqual(["at most 2m = book 2m", "not counted: a rollback"]);
    const manual: PlanParts = { ...parts, settings: { rollback: "manual" } };
    expect(beside("Time", shown(manual))).toEqual(["at most 2m = book 2m"]);
    expect(beside("Rollback", shown(manual))).toEqual(["only by agentflow rollback: a run that fails is left as it is"]);
  });
});

describe("a dry run, for a program", () => {
  it("is plain JSON with everything in it", () => {
    const parts: PlanParts = {
      sequence: [
        agent("a", {
          description: "Finds patterns",
          call: model("gpt-5-mini"),
          retry: { retries: 1 },
          fallback: "f",
          rollback: "u",
          breaker: { maxFailures: 3, resetAfterMs: 30_000 },
        }),
        group("g", [agent("m"), agent("n")]),
      ],
      fallbacks: [agent("f", { onError: "continue" }), agent("u", { fallback: "v" }), agent("v")],
      branches: [branch("a", null, "done")],
      inputs: { source: { type: "string", description: "d" }, n: { default: 1 } },
      variables: ["KEY"],
      timeoutMs: 5000,
      failFast: false,
    };
    const report = dryRunJson(plan(parts), { missingInputs: ["source"], missingVariables: ["KEY"], assumedInputs: ["x"] });
    const scriptAgent = {
      type: "script",
      description: null,
      provider: null,
      model: null,
      timeout_ms: 60_000,
      attempts: 1,
      on_error: "fail",
      circuit_breaker: null,
      fallbacks: [],
      rollback: null,
      stages: null,
    };
    const member = (name: string) => ({
      name,
      number: null,
      agent: { ...scriptAgent, name, calls: `node ${name}.mjs` },
      group: null,
      depends_on: [],
      branches: [],
      worst_case: { ms: 60_000, arithmetic: "1m" },
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report).toEqual({
      version: 1,
      pipeline_id: "sales-report",
      description: null,
      file: "/home/me/sales-report.toml",
      timeout_ms: 5000,
      fail_fast: false,
      checkpoint_frequency: 1,
      save_intermediate_results: true,
      compress_above: 8192,
      rollback: "auto",
      stages: [
        {
          name: "a",
          number: 1,
          agent: {
            name: "a",
            description: "Finds patterns",
            type: "llm",
            calls: "gpt-5-mini at openai",
            provider: "openai",
            model: "gpt-5-mini",
            timeout_ms: 60_000,
            attempts: 2,
            on_error: "fail",
            circuit_breaker: { max_failures: 3, reset_after_ms: 30_000 },
            fallbacks: [{ ...scriptAgent, name: "f", calls: "node f.mjs", on_error: "continue" }],
            rollback: { ...scriptAgent, name: "u", calls: "node u.mjs", fallbacks: [{ ...scriptAgent, name: "v", calls: "node v.mjs" }] },
            stages: null,
          },
          group: null,
          depends_on: [],
          branches: [{ condition: "done", to: null, max_times: null }],
          worst_case: { ms: 181_000, arithmetic: "2 × 1m + 1s + f 1m" },
        },
        {
          name: "g",
          number: 2,
          agent: null,
          group: { members: [member("m"), member("n")], max_concurrency: 2, merge: "flat", on_error: "fail", min_success: 1 },
          depends_on: ["a"],
          branches: [],
          worst_case: { ms: 60_000, arithmetic: "the slowest of 2: m" },
        },
      ],
      worst_case: { ms: 5000, longest_ms: 241_000, arithmetic: "a 3m 01s + g 1m" },
      inputs: [
        { name: "source", type: "string", required: true, description: "d", missing: true },
        { name: "n", type: null, required: false, default: 1, description: null, missing: false },
      ],
      assumed_inputs: ["x"],
      variables: [{ name: "KEY", set: false }],
      hooks: [],
    });
  });
});
