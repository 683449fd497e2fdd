import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { build, canned, pipeline, planOf, problemsOf } from "./plans.ts";

type Agents = Record<string, AgentDefinition>;
type Sequential = PipelineDefinition["orchestration"]["sequential"];

const c = (keys: AgentDefinition = {}): AgentDefinition => ({ type: "canned", ...keys });
const prints = (text: string, keys: AgentDefinition = {}): AgentDefinition => ({ type: "script", command: ["echo", text], ...keys });

describe("rows 79, 80 and 104: how a run is kept, and whether it is rolled back,", () => {
  test("has defaults", async () =>
    expect(await planOf(pipeline({ agents: ["a"] }, canned("a")))).toMatchObject({
      checkpointFrequency: 1,
      saveIntermediateResults: true,
      compressAbove: 8192,
      rollback: "auto",
    }));

  test("is as the file says; 0 and false are values", async () => {
    const settings = { checkpoint_frequency: 0, save_intermediate_results: false, compress_above: "1MB", rollback: "manual" } as const;
    const definition = pipeline({ agents: ["a"], pipeline: settings }, { a: c({ rollback: "u" }), u: c() });
    expect(await planOf(definition)).toMatchObject({
      checkpointFrequency: 0,
      saveIntermediateResults: false,
      compressAbove: 1_048_576,
      rollback: "manual",
    });
  });
});

describe("row 99: a circuit breaker", () => {
  test("is the agent's own, or that of the agent that it extends", async () => {
    const agents = {
      a: c({ circuit_breaker: { max_failures: 3, reset_after: "30s" } }),
      b: { extends: "a" },
      d: { extends: "a", circuit_breaker: { max_failures: 1, reset_after: "1m" } },
      e: c(),
    } satisfies Agents;
    const plan = await planOf(pipeline({ agents: ["a", "b", "d", "e"] }, agents));
    expect([...plan.agents.values()].map(({ breaker }) => breaker)).toEqual([
      { maxFailures: 3, resetAfterMs: 30_000 },
      { maxFailures: 3, resetAfterMs: 30_000 },
      { maxFailures: 1, resetAfterMs: 60_000 },
      null,
    ]);
  });

  test.each([
    ["no failure", { max_failures: 0, reset_after: "1s" }, "max_failures out-of-range: `max_failures`: expected 1 or more, got 0"],
    [
      "half a failure",
      { max_failures: 1.5, reset_after: "1s" },
      "max_failures wrong-type: `max_failures`: expected a whole number, got the number 1.5",
    ],
    [
      "no time",
      { max_failures: 1, reset_after: "0s" },
      'reset_after invalid-duration: `reset_after`: "0s" is no time at all; it must be longer than zero',
    ],
    [
      "no end",
      { max_failures: 1, reset_after: "none" },
      'reset_after invalid-duration: `reset_after`: "none" (no limit) makes no sense here; write how long, such as "30s" or "5m"',
    ],
    ["no reset_after", { max_failures: 1 }, "reset_after missing-key: [agents.a.circuit_breaker] needs `reset_after`"],
    ["no max_failures", { reset_after: "1s" }, "max_failures missing-key: [agents.a.circuit_breaker] needs `max_failures`"],
  ])("with %s is refused", async (_sentence, circuit_breaker, problem) => {
    const definition = pipeline({ agents: ["a"] }, { a: c({ circuit_breaker } as AgentDefinition) });
    expect(await problemsOf(definition)).toEqual([`agents.a.circuit_breaker.${problem}`]);
  });
});

