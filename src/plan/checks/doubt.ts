import { AGENT_KEYS_BY_TYPE, COMMON_AGENT_KEYS } from "../../spec/agent-keys.ts";
import type { Path } from "../../spec/diagnostic.ts";
import { NAMELESS } from "../../spec/salvage.ts";

/**
 * Whether a place that could not be taken as it is written may say who runs, or which keys there are. If so, nothing can be
 * said about what no run comes to, and about what nothing writes.
 */
export function hidesFlow(doubt: Path): boolean {
  const [table, name, key] = doubt;
  switch (table) {
    case "name":
    case "description":
    case "secrets":
    case "defaults":
    case "providers":
    case "hooks":
      return false;
    // Of an input only the name counts.
    case "inputs":
      return name === undefined || name === NAMELESS;
    case "agents":
      return key === undefined || !KNOWN_AGENT_KEYS.has(String(key)) || FLOW_KEYS.has(String(key));
    case "orchestration":
      return name === "sequential" && !HARMLESS_KEYS.has(String(doubt.findLast((part) => typeof part === "string")));
    default:
      return true;
  }
}

/** The same for what is read. */
export function hidesReads(doubt: Path): boolean {
  const [table, , key] = doubt;
  return hidesFlow(doubt) || (table === "agents" && READING_KEYS.has(String(key)));
}

/** The same for who only undoes stages, and so needs less. */
export function hidesHandlers(doubt: Path): boolean {
  return doubt[0] === "agents" && (doubt[2] === "rollback" || doubt[2] === NAMELESS);
}

const KNOWN_AGENT_KEYS: ReadonlySet<string> = new Set([...COMMON_AGENT_KEYS, ...Object.values(AGENT_KEYS_BY_TYPE).flat()]);
const FLOW_KEYS: ReadonlySet<string> = new Set([
  "type",
  "extends",
  "fallback",
  "rollback",
  "output",
  "writes",
  "keep",
  "drop",
  "on_error",
  "stdout",
  "reply",
  "replies",
  "file",
]);
const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  "pipeline",
  "fail_fast",
  "checkpoint_frequency",
  "save_intermediate_results",
  "compress_above",
  "rollback",
  "max_concurrency",
  "max_times",
]);
const READING_KEYS: ReadonlySet<string> = new Set(["command", "shell", "env", "input", "prompt", "prompt_file", "system_prompt"]);
