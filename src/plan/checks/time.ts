import { basename } from "node:path";
import type { Path, Related } from "../../spec/diagnostic.ts";
import { formatDuration } from "../../spec/duration.ts";
import type { Handlers } from "../../spec/handlers.ts";
import type { PipelineSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan, Element, StagePlan } from "../plan.ts";
import { type StageBound, type TimedPlan, type WorstCase, worstCase } from "../worst-case.ts";
import type { Graph } from "./reachability.ts";
import type { Report } from "./report.ts";

/** What is looked at to see whether everything comes in time. */
export interface Timing extends Graph {
  readonly spec: PipelineSpec;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly reached: ReadonlySet<string>;
  readonly handlers: Handlers;
  readonly report: Report;
}

/**
 * Warns of timeouts that can never fire, since the whole ends before, and of stages and runs that may not end in time.
 *
 * Only what the author has written counts: an agent under the default timeout counts as no time at all, and so does one whose
 * timeout is "none", which leaves it to the pipeline's. What only undoes stages runs after the pipeline's time.
 */
export function checkTime(timing: Timing): void {
  const { spec, effective, report } = timing;
  const stages = [...effective.values()].filter(({ name }) => timing.reached.has(name) && !timing.handlers.alone.has(name));
  for (const agent of stages) checkNestedTimeout(agent, timing);
  const limitMs = spec.orchestration.timeout ?? null;
  if (limitMs === null || checkTimeouts(stages, limitMs, timing)) return;
  // What stands in for something wrong takes no time that anybody knows.
  if (report.hasErrors || report.doubts.length > 0) return;
  const counted = countedPlan(timing);
  const worst = worstCase(counted);
  if (!checkStages(worst, counted, limitMs, timing)) checkRun(worst, limitMs, timing);
}

const PIPELINE_TIMEOUT: Path = ["orchestration", "timeout"];
const RUN_ENDS: Related = { path: PIPELINE_TIMEOUT, label: "the run ends after this" };

interface Written {
  readonly ms: number | null;
  readonly path: Path;
}

/** The timeout that an agent has by the file, not by default. */
function writtenTimeout({ keys, pathOf }: EffectiveAgent, { defaults }: PipelineSpec): Written | undefined {
  if (keys.timeout !== undefined) return { ms: keys.timeout, path: pathOf("timeout") };
  return defaults?.timeout === undefined ? undefined : { ms: defaults.timeout, path: ["defaults", "timeout"] };
}

/** Whether one was too long. Each is told once, however many agents have it. */
function checkTimeouts(stages: readonly EffectiveAgent[], limitMs: number, { spec, report }: Timing): boolean {
  const told = new Set<string>();
  for (const agent of stages) {
    const { ms = null, path = [] } = writtenTimeout(agent, spec) ?? {};
    if (ms === null || ms <= limitMs || told.has(path.join(" "))) continue;
    told.add(path.join(" "));
    const whom = path[0] === "defaults" ? "an agent" : `\`${agent.name}\``;
    report.warning(
      "timeout-above-pipeline",
      path,
      `this timeout can never end ${whom}: the whole run ends after ${formatDuration(limitMs)}`,
      {
        label: "longer than the run",
        related: [RUN_ENDS],
        help: "make it shorter than the run's, or give the run more time; timeout = \"none\" says that only the run's counts",
      },
    );
  }
  return told.size > 0;
}

/** The shorter of the two ends a nested pipeline. */
function checkNestedTimeout({ name, keys, pathOf }: EffectiveAgent, { agents, report }: Timing): void {
  const call = agents.get(name)?.call;
  const ms = keys.timeout ?? null;
  if (call?.type !== "pipeline" || ms === null || call.plan.timeoutMs === null || ms <= call.plan.timeoutMs) return;
  const { file, pipelineId, timeoutMs } = call.plan;
  const inner = file === null ? pipelineId : basename(file);
  report.warning(
    "timeout-above-pipeline",
    pathOf("timeout"),
    `this timeout can never end \`${name}\`: ${inner} ends by itself after ${formatDuration(timeoutMs)}`,
    {
      ...(file === null ? {} : { related: [{ file, path: PIPELINE_TIMEOUT, label: "it ends after this" }] }),
      help: `make it shorter than ${formatDuration(timeoutMs)}, or remove it`,
    },
  );
}

/** The pipeline with the times that count. */
function countedPlan({ spec, structure, branches, agents, effective }: Timing): TimedPlan {
  const counted = new Map([...agents].map(([name, agent]) => [name, countedAgent(agent, effective.get(name), spec)]));
  const stage = (one: StagePlan): StagePlan => ({ ...one, agent: counted.get(one.name) ?? one.agent });
  const element = (one: Element): Element => (one.kind === "group" ? { ...one, members: one.members.map(stage) } : stage(one));
  return {
    sequence: structure.sequence.map(element),
    elements: new Map([...structure.elements].map(([name, one]) => [name, element(one)])),
    agents: counted,
    branches,
    timeoutMs: null,
  };
}

