import { describe, expect, test } from "vitest";
import { formatSize, parseSize } from "../../src/spec/size.ts";

describe("parseSize reads", () => {
  test.each<[text: string, bytes: number]>([
    ["1B", 1],
    ["512B", 512],
    ["8KB", 8192],
    ["10MB", 10_485_760],
    ["1GB", 1_073_741_824],
    ["1.5KB", 1536],
    ["1024GB", 1_099_511_627_776],
  ])("%s", (text, bytes) => expect(parseSize(text)).toEqual({ bytes }));
});

describe("formatSize says", () => {
  test.each<[bytes: number, text: string]>([
    [1, "1B"],
    [1023, "1023B"],
    [1024, "1KB"],
    [1536, "1.5KB"],
    [65_536, "64KB"],
    [10_485_760, "10MB"],
    [1_099_511_627_776, "1024GB"],
  ])("%s as %s", (bytes, text) => expect(formatSize(bytes)).toBe(text));
});

describe("parseSize refuses", () => {
  test.each<[sentence: string, text: string, problem: string]>([
    ["a bare number", "10", '"10" has no unit; write "10B" for bytes or "10KB"'],
    ["zero", "0B", '"0B" is less than one byte'],
    ["a negative size", "-1B", '"-1B" is negative; a size is not'],
    ["a part of a byte", "1.5B", '"1.5B" is not a whole number of bytes'],
    ["more than any machine has", "1025GB", '"1025GB" is more than 1024GB'],
    ["small letters", "10mb", '"10mb" is not a size; write "10MB"'],
    ["a space", "10 MB", '"10 MB" is not a size; write "10MB"'],
    ["the other notation", "10MiB", '"10MiB" is not a size; write "10MB"'],
    ["half a unit", "10M", '"10M" is not a size; write "10MB"'],
    ["words", "much", '"much" is not a size; write it like "512B", "8KB" or "10MB"'],
  ])("%s", (_sentence, text, problem) => expect(parseSize(text)).toMatchObject({ problem }));

  test("with what is certainly meant, or perhaps", () =>
    expect(["10 mib", "10", "10 tea"].map((text) => parseSize(text))).toMatchObject([
      { meant: { text: "10MB", isCertain: true } },
      { meant: { text: "10B", isCertain: false } },
      { problem: '"10 tea" is not a size; write it like "512B", "8KB" or "10MB"' },
    ]));
});
