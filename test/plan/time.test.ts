import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { problemsOf } from "./plans.ts";

const script = (keys: AgentDefinition = {}): AgentDefinition => ({ type: "script", command: ["echo"], ...keys });

interface Given extends Omit<PipelineDefinition, "orchestration"> {
  readonly timeout?: string;
  readonly sequence: Partial<PipelineDefinition["orchestration"]["sequential"]>;
}

const told = async ({ timeout = "1m", sequence, ...rest }: Given, files: Record<string, string> = {}): Promise<string[]> => {
  const sequential = { agents: ["a"], ...sequence };
  return problemsOf({ ...rest, orchestration: { timeout, sequential } }, { files });
};

const LONG = "timeout-above-pipeline: this timeout can never end";
const WORST = "worst-case-above-timeout:";

describe("a timeout longer than the run's", () => {
  test.each<[sentence: string, given: Given, problems: string[]]>([
    [
      "is told",
      { agents: { a: script({ timeout: "2m" }) }, sequence: {} },
      [`~ agents.a.timeout ${LONG} \`a\`: the whole run ends after 1m`],
    ],
    ["is not told where both are the same", { agents: { a: script({ timeout: "1m" }) }, sequence: {} }, []],
    ["is not told where it is the default", { agents: { a: script() }, sequence: {} }, []],
    ["is not told where it is none: only the run's counts", { agents: { a: script({ timeout: "none" }) }, sequence: {} }, []],
    ["is not told where the run has none", { timeout: "none", agents: { a: script({ timeout: "2m" }) }, sequence: {} }, []],
    [
      "is told once where several agents take it from one place",
      {
        agents: { base: { timeout: "2m" }, a: script({ extends: "base" }), b: script({ extends: "base" }) },
        sequence: { agents: ["a", "b"] },
      },
      [`~ agents.base.timeout ${LONG} \`a\`: the whole run ends after 1m`],
    ],
    [
      "is told at [defaults] where an agent takes it from there",
      { defaults: { timeout: "2m" }, agents: { a: script() }, sequence: {} },
      [`~ defaults.timeout ${LONG} an agent: the whole run ends after 1m`],
    ],
    [
      "is not told at [defaults] where every agent has its own",
      { defaults: { timeout: "2m" }, agents: { a: script({ timeout: "1s" }) }, sequence: {} },
      [],
    ],
    [
      "is not told of what undoes a stage, after the run's time",
      { agents: { a: script({ rollback: "b" }), b: script({ timeout: "2m" }) }, sequence: {} },
      [],
    ],
    [
      "is told of a fallback, and what may take long because of it is not told as well",
      { agents: { a: script({ fallback: "b", timeout: "30s", retries: 3 }), b: script({ timeout: "2m" }) }, sequence: {} },
      [`~ agents.b.timeout ${LONG} \`b\`: the whole run ends after 1m`],
    ],
  ])("%s", async (_sentence, given, problems) => expect(await told(given)).toEqual(problems));

  const inner = (timeout: string): Record<string, string> => ({
    "inner.toml": `[agents.x]\ntype = "canned"\n[orchestration]\ntimeout = "${timeout}"\n[orchestration.sequential]\nagents = ["x"]\n`,
  });
  test.each([
    [
      "is told of a nested pipeline that ends by itself before",
      "10s",
      [`~ agents.a.timeout ${LONG} \`a\`: inner.toml ends by itself after 10s`],
    ],
    ["is not told of a nested pipeline that it ends", "30s", []],
  ])("%s", async (_sentence, timeout, problems) =>
    expect(await told({ agents: { a: { type: "pipeline", file: "inner.toml", timeout: "20s" } }, sequence: {} }, inner(timeout))).toEqual(
      problems,
    ),
  );
});

