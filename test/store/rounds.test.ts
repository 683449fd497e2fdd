import { describe, expect, test } from "vitest";
import { type Outcome, WHOLE_RUN } from "../../src/engine/durable.ts";
import { createMemoryJournal } from "../../src/store/journal.ts";
import { entriesUpTo, openRound, type Purpose } from "../../src/store/rounds.ts";

const outcome: Outcome = {
  status: "succeeded",
  settled: "succeeded",
  agent: "a",
  attempt: 1,
  ended_at: 0,
  duration_ms: 0,
  wrote: {},
  bare: false,
  failure: null,
  stopped_by: null,
  retry_in_ms: null,
  decision: null,
  usage: null,
  answers: 0,
};
const failed: Outcome = { ...outcome, status: "failed", settled: "failed", failure: { kind: "exit", message: "exited with code 1" } };
const stopped = (by: string): Outcome => ({
  ...outcome,
  status: "failed",
  settled: "cancelled",
  failure: { kind: "cancelled", message: "stopped" },
  stopped_by: by,
});

test.each<[string, [string, Outcome][], number, number]>([
  ["a new run begins with the first", [], 1, 0],
  ["one that had died goes on in its own", [["a~1!1#1", outcome]], 1, 0],
  ["what was taken from another run begins nothing of its own", [["a~1!0#1", outcome]], 1, 1],
  [
    "one that had failed gets the next, with what was recorded as its history",
    [
      ["a~1!1#1", failed],
      ["run!1", failed],
    ],
    2,
    2,
  ],
  [
    "one that had succeeded stays in its own: that is all there is to tell of it",
    [
      ["a~1!1#1", outcome],
      ["run!1", outcome],
    ],
    1,
    0,
  ],
  [
    "so does one that was being rolled back",
    [
      ["a~1!1#1", outcome],
      ["b~1!1#1", failed],
      ["run!1", { ...failed, settled: null }],
      ["rollback:a~1!1.1#1", outcome],
    ],
    1,
    0,
  ],
  [
    "and one that was rolled back: what is undone is not done again",
    [
      ["a~1!1#1", outcome],
      ["b~1!1#1", failed],
      ["run!1", { ...failed, settled: null }],
      ["rollback:a~1!1.1#1", outcome],
      ["rollback!1.1#ended", outcome],
    ],
    1,
    0,
  ],
  [
    "so does one that had died after the whole of it was stopped",
    [
      ["a~1!1#1", outcome],
      ["b~1!1#1", stopped(WHOLE_RUN)],
    ],
    2,
    2,
  ],
  ["a member that another one stopped does not end the round", [["g/a~1!1#1", stopped("g~1!1#1")]], 1, 0],
  [
    "one that had died in its second round goes on in that, with the first as its history",
    [
      ["a~1!1#1", outcome],
      ["run!1", failed],
      ["b~1!2#1", outcome],
    ],
    2,
    2,
  ],
  [
    "rounds of nested pipelines belong to that of the run",
    [
      ["n~1/a~1!1.7#1", outcome],
      ["run!1", failed],
      ["n~1/b~1!2.1#1", outcome],
    ],
    2,
    2,
  ],
  [
    "a stop long ago does not end the present round",
    [
      ["a~1!1#1", stopped(WHOLE_RUN)],
      ["a~1!2#1", outcome],
    ],
    2,
    1,
  ],
])("%s", (_, entries, round, known) => {
  const opened = openRound(createMemoryJournal(entries));
  expect([opened.round, opened.history.position, opened.resumed]).toEqual([round, known, entries.some(([key]) => !key.includes("!0"))]);
});

