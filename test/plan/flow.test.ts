import { describe, expect, test } from "vitest";
import type { AgentDefinition, BranchSpec, PipelineDefinition } from "../../src/spec/spec.ts";
import { build, pipeline, problemsOf } from "./plans.ts";

type Agents = Record<string, AgentDefinition>;

const reads = (...texts: string[]): AgentDefinition => ({ type: "script", command: ["x", ...texts], writes: [] });
const writes = (...keys: string[]): AgentDefinition => ({ type: "script", command: ["x"], writes: keys });
const when = (way: string, condition: string, max_times?: number): BranchSpec => {
  const [from_agent = "", to = ""] = way.split(" → ");
  const target = to === "end" ? { end: true as const } : { to_agent: to };
  return { from_agent, condition, ...target, ...(max_times === undefined ? {} : { max_times }) };
};

/** With one declared input, so that nothing else can be given. */
function closed(sequence: string, agents: Agents, branches: BranchSpec[] = [], rest: Partial<PipelineDefinition> = {}): PipelineDefinition {
  return pipeline({ agents: sequence.split(" "), branches }, agents, { inputs: { source: {} }, ...rest });
}

/** `code: message` of every problem. */
async function told(definition: PipelineDefinition): Promise<string[]> {
  const { diagnostics } = await build(definition);
  return diagnostics.map(({ severity, code, message }) => `${severity === "warning" ? "~ " : ""}${code}: ${message}`);
}

