import { expect, test } from "vitest";
import { type Outcome, WHOLE_RUN } from "../../src/engine/durable.ts";
import { createMemoryJournal } from "../../src/store/journal.ts";
import { openRound } from "../../src/store/rounds.ts";

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
  expect([opened.round, opened.history.position, opened.resumed]).toEqual([round, known, entries.length > 0]);
});

test.each<[string, Outcome[], { number: number; demanded: boolean }]>([
  ["a rollback that is asked for is the first", [], { number: 1, demanded: true }],
  ["one that had undone all of it stays the last one: only its end is told", [outcome], { number: 1, demanded: true }],
  ["one that had failed is followed by another", [failed], { number: 2, demanded: true }],
])("%s", (_, ended, rollback) => {
  const entries: [string, Outcome][] = [
    ["a~1!1#1", outcome],
    ["run!1", failed],
    ...ended.flatMap((end): [string, Outcome][] => [
      ["rollback!1.1#demanded", outcome],
      ["rollback!1.1#ended", end],
    ]),
  ];
  expect(openRound(createMemoryJournal(entries), "rollback").rollback).toEqual(rollback);
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
