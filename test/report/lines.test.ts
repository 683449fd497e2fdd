import { describe, expect, it } from "vitest";
import type { Stamped } from "../../src/engine/event.ts";
import { progressLines } from "../../src/report/lines.ts";
import { plainPalette } from "../../src/report/palette.ts";
import {
  at,
  attemptEnd,
  attemptStart,
  branch,
  failed,
  groupEnd,
  groupStart,
  namedPalette,
  runStart,
  stageEnd,
  stageStart,
  stamp,
} from "./build.ts";

function told(events: readonly Stamped[], options: { verbose?: boolean } = {}): string[] {
  const lines = progressLines({ palette: plainPalette, verbose: options.verbose ?? false });
  return events.flatMap((event) => lines.event(event));
}

const collector = at("1/3", "collector");
const analyzer = at("2/3", "analyzer");
const formatter = at("3/3", "formatter");
const checks = at("2/3", "checks");
const licences = at("2/3", "licences", { group: "checks" });
const sizes = at("2/3", "sizes", { group: "checks" });
const limit = failed("429 rate limit", { kind: "rate_limit" });

const cases: { does: string; events: Stamped[]; lines: string[] }[] = [
  {
    does: "rows 12, 42: a line when a stage starts, and one with its duration when it ends",
    events: [runStart(), stageStart(collector), attemptStart(collector, 1, 1), attemptEnd(collector), stageEnd(collector)],
    lines: ["[1/3] collector …", "[1/3] collector ✔ 1.2s"],
  },
  {
    does: "row 70: each failed attempt is reported, with what comes next",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { attempts: 3, failure: limit, retry_in_ms: 4000 }),
      attemptStart(analyzer, 2, 3),
      attemptEnd(analyzer, { attempt: 2, attempts: 3, failure: limit, retry_in_ms: 8500 }),
      attemptEnd(analyzer, { attempt: 3, attempts: 3 }),
      stageEnd(analyzer, { attempt: 3, duration_ms: 14_600, usage: { input_tokens: 1000, output_tokens: 234, cost: null } }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/3: 429 rate limit; again in 4s",
      "[2/3] analyzer ✖ attempt 2/3: 429 rate limit; again in 8.5s",
      "[2/3] analyzer ✔ 14.6s, attempt 3, 1,234 tokens",
    ],
  },
  {
    does: "row 42: an error at stage i, after the last of its attempts",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { attempts: 2, failure: limit, retry_in_ms: 0 }),
      attemptEnd(analyzer, { attempt: 2, attempts: 2, failure: limit }),
      stageEnd(analyzer, { attempt: 2, failure: limit }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/2: 429 rate limit; again in 0ms",
      "[2/3] analyzer ✖ 1.2s, 2 attempts: 429 rate limit",
    ],
  },
  {
    does: "a failure of the only attempt that there is",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { failure: failed("exit code 3") }),
      stageEnd(analyzer, { failure: failed("exit code 3") }),
    ],
    lines: ["[2/3] analyzer …", "[2/3] analyzer ✖ 1.2s: exit code 3"],
  },
  {
    does: "a failure that is not retried says how many attempts there could have been",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { attempts: 3, failure: failed("wrong key") }),
      stageEnd(analyzer, { failure: failed("wrong key") }),
    ],
    lines: ["[2/3] analyzer …", "[2/3] analyzer ✖ 1.2s, 1 of 3 attempts: wrong key"],
  },
  {
    does: "a failure that is tolerated",
    events: [stageStart(analyzer), attemptEnd(analyzer, { failure: limit }), stageEnd(analyzer, { status: "tolerated", failure: limit })],
    lines: ["[2/3] analyzer …", "[2/3] analyzer ⚠ failed, tolerated: 429 rate limit"],
  },
  {
    does: "a failure that is tolerated after two attempts",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { attempts: 2, failure: limit, retry_in_ms: 10 }),
      attemptEnd(analyzer, { attempt: 2, attempts: 2, failure: limit }),
      stageEnd(analyzer, { status: "tolerated", attempt: 2, failure: limit }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/2: 429 rate limit; again in 10ms",
      "[2/3] analyzer ⚠ failed, 2 attempts, tolerated: 429 rate limit",
    ],
  },
  {
    does: "a fallback that takes over, fails once and then serves",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { failure: limit, fallback: "backup" }),
      attemptEnd(analyzer, { agent: "backup", attempts: 2, failure: failed("busy"), retry_in_ms: 1000 }),
      attemptEnd(analyzer, { agent: "backup", attempt: 2, attempts: 2 }),
      stageEnd(analyzer, { agent: "backup", attempt: 2 }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/1: 429 rate limit; backup takes over",
      "[2/3] analyzer ✖ attempt 1/2 by backup: busy; again in 1s",
      "[2/3] analyzer ✔ 1.2s, attempt 2, by backup",
    ],
  },
  {
    does: "a fallback that fails too",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { failure: limit, fallback: "backup" }),
      attemptEnd(analyzer, { agent: "backup", failure: failed("busy") }),
      stageEnd(analyzer, { agent: "backup", failure: failed("busy") }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/1: 429 rate limit; backup takes over",
      "[2/3] analyzer ✖ 1.2s, 2 attempts, by backup: busy",
    ],
  },
  {
    does: "a fallback that is not tried again: the attempts of both agents are counted together",
    events: [
      stageStart(analyzer),
      attemptEnd(analyzer, { failure: limit, fallback: "backup" }),
      attemptEnd(analyzer, { agent: "backup", attempts: 5, failure: failed("wrong key") }),
      stageEnd(analyzer, { agent: "backup", failure: failed("wrong key") }),
    ],
    lines: [
      "[2/3] analyzer …",
      "[2/3] analyzer ✖ attempt 1/1: 429 rate limit; backup takes over",
      "[2/3] analyzer ✖ 1.2s, 2 attempts, by backup: wrong key",
    ],
  },
  {
    does: "a cancelled stage",
    events: [
      stageStart(analyzer),
      stageEnd(analyzer, { status: "cancelled", failure: failed("interrupted by Ctrl-C", { kind: "cancelled" }) }),
    ],
    lines: ["[2/3] analyzer …", "[2/3] analyzer ✖ cancelled after 1.2s: interrupted by Ctrl-C"],
  },
  {
    does: "a branch that is taken, a detour, and what lies between is skipped",
    events: [
      branch(analyzer, {
        taken: true,
        to: "alert",
        rules: [{ condition: "kind == 'decline'", holds: true, missing: null, used_up: false }],
      }),
      stageStart(at("2/3", "alert")),
      stageEnd(at("2/3", "alert")),
      branch(at("2/3", "alert"), {
        taken: true,
        to: "publisher",
        rules: [{ condition: null, holds: true, missing: null, used_up: false }],
      }),
      stamp({ type: "stage-skip", stage: formatter }),
    ],
    lines: [
      "↳ analyzer → alert (kind == 'decline')",
      "[2/3] alert …",
      "[2/3] alert ✔ 1.2s",
      "↳ alert → publisher (otherwise)",
      "[3/3] formatter – skipped",
    ],
  },
  {
    does: "a branch that ends the run",
    events: [branch(analyzer, { taken: true, end: true, rules: [{ condition: "done", holds: true, missing: null, used_up: false }] })],
    lines: ["↳ analyzer → end (done)"],
  },
  {
    does: "no branch holds: no line",
    events: [branch(analyzer, { rules: [{ condition: "done", holds: false, missing: null, used_up: false }] })],
    lines: [],
  },
  {
    does: "row 57: a branch whose key is missing says so, and so does one that is used up",
    events: [
      branch(analyzer, {
        taken: true,
        to: "publisher",
        rules: [
          { condition: "kindd == 'decline'", holds: false, missing: "kindd", used_up: false },
          { condition: "score < 8", holds: true, missing: null, used_up: true },
          { condition: null, holds: true, missing: null, used_up: false },
        ],
      }),
    ],
    lines: [
      "⚠ analyzer: there is no `kindd`, so the branch does not hold (kindd == 'decline')",
      "↳ analyzer: used up, so the branch is not taken again (score < 8)",
      "↳ analyzer → publisher (otherwise)",
    ],
  },
  {
    does: "a group with its members indented, whatever ends first",
    events: [
      groupStart(checks, ["licences", "sizes"]),
      stageStart(licences),
      stageStart(sizes),
      attemptEnd(sizes, { attempts: 2, failure: failed("exit code 1"), retry_in_ms: 500 }),
      stageEnd(licences, { duration_ms: 300 }),
      stageEnd(sizes, { attempt: 2, duration_ms: 900 }),
      groupEnd(checks, { duration_ms: 905 }),
    ],
    lines: [
      "[2/3] checks …",
      "  [2/3] licences …",
      "  [2/3] sizes …",
      "  [2/3] sizes ✖ attempt 1/2: exit code 1; again in 500ms",
      "  [2/3] licences ✔ 300ms",
      "  [2/3] sizes ✔ 900ms, attempt 2",
      "[2/3] checks ✔ 905ms",
    ],
  },
  {
    does: "a group that fails",
    events: [groupStart(checks, ["licences"]), groupEnd(checks, { failure: failed("licences failed: exit code 1") })],
    lines: ["[2/3] checks …", "[2/3] checks ✖ 1.2s: licences failed: exit code 1"],
  },
  {
    does: "a nested pipeline, and one that is a member of a group",
    events: [
      stageStart(at("1/2", "outer")),
      stageStart(at("1/1", "outer/inner")),
      stageEnd(at("1/1", "outer/inner")),
      stageEnd(at("1/2", "outer")),
      groupStart(checks, ["licences"]),
      stageStart(licences),
      stageStart(at("1/1", "licences/read")),
      groupStart(at("1/1", "licences/all"), ["a"]),
      stageStart(at("1/1", "licences/a", { group: "licences/all" })),
    ],
    lines: [
      "[1/2] outer …",
      "[1/1] outer/inner …",
      "[1/1] outer/inner ✔ 1.2s",
      "[1/2] outer ✔ 1.2s",
      "[2/3] checks …",
      "  [2/3] licences …",
      "  [1/1] licences/read …",
      "  [1/1] licences/all …",
      "    [1/1] licences/a …",
    ],
  },
  {
    does: "a second visit",
    events: [stageStart(at("1/3", "draft", { visit: 2 })), stageEnd(at("1/3", "draft", { visit: 2 }))],
    lines: ["[1/3] draft (visit 2) …", "[1/3] draft (visit 2) ✔ 1.2s"],
  },
  {
    does: "row 41: a hook that fails, and a warning",
    events: [
      stamp({ type: "hook-fail", hook: "notify", on: "after_stage", message: "exit code 1" }),
      stamp({ type: "warning", stage: null, message: "the state is large" }),
      stamp({ type: "warning", stage: "analyzer", message: "the output is large" }),
    ],
    lines: ["⚠ hook notify failed on after_stage, the run goes on: exit code 1", "⚠ the state is large", "⚠ analyzer: the output is large"],
  },
  {
    does: "a rollback, and what was not undone",
    events: [
      stamp({ type: "rollback-start", stages: ["analyzer", "checks"] }),
      stamp({ type: "undo-start", stage: analyzer, agent: "remove" }),
      stamp({ type: "undo-end", stage: analyzer, agent: "remove", status: "succeeded", attempts: 1, duration_ms: 40, failure: null }),
      stamp({ type: "undo-start", stage: checks, agent: "remove" }),
      stamp({ type: "undo-end", stage: checks, agent: "remove", status: "failed", attempts: 2, duration_ms: 40, failure: failed("no") }),
      stamp({ type: "rollback-end", status: "failed" }),
    ],
    lines: [
      "↩ rolling back: 2 finished stages to undo",
      "[2/3] analyzer … undone by remove",
      "[2/3] analyzer ↩ undone by remove, 40ms",
      "[2/3] checks … undone by remove",
      "[2/3] checks ✖ not undone by remove, 40ms, 2 attempts: no",
    ],
  },
  {
    does: "nothing of a run that goes on: what it reuses was told before it began",
    events: [runStart({ resumed: true }), runStart({ resumed: true, nested: "outer" })],
    lines: [],
  },
  {
    does: "the end of the run is told by the summary",
    events: [stamp({ type: "run-end", nested: null, status: "succeeded", duration_ms: 1, state: {}, meta: {}, error: null })],
    lines: [],
  },
  {
    does: "what agents write cannot steer the terminal",
    events: [
      stageStart(analyzer),
      stageEnd(analyzer, { failure: failed("\u001b[2J\u001b]0;owned\u0007bad\r\n\tnews\u0000 \u009b31m\u202eevil\u0008\u000b") }),
      stamp({ type: "hook-fail", hook: "no\u001b[1mtify", on: "retry", message: "a\nb" }),
    ],
    lines: ["[2/3] analyzer …", "[2/3] analyzer ✖ 1.2s: bad news evil", "⚠ hook notify failed on retry, the run goes on: a b"],
  },
  {
    does: "a very long message is cut",
    events: [stageStart(analyzer), stageEnd(analyzer, { failure: failed("x".repeat(10_000)) })],
    lines: ["[2/3] analyzer …", `[2/3] analyzer ✖ 1.2s: ${"x".repeat(499)}…`],
  },
  {
    does: "a log line is not shown",
    events: [stageStart(analyzer), stamp({ type: "log", stage: "analyzer", attempt: 1, text: "reading" })],
    lines: ["[2/3] analyzer …"],
  },
];

