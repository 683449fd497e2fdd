import { join } from "node:path";
import { expect, test } from "vitest";
import {
  createMemoryJournal,
  definePipeline,
  InputError,
  type Journal,
  type Pipeline,
  PipelineError,
  type PipelineDefinition,
} from "../src/index.ts";
import { dryRun } from "../src/report/dry-run.ts";
import { plainPalette } from "../src/report/palette.ts";
import { jsonSchema } from "../src/spec/json-schema.ts";
import { systemClock } from "../src/store/clock.ts";
import { openStore } from "../src/store/sqlite.ts";
import { folderWith } from "./support/folder.ts";
import { virtualClock } from "./support/virtual-clock.ts";

// Every key of the schema has an effect: two pipelines that differ only in that key behave differently.

const directory = join(import.meta.dirname, "fixtures/keys");

/** One key: where it is set, and two settings; `undefined` is its absence. */
interface Row {
  readonly base: Definition;
  readonly at: readonly (string | number)[];
  readonly values: readonly [unknown, unknown];
  /** Where the difference is looked for; a run in virtual time unless said otherwise. */
  readonly see?: "dry-run" | "real time" | "store";
  readonly input?: Record<string, unknown>;
}

type Definition = Record<string, unknown>;

const sequence = (...agents: string[]): Definition => ({ sequential: { agents } });
const one = (agent: Definition, more: Definition = {}): Definition => ({ agents: { a: agent }, orchestration: sequence("a"), ...more });
const canned = (reply: unknown): Definition => ({ type: "canned", reply });
const script = (agent: Definition): Definition => one({ type: "script", ...agent });
const print = (code: string): string[] => ["node", "-e", code];
const model = (agent: Definition = {}, more: Definition = {}): Definition =>
  one({ type: "llm", model: "m", prompt: "Say tea", ...agent }, more);
const failing = (agent: Definition = {}, more: Definition = {}): Definition => one({ type: "canned", fail: "timeout", ...agent }, more);
const group = (table: Definition, agents: Definition): Definition => ({
  agents,
  orchestration: { sequential: { agents: ["g"], parallel: { g: { agents: Object.keys(agents), ...table } } } },
});
const branching = (branch: Definition): Definition => ({
  agents: { a: canned({ n: 1 }), b: canned({ b: 1 }), c: canned({ c: 1 }) },
  orchestration: { sequential: { agents: ["a", "b", "c"], branches: [branch] } },
});
const hook = (table: Definition): Definition => ({
  agents: { a: canned({ n: 1 }), b: canned({ m: 1 }) },
  orchestration: sequence("a", "b"),
  hooks: [table],
});
const retry = { type: "canned", fail: "timeout", retries: 3, retry_jitter: false } as const;

const undoing: Definition = {
  agents: {
    a: { ...canned({ n: 1 }), rollback: "undo" },
    undo: canned({}),
    other: canned({}),
    b: { type: "canned", fail: "exit" },
  },
  orchestration: { sequential: { agents: ["a", "b"], pipeline: {} } },
};
const LONG = "tea ".repeat(10_000);

