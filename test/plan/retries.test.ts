import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { problemsOf } from "./plans.ts";

const script = (keys: AgentDefinition = {}): AgentDefinition => ({ type: "script", command: ["echo"], ...keys });
const model = (keys: AgentDefinition = {}): AgentDefinition => ({ type: "llm", provider: "ollama", model: "m", ...keys });

type Agents = Record<string, AgentDefinition>;
type Row = [sentence: string, agents: Agents, defaults: PipelineDefinition["defaults"], problems: string[]];

/** Every agent that is complete runs. */
const told = (agents: Agents, defaults: PipelineDefinition["defaults"], functions: string[] = []): Promise<string[]> => {
  const names = Object.keys(agents).filter((name) => name !== "base");
  return problemsOf(
    { ...(defaults && { defaults }), agents, orchestration: { sequential: { agents: [...names, ...functions] } } },
    { functions },
  );
};

describe("keys for retries without any", () => {
  test.each<Row>([
    [
      "do nothing",
      { a: script({ retry_delay: "1s" }) },
      undefined,
      ["agents.a.retry_delay no-effect: `retry_delay` does nothing here: `a` has no `retries`"],
    ],
    [
      "do nothing where there are none on purpose",
      { a: script({ retries: 0, retry_on: ["exit"] }) },
      { retries: 2 },
      ["~ agents.a.retry_on no-effect: `retry_on` does nothing here: `a` has 0 `retries`"],
    ],
    [
      "are told together",
      { a: script({ retry_delay: "1s", retry_jitter: false }) },
      undefined,
      ["agents.a.retry_delay no-effect: `retry_delay`, `retry_jitter` do nothing here: `a` has no `retries`"],
    ],
    ["do something where [defaults] has retries", { a: script({ retry_delay: "1s" }) }, { retries: 1 }, []],
    [
      "do something for an agent that extends theirs",
      { base: { retry_delay: "1s" }, a: script({ extends: "base", retries: 1 }) },
      undefined,
      [],
    ],
    ["do something in [defaults] for one agent", { a: script({ retries: 1 }), b: script() }, { retry_delay: "1s" }, []],
    [
      "do nothing in [defaults] where no agent has any",
      { a: script() },
      { retry_delay: "1s" },
      ["defaults.retry_delay no-effect: `retry_delay` does nothing here: no agent has `retries`"],
    ],
    [
      "are not told in [defaults] where the agents with retries have their own",
      { a: script({ retries: 1, retry_delay: "2s" }) },
      { retry_delay: "1s" },
      [],
    ],
  ])("%s", async (_sentence, agents, defaults, problems) => expect(await told(agents, defaults)).toEqual(problems));

  test("do something in [defaults] for an agent that only code knows", async () =>
    expect(await told({ a: script({ retries: 0 }) }, { retries: 1, retry_delay: "1s" }, ["f"])).toEqual([]));
});

describe("a wait", () => {
  test.each<Row>([
    [
      "that is none cannot grow, be cut or vary",
      { a: script({ retries: 3, retry_delay: "0s", retry_backoff: 3, retry_max_delay: "9s" }) },
      undefined,
      [
        "~ agents.a.retry_backoff no-effect: `retry_backoff`, `retry_max_delay` do nothing here: there is no wait, since `retry_delay` is zero",
      ],
    ],
    [
      "before the only retry does not grow",
      { a: script({ retries: 1, retry_backoff: 3 }) },
      undefined,
      ["~ agents.a.retry_backoff no-effect: `retry_backoff` does nothing here: there is one retry, and the wait grows from the second on"],
    ],
    ["grows for another agent with the same key", { a: script({ retries: 1 }), b: script({ retries: 2 }) }, { retry_backoff: 3 }, []],
    [
      "that is longer than the longest is cut",
      { a: script({ retries: 1, retry_delay: "2m" }) },
      undefined,
      ["~ agents.a.retry_delay capped-delay: this wait is cut to 1m, the default of `retry_max_delay`"],
    ],
    [
      "that is longer than what is written is cut",
      { a: script({ retries: 1, retry_delay: "20s" }) },
      { retry_max_delay: "5s" },
      ["~ agents.a.retry_delay capped-delay: this wait is cut to 5s, the longest that `retry_max_delay` allows"],
    ],
    ["as long as the longest is not", { a: script({ retries: 1, retry_delay: "1m" }) }, undefined, []],
    ["without a longest is not", { a: script({ retries: 1, retry_delay: "2h", retry_max_delay: "none" }) }, undefined, []],
  ])("%s", async (_sentence, agents, defaults, problems) => expect(await told(agents, defaults)).toEqual(problems));
});

describe("a kind of failure in retry_on", () => {
  test.each<Row>([
    [
      "never comes from a script",
      { a: script({ retries: 1, retry_on: ["exit", "rate_limit"] }) },
      undefined,
      ["~ agents.a.retry_on.1 pointless-retry: `a` never fails as `rate_limit`"],
    ],
    [
      "never comes from a model",
      { a: model({ retries: 1, retry_on: ["exit", "timeout"] }) },
      undefined,
      ["~ agents.a.retry_on.0 pointless-retry: `a` never fails as `exit`"],
    ],
    ["may come from one of those that have the list", { a: script(), b: model() }, { retries: 1, retry_on: ["exit", "rate_limit"] }, []],
    [
      "comes from none of those that have the list",
      { a: script(), b: script() },
      { retries: 1, retry_on: ["rate_limit"] },
      ["~ defaults.retry_on.0 pointless-retry: no agent that uses this list fails as `rate_limit`"],
    ],
    ["may come from code", { a: { type: "module", module: "x.mjs", retries: 1, retry_on: ["rate_limit", "exit"] } }, undefined, []],
    ["may be what a canned agent stands for", { a: { type: "canned", retries: 1, retry_on: ["rate_limit"] } }, undefined, []],
  ])("%s", async (_sentence, agents, defaults, problems) => expect(await told(agents, defaults)).toEqual(problems));

  test("may come from a function that takes it from [defaults]", async () =>
    expect(await told({ a: script() }, { retries: 1, retry_on: ["rate_limit"] }, ["f"])).toEqual([]));

  test("may come from a function in the agent's place", async () =>
    expect(
      await problemsOf(
        { agents: { a: script({ retries: 1, retry_on: ["rate_limit"] }) }, orchestration: { sequential: { agents: ["a"] } } },
        { functions: ["a"] },
      ),
    ).toEqual([]));
});

describe("what [defaults] says of models", () => {
  test.each<Row>([
    [
      "does nothing without one",
      { a: script() },
      { model: "m", temperature: 0 },
      ["defaults.model no-effect: `model`, `temperature` do nothing here: no agent asks a model"],
    ],
    ["is for the only one", { a: script(), b: { type: "llm" } }, { provider: "ollama", model: "m" }, []],
  ])("%s", async (_sentence, agents, defaults, problems) => expect(await told(agents, defaults)).toEqual(problems));

  test("may be for an agent whose type only code knows", async () =>
    expect(
      await problemsOf(
        { defaults: { model: "m" }, agents: { a: {} }, orchestration: { sequential: { agents: ["a"] } } },
        { functions: ["a"] },
      ),
    ).toEqual([]));
});

describe("max_concurrency", () => {
  test.each([1, 2, 3])("is a bound that may be stated, whatever the number of members: %d", async (most) =>
    expect(
      await problemsOf({
        agents: { a: script({ writes: ["a"] }), b: script({ writes: ["b"] }) },
        orchestration: { sequential: { agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: most } } } },
      }),
    ).toEqual([]),
  );
});
