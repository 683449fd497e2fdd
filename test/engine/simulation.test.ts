import { describe, expect, test } from "vitest";
import { chanceOf } from "./simulation/chance.ts";
import { callsInside, callsWithoutRecord, succeededTwice, timelessEntries, timelessShape } from "./simulation/compare.ts";
import { type Entries, inWorld, type Life, type Lives } from "./simulation/life.ts";
import { predict } from "./simulation/model.ts";
import { shapeOf, shapeOfPrediction } from "./simulation/shape.ts";
import { type Finished, pipelinesOf, predictUndo, toUndo, withHandlers } from "./simulation/undoing.ts";
import { makeWorld, type SimAgent, type SimPipeline, type SimWorld } from "./simulation/world.ts";

/**
 * Random pipelines under random faults. A failure names the seed: `AGENTFLOW_SEED=1234` runs that one alone, and
 * `AGENTFLOW_SEEDS=5000` more than the usual number.
 */
const ONLY = process.env.AGENTFLOW_SEED;
const MORE = process.env.AGENTFLOW_SEEDS;

/** Tells the same of many worlds; what goes wrong in one is told with its seed. */
async function inWorlds(
  count: number,
  climate: { fair: boolean; undone?: boolean },
  tell: (world: SimWorld, lives: Lives) => Promise<void>,
): Promise<void> {
  const seeds = ONLY === undefined ? Array.from({ length: Number(MORE ?? count) }, (_, seed) => seed) : [Number(ONLY)];
  expect(seeds).not.toEqual([]);
  for (const seed of seeds) {
    const world = climate.undone === true ? withHandlers(makeWorld(seed, climate)) : makeWorld(seed, climate);
    try {
      await inWorld(world, (lives) => tell(world, lives));
    } catch (error) {
      if (error instanceof Error) error.message = `AGENTFLOW_SEED=${seed}: ${error.message}`;
      throw error;
    }
  }
}

const TIMEOUT_MS = MORE === undefined ? 60_000 : 3_600_000;

describe("random pipelines", () => {
  test(
    "end as the description of the pipeline file says",
    async () => {
      await inWorlds(200, { fair: false }, async (world, lives) => {
        const { result, durationMs } = await lives.live();
        const prediction = predict(world);
        expect({ ...shapeOf(result), durationMs }).toEqual({ ...shapeOfPrediction(prediction), durationMs: prediction.durationMs });
      });
    },
    TIMEOUT_MS,
  );

  test(
    "come to the same end from wherever they had been stopped",
    async () => {
      await inWorlds(50, { fair: false }, async (world, lives) => {
        const whole = await lives.live();
        // Once the run's timeout is recorded, who goes on gets another round.
        const timedOut = whole.entries.findIndex(([, { stopped_by }]) => stopped_by === "run");
        for (let kept = 0; kept < (timedOut === -1 ? whole.entries.length : timedOut); kept += 1) {
          const before = whole.entries.slice(0, kept);
          const after = await lives.live({ entries: before });
          expectSameEnd(world, after, whole, before);
        }
      });
    },
    TIMEOUT_MS,
  );

  test(
    "come to the same end although they are stopped before and after each entry",
    async () => {
      await inWorlds(40, { fair: false }, async (world, lives) => {
        const whole = await lives.live();
        // Who dies whenever its timeout is recorded never comes to an end.
        if (whole.result?.status === "timed_out") return;
        let before: Entries = [];
        let life = await lives.live({ death: { atEntry: 1, keeps: false } });
        for (let keeps = true; life.result === null; keeps = !keeps) {
          before = life.entries;
          life = await lives.live({ entries: before, death: { atEntry: 1, keeps } });
        }
        expectSameEnd(world, life, whole, before);
      });
    },
    TIMEOUT_MS,
  );

  test(
    "lose nothing that was finished when they are cancelled and resumed, again and again",
    async () => {
      await inWorlds(150, { fair: true }, async (world, lives) => {
        const chance = chanceOf(world.seed);
        const whole = await lives.live();
        expect(whole.result?.status).toBe("succeeded");
        let life: Life = { result: null, entries: [], lost: [], calls: [], durationMs: 0 };
        for (let interrupted = 0; interrupted < 3 && life.result?.status !== "succeeded"; interrupted += 1) {
          const atEntry = chance.between(1, whole.entries.length);
          const how = chance.oneIn(3) ? { death: { atEntry, keeps: chance.oneIn(2) } } : { cancelAfterMs: chance.below(whole.durationMs) };
          life = await lives.live({ entries: life.entries, ...how });
        }
        life = await lives.live({ entries: life.entries });
        const { status, state, path } = shapeOf(whole.result);
        expect(shapeOf(life.result)).toMatchObject({ status, state, path });
        expect(succeededTwice(life.entries)).toEqual([]);
      });
    },
    TIMEOUT_MS,
  );

  test(
    "go on from what was finished when the cause of a failure is mended",
    async () => {
      await inWorlds(100, { fair: false }, async (world, lives) => {
        const failed = await lives.live();
        if (failed.result?.status === "succeeded") return;
        const mended = await lives.live({ entries: failed.entries, healed: true });
        const finished = finishedElements(failed);
        expect(finishedElements(mended).slice(0, finished.length)).toEqual(finished);
        if (failsFast(world.main)) {
          expect(succeededTwice(mended.entries)).toEqual([]);
          expect(callsInside(mended, failed.entries)).toEqual([]);
        }
        const kept = chanceOf(world.seed).between(failed.entries.length, mended.entries.length - 1);
        const before = mended.entries.slice(0, kept);
        expectSameEnd(world, await lives.live({ entries: before, healed: true }), mended, before);
      });
    },
    TIMEOUT_MS,
  );
});

