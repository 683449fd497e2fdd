import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Paths, pathsOf } from "../../src/plan/paths.ts";
import type { PipelineDefinition } from "../../src/spec/spec.ts";
import { build, canned, pipeline, planOf, problemsOf } from "./plans.ts";

type Branches = NonNullable<PipelineDefinition["orchestration"]["sequential"]["branches"]>;
type Branch = Branches[number];

const AT = "orchestration.sequential.branches";

/** A branch `a → b`, taken when something holds; `a → end`; with a bound where there is a number. */
function when(way: string, max_times?: number): Branch {
  const [from_agent = "", to = ""] = way.split(" → ");
  return {
    from_agent,
    condition: "size(state) > 1",
    ...(to === "end" ? { end: true } : { to_agent: to }),
    ...(max_times === undefined ? {} : { max_times }),
  };
}

/** The same, taken always. */
function always(way: string, max_times?: number): Branch {
  const { condition: _, ...branch } = when(way, max_times);
  return branch;
}

/** Agents `a` to `e`, of which `names` are the sequence, and a group `g` of `p` and `q`. */
function withBranches(names: string, ...branches: Branches): PipelineDefinition {
  const sequence = names.split(" ");
  const used = new Set([...sequence, ...branches.flatMap(({ to_agent = "" }) => to_agent)]);
  const agents = ["a", "b", "c", "d", "e"].filter((name) => used.has(name));
  const groups = used.has("g") ? { parallel: { g: { agents: ["p", "q"] } } } : {};
  return pipeline({ agents: sequence, ...groups, branches }, canned(...agents, ...(used.has("g") ? ["p", "q"] : [])));
}

describe("rows 51 to 56: branches", () => {
  test("stand by their source, in the order of the file", async () => {
    const { branches } = await planOf(withBranches("a b", when("a → c"), when("b → end"), when("a → b", 2), always("a → d")));
    const rules = [...branches].map(([from, list]) => [from, list.map(({ index, to, maxTimes }) => [index, to, maxTimes])]);
    expect(rules).toEqual([
      [
        "a",
        [
          [0, "c", null],
          [2, "b", 2],
          [3, "d", null],
        ],
      ],
      ["b", [[1, null, null]]],
    ]);
    expect(branches.get("a")?.map(({ condition }) => condition?.text ?? null)).toEqual(["size(state) > 1", "size(state) > 1", null]);
  });

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    [
      "from an agent that is not there",
      withBranches("a", when("x → end")),
      [`${AT}.0.from_agent unknown-agent: there is no agent called \`x\``],
    ],
    ["to an agent that is not there", withBranches("a", when("a → x")), [`${AT}.0.to_agent unknown-agent: there is no agent called \`x\``]],
    [
      "from a member of a group",
      withBranches("g", when("p → end")),
      [`${AT}.0.from_agent branch-in-group: \`p\` is a member of the group \`g\`; a branch starts from the whole group`],
    ],
    [
      "to a member of a group",
      withBranches("a g", when("a → q")),
      [`${AT}.0.to_agent branch-in-group: \`q\` is a member of the group \`g\`; a branch leads to the whole group`],
    ],
    [
      "to a member of a group that is a detour",
      withBranches("a", when("a → g"), when("g → q")),
      [`${AT}.1.to_agent branch-in-group: \`q\` is a member of the group \`g\`; a branch leads to the whole group`],
    ],
    [
      "from an agent that no run comes to",
      pipeline({ agents: ["a"], branches: [when("b → c")] }, canned("a", "b", "c")),
      [`${AT}.0.from_agent unreached-branch: no run comes to \`b\`: it is neither in the sequence nor the target of a branch`],
    ],
    [
      "from a group that no run comes to",
      pipeline({ agents: ["a"], parallel: { g: { agents: ["b", "c"] } }, branches: [when("g → end")] }, canned("a", "b", "c")),
      [`${AT}.0.from_agent unreached-branch: no run comes to \`g\`: it is neither in the sequence nor the target of a branch`],
    ],
    [
      "after one without a condition",
      withBranches("a", when("a → b"), always("a → c"), when("a → d"), always("a → end")),
      [`${AT}.1 branch-after-otherwise: a branch without a condition must be the last one from \`a\``],
    ],
    [
      "after one without a condition, although that one has a bound",
      withBranches("a b", always("b → a", 3), when("b → end")),
      [`${AT}.0 branch-after-otherwise: a branch without a condition must be the last one from \`b\``],
    ],
    [
      "with a condition that is neither true nor false",
      pipeline({ agents: ["a"], branches: [{ from_agent: "a", condition: "'yes'", end: true }] }, canned("a")),
      [`${AT}.0.condition type-mismatch: a condition is true or false, and this is a string`],
    ],
    [
      "with a condition that cannot be read, before others",
      pipeline({ agents: ["a"], branches: [{ from_agent: "a", condition: "1 +", end: true }, always("a → end")] }, canned("a")),
      [`${AT}.0.condition invalid-expression: this expression ends too early`],
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));

  test("after one without a condition are all told with it", async () => {
    const { diagnostics } = await build(withBranches("a", always("a → c"), when("a → d"), always("a → end")));
    expect(diagnostics.map(({ path, related }) => [path?.at(-1), related?.map((other) => other.path.at(-1))])).toEqual([[0, [1, 2]]]);
  });
});