const ROWS: Readonly<Record<string, Row>> = {
  name: { base: one(canned({})), at: ["name"], values: ["x", "y"] },
  description: { base: one(canned({})), at: ["description"], values: ["x", "y"], see: "dry-run" },
  "secrets.env": {
    base: script({ command: print("console.log(JSON.stringify({ s: process.env.TOKEN }))") }),
    at: ["secrets", "env"],
    values: [undefined, ["TOKEN"]],
    see: "real time",
  },
  "inputs.*.type": { base: one(canned({})), at: ["inputs", "n", "type"], values: ["number", "string"], input: { n: "3" } },
  "inputs.*.required": { base: one(canned({})), at: ["inputs", "n"], values: [{ required: true }, { required: false }] },
  "inputs.*.default": { base: one(canned({})), at: ["inputs", "n", "default"], values: [1, 2] },
  "inputs.*.enum": { base: one(canned({})), at: ["inputs", "n", "enum"], values: [[1], [2]], input: { n: 1 } },
  "inputs.*.description": {
    base: { ...one(canned({})), inputs: { n: { type: "string" } } },
    at: ["inputs", "n", "description"],
    values: ["x", "y"],
  },
  "defaults.timeout": { base: one({ ...canned({}), delay: "5s" }), at: ["defaults", "timeout"], values: ["1s", "10s"] },
  "defaults.retries": { base: failing(), at: ["defaults", "retries"], values: [0, 1] },
  "defaults.retry_delay": { base: failing({ retries: 1, retry_jitter: false }), at: ["defaults", "retry_delay"], values: ["1s", "2s"] },
  "defaults.retry_backoff": { base: failing({ retries: 2, retry_jitter: false }), at: ["defaults", "retry_backoff"], values: [2, 3] },
  "defaults.retry_max_delay": {
    base: failing({ retries: 3, retry_jitter: false }),
    at: ["defaults", "retry_max_delay"],
    values: ["1s", "10s"],
  },
  "defaults.retry_jitter": { base: failing({ retries: 1 }), at: ["defaults", "retry_jitter"], values: [true, false] },
  "defaults.retry_on": { base: failing({ retries: 1 }), at: ["defaults", "retry_on"], values: [["timeout"], ["exit"]] },
  "defaults.on_error": { base: failing(), at: ["defaults", "on_error"], values: ["fail", "continue"] },
  "defaults.provider": { base: model(), at: ["defaults", "provider"], values: ["ollama", "vllm"] },
  "defaults.model": { base: one({ type: "llm", prompt: "Say tea" }), at: ["defaults", "model"], values: ["m", "n"] },
  "defaults.temperature": { base: model(), at: ["defaults", "temperature"], values: [0, 1] },
  "defaults.max_tokens": { base: model(), at: ["defaults", "max_tokens"], values: [1, 2] },
  "agents.*.type": { base: one({}), at: ["agents", "a", "type"], values: ["canned", "llm"] },
  "agents.*.description": { base: one(canned({})), at: ["agents", "a", "description"], values: ["x", "y"], see: "dry-run" },
  "agents.*.extends": {
    base: { agents: { b: canned({ from: "b" }), c: canned({ from: "c" }), a: {} }, orchestration: sequence("a") },
    at: ["agents", "a", "extends"],
    values: ["b", "c"],
  },
  "agents.*.input": {
    base: one({ type: "script", command: print("process.stdin.pipe(process.stdout)"), output: "seen" }),
    at: ["agents", "a", "input"],
    values: [{ x: "1" }, { x: "2" }],
    see: "real time",
  },
  "agents.*.output": { base: one(canned({ n: 1 })), at: ["agents", "a", "output"], values: ["x", { y: "result.n" }] },
  "agents.*.writes": {
    base: script({ command: print("console.log('{}')") }),
    at: ["agents", "a", "writes"],
    values: [undefined, ["n"]],
    see: "real time",
  },
  "agents.*.keep": { base: one(canned({ n: 1, m: 2 })), at: ["agents", "a", "keep"], values: [["n"], ["m"]] },
  "agents.*.drop": { base: one(canned({ n: 1, m: 2 })), at: ["agents", "a", "drop"], values: [["n"], ["m"]] },
  "agents.*.timeout": { base: one({ ...canned({}), delay: "5s" }), at: ["agents", "a", "timeout"], values: ["1s", "10s"] },
  "agents.*.retries": { base: failing(), at: ["agents", "a", "retries"], values: [0, 1] },
  "agents.*.retry_delay": { base: one(retry), at: ["agents", "a", "retry_delay"], values: ["1s", "2s"] },
  "agents.*.retry_backoff": { base: one(retry), at: ["agents", "a", "retry_backoff"], values: [2, 3] },
  "agents.*.retry_max_delay": { base: one(retry), at: ["agents", "a", "retry_max_delay"], values: ["1s", "10s"] },
  "agents.*.retry_jitter": { base: one(retry), at: ["agents", "a", "retry_jitter"], values: [true, false] },
  "agents.*.retry_on": { base: one(retry), at: ["agents", "a", "retry_on"], values: [["timeout"], ["exit"]] },
  "agents.*.on_error": { base: failing(), at: ["agents", "a", "on_error"], values: ["fail", "continue"] },
  "agents.*.fallback": {
    base: { agents: { a: { type: "canned", fail: "exit" }, b: canned({ from: "b" }) }, orchestration: sequence("a") },
    at: ["agents", "a", "fallback"],
    values: [undefined, "b"],
  },
  "agents.*.circuit_breaker.max_failures": {
    base: one({ ...retry, circuit_breaker: { reset_after: "1m" } }),
    at: ["agents", "a", "circuit_breaker", "max_failures"],
    values: [1, 2],
  },
  "agents.*.circuit_breaker.reset_after": {
    base: {
      agents: {
        a: { type: "canned", fail: "exit", fail_times: 1, on_error: "continue", circuit_breaker: { max_failures: 1 } },
        b: { ...canned({}), delay: "5s" },
        c: { type: "canned", fail: "exit", fallback: "a" },
      },
      orchestration: sequence("a", "b", "c"),
    },
    at: ["agents", "a", "circuit_breaker", "reset_after"],
    values: ["1s", "10s"],
  },
  "agents.*.rollback": { base: undoing, at: ["agents", "a", "rollback"], values: ["undo", "other"] },
  "agents.*.command": {
    base: one({ type: "script", output: "x" }),
    at: ["agents", "a", "command"],
    values: [print("console.log(1)"), print("console.log(2)")],
    see: "real time",
  },
  "agents.*.shell": {
    base: one({ type: "script", output: "x" }),
    at: ["agents", "a", "shell"],
    values: ["echo 1", "echo 2"],
    see: "real time",
  },
  "agents.*.cwd": {
    base: one({ type: "script", shell: "pwd", stdout: "text", output: "x" }),
    at: ["agents", "a", "cwd"],
    values: [".", ".."],
    see: "real time",
  },
  "agents.*.env": {
    base: one({ type: "script", shell: "echo $WORD", stdout: "text", output: "x" }),
    at: ["agents", "a", "env"],
    values: [{ WORD: "tea" }, { WORD: "milk" }],
    see: "real time",
  },
  "agents.*.stdin": {
    base: one({ type: "script", shell: "wc -c", output: "x" }),
    at: ["agents", "a", "stdin"],
    values: ["json", "none"],
    see: "real time",
  },
  "agents.*.stdout": {
    base: one({ type: "script", shell: "echo 1", output: "x" }),
    at: ["agents", "a", "stdout"],
    values: ["json", "lines"],
    see: "real time",
  },
  "agents.*.max_output": {
    base: one({ type: "script", shell: "echo 12345", output: "x" }),
    at: ["agents", "a", "max_output"],
    values: ["3B", "1KB"],
    see: "real time",
  },
  "agents.*.provider": { base: model(), at: ["agents", "a", "provider"], values: ["ollama", "vllm"] },
  "agents.*.model": { base: model(), at: ["agents", "a", "model"], values: ["m", "n"] },
  "agents.*.system_prompt": { base: model(), at: ["agents", "a", "system_prompt"], values: ["x", "y"] },
  "agents.*.prompt": { base: model(), at: ["agents", "a", "prompt"], values: ["x", "y"] },
  "agents.*.prompt_file": {
    base: one({ type: "llm", model: "m" }),
    at: ["agents", "a", "prompt_file"],
    values: [undefined, "prompt.txt"],
    input: { word: "tea" },
  },
  "agents.*.temperature": { base: model(), at: ["agents", "a", "temperature"], values: [undefined, 0] },
  "agents.*.max_tokens": { base: model(), at: ["agents", "a", "max_tokens"], values: [1, 2] },
  "agents.*.top_p": { base: model(), at: ["agents", "a", "top_p"], values: [0.1, 0.2] },
  "agents.*.seed": { base: model(), at: ["agents", "a", "seed"], values: [0, 1] },
  "agents.*.stop": { base: model(), at: ["agents", "a", "stop"], values: [["x"], ["y"]] },
  "agents.*.module": { base: one({ type: "module" }), at: ["agents", "a", "module"], values: ["one.mjs", "two.mjs"], see: "real time" },
  "agents.*.reply": { base: one({ type: "canned" }), at: ["agents", "a", "reply"], values: [{ n: 1 }, { n: 2 }] },
  "agents.*.replies": { base: one({ type: "canned" }), at: ["agents", "a", "replies"], values: [[{ n: 1 }], [{ n: 2 }]] },
  "agents.*.delay": { base: one(canned({})), at: ["agents", "a", "delay"], values: ["1s", "2s"] },
  "agents.*.fail": { base: one({ type: "canned" }), at: ["agents", "a", "fail"], values: ["exit", "timeout"] },
  "agents.*.fail_times": { base: failing({ retries: 1 }), at: ["agents", "a", "fail_times"], values: [1, 2] },
  "agents.*.file": { base: one({ type: "pipeline" }), at: ["agents", "a", "file"], values: ["inner-one.toml", "inner-two.toml"] },
  "providers.*.base_url": {
    base: model({ provider: "p" }),
    at: ["providers", "p", "base_url"],
    values: ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"],
  },
  "providers.*.api_key_env": {
    base: model({ provider: "p" }, { providers: { p: { base_url: "http://127.0.0.1:1/v1" } } }),
    at: ["providers", "p", "api_key_env"],
    values: ["TOKEN", "OTHER"],
  },
  "providers.*.headers": {
    base: model({ provider: "p" }, { providers: { p: { base_url: "http://127.0.0.1:1/v1" } } }),
    at: ["providers", "p", "headers"],
    values: [{ "X-A": "1" }, { "X-A": "2" }],
  },
  "providers.*.max_tokens_field": {
    base: model({ provider: "p", max_tokens: 5 }, { providers: { p: { base_url: "http://127.0.0.1:1/v1" } } }),
    at: ["providers", "p", "max_tokens_field"],
    values: ["max_tokens", "max_completion_tokens"],
  },
  "orchestration.mode": { base: one(canned({})), at: ["orchestration", "mode"], values: ["sequential", "loop"] },
  "orchestration.timeout": { base: one({ ...canned({}), delay: "5s" }), at: ["orchestration", "timeout"], values: ["1s", "10s"] },
  "orchestration.sequential.agents": {
    base: { agents: { a: canned({ n: 1 }), b: canned({ n: 2 }) }, orchestration: { sequential: {} } },
    at: ["orchestration", "sequential", "agents"],
    values: [
      ["a", "b"],
      ["b", "a"],
    ],
  },
  "orchestration.sequential.pipeline.fail_fast": {
    base: { agents: { a: { type: "canned", fail: "exit" }, b: canned({ b: 1 }) }, orchestration: sequence("a", "b") },
    at: ["orchestration", "sequential", "pipeline", "fail_fast"],
    values: [true, false],
  },
  "orchestration.sequential.pipeline.checkpoint_frequency": {
    base: { agents: { a: canned({ a: 1 }), b: canned({ b: 1 }), c: canned({ c: 1 }) }, orchestration: sequence("a", "b", "c") },
    at: ["orchestration", "sequential", "pipeline", "checkpoint_frequency"],
    values: [1, 2],
  },
  "orchestration.sequential.pipeline.save_intermediate_results": {
    base: one(canned({ n: 1 })),
    at: ["orchestration", "sequential", "pipeline", "save_intermediate_results"],
    values: [true, false],
    see: "store",
  },
  "orchestration.sequential.pipeline.compress_above": {
    base: one(canned({ text: LONG })),
    at: ["orchestration", "sequential", "pipeline", "compress_above"],
    values: ["1KB", "1MB"],
    see: "store",
  },
  "orchestration.sequential.pipeline.rollback": {
    base: undoing,
    at: ["orchestration", "sequential", "pipeline", "rollback"],
    values: ["auto", "manual"],
  },
  "orchestration.sequential.parallel.*.agents": {
    base: { ...group({}, { a: canned({ a: 1 }), b: canned({ b: 1 }), c: canned({ c: 1 }) }) },
    at: ["orchestration", "sequential", "parallel", "g", "agents"],
    values: [
      ["a", "b"],
      ["a", "c"],
    ],
  },
  "orchestration.sequential.parallel.*.max_concurrency": {
    base: group({}, { a: { ...canned({ a: 1 }), delay: "1s" }, b: { ...canned({ b: 1 }), delay: "1s" } }),
    at: ["orchestration", "sequential", "parallel", "g", "max_concurrency"],
    values: [1, 2],
  },
  "orchestration.sequential.parallel.*.merge": {
    base: group({}, { a: canned({ x: 1 }), b: canned({ y: 1 }) }),
    at: ["orchestration", "sequential", "parallel", "g", "merge"],
    values: ["namespace", "prefix"],
  },
  "orchestration.sequential.parallel.*.on_error": {
    base: group({}, { a: { type: "canned", fail: "exit" }, b: canned({ y: 1 }) }),
    at: ["orchestration", "sequential", "parallel", "g", "on_error"],
    values: ["fail", "continue"],
  },
  "orchestration.sequential.parallel.*.min_success": {
    base: group({ on_error: "continue" }, { a: { type: "canned", fail: "exit" }, b: canned({ y: 1 }) }),
    at: ["orchestration", "sequential", "parallel", "g", "min_success"],
    values: [1, 2],
  },
  "orchestration.sequential.branches.from_agent": {
    base: branching({ end: true }),
    at: ["orchestration", "sequential", "branches", 0, "from_agent"],
    values: ["a", "b"],
  },
  "orchestration.sequential.branches.condition": {
    base: branching({ from_agent: "a", to_agent: "c" }),
    at: ["orchestration", "sequential", "branches", 0, "condition"],
    values: ["n == 1", "n == 2"],
  },
  "orchestration.sequential.branches.to_agent": {
    base: branching({ from_agent: "a", max_times: 1 }),
    at: ["orchestration", "sequential", "branches", 0, "to_agent"],
    values: ["b", "c"],
  },
  "orchestration.sequential.branches.end": {
    base: branching({ from_agent: "a", condition: "true" }),
    at: ["orchestration", "sequential", "branches", 0],
    values: [
      { from_agent: "a", end: true },
      { from_agent: "a", to_agent: "b" },
    ],
  },
  "orchestration.sequential.branches.max_times": {
    base: branching({ from_agent: "b", to_agent: "a" }),
    at: ["orchestration", "sequential", "branches", 0, "max_times"],
    values: [1, 2],
  },
  "hooks.name": {
    base: hook({ on: "before_run", module: "hook-one.mjs" }),
    at: ["hooks", 0, "name"],
    values: ["x", "y"],
    see: "real time",
  },
  "hooks.on": {
    base: hook({ module: "hook-one.mjs" }),
    at: ["hooks", 0, "on"],
    values: ["before_stage", ["after_stage"]],
    see: "real time",
  },
  "hooks.agents": {
    base: hook({ on: "before_stage", module: "hook-one.mjs" }),
    at: ["hooks", 0, "agents"],
    values: [["a"], ["b"]],
    see: "real time",
  },
  "hooks.command": { base: hook({ on: "before_run" }), at: ["hooks", 0, "command"], values: [["true"], ["false"]], see: "real time" },
  "hooks.module": {
    base: hook({ on: "before_run" }),
    at: ["hooks", 0, "module"],
    values: ["hook-one.mjs", "hook-two.mjs"],
    see: "real time",
  },
  "hooks.timeout": {
    base: hook({ on: "before_run", command: ["sleep", "0.3"] }),
    at: ["hooks", 0, "timeout"],
    values: ["10ms", "10s"],
    see: "real time",
  },
};