describe("row 94: the agent that undoes another", () => {
  test("is in the plan, and is not inherited by itself", async () => {
    const plan = await planOf(pipeline({ agents: ["a"] }, { a: c({ rollback: "b" }), b: { extends: "a" } }));
    expect([...plan.agents.values()].map(({ name, rollback }) => [name, rollback])).toEqual([
      ["a", "b"],
      ["b", null],
    ]);
  });

  test.each<[sentence: string, agents: Agents, sequential?: Partial<Sequential>]>([
    ["counts as reached, with its fallback", { a: c({ rollback: "u" }), u: c({ fallback: "v" }), v: c() }],
    ["of a fallback counts as reached", { a: c({ fallback: "b" }), b: c({ rollback: "u" }), u: c() }],
    [
      "of a member of a group counts as reached",
      { m: c({ rollback: "u" }), n: c(), u: c() },
      { agents: ["g"], parallel: { g: { agents: ["m", "n"] } } },
    ],
    ["may print a text that goes nowhere", { a: c({ rollback: "u" }), u: prints("x", { stdout: "text" }) }],
    ["may print lines", { a: c({ rollback: "u" }), u: prints("x", { fallback: "v" }), v: prints("x", { stdout: "lines" }) }],
    ["may print a text by what it takes over", { a: c({ rollback: "u" }), u: { extends: "v" }, v: prints("x", { stdout: "text" }) }],
    ["may be canned with any reply", { a: c({ rollback: "u" }), u: c({ replies: ["x", 1] }) }],
    [
      "takes over keys that mean nothing to it",
      { a: prints("x", { writes: ["x"], on_error: "continue", rollback: "u" }), u: { extends: "a" } },
    ],
    [
      "may have keys for those that extend it",
      { a: c({ rollback: "u" }), u: c({ on_error: "continue" }), b: { extends: "u" } },
      { agents: ["a", "b"] },
    ],
    ["may be a stage as well, and undone", { a: c({ rollback: "b" }), b: c({ rollback: "u", keep: [] }), u: c() }, { agents: ["a", "b"] }],
    ["may be the fallback of a stage as well", { a: c({ rollback: "b", fallback: "b" }), b: c({ output: "x" }) }],
    [
      "may be the target of a branch as well",
      { a: c({ rollback: "b" }), b: c({ output: "x" }) },
      { agents: ["a"], branches: [{ from_agent: "a", to_agent: "b" }] },
    ],
    [
      "may be a member of a group as well",
      { m: c({ rollback: "n" }), n: c({ output: "x" }) },
      { agents: ["g"], parallel: { g: { agents: ["m", "n"] } } },
    ],
  ])("%s", async (_sentence, agents, sequential) =>
    expect(await problemsOf(pipeline({ agents: ["a"], ...sequential }, agents))).toEqual([]),
  );

  const nothing = (key: string, reason: string, name = "u"): string =>
    `agents.${name}.${key} no-effect: \`${key}\` does nothing here: \`${name}\` only undoes stages, and ${reason}`;
  const nowhere = "what it returns goes nowhere";

  test.each<[key: keyof AgentDefinition, value: unknown, reason: string]>([
    ["output", "x", nowhere],
    ["output", { x: "result" }, nowhere],
    ["writes", ["x"], nowhere],
    ["keep", ["x"], "the state is not touched by it"],
    ["drop", ["x"], "the state is not touched by it"],
    ["on_error", "continue", "a rollback always goes on after a failure"],
    ["rollback", "v", "that is undone by nothing"],
  ])("has no use for %s = %j", async (key, value, reason) => {
    const agents = { a: c({ rollback: "u" }), u: c({ [key]: value }), ...(key === "rollback" ? { v: c() } : {}) };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents))).toEqual([nothing(key, reason)]);
  });

  test("has none in its fallback either", async () => {
    const agents = { a: c({ rollback: "u" }), u: { extends: "w" }, w: c({ fallback: "v" }), v: c({ writes: ["x"] }) };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents))).toEqual([nothing("writes", nowhere, "v")]);
  });

  test("has none for a key that nobody writes, which is told once", async () => {
    const agents = { a: prints("x", { writes: ["x"], rollback: "u" }), u: c({ keep: ["y"] }) };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents, { inputs: { z: {} } }))).toEqual([
      nothing("keep", "the state is not touched by it"),
    ]);
  });

  test("that is a stage as well needs a key for its text", async () => {
    const agents = { a: c({ rollback: "b" }), b: prints("x", { stdout: "text" }) };
    expect(await problemsOf(pipeline({ agents: ["a", "b"] }, agents))).toEqual([
      'agents.b.stdout missing-key: with stdout = "text", `b` needs `output`: the key of the state that gets it',
    ]);
    expect(await problemsOf(pipeline({ agents: ["a", "b"] }, { ...agents, b: c({ reply: "x" }) }))).toEqual([
      "agents.b.reply missing-key: a reply that is no table needs `output`: the key of the state that gets it",
    ]);
  });

  test("needs what any agent of its type needs", async () => {
    const agents = { a: c({ rollback: "u" }), u: { type: "script" }, b: { extends: "u", shell: "true" } } satisfies Agents;
    expect(await problemsOf(pipeline({ agents: ["a", "b"] }, agents))).toEqual([
      "agents.u missing-key: `u` is a script, so it needs `command` or `shell`",
    ]);
  });

  test("counts as reached where it may be that a mistyped value names it", async () =>
    expect(await problemsOf(pipeline({ agents: ["a"] }, { a: c({ rollback: 5 } as unknown as AgentDefinition), u: c() }))).toEqual([
      "agents.a.rollback wrong-type: `rollback`: expected text, got the number 5",
    ]));

  test.each([
    ["checkpoint_frequency", -1],
    ["save_intermediate_results", 1],
    ["compress_above", 1],
    ["rollback", "never"],
  ])("a mistake in %s does not hide one that no run comes to", async (key, value) => {
    const pipelineKeys = { [key]: value } as Sequential["pipeline"] & object;
    const problems = await problemsOf(pipeline({ agents: ["a"], pipeline: pipelineKeys }, canned("a", "b")));
    expect(problems.map((problem) => problem.split(": ")[0])).toEqual([
      expect.stringContaining(`orchestration.sequential.pipeline.${key} `),
      "~ agents.b unreached-agent",
    ]);
  });

  test("nothing is said where a name may be misspelt", async () => {
    const agents = { a: c({ rollback: "u" }), u: c({ writes: ["x"] }) };
    expect(await problemsOf(pipeline({ agents: ["a", "x"] }, agents))).toEqual([
      "orchestration.sequential.agents.1 unknown-agent: there is no agent called `x`",
    ]);
    const misspelt = { a: { ...c({ rollback: "u" }), falback: "u" }, u: c({ writes: ["x"] }) };
    expect(await problemsOf(pipeline({ agents: ["a"] }, misspelt))).toEqual([
      "agents.a.falback unknown-key: unknown key `falback` in [agents.a]",
    ]);
  });

  test.each<[sentence: string, agents: Agents, problem: string]>([
    ["itself", { a: c({ rollback: "a" }) }, "agents.a.rollback rollback-cycle: these rollbacks lead back to where they began: `a` → `a`"],
    [
      "what it is undone by, though both are stages",
      { a: c({ rollback: "b" }), b: c({ rollback: "a" }) },
      "agents.a.rollback rollback-cycle: these rollbacks lead back to where they began: `a` → `b` → `a`",
    ],
  ])("is not %s", async (_sentence, agents, problem) =>
    expect(await problemsOf(pipeline({ agents: Object.keys(agents) }, agents))).toEqual([problem]),
  );
});

