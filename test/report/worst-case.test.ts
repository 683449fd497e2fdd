import { describe, expect, it } from "vitest";
import type { AgentPlan, GroupPlan } from "../../src/plan/plan.ts";
import { dependenciesOf, pathsOf } from "../../src/plan/paths.ts";
import { worstCase } from "../../src/plan/worst-case.ts";
import { agent, branch, group, model, type PlanParts, plan } from "./build-plan.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe("the worst case of a stage", () => {
  const backup = agent("backup", { timeoutMs: 10 * SECOND, fallback: "last", retry: { retries: 1 } });
  const last = agent("last", { timeoutMs: SECOND });
  const inner = plan({ sequence: [agent("x"), agent("y")] });
  const cases: { does: string; stage: AgentPlan; ms: number | null; arithmetic: string }[] = [
    { does: "one attempt: its timeout", stage: agent("a"), ms: MINUTE, arithmetic: "1m" },
    {
      does: "a model's timeout",
      stage: agent("a", { call: model("gpt-5-mini"), timeoutMs: 10 * MINUTE }),
      ms: 10 * MINUTE,
      arithmetic: "10m",
    },
    {
      does: "attempts and the waits that grow between them",
      stage: agent("a", { timeoutMs: 30 * SECOND, retry: { retries: 2, delayMs: 5000 } }),
      ms: 105 * SECOND,
      arithmetic: "3 × 30s + 5s + 10s",
    },
    {
      does: "waits are capped, and equal ones are a product",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 5, delayMs: 5000, maxDelayMs: 15_000 } }),
      ms: 6 * SECOND + 60 * SECOND,
      arithmetic: "6 × 1s + 5s + 10s + 3 × 15s",
    },
    {
      does: "waits that do not grow",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 3, delayMs: 2000, backoff: 1 } }),
      ms: 10 * SECOND,
      arithmetic: "4 × 1s + 3 × 2s",
    },
    {
      does: "many waits are given as their sum",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 10, delayMs: 1000 } }),
      ms: 11 * SECOND + (1 + 2 + 4 + 8 + 16 + 32 + 4 * 60) * SECOND,
      arithmetic: "11 × 1s + waits of 5m 03s",
    },
    {
      does: "four waits are given one by one",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 4, delayMs: 1000 } }),
      ms: 20 * SECOND,
      arithmetic: "5 × 1s + 1s + 2s + 4s + 8s",
    },
    {
      does: "five are not",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 5, delayMs: 1000 } }),
      ms: 37 * SECOND,
      arithmetic: "6 × 1s + waits of 31s",
    },
    { does: "no wait at all", stage: agent("a", { retry: { retries: 1, delayMs: 0 } }), ms: 2 * MINUTE, arithmetic: "2 × 1m" },
    {
      does: "a delay above the cap",
      stage: agent("a", { retry: { retries: 1, delayMs: 90_000 } }),
      ms: 3 * MINUTE,
      arithmetic: "2 × 1m + 1m",
    },
    {
      does: "a million retries are counted at once",
      stage: agent("a", { timeoutMs: SECOND, retry: { retries: 1_000_000_000, delayMs: 1000, backoff: 1, maxDelayMs: null } }),
      ms: 2_000_000_001 * SECOND,
      arithmetic: "1000000001 × 1s + 1000000000 × 1s",
    },
    {
      does: "no timeout: no limit",
      stage: agent("a", { timeoutMs: null, retry: { retries: 1 } }),
      ms: null,
      arithmetic: "2 × no limit + 1s",
    },
    {
      does: "a chain of fallbacks is added",
      stage: agent("a", { timeoutMs: 20 * SECOND, fallback: "backup" }),
      ms: 42 * SECOND,
      arithmetic: "20s + backup (2 × 10s + 1s) + last 1s",
    },
    { does: "a fallback without a limit", stage: agent("a", { fallback: "endless" }), ms: null, arithmetic: "1m + endless (no limit)" },
    {
      does: "a canned agent takes its delay",
      stage: agent("a", { timeoutMs: null, call: { type: "canned", replies: [], delayMs: 300, fail: null, failTimes: null } }),
      ms: 300,
      arithmetic: "300ms",
    },
    {
      does: "a canned agent is stopped by its timeout",
      stage: agent("a", { timeoutMs: SECOND, call: { type: "canned", replies: [], delayMs: 3000, fail: null, failTimes: null } }),
      ms: SECOND,
      arithmetic: "1s",
    },
    {
      does: "a nested pipeline takes as long as its stages",
      stage: agent("a", { timeoutMs: 60 * MINUTE, retry: { retries: 1 }, call: { type: "pipeline", plan: inner } }),
      ms: 4 * MINUTE + SECOND,
      arithmetic: "2 × 2m + 1s",
    },
    {
      does: "a nested pipeline is stopped by the stage's timeout",
      stage: agent("a", { timeoutMs: 90 * SECOND, call: { type: "pipeline", plan: inner } }),
      ms: 90 * SECOND,
      arithmetic: "1m 30s",
    },
    {
      does: "a nested pipeline is stopped by its own timeout",
      stage: agent("a", { timeoutMs: null, call: { type: "pipeline", plan: plan({ sequence: [agent("x")], timeoutMs: 5 * SECOND }) } }),
      ms: 5 * SECOND,
      arithmetic: "5s",
    },
  ];

  it.each(cases)("$does", ({ stage, ms, arithmetic }) => {
    const [bound] = worstCase(plan({ sequence: [stage], fallbacks: [backup, last, agent("endless", { timeoutMs: null })] })).stages;
    expect(bound).toEqual({ name: "a", ms, arithmetic, members: [] });
  });
});

