import type { Path } from "../../spec/diagnostic.ts";
import { formatDuration } from "../../spec/duration.ts";
import type { AgentSpec, FailureKind, PipelineSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan } from "../plan.ts";
import type { More, Report } from "./report.ts";

/** What is looked at to see whether retries do something. */
export interface Retrying {
  readonly spec: PipelineSpec;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly report: Report;
}

/**
 * Finds keys for retries that change nothing: without retries, without a wait that could grow, or for failures that never come.
 *
 * A key is judged by all agents that have it, through `extends` and [defaults] too: it is told where it does nothing for any.
 */
export function checkRetries(retrying: Retrying): void {
  // An agent that could not be taken as it is written may be the one that a key is for.
  const isDoubtful = retrying.report.doubts.some(([table]) => table === "agents" || table === "defaults");
  if (isDoubtful || [...retrying.effective.values()].some(({ isWhole }) => !isWhole)) return;
  const keys = writtenKeys(retrying);
  const groups = Map.groupBy(keys, (key) => [...key.path.slice(0, -1), idlenessOf(key, retrying)].join(" "));
  for (const [first, ...others] of groups.values()) if (first !== undefined) tell(first, others, retrying);
}

const KEYS = ["retry_delay", "retry_backoff", "retry_max_delay", "retry_jitter", "retry_on"] as const;

/** A key in the file, and the agents that have it from there. */
interface WrittenKey {
  readonly key: (typeof KEYS)[number];
  readonly path: Path;
  readonly users: readonly User[];
  /** Of these, the ones that are tried again. */
  readonly retried: readonly User[];
}

/** An agent with its keys after `extends` and [defaults]. */
interface User {
  readonly agent: EffectiveAgent;
  readonly keys: AgentSpec;
}

function writtenKeys({ spec, effective }: Retrying): WrittenKey[] {
  const written = new Map<string, WrittenKey & { readonly users: User[]; readonly retried: User[] }>();
  const note = (table: Path, keys: object): void => {
    for (const key of retryKeys(keys)) written.set([...table, key].join(" "), { key, path: [...table, key], users: [], retried: [] });
  };
  note(["defaults"], spec.defaults ?? {});
  for (const [name, keys] of Object.entries(spec.agents ?? {})) note(["agents", name], keys);
  for (const agent of effective.values()) {
    const keys = { ...spec.defaults, ...agent.keys };
    for (const key of retryKeys(keys)) {
      const path = agent.keys[key] === undefined ? ["defaults", key] : agent.pathOf(key);
      const place = written.get(path.join(" "));
      place?.users.push({ agent, keys });
      if ((keys.retries ?? 0) > 0) place?.retried.push({ agent, keys });
    }
  }
  return [...written.values()];
}

/** In the order of the file. */
function retryKeys(keys: object): (typeof KEYS)[number][] {
  return Object.keys(keys).flatMap((key) => KEYS.find((one) => one === key) ?? []);
}

type Idleness = "no-retries" | "zero-retries" | "one-retry" | "no-wait" | "none";

/** Why a key does nothing for any agent that has it. */
function idlenessOf({ key, path, users, retried }: WrittenKey, { spec, effective }: Retrying): Idleness {
  if (retried.length === 0) {
    // Agents that only code knows take the defaults as well, and so do those that are still to be written.
    const hasRetries = ({ retries = 0 }: AgentSpec): boolean => retries > 0;
    const isForOthers = hasRetries(spec.defaults ?? {}) || [...effective.values()].some(({ keys }) => hasRetries(keys));
    if (path[0] === "defaults" && isForOthers) return "none";
    return users.some(({ keys }) => keys.retries === 0) ? "zero-retries" : "no-retries";
  }
  if (key === "retry_on" || key === "retry_delay") return "none";
  if (retried.every(({ keys }) => keys.retry_delay === 0)) return "no-wait";
  return key === "retry_backoff" && retried.every(({ keys }) => keys.retries === 1) ? "one-retry" : "none";
}

