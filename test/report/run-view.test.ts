import { describe, expect, test } from "vitest";
import type { RunEvent, Stamped } from "../../src/engine/event.ts";
import { localTime } from "../../src/report/local-time.ts";
import { plainPalette } from "../../src/report/palette.ts";
import { type RunView, runView, type ViewSources } from "../../src/report/run-view.ts";
import { type RunHead, runsTable, shortIds } from "../../src/report/runs.ts";
import { showRun } from "../../src/report/show.ts";
import { tableLines } from "../../src/report/table.ts";

const START = Date.UTC(2026, 2, 1, 12);
const HEAD: RunHead = {
  run_id: "r",
  pipeline_id: "p",
  session_id: "s",
  status: "running",
  started_at: START,
  ended_at: null,
  stopped_at: null,
  parent: null,
  owner: null,
  bytes: 2048,
};

/** Events at these seconds after the start. */
function eventsAt(...events: readonly (readonly [seconds: number, event: Partial<RunEvent>])[]): Stamped[] {
  return events.map(([seconds, event], index) => {
    const at = new Date(START + seconds * 1000).toISOString();
    return { version: 1, seq: index + 1, at, run_id: "r", nested: null, message: "w", ...event } as unknown as Stamped;
  });
}

const ref = (name: string, group: string | null = null) => ({ name, number: 1, total: 2, visit: 1, group });
const started = { type: "run-start" } as const;
const ended = (status: "failed" | "succeeded", duration_ms: number) => ({ type: "run-end", status, duration_ms }) as const;

function viewOf(kept: readonly Stamped[], head: Partial<RunHead> = {}): RunView {
  const sources: ViewSources = {
    head: { ...HEAD, ...head },
    input: {},
    recorded: null,
    onlyResult: false,
    problem: null,
    kept,
    next: { resume: null, rollback: null },
    nowMs: START + 60_000,
  };
  return runView(sources);
}

function factsOf(view: RunView): string[] {
  const text = showRun(view, { palette: plainPalette, columns: 0, time: localTime("UTC"), file: null });
  return text.split("\n").filter((line) => /^(Took|Driven|Size)/.test(line));
}

const OWNER = { pid: 7, host: "h" };

describe("how long it took", () => {
  const twice = eventsAt([0, started], [9, ended("failed", 9_000)], [100, started], [104, ended("succeeded", 4_000)]);
  test.each([
    ["one round", eventsAt([0, started], [9, ended("failed", 9_000)]), { status: "failed", ended_at: START + 9_500 }, "9s", 9_000],
    [
      "two rounds: the time between does not count",
      twice,
      { status: "succeeded", ended_at: START + 104_000 },
      "13s in 2 rounds: failed after 9s, succeeded after 4s",
      4_000,
    ],
    [
      "the second one goes on",
      eventsAt([0, started], [9, ended("failed", 9_000)], [50, started]),
      { owner: OWNER },
      "19s in 2 rounds: failed after 9s, running for 10s",
      10_000,
    ],
    [
      "the first one was interrupted, and so is the second",
      eventsAt([0, started], [5, { type: "warning" }], [20, started], [22, { type: "warning" }]),
      {},
      "7s in 2 rounds: interrupted after 5s, interrupted after 2s",
      2_000,
    ],
    ["it goes on", eventsAt([0, started], [1, { type: "warning" }]), { owner: OWNER }, "1m", 60_000],
    ["it was interrupted, as far as is known", eventsAt([0, started], [3, { type: "warning" }]), {}, "3s", 3_000],
    ["the events are lost", [], { status: "failed", ended_at: START + 9_500 }, "9.5s", 9_500],
    [
      "the end of a nested pipeline is none of the run",
      eventsAt([0, started], [3, { ...ended("failed", 1), nested: "outer" }], [4, { type: "warning" }]),
      {},
      "4s",
      4_000,
    ],
  ] as const)("%s", (_sentence, kept, head, text, durationMs) => {
    const view = viewOf(kept, head);
    expect({ duration: view.duration_ms, took: factsOf(view)[0] }).toEqual({ duration: durationMs, took: `Took       ${text}` });
  });

  test("nobody knows of one that was interrupted and left no events", () => {
    expect(factsOf(viewOf([]))).toEqual(["Size       2KB"]);
  });
});