const missing = (key: string, ...way: string[]): string =>
  `missing-on-path: \`${key}\` is missing on the way ${way.map((name) => `\`${name}\``).join(" → ")}`;

describe("a key that some way leaves out:", () => {
  const ready: AgentDefinition = { type: "canned", reply: { ready: true } };

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    [
      "a jump over the stage that writes it",
      closed("a b c", { a: ready, b: writes("k"), c: reads("${{ k }}") }, [when("a → c", "ready")]),
      [missing("k", "a", "c")],
    ],
    [
      "a detour that is not always taken",
      closed("a c", { a: ready, b: writes("k"), c: reads("${{ k }}") }, [when("a → b", "ready")]),
      [missing("k", "a", "c")],
    ],
    [
      "one of two detours",
      closed("a c", { a: ready, b: writes("k"), d: writes("j"), c: reads("${{ k }}") }, [
        when("a → b", "ready"),
        when("a → d", "true == ready"),
      ]),
      [missing("k", "a", "c")],
    ],
    [
      "none, where each of the detours writes it",
      closed("a c", { a: ready, b: writes("k"), d: writes("k"), c: reads("${{ k }}") }, [
        when("a → b", "ready"),
        { from_agent: "a", to_agent: "d" },
      ]),
      [],
    ],
    [
      "none, where what leaves it out ends",
      closed("a b c", { a: ready, b: writes("k"), c: reads("${{ k }}") }, [when("a → end", "ready")]),
      [],
    ],
    [
      "the first round of a circle",
      closed("a b", { a: reads("${{ k }}"), b: writes("k") }, [when("b → a", "k == 1", 2)]),
      ["written-later: `k` is not written yet when a run comes to `a` for the first time"],
    ],
    [
      "a later round, where the key is dropped in between",
      closed("a b", { a: { ...writes("k"), on_error: "fail" }, b: { ...reads("${{ k }}"), drop: ["k"] } }, [
        when("b → b", "source == 'x'", 2),
      ]),
      ["dropped-variable: `k` is not there any more on the way `a` → `b` → `b`: the agent `b` drops it"],
    ],
    [
      "a stage that may fail",
      closed("a b", { a: { ...writes("k"), on_error: "continue" }, b: reads("${{ k }}") }),
      ["missing-on-path: `k` is missing when the agent `a` has failed"],
    ],
    [
      "all stages that may fail by default",
      closed("a b", { a: writes("k"), b: reads("${{ k }}") }, [], { defaults: { on_error: "continue" } }),
      ["missing-on-path: `k` is missing when the agent `a` has failed"],
    ],
    [
      "a fallback that does not write it",
      closed("a b", { a: { ...writes("k"), fallback: "f" }, f: writes("j"), b: reads("${{ k }}") }),
      ["missing-on-path: `k` is missing when the agent `f` has stood in as the fallback"],
    ],
    [
      "some canned replies",
      closed("a b", { a: { type: "canned", replies: [{ k: 1 }, {}] }, b: reads("${{ k }}") }),
      ["missing-on-path: `k` may be missing: the agent `a` does not always write it"],
    ],
    [
      "an input that may not be given",
      closed("b", { b: reads("${{ tone }}") }, [], { inputs: { tone: { required: false } } }),
      ["missing-on-path: the input `tone` may not be given"],
    ],
    ["none, where the input has a default", closed("b", { b: reads("${{ tone }}") }, [], { inputs: { tone: { default: "" } } }), []],
    [
      "none, where `fail_fast = false` lets a run go on that fails in any case",
      pipeline(
        { agents: ["a", "b"], pipeline: { fail_fast: false } },
        { a: writes("k"), b: reads("${{ k }}") },
        { inputs: { source: {} } },
      ),
      [],
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await told(definition)).toEqual(expected));

  test("is told with the branch that is taken, and who writes it", async () => {
    const definition = closed("a b c", { a: ready, b: writes("k"), c: reads("${{ k }}") }, [when("a → c", "ready")]);
    const { diagnostics } = await build(definition);
    expect(diagnostics).toMatchObject([
      {
        path: ["agents", "c", "command", 1],
        at: { start: 4, end: 5 },
        related: [
          { path: ["orchestration", "sequential", "branches", 0, "to_agent"], label: "taken on this way" },
          { path: ["agents", "b"], at: "key", label: "written here" },
        ],
        help: "let every way come to a stage that writes it, or ask for it first: has(state.k) ? state.k : …",
      },
    ]);
  });

  test("is a warning where no input is declared, since it may be given", async () => {
    const definition = pipeline({ agents: ["a", "b"] }, { a: { ...writes("k"), on_error: "continue" }, b: reads("${{ k }}") });
    expect(await told(definition)).toEqual(["~ missing-on-path: `k` is missing when the agent `a` has failed"]);
  });

  test("is not told where an agent on the way may write it that does not say so", async () => {
    const open: AgentDefinition = { type: "script", command: ["x"] };
    const agents = { a: ready, b: writes("k"), o: open, c: reads("${{ k }}") };
    expect(await told(closed("a b o c", agents, [when("a → o", "ready")]))).toEqual([]);
  });

  test("is named by a long way's ends", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const agents = Object.fromEntries(names.map((name) => [name, writes()]));
    const definition = closed(`a ${names.join(" ")} c`, { ...agents, a: ready, b: writes("k"), c: reads("${{ k }}") }, [
      when("s0 → b", "ready"),
    ]);
    expect(await told(definition)).toEqual([
      missing("k", "a", "…", "s6", "s7", "s8", "s9", "s10", "s11", "c").replaceAll("`…`", "…").replace("`s6` → ", ""),
    ]);
  });
});

describe("a key is there where", () => {
  const agents: Agents = { a: { ...writes("k"), on_error: "continue" }, b: reads("${{ k }}"), c: writes("k"), d: reads("${{ k }}") };

  test.each<[sentence: string, definition: PipelineDefinition]>([
    ["the branch that leads there has asked for it", closed("a", agents, [when("a → b", "has(state.k)")])],
    ["… by another word", closed("a", agents, [when("a → b", "'k' in state && source == 'x'")])],
    ["the branch that leads there has read it", closed("a", agents, [when("a → b", "k == 1 || k == 2")])],
    ["a branch before looked for it and led away", closed("a b", agents, [when("a → end", "!has(state.k)")])],
    ["a branch led to a stage that writes it", closed("a b", agents, [when("a → c", "!has(state.k)")])],
    ["the expression asks for it", closed("a b", { ...agents, b: reads("${{ has(state.k) ? k : '' }}") })],
    ["the other side of an `or` may decide", closed("a b", { ...agents, b: reads("${{ source == 'x' || k == 1 }}") })],
    [
      "a condition only does not hold without it",
      closed("a b", { a: agents["a"] as AgentDefinition, b: writes() }, [when("a → end", "k == 1")]),
    ],
  ])("%s", async (_sentence, definition) => expect((await told(definition)).filter((one) => !one.includes("unreached-agent"))).toEqual([]));

  test("but not where only one of two sides has read it", async () => {
    expect(await told(closed("a", agents, [when("a → b", "k == 1 || source == 'x'")]))).toContain(
      "missing-on-path: `k` is missing when the agent `a` has failed",
    );
  });

  test("and not where a branch that looked for it was used up", async () => {
    const branches = [when("a → c", "!has(state.k)", 1)];
    expect(await told(closed("a b", agents, branches))).toContain("missing-on-path: `k` is missing when the agent `a` has failed");
  });
});

describe("a group's key is there", () => {
  const group = (settings: object, members: Agents): PipelineDefinition =>
    pipeline(
      { agents: ["g", "r"], parallel: { g: { agents: Object.keys(members), ...settings } } },
      { ...members, r: reads("${{ k }}") },
      { inputs: { source: {} } },
    );
  const members = { a: writes("k"), b: writes("j"), c: writes("i") };

  test.each<[sentence: string, settings: object, expected: string[]]>([
    ["if all its members have to succeed", {}, []],
    ["unless it goes on without some", { on_error: "continue" }, ["missing-on-path: `k` is missing when the agent `a` has failed"]],
    [
      "unless it needs some of them",
      { on_error: "continue", min_success: 2 },
      ["missing-on-path: `k` is missing when the agent `a` has failed"],
    ],
    ["if it needs all of them", { on_error: "continue", min_success: 3 }, []],
  ])("%s", async (_sentence, settings, expected) => expect(await told(group(settings, members))).toEqual(expected));

  test("is said at the group, where that is why", async () => {
    const { diagnostics } = await build(group({ on_error: "continue" }, members));
    expect(diagnostics[0]?.related).toEqual([
      { path: ["orchestration", "sequential", "parallel", "g", "on_error"], label: "a run goes on all the same" },
    ]);
  });
});

describe("a key that was dropped", () => {
  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    [
      "by name",
      closed("a b c", { a: writes("k"), b: { ...writes(), drop: ["k"] }, c: reads("${{ k }}") }),
      ["dropped-variable: `k` is not there any more: the agent `b` drops it"],
    ],
    [
      "since others are kept",
      closed("a b c", { a: writes("k", "j"), b: { ...writes(), keep: ["j"] }, c: reads("${{ k }}") }),
      ["dropped-variable: `k` is not there any more: the agent `b` keeps only other keys"],
    ],
    [
      "is an input, too",
      closed("a b", { a: { ...writes(), drop: ["source"] }, b: reads("${{ source }}") }),
      ["dropped-variable: `source` is not there any more: the agent `a` drops it"],
    ],
    ["is written again", closed("a b c d", { a: writes("k"), b: { ...writes(), drop: ["k"] }, c: writes("k"), d: reads("${{ k }}") }), []],
    ["by the stage that reads it", closed("a b", { a: writes("k"), b: { ...reads("${{ k }}"), drop: ["k"] } }), []],
    ["is not one that was never there", closed("a b", { a: { ...writes(), keep: ["source"] }, b: reads("${{ source }}") }), []],
  ])("%s", async (_sentence, definition, expected) => expect(await told(definition)).toEqual(expected));

  test("in a condition after the stage that drops it", async () => {
    const definition = closed("a b", { a: writes("k"), b: { ...reads("${{ k }}"), drop: ["k"] } }, [when("b → end", "k == 1")]);
    expect(await told(definition)).toEqual(["dropped-variable: `k` is not there any more: the agent `b` drops it"]);
  });
});

describe("a nested pipeline", () => {
  const inner = (text: string) => ({ files: { "inner.toml": text } });
  const outer = closed("n r", { n: { type: "pipeline", file: "inner.toml" }, r: reads("${{ k }}") });

  test("writes what is there at all its ends", async () => {
    const branching = (reply: string): string => `
