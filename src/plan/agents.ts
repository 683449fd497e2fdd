import { resolve } from "node:path";
import type { Diagnostic, Path } from "../spec/diagnostic.ts";
import type { Handlers } from "../spec/handlers.ts";
import { isJsonObject } from "../spec/json.ts";
import { agentProblems } from "../spec/rules.ts";
import { type AgentSpec, type PipelineSpec, RETRYABLE_KINDS } from "../spec/spec.ts";
import { listed, type Report } from "./checks/report.ts";
import { adapterAt, templateAt } from "./compile.ts";
import type { EffectiveAgent } from "./effective.ts";
import type {
  AgentCallPlan,
  AgentPlan,
  CannedCallPlan,
  LlmCallPlan,
  Plan,
  PlanSource,
  ProviderPlan,
  RetryPolicy,
  ScriptCallPlan,
} from "./plan.ts";
import { templateIn } from "./misplaced.ts";
import { unknownProvider } from "./providers.ts";
import type { ExpressionContext } from "./scope.ts";
import type { Template } from "./template.ts";
import { keyOf } from "./writes.ts";

/** What the agents of a file are planned with. */
export interface AgentsContext {
  readonly source: PlanSource;
  readonly report: Report;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly providers: ReadonlyMap<string, ProviderPlan>;
  /** Names of the agents that are given as functions. */
  readonly functions: ReadonlySet<string>;
  /** By absolute path; those that could not be planned are missing. */
  readonly pipelines: ReadonlyMap<string, Plan>;
  /** Agents that others extend. */
  readonly extended: ReadonlySet<string>;
  /** Of these, the ones that are only there to be extended; they need not be complete. */
  readonly onlyBases: ReadonlySet<string>;
  readonly handlers: Handlers;
}

const MINUTE_MS = 60_000;
const DEFAULT_TIMEOUT_MS = { llm: 10 * MINUTE_MS, other: 60 * MINUTE_MS } as const;
const DEFAULT_MAX_OUTPUT_BYTES = 10 * 1024 * 1024;

/** Plans the agents of a file, and those that only the code knows. */
export function planAgents(context: AgentsContext): Map<string, AgentPlan> {
  const agents = new Map([...context.effective.values()].map((agent) => [agent.name, planAgent(agent, context)]));
  checkModels(agents.values(), context);
  for (const name of context.functions) if (!agents.has(name)) agents.set(name, planFunction(name, context.source.spec));
  return agents;
}

/**
 * Fills in defaults and compiles what an agent holds.
 *
 * What cannot be planned is told and stood in for, so that the names of the file can be resolved all the same.
 */
function planAgent(agent: EffectiveAgent, context: AgentsContext): AgentPlan {
  const { report, source } = context;
  const keys = { ...source.spec.defaults, ...agent.keys };
  checkKeys(agent, context);
  checkStandIn(agent, "fallback", context);
  checkStandIn(agent, "rollback", context);
  const { input, output } = keys;
  return {
    ...planPolicies(agent.name, keys),
    description: keys.description ?? null,
    input: input === undefined ? null : adapterAt(input, agent.pathOf("input"), {}, report),
    output: typeof output === "object" ? adapterAt(output, agent.pathOf("output"), { result: true }, report) : (output ?? null),
    writes: keys.writes ?? null,
    keep: keys.keep ?? null,
    drop: keys.drop ?? null,
    fallback: keys.fallback ?? null,
    rollback: keys.rollback ?? null,
    call: planCall(agent, keys, context),
  };
}

/** An agent that only the code knows, under the file's defaults. */
export function planFunction(name: string, spec: PipelineSpec): AgentPlan {
  return planPolicies(name, { ...spec.defaults });
}

