import { describe, expect, test } from "vitest";
import { chanceOf } from "./simulation/chance.ts";
import { callsInside, callsWithoutRecord, succeededTwice, timelessEntries, timelessShape } from "./simulation/compare.ts";
import { type Entries, inWorld, type Life, type Lives } from "./simulation/life.ts";
import { predict } from "./simulation/model.ts";
import { shapeOf, shapeOfPrediction } from "./simulation/shape.ts";
import { makeWorld, type SimPipeline, type SimWorld } from "./simulation/world.ts";

/**
 * Random pipelines under random faults. A failure names the seed: `AGENTFLOW_SEED=1234` runs that one alone, and
 * `AGENTFLOW_SEEDS=5000` more than the usual number.
 */
const ONLY = process.env.AGENTFLOW_SEED;
const MORE = process.env.AGENTFLOW_SEEDS;

/** Tells the same of many worlds; what goes wrong in one is told with its seed. */
async function inWorlds(count: number, climate: { fair: boolean }, tell: (world: SimWorld, lives: Lives) => Promise<void>): Promise<void> {
  const seeds = ONLY === undefined ? Array.from({ length: Number(MORE ?? count) }, (_, seed) => seed) : [Number(ONLY)];
  expect(seeds).not.toEqual([]);
  for (const seed of seeds) {
    const world = makeWorld(seed, climate);
    try {
      await inWorld(world, (lives) => tell(world, lives));
    } catch (error) {
      if (error instanceof Error) error.message = `AGENTFLOW_SEED=${seed}: ${error.message}`;
      throw error;
    }
  }
}

const TIMEOUT_MS = MORE === undefined ? 60_000 : 3_600_000;

describe("random pipelines", () => {
  test(
    "end as the description of the pipeline file says",
    async () => {
      await inWorlds(300, { fair: false }, async (world, lives) => {
        const { result, durationMs } = await lives.live();
        const prediction = predict(world);
        expect({ ...shapeOf(result), durationMs }).toEqual({ ...shapeOfPrediction(prediction), durationMs: prediction.durationMs });
      });
    },
    TIMEOUT_MS,
  );

  test(
    "come to the same end from wherever they had been stopped",
    async () => {
      await inWorlds(80, { fair: false }, async (world, lives) => {
        const whole = await lives.live();
        // Once the run's timeout is recorded, who goes on gets another round.
        const timedOut = whole.entries.findIndex(([, { stopped_by }]) => stopped_by === "run");
        for (let kept = 0; kept < (timedOut === -1 ? whole.entries.length : timedOut); kept += 1) {
          const before = whole.entries.slice(0, kept);
          const after = await lives.live({ entries: before });
          expectSameEnd(world, after, whole, before);
        }
      });
    },
    TIMEOUT_MS,
  );

  test(
    "come to the same end although they are stopped before and after each entry",
    async () => {
      await inWorlds(60, { fair: false }, async (world, lives) => {
        const whole = await lives.live();
        // Who dies whenever its timeout is recorded never comes to an end.
        if (whole.result?.status === "timed_out") return;
        let before: Entries = [];
        let life = await lives.live({ death: { atEntry: 1, keeps: false } });
        for (let keeps = true; life.result === null; keeps = !keeps) {
          before = life.entries;
          life = await lives.live({ entries: before, death: { atEntry: 1, keeps } });
        }
        expectSameEnd(world, life, whole, before);
      });
    },
    TIMEOUT_MS,
  );

  test(
    "lose nothing that was finished when they are cancelled and resumed, again and again",
    async () => {
      await inWorlds(200, { fair: true }, async (world, lives) => {
        const chance = chanceOf(world.seed);
        const whole = await lives.live();
        expect(whole.result?.status).toBe("succeeded");
        let life: Life = { result: null, entries: [], calls: [], durationMs: 0 };
        for (let interrupted = 0; interrupted < 3 && life.result?.status !== "succeeded"; interrupted += 1) {
          const atEntry = chance.between(1, whole.entries.length);
          const how = chance.oneIn(3) ? { death: { atEntry, keeps: chance.oneIn(2) } } : { cancelAfterMs: chance.below(whole.durationMs) };
          life = await lives.live({ entries: life.entries, ...how });
        }
        life = await lives.live({ entries: life.entries });
        const { status, state, path } = shapeOf(whole.result);
        expect(shapeOf(life.result)).toMatchObject({ status, state, path });
        expect(succeededTwice(life.entries)).toEqual([]);
      });
    },
    TIMEOUT_MS,
  );

  test(
    "go on from what was finished when the cause of a failure is mended",
    async () => {
      await inWorlds(150, { fair: false }, async (world, lives) => {
        const failed = await lives.live();
        if (failed.result?.status === "succeeded") return;
        const mended = await lives.live({ entries: failed.entries, healed: true });
        const finished = finishedElements(failed);
        expect(finishedElements(mended).slice(0, finished.length)).toEqual(finished);
        if (failsFast(world.main)) {
          expect(succeededTwice(mended.entries)).toEqual([]);
          expect(callsInside(mended, failed.entries)).toEqual([]);
        }
        const kept = chanceOf(world.seed).between(failed.entries.length, mended.entries.length - 1);
        const before = mended.entries.slice(0, kept);
        expectSameEnd(world, await lives.live({ entries: before, healed: true }), mended, before);
      });
    },
    TIMEOUT_MS,
  );
});

function expectSameEnd(world: SimWorld, life: Life, whole: Life, before: Entries): void {
  expect(timelessShape(world, life.result)).toEqual(timelessShape(world, whole.result));
  expect(callsWithoutRecord(world, life, before)).toEqual({ calls: [], records: [] });
  expect(timelessEntries(world, life.entries)).toEqual(timelessEntries(world, whole.entries));
}

/** The elements that were visited before anything failed. */
function finishedElements({ result }: Life): string[] {
  const visits = (result?.stages ?? []).filter(
    ({ name, status, group }) => !name.includes("/") && group === undefined && status !== "skipped",
  );
  const end = visits.findIndex(({ status }) => status === "failed" || status === "cancelled");
  return visits.slice(0, end === -1 ? visits.length : end).map(({ name }) => name);
}

function failsFast(pipeline: SimPipeline): boolean {
  return pipeline.failFast && [...pipeline.agents.values()].every(({ nested }) => nested === null || failsFast(nested));
}
