import { describe, expect, test } from "vitest";
import { agentflowStarter, inParallel, makePlace } from "./support/agentflow.ts";
import { differences, undisturbed, untilEnded, type Variant } from "./support/workload.ts";

const start = agentflowStarter();
const VARIANTS: readonly (readonly [Variant, outcome: string, faults: readonly string[]])[] = [
  // Up to its last stage it is the other one.
  ["succeeds", "one that succeeds", ["kill-after-commit"]],
  ["fails", "one that is rolled back", ["kill-before-commit", "kill-after-commit"]],
];
/** More than the workload has commits. */
const MOST_COMMITS = 200;

describe("faults 1 and 11: kill -9 at every commit", () => {
  for (const [variant, outcome, faults] of VARIANTS) {
    for (const fault of faults) {
      test(`${fault}: ${outcome} ends as if nothing had happened, and repeats at most what was under way`, async () => {
        const expected = await undisturbed(start, makePlace(), variant);
        const wrong: unknown[] = [];
        let commits = 0;
        let isOver = false;
        function* numbers(): Generator<number> {
          while (!isOver && commits < MOST_COMMITS) yield (commits += 1);
        }
        await inParallel(numbers(), async (number) => {
          const place = makePlace();
          const { problems, processes } = await untilEnded(start, place, variant, (process) =>
            process === 0 ? { fault: `${fault}:${number}` } : {},
          );
          // It had no commit of that number.
          if (processes === 1) isOver = true;
          const all = [...problems, ...(await differences(place, expected))];
          if (all.length > 0) wrong.push({ commit: number, problems: all });
        });
        expect(wrong).toEqual([]);
        expect(commits).toBeGreaterThan(20);
        expect(commits).toBeLessThan(MOST_COMMITS);
      });
    }

    test(`${outcome} gets to its end although every process that goes on with it is killed after its first own commit`, async () => {
      const expected = await undisturbed(start, makePlace(), variant);
      const place = makePlace();
      const { problems, processes } = await untilEnded(start, place, variant, () => ({ fault: "kill-after-commit:2" }));
      expect([...problems, ...(await differences(place, expected))]).toEqual([]);
      expect(processes).toBeGreaterThan(15);
    });
  }
});