const UNDONE = { fair: false, undone: true };

describe("random pipelines with handlers", () => {
  test(
    "undo what had finished, the last first, when they fail or run out of time",
    async () => {
      await inWorlds(80, UNDONE, async (world, lives) => {
        const { result, entries, durationMs, calls } = await lives.live();
        const prediction = predict(world);
        const mayUndo = prediction.status !== "succeeded" && world.main.rollback === "auto";
        const finished = mayUndo ? toUndo(world, entries, true) : [];
        const undo = finished.map(({ handler }) => predictUndo(world, handler));
        const status =
          finished.length === 0 ? prediction.status : undo.every(({ succeeds }) => succeeds) ? "rolled_back" : "rollback_failed";
        expect({ ...shapeOf(result), durationMs, undone: undoneLines(result) }).toEqual({
          ...shapeOfPrediction(prediction),
          status,
          durationMs: undo.reduce((sum, { durationMs: ms }) => sum + ms, prediction.durationMs),
          undone: finished.map(
            ({ visit, handler }, index) => `${nameOf(visit)} by ${handler}#${undo[index]?.attempts} ${undo[index]?.succeeds}`,
          ),
        });
        expect(handled(calls)).toEqual(expectedCalls(world, finished));
      });
    },
    TIMEOUT_MS,
  );

  test(
    "come to the same end wherever they die, in a rollback too; handlers that were recorded are not called again",
    async () => {
      await inWorlds(40, UNDONE, async (world, lives) => {
        const whole = await lives.live();
        if (whole.entries.some(([, { stopped_by }]) => stopped_by === "run") || undoesStoppable(world)) return;
        const first = Math.max(0, whole.entries.findIndex(([key]) => key.startsWith("run!")) - 1);
        for (let kept = first; kept < whole.entries.length; kept += 1) {
          const before = whole.entries.slice(0, kept);
          const after = await lives.live({ entries: before });
          expectSameEnd(world, after, whole, before);
          expect(undoneLines(after.result)).toEqual(undoneLines(whole.result));
        }
        const end = await lives.live({ entries: whole.entries });
        const isUndone = whole.result?.rollback !== null;
        if (isUndone)
          expect([end.calls, end.entries.length, undoneLines(end.result)]).toEqual([[], whole.entries.length, undoneLines(whole.result)]);
      });
    },
    TIMEOUT_MS,
  );

  test(
    "lose at most what was not durable, and come to the same end",
    async () => {
      await inWorlds(80, UNDONE, async (world, lives) => {
        const whole = await lives.live();
        if (whole.entries.some(([, { stopped_by }]) => stopped_by === "run") || undoesStoppable(world)) return;
        let life: Life = { result: null, entries: [], lost: [], calls: [], durationMs: 0 };
        for (let deaths = 0; life.result === null; deaths += 1) {
          const before = life.entries;
          const death = { atEntry: 2 + deaths * 3, keeps: deaths % 2 === 0 };
          life = await lives.live({ entries: before, death, forgets: true });
          expect(needlesslyLost(world, life.lost)).toEqual([]);
          expect(callsWithoutRecord(world, life, before).records.slice(life.lost.length)).toEqual([]);
        }
        expect(timelessShape(world, life.result)).toEqual(timelessShape(world, whole.result));
        expect(timelessEntries(world, life.entries)).toEqual(timelessEntries(world, whole.entries));
        expect(undoneLines(life.result)).toEqual(undoneLines(whole.result));
      });
    },
    TIMEOUT_MS,
  );

  test(
    "undo on demand exactly what had finished, however they ended, were resumed, or died",
    async () => {
      await inWorlds(80, UNDONE, async (world, lives) => {
        const chance = chanceOf(world.seed);
        let life = await lives.live();
        const [length, whole] = [life.entries.length, life];
        if (!chance.oneIn(4)) {
          life = { ...whole, entries: [] };
          for (let rounds = chance.between(1, 3); rounds > 0; rounds -= 1) {
            const how = chance.oneIn(2)
              ? { death: { atEntry: chance.between(1, length), keeps: chance.oneIn(2) }, forgets: chance.oneIn(2) }
              : { cancelAfterMs: chance.below(whole.durationMs) };
            life = await lives.live({ entries: life.entries, ...how });
            if (["succeeded", "rolled_back", "rollback_failed"].includes(life.result?.status ?? "")) break;
          }
        }
        if (life.result?.status === "succeeded") return;
        // Until all of it is undone, and dying on the way.
        for (let again = 0; again < 3; again += 1) {
          const before = life.entries;
          const open = toUndo(world, before, false).filter(({ visit }) => !isUndone(before, visit));
          if (open.length === 0) return;
          const death = chance.oneIn(2) ? { death: { atEntry: chance.between(1, 6), keeps: chance.oneIn(2) } } : {};
          life = await lives.live({ entries: before, undoes: true, healed: again === 2, ...death });
          const calls = handled(life.calls).filter((call, index, all) => call.visit !== all[index - 1]?.visit);
          // A nested pipeline all of which had finished has, although only now it is recorded that it had.
          const left = toUndo(world, life.entries, false).filter(({ visit }) => !isUndone(before, visit) && !isGivenUp(before, visit));
          expect(calls.map(({ visit }) => visit)).toEqual(left.map(({ visit }) => visit).slice(0, calls.length));
          if (life.result === null) continue;
          expect(life.calls.length).toBe(handled(life.calls).length);
          const isAll = toUndo(world, life.entries, false).every(({ visit }) => isUndone(life.entries, visit));
          expect(life.result.status).toBe(isAll ? "rolled_back" : "rollback_failed");
        }
      });
    },
    TIMEOUT_MS,
  );
});

