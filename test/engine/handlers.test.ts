import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AgentError, type PipelineDefinition } from "../../src/index.ts";
import { systemClock } from "../../src/store/clock.ts";
import { folderWith } from "../support/folder.ts";
import { pipelineFiles } from "../support/nested.ts";
import { pipelineOf, runPipeline, waitOn } from "../support/run.ts";
import { type Act, play, rollbackLine, undone, undoneByTheirOwn } from "../support/undoing.ts";
import { type VirtualClock, virtualClock } from "../support/virtual-clock.ts";

const BOOM = new Error("boom");
const own = undoneByTheirOwn;
const inner = (sequence: Parameters<typeof pipelineOf>[0], rest: Partial<PipelineDefinition> = {}): { directory: string } => ({
  directory: pipelineFiles({ inner: { ...pipelineOf(sequence, rest), name: "inner" } }),
});
const NESTED = { type: "pipeline", file: "inner.toml" } as const;

describe("what a handler is given", () => {
  test("its own stage's name, input and output, not the state at the failure", async () => {
    const agents = { a: { rollback: "undo_a", input: { x: "k" }, output: { y: "result.got" }, drop: ["secret"] }, ...own("b") };
    const definition = pipelineOf({ agents: ["a", "b", "c"] }, { agents });
    const scene = await play(
      definition,
      { a: { got: 7, more: 8 }, b: { k: 2, same: 1 }, c: new AgentError("quota", "no money left") },
      { input: { k: 1, same: 1, secret: 3 } },
    );
    const error = { kind: "quota", message: "no money left" };
    expect(scene.given.undo_a?.input).toEqual({ stage: "a", input: { x: 1 }, output: { y: 7 }, error });
    expect(scene.given.undo_b?.input).toEqual({ stage: "b", input: { k: 1, same: 1, y: 7 }, output: { k: 2 }, error });
  });

  test("the input of the agent that served, and the key of its own visit", async () => {
    const agents = { a: { fallback: "b", input: { x: "k" } }, b: { input: { z: "k" }, rollback: "undo_b" } };
    const definition = pipelineOf({ agents: ["a", "c"] }, { agents });
    const scene = await play(definition, { a: BOOM, b: { d: 1 }, c: BOOM }, { input: { k: 5 } });
    expect(scene.given.undo_b?.input).toMatchObject({ stage: "a", input: { z: 5 }, output: { d: 1 } });
    expect(scene.given.undo_b?.context.idempotencyKey).toBe("run/rollback:a~1");
  });

  test("each visit its own", async () => {
    const branches = [{ from_agent: "a", condition: "n < 2", to_agent: "a", max_times: 5 }];
    const seen: unknown[] = [];
    const undo: Act = ({ input, output }, { idempotencyKey }) => void seen.push([input, output, idempotencyKey]);
    const definition = pipelineOf({ agents: ["a", "b"], branches }, { agents: own("a") });
    await play(definition, { a: ({ n }) => ({ n: n + 1 }), b: BOOM, undo_a: undo }, { input: { n: 0 } });
    expect(seen).toEqual([
      [{ n: 1 }, { n: 2 }, "run/rollback:a~2"],
      [{ n: 0 }, { n: 1 }, "run/rollback:a~1"],
    ]);
  });

  test("a context of its own: of the pipeline that its stage is in", async () => {
    const definition = pipelineOf({ agents: ["y", "n", "z"] }, { agents: { n: NESTED, ...own("y") } });
    const where = inner({ agents: ["x", "a", "b"] }, { agents: { ...own("a"), undo_a: { retries: 1, retry_delay: "0s" } } });
    const contexts: unknown[] = [];
    const undo: Act = (_, { signal, log, ...context }) => {
      contexts.push(context);
      if (context.attempt === 1) throw BOOM;
      return [signal.aborted, log];
    };
    await play(definition, { y: {}, x: {}, a: {}, b: {}, z: BOOM, undo_a: undo }, where);
    const context = {
      runId: "run",
      pipelineId: "inner",
      sessionId: "session",
      stage: "n/a",
      stageNumber: 2,
      totalStages: 3,
      idempotencyKey: "run/rollback:n~1/a~1",
      meta: { session_id: "session", pipeline_id: "inner", run_id: "run", total_stages: "3", stage_number: "2", stage_name: "n/a" },
    };
    expect(contexts).toEqual([1, 2].map((attempt) => ({ ...context, attempt, meta: { ...context.meta, attempt: String(attempt) } })));
  });

  test("through its own adapter", async () => {
    const agents = { ...own("a"), undo_a: { input: { id: "output.id", why: "error.kind", of: "stage", k: "input.k" } } };
    const scene = await play(pipelineOf({ agents: ["a", "b"] }, { agents }), { a: { id: 9 }, b: BOOM }, { input: { k: 1 } });
    expect(scene.given.undo_a?.input).toEqual({ id: 9, why: "exit", of: "a", k: 1 });
  });

  test("frozen, as any input", async () => {
    let frozen: unknown;
    const undo: Act = (given) => void (frozen = [given, given.input, given.input.list, given.output, given.error].map(Object.isFrozen));
    await play(pipelineOf({ agents: ["a", "b"] }, { agents: own("a") }), { a: {}, b: BOOM, undo_a: undo }, { input: { list: [1] } });
    expect(frozen).toEqual([true, true, true, true, true]);
  });

  test("also as deep as a state may be", async () => {
    const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
    const definition = pipelineOf({ agents: ["a", "b"] }, { agents: own("a") });
    const deep = nest(499);
    const acts = { a: () => ({ out: deep }), b: BOOM };
    const first = await play(definition, acts, { input: { deep }, death: { atEntry: 3, keeps: true } });
    expect([first.died, (await play(definition, acts, { input: { deep }, entries: first.entries })).result.status]).toEqual([
      true,
      "rolled_back",
    ]);
  });
});

