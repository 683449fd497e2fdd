import { describe, expect, test } from "vitest";
import { type AgentContext, definePipeline, InputError } from "../../src/index.ts";
import { gives } from "../support/agents.ts";
import { pipelineOf, runPipeline } from "../support/run.ts";

/** Keeps the contexts of its calls, fails those that it is told to, and gives nothing. */
function witness(failing: readonly number[] = []) {
  const contexts: AgentContext[] = [];
  return {
    contexts,
    agent: (_: unknown, context: AgentContext) => {
      contexts.push(context);
      if (failing.includes(contexts.length)) throw new Error("boom");
    },
  };
}

describe("row 19-28: metadata and the context of a call", () => {
  test("row 28: what an agent is told", async () => {
    const { contexts, agent } = witness();
    await runPipeline(pipelineOf({ agents: ["a", "b"] }), { a: gives({}), b: agent }, { meta: { team: "blue" } });
    const { signal, log, ...told } = contexts[0] as AgentContext;
    expect(told).toEqual({
      runId: "run",
      pipelineId: "test",
      sessionId: "session",
      stage: "b",
      stageNumber: 2,
      totalStages: 2,
      attempt: 1,
      idempotencyKey: "run/b~1",
      meta: {
        team: "blue",
        session_id: "session",
        pipeline_id: "test",
        run_id: "run",
        total_stages: "2",
        stage_number: "2",
        stage_name: "b",
        attempt: "1",
      },
    });
    expect([signal instanceof AbortSignal, signal.aborted, typeof log]).toEqual([true, false, "function"]);
  });

  test("row 28, 34: it is fresh for each attempt, and cannot be changed, nor can the input", async () => {
    const { contexts, agent } = witness([1]);
    const problems: unknown[] = [];
    const change = (action: () => void): void => {
      try {
        action();
        problems.push("it could be changed");
      } catch (error) {
        if (!(error instanceof TypeError)) problems.push(error);
      }
    };
    await runPipeline(
      pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1 } } }),
      {
        a: (input, context) => {
          change(() => (input.n = 2));
          change(() => (input.deep.list[0].x = 2));
          change(() => input.deep.list.push(1));
          change(() => delete input.deep);
          change(() => ((context as { attempt: number }).attempt = 9));
          change(() => ((context.meta as Record<string, string>).own = "changed"));
          return agent(input, context);
        },
      },
      { input: { n: 1, deep: { list: [{ x: 1 }] } }, meta: { own: "as given" } },
    );
    expect(problems).toEqual([]);
    expect(contexts[0]).not.toBe(contexts[1]);
    expect(contexts[0]?.signal).not.toBe(contexts[1]?.signal);
    expect(contexts.map(({ meta }) => meta.attempt)).toEqual(["1", "2"]);
  });

  test("row 34: what an `input` table makes cannot be changed either", async () => {
    const definition = pipelineOf({ agents: ["a"] }, { agents: { a: { input: { list: "[n, [n]]" } } } });
    let frozen: unknown;
    await runPipeline(
      definition,
      { a: (input) => void (frozen = [Object.isFrozen(input), Object.isFrozen(input.list), Object.isFrozen(input.list[1])]) },
      { input: { n: 1 } },
    );
    expect(frozen).toEqual([true, true, true]);
  });

  test("row 19: session_id is generated when absent", async () => {
    const newId = ids();
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) }, newId });
    const result = await pipeline.run();
    expect([result.run_id, result.session_id]).toEqual(["id-1", "id-2"]);
    expect([result.meta.run_id, result.meta.session_id]).toEqual(["id-1", "id-2"]);
  });

  test("row 20: two runs of one pipeline share its pipeline_id, not their run_id", async () => {
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: gives({}) } });
    const [one, other] = [await pipeline.run(), await pipeline.run()];
    expect(one.pipeline_id).toBe(other.pipeline_id);
    expect(one.run_id).not.toBe(other.run_id);
    expect(one.session_id).not.toBe(other.session_id);
  });

  test("row 20: a definition without a name is called `pipeline`", async () => {
    const pipeline = await definePipeline({ orchestration: { sequential: { agents: ["a"] } } }, { agents: { a: gives({}) } });
    expect((await pipeline.run()).pipeline_id).toBe("pipeline");
  });

  test.each<[string, () => unknown, string | undefined]>([
    ["success", () => ({}), "true"],
    ["failure", () => Promise.reject(new Error("boom")), undefined],
  ])("row 25, 26: the final metadata after a %s", async (_, agent, completed) => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: agent }, { meta: { own: "1" } });
    expect(result.meta).toEqual({
      own: "1",
      session_id: "session",
      pipeline_id: "test",
      run_id: "run",
      total_stages: "1",
      ...(completed === undefined ? {} : { pipeline_completed: completed }),
    });
  });

  test("row 25: a cancelled run has not completed", async () => {
    const { result } = await runPipeline(pipelineOf({ agents: ["a"] }), { a: gives({}) }, { signal: AbortSignal.abort() });
    expect(result.meta.pipeline_completed).toBeUndefined();
  });

  test("row 27: data and metadata are separate", async () => {
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a"] }),
      { a: gives({ run_id: "mine", team: 1 }) },
      { meta: { team: "blue" } },
    );
    expect([result.state, result.meta.run_id, result.meta.team]).toEqual([{ run_id: "mine", team: 1 }, "run", "blue"]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["a value that is no string", { n: 1 }, "the metadata `n` must be a string"],
    ["a key that agentflow sets itself", { run_id: "x" }, "the metadata `run_id` is set by agentflow itself"],
    ["a key that only success sets", { pipeline_completed: "true" }, "the metadata `pipeline_completed` is set by agentflow itself"],
  ])("row 27: %s is refused before anything runs", async (_, meta, message) => {
    const { contexts, agent } = witness();
    const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }), { agents: { a: agent } });
    const error = await pipeline.run({ meta: meta as Record<string, string> }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect([(error as InputError).problems, contexts]).toEqual([[message], []]);
  });
});

