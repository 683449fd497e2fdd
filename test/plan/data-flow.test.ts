import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { build, canned, pipeline, planOf, problemsOf } from "./plans.ts";

type Agents = Record<string, AgentDefinition>;

/** A script whose argument reads; what it writes is declared unless that is left open. */
const reads = (text: string, more: AgentDefinition = {}): AgentDefinition => ({
  type: "script",
  command: ["x", text],
  writes: [],
  ...more,
});
const writes = (...keys: string[]): AgentDefinition => ({ type: "script", command: ["x"], writes: keys });
const open: AgentDefinition = { type: "script", command: ["x"] };
const llm = (more: AgentDefinition = {}): AgentDefinition => ({ type: "llm", model: "m", ...more });

/** The agents in the order of their names in the table, with one declared input. */
function closed(agents: Agents, rest: Partial<PipelineDefinition> = {}): PipelineDefinition {
  return pipeline({ agents: Object.keys(agents) }, agents, { inputs: { source: {} }, ...rest });
}

const unknown = (place: string, key: string): string => `${place} unknown-variable: nothing writes \`${key}\``;

describe("row 57: a key that nobody writes is an error where inputs are declared and all writers are visible", () => {
  test.each<[sentence: string, agents: Agents, expected: string[]]>([
    ["in an argument", { a: reads("${{ rows }}") }, [unknown("agents.a.command.1", "rows")]],
    ["in the environment of a script", { a: writes(), b: { ...writes(), env: { X: "${{ rows }}" } } }, [unknown("agents.b.env.X", "rows")]],
    ["in a prompt", { a: llm({ prompt: "${{ rows }}" }) }, [unknown("agents.a.prompt", "rows")]],
    ["in a system prompt", { a: llm({ system_prompt: "${{ rows }}" }) }, [unknown("agents.a.system_prompt", "rows")]],
    ["in an input table", { a: { ...writes(), input: { x: "rows" } } }, [unknown("agents.a.input.x", "rows")]],
    ["in an output table", { a: { ...open, output: { x: "result + rows" } } }, [unknown("agents.a.output.x", "rows")]],
    ["by state.rows", { a: reads("${{ state.rows }}") }, [unknown("agents.a.command.1", "rows")]],
    ["by state['rows']", { a: reads("${{ state['rows'] }}") }, [unknown("agents.a.command.1", "rows")]],
    ["in keep", { a: { ...writes("x"), keep: ["x", "rows"] } }, [unknown("agents.a.keep.1", "rows")]],
    ["in drop", { a: { ...writes("x"), drop: ["rows"] } }, [unknown("agents.a.drop.0", "rows")]],
    ["of a fallback", { a: { ...writes(), fallback: "b" }, b: reads("${{ rows }}") }, [unknown("agents.b.command.1", "rows")]],
    ["in a text that it takes over", { a: reads("${{ rows }}"), b: { extends: "a" } }, [unknown("agents.a.command.1", "rows")]],
  ])("%s", async (_sentence, agents, expected) => expect(await problemsOf(closed(agents))).toEqual(expected));

  test.each<[sentence: string, agents: Agents]>([
    ["a declared input", { a: reads("${{ source }}") }],
    ["a key that a script declares", { a: writes("rows"), b: reads("${{ rows }}") }],
    ["a key of `output`", { a: { ...open, output: "rows" }, b: reads("${{ rows }}") }],
    ["a key of an output table", { a: { ...open, output: { rows: "result" } }, b: reads("${{ rows }}") }],
    ["the text of a model, under the stage's name", { "a-b": llm(), b: reads("${{ a_b }}") }],
    ["a key of all canned replies", { a: { type: "canned", replies: [{ x: 1, rows: 2 }, { rows: 1 }] }, b: reads("${{ rows }}") }],
    ["what an agent and its fallback write", { a: { ...writes("rows"), fallback: "f" }, f: writes("rows"), b: reads("${{ rows }}") }],
    ["a key that is only asked for", { a: reads("${{ has(state.rows) }}"), b: reads("${{ 'rows' in state }}") }],
    ["metadata, stages and the whole state", { a: writes(), b: reads("${{ meta.anything }} ${{ stages.a.visits }} ${{ size(state) }}") }],
    ["a variable of a macro", { a: reads("${{ [1].map(rows, rows + 1) }}") }],
    ["what is in text without a template", { a: reads("{{ rows }} $${{ rows }}") }],
  ])("%s is known", async (_sentence, agents) => expect(await problemsOf(closed(agents))).toEqual([]));

  test("of one that only an unreached agent would write, that is told", async () => {
    const agents = { a: reads("${{ rows }}"), b: writes("rows"), c: reads("${{ lines }}") };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents, { inputs: { source: {} } }))).toEqual([
      "agents.b unreached-agent: no run comes to the agent `b`, and nothing else writes `rows`",
      "~ agents.c unreached-agent: no run comes to the agent `c`",
    ]);
  });

  test("of what an unreached agent keeps, nothing is said", async () => {
    const agents = { a: writes(), b: { ...writes(), keep: ["rows"] } };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents, { inputs: { source: {} } }))).toEqual([
      "~ agents.b unreached-agent: no run comes to the agent `b`",
    ]);
  });

  test("in a text that another agent takes over is one place", async () => {
    const { diagnostics } = await build(closed({ a: reads("${{ rows }}"), b: { extends: "a" } }));
    expect(diagnostics.map(({ path, related }) => [path, related])).toEqual([[["agents", "a", "command", 1], undefined]]);
  });

  test("is not told of a base whose text no stage uses", async () => {
    const agents = { base: reads("${{ rows }}"), a: { extends: "base", command: ["x"] } };
    expect(await problemsOf(pipeline({ agents: ["a"] }, agents, { inputs: { source: {} } }))).toEqual([]);
  });

  test("in a condition, with its exact place", async () => {
    const branches = [{ from_agent: "a", condition: "  kind == 'x'", end: true as const }];
    const { diagnostics } = await build(pipeline({ agents: ["a"], branches }, { a: writes("kinds") }, { inputs: { source: {} } }));
    expect(diagnostics).toEqual([
      {
        severity: "error",
        code: "unknown-variable",
        message: "nothing writes `kind`",
        path: ["orchestration", "sequential", "branches", 0, "condition"],
        at: { start: 2, end: 6 },
        help: "did you mean `kinds`?",
      },
    ]);
  });

  test("is told once, at its first place, with the others", async () => {
    const agents = { a: reads("${{ rows }}"), b: llm({ prompt: "${{ size(rows) }} ${{ rows }}" }), c: { ...writes("x"), keep: ["rows"] } };
    const { diagnostics } = await build(closed(agents));
    expect(diagnostics.map(({ path, related, help }) => ({ path, related, help }))).toEqual([
      {
        path: ["agents", "a", "command", 1],
        related: [
          { path: ["agents", "b", "prompt"], at: { start: 9, end: 13 }, label: "read here as well" },
          { path: ["agents", "b", "prompt"], at: { start: 22, end: 26 }, label: "read here as well" },
          { path: ["agents", "c", "keep", 0], label: "read here as well" },
        ],
        help: "known: `source`, `b`, `x`; an input needs a table [inputs.rows]",
      },
    ]);
  });
});

