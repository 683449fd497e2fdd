import { expect, test } from "vitest";
import { type AgentFunction, definePipeline, InputError, type PipelineDefinition } from "../src/index.ts";

const definition: PipelineDefinition = { orchestration: { sequential: { agents: ["a"] } } };

test("an agent that is not a function is refused at once", async () => {
  await expect(definePipeline(definition, { agents: { a: 3 as unknown as AgentFunction } })).rejects.toThrow(
    new TypeError("the agent a must be a function, not a value of type number"),
  );
});

test.each([
  ["an input that is not an object", { input: [1] as unknown as Record<string, unknown> }, ["the input must be an object"]],
  [
    "a timeout that is not a number",
    { timeoutMs: "5s" as unknown as number },
    ["timeoutMs must be a number of milliseconds, or null for no limit"],
  ],
  ["a timeout of no time", { timeoutMs: 0 }, ["timeoutMs must be a number of milliseconds, or null for no limit"]],
])("%s is refused before anything runs", async (_, options, problems) => {
  const calls: unknown[] = [];
  const pipeline = await definePipeline(definition, { agents: { a: (input) => void calls.push(input) } });
  const refused = await pipeline.run(options).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InputError);
  expect((refused as InputError).problems).toEqual(problems);
  expect(calls).toEqual([]);
});