/** `0` and `false` are values: only absent keys take the default. */
function planPolicies(name: string, keys: AgentSpec): AgentPlan {
  const { circuit_breaker: breaker } = keys;
  return {
    name,
    description: null,
    input: null,
    output: null,
    writes: null,
    keep: null,
    drop: null,
    timeoutMs: keys.timeout === undefined ? DEFAULT_TIMEOUT_MS[keys.type === "llm" ? "llm" : "other"] : keys.timeout,
    retry: retryPolicy(keys),
    onError: keys.on_error ?? "fail",
    fallback: null,
    rollback: null,
    breaker: breaker === undefined ? null : { maxFailures: breaker.max_failures, resetAfterMs: breaker.reset_after ?? 0 },
    call: { type: "function" },
  };
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

/**
 * What is wrong with the keys together that an agent has after `extends`. What its own table shows alone was told when the
 * file was read, and what is wrong with its base is told there.
 */
function checkKeys(agent: EffectiveAgent, context: AgentsContext): void {
  const isExtended = context.extended.has(agent.name);
  if ((agent.bases.length === 0 && !isExtended) || context.functions.has(agent.name)) return;
  const problems = keyProblems(agent, context);
  if (problems.length === 0) return;
  const own = agentProblems(agent.name, context.source.spec.agents?.[agent.name] ?? {}).filter(
    ({ code }) => code !== "missing-key" || !isExtended,
  );
  const bases = agent.bases.flatMap((base) => keyProblems(context.effective.get(base) ?? agent, context));
  const told = new Set([...own, ...bases].map(kindOf));
  for (const problem of problems) {
    if (told.has(kindOf(problem))) continue;
    const written = (path: Path): Path => (path.length === 3 ? agent.pathOf(String(path[2])) : path);
    const related = problem.related?.map((other) => ({ ...other, path: written(other.path) }));
    context.report.problem({ ...problem, path: written(problem.path ?? []), ...(related === undefined ? {} : { related }) });
  }
}

function keyProblems({ name, keys, isWhole }: EffectiveAgent, { onlyBases, handlers }: AgentsContext): Diagnostic[] {
  const { extends: _, ...others } = keys;
  const mayLackKeys = !isWhole || onlyBases.has(name);
  return agentProblems(name, others, handlers.serving.has(name)).filter(({ code }) => code !== "missing-key" || !mayLackKeys);
}

/** Whichever agent it is about. */
function kindOf({ code, path }: Diagnostic): string {
  return JSON.stringify([code, path?.[2]]);
}

/** The agent that a key names is there, and is no group. */
function checkStandIn(agent: EffectiveAgent, key: "fallback" | "rollback", context: AgentsContext): void {
  const { source, effective, functions, report } = context;
  const name = agent.keys[key];
  if (name === undefined || effective.has(name) || functions.has(name)) return;
  const path = agent.pathOf(key);
  const group = new Map(Object.entries(source.spec.orchestration.sequential.parallel ?? {})).get(name);
  if (group === undefined) report.unknownAgent(name, path, [...effective.keys(), ...functions]);
  else
    report.error("unknown-agent", path, `\`${name}\` is a group, and only an agent can be a ${key}`, {
      help: `name an agent, such as one of its members: ${listed(group.agents.filter((member) => effective.has(member)))}`,
    });
}

function planCall(agent: EffectiveAgent, keys: AgentSpec, context: AgentsContext): AgentCallPlan {
  const { source, functions } = context;
  // Code wins over the file, so that a test can put a function in the place of any agent.
  if (functions.has(agent.name)) return STAND_IN;
  switch (keys.type) {
    case "script":
      return planScript(agent, keys, context);
    case "llm":
      return planLlm(agent, keys, context);
    case "module":
      return keys.module === undefined ? STAND_IN : { type: "module", module: resolve(source.directory, keys.module) };
    case "canned":
      return planCanned(agent, keys, context);
    case "pipeline": {
      const plan = keys.file === undefined ? undefined : context.pipelines.get(resolve(source.directory, keys.file));
      return plan === undefined ? STAND_IN : { type: "pipeline", plan };
    }
    case undefined:
      checkType(agent, context);
      return STAND_IN;
  }
}

/** What bare names are in the templates of an agent. */
function namesOf({ input }: AgentSpec): ExpressionContext {
  return { input: input !== undefined };
}

/** Of a function nothing is known but its name; so it also stands for what could not be planned. */
const STAND_IN: AgentCallPlan = { type: "function" };

const TYPE_HELP =
  'write type = "script", "llm", "module", "canned" or "pipeline"; it may be absent only where code registers the agent as a function';

function planCanned(agent: EffectiveAgent, keys: AgentSpec, { effective, onlyBases, handlers, report }: AgentsContext): CannedCallPlan {
  const replies = keys.replies ?? (keys.reply === undefined ? [] : [keys.reply]);
  // As the fallback of a model, text goes where the model's text would have gone.
  const textFits = [...effective.values()].some((other) => other.keys.fallback === agent.name);
  const odd = replies.findIndex((reply) => reply !== null && !isJsonObject(reply) && !(textFits && typeof reply === "string"));
  const path = keys.replies === undefined ? agent.pathOf("reply") : [...agent.pathOf("replies"), odd];
  const isTold = path[1] !== agent.name && !onlyBases.has(String(path[1]));
  if (odd !== -1 && keys.output === undefined && !isTold && !onlyBases.has(agent.name) && handlers.serving.has(agent.name)) {
    report.lacks(["agents", agent.name, "output"], path, "a reply that is no table needs `output`: the key of the state that gets it", {
      label: "needs `output`",
      help: `add output = "${keyOf(agent.name)}"`,
      fix: { safe: false, edits: [{ path: ["agents", agent.name], at: "end", text: `output = "${keyOf(agent.name)}"\n` }] },
    });
  }
  return { type: "canned", replies, delayMs: keys.delay ?? 0, fail: keys.fail ?? null, failTimes: keys.fail_times ?? null };
}

function planScript(agent: EffectiveAgent, keys: AgentSpec, { source, report }: AgentsContext): ScriptCallPlan {
  return {
    type: "script",
    command: planCommand(agent, keys, report),
    cwd: resolve(source.directory, keys.cwd ?? "."),
    env: Object.entries(keys.env ?? {}).map(([name, text]) => ({
      name,
      value: templateAt(text, [...agent.pathOf("env"), name], { env: true, ...namesOf(keys) }, report),
    })),
    stdin: keys.stdin ?? "json",
    stdout: keys.stdout ?? "json",
    maxOutput: keys.max_output ?? DEFAULT_MAX_OUTPUT_BYTES,
  };
}

function planCommand(agent: EffectiveAgent, keys: AgentSpec, report: Report): readonly Template[] | string {
  const { command = [], shell } = keys;
  if (shell === undefined)
    return command.map((text, index) => templateAt(text, [...agent.pathOf("command"), index], namesOf(keys), report));
  const template = /(?<!\$)\$\{\{(?:[^}]|\}(?!\}))*(?:\}\})?/.exec(shell);
  if (template === null) return shell.replaceAll("$${{", "${{");
  report.error("template-in-shell", agent.pathOf("shell"), "a template in a line for the shell would let data be run as code", {
    at: { start: template.index, end: template.index + template[0].length },
    help: 'pass the value in the env table and write "$NAME" here, or read it from stdin; or use command = ["program", "${{ … }}"], where each argument stays one argument',
  });
  return shell;
}