describe("groups write by their rule of merging", () => {
  const group = (merge: "flat" | "namespace" | "prefix", read: string): PipelineDefinition =>
    pipeline(
      { agents: ["g", "r"], parallel: { g: { agents: ["size-of", "asked"], merge } } },
      { "size-of": writes("kb"), asked: llm(), r: reads(`\${{ ${read} }}`) },
      { inputs: { source: {} } },
    );

  test.each([
    ["flat", "kb", []],
    ["flat", "asked", []],
    ["flat", "size_of_kb", ["size_of_kb"]],
    ["namespace", "size_of.kb", []],
    ["namespace", "asked", []],
    ["namespace", "kb", ["kb"]],
    ["prefix", "size_of_kb", []],
    ["prefix", "asked", []],
    ["prefix", "asked_asked", ["asked_asked"]],
  ] as const)("%s: %s", async (merge, read, missing) =>
    expect(await problemsOf(group(merge, read))).toEqual(missing.map((key) => unknown("agents.r.command.1", key))),
  );

  test("namespace hides what a member writes that does not say so", async () => {
    const definition = pipeline(
      { agents: ["g", "r"], parallel: { g: { agents: ["a", "b"], merge: "namespace" } } },
      { a: open, b: open, r: reads("${{ a.x }} ${{ c }}") },
      { inputs: { source: {} } },
    );
    expect(await problemsOf(definition)).toEqual([unknown("agents.r.command.1", "c")]);
  });
});