describe("what can take longer than the run", () => {
  const half = script({ timeout: "30s" });
  test.each<[sentence: string, given: Given, problems: string[]]>([
    [
      "is a stage by its retries",
      { agents: { a: script({ timeout: "30s", retries: 2, retry_delay: "5s" }) }, sequence: {} },
      [`~ agents.a.retries ${WORST} \`a\` can take 1m 45s (3 × 30s + 5s + 10s), and the run ends after 1m`],
    ],
    [
      "is a stage by the retries that [defaults] gives it, told once",
      {
        defaults: { retries: 2, retry_delay: "0s" },
        agents: { a: script({ timeout: "30s" }), b: script({ timeout: "40s" }) },
        sequence: { agents: ["a", "b"] },
      },
      [`~ defaults.retries ${WORST} \`a\` can take 1m 30s (3 × 30s), and the run ends after 1m`],
    ],
    [
      "is a stage by its waits alone, whatever its timeout is by default",
      { agents: { a: script({ retries: 2, retry_delay: "50s" }) }, sequence: {} },
      [`~ agents.a.retries ${WORST} \`a\` can take 1m 50s (50s + 1m), and the run ends after 1m`],
    ],
    [
      "is a member of a group, and the group is not told as well",
      {
        agents: { a: script({ timeout: "40s", retries: 1 }), b: half },
        sequence: { agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: 1 } } },
      },
      [`~ agents.a.retries ${WORST} \`a\` can take 1m 21s (2 × 40s + 1s), and the run ends after 1m`],
    ],
    [
      "is a group that runs its members one after the other",
      {
        agents: { a: half, b: script({ timeout: "40s" }) },
        sequence: { agents: ["g"], parallel: { g: { agents: ["a", "b"], max_concurrency: 1 } } },
      },
      [
        `~ orchestration.sequential.parallel.g.max_concurrency ${WORST} the group \`g\` can take 1m 10s (2 members, one after the other), and the run ends after 1m`,
      ],
    ],
    [
      "is a run, without the stages of which nothing is known",
      { agents: { a: half, b: script(), c: script({ timeout: "31s" }) }, sequence: { agents: ["a", "b", "c"] } },
      [`~ orchestration.timeout ${WORST} a run can take 1m 01s (a 30s + c 31s), and it ends after 1m`],
    ],
    [
      "is a run that comes back, as often as it may",
      {
        agents: { a: script({ timeout: "20s" }) },
        sequence: { branches: [{ from_agent: "a", condition: "again", to_agent: "a", max_times: 3 }] },
      },
      [`~ orchestration.timeout ${WORST} a run can take 1m 20s (a 20s + 3 × a 20s), and it ends after 1m`],
    ],
    [
      "is a canned agent by its delay",
      { agents: { a: { type: "canned", delay: "40s", retries: 1 } }, sequence: {} },
      [`~ agents.a.retries ${WORST} \`a\` can take 1m 21s (2 × 40s + 1s), and the run ends after 1m`],
    ],
    ["is nothing that is late on purpose", { agents: { a: { type: "canned", delay: "2m" } }, sequence: {} }, []],
    ["is nothing that fits exactly", { agents: { a: half, b: half }, sequence: { agents: ["a", "b"] } }, []],
    [
      "is nothing that a canned agent's own delay keeps short",
      { agents: { a: { type: "canned", delay: "1s", timeout: "50s", retries: 9, retry_delay: "1s", retry_backoff: 1 } }, sequence: {} },
      [],
    ],
    [
      "is nothing whose time is left to the run",
      { agents: { a: script({ timeout: "none" }), b: half }, sequence: { agents: ["a", "b"] } },
      [],
    ],
    [
      "is not told beside an error, since that may be its cause",
      { agents: { a: script({ timeout: "40s", fallback: "nobody" }), b: script({ timeout: "40s" }) }, sequence: { agents: ["a", "b"] } },
      ["agents.a.fallback unknown-agent: there is no agent called `nobody`"],
    ],
  ])("%s", async (_sentence, given, problems) => expect(await told(given)).toEqual(problems));

  test("is a nested pipeline, at most its own timeout", async () => {
    const file = (timeout: string): string =>
      `[agents.x]\ntype = "script"\ncommand = ["echo"]\n[orchestration]\ntimeout = "${timeout}"\n[orchestration.sequential]\nagents = ["x"]\n`;
    const agents = { a: { type: "pipeline", file: "inner.toml", retries: 1, retry_delay: "0s" } } as const;
    expect(await told({ agents, sequence: {} }, { "inner.toml": file("40s") })).toEqual([
      `~ agents.a.retries ${WORST} \`a\` can take 1m 20s (2 × 40s), and the run ends after 1m`,
    ]);
    expect(await told({ agents, sequence: {} }, { "inner.toml": file("none") })).toEqual([]);
  });
});
