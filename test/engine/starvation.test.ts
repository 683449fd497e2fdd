import { expect, test } from "vitest";
import { definePipeline } from "../../src/index.ts";

const endless = {
  agents: { a: { type: "canned", reply: { x: 1 } } },
  orchestration: { sequential: { agents: ["a"], branches: [{ from_agent: "a", to_agent: "a", max_times: 10_000_000 }] } },
} as const;

test("row 73: the pipeline's timeout ends a loop of agents that answer at once", async () => {
  const pipeline = await definePipeline(endless);
  const result = await pipeline.run({ timeoutMs: 100 });
  expect(result.status).toBe("timed_out");
});

test("row 15: a cancellation reaches a loop of agents that answer at once", async () => {
  const pipeline = await definePipeline(endless);
  const cancellation = new AbortController();
  setTimeout(() => cancellation.abort(), 50);
  const result = await pipeline.run({ signal: cancellation.signal });
  expect(result.status).toBe("cancelled");
});