describe("the worst case of a group", () => {
  const members = [40, 10, 30, 20].map((seconds, index) => agent(`m${index}`, { timeoutMs: seconds * SECOND }));
  const cases: { does: string; group: GroupPlan; ms: number | null; arithmetic: string }[] = [
    { does: "all at the same time: the slowest", group: group("g", members), ms: 40 * SECOND, arithmetic: "the slowest of 4: m0" },
    {
      does: "two at a time, in the order of the list",
      group: group("g", members, { maxConcurrency: 2 }),
      ms: 60 * SECOND,
      arithmetic: "4 members, 2 at a time",
    },
    {
      does: "one after the other",
      group: group("g", members, { maxConcurrency: 1 }),
      ms: 100 * SECOND,
      arithmetic: "4 members, one after the other",
    },
    {
      does: "more room than members",
      group: group("g", members.slice(0, 2), { maxConcurrency: 9 }),
      ms: 40 * SECOND,
      arithmetic: "the slowest of 2: m0",
    },
    {
      does: "a member without a limit",
      group: group("g", [...members, agent("m4", { timeoutMs: null })]),
      ms: null,
      arithmetic: "the slowest of 5: m4",
    },
  ];

  it.each(cases)("$does", ({ group: given, ms, arithmetic }) => {
    const [bound] = worstCase(plan({ sequence: [given] })).stages;
    expect({ ms: bound?.ms, arithmetic: bound?.arithmetic }).toEqual({ ms, arithmetic });
    expect(bound?.members.map((member) => member.name)).toEqual(given.members.map((member) => member.name));
  });
});

const [a, b, c, d, x, y] = ["a", "b", "c", "d", "x", "y"].map((name, index) => agent(name, { timeoutMs: 10 ** index * SECOND })) as [
  AgentPlan,
  AgentPlan,
  AgentPlan,
  AgentPlan,
  AgentPlan,
  AgentPlan,
];

