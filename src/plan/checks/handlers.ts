import type { Path } from "../../spec/diagnostic.ts";
import type { Handlers } from "../../spec/handlers.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan, Plan, PlanSource } from "../plan.ts";
import { undoneInCircles } from "./circles.ts";
import { hidesFlow } from "./doubt.ts";
import type { Report } from "./report.ts";

/** Who is undone by whom. */
export interface Undoing {
  readonly source: PlanSource;
  readonly handlers: Handlers;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  /** Agents that others extend: what they have may be for these. */
  readonly extended: ReadonlySet<string>;
  readonly report: Report;
}

/** Tells what does nothing on an agent that only undoes stages, and a rule for rollbacks where there is nothing to roll back. */
export function checkHandlers({ source, handlers, effective, agents, extended, report }: Undoing): void {
  if (report.hasUnknownNames || report.doubts.some(hidesFlow)) return;
  const circles = undoneInCircles(effective);
  for (const name of handlers.alone) {
    // What it takes over is as it is for the agent that it extends.
    const own = Object.keys(source.spec.agents?.[name] ?? {});
    for (const [key, reason] of Object.entries(NO_EFFECT)) {
      if (!own.includes(key) || extended.has(name) || (key === "rollback" && circles.has(name))) continue;
      report.error("no-effect", ["agents", name, key], `\`${key}\` does nothing here: \`${name}\` only undoes stages, and ${reason}`, {
        at: "key",
        ...relatedTo(name, effective),
        help: `remove \`${key}\``,
        // Who undoes it may have nothing else to do.
        ...(key === "rollback" ? {} : { fix: { safe: true, edits: [{ path: ["agents", name, key], at: "entry", text: "" }] } }),
      });
    }
  }
  const isPlanned = Object.keys(source.pipelines).length === new Set(nestedPlans(agents.values())).size;
  const mode = source.spec.orchestration.sequential.pipeline?.rollback;
  if (mode === undefined || !isPlanned || canUndo([...agents.values()])) return;
  const path: Path = ["orchestration", "sequential", "pipeline", "rollback"];
  report.error("no-effect", path, "`rollback` does nothing here: no agent has one", {
    at: "key",
    fix: { safe: true, edits: [{ path, at: "entry", text: "" }] },
    help: 'remove it, or say in [agents.NAME] which agent undoes that one: rollback = "…"',
  });
}

const NO_EFFECT = {
  output: "what it returns goes nowhere",
  writes: "what it returns goes nowhere",
  keep: "the state is not touched by it",
  drop: "the state is not touched by it",
  on_error: "a rollback always goes on after a failure",
  rollback: "that is undone by nothing",
} as const;

/** Where it is named. */
function relatedTo(name: string, effective: ReadonlyMap<string, EffectiveAgent>): { related: { path: Path; label: string }[] } {
  const undone = [...effective.values()].find(({ keys }) => keys.rollback === name || keys.fallback === name);
  const path = undone?.pathOf(undone.keys.rollback === name ? "rollback" : "fallback");
  return { related: path === undefined ? [] : [{ path, label: "named here" }] };
}

function nestedPlans(agents: Iterable<AgentPlan>): Plan[] {
  return [...agents].flatMap(({ call }) => (call.type === "pipeline" ? [call.plan] : []));
}

/** Whether one of these agents can be undone, or a stage in one of them that is a pipeline. */
export function canUndo(agents: readonly AgentPlan[]): boolean {
  return agents.some(({ rollback }) => rollback !== null) || nestedPlans(agents).some((plan) => canUndo([...plan.agents.values()]));
}
