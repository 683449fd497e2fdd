import { describe, expect, test } from "vitest";
import { type AgentDefinition, AgentError, type FailureKind } from "../../src/index.ts";
import { FAILURE_KINDS, RETRYABLE_KINDS } from "../../src/spec/spec.ts";
import { fails, failsThen } from "../support/agents.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";
import { stageLines } from "./simulation/shape.ts";

const boom = new Error("boom");

/** Runs one stage that fails with each error in turn; tells what was tried, and the waits between. */
async function retry(definition: AgentDefinition, errors: readonly unknown[], options: { random?: number; timeout?: string } = {}) {
  const clock = virtualClock();
  const agent = failsThen(errors, { ok: true });
  const starts: number[] = [];
  const { result, events } = await runPipeline(
    pipelineOf({ agents: ["a"] }, { agents: { a: definition }, ...(options.timeout === undefined ? {} : { timeout: options.timeout }) }),
    {
      a: (input, context) => {
        starts.push(clock.elapsed());
        return agent(input, context);
      },
    },
    { clock, random: () => options.random ?? 0.999999 },
  );
  const waits = starts.slice(1).map((start, index) => start - (starts[index] as number));
  return { result, events, waits, tried: stageLines(result) };
}

describe("row 67-70: attempts", () => {
  test.each<[string, AgentDefinition, number, string]>([
    ["row 68: none after the first by default", {}, 1, "1 a~1: a#1 exit → failed"],
    ["retries = 0 is the same", { retries: 0 }, 1, "1 a~1: a#1 exit → failed"],
    ["retries = 1 is one more", { retries: 1 }, 1, "1 a~1: a#1 exit, a#2 ok → succeeded, wrote ok"],
    ["retries counts those after the first", { retries: 2 }, 9, "1 a~1: a#1 exit, a#2 exit, a#3 exit → failed"],
    ["no more than are needed", { retries: 5 }, 2, "1 a~1: a#1 exit, a#2 exit, a#3 ok → succeeded, wrote ok"],
  ])("%s", async (_, definition, failures, line) => {
    const { tried } = await retry(
      definition,
      Array.from({ length: failures }, () => boom),
    );
    expect(tried).toEqual([line]);
  });

  test("the file's defaults hold for every agent, and its own key wins, 0 too", async () => {
    const definition = pipelineOf({ agents: ["a", "b"] }, { defaults: { retries: 1 }, agents: { b: { retries: 0 } } });
    const { result } = await runPipeline(definition, { a: failsThen([boom]), b: fails() });
    expect(stageLines(result)).toEqual(["1 a~1: a#1 exit, a#2 ok → succeeded", "2 b~1: b#1 exit → failed"]);
  });

  test("row 71: the final error says how many attempts were made", async () => {
    const { result } = await retry({ retries: 2 }, [boom, boom, new Error("the last one")]);
    expect(result.error).toMatchObject({ message: "stage 1 (a) failed after 3 attempts: the last one", attempts: 3 });
  });

  test("row 70: each failed attempt is told, with the wait that follows", async () => {
    const { events } = await retry({ retries: 2, retry_jitter: false }, [boom, new AgentError("timeout", "slow")]);
    const ends = events.flatMap((event) => (event.type === "attempt-end" ? [event] : []));
    expect(
      ends.map(({ attempt, attempts, status, failure, retry_in_ms }) => [attempt, attempts, status, failure?.kind, retry_in_ms]),
    ).toEqual([
      [1, 3, "failed", "exit", 1000],
      [2, 3, "failed", "timeout", 2000],
      [3, 3, "succeeded", undefined, null],
    ]);
  });
});