function planLlm(agent: EffectiveAgent, keys: AgentSpec, context: AgentsContext): LlmCallPlan | typeof STAND_IN {
  const { report, providers } = context;
  const name = keys.provider ?? "openai";
  const provider = providers.get(name);
  // A template there is told as such.
  if (provider === undefined && templateIn(name) === null) {
    const path = agent.keys.provider === undefined ? ["defaults", "provider"] : agent.pathOf("provider");
    report.error("unknown-provider", path, `there is no provider called \`${name}\``, unknownProvider(name, path, providers));
  }
  return {
    type: "llm",
    provider: provider ?? { name, baseUrl: "", apiKeyEnv: null, headers: [], maxTokensField: null },
    model: keys.model ?? "",
    systemPrompt:
      keys.system_prompt === undefined ? null : templateAt(keys.system_prompt, agent.pathOf("system_prompt"), namesOf(keys), report),
    prompt: planPrompt(agent, keys, context),
    temperature: keys.temperature ?? null,
    maxTokens: keys.max_tokens ?? null,
    topP: keys.top_p ?? null,
    seed: keys.seed ?? null,
    stop: keys.stop ?? null,
  };
}

function planPrompt(agent: EffectiveAgent, keys: AgentSpec, { source, report }: AgentsContext): Template | null {
  if (keys.prompt !== undefined) return templateAt(keys.prompt, agent.pathOf("prompt"), namesOf(keys), report);
  if (keys.prompt_file === undefined) return null;
  const file = resolve(source.directory, keys.prompt_file);
  const text = source.texts[file];
  return text === undefined ? null : templateAt(text, { file }, namesOf(keys), report);
}

function checkType(agent: EffectiveAgent, context: AgentsContext): void {
  if (!isAsked(agent, "type", context)) return;
  const table = ["agents", agent.name];
  context.report.lacks([...table, "type"], table, `the agent \`${agent.name}\` needs a type`, {
    at: "key",
    label: "needs `type`",
    help: TYPE_HELP,
  });
}

/** Tells which agents have no model: once for all of them, since one line in the defaults is enough. */
function checkModels(agents: Iterable<AgentPlan>, context: AgentsContext): void {
  const lacking = [...agents].flatMap(({ name, call }) => {
    const agent = context.effective.get(name);
    return call.type === "llm" && call.model === "" && agent !== undefined && isAsked(agent, "model", context) ? [["agents", name]] : [];
  });
  const [first, ...others] = lacking;
  if (first === undefined) return;
  context.report.lacks([...first, "model"], first, `the agent \`${first[1]}\` needs a model`, {
    at: "key",
    label: "needs `model`",
    ...(others.length === 0 ? {} : { related: others.map((path) => ({ path, at: "key", label: "needs one as well" })) }),
    help: 'write model = "…" here, or in [defaults] for all agents',
  });
}

/** Whether a key that an agent lacks has to be told at it: not at a base that is not run, nor where its base lacks it already. */
function isAsked(agent: EffectiveAgent, key: "type" | "model", { effective, functions, onlyBases }: AgentsContext): boolean {
  if (!agent.isWhole || onlyBases.has(agent.name)) return false;
  const isTold = (name: string): boolean =>
    !onlyBases.has(name) && !functions.has(name) && effective.get(name)?.keys.type === agent.keys.type;
  return !agent.bases.some((base) => isTold(base) && effective.get(base)?.keys[key] === undefined);
}