describe("where a rollback is, or was", () => {
  const run = (settled: Outcome["settled"]): [string, Outcome] => [
    "run!1",
    { ...outcome, status: "failed", settled, failure: { kind: "exit", message: "boom" } },
  ];
  const visit: [string, Outcome] = ["a~1!1#1", outcome];
  const undo = (rollback: number): [string, Outcome] => [`rollback:a~1!1.${rollback}#1`, outcome];
  const demanded = (rollback: number): [string, Outcome] => [`rollback!1.${rollback}#demanded`, outcome];
  const over = (rollback: number): [string, Outcome] => [`rollback!1.${rollback}#ended`, outcome];
  const boom = "exit boom by run";
  const away = "cancelled the run has not come here yet by run";
  const asked = "cancelled the run is rolled back by run";

  // For each purpose: round, number of the rollback, whether it was demanded, how many records are history, what stops it.
  test.each<[string, [string, Outcome][], Record<Purpose, string>]>([
    ["nothing is recorded", [], { resume: "1 1 no 0 goes on", rollback: `1 1 yes 0 ${asked}`, look: `1 1 no 0 ${away}` }],
    ["it died", [visit], { resume: "1 1 no 0 goes on", rollback: `1 1 yes 0 ${asked}`, look: `1 1 no 0 ${away}` }],
    ["it ended", [visit, run("failed")], { resume: "2 1 no 2 goes on", rollback: `1 1 yes 0 ${boom}`, look: `1 1 no 0 ${boom}` }],
    [
      "it is to be undone by itself",
      [visit, run(null)],
      { resume: `1 1 no 0 ${boom}`, rollback: `1 1 yes 0 ${boom}`, look: `1 1 no 0 ${boom}` },
    ],
    [
      "and has begun to be",
      [visit, run(null), undo(1)],
      { resume: `1 1 no 0 ${boom}`, rollback: `1 1 yes 0 ${boom}`, look: `1 1 no 0 ${boom}` },
    ],
    [
      "and was",
      [visit, run(null), undo(1), over(1)],
      { resume: `1 1 no 0 ${boom}`, rollback: `1 2 yes 1 ${boom}`, look: `1 1 no 0 ${boom}` },
    ],
    [
      "it was asked for",
      [visit, run("cancelled"), demanded(1)],
      { resume: `1 1 yes 0 ${boom}`, rollback: `1 1 yes 0 ${boom}`, look: `1 1 yes 0 ${boom}` },
    ],
    [
      "asked for, and done",
      [visit, run("cancelled"), demanded(1), undo(1), over(1)],
      { resume: `1 1 yes 0 ${boom}`, rollback: `1 2 yes 1 ${boom}`, look: `1 1 yes 0 ${boom}` },
    ],
    [
      "asked for, and done in part",
      [visit, run("cancelled"), demanded(1), undo(1), ["rollback!1.1#ended", failed]],
      { resume: `1 1 yes 0 ${boom}`, rollback: `1 2 yes 1 ${boom}`, look: `1 1 yes 0 ${boom}` },
    ],
    [
      "asked for once more",
      [visit, run(null), undo(1), over(1), demanded(2)],
      { resume: `1 2 yes 1 ${boom}`, rollback: `1 2 yes 1 ${boom}`, look: `1 2 yes 1 ${boom}` },
    ],
    [
      "and done once more",
      [visit, run(null), undo(1), over(1), demanded(2), undo(2), over(2)],
      { resume: `1 2 yes 1 ${boom}`, rollback: `1 3 yes 2 ${boom}`, look: `1 2 yes 1 ${boom}` },
    ],
    [
      "a second round has begun",
      [visit, run("failed"), ["b~1!2#1", outcome]],
      { resume: "2 1 no 2 goes on", rollback: `2 1 yes 2 ${asked}`, look: `2 1 no 2 ${away}` },
    ],
  ])("%s", (_, entries, expected) => {
    const found = (["resume", "rollback", "look"] as const).map((purpose) => {
      const { round, rollback, history, stopped: stop } = openRound(createMemoryJournal(entries), purpose);
      const why = stop === undefined ? "goes on" : `${stop.failure.kind} ${stop.failure.message} by ${stop.by}`;
      return [purpose, `${round} ${rollback.number} ${rollback.demanded ? "yes" : "no"} ${history.position} ${why}`];
    });
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  test("what was recorded up to the end of a round", () => {
    const entries = [visit, run("failed"), ["n~1/b~1!2.1#1", outcome], ["a~1!10#1", outcome]] as const;
    expect([0, 1, 2, 10].map((round) => entriesUpTo(round, entries).map(([key]) => key).length)).toEqual([0, 2, 3, 4]);
  });
});

test("a key is recorded once", () => {
  const journal = createMemoryJournal([["a~1!1#1", outcome]]);
  expect(() => journal.append("a~1!1#1", outcome)).toThrow("the step a~1!1#1 is recorded already");
});

test("what it was given cannot be changed through it, or behind its back", () => {
  const given = JSON.parse(JSON.stringify({ ...outcome, wrote: { list: [1] } })) as Outcome;
  const journal = createMemoryJournal([["a~1!1#1", given]]);
  (given.wrote.list as number[]).push(2);
  const { wrote } = journal.get("a~1!1#1") as Outcome;
  expect([wrote, Object.isFrozen(wrote), Object.isFrozen(wrote.list)]).toEqual([{ list: [1] }, true, true]);
});