describe("row 69, 77: the wait between attempts", () => {
  test.each<[string, AgentDefinition, number, number[]]>([
    ["is a second, doubled each time", { retry_jitter: false }, 0, [1000, 2000, 4000]],
    ["is what retry_delay says", { retry_jitter: false, retry_delay: "5s" }, 0, [5000, 10_000, 20_000]],
    ["grows by retry_backoff", { retry_jitter: false, retry_backoff: 1.5 }, 0, [1000, 1500, 2250]],
    ["stays the same with a backoff of 1", { retry_jitter: false, retry_backoff: 1 }, 0, [1000, 1000, 1000]],
    ["is at most retry_max_delay", { retry_jitter: false, retry_max_delay: "1500ms" }, 0, [1000, 1500, 1500]],
    [
      "has no cap with retry_max_delay none",
      { retry_jitter: false, retry_delay: "1m", retry_backoff: 10, retry_max_delay: "none" },
      0,
      [60_000, 600_000, 6_000_000],
    ],
    ["is capped at a minute by default", { retry_jitter: false, retry_delay: "40s" }, 0, [40_000, 60_000, 60_000]],
    ["is anywhere below that with jitter", {}, 0.25, [250, 500, 1000]],
    ["may be none with jitter", {}, 0, [0, 0, 0]],
    ["may be none by choice", { retry_delay: "0s" }, 0.9, [0, 0, 0]],
  ])("%s", async (_, definition, random, expected) => {
    const { waits, result } = await retry({ retries: 3, ...definition }, [boom, boom, boom], { random });
    expect(waits).toEqual(expected);
    expect(result.stages[0]?.duration_ms).toBe(expected.reduce((sum, wait) => sum + wait, 0));
  });

  test("is none after the last attempt", async () => {
    const { result } = await retry({ retries: 1, retry_jitter: false }, [boom, boom]);
    expect(result.duration_ms).toBe(1000);
  });
});

describe("retry_on", () => {
  test.each(FAILURE_KINDS.map((kind) => [kind, (RETRYABLE_KINDS as readonly string[]).includes(kind)] as const))(
    "by default a failure of kind %s is tried again: %s",
    async (kind, again) => {
      const { tried } = await retry({ retries: 1 }, [new AgentError(kind, "as it is")]);
      expect(tried).toEqual([again ? `1 a~1: a#1 ${kind}, a#2 ok → succeeded, wrote ok` : `1 a~1: a#1 ${kind} → failed`]);
    },
  );

  test.each<[FailureKind, FailureKind[], boolean]>([
    ["spawn", ["spawn"], true],
    ["content_filter", ["content_filter", "timeout"], true],
    ["exit", ["timeout"], false],
  ])("a failure of kind %s with retry_on = %j: %s", async (kind, on, again) => {
    const { result } = await retry({ retries: 1, retry_on: on }, [new AgentError(kind, "as it is")]);
    expect(result.stages[0]?.attempts).toHaveLength(again ? 2 : 1);
  });
});

describe("a server that asks to wait", () => {
  const busy = (retryAfterMs: number) => new AgentError("rate_limit", "429", { retryAfterMs });

  test.each<[string, AgentDefinition, number, number]>([
    ["is given its time", {}, 7000, 7000],
    ["is given more time than it asked for, where the backoff is longer", { retry_delay: "9s" }, 7000, 9000],
    ["is not bound by retry_max_delay", { retry_max_delay: "2s" }, 90_000, 90_000],
    ["is given its time without jitter's discount", { retry_jitter: true }, 7000, 7000],
  ])("%s", async (_, definition, afterMs, waitMs) => {
    const { waits } = await retry({ retries: 1, retry_jitter: false, ...definition }, [busy(afterMs)], { random: 0.1 });
    expect(waits).toEqual([waitMs]);
  });

  test("fails the stage at once where the pipeline has less time than that, and says so", async () => {
    const { result } = await retry({ retries: 3 }, [busy(60_000)], { timeout: "1m" });
    expect([result.status, result.duration_ms]).toEqual(["failed", 0]);
    expect(result.error?.failure.message).toBe("429; the server asks to wait 60 s, longer than the pipeline has left");
  });

  test("is waited for where the pipeline has just the time", async () => {
    const { result } = await retry({ retries: 3 }, [busy(59_999)], { timeout: "1m" });
    expect([result.status, result.duration_ms]).toEqual(["succeeded", 59_999]);
  });
});

test("row 24: attempts are counted from 1 in each stage, and the context says which it is", async () => {
  const seen: [string, number, string | undefined][] = [];
  const clock = virtualClock();
  const agent =
    (fail: number) => async (_: unknown, context: { stage: string; attempt: number; meta: Readonly<Record<string, string>> }) => {
      seen.push([context.stage, context.attempt, context.meta.attempt]);
      await waitOn(clock, 1);
      if (context.attempt <= fail) throw boom;
    };
  await runPipeline(pipelineOf({ agents: ["a", "b"] }, { defaults: { retries: 2 } }), { a: agent(2), b: agent(1) }, { clock });
  expect(seen).toEqual([
    ["a", 1, "1"],
    ["a", 2, "2"],
    ["a", 3, "3"],
    ["b", 1, "1"],
    ["b", 2, "2"],
  ]);
});
