import type { Outcome } from "../engine/durable.ts";
import type { RunResult } from "../engine/result.ts";
import type { Json } from "../spec/json.ts";
import { chain, decode, type Encoded, encode, NotAsWrittenError } from "./codec.ts";
import type { Database, Format } from "./database.ts";
import type { RunOwner, RunRecord, RunSummary } from "./store.ts";

/**
 * The tables. A run's rows lie together: `entries.id` is the run's number and the place in the run. Place 0 is the run's
 * record, the others are outcomes, or the result instead of them. An append writes one row at the end and changes no other.
 */
export const FORMAT: Format = {
  version: 1,
  schema: `
    CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL, head BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
    CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT NOT NULL, flags INTEGER NOT NULL, bytes BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
    CREATE TABLE shared (name TEXT PRIMARY KEY, bytes BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
};

/** 16 million places for each of 500 million runs fit into a number. */
const PLACES = 2 ** 24;
const RESULT = 2;

/** What a list says of a run, and what changes about it. */
export interface Head extends Pick<RunRecord, "pipeline_id" | "session_id" | "started_at" | "parent"> {
  readonly status: RunSummary["status"];
  readonly ended_at: number | null;
  readonly stopped_at: string | null;
  /** Who has, or had, the lock of the epoch. */
  readonly owner: RunOwner;
}

export interface RunRow {
  /** Never used again, also when the run was removed. */
  readonly number: number;
  readonly id: string;
  /** How many owners it has had. */
  readonly epoch: number;
  readonly head: Head;
}

export interface EntryRow extends Encoded {
  readonly place: number;
  readonly key: string;
  /** Covers this row and all before it. */
  readonly checksum: number;
}

/** What comes after a row, or first in a run. */
export type Tail = Pick<EntryRow, "place" | "checksum">;

export interface LoadedRun {
  readonly record: RunRecord;
  readonly entries: readonly (readonly [key: string, outcome: Outcome])[];
  readonly result: RunResult | null;
  /** Of the record. */
  readonly head: Tail;
  /** Of the last outcome; of the record where there is none. */
  readonly tail: Tail;
}

export function recordRow(record: RunRecord, compressAbove: number): EntryRow {
  return sealRow({ place: 0, key: "", ...encode(record, compressAbove) }, chain(0, [record.run_id]));
}

export function outcomeRow(key: string, outcome: Outcome, compressAbove: number, before: Tail): EntryRow {
  return sealRow({ place: before.place + 1, key: quote(key), ...encode(outcome, compressAbove) }, before.checksum);
}

export function resultRow(result: RunResult, compressAbove: number, record: Tail): EntryRow {
  const { flags, bytes } = encode(result, compressAbove);
  return sealRow({ place: 1, key: "", flags: flags | RESULT, bytes }, record.checksum);
}

/** The run of that id; null where there is none. @throws NotAsWrittenError */
export function findRun(database: Database, id: string): RunRow | null {
  const found = database.get("SELECT * FROM runs WHERE id = ?", quote(id));
  if (found !== undefined) return readRun(found);
  // Whether there is none, or its row or the index was changed, only a look at all rows can tell.
  return allRuns(database).find((run) => run.id === id) ?? null;
}

export function hasRun(database: Database, id: string): boolean {
  return database.get("SELECT 1 FROM runs WHERE id = ?", quote(id)) !== undefined;
}

export function getRun(database: Database, number: number): RunRow | null {
  const found = database.get("SELECT * FROM runs WHERE number = ?", number);
  return found === undefined ? null : readRun(found);
}

/** Newest first. @throws NotAsWrittenError */
export function allRuns(database: Database): RunRow[] {
  const runs = database.all("SELECT * FROM runs NOT INDEXED").map(readRun);
  return runs.toSorted((a, b) => b.head.started_at - a.head.started_at || b.number - a.number);
}

/** The number of the new run. */
export function insertRun(database: Database, run: Omit<RunRow, "number">): number {
  const head = encode(run.head, Infinity).bytes;
  const id = quote(run.id);
  return database.run(
    "INSERT INTO runs (id, epoch, head, checksum) VALUES (?, ?, ?, ?)",
    id,
    run.epoch,
    head,
    chain(0, [id, run.epoch, head]),
  );
}

export function updateRun(database: Database, run: RunRow): void {
  const head = encode(run.head, Infinity).bytes;
  const checksum = chain(0, [quote(run.id), run.epoch, head]);
  database.run("UPDATE runs SET epoch = ?, head = ?, checksum = ? WHERE number = ?", run.epoch, head, checksum, run.number);
}

export function deleteRun(database: Database, number: number): void {
  deleteEntries(database, number, 0);
  database.run("DELETE FROM runs WHERE number = ?", number);
}

export function insertEntries(database: Database, number: number, rows: readonly EntryRow[]): void {
  for (const { place, key, flags, bytes, checksum } of rows) {
    const id = number * PLACES + place;
    database.run("INSERT INTO entries (id, key, flags, bytes, checksum) VALUES (?, ?, ?, ?, ?)", id, key, flags, bytes, checksum);
  }
}

export function deleteEntries(database: Database, number: number, fromPlace: number): void {
  database.run("DELETE FROM entries WHERE id >= ? AND id < ?", number * PLACES + fromPlace, (number + 1) * PLACES);
}

export function deleteResult(database: Database, number: number): void {
  database.run(`DELETE FROM entries WHERE id = ? AND flags & ${RESULT}`, number * PLACES + 1);
}

/** All that is kept of a run: exactly, or a beginning of it. @throws NotAsWrittenError */
export function loadRun(database: Database, { number, id }: RunRow): LoadedRun {
  const rows = database.all("SELECT * FROM entries WHERE id >= ? AND id < ? ORDER BY id", number * PLACES, (number + 1) * PLACES);
  let tail: Tail = { place: -1, checksum: chain(0, [id]) };
  const sound = rows.map((row): EntryRow => {
    const entry = readEntry(row, id);
    const { checksum } = sealRow(entry, tail.checksum);
    if (entry.checksum !== checksum) throw changed(id);
    tail = entry;
    return entry;
  });
  const [first, ...others] = sound;
  if (first === undefined) throw changed(id);
  const result = others.find(({ flags }) => flags & RESULT) ?? null;
  const entries = result === null ? others.map((row) => Object.freeze([parseName(row.key), decode<Outcome>(row)] as const)) : [];
  return {
    record: decode(first),
    entries: Object.freeze(entries),
    result: result === null ? null : decode({ ...result, flags: result.flags & ~RESULT }),
    head: first,
    tail: result === null ? tail : first,
  };
}

/** The key of the outcome that was recorded last; null where there is none. @throws NotAsWrittenError */
export function lastKey(database: Database, { number, id }: RunRow): string | null {
  const sql = "SELECT * FROM entries WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 2";
  const [last, before] = database.all(sql, number * PLACES, (number + 1) * PLACES).map((row) => readEntry(row, id));
  if (last === undefined || before === undefined || last.flags & RESULT) return null;
  if (last.checksum !== sealRow(last, before.checksum).checksum) throw changed(id);
  return parseName(last.key);
}

/** Bytes that the entries of a run take. */
export function entryBytes(database: Database, number: number): number {
  const sum = database.get(
    "SELECT SUM(LENGTH(key) + LENGTH(bytes)) AS bytes FROM entries WHERE id >= ? AND id < ?",
    number * PLACES,
    (number + 1) * PLACES,
  );
  return Number(sum?.["bytes"] ?? 0);
}

/** null: there is none. @throws NotAsWrittenError */
export function readShared(database: Database, name: string): Json {
  const row = database.get("SELECT * FROM shared WHERE name = ?", quote(name));
  return row === undefined ? null : sharedValue(row)[1];
}

/** By name. @throws NotAsWrittenError */
export function allShared(database: Database): (readonly [name: string, value: Json])[] {
  const values = database.all("SELECT * FROM shared").map(sharedValue);
  return values.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function writeShared(database: Database, name: string, value: Json): void {
  const { bytes } = encode({ value }, Infinity);
  database.run(
    "INSERT OR REPLACE INTO shared (name, bytes, checksum) VALUES (?, ?, ?)",
    quote(name),
    bytes,
    chain(0, [quote(name), bytes]),
  );
}

export function deleteShared(database: Database, name: string): void {
  database.run("DELETE FROM shared WHERE name = ?", quote(name));
}

function readRun({ number, id, epoch, head, checksum }: Record<string, unknown>): RunRow {
  const isSound = typeof number === "number" && typeof id === "string" && typeof epoch === "number" && head instanceof Uint8Array;
  if (!isSound || checksum !== chain(0, [id, epoch, head])) throw new NotAsWrittenError("what it says about one of its runs was changed");
  return { number, id: parseName(id), epoch, head: decode({ flags: 0, bytes: head }) };
}

function readEntry({ id, key, flags, bytes, checksum }: Record<string, unknown>, runId: string): EntryRow {
  const isSound = typeof id === "number" && typeof key === "string" && typeof flags === "number" && bytes instanceof Uint8Array;
  if (!isSound || typeof checksum !== "number") throw changed(runId);
  return { place: id % PLACES, key, flags, bytes, checksum };
}

function sharedValue({ name, bytes, checksum }: Record<string, unknown>): readonly [name: string, value: Json] {
  const isSound = typeof name === "string" && bytes instanceof Uint8Array;
  if (!isSound || checksum !== chain(0, [name, bytes])) throw new NotAsWrittenError("one of the values that its runs share was changed");
  return [parseName(name), decode<{ value: Json }>({ flags: 0, bytes }).value];
}

function sealRow(row: Omit<EntryRow, "checksum">, before: number): EntryRow {
  return { ...row, checksum: chain(before, [row.place, row.key, row.flags, row.bytes]) };
}

function changed(runId: string): NotAsWrittenError {
  return new NotAsWrittenError(`what it keeps of the run ${runId} was changed`);
}

/** Names may be any text; in a database a text may not. */
function quote(name: string): string {
  return JSON.stringify(name);
}

function parseName(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch (error) {
    throw new NotAsWrittenError("a name in it was changed", { cause: error });
  }
}
