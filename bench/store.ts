import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/store/clock.ts";
import { openStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { outcomeWith, recordWith } from "../test/support/runs.ts";
import type { Part, Row } from "./measure.ts";
import { alternate, atMost, fromRoot, median, runNode } from "./measure.ts";
import type { Writes } from "./store-writes.ts";

const ROUNDS = 25;
const BATCH = 20;
const RUNS = 128;
const STAGES = 10;
/** With the rest of an outcome, 300 bytes. */
const SMALL = outcomeWith({ text: "x".repeat(80) });
const MOST_TO_OPEN_MS = 5;

/** What it costs that nothing is lost. */
export async function benchStore(): Promise<Part> {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-bench-"));
  try {
    const rows = [
      ...(await benchAppends(folder)),
      ...(await benchGrowth(folder)),
      ...benchWrites(folder),
      ...(await benchManyRuns(folder)),
      ...(await benchOpening(folder)),
    ];
    return { title: `Store: medians of alternating batches`, rows };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function benchAppends(folder: string): Promise<Row[]> {
  const store = await open(join(folder, "appends"));
  const run = await store.create(recordWith("run"));
  const raw = openSync(join(folder, "raw"), "w");
  const page = Buffer.alloc(4096, 1);
  let stage = 0;
  const [rawMs = NaN, appendMs = NaN] = await alternate(ROUNDS, [
    () => {
      for (let n = 0; n < BATCH; n += 1) {
        writeSync(raw, page);
        fdatasyncSync(raw);
      }
    },
    async () => {
      for (let n = 0; n < BATCH; n += 1) await run.append(`s${(stage += 1)}~1!1#1`, SMALL);
    },
  ]);
  closeSync(raw);
  await store.close();
  const ratio = appendMs / rawMs;
  return [
    { name: "a raw write of 4 KB + fdatasync", value: (rawMs * 1000) / BATCH, unit: "µs", ratio: 1, target: null },
    { name: "a durable append of 300 B", value: (appendMs * 1000) / BATCH, unit: "µs", ratio, target: atMost(ratio, 3) },
  ];
}

async function benchGrowth(folder: string): Promise<Row[]> {
  const store = await open(join(folder, "growth"));
  let runs = 0;
  /** One run that has so many stages already, to which a batch is added. */
  const after = async (stages: number): Promise<() => Promise<void>> => {
    const run = await store.create(recordWith(`run-${(runs += 1)}`));
    let stage = 0;
    for (; stage < stages - BATCH; stage += 1) await run.append(`s${stage}~1!1#1`, SMALL, { checkpoint: false });
    return async () => {
      for (let n = 0; n < BATCH; n += 1) await run.append(`s${(stage += 1)}~1!1#1`, SMALL);
    };
  };
  const [at100 = NaN, at1000 = NaN] = await alternate(ROUNDS, [await after(100), await after(1000)]);
  await store.close();
  const ratio = at1000 / at100;
  return [
    { name: "an append after 100", value: (at100 * 1000) / BATCH, unit: "µs", ratio: 1, target: null },
    { name: "an append after 1,000", value: (at1000 * 1000) / BATCH, unit: "µs", ratio, target: atMost(ratio, 1.3) },
  ];
}

function benchWrites(folder: string): Row[] {
  return (["random", "text"] as const).flatMap((kind): Row[] => {
    const output = runNode([fromRoot("bench/store-writes.ts"), join(folder, kind), kind]);
    const { data, written } = JSON.parse(output) as Writes;
    if (written === null) return [];
    const ratio = written / data;
    const target = kind === "random" ? atMost(ratio, 2.5) : null;
    return [{ name: `bytes written for 100 outcomes of 10 KB, ${kind}`, value: written / 1024, unit: "KB", ratio, target }];
  });
}

async function benchManyRuns(folder: string): Promise<Row[]> {
  const store = await open(join(folder, "many"));
  let runs = 0;
  const drive = async (): Promise<void> => {
    const run = await store.create(recordWith(`run-${(runs += 1)}`));
    for (let stage = 1; stage <= STAGES; stage += 1) await run.append(`s${stage}~1!1#1`, SMALL);
    await run.end({ status: "succeeded", ended_at: 0, stopped_at: null, result: null });
    await run.release();
  };
  const [oneByOne = NaN, atOnce = NaN] = await alternate(3, [
    async () => {
      for (let n = 0; n < RUNS; n += 1) await drive();
    },
    async () => await Promise.all(Array.from({ length: RUNS }, drive)),
  ]);
  await store.close();
  return [
    { name: `${RUNS} runs of ${STAGES} stages, one by one`, value: oneByOne, unit: "ms", ratio: 1, target: null },
    { name: `${RUNS} runs of ${STAGES} stages at once`, value: atOnce, unit: "ms", ratio: atOnce / oneByOne, target: null },
  ];
}

async function benchOpening(folder: string): Promise<Row[]> {
  const directory = join(folder, "opening");
  const first = await open(directory);
  const run = await first.create(recordWith("run"));
  for (let stage = 1; stage <= STAGES; stage += 1) await run.append(`s${stage}~1!1#1`, SMALL);
  await first.close();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    const store = await open(directory);
    await store.acquire("run");
    times.push(performance.now() - start);
    await store.close();
  }
  const ms = median(times);
  const target = { text: `≤ ${MOST_TO_OPEN_MS} ms`, met: ms <= MOST_TO_OPEN_MS };
  return [{ name: "opening a store that is there, and acquiring a run", value: ms, unit: "ms", ratio: null, target }];
}

function open(directory: string): Promise<Store> {
  return openStore(directory, { clock: systemClock(), pid: process.pid, host: "here" });
}
