import { relative } from "node:path";
import { dependenciesOf, pathsOf } from "../plan/paths.ts";
import type { AgentCallPlan, AgentPlan, Element, HookPlan, Plan, StagePlan } from "../plan/plan.ts";
import { type Bound, fallbacksOf, type StageBound, worstCase } from "../plan/worst-case.ts";
import type { Json } from "../spec/json.ts";
import { countText } from "./wording.ts";

/** What a run would need and does not have, found out by whoever knows the input and the environment. */
export interface DryRunFacts {
  readonly missingInputs: readonly string[];
  readonly missingVariables: readonly string[];
  /** Keys that are read, that no stage writes, and that no input declares. */
  readonly assumedInputs: readonly string[];
}

/** What a run would do, as plain JSON. Durations in milliseconds; null: no limit. */
export interface DryRunReport {
  readonly version: 1;
  readonly pipeline_id: string;
  readonly description: string | null;
  readonly file: string | null;
  readonly timeout_ms: number | null;
  readonly fail_fast: boolean;
  readonly checkpoint_frequency: number;
  readonly save_intermediate_results: boolean;
  /** Bytes. */
  readonly compress_above: number;
  readonly rollback: "auto" | "manual";
  /** The sequence, in order, and then the detours. */
  readonly stages: readonly DryRunStage[];
  readonly worst_case: { readonly ms: number | null; readonly longest_ms: number | null; readonly arithmetic: string };
  readonly inputs: readonly DryRunInput[];
  readonly assumed_inputs: readonly string[];
  readonly variables: readonly { readonly name: string; readonly set: boolean }[];
  readonly hooks: readonly DryRunHook[];
}

export interface DryRunStage {
  readonly name: string;
  /** 1-based; null for a detour and for a member of a group. */
  readonly number: number | null;
  readonly agent: DryRunAgent | null;
  readonly group: DryRunGroup | null;
  /** The stages whose outcome decides whether a run comes here; none where every run does. */
  readonly depends_on: readonly string[];
  readonly branches: readonly DryRunBranch[];
  readonly worst_case: Bound;
}

export interface DryRunAgent {
  readonly name: string;
  readonly description: string | null;
  readonly type: AgentCallPlan["type"];
  readonly calls: string;
  readonly provider: string | null;
  readonly model: string | null;
  /** For one attempt. */
  readonly timeout_ms: number | null;
  readonly attempts: number;
  readonly on_error: "fail" | "continue";
  readonly circuit_breaker: { readonly max_failures: number; readonly reset_after_ms: number } | null;
  /** Agents that take over when it has finally failed, in order. */
  readonly fallbacks: readonly DryRunAgent[];
  /** The agent that undoes what it did. */
  readonly rollback: DryRunAgent | null;
  /** The stages of a nested pipeline; otherwise null. */
  readonly stages: readonly DryRunStage[] | null;
}

export interface DryRunGroup {
  readonly members: readonly DryRunStage[];
  readonly max_concurrency: number;
  readonly merge: "flat" | "namespace" | "prefix";
  readonly on_error: "fail" | "continue";
  readonly min_success: number;
}

export interface DryRunBranch {
  /** null: otherwise. */
  readonly condition: string | null;
  /** null: the run ends. */
  readonly to: string | null;
  readonly max_times: number | null;
}

export interface DryRunInput {
  readonly name: string;
  readonly type: string | null;
  readonly required: boolean;
  /** Absent where there is none. */
  readonly default?: Json;
  readonly description: string | null;
  readonly missing: boolean;
}

export interface DryRunHook {
  readonly name: string;
  readonly on: readonly string[];
  /** null: all. */
  readonly agents: readonly string[] | null;
  readonly calls: string;
  readonly timeout_ms: number | null;
}

/** Looks at a plan without running anything. */
export function dryRunJson(plan: Plan, facts: DryRunFacts): DryRunReport {
  const worst = worstCase(plan);
  return {
    version: 1,
    pipeline_id: plan.pipelineId,
    description: plan.description,
    file: plan.file,
    timeout_ms: plan.timeoutMs,
    fail_fast: plan.failFast,
    checkpoint_frequency: plan.checkpointFrequency,
    save_intermediate_results: plan.saveIntermediateResults,
    compress_above: plan.compressAbove,
    rollback: plan.rollback,
    stages: stagesOf(plan, worst.stages),
    worst_case: { ms: worst.totalMs, longest_ms: worst.longestMs, arithmetic: worst.arithmetic },
    inputs: [...plan.inputs].map(([name, input]) => ({
      name,
      type: input.type ?? null,
      required: input.required ?? input.default === undefined,
      ...(input.default === undefined ? {} : { default: input.default }),
      description: input.description ?? null,
      missing: facts.missingInputs.includes(name),
    })),
    assumed_inputs: facts.assumedInputs,
    variables: plan.variables.map((name) => ({ name, set: !facts.missingVariables.includes(name) })),
    hooks: plan.hooks.map((hook) => hookOf(hook, plan)),
  };
}