/** a takes 1 s, b 10 s, c 100 s, d 1,000 s, x 10,000 s, y 100,000 s: the digits of the total tell what was counted. */
const runs: { does: string; parts: PlanParts; seconds: number | null; arithmetic: string; capped?: number }[] = [
  { does: "a sequence: the sum", parts: { sequence: [a, b, c] }, seconds: 111, arithmetic: "a 1s + b 10s + c 1m 40s" },
  { does: "an empty sequence", parts: { sequence: [] }, seconds: 0, arithmetic: "" },
  {
    does: "the pipeline's timeout caps it",
    parts: { sequence: [a, b], timeoutMs: 5000 },
    seconds: 11,
    arithmetic: "a 1s + b 10s",
    capped: 5,
  },
  { does: "a longer timeout does not", parts: { sequence: [a, b], timeoutMs: 20_000 }, seconds: 11, arithmetic: "a 1s + b 10s" },
  {
    does: "a stage without a limit, and so the whole",
    parts: { sequence: [a, agent("e", { timeoutMs: null })] },
    seconds: null,
    arithmetic: "a 1s + e no limit",
  },
  {
    does: "a stage without a limit under the pipeline's timeout",
    parts: { sequence: [agent("e", { timeoutMs: null })], timeoutMs: 7000 },
    seconds: null,
    arithmetic: "e no limit",
    capped: 7,
  },
  {
    does: "a detour is on the way",
    parts: { sequence: [a, b], detours: [x], branches: [branch("a", "x", "k")] },
    seconds: 10_011,
    arithmetic: "a 1s + x 2h 47m + b 10s",
  },
  {
    does: "of detours that exclude one another the longest counts",
    parts: { sequence: [a, b], detours: [c, d, x], branches: [branch("a", "c", "k"), branch("a", "d", "k"), branch("a", "x", "k")] },
    seconds: 10_011,
    arithmetic: "a 1s + x 2h 47m + b 10s",
  },
  {
    does: "a detour from a detour returns to the element that the chain left",
    parts: { sequence: [a, b], detours: [c, d], branches: [branch("a", "c", "k"), branch("c", "d")] },
    seconds: 1111,
    arithmetic: "a 1s + c 1m 40s + d 16m 40s + b 10s",
  },
  {
    does: "a detour from two elements is made twice",
    parts: { sequence: [a, b], detours: [c], branches: [branch("a", "c", "k"), branch("b", "c", "k")] },
    seconds: 211,
    arithmetic: "a 1s + c 1m 40s + b 10s + c 1m 40s",
  },
  {
    does: "a jump that is always taken leaves out what lies between",
    parts: { sequence: [a, b, c], branches: [branch("a", "c")] },
    seconds: 101,
    arithmetic: "a 1s + c 1m 40s",
  },
  {
    does: "a jump that need not be taken does not",
    parts: { sequence: [a, b, c], branches: [branch("a", "c", "k")] },
    seconds: 111,
    arithmetic: "a 1s + b 10s + c 1m 40s",
  },
  {
    does: "an end that is always taken",
    parts: { sequence: [a, b, c], branches: [branch("b", null)] },
    seconds: 11,
    arithmetic: "a 1s + b 10s",
  },
  {
    does: "a loop runs once more than it may be taken",
    parts: { sequence: [a, b, c, d], branches: [branch("c", "b", "k", 3)] },
    seconds: 1111 + 3 * 110,
    arithmetic: "a 1s + b 10s + c 1m 40s + d 16m 40s + 3 × (b 10s + c 1m 40s)",
  },
  {
    does: "a stage that repeats itself",
    parts: { sequence: [a], branches: [branch("a", "a", "k", 4)] },
    seconds: 5,
    arithmetic: "a 1s + 4 × a 1s",
  },
  {
    does: "a circle through a detour, bounded on both branches",
    parts: { sequence: [a, b], detours: [c], branches: [branch("b", "c", "k", 2), branch("c", "a", null, 2)] },
    seconds: 11 + 2 * 100 + 2 * 11,
    arithmetic: "a 1s + b 10s + 2 × c 1m 40s + 2 × (a 1s + b 10s)",
  },
  {
    does: "an end that only a detour on a circle leads to",
    parts: {
      sequence: [a, b, c, d],
      detours: [x],
      branches: [branch("b", "x", "k", 1), branch("b", null), branch("x", "d", "k"), branch("x", "a", "m", 2)],
    },
    seconds: 11 + 11_100 + 2 * 11,
    arithmetic: "a 1s + b 10s + x 2h 47m + c 1m 40s + d 16m 40s + 2 × (a 1s + b 10s)",
  },
  {
    does: "two loops, one inside the other",
    parts: { sequence: [a, b, c, d], branches: [branch("c", "b", "k", 2), branch("d", "a", "k", 1)] },
    seconds: 1111 + 2 * 1110 + 1 * 1111,
    arithmetic: "a 1s + b 10s + c 1m 40s + d 16m 40s + 2 × (b 10s + c 1m 40s + d 16m 40s) + a 1s + b 10s + c 1m 40s + d 16m 40s",
  },
  {
    does: "max_times on a jump that closes no circle adds nothing",
    parts: { sequence: [a, b], detours: [c], branches: [branch("a", "c", "k", 5)] },
    seconds: 111,
    arithmetic: "a 1s + c 1m 40s + b 10s",
  },
  {
    does: "nor where a circle comes after it",
    parts: { sequence: [a, b, c], detours: [x], branches: [branch("a", "x", "k", 5), branch("c", "b", "k", 2)] },
    seconds: 10_111 + 2 * 110,
    arithmetic: "a 1s + x 2h 47m + b 10s + c 1m 40s + 2 × (b 10s + c 1m 40s)",
  },
  {
    does: "a round does not hold what lies before it",
    parts: { sequence: [d, c, a, b], branches: [branch("b", "a", "k", 2)] },
    seconds: 1111 + 2 * 11,
    arithmetic: "d 16m 40s + c 1m 40s + a 1s + b 10s + 2 × (a 1s + b 10s)",
  },
  {
    does: "many stages are given as their sum",
    parts: { sequence: Array.from({ length: 9 }, (_, index) => agent(`s${index}`)), branches: [branch("s8", "s0", "k", 2)] },
    seconds: 27 * 60,
    arithmetic: "9 stages 9m + 2 × (9 stages 9m)",
  },
];