[agents.a]
type = "canned"
reply = { k = 1 }
[agents.b]
type = "canned"
reply = ${reply}
[orchestration.sequential]
agents = ["c", "a"]
[agents.c]
type = "canned"
reply = { ready = true }
[[orchestration.sequential.branches]]
from_agent = "c"
condition = "ready"
to_agent = "b"
[[orchestration.sequential.branches]]
from_agent = "b"
end = true
`;
    expect(await problemsOf(outer, inner(branching("{ k = 2 }")))).toEqual([]);
    expect(await problemsOf(outer, inner(branching("{ j = 2 }")))).toEqual([
      "agents.r.command.1 missing-on-path: `k` may be missing: the agent `a` does not always write it",
    ]);
  });

  test("that declares no inputs needs what it reads and does not write", async () => {
    const text =
      '[agents.a]\ntype = "script"\ncommand = ["x", "${{ topic }}"]\nwrites = ["k"]\n[orchestration.sequential]\nagents = ["a"]\n';
    expect(await problemsOf(outer, inner(text))).toEqual([
      "agents.n.file unknown-variable: nothing writes `topic`, which inner.toml reads",
    ]);
  });
});

describe("a stage that no run comes to", () => {
  test("is told with the branch that always leads past it, once for all that it leads past", async () => {
    const definition = closed("a b c d", { a: writes(), b: writes(), c: writes(), d: writes() }, [{ from_agent: "a", to_agent: "d" }]);
    const { diagnostics } = await build(definition);
    expect(diagnostics).toMatchObject([
      {
        severity: "warning",
        code: "unreachable-stage",
        message: "no run comes to `b`, `c`: a branch always leads past them",
        path: ["orchestration", "sequential", "agents", 1],
        related: [
          { path: ["orchestration", "sequential", "branches", 0], at: "key", label: "always taken" },
          { path: ["orchestration", "sequential", "agents", 2], label: "nor to this one" },
        ],
      },
    ]);
  });

  test("reads and writes nothing", async () => {
    const agents = { a: writes(), b: reads("${{ nothing }}"), c: writes() };
    expect(await told(closed("a b c", agents, [{ from_agent: "a", to_agent: "c" }]))).toEqual([
      "~ unreachable-stage: no run comes to `b`: a branch always leads past it",
    ]);
  });

  test("is none where the branch is used up in the end", async () => {
    const branches = [{ from_agent: "a", to_agent: "c", max_times: 1 }];
    expect(await told(closed("a b c", { a: writes(), b: writes(), c: writes() }, branches))).toEqual([]);
  });
});

describe("an input that nothing reads", () => {
  const llm = (more: AgentDefinition): AgentDefinition => ({ type: "llm", provider: "ollama", model: "m", ...more });
  const with2 = (agents: Agents, rest: Partial<PipelineDefinition> = {}): PipelineDefinition =>
    pipeline({ agents: ["a"] }, agents, { inputs: { topic: {}, tone: {} }, ...rest });
  const unused = (name: string): string => `~ unused-input: nothing reads the input \`${name}\``;

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    ["is told", with2({ a: llm({ prompt: "${{ topic }}" }) }), [unused("tone")]],
    ["is read where it is only asked for", with2({ a: llm({ prompt: "${{ topic }} ${{ has(state.tone) }}" }) }), []],
    ["is not read by a name of an input table", with2({ a: llm({ input: { tone: "topic" }, prompt: "${{ tone }}" }) }), [unused("tone")]],
    ["is read by a model without a prompt", with2({ a: llm({}) }), []],
    ["is read by a script", with2({ a: writes() }), []],
    ["is not read by a script without stdin", with2({ a: { ...writes(), stdin: "none" } }), [unused("topic"), unused("tone")]],
    ["is read by `state`", with2({ a: llm({ prompt: "${{ state }}" }) }), []],
    ["is read by a hook", with2({ a: llm({ prompt: "x" }) }, { hooks: [{ on: "after_run", command: ["x"] }] }), []],
    [
      "is not told where it is probably misspelt",
      with2({ a: llm({ prompt: "${{ topic }} ${{ tome }}" }) }),
      ["unknown-variable: nothing writes `tome`"],
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await told(definition)).toEqual(expected));
});

