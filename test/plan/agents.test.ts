import { describe, expect, test } from "vitest";
import type { AgentPlan } from "../../src/plan/plan.ts";
import { BUILT_IN_PROVIDERS } from "../../src/plan/providers.ts";
import { RETRYABLE_KINDS, type AgentDefinition, type PipelineDefinition } from "../../src/spec/spec.ts";
import { build, canned, pipeline, planOf, problemsOf } from "./plans.ts";

const llm = (more: AgentDefinition = {}): AgentDefinition => ({ type: "llm", model: "m", ...more });
const script = (more: AgentDefinition = {}): AgentDefinition => ({ type: "script", command: ["x"], ...more });

/** The agent `a`, the only one of the sequence. */
async function agentOf(agent: AgentDefinition, rest: Partial<PipelineDefinition> = {}): Promise<AgentPlan> {
  const plan = await planOf(pipeline({ agents: ["a"] }, { a: agent }, rest));
  return plan.agents.get("a") as AgentPlan;
}

describe("an agent has", () => {
  const POLICIES = { retries: 0, delayMs: 1000, backoff: 2, maxDelayMs: 60_000, jitter: true, on: new Set(RETRYABLE_KINDS) };

  test("row 68: no retries, and a time limit by its type, where the file says nothing", async () => {
    const hour = 3_600_000;
    expect(await agentOf(script())).toMatchObject({ timeoutMs: hour, retry: POLICIES, onError: "fail", fallback: null });
    expect(await agentOf({ type: "module", module: "a.mjs" })).toMatchObject({ timeoutMs: hour });
    expect(await agentOf({ type: "canned" })).toMatchObject({
      timeoutMs: hour,
      call: { replies: [], delayMs: 0, fail: null, failTimes: null },
    });
    expect(await agentOf(llm())).toMatchObject({ timeoutMs: 600_000 });
  });

  test("rows 75 to 77: its own values, where 0, false and none are values", async () => {
    const defaults = {
      timeout: "5s",
      retries: 3,
      retry_delay: "4s",
      retry_max_delay: "9s",
      retry_jitter: true,
      on_error: "continue",
    } as const;
    const own = { timeout: "none", retries: 1, retry_delay: "0s", retry_max_delay: "none", retry_jitter: false, on_error: "fail" } as const;
    expect(await agentOf(script(own), { defaults })).toMatchObject({
      timeoutMs: null,
      retry: { ...POLICIES, retries: 1, delayMs: 0, maxDelayMs: null, jitter: false },
      onError: "fail",
    });
    expect(await agentOf(script({ retries: 0 }), { defaults })).toMatchObject({ retry: { retries: 0 } });
    expect(await agentOf(script(), { defaults })).toMatchObject({
      timeoutMs: 5000,
      retry: { ...POLICIES, retries: 3, delayMs: 4000, maxDelayMs: 9000, jitter: true },
      onError: "continue",
    });
  });

  test("what [defaults] say with 0, false and none", async () => {
    const defaults = { timeout: "none", retries: 0, temperature: 0, model: "m" } as const;
    expect(await agentOf({ type: "llm" }, { defaults })).toMatchObject({
      timeoutMs: null,
      retry: POLICIES,
      call: { model: "m", temperature: 0 },
    });
    expect(await agentOf({ type: "llm", retries: 1 }, { defaults: { ...defaults, retry_jitter: false } })).toMatchObject({
      retry: { ...POLICIES, retries: 1, jitter: false },
    });
  });

  test("row 46: a temperature of 0, and nothing where none is set", async () => {
    expect((await agentOf(llm({ temperature: 0 }), { defaults: { temperature: 1, max_tokens: 5 } })).call).toMatchObject({
      temperature: 0,
      maxTokens: 5,
    });
    expect((await agentOf(llm())).call).toMatchObject({ temperature: null, maxTokens: null, topP: null, seed: null, stop: null });
  });

  test("paths that are relative to the pipeline file", async () => {
    expect((await agentOf(script({ cwd: "sub" }))).call).toMatchObject({ cwd: "/p/sub" });
    expect((await agentOf(script())).call).toMatchObject({ cwd: "/p" });
    expect((await agentOf({ type: "module", module: "../a.mjs" })).call).toMatchObject({ module: "/a.mjs" });
  });

  test("a shell line as it is, with an escaped template", async () => {
    const call = (await agentOf({ type: "script", shell: "echo $${{ x }} $(date) ${HOME}" })).call;
    expect(call).toMatchObject({ command: "echo ${{ x }} $(date) ${HOME}" });
  });
});

