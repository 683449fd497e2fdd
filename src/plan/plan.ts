import type { Json } from "../spec/json.ts";
import type { FailureKind, HookEvent, InputSpec, PipelineSpec } from "../spec/spec.ts";
import type { Expression } from "./expression.ts";
import type { Template } from "./template.ts";

/**
 * What will be run: every name resolved, every default filled in, every expression compiled.
 *
 * Contract: frozen. Whoever holds a plan need not check again that an agent exists, that a branch has a target or that an
 * expression is well-formed. It is a pure function of its `source`, which is plain JSON and can be stored.
 */
export interface Plan {
  readonly pipelineId: string;
  readonly description: string | null;
  /** Absolute path of the file; null for a definition given in code. */
  readonly file: string | null;
  /** Absolute; what the file's paths are relative to. */
  readonly directory: string;
  readonly inputs: ReadonlyMap<string, InputSpec>;
  /** Wall clock of one run in milliseconds; null for no limit. */
  readonly timeoutMs: number | null;
  readonly failFast: boolean;
  /** Progress is durable after every n-th element; 0: only at a failure and at the end. */
  readonly checkpointFrequency: number;
  /** false: once a run has succeeded, only its final state and timings are kept. */
  readonly saveIntermediateResults: boolean;
  /** Bytes; values from this size on are compressed where they are stored. */
  readonly compressAbove: number;
  /** Whether a run that has failed or timed out is rolled back by itself. */
  readonly rollback: "auto" | "manual";
  /** The elements of the sequence, in order. */
  readonly sequence: readonly Element[];
  /** Every element by name: the sequence and the detours. */
  readonly elements: ReadonlyMap<string, Element>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  /** Branch rules by the element they start from, in file order. */
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly hooks: readonly HookPlan[];
  readonly providers: ReadonlyMap<string, ProviderPlan>;
  /** Names of environment variables whose values are masked wherever something is shown. */
  readonly secrets: readonly string[];
  /** Keys that are read, that nobody writes, and that no `inputs` table declares: taken to be inputs. */
  readonly assumedInputs: readonly string[];
  /** Names of environment variables that must be set for this plan to run, nested pipelines included. */
  readonly variables: readonly string[];
  readonly source: PlanSource;
}

/** What a plan is made from; plain JSON. */
export interface PlanSource {
  readonly file: string | null;
  readonly directory: string;
  readonly spec: PipelineSpec;
  /** Contents of prompt files, by absolute path. */
  readonly texts: Readonly<Record<string, string>>;
  /** Nested pipelines, by absolute path. */
  readonly pipelines: Readonly<Record<string, PlanSource>>;
}

/** One element of the sequence, or a detour. */
export type Element = StagePlan | GroupPlan;

/** A stage calls an agent. */
export interface StagePlan {
  readonly kind: "stage";
  readonly name: string;
  /** 1-based position in the sequence; null for a detour, which carries the number of the element it left. */
  readonly number: number | null;
  readonly agent: AgentPlan;
}

/** Stages that run at the same time on the same state; one element of the sequence. */
export interface GroupPlan {
  readonly kind: "group";
  readonly name: string;
  readonly number: number | null;
  readonly members: readonly StagePlan[];
  readonly maxConcurrency: number;
  readonly merge: "flat" | "namespace" | "prefix";
  readonly onError: "fail" | "continue";
  readonly minSuccess: number;
}

export interface BranchPlan {
  readonly from: string;
  /** Index in the file's list of branches. */
  readonly index: number;
  /** null: otherwise. */
  readonly condition: Expression | null;
  /** The element to go on with; null ends the run. */
  readonly to: string | null;
  readonly maxTimes: number | null;
}

/** An agent and how it is run. */
export interface AgentPlan {
  readonly name: string;
  readonly description: string | null;
  /** Adapter in: what the agent sees; null: the whole state. */
  readonly input: readonly AdapterEntry[] | null;
  /** Adapter out: a key for the whole result, entries over `result`, or null for the type's own rule. */
  readonly output: string | readonly AdapterEntry[] | null;
  readonly writes: readonly string[] | null;
  readonly keep: readonly string[] | null;
  readonly drop: readonly string[] | null;
  /** For one attempt, in milliseconds; null for no limit. */
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy;
  readonly onError: "fail" | "continue";
  /** Agent that serves the stage when this one has finally failed. */
  readonly fallback: string | null;
  /** Agent that undoes what this one did when the run is rolled back. */
  readonly rollback: string | null;
  readonly breaker: BreakerPolicy | null;
  readonly call: AgentCallPlan;
}

export interface AdapterEntry {
  readonly key: string;
  readonly value: Expression;
}

export interface RetryPolicy {
  /** Attempts after the first. */
  readonly retries: number;
  readonly delayMs: number;
  readonly backoff: number;
  /** null: no cap. */
  readonly maxDelayMs: number | null;
  readonly jitter: boolean;
  readonly on: ReadonlySet<FailureKind>;
}

export interface BreakerPolicy {
  /** Failed attempts in a row that open the circuit. */
  readonly maxFailures: number;
  /** From its opening to the attempt that is let through. */
  readonly resetAfterMs: number;
}

/** What is called, by type. */
export type AgentCallPlan = ScriptCallPlan | LlmCallPlan | ModuleCallPlan | CannedCallPlan | PipelineCallPlan | FunctionCallPlan;

export interface ScriptCallPlan {
  readonly type: "script";
  /** The program and its arguments; or one line for `sh -c`. */
  readonly command: readonly Template[] | string;
  /** Absolute. */
  readonly cwd: string;
  readonly env: readonly { readonly name: string; readonly value: Template }[];
  readonly stdin: "json" | "none";
  readonly stdout: "json" | "text" | "lines";
  /** Bytes. */
  readonly maxOutput: number;
}

export interface LlmCallPlan {
  readonly type: "llm";
  readonly provider: ProviderPlan;
  readonly model: string;
  readonly systemPrompt: Template | null;
  /** null: the input goes in as JSON. */
  readonly prompt: Template | null;
  readonly temperature: number | null;
  readonly maxTokens: number | null;
  readonly topP: number | null;
  readonly seed: number | null;
  readonly stop: readonly string[] | null;
}

export interface ModuleCallPlan {
  readonly type: "module";
  /** Absolute path. */
  readonly module: string;
}

export interface CannedCallPlan {
  readonly type: "canned";
  /** One per call; the last repeats. Empty: replies nothing. */
  readonly replies: readonly Json[];
  readonly delayMs: number;
  readonly fail: FailureKind | null;
  /** How many first calls fail; null: all. */
  readonly failTimes: number | null;
}

export interface PipelineCallPlan {
  readonly type: "pipeline";
  readonly plan: Plan;
}

/** An agent that the library was given as a function. */
export interface FunctionCallPlan {
  readonly type: "function";
}

export interface ProviderPlan {
  readonly name: string;
  readonly baseUrl: string;
  /** The name of the variable that holds the key; null: the server needs none. */
  readonly apiKeyEnv: string | null;
  readonly headers: readonly { readonly name: string; readonly value: Template }[];
  readonly maxTokensField: "max_tokens" | "max_completion_tokens" | null;
}

export interface HookPlan {
  /** As given, or made from its position: `hooks[0]`. */
  readonly name: string;
  readonly on: readonly HookEvent[];
  /** null: all. */
  readonly agents: readonly string[] | null;
  readonly call:
    | { readonly type: "command"; readonly command: readonly string[]; readonly cwd: string }
    | { readonly type: "module"; readonly module: string };
  readonly timeoutMs: number | null;
}