describe("a rollback sees the names of its stage, not the state:", () => {
  const sees = (place: string, name: string, purpose = ""): string =>
    `${place} unknown-variable: a rollback sees \`stage\`, \`input\`, \`output\`, \`error\`, but not \`${name}\`${purpose}`;
  const undoneBy = (u: AgentDefinition): Agents => ({ a: c({ reply: { x: 1 }, rollback: "u" }), u });

  test.each<[sentence: string, agents: Agents, expected: string[]]>([
    ["what is there", undoneBy(prints("${{ stage }} ${{ input.x }} ${{ output.x }} ${{ error.kind }} ${{ state.output }}")), []],
    ["a key of the state", undoneBy(prints("${{ x }}")), [sees("agents.u.command.1", "x")]],
    ["by state.x", undoneBy(prints("${{ state.x }}")), [sees("agents.u.command.1", "x")]],
    ["one that is only asked for", undoneBy(prints("${{ has(state.x) }}")), []],
    ["in its input table", undoneBy(prints("${{ y }}", { input: { y: "x" } })), [sees("agents.u.input.y", "x")]],
    ["through its input table", undoneBy(prints("${{ y }}", { input: { y: "output.x" } })), []],
    ["past its input table", undoneBy(prints("${{ y }} ${{ state.x }}", { input: { y: "output.x" } })), [sees("agents.u.command.1", "x")]],
    ["twice, told once", undoneBy({ type: "script", command: ["echo", "${{ x }}", "${{ x }}"] }), [sees("agents.u.command.1", "x")]],
    ["in its fallback", { ...undoneBy(c({ fallback: "v" })), v: prints("${{ x }}") }, [sees("agents.v.command.1", "x")]],
    [
      "a stage that is not there",
      undoneBy(prints("${{ stages.z.visits }}")),
      ["agents.u.command.1 unknown-agent: there is no stage called `z`"],
    ],
  ])("%s", async (_sentence, agents, expected) => expect(await problemsOf(pipeline({ agents: ["a"] }, agents))).toEqual(expected));

  test("an agent that is a stage as well sees now the one, now the other", async () => {
    const agents = { a: c({ reply: { x: 1 }, rollback: "b" }), b: prints("${{ x }}", { writes: [] }) };
    const definition = pipeline({ agents: ["a", "b"] }, agents, { inputs: { y: {} } });
    expect(await problemsOf(definition)).toEqual([sees("agents.b.command.1", "x")]);
    const other = { ...agents, b: prints("${{ output }}", { writes: [] }) };
    expect(await problemsOf(pipeline({ agents: ["a", "b"] }, other, { inputs: { y: {} } }))).toEqual([
      "agents.b.command.1 unknown-variable: nothing writes `output`",
    ]);
  });

  test("its `output` table belongs to the stage that it is as well", async () => {
    const agents = { a: c({ reply: { x: 1 }, rollback: "b" }), b: prints("1", { output: { y: "result + x" } }) };
    expect(await problemsOf(pipeline({ agents: ["a", "b"] }, agents))).toEqual([]);
  });

  test("nothing is said where its input table may be that of an agent that is not there", async () =>
    expect(await problemsOf(pipeline({ agents: ["a"] }, undoneBy({ ...prints("${{ y }}"), extends: "v" })))).toEqual([
      "agents.u.extends unknown-agent: there is no agent called `v`",
    ]));

  test("nothing is said where a misspelt key may be its input table", async () =>
    expect(
      await problemsOf(pipeline({ agents: ["a"] }, undoneBy({ ...prints("${{ y }}"), inptu: { y: "output" } } as AgentDefinition))),
    ).toEqual(["agents.u.inptu unknown-key: unknown key `inptu` in [agents.u]"]));

  const moreOf = async (agents: Agents): Promise<unknown[]> =>
    (await build(pipeline({ agents: ["a"] }, agents))).diagnostics.map(({ help, related }) => [help, related]);
  const inside = (name: string): string =>
    `what the stage had is in \`input\`, and what came of it in \`output\`: write \`input.${name}\` or \`output.${name}\``;

  test("a text that two agents share is told once", async () =>
    expect(await moreOf({ ...undoneBy(prints("${{ x }}", { fallback: "v" })), v: { extends: "u" } })).toEqual([[inside("x"), undefined]]));

  test("a key of the state is not taken for a mistyped name", async () => {
    const agents = { a: c({ reply: { inputs: 1 }, rollback: "u" }), u: prints("${{ inputs }}") };
    expect(await moreOf(agents)).toEqual([[inside("inputs"), undefined]]);
    expect(await moreOf({ ...agents, a: c({ rollback: "u" }) })).toEqual([["did you mean `input`?", undefined]]);
  });

  test("what it reads is no input of the run", async () => {
    const plan = await planOf(pipeline({ agents: ["a"] }, undoneBy(prints("${{ output.x }}"))));
    expect(plan.assumedInputs).toEqual([]);
  });

  test("a nested pipeline that needs something else cannot undo", async () => {
    const inner = '[inputs.x]\n[agents.i]\ntype = "canned"\n[orchestration.sequential]\nagents = ["i"]\n';
    const definition = pipeline({ agents: ["a"] }, undoneBy({ type: "pipeline", file: "inner.toml" }));
    expect(await problemsOf(definition, { files: { "inner.toml": inner } })).toEqual([
      sees("agents.u.file", "x", ", which inner.toml takes as an input"),
    ]);
  });
});

