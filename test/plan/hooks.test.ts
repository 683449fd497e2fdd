import { describe, expect, test } from "vitest";
import type { PipelineDefinition } from "../../src/spec/spec.ts";
import { canned, pipeline, planOf, problemsOf } from "./plans.ts";

const withHooks = (...hooks: NonNullable<PipelineDefinition["hooks"]>): PipelineDefinition =>
  pipeline({ agents: ["a", "g"], parallel: { g: { agents: ["b", "c"] } } }, canned("a", "b", "c"), { hooks });

describe("rows 35 to 38: hooks of the file", () => {
  test("have names, events, agents, calls and a time limit", async () => {
    const { hooks } = await planOf(
      withHooks(
        { on: "retry", command: ["x", "${{ y }}"] },
        { name: "tell", on: ["branch", "after_run"], agents: ["a", "b"], module: "hooks/tell.mjs", timeout: "none" },
      ),
    );
    expect(hooks).toEqual([
      {
        name: "hooks[0]",
        on: ["retry"],
        agents: null,
        call: { type: "command", command: ["x", "${{ y }}"], cwd: "/p" },
        timeoutMs: 10_000,
      },
      {
        name: "tell",
        on: ["branch", "after_run"],
        agents: ["a", "b"],
        call: { type: "module", module: "/p/hooks/tell.mjs" },
        timeoutMs: null,
      },
    ]);
  });

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    [
      "with one name, each after the first",
      withHooks(
        { name: "n", on: "retry", command: ["x"] },
        { name: "n", on: "branch", command: ["x"] },
        { name: "n", on: "branch", command: ["x"] },
      ),
      ["hooks.1.name duplicate-name: there are two hooks called `n`", "hooks.2.name duplicate-name: there are two hooks called `n`"],
    ],
    [
      "for an agent that is not there",
      withHooks({ on: "retry", agents: ["a", "x"], command: ["x"] }),
      ["hooks.0.agents.1 unknown-agent: there is no agent called `x`"],
    ],
    [
      "for a group",
      withHooks({ on: "retry", agents: ["g"], command: ["x"] }),
      ["hooks.0.agents.0 unknown-agent: `g` is a group, and hooks are called for agents"],
    ],
    [
      "of the whole run, for an agent",
      withHooks({ on: ["before_run", "after_run"], agents: ["a"], command: ["x"] }),
      ["hooks.0.agents no-effect: `agents` does nothing here: before_run and after_run belong to no agent"],
    ],
    ["of the whole run and of stages, for an agent", withHooks({ on: ["before_run", "retry"], agents: ["a"], command: ["x"] }), []],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));
});