describe("extends", () => {
  test.each<[sentence: string, agents: Record<string, AgentDefinition>, sequence: string[], expected: string[]]>([
    [
      "an agent that is not there",
      { a: { type: "canned", extends: "b" } },
      ["a"],
      ["agents.a.extends unknown-agent: there is no agent called `b`"],
    ],
    [
      "an agent that is not there, without a type: that may have come from there",
      { a: { extends: "b" } },
      ["a"],
      ["agents.a.extends unknown-agent: there is no agent called `b`"],
    ],
    [
      "itself",
      { a: { type: "canned", extends: "a" } },
      ["a"],
      ["agents.a.extends extends-cycle: these agents extend each other in a circle: `a` → `a`"],
    ],
    [
      "in a circle that another one leads to",
      { c: { extends: "a" }, a: { extends: "b" }, b: { extends: "a" } },
      ["a", "b", "c"],
      ["agents.a.extends extends-cycle: these agents extend each other in a circle: `a` → `b` → `a`"],
    ],
    ["a base without a type, which is only there to be extended", { base: { timeout: "1s" }, a: script({ extends: "base" }) }, ["a"], []],
    ["a base without a model, which the others bring", { base: { type: "llm" }, a: { extends: "base", model: "m" } }, ["a"], []],
    [
      "a base without a model: the others lack it",
      { base: { type: "llm" }, a: { extends: "base" }, b: { extends: "base", model: "m" } },
      ["a", "b"],
      ["agents.a missing-key: the agent `a` needs a model"],
    ],
    [
      "an agent without a model that is a stage: it is told there alone",
      { a: { type: "llm" }, b: { extends: "a" }, c: { extends: "b" } },
      ["a", "b", "c"],
      ["agents.a missing-key: the agent `a` needs a model"],
    ],
    [
      "an agent without a model that is a fallback: it is told there alone",
      { a: { type: "canned", fallback: "b" }, b: { type: "llm" }, c: { extends: "b" } },
      ["a", "c"],
      ["agents.b missing-key: the agent `b` needs a model"],
    ],
    [
      "one without a type that is a stage: it is told there alone",
      { a: {}, b: { extends: "a" } },
      ["a", "b"],
      ["agents.a missing-key: the agent `a` needs a type"],
    ],
    [
      "a base that brings no command either",
      { base: { retries: 1 }, a: { type: "script", extends: "base" } },
      ["a"],
      ["agents.a missing-key: `a` is a script, so it needs `command` or `shell`"],
    ],
    [
      "a chain of bases that bring no command",
      { base: {}, middle: { type: "script", extends: "base" }, a: { extends: "middle" } },
      ["a"],
      ["agents.a missing-key: `a` is a script, so it needs `command` or `shell`"],
    ],
    [
      "a script without a command, which the others bring",
      { base: { type: "script" }, a: { extends: "base", command: ["x"] }, b: { extends: "base" } },
      ["a", "b"],
      ["agents.b missing-key: `b` is a script, so it needs `command` or `shell`"],
    ],
    [
      "a script without a command that is a stage: it is told there alone",
      { a: { type: "script" }, b: { extends: "a" } },
      ["a", "b"],
      ["agents.a missing-key: `a` is a script, so it needs `command` or `shell`"],
    ],
    [
      "a script without an output for its text, which the other brings",
      { base: script({ stdout: "text" }), a: { extends: "base", output: "x" } },
      ["a"],
      [],
    ],
    [
      "with a key that the base's type does not take",
      { base: script(), a: { extends: "base", prompt: "x" } },
      ["a"],
      ["agents.a.prompt wrong-type-key: `prompt` is a key of llm agents, and `a` is a script"],
    ],
    [
      "with a key of a base that its own type does not take is right: it is displaced",
      { base: script({ stdout: "text", output: "x" }), a: { extends: "base", ...llm() } },
      ["a"],
      [],
    ],
    [
      "with a base's key that the type of a later base does not take",
      { base: { prompt: "x" }, a: { extends: "base", type: "llm", model: "m" } },
      ["a"],
      [],
    ],
    [
      "with stdout as text, and no output in sight",
      {
        base: script({ output: "x" }),
        a: { extends: "base", stdout: "lines" },
        b: { type: "script", extends: "bare", stdout: "text" },
        bare: { command: ["x"] },
      },
      ["a", "b"],
      ['agents.b.stdout missing-key: with stdout = "text", `b` needs `output`: the key of the state that gets it'],
    ],
    [
      "with a number of failures, and no failure in sight",
      { base: { type: "canned", reply: {} }, a: { extends: "base", fail_times: 2 } },
      ["a"],
      ["agents.a.fail_times no-effect: `fail_times` does nothing without `fail`"],
    ],
    [
      "a canned agent whose reply needs a key: told once, unless it is only there to be extended",
      { a: { type: "canned", reply: 5 }, b: { extends: "a" }, base: { type: "canned", reply: 6 }, c: { extends: "base" } },
      ["a", "b", "c"],
      [
        "agents.a.reply missing-key: a reply that is no table needs `output`: the key of the state that gets it",
        "agents.base.reply missing-key: a reply that is no table needs `output`: the key of the state that gets it",
      ],
    ],
    [
      "a canned agent whose reply gets its key from the one that extends it",
      { base: { type: "canned", reply: 6 }, c: { extends: "base", output: "x" } },
      ["c"],
      [],
    ],
    [
      "an agent whose prompt is wrong: told once, where it stands",
      { a: llm({ prompt: "${{ 1 + }}" }), b: { extends: "a" } },
      ["a", "b"],
      ["agents.a.prompt invalid-expression: this expression ends too early"],
    ],
  ])("%s", async (_sentence, agents, sequence, expected) =>
    expect(await problemsOf(pipeline({ agents: sequence }, agents))).toEqual(expected),
  );
});