function countedAgent(agent: AgentPlan, effective: EffectiveAgent | undefined, spec: PipelineSpec): AgentPlan {
  const writtenMs = effective === undefined ? null : (writtenTimeout(effective, spec)?.ms ?? null);
  const { call } = agent;
  // One that is late on its own is meant to be.
  if (call.type === "canned" && call.delayMs <= (spec.orchestration.timeout ?? 0)) return agent;
  const isLimited = writtenMs !== null || (call.type === "pipeline" && call.plan.timeoutMs !== null);
  return isLimited ? { ...agent, timeoutMs: writtenMs } : { ...agent, timeoutMs: 0, call: { type: "function" } };
}

/** Whether one is too long by itself. Stages that take their retries from one place are told together. */
function checkStages({ stages }: WorstCase, { elements }: TimedPlan, limitMs: number, timing: Timing): boolean {
  const { report } = timing;
  const told = new Set<string>();
  for (const bound of stages.flatMap((one) => [...one.members, one])) {
    if (bound.ms === null || bound.ms <= limitMs) continue;
    const path = placeOf(bound, timing);
    // That a group is too long because of a member is told at the member.
    const isTold = told.has(path.join(" ")) || bound.members.some(({ ms }) => (ms ?? 0) > limitMs);
    if (isTold) continue;
    told.add(path.join(" "));
    const what = elements.get(bound.name)?.kind === "group" ? `the group \`${bound.name}\`` : `\`${bound.name}\``;
    report.warning(
      "worst-case-above-timeout",
      path,
      `${what} can take ${sumOf(bound)}, and the run ends after ${formatDuration(limitMs)}`,
      {
        related: [RUN_ENDS],
        help: `give the run more than ${formatDuration(bound.ms)}, or ${LESS[String(path.at(-1))] ?? LESS.retries}`,
      },
    );
  }
  return told.size > 0;
}

/** What else helps, by the key that makes it long. */
const LESS: Readonly<Record<string, string>> = {
  retries: "try fewer times, or for less time each",
  fallback: "give less time to one of these agents",
  max_concurrency: "let more members run at once",
};

/** The key that makes it long: its timeout alone is not longer than the run's. */
function placeOf({ name, members }: StageBound, { spec, effective }: Timing): Path {
  if (members.length > 0) return ["orchestration", "sequential", "parallel", name, "max_concurrency"];
  const agent = effective.get(name);
  if (agent === undefined) return ["defaults", "retries"];
  const hasRetries = (agent.keys.retries ?? spec.defaults?.retries ?? 0) > 0;
  if (!hasRetries) return agent.pathOf("fallback");
  return agent.keys.retries === undefined ? ["defaults", "retries"] : agent.pathOf("retries");
}

function checkRun({ longestMs, arithmetic, through, stages }: WorstCase, limitMs: number, timing: Timing): void {
  if (longestMs === null || longestMs <= limitMs) return;
  const parts = stages.filter(({ name, ms }) => through.has(name) && ms !== 0).toSorted((a, b) => (b.ms ?? 0) - (a.ms ?? 0));
  const enough = roundedUp(longestMs);
  timing.report.warning(
    "worst-case-above-timeout",
    PIPELINE_TIMEOUT,
    `a run can take ${formatDuration(longestMs)} (${arithmetic}), and it ends after ${formatDuration(limitMs)}`,
    {
      related: parts.slice(0, PARTS_SHOWN).map((bound) => ({ path: tableOf(bound), at: "key", label: `up to ${sumOf(bound)}` })),
      help: `write timeout = "${enough}" or more, or give its stages fewer attempts or less time for each`,
      fix: { safe: false, edits: [{ path: PIPELINE_TIMEOUT, text: `"${enough}"` }] },
    },
  );
}

const PARTS_SHOWN = 3;

function tableOf({ name, members }: StageBound): Path {
  return members.length > 0 ? ["orchestration", "sequential", "parallel", name] : ["agents", name];
}

/** `1m 45s (3 × 30s + 5s + 10s)` */
function sumOf({ ms, arithmetic }: StageBound): string {
  const total = formatDuration(ms ?? 0);
  return arithmetic === total ? total : `${total} (${arithmetic})`;
}

/** A round duration, as the file writes it, that is not shorter. */
function roundedUp(ms: number): string {
  const unitMs = ms < MINUTE_MS ? 1000 : ms < 1440 * MINUTE_MS ? MINUTE_MS : 60 * MINUTE_MS;
  return formatDuration(Math.ceil(ms / unitMs) * unitMs).replace(" ", "");
}

const MINUTE_MS = 60_000;