describe("a circle needs a bound", () => {
  const told = (index: number, ...way: string[]): string[] => [
    `${AT}.${index} missing-max-times: this branch can be taken for ever: ${way.map((name) => `\`${name}\``).join(" → ")}`,
  ];

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    ["backward in the sequence", withBranches("a b", when("b → a")), told(0, "b", "a", "b")],
    ["backward over what lies between", withBranches("a b c", when("c → a")), told(0, "c", "a", "b", "c")],
    ["to itself", withBranches("a", when("a → a")), told(0, "a", "a")],
    ["from a group to itself", withBranches("g", when("g → g")), told(0, "g", "g")],
    ["to a group that lies before", withBranches("g a", when("a → g")), told(0, "a", "g", "a")],
    ["from a detour back to where it left", withBranches("a b", when("a → c"), always("c → a")), told(1, "c", "a", "c")],
    ["from a detour to itself", withBranches("a b", when("a → c"), when("c → c")), told(1, "c", "c")],
    ["between two detours", withBranches("a b", when("a → c"), when("c → d"), when("d → c")), told(2, "d", "c", "d")],
    ["from a detour to what lies before", withBranches("a b", when("b → c"), when("c → a")), told(1, "c", "a", "b", "c")],
    ["from a detour that has no way back of its own", withBranches("a b c", when("c → d"), when("d → b")), told(1, "d", "b", "c", "d")],
    [
      "over a branch forward that is written after the one back",
      withBranches("a b c", when("c → a"), when("a → c")),
      told(0, "c", "a", "c"),
    ],
    ["over two branches forward", withBranches("a b c", when("a → c"), when("c → a")), told(1, "c", "a", "c")],
    [
      "over two branches forward, and a third one back",
      withBranches("a b c d e", always("a → c"), always("c → e"), when("e → a")),
      told(2, "e", "a", "c", "e"),
    ],
    ["over a detour forward", withBranches("a b c", when("a → d"), when("d → c"), when("c → a")), told(2, "c", "a", "d", "c")],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));

  test.each<[sentence: string, definition: PipelineDefinition]>([
    ["a branch forward", withBranches("a b c", when("a → c"))],
    ["a detour of two that is left from two places", withBranches("a b c", when("a → d"), when("b → d"), when("d → e"))],
    ["a bounded branch back", withBranches("a b", when("b → a", 3))],
    ["a bounded branch to itself", withBranches("a", when("a → a", 1))],
    ["a detour and its way on", withBranches("a b", when("a → c"), when("c → b"))],
    ["a circle of detours with one bound", withBranches("a b", when("a → c"), when("c → d"), when("d → c", 2))],
    ["a detour back, bounded where it leaves", withBranches("a b", when("a → c", 2), always("c → a"))],
    ["a way back that always ends before", withBranches("a b c", always("a → end"), when("c → b", 1))],
    ["a branch back from where no way leads round", withBranches("a b c", when("c → b", 2), when("a → c"), when("b → c"))],
    ["a jump back to an element that always jumps over the source", withBranches("a b c", when("b → a"), always("a → c"))],
  ])("%s is none without one", async (_sentence, definition) =>
    expect((await problemsOf(definition)).filter((problem) => !problem.includes("unreachable-stage"))).toEqual([]),
  );

  test.each<[sentence: string, definition: PipelineDefinition, expected: number[]]>([
    ["two branches that close the same circle in two ways", withBranches("a b", when("b → a"), when("b → a")), [0, 1]],
    ["two circles", withBranches("a b c d", when("b → a"), when("d → c")), [0, 1]],
    ["a circle of three branches", withBranches("a", when("a → b"), when("b → c"), when("c → a")), [2]],
    ["a circle that only the bound of a later branch lets a run come to", withBranches("a b", always("a → a"), when("b → a")), [0, 1]],
    ["one circle inside of another", withBranches("a b c", when("c → a"), when("b → a")), [0, 1]],
  ])("%s: each branch back is told once", async (_sentence, definition, expected) => {
    const { diagnostics } = await build(definition);
    const told = diagnostics.map(({ path }) => Number(path?.at(-1)));
    expect(told.toSorted((one, other) => one - other)).toEqual(expected);
  });

  test("whatever the branches are: what is told is all that is missing, and then every run ends", async () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e");
    const branch = fc.record({ from: name, to: fc.oneof(name, fc.constant("end")), bound: fc.boolean(), holds: fc.boolean() });
    const sequence = fc.subarray(["a", "b", "c"], { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(sequence, fc.array(branch, { maxLength: 6 }), async (names, drawn) => {
        const open = drawn.map(({ from, to, bound, holds }) => (holds ? always : when)(`${from} → ${to}`, bound ? 1 : undefined));
        const branches = open.filter(({ from_agent }, index) => {
          const isKnown = names.includes(from_agent) || open.some(({ to_agent }) => to_agent === from_agent);
          // An "otherwise" stands last.
          return isKnown && !open.slice(0, index).some((other) => other.from_agent === from_agent && other.condition === undefined);
        });
        const first = await build(withBranches(names.join(" "), ...branches));
        const told = first.diagnostics.filter(({ code }) => code === "missing-max-times").map(({ path }) => path?.at(-1));
        const bounded = branches.map((one, index) => (told.includes(index) ? { ...one, max_times: 1 } : one));
        const { plan, diagnostics } = await build(withBranches(names.join(" "), ...bounded));
        fc.pre(diagnostics.every(({ code }) => ["missing-max-times", "unreached-agent", "unreachable-stage"].includes(code)));
        expect(diagnostics.map(({ code }) => code)).not.toContain("missing-max-times");
        expect(plan && circleIn(pathsOf(plan))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

/** Whether there is a way round that no bound interrupts. */
function circleIn({ positions, ways, loops }: Paths): boolean {
  const unbounded = [...ways, ...loops].filter(({ branch }) => (branch?.maxTimes ?? null) === null);
  const left = new Set(positions.keys());
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const index of left) if (!unbounded.some(({ from, to }) => from === index && to !== null && left.has(to))) left.delete(index);
  }
  return left.size > 0;
}
