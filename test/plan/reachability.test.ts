import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { canned, pipeline, problemsOf } from "./plans.ts";

type Sequential = PipelineDefinition["orchestration"]["sequential"];

const unreached = (name: string): string => `~ agents.${name} unreached-agent: no run comes to the agent \`${name}\``;

describe("an agent that no run comes to is a warning", () => {
  test.each<[sentence: string, sequential: Sequential, agents: Record<string, AgentDefinition>, expected: string[]]>([
    ["alone", { agents: ["a"] }, canned("a", "b"), [unreached("b")]],
    ["several", { agents: ["a"] }, canned("a", "b", "c"), [unreached("b"), unreached("c")]],
    [
      "with its fallback, its base and theirs: told once",
      { agents: ["a"] },
      {
        ...canned("a", "e"),
        b: { type: "canned", extends: "c", fallback: "d" },
        c: { fallback: "x" },
        d: { type: "canned", fallback: "e" },
        ...canned("x"),
      },
      [unreached("b"), unreached("x")],
    ],
    [
      "of two that are each other's target: the first",
      {
        agents: ["a"],
        branches: [
          { from_agent: "b", to_agent: "c", max_times: 1 },
          { from_agent: "c", to_agent: "b", max_times: 1 },
        ],
      },
      canned("a", "b", "c"),
      [unreached("b")],
    ],
    [
      "a group with its members: told as the group",
      { agents: ["a"], parallel: { g: { agents: ["b", "c"] } } },
      canned("a", "b", "c"),
      ["~ orchestration.sequential.parallel.g unreached-agent: no run comes to the group `g`"],
    ],
  ])("%s", async (_sentence, sequential, agents, expected) => expect(await problemsOf(pipeline(sequential, agents))).toEqual(expected));

  test.each<[sentence: string, sequential: Sequential, agents: Record<string, AgentDefinition>]>([
    ["a stage", { agents: ["a"] }, canned("a")],
    ["a member of a group", { agents: ["g"], parallel: { g: { agents: ["a", "b"] } } }, canned("a", "b")],
    [
      "a detour of a detour",
      {
        agents: ["a"],
        branches: [
          { from_agent: "a", to_agent: "b" },
          { from_agent: "b", to_agent: "c" },
        ],
      },
      canned("a", "b", "c"),
    ],
    [
      "a member of a group that is a detour",
      { agents: ["a"], parallel: { g: { agents: ["b", "c"] } }, branches: [{ from_agent: "a", to_agent: "g" }] },
      canned("a", "b", "c"),
    ],
    [
      "a fallback's fallback",
      { agents: ["a"] },
      { a: { type: "canned", fallback: "b" }, b: { type: "canned", fallback: "c" }, ...canned("c") },
    ],
    ["a base's base", { agents: ["a"] }, { a: { extends: "b" }, b: { extends: "c" }, ...canned("c") }],
    [
      "a fallback that is taken over from a base",
      { agents: ["a"] },
      { a: { type: "canned", extends: "b" }, b: { fallback: "c" }, ...canned("c") },
    ],
  ])("%s is reached", async (_sentence, sequential, agents) => expect(await problemsOf(pipeline(sequential, agents))).toEqual([]));

  test("is not told where a name is unknown, which may have been meant for it", async () => {
    expect(await problemsOf(pipeline({ agents: ["a", "x"] }, canned("a", "b")))).toEqual([
      "orchestration.sequential.agents.1 unknown-agent: there is no agent called `x`",
    ]);
  });

  test("is told beside other errors", async () => {
    expect(await problemsOf(pipeline({ agents: ["a"] }, { a: { type: "llm" }, ...canned("b") }))).toEqual([
      "agents.a missing-key: the agent `a` needs a model",
      unreached("b"),
    ]);
  });
});
