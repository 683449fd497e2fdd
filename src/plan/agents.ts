import { resolve } from "node:path";
import { isJsonObject } from "../spec/json.ts";
import { type AgentSpec, type AgentType, type PipelineSpec, RETRYABLE_KINDS } from "../spec/spec.ts";
import { type Report, unknownName } from "./checks/report.ts";
import { adapterAt, templateAt } from "./compile.ts";
import type { EffectiveAgent } from "./effective.ts";
import type { AgentCallPlan, AgentPlan, LlmCallPlan, Plan, PlanSource, ProviderPlan, RetryPolicy } from "./plan.ts";
import { unknownProvider } from "./providers.ts";
import type { Template } from "./template.ts";

/** What the agents of a file are planned with. */
export interface AgentsContext {
  readonly source: PlanSource;
  readonly report: Report;
  readonly providers: ReadonlyMap<string, ProviderPlan>;
  /** Names of the agents that are given as functions. */
  readonly functions: ReadonlySet<string>;
  /** By absolute path; those that could not be planned are missing. */
  readonly pipelines: ReadonlyMap<string, Plan>;
}

const MINUTE_MS = 60_000;
const DEFAULT_TIMEOUT_MS = { llm: 10 * MINUTE_MS, other: 60 * MINUTE_MS } as const;
const DEFAULT_MAX_OUTPUT_BYTES = 10 * 1024 * 1024;

/** Fills in defaults and compiles what an agent holds; null where a problem keeps it from being run. */
export function planAgent(agent: EffectiveAgent, context: AgentsContext): AgentPlan | null {
  const { report, source } = context;
  const keys = withDefaults(agent.keys, source.spec);
  const call = planCall(agent, keys, context);
  const input = keys.input === undefined ? null : adapterAt(keys.input, agent.pathOf("input"), {}, report);
  const output =
    keys.output === undefined || typeof keys.output === "string"
      ? (keys.output ?? null)
      : adapterAt(keys.output, agent.pathOf("output"), { result: true }, report);
  checkFallback(agent, keys, context);
  if (call === null) return null;
  return {
    name: agent.name,
    description: keys.description ?? null,
    input,
    output,
    writes: keys.writes ?? null,
    keep: keys.keep ?? null,
    drop: keys.drop ?? null,
    timeoutMs: keys.timeout === undefined ? DEFAULT_TIMEOUT_MS[call.type === "llm" ? "llm" : "other"] : keys.timeout,
    retry: retryPolicy(keys),
    onError: keys.on_error ?? "fail",
    fallback: keys.fallback ?? null,
    call,
  };
}

/** The policies of an agent that only the code knows, under the file's defaults. */
export function planFunction(name: string, spec: PipelineSpec): AgentPlan {
  const keys = withDefaults({}, spec);
  return {
    name,
    description: null,
    input: null,
    output: null,
    writes: null,
    keep: null,
    drop: null,
    timeoutMs: keys.timeout === undefined ? DEFAULT_TIMEOUT_MS.other : keys.timeout,
    retry: retryPolicy(keys),
    onError: keys.on_error ?? "fail",
    fallback: null,
    call: { type: "function" },
  };
}

/** `0` and `false` are values: only absent keys take the default. */
function withDefaults(own: AgentSpec, spec: PipelineSpec): AgentSpec {
  return { ...spec.defaults, ...own };
}

function retryPolicy(keys: AgentSpec): RetryPolicy {
  return {
    retries: keys.retries ?? 0,
    delayMs: keys.retry_delay ?? 1000,
    backoff: keys.retry_backoff ?? 2,
    maxDelayMs: keys.retry_max_delay === undefined ? 60_000 : keys.retry_max_delay,
    jitter: keys.retry_jitter ?? true,
    on: new Set(keys.retry_on ?? RETRYABLE_KINDS),
  };
}

function checkFallback(agent: EffectiveAgent, keys: AgentSpec, { source, functions, report }: AgentsContext): void {
  if (keys.fallback === undefined) return;
  const known = new Set([...Object.keys(source.spec.agents ?? {}), ...functions]);
  if (known.has(keys.fallback)) return;
  report.error(
    "unknown-agent",
    agent.pathOf("fallback"),
    `there is no agent called \`${keys.fallback}\``,
    unknownName(keys.fallback, known, (near) => ["agents", near]),
  );
}

function planCall(agent: EffectiveAgent, keys: AgentSpec, context: AgentsContext): AgentCallPlan | null {
  // Code wins over the file, so that a test can put a function in the place of any agent.
  if (context.functions.has(agent.name)) return { type: "function" };
  const type: AgentType | undefined = keys.type;
  switch (type) {
    case "script":
      return planScript(agent, keys, context);
    case "llm":
      return planLlm(agent, keys, context);
    case "module":
      return keys.module === undefined
        ? missingKey(agent, "module", 'a path, such as module = "agent.mjs"', context)
        : { type, module: resolve(context.source.directory, keys.module) };
    case "canned":
      return planCanned(agent, keys, context);
    case "pipeline": {
      if (keys.file === undefined) return missingKey(agent, "file", 'a path, such as file = "other.toml"', context);
      const plan = context.pipelines.get(resolve(context.source.directory, keys.file));
      return plan === undefined ? null : { type, plan };
    }
    case undefined:
      context.report.error("missing-key", ["agents", agent.name], `the agent \`${agent.name}\` needs a type`, {
        at: "key",
        help: 'type = "script", "llm", "module", "canned" or "pipeline"; it may be absent only where the library registers the agent as a function',
      });
      return null;
  }
}