describe("the worst case of a run", () => {
  it.each(runs)("$does", ({ parts, seconds, arithmetic, capped }) => {
    const worst = worstCase(plan(parts));
    expect(worst.longestMs).toBe(seconds === null ? null : seconds * SECOND);
    expect(worst.totalMs).toBe(capped === undefined ? worst.longestMs : capped * SECOND);
    expect(worst.arithmetic).toBe(arithmetic);
  });

  it("names the stages of the sequence first, then the detours", () => {
    const worst = worstCase(plan({ sequence: [b, a], detours: [d, c] }));
    expect(worst.stages.map((stage) => stage.name)).toEqual(["b", "a", "d", "c"]);
  });

  it("is never less than what a run takes: random pipelines, every stage at its limit, every branch by chance", () => {
    const random = randomFrom(42);
    for (let round = 0; round < 300; round++) {
      const given = randomPlan(random);
      const { longestMs } = worstCase(given);
      for (let run = 0; run < 20; run++) expect(walk(given, random)).toBeLessThanOrEqual(longestMs ?? Number.POSITIVE_INFINITY);
    }
  });

  it("does not slow down: ten thousand stages", () => {
    const long = plan({
      sequence: Array.from({ length: 10_000 }, (_, index) => agent(`s${index}`)),
      branches: [branch("s9999", "s0", "k", 1)],
    });
    expect(worstCase(long).totalMs).toBe(20_000 * MINUTE);
  });

  /** As the interpreter goes, with chance for conditions. */
  function walk(given: ReturnType<typeof plan>, random: () => number): number {
    const bounds = new Map(worstCase(given).stages.map((stage) => [stage.name, stage.ms ?? 0]));
    const taken = new Map<unknown, number>();
    let home = 0;
    let name = given.sequence[0]?.name;
    let ms = 0;
    while (name !== undefined) {
      ms += bounds.get(name) ?? 0;
      const rule = (given.branches.get(name) ?? []).find(
        (one) => (taken.get(one) ?? 0) < (one.maxTimes ?? 1e9) && (one.condition === null || random() < 0.5),
      );
      if (rule === undefined) name = given.sequence[++home]?.name;
      else {
        taken.set(rule, (taken.get(rule) ?? 0) + 1);
        if (rule.to === null) return ms;
        const number = given.elements.get(rule.to)?.number ?? null;
        if (number !== null) home = number - 1;
        name = rule.to;
      }
    }
    return ms;
  }

  function randomPlan(random: () => number) {
    const pick = (count: number) => Math.floor(random() * count);
    const make = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => agent(`${prefix}${index}`, { timeoutMs: 1 + pick(1000) }));
    const sequence = make("s", 1 + pick(5));
    const detours = make("d", pick(4));
    const names = [...sequence, ...detours].map((one) => one.name);
    const branches = Array.from({ length: pick(6) }, () =>
      branch(names[pick(names.length)] ?? "", names[pick(names.length)] ?? "", pick(4) === 0 ? null : "k", 1 + pick(3)),
    );
    return plan({ sequence, detours, branches });
  }

  function randomFrom(seed: number): () => number {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
  }
});