test.each(Object.entries(ROWS))("%s has an effect", async (_key, row) => {
  const [first, second] = await Promise.all(row.values.map((value) => observe(row, value)));
  expect(first).not.toEqual(second);
  // The same setting twice shows no difference: what differs is due to the key.
  expect(await observe(row, row.values[0])).toEqual(first);
});

test("no key of the schema is without a row here", () => {
  expect(Object.keys(ROWS).toSorted()).toEqual(schemaKeys().toSorted());
});

/** What can be seen of a pipeline from outside: how it ends, what is told and recorded on the way, what a model server is asked. */
async function observe(row: Row, value: unknown): Promise<unknown> {
  const definition = set(row.base, row.at, value) as unknown as PipelineDefinition;
  // Scripts, modules and the model client take real time; virtual time would run away from them.
  const real = row.see === "real time" || row.see === "store" || JSON.stringify(definition).includes('"llm"');
  const virtual = real ? null : virtualClock();
  const requests: unknown[] = [];
  const fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers);
    requests.push([String(url), JSON.parse(String(init?.body)), headers.get("authorization"), headers.get("x-a")]);
    return Response.json({
      choices: [{ finish_reason: "stop", message: { content: "tea" } }],
      usage: { prompt_tokens: 1, completion_tokens: 1 },
    });
  };
  const env = { PATH: process.env.PATH, TOKEN: "secret-value-1", OTHER: "secret-value-2", OPENAI_API_KEY: "key-for-tests" };
  const events: unknown[] = [];
  const recorded: unknown[] = [];
  try {
    const pipeline = await definePipeline(definition, {
      directory,
      clock: virtual ?? systemClock(),
      random: () => 0.25,
      env,
      fetch: fetch as typeof globalThis.fetch,
    });
    if (row.see === "dry-run")
      return dryRun(pipeline.plan, { missingInputs: [], missingVariables: [], assumedInputs: [] }, { palette: plainPalette });
    if (row.see === "store") return await keptOf(pipeline);
    const memory = createMemoryJournal();
    const journal: Journal = {
      ...memory,
      append(key, outcome, options) {
        recorded.push([key, options]);
        return memory.append(key, outcome, options);
      },
    };
    const run = pipeline.run({
      input: row.input ?? {},
      runId: "run",
      sessionId: "session",
      journal,
      onEvent: (event) => events.push(event),
    });
    const result = virtual === null ? await run : await virtual.run(run);
    return withoutTimes({ result, events, recorded, requests }, real);
  } catch (error) {
    if (error instanceof PipelineError || error instanceof InputError) return { refused: error.message };
    throw error;
  }
}