function planCanned(agent: EffectiveAgent, keys: AgentSpec, { source, report }: AgentsContext): AgentCallPlan {
  const replies = keys.replies ?? (keys.reply === undefined ? [] : [keys.reply]);
  // As the fallback of a model, text goes where the model's text would have gone.
  const textFits = Object.values(source.spec.agents ?? {}).some(({ fallback }) => fallback === agent.name);
  const odd = replies.findIndex((reply) => reply !== null && !isJsonObject(reply) && !(textFits && typeof reply === "string"));
  if (odd !== -1 && keys.output === undefined) {
    const path = keys.replies === undefined ? agent.pathOf("reply") : [...agent.pathOf("replies"), odd];
    report.error("missing-key", path, "only an object can be merged into the state", {
      help: `say where this reply goes, for example output = "${agent.name.replaceAll("-", "_")}"`,
    });
  }
  return { type: "canned", replies, delayMs: keys.delay ?? 0, fail: keys.fail ?? null, failTimes: keys.fail_times ?? null };
}

function planScript(agent: EffectiveAgent, keys: AgentSpec, { source, report }: AgentsContext): AgentCallPlan | null {
  const stdout = keys.stdout ?? "json";
  if (stdout !== "json" && keys.output === undefined) {
    report.error(
      "missing-key",
      agent.pathOf("stdout"),
      `stdout = "${stdout}" needs an \`output\` key, since text cannot be merged into the state`,
      {
        help: `say where it goes, for example output = "${agent.name.replaceAll("-", "_")}"`,
      },
    );
  }
  const env = Object.entries(keys.env ?? {}).map(([name, text]) => ({
    name,
    value: templateAt(text, [...agent.pathOf("env"), name], { env: true }, report),
  }));
  const command = planCommand(agent, keys, report);
  if (command === null) return null;
  return {
    type: "script",
    command,
    cwd: resolve(source.directory, keys.cwd ?? "."),
    env: env.flatMap(({ name, value }) => (value === null ? [] : [{ name, value }])),
    stdin: keys.stdin ?? "json",
    stdout,
    maxOutput: keys.max_output ?? DEFAULT_MAX_OUTPUT_BYTES,
  };
}

function planCommand(agent: EffectiveAgent, keys: AgentSpec, report: Report): readonly Template[] | string | null {
  if (keys.shell !== undefined) {
    const start = keys.shell.search(/(?<!\$)\$\{\{/);
    if (start === -1) return keys.shell.replaceAll("$${{", "${{");
    report.error("template-in-shell", agent.pathOf("shell"), "a template in a shell line would let data be run as code", {
      at: { start, end: start + 3 },
      help: 'pass values by stdin or in the env table, as "$NAME"; or use command = ["program", "${{ … }}"], where each argument stays one argument',
    });
    return null;
  }
  if (keys.command === undefined) {
    report.error("missing-key", ["agents", agent.name], `the script \`${agent.name}\` needs a command`, {
      at: "key",
      help: 'for example command = ["node", "collect.mjs"], or shell = "…" for a line for sh',
    });
    return null;
  }
  const templates = keys.command.map((text, index) => templateAt(text, [...agent.pathOf("command"), index], {}, report));
  return templates.every((template) => template !== null) ? templates : null;
}

function planLlm(agent: EffectiveAgent, keys: AgentSpec, context: AgentsContext): LlmCallPlan | null {
  const { report, providers } = context;
  const providerName = keys.provider ?? "openai";
  const provider = providers.get(providerName);
  const providerPath = agent.keys.provider === undefined ? ["defaults", "provider"] : agent.pathOf("provider");
  if (provider === undefined)
    report.error("unknown-provider", providerPath, `there is no provider called \`${providerName}\``, {
      help: unknownProvider(providerName, providers),
    });
  if (keys.model === undefined) {
    report.error("missing-key", ["agents", agent.name], `the agent \`${agent.name}\` needs a model`, {
      at: "key",
      help: 'write model = "…" here or in [defaults]',
    });
  }
  const systemPrompt = keys.system_prompt === undefined ? null : templateAt(keys.system_prompt, agent.pathOf("system_prompt"), {}, report);
  const prompt = planPrompt(agent, keys, context);
  if (provider === undefined || keys.model === undefined) return null;
  return {
    type: "llm",
    provider,
    model: keys.model,
    systemPrompt,
    prompt,
    temperature: keys.temperature ?? null,
    maxTokens: keys.max_tokens ?? null,
    topP: keys.top_p ?? null,
    seed: keys.seed ?? null,
    stop: keys.stop ?? null,
  };
}

function planPrompt(agent: EffectiveAgent, keys: AgentSpec, { source, report }: AgentsContext): Template | null {
  if (keys.prompt !== undefined) return templateAt(keys.prompt, agent.pathOf("prompt"), {}, report);
  if (keys.prompt_file === undefined) return null;
  const text = source.texts[resolve(source.directory, keys.prompt_file)];
  return text === undefined ? null : templateAt(text, agent.pathOf("prompt_file"), {}, report);
}

function missingKey(agent: EffectiveAgent, key: string, help: string, { report }: AgentsContext): null {
  report.error("missing-key", ["agents", agent.name], `the agent \`${agent.name}\` needs a ${key}`, { at: "key", help });
  return null;
}