describe("what had begun and not ended", () => {
  const begun = (kept: readonly Stamped[], head: Partial<RunHead> = {}): object[] =>
    viewOf(kept, head).stages.map(({ name, group, served_by, duration_ms }) => ({ name, group, served_by, duration_ms }));

  test("is in the latest round, and has been for as long", () => {
    const kept = eventsAt(
      [0, started],
      [1, { type: "stage-start", stage: ref("old"), agent: "old" }],
      [10, started],
      [11, { type: "stage-start", stage: ref("a"), agent: "a" }],
      [12, { type: "stage-end", stage: ref("a") } as Partial<RunEvent>],
      [13, { type: "group-start", stage: ref("g") } as Partial<RunEvent>],
      [14, { type: "stage-start", stage: ref("m", "g"), agent: "m" }],
      [20, { type: "warning" }],
    );
    const shown = [
      { name: "g", group: undefined, served_by: null },
      { name: "m", group: "g", served_by: "m" },
    ];
    const withTimes = (...durations: number[]): object[] => shown.map((stage, index) => ({ ...stage, duration_ms: durations[index] }));
    expect(begun(kept)).toEqual(withTimes(7_000, 6_000));
    expect(begun(kept, { owner: OWNER })).toEqual(withTimes(47_000, 46_000));
    expect(viewOf(kept).path).toEqual(["g"]);
  });

  test("is nothing where the run has ended", () => {
    const kept = eventsAt([0, started], [1, { type: "stage-start", stage: ref("a"), agent: "a" }]);
    expect(begun(kept, { status: "failed", ended_at: START + 2_000 })).toEqual([]);
  });
});

test("warnings are those of the latest round, hooks that failed among them", () => {
  const kept = eventsAt(
    [0, started],
    [1, { type: "warning", message: "old" }],
    [2, started],
    [3, { type: "warning", message: "large" }],
    [4, { type: "hook-fail", hook: "h", on: "after_stage", message: "no" }],
  );
  expect(viewOf(kept).warnings).toEqual(["large", "hook h (after_stage) failed: no"]);
});

describe("the table of runs", () => {
  const table = (heads: readonly Partial<RunHead>[], columns = 0): string[] => {
    const runs = heads.map((head) => ({ ...HEAD, ...head }));
    const ids = runs.map(({ run_id }) => run_id);
    return runsTable(runs, { palette: plainPalette, columns, nowMs: START + 60_000, time: localTime("UTC"), ids }).split("\n");
  };

  test("says how long one goes on, and how much it takes", () => {
    const owner = OWNER;
    expect(
      table([
        { owner, bytes: 1536, stopped_at: "a\nb" },
        { run_id: "x", status: "cancelled", ended_at: START + 500, bytes: 12 },
      ]),
    ).toEqual([
      "run  pipeline  status     started           took   stopped at  size",
      "r    p         running    2026-03-01 12:00  1m     after a b   1.5KB",
      "x    p         cancelled  2026-03-01 12:00  500ms              12B",
    ]);
  });

  test.each([
    [["abc"], ["abc"]],
    [
      ["12345678-1", "22345678-1"],
      ["12345678", "22345678"],
    ],
    [
      ["12345678-1", "12345678-2"],
      ["12345678-1", "12345678-2"],
    ],
    [
      ["1234567890", "1234567890-again"],
      ["1234567890", "1234567890-"],
    ],
  ])("shortens %j to %j", (ids, short) => {
    expect([...shortIds(ids).values()]).toEqual(short);
  });
});

describe("a table", () => {
  const columns = [{ head: "a" }, { head: "empty" }, { head: "bbb", isFlexible: true }, { head: "c", isFlexible: true }, { head: "d" }];
  const rows = [
    [
      { text: "1" },
      { text: "" },
      { text: "a long text" },
      { text: "another, even longer" },
      { text: "4", paint: (text: string) => `<${text}>` },
    ],
    [{ text: "2" }, { text: "" }, { text: "日本" }, { text: "" }, { text: "" }],
  ];
  const lines = (width: number): string[] => tableLines(columns, rows, { columns: width, paintHead: (text) => text.toUpperCase() });
  test.each([
    [0, ["A  BBB          C                     D", "1  a long text  another, even longer  <4>", "2  日本"]],
    [39, ["A  BBB          C                     D", "1  a long text  another, even longer  <4>", "2  日本"]],
    [38, ["A  BBB          C                    D", "1  a long text  another, even long…  <4>", "2  日本"]],
    [24, ["A  BBB       C         D", "1  a long …  another…  <4>", "2  日本"]],
    [21, ["A  BBB       C", "1  a long …  another…", "2  日本"]],
    [20, ["A  BBB", "1  a long …", "2  日本"]],
    [8, ["A", "1", "2"]],
  ])("in %i columns", (width, expected) => {
    const made = lines(width);
    expect(made.slice(-expected.length)).toEqual(expected);
    if (width > 0) for (const line of made) expect(line.replace(/[<>]/g, "").length).toBeLessThanOrEqual(width);
  });
});
