import { describe, expect, test } from "vitest";
import { AgentError, type PipelineDefinition } from "../../src/index.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, type Sequential } from "../support/run.ts";
import { type Act, play, type SceneOptions, undoneByTheirOwn } from "../support/undoing.ts";

const BOOM = new Error("boom");
const own = undoneByTheirOwn;
const ok = Object.fromEntries([..."abcdef"].map((name): [string, Act] => [name, { [name]: 1 }]));

/** The keys in their order; those that had to be durable in brackets. */
async function checkpoints(definition: PipelineDefinition, acts: Record<string, Act>, options?: SceneOptions): Promise<string> {
  const scene = await play(definition, { ...ok, ...acts }, options);
  return scene.checkpoints
    .map(([key, checkpoint]) => (checkpoint === true ? `[${key}]` : checkpoint === false ? key : `${key}?`))
    .join(" ");
}

const every = (frequency: number, sequential: Sequential, agents: PipelineDefinition["agents"] = {}): PipelineDefinition =>
  pipelineOf({ ...sequential, pipeline: { checkpoint_frequency: frequency, ...sequential.pipeline } }, { agents });
const abcde: Sequential = { agents: ["a", "b", "c", "d", "e"] };

describe("rows 80, 91 and 92: progress is durable", () => {
  test.each<[string, PipelineDefinition, Record<string, Act>, string, SceneOptions?]>([
    ["after every stage unless said otherwise", pipelineOf({ agents: ["a", "b"] }), {}, "[a~1!1#1] [b~1!1#1] [run!1]"],
    [
      "then after every attempt, too",
      pipelineOf({ agents: ["a"] }, { agents: { a: { retries: 1 } } }),
      { a: BOOM },
      "[a~1!1#1] [a~1!1#2] [run!1]",
    ],
    ["with 1", every(1, abcde), {}, "[a~1!1#1] [b~1!1#1] [c~1!1#1] [d~1!1#1] [e~1!1#1] [run!1]"],
    ["with 2", every(2, abcde), {}, "a~1!1#1 [b~1!1#1] c~1!1#1 [d~1!1#1] e~1!1#1 [run!1]"],
    ["with 3", every(3, abcde), {}, "a~1!1#1 b~1!1#1 [c~1!1#1] d~1!1#1 e~1!1#1 [run!1]"],
    ["with more than there are", every(9, abcde), {}, "a~1!1#1 b~1!1#1 c~1!1#1 d~1!1#1 e~1!1#1 [run!1]"],
    ["with 0: only at the end", every(0, abcde), {}, "a~1!1#1 b~1!1#1 c~1!1#1 d~1!1#1 e~1!1#1 [run!1]"],
    ["and at a failure", every(0, abcde), { c: BOOM }, "a~1!1#1 b~1!1#1 [c~1!1#1] [run!1]"],
    [
      "not at one that another attempt or a fallback follows",
      every(0, { agents: ["a", "b"] }, { a: { retries: 1, fallback: "c" } }),
      { a: BOOM },
      "a~1!1#1 a~1!1#2 a~1!1@c#1 b~1!1#1 [run!1]",
    ],
    [
      "at each failure that the run survives",
      every(0, { agents: ["a", "b", "c"], pipeline: { fail_fast: false } }),
      { a: BOOM, c: BOOM },
      "[a~1!1#1] b~1!1#1 [c~1!1#1] [run!1]",
    ],
    [
      "a tolerated failure counts as any finished stage",
      every(2, { agents: ["a", "b", "c"] }, { a: { on_error: "continue" } }),
      { a: BOOM },
      "a~1!1#1 [b~1!1#1] c~1!1#1 [run!1]",
    ],
    ["at a cancellation", every(0, { agents: ["a", "b"] }), { b: 5000 }, "a~1!1#1 [b~1!1#1] [run!1]", { cancelAfterMs: 1000 }],
    [
      "at the pipeline's timeout",
      { ...every(0, { agents: ["a", "b"] }), orchestration: { ...every(0, { agents: ["a", "b"] }).orchestration, timeout: "1s" } },
      { b: 5000 },
      "a~1!1#1 [b~1!1#1] [run!1]",
    ],
    [
      "whenever something finished that can be undone, which counts as well",
      every(3, { agents: ["a", "b", "c", "d"] }, own("b")),
      {},
      "a~1!1#1 [b~1!1#1] [c~1!1#1] d~1!1#1 [run!1]",
    ],
    ["with 0, too", every(0, { agents: ["a", "b", "c"] }, own("b")), {}, "a~1!1#1 [b~1!1#1] c~1!1#1 [run!1]"],
    [
      "by what served the stage: a fallback's handler counts, that of the one that failed does not",
      every(0, { agents: ["a", "d"] }, { ...own("b", "d"), a: { fallback: "b" }, d: { fallback: "c", rollback: "undo_d" } }),
      { a: BOOM, d: BOOM },
      "a~1!1#1 [a~1!1@b#1] d~1!1#1 d~1!1@c#1 [run!1]",
    ],
    [
      "a group is one element, its members are none",
      every(2, { agents: ["a", "g", "b", "c"], parallel: { g: { agents: ["d", "e", "f"], max_concurrency: 1 } } }),
      {},
      "a~1!1#1 g/d~1!1#1 g/e~1!1#1 g/f~1!1#1 [g~1!1#1] b~1!1#1 [c~1!1#1] [run!1]",
    ],
    [
      "a member that failed, or can be undone, is",
      every(0, { agents: ["g"], parallel: { g: { agents: ["d", "e", "f"], max_concurrency: 1, on_error: "continue" } } }, own("e")),
      { d: BOOM },
      "[g/d~1!1#1] [g/e~1!1#1] g/f~1!1#1 g~1!1#1 [run!1]",
    ],
    [
      "so is a group that failed",
      every(0, { agents: ["g"], parallel: { g: { agents: ["d", "e"], max_concurrency: 1 } } }),
      { d: { k: 1 }, e: { k: 2 } },
      "g/d~1!1#1 g/e~1!1#1 [g~1!1#1] [run!1]",
    ],
    [
      "detours and each visit count as one",
      every(2, {
        agents: ["a", "b"],
        branches: [
          { from_agent: "a", to_agent: "d", max_times: 1 },
          { from_agent: "d", to_agent: "a", max_times: 1 },
        ],
      }),
      {},
      "a~1!1#1 [d~1!1#1] a~2!1#1 [b~1!1#1] [run!1]",
    ],
  ])("%s", async (_, definition, acts, expected, options) => expect(await checkpoints(definition, acts, options)).toBe(expected));

  test("in a nested pipeline by its own frequency; outside of it, it is one element", async () => {
    const directory = pipelineFiles({ inner: { ...every(2, { agents: ["a", "b", "c"] }), name: "inner" } });
    const definition = every(3, { agents: ["n", "d", "e", "f"] }, { n: { type: "pipeline", file: "inner.toml" } });
    expect(await checkpoints(definition, {}, { directory })).toBe(
      "n~1/a~1!1.1#1 [n~1/b~1!1.1#1] n~1/c~1!1.1#1 n~1!1#1 d~1!1#1 [e~1!1#1] f~1!1#1 [run!1]",
    );
  });

  test("in another attempt at it, from the start", async () => {
    const directory = pipelineFiles({ inner: { ...every(3, { agents: ["a", "b", "c", "d", "e"] }), name: "inner" } });
    const definition = every(0, { agents: ["n"] }, { n: { type: "pipeline", file: "inner.toml", retries: 1, retry_delay: "0s" } });
    let calls = 0;
    const b: Act = () => {
      calls += 1;
      if (calls === 1) throw BOOM;
    };
    expect(await checkpoints(definition, { b }, { directory })).toBe(
      "n~1/a~1!1.1#1 [n~1/b~1!1.1#1] n~1!1#1 n~1/b~1!1.2#1 n~1/c~1!1.2#1 [n~1/d~1!1.2#1] n~1/e~1!1.2#1 n~1!1#2 [run!1]",
    );
  });

  test.each([0, 3])("handlers and each of their attempts always are, also with %d", async (frequency) => {
    const definition = every(frequency, { agents: ["a", "b", "c"] }, { ...own("a", "b"), undo_b: { retries: 1, retry_delay: "0s" } });
    expect(await checkpoints(definition, { c: BOOM, undo_b: BOOM })).toBe(
      "[a~1!1#1] [b~1!1#1] [c~1!1#1] [run!1] [rollback:b~1!1.1#1] [rollback:b~1!1.1#2] [rollback:a~1!1.1#1] [rollback!1.1#ended]",
    );
  });

  test("after a resume it is counted anew", async () => {
    const first = await play(every(2, abcde), { ...ok, d: new AgentError("auth", "no") });
    const keys = await checkpoints(every(2, abcde), {}, { entries: first.entries });
    expect(keys).toBe("d~1!2#1 [e~1!2#1] [run!2]");
  });
});
