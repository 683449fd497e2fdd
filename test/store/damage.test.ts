import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/store/clock.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { folderWith } from "../support/folder.ts";
import { outcomeWith, recordWith } from "../support/runs.ts";

/** What can be read of the store: of each run, what it gives. */
type Seen = Readonly<Record<string, unknown>>;

const folder = folderWith({});
const KEYS = ["one~1!1#1", "two~1!1#1", "three~1!1#1", "four~1!1#1", "five~1!1#1", "six~1!1#1"];
const END = { status: "succeeded", ended_at: 1, stopped_at: null } as const;
let count = 0;

describe("of a store whose bytes were changed, what is read is what was written, or a beginning of it, or nothing:", () => {
  test.each([
    ["in the database", "agentflow.db", { closed: true }],
    ["in the database, while the latest part lies in the log", "agentflow.db", { closed: false }],
    ["in the log", "agentflow.db-wal", { closed: false }],
  ] as const)("a byte %s", async (_, file, { closed }) => {
    const { directory, history } = await sample(closed);
    const bytes = readFileSync(join(directory, file));
    let damaged = 0;
    const wrong: string[] = [];
    for (const position of positionsIn(bytes.length)) {
      const changed = Buffer.from(bytes);
      changed[position] = (changed[position] ?? 0) ^ (position % 3 === 0 ? 0xff : 1 << (position % 8));
      const answer = await look(copyOf(directory, file, changed), history);
      if (answer === "damaged") damaged += 1;
      else if (answer !== "sound") wrong.push(`byte ${position}: ${answer}`);
    }
    expect(wrong).toEqual([]);
    if (file === "agentflow.db") expect(damaged).toBeGreaterThan(10);
    else expect(damaged).toBe(0);
  });

  test.each([
    ["the database", "agentflow.db", true],
    ["the log", "agentflow.db-wal", false],
  ] as const)("%s, cut off", async (_, file, closed) => {
    const { directory, history } = await sample(closed);
    const bytes = readFileSync(join(directory, file));
    const answers = new Set<string>();
    for (let length = 0; length < bytes.length; length += 509) {
      answers.add(await look(copyOf(directory, file, bytes.subarray(0, length)), history));
    }
    // A database of no bytes at all is a new one.
    expect([...answers].toSorted()).toEqual(closed ? ["damaged", "sound"] : ["sound"]);
  });

  test.each([
    ["was changed", `UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '"n":1', '"n":3') AS BLOB) WHERE key LIKE '%one%'`],
    ["was renamed", `UPDATE entries SET key = '"other~1!1#1"' WHERE key LIKE '%two%'`],
    ["is missing", "DELETE FROM entries WHERE key LIKE '%two%'"],
    [
      "is in the place of another",
      "UPDATE entries SET id = CASE id % 16 WHEN 2 THEN -3 ELSE -2 END + id - id % 16 WHERE id % 16 IN (2, 3) AND id < 33554432; UPDATE entries SET id = -id WHERE id < 0",
    ],
    ["has other flags", "UPDATE entries SET flags = 1 - flags WHERE key LIKE '%two%'"],
    [
      "belongs to another run",
      "DELETE FROM entries WHERE id / 16777216 = 1; UPDATE entries SET id = id - 16777216 WHERE id / 16777216 = 2",
    ],
    ["is that of the record, and is missing", "DELETE FROM entries WHERE id % 16777216 = 0"],
  ])("a row that %s", async (_, sql) => {
    const { directory } = await sample(true);
    change(directory, sql);
    const store = await open(directory);
    const error: unknown = await store.read("a").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: "damaged",
      message: `the store ${directory} is damaged: what it keeps of the run a was changed; put a backup in its place, or move it away and begin with a new one`,
    });
    await expect(store.acquire("a")).rejects.toMatchObject({ code: "damaged" });
  });

  test.each([
    [
      "the head of a run",
      "UPDATE runs SET head = CAST(replace(CAST(head AS TEXT), 'running', 'failed_') AS BLOB)",
      "what it says about one of its runs was changed",
    ],
    ["the epoch of a run", "UPDATE runs SET epoch = 7", "what it says about one of its runs was changed"],
    ["the id of a run", `UPDATE runs SET id = '"z"' WHERE number = 1`, "what it says about one of its runs was changed"],
    [
      "a shared value",
      "UPDATE shared SET bytes = CAST(replace(CAST(bytes AS TEXT), '1', '2') AS BLOB)",
      "one of the values that its runs share was changed",
    ],
  ])("%s", async (what, sql, message) => {
    const { directory } = await sample(true);
    change(directory, sql);
    const store = await open(directory);
    const asked = what === "a shared value" ? store.shared.list() : store.read("a");
    await expect(asked).rejects.toThrow(
      new StoreError(
        "damaged",
        `the store ${directory} is damaged: ${message}; put a backup in its place, or move it away and begin with a new one`,
      ),
    );
  });
});

