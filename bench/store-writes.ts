import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { systemClock } from "../src/store/clock.ts";
import { openStore } from "../src/store/sqlite.ts";
import { outcomeWith, recordWith } from "../test/support/runs.ts";

// What a run of 100 stages writes, from opening the store to closing it: node bench/store-writes.ts DIRECTORY random|text
const STAGES = 100;
const BYTES = 10_240;

/** In bytes. */
export interface Writes {
  readonly data: number;
  /** null where the system does not count. */
  readonly written: number | null;
}

const [directory = "", kind] = process.argv.slice(2);
const texts = Array.from({ length: STAGES }, (_, stage) =>
  kind === "random" ? randomBytes((BYTES * 3) / 4).toString("base64") : `Stage ${stage} said this. `.repeat(BYTES).slice(0, BYTES),
);
const before = written();
const store = await openStore(directory, { clock: systemClock(), pid: process.pid, host: "here" });
const run = await store.create(recordWith("run"));
for (const [stage, text] of texts.entries()) await run.append(`s${stage}~1!1#1`, outcomeWith({ text }));
await run.end({ status: "succeeded", ended_at: 0, stopped_at: null, result: null });
await store.close();
const after = written();
const writes: Writes = { data: STAGES * BYTES, written: before === null || after === null ? null : after - before };
console.log(JSON.stringify(writes));

/** What this process has written so far. */
function written(): number | null {
  if (!existsSync("/proc/self/io")) return null;
  return Number(/wchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}
