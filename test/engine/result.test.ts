import { describe, expect, test } from "vitest";
import { type AgentDefinition, AgentError, definePipeline } from "../../src/index.ts";
import { failsThen, gives } from "../support/agents.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { virtualClock } from "../support/virtual-clock.ts";

test("row 11, 13, 26, 63, 71, 124: the whole of a result", async () => {
  const clock = virtualClock();
  const definition = pipelineOf(
    {
      agents: ["a", "g", "b", "c"],
      parallel: { g: { agents: ["m", "n"], on_error: "continue" } },
      branches: [{ from_agent: "g", to_agent: "c" }],
    },
    { agents: { a: { retries: 1, retry_jitter: false } } },
  );
  const { result } = await runPipeline(
    definition,
    {
      a: failsThen([new Error("boom")], { a: 1 }),
      m: async () => waitOn(clock, 30).then(() => ({ m: 1 })),
      n: failsThen([new AgentError("auth", "no key", { detail: "line 1\nline 2" })]),
      b: gives({}),
      c: gives({ c: 1 }),
    },
    { clock, input: { n: 0 }, meta: { team: "blue" } },
  );
  const exit = { kind: "exit", message: "boom" };
  const auth = { kind: "auth", message: "no key", detail: "line 1\nline 2" };
  const common = { visit: 1, usage: null, error: null };
  expect(JSON.parse(JSON.stringify(result))).toEqual({
    version: 1,
    run_id: "run",
    pipeline_id: "test",
    session_id: "session",
    status: "succeeded",
    started_at: "2030-01-01T00:00:00.000Z",
    ended_at: "2030-01-01T00:00:01.030Z",
    duration_ms: 1030,
    state: { n: 0, a: 1, m: 1, c: 1 },
    meta: { team: "blue", session_id: "session", pipeline_id: "test", run_id: "run", total_stages: "4", pipeline_completed: "true" },
    path: ["a", "g", "c"],
    stages: [
      {
        ...common,
        name: "a",
        number: 1,
        status: "succeeded",
        served_by: "a",
        attempts: [
          { number: 1, agent: "a", status: "failed", ...exit, duration_ms: 0 },
          { number: 2, agent: "a", status: "succeeded", kind: null, message: null, duration_ms: 0 },
        ],
        duration_ms: 1000,
        wrote: ["a"],
      },
      { ...common, name: "g", number: 2, status: "succeeded", served_by: null, attempts: [], duration_ms: 30, wrote: ["m"] },
      {
        ...common,
        name: "m",
        number: 2,
        group: "g",
        status: "succeeded",
        served_by: "m",
        attempts: [{ number: 1, agent: "m", status: "succeeded", kind: null, message: null, duration_ms: 30 }],
        duration_ms: 30,
        wrote: ["m"],
      },
      {
        ...common,
        name: "n",
        number: 2,
        group: "g",
        status: "failed",
        served_by: "n",
        attempts: [{ number: 1, agent: "n", status: "failed", kind: "auth", message: "no key", duration_ms: 0 }],
        duration_ms: 0,
        wrote: [],
        error: auth,
      },
      { ...common, name: "b", number: 3, status: "skipped", visit: 0, served_by: null, attempts: [], duration_ms: 0, wrote: [] },
      {
        ...common,
        name: "c",
        number: 4,
        status: "succeeded",
        served_by: "c",
        attempts: [{ number: 1, agent: "c", status: "succeeded", kind: null, message: null, duration_ms: 0 }],
        duration_ms: 0,
        wrote: ["c"],
      },
    ],
    usage: { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: [],
    error: null,
    rollback: null,
  });
});

describe("usage", () => {
  const usage = (input_tokens: number, output_tokens: number) => ({ input_tokens, output_tokens, cost: null });

  test("is summed over attempts, failed ones too, and over stages", async () => {
    const paid = (kind: "server_error", tokens: number) => new AgentError(kind, "paid for nothing", { usage: usage(tokens, 0) });
    const { result } = await runPipeline(pipelineOf({ agents: ["a", "b", "c"] }, { defaults: { retries: 2 } }), {
      a: failsThen([paid("server_error", 10), paid("server_error", 5)]),
      b: failsThen([paid("server_error", 100)]),
      c: gives({}),
    });
    expect(result.stages.map((stage) => stage.usage)).toEqual([usage(15, 0), usage(100, 0), null]);
    expect(result.usage).toEqual(usage(115, 0));
  });
});

describe("row 115: a model's answers", () => {
  /** Runs a stage of a model that always answers; tells the idempotency keys of the requests. */
  async function ask(agent: AgentDefinition, answers: readonly string[]) {
    const keys: (string | null)[] = [];
    const fetch: typeof globalThis.fetch = (_, init) => {
      keys.push(new Headers(init?.headers).get("idempotency-key"));
      const content = answers[Math.min(keys.length, answers.length) - 1];
      return Promise.resolve(
        Response.json({
          choices: [{ message: { role: "assistant", content }, finish_reason: "stop" }],
          usage: { prompt_tokens: 3, completion_tokens: 1 },
        }),
      );
    };
    const definition = pipelineOf(
      { agents: ["a"] },
      { agents: { a: { type: "llm", model: "m", provider: "ollama", retries: 2, retry_delay: "0s", ...agent } } },
    );
    const pipeline = await definePipeline(definition, { fetch, env: {} });
    const result = await pipeline.run({ runId: "run" });
    return { keys, result };
  }

  test.each<[string, AgentDefinition, string[]]>([
    ["is empty", {}, ["", "words"]],
    ["was good, but its output could not be made", { output: { n: "int(result)" } }, ["words", "7"]],
  ])("a further attempt has another key, where the answer %s; what it cost is counted", async (_, agent, answers) => {
    const { keys, result } = await ask(agent, answers);
    expect(keys).toEqual(["run/a~1/a.1", "run/a~1/a.2"]);
    expect([result.status, result.usage]).toEqual(["succeeded", { input_tokens: 6, output_tokens: 2, cost: null }]);
  });
});