describe("one of the branches is taken in any case", () => {
  const agents: Agents = {
    a: { type: "canned", reply: { ready: true, n: 5 } },
    b: writes("k"),
    c: writes("k"),
    r: reads("${{ k }}"),
  };
  const inputs = { fast: { type: "boolean" as const }, tone: { enum: ["plain", "formal"] }, source: {} };
  const both = (one: string, other: string): PipelineDefinition =>
    closed("a r", agents, [when("a → b", one), when("a → c", other)], { inputs });

  test.each<[one: string, other: string]>([
    ["ready", "!ready"],
    ["!ready", "ready"],
    ["n < 10", "n >= 10"],
    ["n <= 10", "n>10"],
    ["tone == 'plain'", "tone == 'formal'"],
    ["'plain' == tone", "tone in ['formal']"],
    ["tone == 'x'", "tone != 'x'"],
    ["fast == true", "fast == false"],
    ["fast", "fast == false"],
    ["has(state.k)", "!has(state.k)"],
    ["!(n > 3 && ready)", "n > 3 && ready"],
  ])("%s, or %s", async (one, other) => {
    const found = await told(both(one, other));
    expect(found.filter((problem) => !problem.startsWith("~ "))).toEqual([]);
  });

  test.each<[one: string, other: string]>([
    ["ready", "n < 10"],
    ["n < 10", "n > 10"],
    ["tone == 'plain'", "ready"],
    ["source == 'plain'", "source == 'formal'"],
  ])("but not %s, or %s", async (one, other) => {
    const [found] = (await build(both(one, other))).diagnostics;
    expect([found?.message, found?.help]).toEqual([
      "`k` is missing on the way `a` → `r`",
      "let every way come to a stage that writes it; if one of the branches from `a` is always taken, leave out the condition of the last one, or ask for it first: has(state.k) ? state.k : …",
    ]);
  });

  test("nor where one of them is used up", async () => {
    const definition = closed("a r", agents, [when("a → b", "ready", 1), when("a → c", "!ready")], { inputs });
    expect(await told(definition)).toContain(missing("k", "a", "r"));
  });
});

