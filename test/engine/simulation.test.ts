import { describe, expect, test } from "vitest";
import { inWorld } from "./simulation/life.ts";
import { predict } from "./simulation/model.ts";
import { shapeOf, shapeOfPrediction } from "./simulation/shape.ts";
import { makeWorld } from "./simulation/world.ts";

/** `AGENTFLOW_SEEDS=5000` for more of them, `AGENTFLOW_SEED=1234` for one. */
const only = process.env.AGENTFLOW_SEED;
const SEEDS = Number(process.env.AGENTFLOW_SEEDS ?? 300);

function seeds(count: number): number[] {
  return only === undefined ? Array.from({ length: count }, (_, seed) => seed) : [Number(only)];
}

describe("random pipelines", () => {
  test(`end as the description of the pipeline file says`, async () => {
    for (const seed of seeds(SEEDS)) {
      const world = makeWorld(seed, { fair: false });
      const { result, durationMs } = await inWorld(world, (lives) => lives.live());
      const prediction = predict(world);
      expect({ seed, ...shapeOf(result), durationMs }).toEqual({
        seed,
        ...shapeOfPrediction(prediction),
        durationMs: prediction.durationMs,
      });
    }
  });
});