describe("`rollback` of the pipeline", () => {
  const inner = (keys: string): string =>
    `[agents.i]\ntype = "canned"\n${keys}\n[orchestration.sequential]\nagents = ["i"]\n[agents.u]\ntype = "canned"\n`;
  const nested = (mode: "auto" | "manual"): PipelineDefinition =>
    pipeline({ agents: ["a"], pipeline: { rollback: mode } }, { a: { type: "pipeline", file: "inner.toml" } });
  const nothing = "orchestration.sequential.pipeline.rollback no-effect: `rollback` does nothing here: no agent has one";

  test.each(["auto", "manual"] as const)("= %j does nothing where nothing can be undone", async (rollback) =>
    expect(await problemsOf(pipeline({ agents: ["a"], pipeline: { rollback } }, canned("a")))).toEqual([nothing]),
  );

  test("is not judged where an agent could be undone that no run comes to: that is told", async () => {
    const definition = pipeline({ agents: ["a"], pipeline: { rollback: "auto" } }, { a: c(), b: c({ rollback: "u" }), u: c() });
    expect(await problemsOf(definition)).toEqual(["~ agents.b unreached-agent: no run comes to the agent `b`"]);
  });

  test("counts for a nested pipeline", async () => {
    expect(await problemsOf(nested("manual"), { files: { "inner.toml": inner('rollback = "u"') } })).toEqual([]);
    expect(await problemsOf(nested("auto"), { files: { "inner.toml": inner('fallback = "u"') } })).toEqual([nothing]);
  });

  test("is not judged where a nested pipeline has errors", async () =>
    expect(await problemsOf(nested("auto"), { files: { "inner.toml": inner('rollback = "x"') } })).toEqual([
      "/p/inner.toml: agents.i.rollback unknown-agent: there is no agent called `x`",
    ]));

  test("is not judged where a nested pipeline is not known", async () =>
    expect(await problemsOf(nested("auto"))).toEqual(["agents.a.file unreadable-file: there is no file inner.toml"]));
});