describe("fallback", () => {
  const circle = (...names: string[]): string =>
    `these fallbacks lead back to where they began: ${names.map((name) => `\`${name}\``).join(" → ")}`;

  test.each<[sentence: string, agents: Record<string, AgentDefinition>, expected: string[]]>([
    ["of an agent is itself", { a: { type: "canned", fallback: "a" } }, [`agents.a.fallback fallback-cycle: ${circle("a", "a")}`]],
    [
      "goes round in a circle, which is told once",
      { a: { type: "canned", fallback: "b" }, b: { type: "canned", fallback: "c" }, c: { type: "canned", fallback: "a" } },
      [`agents.a.fallback fallback-cycle: ${circle("a", "b", "c", "a")}`],
    ],
    [
      "leads to a circle",
      { a: { type: "canned", fallback: "b" }, b: { type: "canned", fallback: "c" }, c: { type: "canned", fallback: "b" } },
      [`agents.b.fallback fallback-cycle: ${circle("b", "c", "b")}`],
    ],
    ["of the agent that it extends is not its own", { a: { type: "canned", fallback: "b" }, b: { extends: "a", reply: {} } }, []],
    [
      "that it takes over leads back to it",
      { a: { type: "canned", fallback: "b" }, b: { type: "canned", fallback: "c" }, c: { extends: "a" } },
      [`agents.b.fallback fallback-cycle: ${circle("b", "c", "b")}`],
    ],
    ["of two agents is the same", { a: { type: "canned", fallback: "c" }, ...canned("c") }, []],
  ])("%s", async (_sentence, agents, expected) => expect(await problemsOf(pipeline({ agents: ["a"] }, agents))).toEqual(expected));
});

describe("row 48: providers", () => {
  test("built in are known with their usual addresses, and only two of them need a key", async () => {
    const { providers } = await planOf(pipeline({ agents: ["a"] }, canned("a")));
    expect(Object.keys(BUILT_IN_PROVIDERS)).toEqual(["openai", "openrouter", "ollama", "vllm", "llamacpp", "lmstudio"]);
    expect([...providers.values()].map(({ name, baseUrl, apiKeyEnv }) => [name, baseUrl, apiKeyEnv])).toEqual([
      ["openai", "https://api.openai.com/v1", "OPENAI_API_KEY"],
      ["openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"],
      ["ollama", "http://127.0.0.1:11434/v1", null],
      ["vllm", "http://127.0.0.1:8000/v1", null],
      ["llamacpp", "http://127.0.0.1:8080/v1", null],
      ["lmstudio", "http://127.0.0.1:1234/v1", null],
    ]);
  });

  test("of the file override single keys of a built-in one", async () => {
    const providers = { openai: { base_url: "http://localhost:1/v1", max_tokens_field: "max_tokens" } } as const;
    expect((await agentOf(llm(), { providers })).call).toMatchObject({
      provider: {
        name: "openai",
        baseUrl: "http://localhost:1/v1",
        apiKeyEnv: "OPENAI_API_KEY",
        headers: [],
        maxTokensField: "max_tokens",
      },
    });
  });

  test("is openai where nothing is said, else the agent's own before that of [defaults]", async () => {
    const nameOf = async (agent: AgentDefinition, defaults = {}): Promise<unknown> => {
      const { call } = await agentOf(agent, { defaults });
      return call.type === "llm" && call.provider.name;
    };
    expect(await nameOf(llm())).toBe("openai");
    expect(await nameOf(llm(), { provider: "vllm" })).toBe("vllm");
    expect(await nameOf(llm({ provider: "ollama" }), { provider: "vllm" })).toBe("ollama");
  });

  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    [
      "that is not there, for several agents by [defaults]",
      pipeline({ agents: ["a", "b"] }, { a: llm(), b: llm() }, { defaults: { provider: "x" } }),
      ["defaults.provider unknown-provider: there is no provider called `x`"],
    ],
    [
      "without an address",
      pipeline({ agents: ["a"] }, { a: llm({ provider: "own" }) }, { providers: { own: {} } }),
      ["providers.own missing-key: the provider `own` needs a base_url"],
    ],
    [
      "with a header that reads the state, its metadata or its stages",
      pipeline(
        { agents: ["a"] },
        { a: llm() },
        {
          providers: {
            openai: {
              headers: { A: "${{ env.X }}", B: "${{ rows }}", C: "${{ meta.run_id }}", D: "${{ stages.a.visits }}", E: "${{ state }}" },
            },
          },
        },
      ),
      ["B: rows", "C: run_id", "D: a", "E: state"].map((line) => {
        const [header, name] = line.split(": ");
        return `providers.openai.headers.${header} unknown-variable: a header sees only the environment, not \`${name}\``;
      }),
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));
});

