import { describe, expect, test } from "vitest";
import type { AgentDefinition } from "../../src/spec/spec.ts";
import { pipeline, problemsOf } from "./plans.ts";

const TOLD = "template-in-shell: a template in code would let data be run as code";
const script = (...command: string[]): AgentDefinition => ({ type: "script", command });

describe("a template in a command", () => {
  test.each<[sentence: string, agent: AgentDefinition, expected: string[]]>([
    ["is told in code", script("sh", "-c", "echo ${{ q }}"), [`agents.a.command.2 ${TOLD}`]],
    ["is told once, however many there are", script("sh", "-c", "echo ${{ q }} ${{ q }}"), [`agents.a.command.2 ${TOLD}`]],
    ["is told as the whole of the code", script("python3", "-c", "${{ q }}"), [`agents.a.command.2 ${TOLD}`]],
    ["is right behind the code", script("sh", "-c", 'echo "$1"', "sh", "${{ q }}"), []],
    ["is right as an argument of a script", script("node", "a.mjs", "-e", "${{ q }}"), []],
    ["is right for another program", script("grep", "-e", "${{ q }}"), []],
    ["is no template with two dollars", script("sh", "-c", "echo '$${{ q }}'", "${{ q }}"), []],
    [
      "is told by its own mistake",
      script("sh", "-c", "echo ${{ q"),
      ["agents.a.command.2 unterminated-template: `${{` has no `}}` that ends it"],
    ],
  ])("%s", async (_sentence, agent, expected) =>
    expect(await problemsOf(pipeline({ agents: ["a"] }, { a: agent }, { inputs: { q: {} } }))).toEqual(expected),
  );

  test("is told where it is written", async () => {
    const agents: Record<string, AgentDefinition> = { base: script("sh", "-c", "${{ q }}"), a: { extends: "base", stdin: "none" } };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents, { inputs: { q: {} } }))).toEqual([`agents.base.command.2 ${TOLD}`]);
  });
});