describe("what a stage depends on", () => {
  const cases: { does: string; parts: PlanParts; depends: Record<string, string[]> }[] = [
    { does: "nothing, in a plain sequence", parts: { sequence: [a, b] }, depends: {} },
    {
      does: "a detour depends on where it starts",
      parts: { sequence: [a, b], detours: [x], branches: [branch("a", "x", "k")] },
      depends: { x: ["a"] },
    },
    { does: "what may be jumped over", parts: { sequence: [a, b, c], branches: [branch("a", "c", "k")] }, depends: { b: ["a"] } },
    {
      does: "what comes after an end that may be taken",
      parts: { sequence: [a, b, c], branches: [branch("a", null, "k")] },
      depends: { b: ["a"], c: ["a"] },
    },
    {
      does: "a detour from a detour depends on that one",
      parts: { sequence: [a, b], detours: [x, y], branches: [branch("a", "x", "k"), branch("x", "y", "k")] },
      depends: { x: ["a"], y: ["x"] },
    },
    {
      does: "each case of a switch, and not what follows it",
      parts: { sequence: [a, b], detours: [x, y], branches: [branch("a", "x", "k"), branch("a", "y")] },
      depends: { x: ["a"], y: ["a"] },
    },
    { does: "nothing in a loop that only repeats", parts: { sequence: [a, b, c], branches: [branch("b", "a", "k", 2)] }, depends: {} },
    {
      does: "a detour on a circle",
      parts: { sequence: [a, b, c], detours: [x], branches: [branch("b", "x", "k", 2), branch("x", "a", null, 2)] },
      depends: { x: ["b"] },
    },
    {
      does: "what may be left out in each round of a loop",
      parts: { sequence: [a, b, c, d], detours: [x], branches: [branch("a", "x", "k"), branch("a", "c", "k"), branch("c", "a", "k", 2)] },
      depends: { x: ["a"], b: ["a"] },
    },
    {
      does: "a detour from two stages depends on both",
      parts: { sequence: [a, b, c], detours: [x], branches: [branch("a", "x", "k"), branch("b", "x", "k")] },
      depends: { x: ["a", "b"] },
    },
    { does: "a jump that is always taken decides nothing", parts: { sequence: [a, b, c], branches: [branch("a", "c")] }, depends: {} },
  ];

  it.each(cases)("$does", ({ parts, depends }) => {
    const given = plan(parts);
    const found = [...dependenciesOf(given, pathsOf(given))].filter(([, sources]) => sources.length > 0);
    expect(Object.fromEntries(found)).toEqual(depends);
  });
});
