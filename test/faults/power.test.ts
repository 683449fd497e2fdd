import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { chanceOf } from "../engine/simulation/chance.ts";
import { folderWith } from "../support/folder.ts";
import { agentflowStarter, inParallel, makePlace, type Place } from "./support/agentflow.ts";
import { Disk, LOSSES } from "./support/disk.ts";
import { type Call, parseTrace, straceMissing, tracing } from "./support/strace.ts";
import { type Acknowledged, check, NOTHING } from "./support/written.ts";
import { differences, startWorkload, undisturbed, unfinishedProblems, untilEnded } from "./support/workload.ts";

const start = agentflowStarter();
const WRITER = fileURLToPath(new URL("support/writer.ts", import.meta.url));
const PRELOAD = fileURLToPath(new URL("support/preload.mjs", import.meta.url));
const missing = straceMissing();

describe.skipIf(missing !== null)(`fault 2: power loss${missing === null ? "" : ` (${missing})`}`, () => {
  test("at every write and sync of a small store: nothing that was acknowledged is lost, and what is there is what was written", async () => {
    const { problems, points } = await losses(record("small"), 300, () => 6);
    expect(problems.slice(0, 20)).toEqual([]);
    expect(points).toBeGreaterThan(150);
  });

  test("of one so large that its log is taken over into the database and begun anew in between: the same", async () => {
    const recording = record("large");
    const begunAnew = recording.calls.filter((call) => call.kind === "write" && call.path.endsWith("-wal") && call.offset === 0);
    expect(begunAnew.length).toBe(3);
    const { problems, points } = await losses(recording, 40_000, ({ kind }, chance) => (kind === "sync" || chance.oneIn(50) ? 1 : 0));
    expect(problems.slice(0, 20)).toEqual([]);
    expect(points).toBeGreaterThan(150);
  });

  test("in a run of the command: it is gone on with as if nothing had happened, and repeats at most what was under way", async () => {
    const expected = await undisturbed(start, makePlace(), "fails");
    const traced = makePlace();
    const trace = join(folderWith({}), "trace");
    await startWorkload(start, traced, "fails", { through: tracing(trace) }).end;
    const disk = new Disk(traced.folder);
    const chance = chanceOf(3);
    const places: Place[] = [];
    let calls = "";
    for (const call of parseTrace(readFileSync(trace, "utf8"))) {
      if (call.path.startsWith(traced.store) && chance.oneIn(20)) {
        const place = makePlace();
        disk.lose(chance, chance.pick(LOSSES), place.folder);
        writeFileSync(place.calls, calls);
        places.push(place);
      }
      // The agents' own notes are none of the store's business: they are what had happened.
      if (call.kind === "write" && call.path === traced.calls) calls += call.bytes.toString();
      else if (call.path !== traced.calls) disk.apply(call);
    }
    const wrong: unknown[] = [];
    await inParallel(places.entries(), async ([number, place]) => {
      const lost = await unfinishedProblems(place);
      const { problems } = await untilEnded(start, place, "fails", () => ({}));
      const all = [...lost, ...problems, ...(await differences(place, expected))];
      if (all.length > 0) wrong.push({ place: number, problems: all });
    });
    expect(wrong).toEqual([]);
    expect(places.length).toBeGreaterThan(10);
  });

  test("without syncs, the same check finds that something is lost", async () => {
    const { problems } = await losses(record("small", "no-sync"), 300, () => 1);
    expect(problems).not.toEqual([]);
  });
});

interface Recording {
  readonly calls: readonly Call[];
  readonly root: string;
}

/** What a writer does to the disk. */
function record(size: string, fault?: string): Recording {
  const root = folderWith({});
  const trace = join(folderWith({}), "trace");
  const [program = "", ...through] = tracing(trace);
  const args = [...through, process.execPath, "--import", PRELOAD, WRITER, join(root, "store"), size];
  const { status, stderr } = spawnSync(program, args, { env: { PATH: process.env.PATH, FAULT: fault ?? "" }, encoding: "utf8" });
  if (status !== 0) throw new Error(`the writer failed: ${stderr}`);
  return { calls: parseTrace(readFileSync(trace, "utf8")), root };
}

/** Takes the power away before each call, as often as `times` says, and looks at what is left. */
async function losses(
  { calls, root }: Recording,
  valueBytes: number,
  times: (call: Call, chance: ReturnType<typeof chanceOf>) => number,
): Promise<{ readonly problems: readonly string[]; readonly points: number }> {
  const disk = new Disk(root);
  const chance = chanceOf(71);
  const problems: string[] = [];
  let points = 0;
  let acknowledged: Acknowledged = NOTHING;
  for (const [index, call] of calls.entries()) {
    const told = acknowledgement(call);
    if (told !== null) acknowledged = told;
    else if (!call.path.startsWith(root)) continue;
    const losing = chance.some(LOSSES, times(call, chance));
    if (losing.length > 0) points += 1;
    for (const loss of losing) {
      const found = await check((folder) => disk.lose(chance, loss, folder), acknowledged, valueBytes);
      problems.push(
        ...found.map((problem) => `before call ${index} (${call.kind} ${call.path.slice(root.length)}), left is ${loss}: ${problem}`),
      );
    }
    disk.apply(call);
  }
  return { problems, points };
}

function acknowledgement(call: Call): Acknowledged | null {
  if (call.kind !== "write" || !call.bytes.subarray(0, 4).equals(Buffer.from("ACK "))) return null;
  return JSON.parse(call.bytes.subarray(4).toString()) as Acknowledged;
}