describe("of a key that is asked for where it is read, nothing is said", () => {
  test.each<[sentence: string, definition: PipelineDefinition]>([
    ["that is written later", closed("b a", { b: reads("${{ has(state.k) ? k : '' }}"), a: writes("k") })],
    ["that nothing is known to write", closed("b", { b: reads("${{ has(state.k) ? k : '' }}") })],
    ["in a part of another expression", closed("b", { b: reads("${{ 'x' + (has(state.k) ? state.k : 'none') }}") })],
  ])("%s", async (_sentence, definition) => expect(await told(definition)).toEqual([]));
});

test("a script that does not say what it writes is asked where its own branch reads that", async () => {
  const open: AgentDefinition = { type: "script", command: ["x"] };
  expect(await told(closed("a b", { a: open, b: writes() }, [when("a → end", "k == 1")]))).toEqual([
    "~ undeclared-writes: `a` does not say what it writes, and nothing else writes `k`",
  ]);
});

test("an agent that does not write what its fallback writes is named", async () => {
  const definition = closed("a b", { a: { ...writes("j"), fallback: "f" }, f: writes("k"), b: reads("${{ k }}") });
  expect(await told(definition)).toEqual(["missing-on-path: `k` is missing unless a fallback of the agent `a` has stood in"]);
});