function undoneLines(result: Life["result"]): string[] {
  return (result?.rollback?.stages ?? []).map(
    ({ name, visit, agent, attempts, status }) => `${name}~${visit} by ${agent}#${attempts} ${status === "succeeded"}`,
  );
}

/** `n~1@b/g/a~2` → `n/a~2` */
function nameOf(visit: string): string {
  const parts = visit.split("/").filter((part) => part.includes("~"));
  return parts.map((part, index) => (index === parts.length - 1 ? part : part.replace(/~.*/, ""))).join("/");
}

/** Calls of handlers, in order: the visit that each undoes, and the attempt. */
function handled(calls: readonly string[]): { visit: string; call: string }[] {
  return calls
    .filter((call) => call.startsWith("rollback:"))
    .map((call) => ({ visit: call.slice("rollback:".length, call.indexOf(" ")), call: call.slice(call.indexOf(" ") + 1) }));
}

function expectedCalls(world: SimWorld, finished: readonly Finished[]): { visit: string; call: string }[] {
  return finished.flatMap(({ visit, handler }) =>
    Array.from({ length: predictUndo(world, handler).attempts }, (_, index) => ({ visit, call: `${handler} #${index + 1}` })),
  );
}

function isUndone(entries: Entries, visit: string): boolean {
  return entries.some(([key, { settled }]) => settled === "succeeded" && key.startsWith(`rollback:${visit}!`));
}