describe("progress where lines cannot be redrawn", () => {
  it.each(cases)("$does", ({ events, lines }) => {
    expect(told(events)).toEqual(lines);
  });

  it("shows what scripts write, with --verbose", () => {
    const log = stamp({ type: "log", stage: "licences", attempt: 1, text: "\u001b[31mreading\u001b[0m\n\tten files\n" });
    expect(told([groupStart(checks, ["licences"]), stageStart(licences), log], { verbose: true })).toEqual([
      "[2/3] checks …",
      "  [2/3] licences …",
      "  licences │ reading",
      "  licences │     ten files",
    ]);
  });

  it("colours the marks", () => {
    const lines = progressLines({ palette: namedPalette, verbose: false });
    const events = [
      stageStart(collector),
      stageEnd(collector),
      stageEnd(analyzer, { failure: limit }),
      stageEnd(analyzer, { status: "tolerated", failure: limit }),
      stamp({ type: "stage-skip", stage: formatter }),
    ];
    expect(events.flatMap((event) => lines.event(event))).toEqual([
      "<dim>[1/3]</dim> collector <cyan>…</cyan>",
      "<dim>[1/3]</dim> collector <green>✔</green> 1.2s",
      "<dim>[2/3]</dim> analyzer <red>✖</red> 1.2s: 429 rate limit",
      "<dim>[2/3]</dim> analyzer <yellow>⚠</yellow> failed, tolerated: 429 rate limit",
      "<dim>[3/3]</dim> formatter <dim>–</dim> skipped",
    ]);
  });
});