test("row 3: an input that does not fit is refused before anything runs, with every problem", async () => {
  const pipeline = await definePipeline(pipelineOf({ agents: ["a"] }, { inputs: { n: { type: "integer" }, s: {} } }), {
    agents: { a: gives({}) },
  });
  const error = await pipeline.run({ input: { n: "x", more: 1 } }).catch((thrown: unknown) => thrown);
  expect((error as InputError).problems).toEqual([
    "there is no input called `more`; declared are `n`, `s`",
    'the input `n` must be an integer, but is "x"',
    "the input `s` is missing; give it with --input s=…",
  ]);
  const notJson = await pipeline.run({ input: { n: 1n } }).catch((thrown: unknown) => thrown);
  expect((notJson as InputError).problems[0]).toBe("the input is not JSON: n is a bigint, which JSON cannot say");
});

describe("row 115: the idempotency key", () => {
  test("is the same for all attempts at a visit, and another one for each visit, member and stage", async () => {
    const { contexts, agent } = witness([1]);
    await runPipeline(
      pipelineOf(
        { agents: ["a", "g"], parallel: { g: { agents: ["b", "c"] } }, branches: [{ from_agent: "a", to_agent: "a", max_times: 1 }] },
        { agents: { a: { retries: 1 } } },
      ),
      { a: agent, b: agent, c: agent },
    );
    expect(contexts.map(({ idempotencyKey, attempt }) => `${idempotencyKey} ${attempt}`)).toEqual([
      "run/a~1 1",
      "run/a~1 2",
      "run/a~2 1",
      "run/g/b~1 1",
      "run/g/c~1 1",
    ]);
  });
});

test("a line that an agent logs is told, with its stage and attempt", async () => {
  const { events } = await runPipeline(pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1 } } }), {
    a: (_, { log, attempt }) => {
      log(`try ${attempt}`);
      if (attempt === 1) throw new Error("boom");
    },
  });
  expect(events.flatMap((event) => (event.type === "log" ? [[event.stage, event.attempt, event.text]] : []))).toEqual([
    ["a", 1, "try 1"],
    ["a", 2, "try 2"],
  ]);
});

function ids(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `id-${count}`;
  };
}