describe("where a writer does not say what it writes, a key that only it can write is a warning", () => {
  test.each<[sentence: string, agents: Agents, expected: string[]]>([
    [
      "a near miss",
      { a: open, b: writes("rows"), c: reads("${{ row }}") },
      ["~ agents.c.command.1 unknown-variable: nothing is known to write `row`"],
    ],
    [
      "in keep",
      { a: open, b: { ...writes("rows"), keep: ["rowz"] } },
      ["~ agents.b.keep.0 unknown-variable: nothing is known to write `rowz`"],
    ],
    [
      "anything else, told where it has to be said",
      { a: open, b: writes("rows"), c: reads("${{ lines }}") },
      ["~ agents.a undeclared-writes: `a` does not say what it writes, and nothing else writes `lines`"],
    ],
    [
      "a module",
      { f: { type: "module", module: "f.mjs" }, c: reads("${{ lines }}") },
      ["~ agents.f undeclared-writes: `f` does not say what it writes, and nothing else writes `lines`"],
    ],
    [
      "several writers, told at the last of them",
      { a: open, b: open, c: reads("${{ lines }} ${{ words }}") },
      ["~ agents.b undeclared-writes: `a`, `b` do not say what they write, and nothing else writes `lines`, `words`"],
    ],
    ["a writer that comes later", { c: reads("${{ lines }}"), a: open }, [unknown("agents.c.command.1", "lines")]],
  ])("%s", async (_sentence, agents, expected) => expect(await problemsOf(closed(agents))).toEqual(expected));

  test("an agent that is a function", async () => {
    const definition = closed({ a: {}, c: reads("${{ lines }}") });
    expect(await problemsOf(definition, { functions: ["a"] })).toEqual([]);
    const declared = closed({ a: { writes: ["x"] }, c: reads("${{ lines }}") });
    expect(await problemsOf(declared, { functions: ["a"] })).toEqual([unknown("agents.c.command.1", "lines")]);
  });
});

describe("where no input is declared, a key that nobody writes is taken to be one", () => {
  test("of all texts, once each, but not where it is only asked for or pruned", async () => {
    const agents = {
      a: reads("${{ topic }} ${{ has(state.tone) }}"),
      b: llm({ prompt: "${{ topic }} ${{ state.length }} ${{ a }}" }),
      c: { ...writes("x"), drop: ["secret"] },
    };
    const plan = await planOf(pipeline({ agents: ["a", "b", "c"] }, agents));
    expect(plan.assumedInputs).toEqual(["topic", "length", "a"]);
  });

  test("with a warning where it is near to a key that is written", async () => {
    const { plan, diagnostics } = await build(pipeline({ agents: ["a", "b"] }, { a: writes("rows"), b: reads("${{ rwos }}") }));
    expect(diagnostics.map(({ severity, message, help }) => [severity, message, help])).toEqual([
      ["warning", "nothing is known to write `rwos`", "did you mean `rows`?"],
    ]);
    expect(plan?.assumedInputs).toEqual(["rwos"]);
  });

  test("but not where a writer does not say what it writes, and not where inputs are declared", async () => {
    expect((await planOf(pipeline({ agents: ["a", "b"] }, { a: open, b: reads("${{ topic }}") }))).assumedInputs).toEqual([]);
    expect((await planOf(closed({ a: open, b: reads("${{ topic }}") }))).assumedInputs).toEqual([]);
  });
});

