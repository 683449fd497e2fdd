import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { agentflowStarter, inParallel, makePlace, orphansIn } from "./support/agentflow.ts";
import { recordedCalls, recordedRun } from "./support/recorded.ts";
import { callNames, differences, undisturbed, untilEnded, type Variant } from "./support/workload.ts";

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

test("fault 11: kill -9 at every commit of a rollback that was asked for: all is undone in the end, nothing twice once it is recorded", async () => {
  const wrong: unknown[] = [];
  await inParallel([1, 2, 3, 4, 5, 6, 7], async (number) => {
    for (const fault of ["kill-before-commit", "kill-after-commit"]) {
      const place = makePlace({ "p.toml": UNDOABLE });
      await start(["run", "p.toml", "--run-id", "w", "--quiet"], place).end;
      await start(["rollback", "w", "--quiet"], place, { fault: `${fault}:${number}` }).end;
      const recorded = recordedCalls(await recordedRun(place, "w"));
      const before = callNames(place);
      const again = await start(["rollback", "w", "--quiet"], place).end;
      const after = callNames(place).slice(before.length);
      const undone = [...new Set([...before, ...after])].filter((call) => call.includes("rollback:"));
      const ended = { code: again.code, undone, twice: after.filter((call) => recorded.has(call)), orphans: await orphansIn(place.folder) };
      // The last commit is told to nobody any more.
      const isOver = again.stderr.startsWith("agentflow: the run w was rolled back: ");
      const expected = {
        code: isOver ? 2 : 0,
        undone: ["c", "b", "a"].map((name) => `w/rollback:${name}~1 undo-${name} 1`),
        twice: [],
        orphans: [],
      };
      if (JSON.stringify(ended) !== JSON.stringify(expected)) wrong.push({ fault, number, ...ended, stderr: again.stderr });
    }
  });
  expect(wrong).toEqual([]);
});

const AGENT = fileURLToPath(new URL("workload/agent.sh", import.meta.url));
const UNDOABLE = `${["a", "b", "c"]
  .map(
    (name) => `[agents.${name}]
type = "script"
command = ["${AGENT}", "${name}", '{"${name}": 1}']
rollback = "undo-${name}"
[agents.undo-${name}]
type = "script"
command = ["${AGENT}", "undo-${name}", ""]
`,
  )
  .join("")}[agents.fails]
type = "script"
command = ["${AGENT}", "fails", "{}", "9"]
[orchestration.sequential]
agents = ["a", "b", "c", "fails"]
[orchestration.sequential.pipeline]
rollback = "manual"
`;
