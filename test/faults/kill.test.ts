import { describe, expect, test } from "vitest";
import { agentflowStarter, inParallel, makePlace, processesIn } from "./support/agentflow.ts";
import { endOf, undisturbed, untilEnded, type Variant } from "./support/workload.ts";

const start = agentflowStarter();
const VARIANTS: readonly Variant[] = ["succeeds", "fails"];
/** More than the workload has commits. */
const MOST_COMMITS = 200;

describe("faults 1 and 11: kill -9 at every commit", () => {
  for (const variant of VARIANTS) {
    const outcome = variant === "fails" ? "one that is rolled back" : "one that succeeds";
    for (const fault of ["kill-before-commit", "kill-after-commit"]) {
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
          await compare(place, expected, problems, number, wrong);
        });
        expect(wrong).toEqual([]);
        expect(commits).toBeGreaterThan(20);
        expect(commits).toBeLessThan(MOST_COMMITS);
      });
    }

    test(`${outcome} gets to its end although every process that goes on with it is killed after its first own commit`, async () => {
      const expected = await undisturbed(start, makePlace(), variant);
      const place = makePlace();
      const wrong: unknown[] = [];
      const { problems, processes } = await untilEnded(start, place, variant, () => ({ fault: "kill-after-commit:2" }));
      await compare(place, expected, problems, 0, wrong);
      expect(wrong).toEqual([]);
      expect(processes).toBeGreaterThan(15);
    });
  }
});

async function compare(
  place: ReturnType<typeof makePlace>,
  expected: Awaited<ReturnType<typeof endOf>>,
  problems: readonly string[],
  number: number,
  wrong: unknown[],
): Promise<void> {
  const ended = await endOf(place);
  const all = [...problems];
  try {
    expect(ended).toEqual(expected);
  } catch (error) {
    all.push((error as Error).message);
  }
  if (processesIn(place.folder).length > 0) all.push("a process was left");
  if (all.length > 0) wrong.push({ commit: number, problems: all });
}
