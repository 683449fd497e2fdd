import type { AgentType } from "./spec.ts";

/** Keys of `[agents.NAME]` that every agent may have, whatever its type. */
export const COMMON_AGENT_KEYS = [
  "type",
  "description",
  "extends",
  "input",
  "output",
  "writes",
  "keep",
  "drop",
  "timeout",
  "retries",
  "retry_delay",
  "retry_backoff",
  "retry_max_delay",
  "retry_jitter",
  "retry_on",
  "on_error",
  "fallback",
  "rollback",
  "circuit_breaker",
] as const;

/** Keys of `[agents.NAME]` that belong to one type. */
export const AGENT_KEYS_BY_TYPE = {
  script: ["command", "shell", "cwd", "env", "stdin", "stdout", "max_output"],
  llm: ["provider", "model", "system_prompt", "prompt", "prompt_file", "temperature", "max_tokens", "top_p", "seed", "stop"],
  module: ["module"],
  canned: ["reply", "replies", "delay", "fail", "fail_times"],
  pipeline: ["file"],
} as const satisfies Record<AgentType, readonly string[]>;

/** Pairs of agent keys of which an agent can have one. An agent's own key displaces the other one where a base brings it. */
export const EXCLUSIVE_AGENT_KEYS = [
  ["command", "shell"],
  ["prompt", "prompt_file"],
  ["reply", "replies"],
  ["keep", "drop"],
] as const;
