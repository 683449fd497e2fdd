import type { Expression } from "../../src/plan/expression.ts";
import type {
  AgentPlan,
  BranchPlan,
  Element,
  GroupPlan,
  HookPlan,
  LlmCallPlan,
  Plan,
  RetryPolicy,
  ScriptCallPlan,
  StagePlan,
} from "../../src/plan/plan.ts";
import type { Template } from "../../src/plan/template.ts";
import type { InputSpec } from "../../src/spec/spec.ts";

/** Plans as the planner makes them, by hand. */
export interface PlanParts {
  readonly pipelineId?: string;
  readonly description?: string;
  readonly sequence: readonly (AgentPlan | GroupPlan)[];
  readonly detours?: readonly (AgentPlan | GroupPlan)[];
  /** Agents that are only fallbacks. */
  readonly fallbacks?: readonly AgentPlan[];
  readonly branches?: readonly BranchPlan[];
  readonly timeoutMs?: number;
  readonly failFast?: boolean;
  readonly settings?: Partial<Pick<Plan, "checkpointFrequency" | "saveIntermediateResults" | "compressAbove" | "rollback">>;
  readonly inputs?: Readonly<Record<string, InputSpec>>;
  readonly variables?: readonly string[];
  readonly hooks?: readonly HookPlan[];
}

export function plan(parts: PlanParts): Plan {
  const sequence = parts.sequence.map((part, index) => element(part, index + 1));
  const all = [...sequence, ...(parts.detours ?? []).map((part) => element(part, null))];
  const stages = all.flatMap((one) => (one.kind === "group" ? one.members : [one]));
  const agents = [...stages.map((stage) => stage.agent), ...(parts.fallbacks ?? [])];
  return {
    pipelineId: parts.pipelineId ?? "sales-report",
    description: parts.description ?? null,
    file: "/home/me/sales-report.toml",
    directory: "/home/me",
    inputs: new Map(Object.entries(parts.inputs ?? {})),
    timeoutMs: parts.timeoutMs ?? null,
    failFast: parts.failFast ?? true,
    checkpointFrequency: 1,
    saveIntermediateResults: true,
    compressAbove: 8192,
    rollback: "auto",
    ...parts.settings,
    sequence,
    elements: new Map(all.map((one) => [one.name, one])),
    agents: new Map(agents.map((one) => [one.name, one])),
    branches: Map.groupBy(parts.branches ?? [], (one) => one.from),
    hooks: parts.hooks ?? [],
    providers: new Map(),
    secrets: [],
    assumedInputs: [],
    variables: parts.variables ?? [],
    source: { file: null, directory: "/home/me", spec: { orchestration: { sequential: { agents: [] } } }, texts: {}, pipelines: {} },
  };
}

/** A script with a timeout of a minute and one attempt. */
export function agent(name: string, parts: Partial<Omit<AgentPlan, "retry">> & { readonly retry?: Partial<RetryPolicy> } = {}): AgentPlan {
  const given = {
    description: null,
    input: null,
    output: null,
    writes: null,
    keep: null,
    drop: null,
    timeoutMs: 60_000,
    onError: "fail",
    fallback: null,
    rollback: null,
    breaker: null,
  } as const;
  const retry = { retries: 0, delayMs: 1000, backoff: 2, maxDelayMs: 60_000, jitter: true, on: new Set([]), ...parts.retry };
  return { name, call: script("node", `${name}.mjs`), ...given, ...parts, retry };
}

export function group(name: string, members: readonly AgentPlan[], parts: Partial<GroupPlan> = {}): GroupPlan {
  const stages = members.map((member): StagePlan => ({ kind: "stage", name: member.name, number: null, agent: member }));
  return {
    kind: "group",
    name,
    number: null,
    members: stages,
    maxConcurrency: members.length,
    merge: "flat",
    onError: "fail",
    minSuccess: 1,
    ...parts,
  };
}

/** `branch("a", "b", "x > 1")`; to null ends the run, without a condition it is "otherwise". */
export function branch(from: string, to: string | null, condition: string | null = null, maxTimes: number | null = null): BranchPlan {
  return { from, index: 0, to, condition: condition === null ? null : expression(condition), maxTimes };
}

export function script(...command: readonly string[]): ScriptCallPlan {
  return { type: "script", command: command.map(template), cwd: "/home/me", env: [], stdin: "json", stdout: "json", maxOutput: 1000 };
}

export function model(name: string, parts: Partial<LlmCallPlan> = {}): LlmCallPlan {
  const provider = { name: "openai", baseUrl: "https://api.openai.com/v1", apiKeyEnv: "OPENAI_API_KEY", headers: [], maxTokensField: null };
  return {
    type: "llm",
    provider,
    model: name,
    systemPrompt: null,
    prompt: null,
    temperature: null,
    maxTokens: null,
    topP: null,
    seed: null,
    stop: null,
    ...parts,
  };
}

/** What shows a plan looks at the text alone. */
function template(text: string): Template {
  const shown: Pick<Template, "text"> = { text };
  return shown as Template;
}

function expression(text: string): Expression {
  const shown: Pick<Expression, "text"> = { text };
  return shown as Expression;
}

function element(part: AgentPlan | GroupPlan, number: number | null): Element {
  if (!("kind" in part)) return { kind: "stage", name: part.name, number, agent: part };
  return { ...part, number, members: part.members.map((member) => ({ ...member, number })) };
}