/** What a run leaves in a store on the disk. */
async function keptOf(pipeline: Pipeline): Promise<unknown> {
  const store = await openStore(folderWith({}), { clock: systemClock(), pid: process.pid, host: "here" });
  try {
    await pipeline.run({ runId: "run", store });
    const kept = await store.read("run");
    return { keys: kept?.entries.map(([key]) => key), isSmall: (kept?.summary.bytes ?? 0) < LONG.length / 2 };
  } finally {
    await store.close();
  }
}

/** Real durations and times differ from run to run. */
function withoutTimes(value: unknown, real: boolean): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (real && /^(duration_ms|at|started_at|ended_at|seq)$/.test(key) ? undefined : item)),
  );
}

/** A copy with one place set; `undefined` leaves it out. */
function set(target: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const copy = (Array.isArray(target) ? [...target] : { ...(target as object) }) as Record<string | number, unknown>;
  const next = set(copy[key], rest, value);
  if (next === undefined) delete copy[key];
  else copy[key] = next;
  return copy;
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

/** Every key of the file that holds a value, tables left out: `agents.*.timeout`. */
function schemaKeys(): string[] {
  const keys = new Set<string>();
  const walk = (schema: Schema, path: readonly string[]): boolean => {
    let isTable = false;
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      isTable = true;
      if (!walk(child, [...path, key])) keys.add([...path, key].join("."));
    }
    if (typeof schema.additionalProperties === "object") isTable = walk(schema.additionalProperties, [...path, "*"]) || isTable;
    if (schema.items !== undefined) isTable = walk(schema.items, path) || isTable;
    for (const part of [...(schema.anyOf ?? []), ...(schema.allOf ?? [])]) isTable = walk(part, path) || isTable;
    return isTable;
  };
  walk(jsonSchema() as Schema, []);
  return [...keys];
}