describe("rows 7 and 86: agents that are functions", () => {
  const functions = ["a", "b"];

  test("need not be in the file, and run under its defaults", async () => {
    const plan = await planOf(pipeline({ agents: ["a"] }, {}, { defaults: { retries: 2, timeout: "3s" } }), { functions });
    expect(plan.agents.get("a")).toMatchObject({ name: "a", timeoutMs: 3000, retry: { retries: 2 }, call: { type: "function" } });
  });

  test("take the place of what the file says they call; its policies stay", async () => {
    const agent = script({ retries: 4, output: "x", command: ["${{ 1 +"] });
    const plan = await planOf(pipeline({ agents: ["a"] }, { a: agent }), { functions });
    expect(plan.agents.get("a")).toMatchObject({ retry: { retries: 4 }, output: "x", call: { type: "function" } });
  });

  test("need no type, also where others extend them", async () => {
    expect(
      await problemsOf(pipeline({ agents: ["a", "c"] }, { a: { retries: 1 }, c: { type: "canned", extends: "a" } }), { functions }),
    ).toEqual([]);
  });

  test("can be named by hooks, fallbacks, branches and groups", async () => {
    const definition = pipeline(
      {
        agents: ["c", "g"],
        parallel: { g: { agents: ["a", "d"] } },
        branches: [{ from_agent: "c", condition: "size(state) > 1", to_agent: "b" }],
      },
      { c: { type: "canned", fallback: "a" }, ...canned("d") },
      { hooks: [{ on: "retry", agents: ["a", "b"], command: ["x"] }] },
    );
    expect(await problemsOf(definition, { functions })).toEqual([]);
  });

  test("that the file does not name change nothing", async () => {
    expect(await problemsOf(pipeline({ agents: ["c"] }, canned("c")), { functions })).toEqual([]);
  });

  test("are suggested for a misspelt name", async () => {
    expect(await problemsOf(pipeline({ agents: ["collectr"] }), { functions: ["collector"] })).toEqual([
      "orchestration.sequential.agents.0 unknown-agent: there is no agent called `collectr`",
    ]);
  });
});

test("a pipeline's secrets and variables are those of the agents that can run", async () => {
  const agents = {
    a: script({ env: { X: "${{ env.A_TOKEN }}" }, fallback: "b" }),
    b: llm({ provider: "own" }),
    base: script({ env: { X: "${{ env.BASE_TOKEN }}" } }),
    c: { extends: "base", env: { X: "1" } },
    unused: llm(),
  };
  const providers = { own: { base_url: "http://localhost/v1", api_key_env: "OWN_KEY", headers: { H: "${{ env.HEADER }}" } } };
  const { plan } = await build(pipeline({ agents: ["a", "c"] }, agents, { providers, secrets: { env: ["OTHER"] } }));
  expect(plan?.secrets).toEqual(["OTHER", "OWN_KEY"]);
  expect(plan?.variables).toEqual(["A_TOKEN", "OWN_KEY", "HEADER"]);
});