function stagesOf(plan: Plan, bounds: readonly StageBound[]): DryRunStage[] {
  const dependencies = dependenciesOf(plan, pathsOf(plan));
  return bounds.flatMap((bound) => {
    const element = plan.elements.get(bound.name);
    return element === undefined ? [] : [elementOf(element, plan, bound, dependencies.get(bound.name) ?? [])];
  });
}

function elementOf(element: Element, plan: Plan, bound: StageBound, dependsOn: readonly string[]): DryRunStage {
  const branches = (plan.branches.get(element.name) ?? []).map(({ condition, to, maxTimes }) => ({
    condition: condition?.text ?? null,
    to,
    max_times: maxTimes,
  }));
  const common = {
    name: element.name,
    number: element.number,
    depends_on: dependsOn,
    branches,
    worst_case: { ms: bound.ms, arithmetic: bound.arithmetic },
  };
  if (element.kind === "stage") return { ...common, agent: stageAgentOf(element, plan), group: null };
  const members = element.members.map((member, index): DryRunStage => {
    const { ms, arithmetic } = bound.members[index] as StageBound;
    return {
      name: member.name,
      number: null,
      agent: stageAgentOf(member, plan),
      group: null,
      depends_on: [],
      branches: [],
      worst_case: { ms, arithmetic },
    };
  });
  const { maxConcurrency, merge, onError, minSuccess } = element;
  return { ...common, agent: null, group: { members, max_concurrency: maxConcurrency, merge, on_error: onError, min_success: minSuccess } };
}

function stageAgentOf({ agent }: StagePlan, plan: Plan): DryRunAgent {
  return servingOf(agent, plan, (one) => ({ ...agentOf(one, plan), rollback: undoerOf(one, plan) }));
}

/** Each agent that serves a stage may be undone by another one. */
function undoerOf({ rollback }: AgentPlan, plan: Plan): DryRunAgent | null {
  const agent = plan.agents.get(rollback ?? "");
  return agent === undefined ? null : servingOf(agent, plan, (one) => agentOf(one, plan));
}

function servingOf(agent: AgentPlan, plan: Plan, show: (agent: AgentPlan) => DryRunAgent): DryRunAgent {
  return { ...show(agent), fallbacks: fallbacksOf(agent, plan).map(show) };
}

function agentOf(agent: AgentPlan, plan: Plan): DryRunAgent {
  const { call } = agent;
  return {
    name: agent.name,
    description: agent.description,
    type: call.type,
    calls: callText(call, plan),
    provider: call.type === "llm" ? call.provider.name : null,
    model: call.type === "llm" ? call.model : null,
    timeout_ms: agent.timeoutMs,
    attempts: agent.retry.retries + 1,
    on_error: agent.onError,
    circuit_breaker:
      agent.breaker === null ? null : { max_failures: agent.breaker.maxFailures, reset_after_ms: agent.breaker.resetAfterMs },
    fallbacks: [],
    rollback: null,
    stages: call.type === "pipeline" ? stagesOf(call.plan, worstCase(call.plan).stages) : null,
  };
}

function callText(call: AgentCallPlan, plan: Plan): string {
  switch (call.type) {
    case "script":
      return typeof call.command === "string" ? call.command : call.command.map((part) => part.text).join(" ");
    case "llm":
      return `${call.model} at ${call.provider.name}`;
    case "module":
      return relative(plan.directory, call.module);
    case "canned":
      if (call.fail === null) return "canned replies";
      return call.failTimes === null ? `fails as ${call.fail}` : `fails as ${call.fail} ${countText(call.failTimes, "time")}, then replies`;
    case "pipeline":
      return call.plan.file === null ? call.plan.pipelineId : relative(plan.directory, call.plan.file);
    case "function":
      return "a function in code";
  }
}

function hookOf({ name, on, agents, call, timeoutMs }: HookPlan, plan: Plan): DryRunHook {
  const calls = call.type === "command" ? call.command.join(" ") : relative(plan.directory, call.module);
  return { name, on, agents, calls, timeout_ms: timeoutMs };
}
