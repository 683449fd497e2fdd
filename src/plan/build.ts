import { basename } from "node:path";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { handlersIn } from "../spec/handlers.ts";
import type { JsonObject } from "../spec/json.ts";
import type { PipelineSpec } from "../spec/spec.ts";
import { planAgents } from "./agents.ts";
import { isJudgement } from "./codes.ts";
import { planBranches } from "./checks/branches.ts";
import { checkCodeTemplates } from "./checks/code-templates.ts";
import { checkCircles } from "./checks/circles.ts";
import { checkDataFlow } from "./checks/data-flow.ts";
import { checkGroupConflicts } from "./checks/group-conflicts.ts";
import { checkHandlers } from "./checks/handlers.ts";
import { checkIdleKeys } from "./checks/idle-keys.ts";
import { checkMisplacedTemplates } from "./checks/misplaced-templates.ts";
import { checkNestedInputs } from "./checks/nested-inputs.ts";
import { checkNeverWritten } from "./checks/never-written.ts";
import { checkNotTemplates } from "./checks/not-templates.ts";
import { reachedNames, unreachedIn } from "./checks/reachability.ts";
import { Report } from "./checks/report.ts";
import { checkRetries } from "./checks/retries.ts";
import { checkTime } from "./checks/time.ts";
import { checkTypes } from "./checks/types.ts";
import { checkUnreachableStages } from "./checks/unreachable-stages.ts";
import { checkUnusedInputs } from "./checks/unused-inputs.ts";
import { effectiveAgents } from "./effective.ts";
import { planHooks } from "./hooks.ts";
import type { AgentPlan, Plan, PlanSource } from "./plan.ts";
import { planProviders } from "./providers.ts";
import { settingsOf } from "./settings.ts";
import { stateFlowOf } from "./state-flow.ts";
import type { Doubts } from "./source.ts";
import type { Template } from "./template.ts";
import { groupsOf, type Names, planStructure } from "./structure.ts";

/** What the plan is made with besides the source. */
export interface BuildOptions {
  /** Names of the agents that are given as functions; they take the place of what the file says they call. */
  readonly functions?: ReadonlySet<string>;
  /** Of the loaded source. Where there are any, there is no plan, and nothing that follows from them is told. */
  readonly doubts?: Doubts;
}

