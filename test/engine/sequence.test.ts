import { expect, test } from "vitest";
import { pipelineOf, runPipeline } from "../support/run.ts";

test("row 1, 2: the sequence runs in file order, and each output is part of the next input", async () => {
  const { result } = await runPipeline(
    pipelineOf({ agents: ["one", "two"] }),
    { one: ({ n }) => ({ n: n + 1 }), two: ({ n }) => ({ n: n * 10 }) },
    { input: { n: 1 } },
  );
  expect(result.state).toEqual({ n: 20 });
  expect(result.path).toEqual(["one", "two"]);
  expect(result.status).toBe("succeeded");
});
