// node writer.ts DIRECTORY SIZE: writes runs into a store, and says on stderr what has been acknowledged, as `ACK {…}`.
import { writeSync } from "node:fs";
import { systemClock } from "../../../src/store/clock.ts";
import { openStore } from "../../../src/store/sqlite.ts";
import type { OwnedRun, Store } from "../../../src/store/store.ts";
import { type Acknowledged, keyOf, outcomeOf, recordOf } from "./written.ts";

const [directory = "", size = "small"] = process.argv.slice(2);
const valueBytes = size === "large" ? 40_000 : 300;
const COUNT = size === "large" ? 60 : 8;

const known: Record<string, { entries: number; ended: boolean }> = {};
let shared = 0;

function acknowledge(): void {
  const told: Acknowledged = { runs: known, shared };
  writeSync(2, `ACK ${JSON.stringify(told)}\n`);
}

async function append(run: OwnedRun, index: number, checkpoint: boolean): Promise<void> {
  await run.append(keyOf(index), outcomeOf(run.record.run_id, index, valueBytes), { checkpoint });
  if (!checkpoint) return;
  known[run.record.run_id] = { entries: index + 1, ended: false };
  acknowledge();
}

async function create(store: Store, id: string): Promise<OwnedRun> {
  const run = await store.create(recordOf(id));
  known[id] = { entries: 0, ended: false };
  acknowledge();
  return run;
}

async function end(run: OwnedRun): Promise<void> {
  await run.end({ status: "failed", ended_at: 1, stopped_at: null, result: null });
  (known[run.record.run_id] as { ended: boolean }).ended = true;
  acknowledge();
}

const open = (): Promise<Store> => openStore(directory, { clock: systemClock(), pid: process.pid, host: "test" });

const first = await open();
const one = await create(first, "one");
for (let index = 0; index < COUNT; index += 1) await append(one, index, index % 3 !== 1);
await first.shared.update("count", () => ({ value: 1, result: null }));
shared = 1;
acknowledge();
await end(one);
await first.close();

// A store that is there already; a run that goes on; two runs that share their commits.
const second = await open();
const again = await second.acquire("one");
await append(again, COUNT, true);
const [two, three] = await Promise.all([create(second, "two"), create(second, "three")]);
for (let index = 0; index < 3; index += 1) await Promise.all([append(two, index, true), append(three, index, true)]);
await Promise.all([end(two), end(three)]);
await append(again, COUNT + 1, true);
await second.close();
