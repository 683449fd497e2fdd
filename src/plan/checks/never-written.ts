import type { Path } from "../../spec/diagnostic.ts";
import type { Handlers } from "../../spec/handlers.ts";
import { isJsonObject } from "../../spec/json.ts";
import { nearest } from "../../spec/suggest.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan } from "../plan.ts";
import { keyOf, servingAgents } from "../writes.ts";
import { hidesFlow } from "./doubt.ts";
import { listed, type More, type Report } from "./report.ts";

/** Who may write what. */
export interface Writers {
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly reached: ReadonlySet<string>;
  readonly handlers: Handlers;
  readonly report: Report;
}

/** Finds keys in `writes` that the agent can never set, as its own `output` or its replies show: every success would be a failure. */
export function checkNeverWritten(writers: Writers): void {
  const { effective, agents, reached, handlers, report } = writers;
  // Who only undoes stages need not write what it says.
  if (report.hasUnknownNames || report.doubts.some(hidesFlow)) return;
  for (const [name, agent] of effective) {
    const plan = agents.get(name);
    if (plan === undefined || plan.writes === null || !reached.has(name) || handlers.alone.has(name)) continue;
    const possible = possibleKeys(plan, agent, agents);
    if (possible !== null && !isDoubtful(agent, report)) checkWrites(agent, plan.writes, possible, report);
  }
}

/** The keys that an agent may set, and the key of its table that shows it. */
interface Possible {
  readonly keys: readonly string[];
  readonly shownBy: "output" | "reply" | "replies" | null;
}

/** null: it does not show. */
function possibleKeys(agent: AgentPlan, { keys: written }: EffectiveAgent, agents: Writers["agents"]): Possible | null {
  const { output, call } = agent;
  if (output !== null) return { keys: typeof output === "string" ? [output] : output.map(({ key }) => key), shownBy: "output" };
  if (call.type === "llm") {
    const served = [...agents.values()].filter((one) => servingAgents(one, agents).includes(agent));
    return { keys: served.map(({ name }) => keyOf(name)), shownBy: null };
  }
  // One that always fails writes nothing in any case; a text goes where that of the model goes that it stands in for.
  if (call.type !== "canned" || (call.fail !== null && call.failTimes === null) || call.replies.some(isText)) return null;
  const keys = new Set(call.replies.flatMap((reply) => (isJsonObject(reply) ? Object.keys(reply) : [])));
  return { keys: [...keys], shownBy: (["replies", "reply"] as const).find((key) => written[key] !== undefined) ?? null };
}

function isText(reply: unknown): boolean {
  return typeof reply === "string";
}

/** Whether some of it could not be taken as it is written. */
function isDoubtful({ name, bases, isWhole }: EffectiveAgent, report: Report): boolean {
  return !isWhole || [name, ...bases].some((one) => report.doubtsIn(["agents", one]));
}

function checkWrites(agent: EffectiveAgent, writes: readonly string[], possible: Possible, report: Report): void {
  const wrong = writes.flatMap((key, index) => (possible.keys.includes(key) ? [] : [{ key, path: [...agent.pathOf("writes"), index] }]));
  for (const { key, path } of wrong)
    report.doubtful(
      "never-written",
      path,
      `\`${agent.name}\` never writes \`${key}\`, so that every success of it would count as a failure`,
      {
        ...relatedTo(agent, possible),
        ...mending(key, path, possible.keys),
      },
    );
}

function relatedTo(agent: EffectiveAgent, { shownBy }: Possible): Pick<More, "related"> {
  return shownBy === null ? {} : { related: [{ path: agent.pathOf(shownBy), label: "all that it writes" }] };
}

/** It is no more than a guess, since what it does write may be the misspelt one. */
function mending(key: string, path: Path, keys: readonly string[]): Pick<More, "help" | "fix"> {
  const near = nearest(key, keys);
  if (near === undefined)
    return { help: `it writes ${keys.length === 0 ? "nothing" : listed(keys)}; remove \`${key}\` here, or let it write that` };
  return { help: `did you mean \`${near}\`?`, fix: { safe: false, edits: [{ path, text: JSON.stringify(near) }] } };
}
