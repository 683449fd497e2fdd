import { chanceOf } from "./chance.ts";
import type { Entries } from "./life.ts";
import type { Script, SimAgent, SimPipeline, SimWorld } from "./world.ts";

/** The same world with handlers that undo its stages: some fail, some only at first, all take their time. */
export function withHandlers(world: SimWorld): SimWorld {
  const chance = chanceOf(world.seed + 1_000_000);
  const scripts = new Map(world.scripts);
  const handler = (name: string): SimAgent => {
    const forever = chance.oneIn(6);
    const retries = chance.below(2);
    scripts.set(name, {
      name,
      delayMs: chance.between(1, 1000),
      mishaps: forever || chance.oneIn(4) ? [chance.oneIn(4) ? "hang" : { kind: "exit" }] : [],
      forever,
      gives: chance.pick(["keys", "echo", "nothing"]),
      sets: ["k0"],
      ignoresAbort: chance.oneIn(3),
    } satisfies Script);
    return { ...PLAIN, name, timeoutMs: 5000, retries, retryDelayMs: chance.between(1, 1000) };
  };
  const pipeline = (made: SimPipeline): SimPipeline => {
    const agents = new Map<string, SimAgent>();
    const handlers = new Map<string, SimAgent>();
    for (const [name, agent] of made.agents) {
      const rollback = chance.oneIn(2) ? `u_${name}` : null;
      agents.set(name, { ...agent, rollback, nested: agent.nested === null ? null : pipeline(agent.nested) });
      if (rollback !== null) handlers.set(rollback, handler(rollback));
    }
    // Where nothing that is reached has a handler, the key would do nothing.
    const isUndone = made.sequence.some((name) => (agents.get(name)?.rollback ?? null) !== null);
    return {
      ...made,
      agents,
      handlers,
      rollback: isUndone && chance.oneIn(5) ? "manual" : "auto",
      checkpointFrequency: chance.below(4),
    };
  };
  return { ...world, main: pipeline(world.main), scripts };
}

const PLAIN: Omit<SimAgent, "name" | "timeoutMs" | "retries" | "retryDelayMs"> = {
  nested: null,
  backoff: 1,
  maxDelayMs: 10_000,
  jitter: false,
  retryOn: null,
  onError: "fail",
  fallback: null,
  rollback: null,
  keep: null,
  drop: null,
  input: null,
  output: null,
};

/** Every pipeline of a world, the nested ones too. */
export function pipelinesOf(pipeline: SimPipeline): SimPipeline[] {
  return [pipeline, ...[...pipeline.agents.values()].flatMap(({ nested }) => (nested === null ? [] : pipelinesOf(nested)))];
}

/** A visit that is to be undone, and by which agent. */
export interface Finished {
  readonly visit: string;
  readonly handler: string;
}

/**
 * What has to be undone, the first to be undone first, by what was recorded: every visit that succeeded, by the handler of the
 * agent that served it, in the reverse order of the latest successes; members of a group in the reverse order of its list.
 *
 * @param byItself only what pipelines with rollback = "auto" want undone
 */
export function toUndo(world: SimWorld, entries: Entries, byItself: boolean): Finished[] {
  const all = pipelinesOf(world.main);
  const found = new Map<string, Finished & { readonly position: number; readonly round: readonly string[] }>();
  for (const [position, [key, { settled, agent }]] of entries.entries()) {
    const [visit, round] = [key.slice(0, key.lastIndexOf("!")), key.slice(key.lastIndexOf("!") + 1)];
    if (settled !== "succeeded" || key.startsWith("rollback") || agent === null) continue;
    const owner = all.find(({ agents }) => agents.has(agent));
    const handler = owner?.agents.get(agent)?.rollback ?? null;
    if (handler === null || (byItself && owner?.rollback === "manual")) continue;
    found.set(visit, { visit, handler, position, round: round.replace(/[@#].*/, "").split(".") });
  }
  const members = new Map(all.flatMap(({ groups }) => [...groups.values()].map((group) => [group.name, group.members] as const)));
  return [...found.values()].toSorted((one, other) => {
    const [ours, theirs] = [one.visit.split("/"), other.visit.split("/")];
    const fork = ours.findIndex((part, index) => part !== theirs[index]);
    const group = members.get(ours[fork - 1] ?? "");
    const depth = ours.slice(0, fork).filter((part) => part.includes("~")).length;
    // Of the same visit to the group, in the same round.
    const [sameVisit, sameRound] = [numberOf(ours[fork]) === numberOf(theirs[fork]), roundTo(one, depth) === roundTo(other, depth)];
    if (group === undefined || !sameVisit || !sameRound || nameOf(ours[fork]) === nameOf(theirs[fork]))
      return other.position - one.position;
    return group.indexOf(nameOf(theirs[fork])) - group.indexOf(nameOf(ours[fork]));
  });
}

function roundTo({ round }: { readonly round: readonly string[] }, depth: number): string {
  return round.slice(0, depth + 1).join(".");
}

/** `a~2@b` → `2` */
function numberOf(part: string | undefined): string {
  return /~(\d+)/.exec(part ?? "")?.[1] ?? "";
}

function nameOf(part: string | undefined): string {
  return (part ?? "").replace(/[~@].*/, "");
}

/** How a handler ends, by its script alone, and how long that takes. */
export function predictUndo(world: SimWorld, name: string): { succeeds: boolean; attempts: number; durationMs: number } {
  const agent = pipelinesOf(world.main).flatMap(({ handlers }) => handlers.get(name) ?? [])[0];
  const script = world.scripts.get(name);
  if (agent === undefined || script === undefined) throw new Error(`there is no handler ${name}`);
  let durationMs = 0;
  for (let attempt = 1; ; attempt += 1) {
    const mishap = script.mishaps[script.forever ? 0 : attempt - 1];
    durationMs += mishap === "hang" ? (agent.timeoutMs ?? 0) : script.delayMs;
    if (mishap === undefined || attempt > agent.retries) return { succeeds: mishap === undefined, attempts: attempt, durationMs };
    durationMs += agent.retryDelayMs;
  }
}
