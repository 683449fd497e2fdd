import { basename } from "node:path";
import type { EffectiveAgent } from "../effective.ts";
import type { AgentPlan } from "../plan.ts";
import { type Started, startedBy } from "../started.ts";
import type { Template } from "../template.ts";
import type { Report } from "./report.ts";

/** Finds templates in code that a command gives a shell or another interpreter: whatever the value is would be part of that code. */
export function checkCodeTemplates(
  effective: ReadonlyMap<string, EffectiveAgent>,
  agents: ReadonlyMap<string, AgentPlan>,
  report: Report,
): void {
  for (const [name, agent] of effective) {
    const call = agents.get(name)?.call;
    if (call?.type === "script" && typeof call.command !== "string") checkCommand(agent, call.command, report);
  }
}

function checkCommand(agent: EffectiveAgent, command: readonly Template[], report: Report): void {
  // Most commands have nothing in them that could be code.
  if (command.every(({ parts }) => parts.length === 0)) return;
  const started = startedBy(command.map(({ text, constant }) => (constant ? text : null)));
  if (started?.kind !== "code") return;
  const path = [...agent.pathOf("command"), started.index];
  const [first, ...others] = placesIn(command[started.index]);
  if (first === undefined) return;
  report.error("template-in-shell", path, "a template in code would let data be run as code", {
    at: first,
    ...(others.length === 0 ? {} : { related: others.map((at) => ({ path, at, label: "and here" })) }),
    help: helpFor(started, command),
  });
}

/** Where the templates of a text stand, with their `${{` and `}}`. */
function placesIn(template: Template | undefined): { readonly start: number; readonly end: number }[] {
  return (template?.parts ?? []).map(({ expression, start }) => ({ start: start - 3, end: start + expression.text.length + 2 }));
}

function helpFor({ index, argument, passed }: Started, command: readonly Template[]): string {
  const before = command.slice(0, index).map(({ text }, place) => (place === 0 ? basename(text) : text));
  const example = [...before, `… ${argument} …`, ...passed].map((text) => `'${text}'`).join(", ");
  return `pass the value as a further argument: [${example}]; or in the env table`;
}
