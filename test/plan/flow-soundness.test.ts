import * as fc from "fast-check";
import { expect, test } from "vitest";
import { definePipeline, PipelineError } from "../../src/index.ts";
import type { Json } from "../../src/spec/json.ts";
import type { AgentDefinition, BranchSpec, PipelineDefinition } from "../../src/spec/spec.ts";

/**
 * What the check of the data flow says is true of real runs: where it finds nothing, no run of the pipeline misses a key, whatever
 * its agents answer, fail at, drop or are replaced by.
 */
const KEYS = ["k1", "k2", "k3"] as const;
const NAMES = ["a", "b", "c", "d", "e"] as const;

const key = fc.constantFrom(...KEYS);
const some = fc.subarray([...KEYS], { maxLength: 2 });
const most = fc.subarray([...KEYS], { minLength: 1 });
const reply = fc
  .record({ keys: most, flag: fc.boolean() })
  .map(({ keys, flag }): Json => ({ flag, ...Object.fromEntries(keys.map((one) => [one, true])) }));
const agent = fc.record({
  replies: fc.oneof(
    fc.array(reply, { minLength: 1, maxLength: 2 }),
    reply.map((one) => [one]),
  ),
  reads: fc.subarray([...KEYS], { maxLength: 1 }),
  readsAtAll: fc.constantFrom(true, false, false),
  asks: fc.constantFrom(true, false, false, false),
  drop: fc.option(some, { freq: 1 }),
  fails: fc.constantFrom(true, false, false),
  tolerated: fc.boolean(),
  fallback: fc.option(fc.constantFrom(...NAMES), { freq: 3 }),
});
const branch = fc.record({
  from: fc.constantFrom(...NAMES),
  to: fc.oneof(fc.constantFrom(...NAMES), fc.constant("end")),
  condition: fc.oneof(
    fc.constant("flag"),
    fc.constant("!flag"),
    key.map((one) => `has(state.${one})`),
    key.map((one) => `!has(state.${one})`),
    key.map((one) => `${one} == true`),
    fc.tuple(key, key).map(([one, other]) => `has(state.${one}) || ${other}`),
    fc.tuple(key, key).map(([one, other]) => `has(state.${one}) && !has(state.${other})`),
  ),
});

const definition = fc
  .record({
    sequence: fc.shuffledSubarray([...NAMES], { minLength: 2 }),
    group: fc.boolean(),
    agents: fc.array(agent, { minLength: NAMES.length, maxLength: NAMES.length }),
    branches: fc.array(branch, { maxLength: 4 }),
  })
  .map(({ sequence, group, agents, branches }): PipelineDefinition => {
    const members = group && sequence.length > 3 ? sequence.slice(0, 2) : [];
    const elements = members.length > 0 ? ["g", ...sequence.slice(2)] : sequence;
    const known = new Set(elements);
    const usable = branches.filter(({ from, to }) => known.has(from as (typeof NAMES)[number]) && (to === "end" || !members.includes(to)));
    return {
      inputs: { seed: {} },
      agents: Object.fromEntries(NAMES.map((name, index) => [name, agentOf(name, agents[index], members.length > 0)])),
      orchestration: {
        sequential: {
          agents: elements,
          ...(members.length > 0 ? { parallel: { g: { agents: members, merge: "namespace" as const } } } : {}),
          branches: usable.map(
            ({ from, to, condition }): BranchSpec => ({
              from_agent: from,
              condition,
              max_times: 2,
              ...(to === "end" ? { end: true } : { to_agent: to }),
            }),
          ),
        },
      },
    };
  });

type Drawn = typeof agent extends fc.Arbitrary<infer One> ? One : never;

function agentOf(name: string, drawn: Drawn | undefined, isGrouped: boolean): AgentDefinition {
  if (drawn === undefined) return { type: "canned" };
  const { replies, readsAtAll, asks, drop, fails, tolerated, fallback } = drawn;
  const reads = readsAtAll ? drawn.reads : [];
  const text = (one: string): string => (asks ? `has(state.${one}) ? ${one} : 0` : one);
  return {
    type: "canned",
    replies,
    input: { seed: "seed", ...Object.fromEntries(reads.map((one) => [one, text(one)])) },
    ...(drop === null || isGrouped ? {} : { drop: drop }),
    ...(fails ? { fail: "exit", fail_times: 1 } : {}),
    ...(tolerated ? { on_error: "continue" } : {}),
    ...(fallback === null || fallback <= name ? {} : { fallback }),
  };
}

const FLOW = ["missing-on-path", "written-later", "dropped-variable", "unknown-variable"];

test("where nothing is told, no run misses a key", async () => {
  let clean = 0;
  let told = 0;
  await fc.assert(
    fc.asyncProperty(definition, async (drawn) => {
      const pipeline = await definePipeline(drawn).catch((error: unknown) => {
        if (error instanceof PipelineError) return null;
        throw error;
      });
      const findings = pipeline?.warnings.filter(({ code }) => FLOW.includes(code)) ?? null;
      if (pipeline === null || findings === null || findings.length > 0) {
        told += 1;
        return;
      }
      clean += 1;
      const { stages } = await pipeline.run({ input: { seed: 1 } });
      const failures = stages.flatMap(({ attempts }) => attempts).filter(({ kind }) => kind === "expression");
      expect(failures).toEqual([]);
    }),
    { numRuns: 1200 },
  );
  // Neither side is empty.
  expect(clean).toBeGreaterThan(100);
  expect(told).toBeGreaterThan(100);
});