describe("an input table", () => {
  const table = (text: string): PipelineDefinition =>
    closed({ w: writes("rows"), a: reads(text, { input: { sales: "rows", year: "2030" } }) });

  test.each<[sentence: string, text: string, told: readonly (readonly [string, string])[]]>([
    ["gives the bare names", "${{ sales }} ${{ year }}", []],
    ["leaves the state as `state`", "${{ state.rows }}", []],
    [
      "has not the keys of the state",
      "${{ rows }}",
      [
        [
          "`rows` is not in this agent's input table",
          "the whole state is still there as `state`: write `state.rows`, or add `rows` to the table",
        ],
      ],
    ],
    ["has near names", "${{ sale }}", [["`sale` is not in this agent's input table", "did you mean `sales`?"]]],
    [
      "has no other names",
      "${{ banana }}",
      [["`banana` is not in this agent's input table", "the table has `sales`, `year`; add what is needed to it"]],
    ],
    [
      "does not hide that the state has no such key",
      "${{ state.banana }}",
      [["nothing writes `banana`", "known: `source`, `rows`; an input needs a table [inputs.banana]"]],
    ],
  ])("%s", async (_sentence, text, told) => {
    const { diagnostics } = await build(table(text));
    expect(diagnostics.map(({ message, help }) => [message, help])).toEqual(told);
  });

  test("of one agent is not that of another, nor that of `output` and of branches", async () => {
    const agents = { a: { ...open, input: { sales: "source" }, output: { x: "source" } }, b: reads("${{ source }} ${{ x }}") };
    const branches = [{ from_agent: "a", condition: "source == x", end: true as const }];
    expect(await problemsOf(pipeline({ agents: ["a", "b"], branches }, agents, { inputs: { source: {} } }))).toEqual([]);
  });
});

describe("a nested pipeline", () => {
  const INNER = `
[inputs.question]
required = false
[agents.search]
type = "canned"
reply = { found = 1 }
[orchestration.sequential]
agents = ["search"]
`;
  const outer = (more: AgentDefinition, read: string): PipelineDefinition =>
    closed({ n: { type: "pipeline", file: "inner.toml", ...more }, r: reads(`\${{ ${read} }}`) });

  test.each<[sentence: string, more: AgentDefinition, read: string, expected: string[]]>([
    ["writes what its stages write", {}, "found", []],
    ["does not write its inputs", {}, "question", [unknown("agents.r.command.1", "question")]],
    ["writes what `output` says", { output: "notes" }, "notes", []],
    ["and then nothing else", { output: "notes" }, "found", [unknown("agents.r.command.1", "found")]],
  ])("%s", async (_sentence, more, read, expected) =>
    expect(await problemsOf(outer(more, read), { files: { "inner.toml": INNER } })).toEqual(expected),
  );

  const asking = INNER.replace("required = false", "");

  test("takes the inputs that it needs from the state: each is a key that is read", async () => {
    const files = { "inner.toml": asking };
    const definition = outer({}, "found");
    expect(await problemsOf(definition, { files })).toEqual([
      "agents.n.file unknown-variable: nothing writes `question`, which inner.toml takes as an input",
    ]);
    expect(await problemsOf({ ...definition, inputs: { question: {} } }, { files })).toEqual([]);
    const { inputs: _, ...undeclared } = definition;
    expect((await planOf(undeclared, { files })).assumedInputs).toEqual(["question"]);
  });

  test.each<[sentence: string, input: Record<string, string>, expected: string[]]>([
    ["gets them from the table", { question: "source" }, []],
    ["needs all of them in the table", {}, ["agents.n.input missing-input: inner.toml needs `question`, and this table does not give it"]],
    [
      "takes no others",
      { question: "source", depth: "1" },
      ["agents.n.input.depth unknown-input: inner.toml declares no input called `depth`"],
    ],
    [
      "does not need one that is misspelt as well",
      { qestion: "source" },
      ["agents.n.input.qestion unknown-input: inner.toml declares no input called `qestion`"],
    ],
  ])("%s", async (_sentence, input, expected) =>
    expect(await problemsOf(outer({ input }, "found"), { files: { "inner.toml": asking } })).toEqual(expected),
  );

  test("does not need what has a default", async () =>
    expect(await problemsOf(outer({ input: {} }, "found"), { files: { "inner.toml": INNER } })).toEqual([]));

  test("that declares no inputs takes any table", async () => {
    const free = asking.replace("[inputs.question]", "");
    expect(await problemsOf(outer({ input: { anything: "1" } }, "found"), { files: { "inner.toml": free } })).toEqual([]);
  });

  test("with a writer that does not say what it writes is as open as that one", async () => {
    const inner = INNER.replace('type = "canned"\nreply = { found = 1 }', 'type = "script"\ncommand = ["x"]');
    expect(await problemsOf(outer({}, "anything"), { files: { "inner.toml": inner } })).toEqual([
      "~ agents.n undeclared-writes: `n` does not say what it writes, and nothing else writes `anything`",
    ]);
    expect(await problemsOf(outer({ writes: ["anything"] }, "anything"), { files: { "inner.toml": inner } })).toEqual([]);
  });
});

