import { deepEqual, equal, fail, notEqual, ok } from "node:assert/strict";
import type { Outcome } from "../engine/durable.ts";
import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";
import type { Json, JsonObject } from "../spec/json.ts";
import { type OwnedRun, type RunEnd, type RunRecord, type Store, StoreError, type StoreErrorCode } from "./store.ts";

/** A promise by its sentence, and what rejects where it is not kept. */
export type Cases = Readonly<Record<string, (open: () => Promise<Store>) => Promise<void>>>;

export const END: RunEnd = { status: "succeeded", ended_at: 9000, stopped_at: null, result: null };

export const VALUES: JsonObject = {
  "no text": "",
  "a zero byte, quotes, line ends, and letters of all lengths": 'a\0b"\\\r\n\u2028ä€😀',
  "halves of characters": "\ud800 \udc00",
  "a text of a megabyte": "0123456789abcdef".repeat(1 << 16),
  "a text that hardly gets smaller": Array.from({ length: 20_000 }, (_, n) => ((n * 7919) % 65_537).toString(36)).join(""),
  numbers: [0, -0, 1, -1, 0.1, 1e21, 1.5e300, 5e-324, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 123456789012345680000, Number.MAX_VALUE],
  "other values": [null, true, false, [], {}, [[]], ""],
  "keys that mean something elsewhere": JSON.parse('{"__proto__":{"x":1},"constructor":1,"toString":2,"":3,"\\ud800":4}') as Json,
  "numbers as keys, which come first": { b: 1, 10: 2, 9: 3, a: 4 },
  "500 levels of lists": nested(500),
};

function nested(levels: number): Json {
  let value: Json = [];
  for (let level = 1; level < levels; level += 1) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

export function recordOf(run_id: string, more: Partial<RunRecord> = {}): RunRecord {
  return {
    run_id,
    pipeline_id: "p",
    session_id: "s",
    started_at: 1000,
    source: { file: null, directory: "/", spec: { orchestration: { sequential: { agents: [] } } }, texts: {}, pipelines: {} },
    input: {},
    meta: { by: "the contract" },
    functions: ["f"],
    secrets: [],
    parent: null,
    ...more,
  };
}

export function outcomeOf(wrote: JsonObject): Outcome {
  return {
    status: "succeeded",
    settled: "succeeded",
    agent: "a",
    attempt: 1,
    ended_at: 2000,
    duration_ms: 0.25,
    wrote,
    bare: false,
    failure: null,
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  };
}

export function resultOf(run_id: string, state: JsonObject): RunResult {
  return {
    version: 1,
    run_id,
    pipeline_id: "p",
    session_id: "s",
    status: "succeeded",
    started_at: "1970-01-01T00:00:01.000Z",
    ended_at: "1970-01-01T00:00:09.000Z",
    duration_ms: 8000,
    state,
    meta: {},
    path: [],
    stages: [],
    usage: { input_tokens: 0, output_tokens: 0, cost: null },
    warnings: [],
    error: null,
    rollback: null,
  };
}

export function eventOf(run_id: string, seq: number, state: JsonObject = {}): Stamped {
  const at = "1970-01-01T00:00:02.000Z";
  return { type: "run-end", nested: null, status: "succeeded", duration_ms: 0, state, meta: {}, error: null, version: 1, seq, at, run_id };
}

export async function created(open: () => Promise<Store>): Promise<{ store: Store; run: OwnedRun }> {
  const store = await open();
  return { store, run: await store.create(recordOf("a")) };
}

export async function readRun(store: Store, id: string): Promise<NonNullable<Awaited<ReturnType<Store["read"]>>>> {
  return (await store.read(id)) ?? fail(`the run ${id} is not there`);
}

export async function allEvents(store: Store, id: string, follow?: AbortSignal): Promise<Stamped[]> {
  const events: Stamped[] = [];
  for await (const event of store.events(id, follow === undefined ? {} : { follow })) events.push(event);
  return events;
}

export function keysOf(entries: Iterable<readonly [key: string, outcome: Outcome]>): string[] {
  return Array.from(entries, ([key]) => key);
}

export async function refuses(code: StoreErrorCode, body: () => Promise<unknown>): Promise<StoreError> {
  const error: unknown = await body().then(
    () => fail(`it was not refused as ${code}`),
    (reason: unknown) => reason,
  );
  return isStoreError(error, code);
}

export function isStoreError(error: unknown, code: StoreErrorCode): StoreError {
  if (!(error instanceof StoreError)) throw error;
  equal(error.code, code, error.message);
  return error;
}

/** As assert's deepEqual, which does not look at the order of keys. */
export function identical(actual: Json | undefined, expected: Json, name: string): void {
  deepEqual(actual, expected, name);
  equal(JSON.stringify(actual), JSON.stringify(expected), name);
}

export function isFrozen(value: unknown): void {
  if (typeof value !== "object") return;
  notEqual(value, null);
  const open: unknown[] = [value];
  for (const each of open) {
    ok(Object.isFrozen(each), `${JSON.stringify(each)} can be changed`);
    open.push(...Object.values(each as object).filter((part) => typeof part === "object" && part !== null));
  }
}