describe("a handler is run as any agent", () => {
  const definition = (handler: object, more: object = {}): PipelineDefinition =>
    pipelineOf({ agents: ["a", "b", "c"] }, { agents: { ...own("a", "b"), undo_b: handler, ...more } });
  const acts = { a: {}, b: {}, c: BOOM };

  test("with its own timeout, whatever is left of the pipeline's", async () => {
    const scene = await play({ ...definition({ timeout: "5s" }) }, { ...acts, undo_b: 10_000 });
    expect(rollbackLine(scene.result)).toBe("failed: b by undo_b failed: timeout it did not end within 5s, a by undo_a");
    expect([scene.result.duration_ms, scene.result.rollback?.stages[0]?.duration_ms]).toEqual([5000, 5000]);
  });

  test("after the pipeline's time is over", async () => {
    const timely = pipelineOf(
      { agents: ["a", "b"] },
      { agents: { ...own("a"), undo_a: { retries: 1, retry_jitter: false } }, timeout: "1s" },
    );
    let tries = 0;
    const undo: Act = async (_, { signal }) => {
      tries += 1;
      if (tries === 1) throw new AgentError("rate_limit", "wait", { retryAfterMs: 9000 });
      return waitOn(clock, 20_000, signal);
    };
    const clock = virtualClock();
    const { result } = await play(timely, { a: {}, b: 5000, undo_a: undo }, { clock });
    expect([result.status, result.error?.kind, rollbackLine(result), result.duration_ms]).toEqual([
      "rolled_back",
      "deadline",
      "succeeded: a in 2 by undo_a",
      1000 + 9000 + 20_000,
    ]);
  });

  test("with its own retries and the waits between them", async () => {
    const scene = await play(definition({ retries: 2, retry_delay: "3s", retry_jitter: false }), { ...acts, undo_b: BOOM });
    expect([undone(scene), rollbackLine(scene.result), scene.result.duration_ms]).toEqual([
      ["b", "b", "b", "a"],
      "failed: b in 3 by undo_b failed: exit boom, a by undo_a",
      9000,
    ]);
    expect(scene.result.rollback?.stages.map(({ duration_ms }) => duration_ms)).toEqual([9000, 0]);
  });

  test("with its own fallback", async () => {
    const scene = await play(definition({ fallback: "undo_other" }), { ...acts, undo_b: BOOM });
    expect([undone(scene), rollbackLine(scene.result)]).toEqual([["b", "other", "a"], "succeeded: b in 2 by undo_other, a by undo_a"]);
  });

  test("on_error = continue in [defaults] tolerates no failure of it", async () => {
    const tolerant = {
      ...pipelineOf({ agents: ["a", "b"] }, { agents: { ...own("a"), b: { on_error: "fail" } } }),
      defaults: { on_error: "continue" },
    } as const;
    const { result } = await play(tolerant, { a: {}, b: BOOM, undo_a: BOOM });
    expect([result.status, rollbackLine(result)]).toEqual(["rollback_failed", "failed: a by undo_a failed: exit boom"]);
  });

  test.each<[string, Act]>([
    ["text", () => "done"],
    ["an instance of a class", () => new Map()],
    ["a function", () => () => 1],
    ["a list with holes", () => [undefined, NaN]],
    ["keys of the state", { a: 100, c: 100 }],
    ["a number too large for JSON", () => 10n ** 30n],
  ])("its output is ignored: %s", async (_, undo) => {
    const { result } = await play(definition({}), { ...acts, a: { a: 1 }, undo_b: undo });
    expect([result.status, result.state, rollbackLine(result)]).toEqual(["rolled_back", { a: 1 }, "succeeded: b by undo_b, a by undo_a"]);
  });

  test("so is what a script prints, as long as it exits with 0", async () => {
    const directory = folderWith({});
    const script = (line: string) => ({ type: "script", shell: line }) as const;
    const agents = {
      a: { type: "canned", rollback: "undo_a" },
      b: { type: "canned", rollback: "undo_b" },
      c: { type: "canned", fail: "exit" },
      undo_a: { ...script('cat > given.json; echo "not JSON {" ; head -c 200000 /dev/zero'), max_output: "1KB" },
      undo_b: script("echo no >&2; exit 3"),
    } as const;
    const { result } = await runPipeline(
      pipelineOf({ agents: ["a", "b", "c"] }, { agents }),
      {},
      {
        directory,
        clock: realClock(),
      },
    );
    expect(rollbackLine(result)).toBe("failed: b by undo_b failed: exit exited with code 3, a by undo_a");
    expect(JSON.parse(readFileSync(`${directory}/given.json`, "utf8"))).toEqual({
      stage: "a",
      input: {},
      output: {},
      error: result.error?.failure,
    });
  });

  test("one of type pipeline runs as a whole, gets what a handler gets, and undoes nothing itself", async () => {
    const where = inner(
      { agents: ["first", "second"], branches: [{ from_agent: "first", condition: "stage == 'b'", to_agent: "second" }] },
      { agents: { first: { rollback: "never" } } },
    );
    const scene = await play(definition(NESTED), { ...acts, first: {}, second: BOOM, never: {}, c: BOOM }, where);
    expect(scene.calls).toEqual(["a", "b", "c", "first", "second", "undo_a"]);
    expect(scene.given.first?.input).toEqual({ stage: "b", input: {}, output: {}, error: { kind: "exit", message: "boom" } });
    expect(rollbackLine(scene.result)).toBe("failed: b by undo_b failed: exit stage 2 (b/second) failed: boom, a by undo_a");
    const types = scene.events.map(({ type }) => type);
    expect(types.slice(types.indexOf("rollback-start"))).toEqual([
      "rollback-start",
      "undo-start",
      "undo-end",
      "undo-start",
      "undo-end",
      "rollback-end",
      "run-end",
    ]);
  });

  test("stages of what undoes a pipeline, and what undoes a stage of the same name in that pipeline, do not know each other", async () => {
    const directory = pipelineFiles({
      inner: { ...pipelineOf({ agents: ["x"] }, { agents: own("x") }), name: "inner" },
      undoing: { ...pipelineOf({ agents: ["x"] }, { agents: { x: { type: "canned" } } }), name: "undoing" },
    });
    const agents = { n: { ...NESTED, rollback: "undo_n" }, undo_n: { type: "pipeline", file: "undoing.toml" } } as const;
    const scene = await play(pipelineOf({ agents: ["n", "z"] }, { agents }), { x: {}, z: BOOM }, { directory });
    expect([undone(scene), rollbackLine(scene.result)]).toEqual([["x"], "succeeded: n by undo_n, n/x by undo_x"]);
  });
});

/** For what really runs: processes, modules that are loaded. */
function realClock(): VirtualClock {
  return { ...systemClock(), run: (promise) => promise, jump: () => {} };
}