describe("stages.NAME", () => {
  test.each<[sentence: string, read: string, expected: string[]]>([
    ["of a stage", "stages.a.status", []],
    ["of a group", "stages.g.status", []],
    ["of a member", "stages.p.status", []],
    ["of a detour", "stages['d'].status", []],
    ["of no stage", "stages.b.status", ["agents.z.command.1 unknown-agent: there is no stage called `b`"]],
    ["of an agent that is only a fallback", "stages.f.status", ["agents.z.command.1 unknown-agent: there is no stage called `f`"]],
  ])("%s", async (_sentence, read, expected) => {
    const definition = pipeline(
      { agents: ["a", "g", "z"], parallel: { g: { agents: ["p", "q"] } }, branches: [{ from_agent: "g", to_agent: "d" }] },
      { z: reads(`\${{ ${read} }}`), a: { type: "canned", fallback: "f" }, ...canned("p", "q", "d", "f") },
    );
    expect(await problemsOf(definition)).toEqual(expected);
  });

  test.each<[sentence: string, read: string, expected: string[]]>([
    ["that comes later", "stages.b.status", ["the stage `b` has not run when this is read"]],
    ["that is this one", "stages.a.visits", ["the stage `a` has not run when this is read"]],
    ["that comes later, where it is asked for", "has(stages.b) ? stages.b.status : 'none'", []],
  ])("of a stage %s", async (_sentence, read, expected) => {
    const { diagnostics } = await build(pipeline({ agents: ["a", "b"] }, { a: reads(`\${{ ${read} }}`), b: writes() }));
    expect(diagnostics.map(({ message }) => message)).toEqual(expected);
  });

  test("of a stage that may have run, and of the one that a branch starts from", async () => {
    const branches = [{ from_agent: "b", condition: "stages.b.visits < 3", to_agent: "a", max_times: 2 }];
    const definition = pipeline({ agents: ["a", "b"], branches }, { a: reads("${{ stages.b.visits }}"), b: writes() });
    expect(await problemsOf(definition)).toEqual([]);
  });

  test.each<[condition: string, expected: string[]]>([
    ["stages.a.status == 'succeeded'", []],
    ["stages.a.status != 'failed'", []],
    ["stages.p.status in ['tolerated', 'cancelled']", []],
    [
      "stages.a.status == 'success'",
      [
        '~ orchestration.sequential.branches.0.condition constant-condition: this is never true: `stages.a.status` is one of "succeeded", "failed", "tolerated", "cancelled" (did you mean "succeeded"?)',
      ],
    ],
    [
      "stages.g.status == 'skipped'",
      [
        '~ orchestration.sequential.branches.0.condition constant-condition: this is never true: `stages.g.status` is one of "succeeded", "failed", "tolerated", "cancelled" (undefined)',
      ],
    ],
  ])("has a status out of four: %s", async (condition, expected) => {
    const { diagnostics } = await build(
      pipeline(
        { agents: ["a", "g"], parallel: { g: { agents: ["p", "q"] } }, branches: [{ from_agent: "g", condition, end: true }] },
        canned("a", "p", "q"),
      ),
    );
    expect(diagnostics.map(({ path = [], code, message, help }) => `~ ${path.join(".")} ${code}: ${message} (${help})`)).toEqual(expected);
  });

  test("of a stage whose name is wrong in the sequence is not told", async () => {
    const agents = { collect: writes(), r: reads("${{ stages.collect.status }}") };
    expect(await problemsOf(pipeline({ agents: ["colect", "r"] }, agents))).toEqual([
      "orchestration.sequential.agents.0 unknown-agent: there is no agent called `colect`",
    ]);
  });
});
