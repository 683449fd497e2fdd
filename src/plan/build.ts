import type { Diagnostic } from "../spec/diagnostic.ts";
import { basename } from "node:path";
import { type AgentsContext, planAgent, planFunction } from "./agents.ts";
import { planBranches } from "./checks/branches.ts";
import { checkDataFlow } from "./checks/data-flow.ts";
import { checkGroupConflicts } from "./checks/group-conflicts.ts";
import { checkFallbackCycles } from "./checks/fallbacks.ts";
import { checkReachability, reachedAgents } from "./checks/reachability.ts";
import { Report } from "./checks/report.ts";
import { effectiveAgents } from "./effective.ts";
import { planHooks } from "./hooks.ts";
import type { AgentPlan, Plan, PlanSource } from "./plan.ts";
import { planProviders } from "./providers.ts";
import { planStructure } from "./structure.ts";

/** What the plan is made with besides the source. */
export interface BuildOptions {
  /** Names of the agents that are given as functions; they take the place of what the file says they call. */
  readonly functions?: ReadonlySet<string>;
}

/** A plan, unless there are errors; and every problem at once. */
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
  const { spec, directory } = source;
  const report = new Report(source);
  const nested = buildNested(source, options);
  const functions = options.functions ?? new Set<string>();
  const effective = effectiveAgents(spec, report);
  const known = new Set([...effective.keys(), ...functions]);
  const providers = planProviders(spec, report);
  const context: AgentsContext = { source, report, providers, functions, pipelines: nested.plans };
  const agents = new Map<string, AgentPlan>();
  for (const agent of effective.values()) {
    const planned = planAgent(agent, context);
    if (planned !== null) agents.set(agent.name, planned);
  }
  for (const name of functions) if (!effective.has(name)) agents.set(name, planFunction(name, spec));
  const structure = planStructure(spec, agents, known, report);
  checkFallbackCycles(effective, report);
  const branches = planBranches(spec.orchestration.sequential.branches ?? [], structure, known, report);
  const hooks = planHooks(spec, directory, known, report);
  const reached = reachedAgents(structure, branches, effective);
  let assumedInputs: readonly string[] = [];
  // Where an agent is not known, nor is what follows from it: its own error is enough.
  if (!report.hasErrors && agents.size === known.size) {
    checkReachability(reached, effective, report);
    checkGroupConflicts(structure, agents, report);
    assumedInputs = checkDataFlow({ spec, structure, branches, agents, effective, reached, report });
  }
  const diagnostics = [...nested.diagnostics, ...report.diagnostics];
  if (diagnostics.some(({ severity }) => severity === "error")) return { plan: null, diagnostics };
  const used = [...agents.values()].filter(({ name }) => reached.has(name));
  const plan: Plan = {
    pipelineId: spec.name ?? (source.file === null ? "pipeline" : basename(source.file, ".toml")),
    description: spec.description ?? null,
    file: source.file,
    directory,
    inputs: new Map(Object.entries(spec.inputs ?? {})),
    timeoutMs: spec.orchestration.timeout ?? null,
    failFast: spec.orchestration.sequential.pipeline?.fail_fast ?? true,
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

/** Variables whose values are masked: those of keys, and those that the file names. */
function secretsOf({ spec }: PlanSource, agents: readonly AgentPlan[]): string[] {
  const names = new Set(spec.secrets?.env ?? []);
  for (const { call } of agents) {
    if (call.type === "llm" && call.provider.apiKeyEnv !== null) names.add(call.provider.apiKeyEnv);
    if (call.type === "pipeline") for (const name of call.plan.secrets) names.add(name);
  }
  return [...names];
}

/** Variables that must be set: those that a reached agent refers to. */
function variablesOf(agents: readonly AgentPlan[]): string[] {
  const names = new Set<string>();
  for (const { call } of agents) {
    if (call.type === "script") for (const { value } of call.env) for (const { name } of value.reads.env) names.add(name);
    if (call.type === "llm") {
      if (call.provider.apiKeyEnv !== null) names.add(call.provider.apiKeyEnv);
      for (const { value } of call.provider.headers) for (const { name } of value.reads.env) names.add(name);
    }
    if (call.type === "pipeline") for (const name of call.plan.variables) names.add(name);
  }
  return [...names];
}