test("a head that says that there is no log does not matter where the log says otherwise, and is damage where there is none", async () => {
  const { directory, history } = await sample(false);
  const bytes = readFileSync(join(directory, "agentflow.db"));
  expect([...bytes.subarray(18, 20)]).toEqual([2, 2]);
  bytes.set([1, 1], 18);
  expect(await look(copyOf(directory, "agentflow.db", bytes), history)).toBe("sound");
  expect(await look(copyOf(directory, "agentflow.db", bytes, { log: false }), history)).toBe("damaged");
});

test("the list does not say where a run is from a row that was changed", async () => {
  const { directory } = await sample(true);
  change(directory, `UPDATE entries SET key = '"other~1!1#1"' WHERE key LIKE '%six%'`);
  await expect((await open(directory)).list()).rejects.toMatchObject({ code: "damaged" });
});

test("a number that is none of ours is damage", async () => {
  const { directory } = await sample(true);
  change(directory, "UPDATE entries SET checksum = 9007199254740993");
  await expect((await open(directory)).read("a")).rejects.toMatchObject({ code: "damaged" });
});

/** A small store, and everything that could be read of it from its beginning on. */
async function sample(closed: boolean): Promise<{ directory: string; history: Seen[] }> {
  const directory = newDirectory();
  let store = await open(directory);
  const history: Seen[] = [await see(store)];
  const step = async (work: Promise<unknown> | void): Promise<void> => {
    await work;
    history.push(await see(store));
  };
  const a = await store.create(recordWith("a", { compressAbove: 1400 }));
  history.push(await see(store));
  for (const [index, key] of KEYS.entries()) await step(a.append(key, outcomeWith({ n: index + 1, text: "x".repeat(index * 300) })));
  // What comes before is in the database, what comes after in the log.
  await store.close();
  store = await open(directory);
  const b = await store.create(recordWith("b"));
  history.push(await see(store));
  await step(b.append("x~1!1#1", outcomeWith({})));
  await step(b.end({ ...END, result: { version: 1, state: { n: 1 } } as never }));
  await step(store.shared.update("v", () => ({ value: { n: 1 }, result: null })));
  if (closed) await store.close();
  return { directory, history };
}

/** What a store says, without what depends on who drives a run and on the size of files. */
async function see(store: Store): Promise<Seen> {
  const seen: Record<string, unknown> = {};
  for (const summary of await store.list()) {
    const run = await store.read(summary.run_id);
    const { owner: _owner, bytes: _bytes, ...rest } = summary;
    seen[summary.run_id] = { rest, record: run?.record, entries: run?.entries, result: run?.result };
  }
  for (const [name, value] of await store.shared.list()) seen[`shared ${name}`] = value;
  return seen;
}

/** `sound`, `damaged`, or what is wrong. */
async function look(directory: string, history: readonly Seen[]): Promise<string> {
  let store: Store | undefined;
  try {
    store = await openStore(directory, { clock: systemClock(), pid: 1, host: "here" });
    const seen = await see(store);
    const text = JSON.stringify(seen);
    return history.some((moment) => JSON.stringify(moment) === text) ? "sound" : `it reads ${text.slice(0, 300)}`;
  } catch (error) {
    return error instanceof StoreError && error.code === "damaged" ? "damaged" : String(error);
  } finally {
    await store?.close().catch(() => {});
  }
}

/** All of the head, and some hundred places in the rest. */
function positionsIn(length: number): number[] {
  const step = Math.max(1, Math.floor(length / 101));
  const rest = Array.from({ length: Math.floor((length - 108) / step) }, (_, index) => 108 + index * step + (index % step));
  return [...Array.from({ length: 108 }, (_, index) => index), ...rest.filter((position) => position < length)];
}

/** The store may be open here: nobody else uses it, so that the locks that this takes from it are not missed. */
function copyOf(directory: string, file: string, bytes: Uint8Array, { log = true } = {}): string {
  const copy = newDirectory();
  mkdirSync(copy);
  for (const name of ["agentflow.db", ...(log ? ["agentflow.db-wal"] : [])]) {
    if (existsSync(join(directory, name))) writeFileSync(join(copy, name), name === file ? bytes : readFileSync(join(directory, name)));
  }
  return copy;
}

/** The store is closed. */
function change(directory: string, sql: string): void {
  const database = new DatabaseSync(join(directory, "agentflow.db"));
  database.exec(sql);
  database.close();
}

function newDirectory(): string {
  count += 1;
  return join(folder, `store-${count}`);
}

/** It is closed with the test. */
async function open(directory: string): Promise<Store> {
  const store = await openStore(directory, { clock: systemClock(), pid: process.pid, host: "here" });
  onTestFinished(() => store.close().catch(() => {}));
  return store;
}
