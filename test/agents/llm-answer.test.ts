import { describe, expect, test } from "vitest";
import { connectionError, retryAfterMs } from "../../src/agents/llm-answer.ts";
import { llmPlan } from "./calls.ts";

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

describe("a connection that failed", () => {
  const refusal = (address: string): Error => Object.assign(new Error("connect"), { code: "ECONNREFUSED", address, port: 11434 });
  const certificate = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  const failures: readonly [sentence: string, name: string, cause: unknown, message: string][] = [
    [
      "to each of several addresses names the first",
      "ollama",
      Object.assign(new AggregateError([refusal("::1"), refusal("127.0.0.1")]), { code: "ECONNREFUSED" }),
      "ollama cannot be reached: ECONNREFUSED ::1:11434 (is Ollama running?)",
    ],
    ["for want of trust says why", "mine", certificate, "mine cannot be reached: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)"],
    ["without a code says what there is", "mine", new Error("bad\nport"), "mine cannot be reached: bad port"],
    ["without a cause says what there is", "mine", undefined, "mine cannot be reached: Connection error."],
  ];
  test.each(failures)("%s", (_sentence, name, cause, message) => {
    const thrown =
      cause === undefined
        ? new Error("Connection error.")
        : new Error("Connection error.", { cause: new TypeError("fetch failed", { cause }) });
    const asked = { provider: llmPlan({ name }).provider, model: "m", key: null, now: () => NOW };
    expect(connectionError(thrown, asked)).toMatchObject({ kind: "connection", message });
  });
});
