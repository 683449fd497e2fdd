import { describe, expect, test } from "vitest";
import { retryAfterMs } from "../../src/agents/llm-answer.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

describe("how long a server asks to wait", () => {
  const headers: readonly [sentence: string, headers: Record<string, string>, waitMs: number | undefined][] = [
    ["it does not", {}, undefined],
    ["seconds", { "retry-after": "30" }, 30_000],
    ["more than a minute", { "retry-after": "90" }, 90_000],
    ["no time at all", { "retry-after": "0" }, 0],
    ["a fraction of a second", { "retry-after": "0.0015" }, 2],
    ["milliseconds", { "retry-after-ms": "250" }, 250],
    ["milliseconds are more exact than seconds", { "retry-after-ms": "250", "retry-after": "1" }, 250],
    ["a date", { "retry-after": "Thu, 01 Jan 2026 00:01:30 GMT" }, 90_000],
    ["a date that is over", { "retry-after": "Wed, 31 Dec 2025 23:59:59 GMT" }, 0],
    ["nonsense", { "retry-after": "soon" }, undefined],
    ["nonsense in milliseconds, but seconds", { "retry-after-ms": "-5", "retry-after": "2" }, 2_000],
    ["a negative number", { "retry-after": "-7" }, undefined],
  ];
  test.each(headers)("%s", (_sentence, given, waitMs) => {
    expect(retryAfterMs(new Headers(given), NOW)).toBe(waitMs);
  });
});
