import { describe, expect, test } from "vitest";
import type { AgentDefinition } from "../../src/spec/spec.ts";
import { canned, pipeline, problemsOf } from "./plans.ts";

const told = (key: string, index = 0, agent = "a"): string =>
  `agents.${agent}.writes.${index} never-written: \`a\` never writes \`${key}\`, so that every success of it would count as a failure`;
const script = (keys: AgentDefinition): AgentDefinition => ({ type: "script", command: ["x"], ...keys });
const model = (keys: AgentDefinition): AgentDefinition => ({ type: "llm", provider: "ollama", model: "m", prompt: "p", ...keys });

describe("a key in `writes`", () => {
  test.each<[sentence: string, agents: Record<string, AgentDefinition>, expected: string[]]>([
    ["that is not `output`", { a: script({ output: "mail", writes: ["mial"] }) }, [told("mial")]],
    ["that is not in the table of `output`", { a: script({ output: { x: "result" }, writes: ["x", "y"] }) }, [told("y", 1)]],
    ["that no reply has", { a: { type: "canned", reply: { x: 1 }, writes: ["y"] } }, [told("y")]],
    ["of an agent that replies nothing", { a: { type: "canned", writes: ["y"] } }, [told("y")]],
    ["that is not where a model's text goes", { a: model({ writes: ["text"] }) }, [told("text")]],
    ["that is taken over", { base: { writes: ["y"] }, a: script({ extends: "base", output: "x" }) }, [told("y", 0, "base")]],
    ["that is `output`", { a: script({ output: "mail", writes: ["mail"] }) }, []],
    ["that some reply has", { a: { type: "canned", replies: [{ x: 1 }, { y: 1 }], writes: ["y"] } }, []],
    ["of an agent that always fails", { a: { type: "canned", fail: "exit", writes: ["y"] } }, []],
    ["that a script may print", { a: script({ writes: ["y"] }) }, []],
    ["where a model's text goes", { a: model({ writes: ["a"] }) }, []],
  ])("%s", async (_sentence, agents, expected) => expect(await problemsOf(pipeline({ agents: ["a"] }, agents))).toEqual(expected));

  test("of a fallback, where the text of the model goes that it stands in for", async () => {
    const agents = { m: model({ fallback: "a" }), a: { type: "canned", reply: "text", writes: ["m"] } satisfies AgentDefinition };
    expect(await problemsOf(pipeline({ agents: ["m"] }, agents))).toEqual([]);
    expect(await problemsOf(pipeline({ agents: ["m"] }, { ...agents, a: model({ writes: ["m"] }) }))).toEqual([]);
  });

  test("is told once, and not where it is read", async () => {
    const agents = {
      a: script({ output: "mial", writes: ["mail"] }),
      b: script({ command: ["x", "${{ mail }}"], output: "z" }),
      ...canned("c"),
    };
    expect(await problemsOf(pipeline({ agents: ["a", "b", "c"] }, agents, { inputs: { q: {} } }))).toEqual([told("mail")]);
  });
});
