import type { Json } from "./json.ts";

/**
 * The pipeline file as its author writes it, and the same after reading.
 *
 * `…Definition` is the form of the file and of definitions given in code: durations are strings such as "30s".
 * `…Spec` is what the reader makes of it: plain, frozen data, names as written, durations in milliseconds (`null`: no
 * limit), sizes in bytes. No default is filled in here; that is the plan's work.
 */

/** `"500ms"`, `"30s"`, `"2m"`, `"1h30m"`, or `"none"` for no limit. */
export type DurationText = string;
/** `"10MB"`, `"8KB"`, `"512B"`. */
export type SizeText = string;

export const AGENT_TYPES = ["script", "llm", "module", "canned", "pipeline"] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

export const INPUT_TYPES = ["string", "number", "integer", "boolean", "list", "object"] as const;
export type InputType = (typeof INPUT_TYPES)[number];

export const HOOK_EVENTS = [
  "before_run",
  "before_stage",
  "after_stage",
  "stage_error",
  "retry",
  "branch",
  "rollback",
  "after_run",
] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** Every way in which an attempt can fail. */
export const FAILURE_KINDS = [
  "timeout",
  "exit",
  "signal",
  "spawn",
  "invalid_output",
  "rate_limit",
  "server_error",
  "connection",
  "auth",
  "quota",
  "invalid_request",
  "content_filter",
  "truncated",
  "expression",
  "conflict",
  "circuit_open",
  "cancelled",
  "deadline",
  "internal",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** What `retry_on` stands for when it is absent. */
export const RETRYABLE_KINDS = ["timeout", "exit", "signal", "invalid_output", "rate_limit", "server_error", "connection"] as const;

/** Kinds that another attempt cannot mend; `retry_on` refuses them. */
export const NEVER_RETRIED_KINDS = [
  "auth",
  "quota",
  "invalid_request",
  "circuit_open",
  "conflict",
  "cancelled",
  "deadline",
  "expression",
] as const;

/** Keys that `[defaults]` and `[agents.NAME]` share, generic in how a duration is represented. */
interface RetryKeys<Duration> {
  timeout?: Duration;
  retries?: number;
  retry_delay?: Duration;
  retry_backoff?: number;
  retry_max_delay?: Duration;
  retry_jitter?: boolean;
  retry_on?: readonly FailureKind[];
  on_error?: "fail" | "continue";
}

interface DefaultsKeys<Duration> extends RetryKeys<Duration> {
  provider?: string;
  model?: string;
  temperature?: number;
  max_tokens?: number;
}

/** One agent: the keys of every type in one flat table, as in the file. */
interface AgentKeys<Duration, Size> extends RetryKeys<Duration> {
  type?: AgentType;
  description?: string;
  extends?: string;
  input?: Readonly<Record<string, string>>;
  output?: string | Readonly<Record<string, string>>;
  writes?: readonly string[];
  keep?: readonly string[];
  drop?: readonly string[];
  fallback?: string;
  rollback?: string;
  circuit_breaker?: { max_failures: number; reset_after: Duration };
  // script
  command?: readonly string[];
  shell?: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  stdin?: "json" | "none";
  stdout?: "json" | "text" | "lines";
  max_output?: Size;
  // llm
  provider?: string;
  model?: string;
  system_prompt?: string;
  prompt?: string;
  prompt_file?: string;
  temperature?: number;
  max_tokens?: number;
  top_p?: number;
  seed?: number;
  stop?: readonly string[];
  // module
  module?: string;
  // canned
  reply?: Json;
  replies?: readonly Json[];
  delay?: Duration;
  fail?: FailureKind;
  fail_times?: number;
  // pipeline
  file?: string;
}

interface InputKeys {
  type?: InputType;
  required?: boolean;
  default?: Json;
  enum?: readonly Json[];
  description?: string;
}

interface ProviderKeys {
  base_url?: string;
  api_key_env?: string;
  headers?: Readonly<Record<string, string>>;
  max_tokens_field?: "max_tokens" | "max_completion_tokens";
}

interface GroupKeys {
  agents: readonly string[];
  max_concurrency?: number;
  merge?: "flat" | "namespace" | "prefix";
  on_error?: "fail" | "continue";
  min_success?: number;
}

interface BranchKeys {
  from_agent: string;
  condition?: string;
  to_agent?: string;
  end?: true;
  max_times?: number;
}

interface HookKeys<Duration> {
  name?: string;
  on: HookEvent | readonly HookEvent[];
  agents?: readonly string[];
  command?: readonly string[];
  module?: string;
  timeout?: Duration;
}

interface PipelineKeys<Duration, Size> {
  name?: string;
  description?: string;
  secrets?: { env?: readonly string[] };
  inputs?: Readonly<Record<string, InputKeys>>;
  defaults?: DefaultsKeys<Duration>;
  agents?: Readonly<Record<string, AgentKeys<Duration, Size>>>;
  providers?: Readonly<Record<string, ProviderKeys>>;
  orchestration: {
    mode?: "sequential";
    timeout?: Duration;
    sequential: {
      agents: readonly string[];
      pipeline?: {
        fail_fast?: boolean;
        checkpoint_frequency?: number;
        save_intermediate_results?: boolean;
        compress_above?: Size;
        rollback?: "auto" | "manual";
      };
      parallel?: Readonly<Record<string, GroupKeys>>;
      branches?: readonly BranchKeys[];
    };
  };
  hooks?: readonly HookKeys<Duration>[];
}

/** A pipeline as written in a file, or given in code to the library. */
export type PipelineDefinition = PipelineKeys<DurationText, SizeText>;
export type AgentDefinition = AgentKeys<DurationText, SizeText>;

/** A pipeline after reading: well-formed, but its names are not resolved yet. */
export type PipelineSpec = PipelineKeys<number | null, number>;
export type AgentSpec = AgentKeys<number | null, number>;
export type InputSpec = InputKeys;
export type ProviderSpec = ProviderKeys;
export type GroupSpec = GroupKeys;
export type BranchSpec = BranchKeys;
