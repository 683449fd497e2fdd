import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pathsOf, type Way } from "../../src/plan/paths.ts";
import type { BranchSpec } from "../../src/spec/spec.ts";
import { build, canned, pipeline } from "./plans.ts";

test("a bounded branch lies on a circle where its target leads back to its source, and without those there is no circle", async () => {
  const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const branch = fc.record({ from_agent: name, to_agent: name, condition: fc.constant("ready"), max_times: fc.constant(1) });
  let loops = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(branch, { maxLength: 8 }), async (branches: BranchSpec[]) => {
      const sequence = ["a", "b", "c"];
      const known = branches.filter(
        ({ from_agent }) => sequence.includes(from_agent) || branches.some(({ to_agent }) => to_agent === from_agent),
      );
      const { plan } = await build(pipeline({ agents: sequence, branches: known }, canned("a", "b", "c", "d", "e", "f")));
      if (plan === null) return;
      const paths = pathsOf(plan);
      const all = [...paths.ways, ...paths.loops];
      const reaches = (from: number, to: number, ways: readonly Way[]): boolean => {
        const seen = new Set([from]);
        for (const at of seen) for (const way of ways) if (way.from === at && way.to !== null) seen.add(way.to);
        return seen.has(to);
      };
      const isLoop = ({ from, to, branch: taken }: Way): boolean => taken !== null && to !== null && reaches(to, from, all);
      expect(new Set(paths.loops)).toEqual(new Set(all.filter(isLoop)));
      loops += paths.loops.length;
      for (const { from, to } of paths.ways) if (to !== null) expect(reaches(to, from, paths.ways)).toBe(false);
    }),
    { numRuns: 300 },
  );
  expect(loops).toBeGreaterThan(50);
});
