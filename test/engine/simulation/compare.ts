import type { Outcome } from "../../../src/engine/durable.ts";
import type { RunResult } from "../../../src/index.ts";
import type { Entries, Life } from "./life.ts";
import { shapeOf, type Shape } from "./shape.ts";
import type { SimPipeline, SimWorld } from "./world.ts";

/**
 * Agents that another member of their group may stop. Whether they were faster than the stop depends on time, and time
 * passes differently when a run dies and goes on; nothing else depends on it, since a group that fails merges nothing.
 */
function stoppable(pipeline: SimPipeline): Set<string> {
  const names = new Set<string>();
  for (const { members, bad } of pipeline.groups.values())
    if (bad !== null) for (const member of members) if (member !== bad) names.add(member);
  for (const { nested } of pipeline.agents.values()) if (nested !== null) for (const name of stoppable(nested)) names.add(name);
  return names;
}

/** The shape of a result without the stages that depend on time. */
export function timelessShape(world: SimWorld, result: RunResult | null): Shape {
  const timely = stoppable(world.main);
  const shape = shapeOf(result);
  const stages = shape.stages.filter(
    (line) => !namesIn(line.slice(line.indexOf(" ") + 1, line.indexOf(":"))).some((name) => timely.has(name)),
  );
  return { ...shape, stages };
}

/** What was recorded, without times and messages, and without the stages that depend on time. */
export function timelessEntries(world: SimWorld, entries: Entries): string[] {
  const timely = stoppable(world.main);
  return entries
    .filter(([key]) => !namesIn(key.slice(0, key.lastIndexOf("!"))).some((name) => timely.has(name)))
    .map(([key, outcome]) => `${key}: ${outcomeLine(outcome)}`)
    .toSorted();
}

function outcomeLine({ settled, agent, attempt, wrote, failure, retry_in_ms, decision }: Outcome): string {
  return `${settled} by ${agent}#${attempt} ${failure?.kind ?? "ok"} ${JSON.stringify(wrote)}, then ${retry_in_ms} ${JSON.stringify(decision)}`;
}

/** `x~1/g/a~2 (g)` → x, g, a */
function namesIn(key: string): string[] {
  return key
    .replace(/ .*/, "")
    .split("/")
    .map((part) => part.replace(/[~@].*/, ""));
}

/**
 * Calls that left no record of their own, and records that no call made. A failing `input` makes a record without a call, and
 * so does a stop that comes before it.
 */
export function callsWithoutRecord(world: SimWorld, { calls, entries }: Life, before: Entries): { calls: string[]; records: string[] } {
  const known = new Set(before.map(([key]) => key));
  const records = entries.filter(([key, { agent }]) => !known.has(key) && agent !== null && world.scripts.has(agent));
  const left = [...calls];
  const unmade: string[] = [];
  const mayLackCall = ([, { failure, stopped_by }]: Entries[number]): boolean => failure?.kind === "expression" || stopped_by !== null;
  // Those that must have been made by a call come first, so that no other takes it away from them.
  for (const [key, outcome] of records.toSorted((one, other) => Number(mayLackCall(one)) - Number(mayLackCall(other)))) {
    const call = `${key.slice(0, key.lastIndexOf("!"))} ${outcome.agent} #${outcome.attempt}`;
    const index = left.indexOf(call);
    if (index !== -1) left.splice(index, 1);
    else if (!mayLackCall([key, outcome])) unmade.push(call);
  }
  return { calls: left, records: unmade };
}

/** Visits that succeeded more than once. */
export function succeededTwice(entries: Entries): string[] {
  const seen = new Set<string>();
  const twice: string[] = [];
  for (const [key, { settled }] of entries) {
    const visit = key.slice(0, key.lastIndexOf("!"));
    if (settled !== "succeeded" || visit === "run") continue;
    if (seen.has(visit)) twice.push(visit);
    seen.add(visit);
  }
  return twice;
}

/** Calls for visits that had succeeded or been tolerated, or in what had: a group, a nested pipeline. */
export function callsInside({ calls }: Life, entries: Entries): string[] {
  const ended = new Set(
    entries.flatMap(([key, { settled }]) =>
      settled === "succeeded" || settled === "tolerated" ? [key.slice(0, key.lastIndexOf("!"))] : [],
    ),
  );
  return calls.filter((call) => enclosing(call.slice(0, call.indexOf(" "))).some((visit) => ended.has(visit)));
}

/** `n~1@b/g/m~2/x~1` → n~1, n~1@b/g~2, n~1@b/g/m~2, n~1@b/g/m~2/x~1 */
function enclosing(visit: string): string[] {
  const parts = visit.split("/");
  return parts.map((part, index) => {
    const before = parts
      .slice(0, index)
      .map((outer) => `${outer}/`)
      .join("");
    const member = part.includes("~") ? "" : (parts[index + 1] ?? "").replace(/^[^~]*|@.*$/g, "");
    return `${before}${part.replace(/@.*/, "")}${member}`;
  });
}