/** A plan, unless there are errors that are no judgements; and every problem at once. */
export interface BuiltPlan {
  readonly plan: Plan | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Makes the plan of a pipeline: resolves its names, fills in defaults, compiles expressions, checks the whole.
 *
 * A pure function of its arguments.
 */
export function buildPlan(source: PlanSource, options: BuildOptions = {}): BuiltPlan {
  const { spec, file, directory } = source;
  const doubts = options.doubts?.get(file);
  const report = new Report(file, doubts);
  const nested = buildNested(source, options);
  const effective = effectiveAgents(spec, report);
  const providers = planProviders(spec, report);
  const functions = options.functions ?? new Set<string>();
  const extended = new Set(Object.values(spec.agents ?? {}).flatMap((agent) => agent.extends ?? []));
  const called = agentsCalled(spec);
  const onlyBases = new Set([...extended].filter((name) => !called.has(name)));
  const handlers = handlersIn(spec as unknown as JsonObject);
  const context = { source, report, effective, providers, functions, pipelines: nested.plans, extended, onlyBases, handlers };
  const agents = planAgents(context);
  const names: Names = { spec, agents, effective, report };
  const structure = planStructure(names);
  checkCircles(effective, report);
  checkCodeTemplates(effective, agents, report);
  const branches = planBranches(structure, names);
  const hooks = planHooks(directory, names);
  const graph = { groups: groupsOf(names), structure, branches, effective };
  const reached = reachedNames(graph);
  const unreached = unreachedIn(reached, graph, report);
  checkGroupConflicts(structure, agents, names);
  for (const agent of effective.values()) checkNestedInputs(agent, agents.get(agent.name) as AgentPlan, source, report);
  checkHandlers({ source, handlers, effective, agents, extended, report });
  checkNeverWritten({ effective, agents, reached, handlers, report });
  const state = stateFlowOf({ source, structure, branches, agents, effective, reached, handlers, report });
  checkUnreachableStages(state);
  const assumedInputs = checkDataFlow(state, unreached);
  checkTypes(state);
  const meant = new Set([...checkNotTemplates(state), ...checkMisplacedTemplates(spec, report)]);
  checkUnusedInputs(state, meant);
  checkRetries({ spec, effective, agents, report });
  checkIdleKeys({ spec, effective, report });
  checkTime({ ...graph, spec, agents, reached, handlers, report });
  const diagnostics = distinct([...nested.diagnostics, ...report.diagnostics]);
  const isWhole = doubts === undefined && nested.plans.size === Object.keys(source.pipelines).length;
  const isHard = ({ severity, code }: Diagnostic): boolean => severity === "error" && !isJudgement(code);
  if (!isWhole || diagnostics.some(isHard)) return { plan: null, diagnostics };
  const used = [...agents.values()].filter(({ name }) => reached.has(name));
  const plan: Plan = {
    pipelineId: spec.name ?? (file === null ? "pipeline" : basename(file, ".toml")),
    description: spec.description ?? null,
    file,
    directory,
    inputs: new Map(Object.entries(spec.inputs ?? {})),
    timeoutMs: spec.orchestration.timeout ?? null,
    ...settingsOf(spec),
    sequence: structure.sequence,
    elements: structure.elements,
    agents,
    branches,
    hooks,
    providers,
    assumedInputs,
    secrets: secretsOf(source, used),
    variables: variablesOf(used),
    source,
  };
  return { plan: Object.freeze(plan), diagnostics };
}

function buildNested(source: PlanSource, options: BuildOptions): { plans: Map<string, Plan>; diagnostics: Diagnostic[] } {
  const plans = new Map<string, Plan>();
  const diagnostics: Diagnostic[] = [];
  for (const [path, nested] of Object.entries(source.pipelines)) {
    const built = buildPlan(nested, options);
    if (built.plan !== null) plans.set(path, built.plan);
    diagnostics.push(...built.diagnostics);
  }
  return { plans, diagnostics };
}

/** The agents that a stage calls, or that are a fallback or a rollback. */
function agentsCalled({ agents = {}, orchestration: { sequential } }: PipelineSpec): Set<string> {
  return new Set([
    ...sequential.agents,
    ...Object.values(sequential.parallel ?? {}).flatMap((group) => group.agents),
    ...(sequential.branches ?? []).flatMap((branch) => branch.to_agent ?? []),
    ...Object.values(agents).flatMap(({ fallback = [], rollback = [] }) => [fallback, rollback].flat()),
  ]);
}

/** An agent and the one that extends it share texts, and so their problems. */
function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic])).values()];
}

/** Variables whose values are masked: those of keys, and those that the file names. */
function secretsOf({ spec }: PlanSource, agents: readonly AgentPlan[]): string[] {
  const names = new Set(spec.secrets?.env ?? []);
  for (const { call } of agents) {
    if (call.type === "llm" && call.provider.apiKeyEnv !== null) names.add(call.provider.apiKeyEnv);
    if (call.type === "pipeline") for (const name of call.plan.secrets) names.add(name);
  }
  return [...names];
}

/** Those that a text needs; one that it asks for may be absent. */
function variablesIn({ reads }: Template): string[] {
  const asked = new Set(reads.env.filter(({ tested }) => tested).map(({ name }) => name));
  return reads.env.map(({ name }) => name).filter((name) => !asked.has(name));
}

/** Variables that must be set: those that a reached agent refers to. */
function variablesOf(agents: readonly AgentPlan[]): string[] {
  const names = new Set<string>();
  for (const { call } of agents) {
    if (call.type === "script") for (const { value } of call.env) for (const name of variablesIn(value)) names.add(name);
    if (call.type === "llm") {
      if (call.provider.apiKeyEnv !== null) names.add(call.provider.apiKeyEnv);
      for (const { value } of call.provider.headers) for (const name of variablesIn(value)) names.add(name);
    }
    if (call.type === "pipeline") for (const name of call.plan.variables) names.add(name);
  }
  return [...names];
}