/** Tells of keys of one table that do nothing for one reason, or looks further at those that do something. */
function tell(first: WrittenKey, others: readonly WrittenKey[], retrying: Retrying): void {
  const { report } = retrying;
  const keys = [first, ...others];
  const idleness = idlenessOf(first, retrying);
  if (idleness === "none") return keys.forEach((key) => checkValue(key, retrying));
  const does = others.length === 0 ? "does" : "do";
  const them = others.length === 0 ? "it" : "them";
  const [reason, help] = REASONS[idleness](first.path[0] === "defaults" ? "no agent" : `\`${String(first.path[1])}\``);
  const message = `${keys.map(({ key }) => `\`${key}\``).join(", ")} ${does} nothing here: ${reason}`;
  const more: More = {
    at: "key",
    ...(others.length === 0 ? {} : { related: others.map(({ path }) => ({ path, at: "key", label: "nor does this" })) }),
    help: `remove ${them}${help}`,
    // Where a key waits for another, that one may have been forgotten.
    fix: {
      safe: idleness !== "no-retries" && idleness !== "zero-retries",
      edits: keys.map(({ path }) => ({ path, at: "entry", text: "" })),
    },
  };
  // What is only too small to matter may be meant for a time when it is more.
  if (idleness === "no-retries") report.error("no-effect", first.path, message, more);
  else report.warning("no-effect", first.path, message, more);
}

const REASONS: Record<Exclude<Idleness, "none">, (who: string) => readonly [reason: string, help: string]> = {
  "no-retries": (who) => [who === "no agent" ? `${who} has \`retries\`` : `${who} has no \`retries\``, ", or add retries = 2"],
  "zero-retries": (who) => [
    who === "no agent" ? `${who} has more than 0 \`retries\`` : `${who} has 0 \`retries\``,
    ", or write retries = 2",
  ],
  "one-retry": () => ["there is one retry, and the wait grows from the second on", ""],
  "no-wait": () => ["there is no wait, since `retry_delay` is zero", ""],
};

function checkValue({ key, path, retried }: WrittenKey, retrying: Retrying): void {
  if (key === "retry_on") checkKinds(path, retried, retrying);
  if (key === "retry_delay") checkCap(path, retried, retrying);
}

/** A delay above the longest wait is cut to that, which is a minute where nothing else is written. */
function checkCap(path: Path, retried: readonly User[], { report }: Retrying): void {
  const [user] = retried;
  if (user === undefined || !retried.every(({ keys }) => (keys.retry_delay ?? 0) > capOf(keys))) return;
  const { keys, agent } = user;
  const delay = formatDuration(keys.retry_delay ?? 0);
  const cap = formatDuration(capOf(keys));
  if (keys.retry_max_delay === undefined) {
    report.warning("capped-delay", path, `this wait is cut to ${cap}, the default of \`retry_max_delay\``, {
      help: `add retry_max_delay = "${delay.replace(" ", "")}" or more, or shorten the wait`,
    });
    return;
  }
  const written = agent.keys.retry_max_delay === undefined ? ["defaults", "retry_max_delay"] : agent.pathOf("retry_max_delay");
  report.warning("capped-delay", path, `this wait is cut to ${cap}, the longest that \`retry_max_delay\` allows`, {
    related: [{ path: written, label: "the longest wait" }],
    help: `write retry_max_delay = "${delay.replace(" ", "")}" or more, or shorten the wait`,
  });
}

function capOf({ retry_max_delay: most = DEFAULT_MAX_DELAY_MS }: AgentSpec): number {
  return most ?? Number.POSITIVE_INFINITY;
}

const DEFAULT_MAX_DELAY_MS = 60_000;

/** Entries of `retry_on` that no agent that has the list can fail with. */
function checkKinds(path: Path, retried: readonly User[], { agents, effective, report }: Retrying): void {
  // Agents that only code knows take the defaults as well.
  if (path[0] === "defaults" && agents.size > effective.size) return;
  const possible = retried.map(({ agent }) => KINDS[agents.get(agent.name)?.call.type ?? "function"]);
  const happens = (kind: FailureKind): boolean => possible.some((kinds) => kinds === null || kinds.includes(kind));
  const list = retried[0]?.keys.retry_on ?? [];
  const who = retried.length === 1 ? `\`${retried[0]?.agent.name}\` never` : "no agent that uses this list";
  const other = [...new Set(possible.flatMap((kinds) => kinds ?? []))].join(", ");
  for (const [index, kind] of list.entries()) {
    if (happens(kind)) continue;
    report.warning("pointless-retry", [...path, index], `${who} fails as \`${kind}\``, {
      label: "never happens",
      help: list.some(happens) ? `remove it; what can be retried: ${other}` : `what can be retried: ${other}`,
      ...(list.some(happens) ? { fix: { safe: true, edits: [{ path: [...path, index], at: "entry", text: "" }] } } : {}),
    });
  }
}

type Type = AgentPlan["call"]["type"];

/** How an attempt of each type can fail, without what is never retried; null: in any way. */
const KINDS: Readonly<Record<Type, readonly FailureKind[] | null>> = {
  script: ["timeout", "exit", "signal", "spawn", "invalid_output"],
  llm: ["timeout", "rate_limit", "server_error", "connection", "invalid_output", "content_filter", "truncated"],
  // What an author's code throws says itself what it is, and what stands in for another agent keeps what is written for that one.
  module: null,
  function: null,
  canned: null,
  pipeline: null,
};
