import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { chanceOf } from "../engine/simulation/chance.ts";
import { agentflowStarter, inParallel, makePlace } from "./support/agentflow.ts";
import { differences, startWorkload, undisturbed, untilEnded, type Variant } from "./support/workload.ts";

const SEED = 20;
const KILLS = 200;
/** What a call takes: most deaths find one under way. */
const PAUSE = "0.004";

const start = agentflowStarter();

/** Real time: what is killed is found in another moment on every machine, and in every run of this test. */
test(`fault 1: ${KILLS} times kill -9 at a random moment, of runs that succeed and runs that are rolled back`, async () => {
  const expected = { succeeds: await undisturbed(start, makePlace(), "succeeds"), fails: await undisturbed(start, makePlace(), "fails") };
  const longestMs = await timeOf("fails");
  const wrong: unknown[] = [];
  let kills = 0;
  function* seeds(): Generator<number> {
    for (let seed = SEED; kills < KILLS && seed < SEED + KILLS; seed += 1) yield seed;
  }
  await inParallel(
    seeds(),
    async (seed) => {
      const chance = chanceOf(seed);
      const variant = chance.pick<Variant>(["succeeds", "fails"]);
      const place = makePlace();
      const { problems } = await untilEnded(
        start,
        place,
        variant,
        () => ({ pause: PAUSE }),
        async ({ child, end }) => {
          await Promise.race([delay(chance.between(Math.floor(longestMs / 8), longestMs)), end]);
          // Of one that has ended there is nothing left to kill.
          if (kills < KILLS && child.exitCode === null && child.kill("SIGKILL")) kills += 1;
        },
      );
      const all = [...problems, ...(await differences(place, expected[variant]))];
      if (all.length > 0) wrong.push({ seed, problems: all });
    },
    3,
  );
  expect(wrong).toEqual([]);
  expect(kills).toBe(KILLS);
});

/** How long a run takes on this machine, now. */
async function timeOf(variant: Variant): Promise<number> {
  const begin = performance.now();
  await startWorkload(start, makePlace(), variant, { pause: PAUSE }).end;
  return Math.ceil(performance.now() - begin);
}