describe("what a member of a group writes lies where the engine puts it,", () => {
  const llm: AgentDefinition = { type: "llm", provider: "ollama", model: "m", prompt: "x" };
  const group = (merge: "namespace" | "prefix", member: Agents, read: string): PipelineDefinition =>
    pipeline(
      { agents: ["g", "r"], parallel: { g: { agents: ["m", "n"], merge } } },
      { ...member, n: writes(), r: reads(`\${{ ${read} }}`) },
      { inputs: { source: {} } },
    );
  const script = { m: { ...writes("k"), fallback: "f" }, f: llm };
  const model = { m: { ...llm, fallback: "f" }, f: { type: "canned" as const, reply: { m: "s" } } };

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    ["a model in a namespace", group("namespace", { m: llm }, "m + 'x'"), []],
    ["a script in a namespace", group("namespace", { m: writes("k") }, "m.k"), []],
    ["a script or a model in a namespace, of which nobody knows", group("namespace", script, "m"), []],
    [
      "a script or a model with a prefix",
      group("prefix", script, "m_k"),
      ["missing-on-path: `m_k` is missing when the agent `f` has stood in as the fallback"],
    ],
    [
      "a model or a reply with a prefix",
      group("prefix", model, "m"),
      ["missing-on-path: `m` is missing when the agent `f` has stood in as the fallback"],
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await told(definition)).toEqual(expected));
});

describe("of nothing, nothing is written:", () => {
  test.each<[sentence: string, agent: AgentDefinition, expected: string[]]>([
    ["a canned agent without a reply", { type: "canned", output: "k" }, ["unknown-variable: nothing writes `k`"]],
    [
      "with an empty one among its replies",
      { type: "canned", replies: ["x", null], output: { k: "'done'" } },
      ["missing-on-path: `k` may be missing: the agent `a` does not always write it"],
    ],
    ["but one that always fails never serves", { type: "canned", fail: "exit", output: "k", fallback: "f" }, []],
  ])("%s", async (_sentence, agent, expected) => {
    const fallback: Agents = agent.fallback === undefined ? {} : { f: writes("k") };
    expect(await told(closed("a b", { a: agent, ...fallback, b: reads("${{ k }}") }))).toEqual(expected);
  });
});

describe("a nested pipeline is given", () => {
  const files = {
    "inner.toml":
      '[inputs.topic]\ntype = "string"\n[agents.a]\ntype = "script"\ncommand = ["x"]\nwrites = ["k"]\n[orchestration.sequential]\nagents = ["a"]\n',
    "free.toml":
      '[agents.a]\ntype = "script"\ncommand = ["x", "${{ topic }}"]\nwrites = ["k"]\n[orchestration.sequential]\nagents = ["a"]\n',
  };
  const outer = (more: AgentDefinition, type: "number" | "string" = "number"): PipelineDefinition =>
    closed("n", { n: { type: "pipeline", file: "inner.toml", ...more } }, [], { inputs: { topic: { type } } });

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    ["a key of another type", outer({}), ["agents.n.file type-mismatch: inner.toml takes `topic` as a string, and `topic` is a number"]],
    ["a key of its type", outer({}, "string"), []],
    [
      "another type by its table",
      outer({ input: { topic: "topic + 1" } }),
      ["agents.n.input.topic type-mismatch: inner.toml takes `topic` as a string, and this is a number"],
    ],
    [
      "less than it reads",
      outer({ file: "free.toml", input: {} }),
      ["~ agents.n.input missing-input: free.toml needs `topic`, and this table does not give it"],
    ],
    ["what it reads", outer({ file: "free.toml", input: { topic: "topic", more: "1" } }), []],
  ])("%s", async (_sentence, definition, expected) =>
    expect((await problemsOf(definition, { files })).filter((problem) => !problem.includes("unused-input"))).toEqual(expected),
  );

  test("and has at its end what it declares and writes, and nothing else", async () => {
    const definition = closed(
      "n r",
      { n: { type: "pipeline", file: "inner.toml", output: { x: "result.k", y: "result.j" } }, r: reads("${{ x }}") },
      [],
      {
        inputs: { topic: { type: "string" } },
      },
    );
    expect(await problemsOf(definition, { files })).toEqual(["agents.n.output.y type-mismatch: `result` has no member `j`"]);
  });
});
