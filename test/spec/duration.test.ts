import { describe, expect, test } from "vitest";
import { formatDuration, parseDuration, type Meant } from "../../src/spec/duration.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("parseDuration reads", () => {
  test.each<[sentence: string, text: string, ms: number | null]>([
    ["milliseconds", "500ms", 500],
    ["seconds", "30s", 30 * SECOND],
    ["minutes", "2m", 2 * MINUTE],
    ["hours", "3h", 3 * HOUR],
    ["days", "2d", 2 * DAY],
    ["several units, from large to small", "1d2h3m4s5ms", DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND + 5],
    ["units with gaps between them", "1h30s", HOUR + 30 * SECOND],
    ["a fraction", "1.5s", 1500],
    ["a fraction of the last unit only", "1m0.25s", MINUTE + 250],
    ["a fraction that binary numbers cannot say", "1.1s", 1100],
    ["a zero unit beside others", "0m1s", SECOND],
    ["no limit", "none", null],
    ["the longest: 100 years", "36525d", 36_525 * DAY],
  ])("%s", (_sentence, text, ms) => expect(parseDuration(text)).toEqual({ ms }));

  test("zero where it makes sense", () => expect(parseDuration("0s", { zero: true })).toEqual({ ms: 0 }));
});

describe("parseDuration refuses", () => {
  test.each<[sentence: string, text: string, problem: string]>([
    ["a bare number", "30", '"30" has no unit; write "30s" for seconds or "30ms" for milliseconds'],
    ["zero", "0s", '"0s" is no time at all; it must be longer than zero'],
    ["a negative duration", "-5s", '"-5s" is negative; a duration is not'],
    [
      "a unit twice",
      "1s2s",
      '"1s2s" is not a duration; units go from large to small, each once, and only the last number may have a fraction, as in "1h30m"',
    ],
    [
      "units from small to large",
      "5s1m",
      '"5s1m" is not a duration; units go from large to small, each once, and only the last number may have a fraction, as in "1h30m"',
    ],
    [
      "a fraction before the last unit",
      "1.5h30m",
      '"1.5h30m" is not a duration; units go from large to small, each once, and only the last number may have a fraction, as in "1h30m"',
    ],
    ["spaces", "1h 30m", '"1h 30m" is not a duration; write "1h30m"'],
    ["capital letters", "30S", '"30S" is not a duration; write "30s"'],
    ["a capital none", "None", '"None" is not a duration; write "none"'],
    ["words", "10 minutes", '"10 minutes" is not a duration; write "10m"'],
    ["other words", "10 ticks", '"10 ticks" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"'],
    ["what would be too little", "0 S", '"0 S" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"'],
    ["nothing", "", '"" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"'],
    ["other digits than 0 to 9", "٣s", '"٣s" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"'],
    ["an exponent", "1e3s", '"1e3s" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"'],
    ["less than a millisecond", "0.5ms", '"0.5ms" is finer than a millisecond'],
    ["more than 100 years", "36526d", '"36526d" is longer than 100 years; write "none" for no limit'],
    ["more than a number can count", `${"9".repeat(400)}d`, `"${"9".repeat(40)}…" is longer than 100 years; write "none" for no limit`],
    [
      "a text that is just short enough to be quoted whole",
      "x".repeat(40),
      `"${"x".repeat(40)}" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"`,
    ],
    [
      "a text that is far too long",
      "x".repeat(100),
      `"${"x".repeat(40)}…" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"`,
    ],
  ])("%s", (_sentence, text, problem) => expect(parseDuration(text)).toMatchObject({ problem }));

  test.each<[sentence: string, text: string, meant: Meant | undefined]>([
    ["certainly, with a space and a capital", "1H 30m", { text: "1h30m", isCertain: true }],
    ["certainly, in words", "1 hour 30 mins", { text: "1h30m", isCertain: true }],
    ["certainly, in other words", "2 Days 5 sec 100 milliseconds", { text: "2d5s100ms", isCertain: true }],
    ["perhaps, without a unit", "30", { text: "30s", isCertain: false }],
    ["nothing that is a duration", "soon", undefined],
    ["nothing that can stand there", "0 s", undefined],
  ])("what may be meant: %s", (_sentence, text, meant) =>
    expect(parseDuration(text)).toEqual({ problem: expect.any(String), ...(meant && { meant }) }),
  );

  test("none where there has to be an end", () =>
    expect([parseDuration("none", { none: false }), parseDuration("none", { none: false, zero: true })]).toEqual([
      { problem: '"none" (no limit) makes no sense here; write how long, such as "30s" or "5m"' },
      { problem: '"none" (no limit) makes no sense here; write "0s" for no time at all' },
    ]));
});

describe("formatDuration shows", () => {
  test.each<[ms: number, text: string]>([
    [0, "0ms"],
    [0.4, "0ms"],
    [850, "850ms"],
    [999.4, "999ms"],
    [999.6, "1s"],
    [1200, "1.2s"],
    [30_000, "30s"],
    [59_940, "59.9s"],
    [59_960, "1m"],
    [125_000, "2m 05s"],
    [120_000, "2m"],
    [HOUR - 1, "1h"],
    [5_400_000, "1h 30m"],
    [HOUR + 5 * MINUTE, "1h 05m"],
    [DAY, "1d"],
    [3 * DAY + 4 * HOUR, "3d 04h"],
    [-5, "0ms"],
  ])("%d as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});