/** Whether its handler has failed in a rollback that has not ended: only the next one tries it again. */
function isGivenUp(entries: Entries, visit: string): boolean {
  const ended = entries.findLastIndex(([key]) => key.endsWith("#ended"));
  return entries.slice(ended + 1).some(([key, { settled }]) => settled !== null && key.startsWith(`rollback:${visit}!`));
}

/** Whether a stage with a handler may be stopped by another member of its group, so that what is undone depends on time. */
function undoesStoppable(world: SimWorld): boolean {
  return pipelinesOf(world.main).some(({ groups, agents }) =>
    [...groups.values()].some(
      ({ bad, members }) => bad !== null && members.some((name) => name !== bad && canBeUndone(agents.get(name), agents)),
    ),
  );
}

function canBeUndone(agent: SimAgent | undefined, agents: ReadonlyMap<string, SimAgent>): boolean {
  if (agent === undefined) return false;
  const inside = agent.nested === null ? [] : pipelinesOf(agent.nested).flatMap((nested) => [...nested.agents.values()]);
  return (
    agent.rollback !== null || inside.some(({ rollback }) => rollback !== null) || canBeUndone(agents.get(agent.fallback ?? ""), agents)
  );
}

/** What had to be durable before anything came after it, and was lost all the same. */
function needlesslyLost(world: SimWorld, lost: Entries): string[] {
  const all = pipelinesOf(world.main);
  const finished = new Map<string, number>();
  const wrong: string[] = [];
  // The last one may have died with the process, before its append had returned.
  for (const [key, { settled, agent }] of lost) {
    const [visit, round] = [key.slice(0, key.lastIndexOf("!")), key.slice(key.lastIndexOf("!") + 1).replace(/[@#].*/, "")];
    if (settled === null && !key.startsWith("rollback") && !key.startsWith("run!")) {
      const owner = all.find(({ agents }) => agents.has(agent ?? ""));
      if (owner?.checkpointFrequency === 1) wrong.push(`${key}: every attempt is durable`);
      continue;
    }
    const parts = visit.split("/");
    const name = nameOnly(parts.at(-1) ?? "");
    const isMember = parts.length > 1 && !(parts.at(-2) ?? "").includes("~");
    const owner = all.find(({ agents, groups }) => agents.has(name) || groups.has(name));
    const isUndoable = agent !== null && all.some(({ agents }) => (agents.get(agent)?.rollback ?? null) !== null);
    const frame = `${parts.slice(0, -1).join("/")} ${round}`;
    if (!isMember) finished.set(frame, (finished.get(frame) ?? 0) + 1);
    const frequency = owner?.checkpointFrequency ?? 1;
    const isDue = !isMember && frequency > 0 && (finished.get(frame) ?? 0) >= frequency;
    if (settled === "failed" || settled === "cancelled" || isUndoable || isDue || frequency === 1) wrong.push(`${key}: ${settled}`);
  }
  return wrong;
}

function nameOnly(part: string): string {
  return part.replace(/[~@].*/, "");
}

function expectSameEnd(world: SimWorld, life: Life, whole: Life, before: Entries): void {
  expect(timelessShape(world, life.result)).toEqual(timelessShape(world, whole.result));
  expect(callsWithoutRecord(world, life, before)).toEqual({ calls: [], records: [] });
  expect(timelessEntries(world, life.entries)).toEqual(timelessEntries(world, whole.entries));
}

/** The elements that were visited before anything failed. */
function finishedElements({ result }: Life): string[] {
  const visits = (result?.stages ?? []).filter(
    ({ name, status, group }) => !name.includes("/") && group === undefined && status !== "skipped",
  );
  const end = visits.findIndex(({ status }) => status === "failed" || status === "cancelled");
  return visits.slice(0, end === -1 ? visits.length : end).map(({ name }) => name);
}

function failsFast(pipeline: SimPipeline): boolean {
  return pipeline.failFast && [...pipeline.agents.values()].every(({ nested }) => nested === null || failsFast(nested));
}
