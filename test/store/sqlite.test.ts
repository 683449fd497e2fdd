import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Stamped } from "../../src/engine/event.ts";
import { systemClock } from "../../src/store/clock.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { folderWith } from "../support/folder.ts";
import { outcomeWith, recordWith } from "../support/runs.ts";
import { startStoreWriter } from "../support/store-writer.ts";

const folder = folderWith({});
let count = 0;

/** A directory that is not there yet. */
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

async function faultOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await promise.then(
    () => new Error("nothing was refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreError)) throw error;
  return { code: error.code, message: error.message };
}

async function eventsOf(store: Store, id: string): Promise<Stamped[]> {
  const events: Stamped[] = [];
  for await (const event of store.events(id)) events.push(event);
  return events;
}

const logEvent = (seq: number, text = "x"): Stamped => {
  return { type: "log", stage: "s", attempt: 1, text, version: 1, seq, at: "2030-01-01T00:00:00.000Z", run_id: "a" };
};

const END = { status: "succeeded", ended_at: 1, stopped_at: null, result: null } as const;

describe("the files of a store", () => {
  test("are for their owner only, whatever the umask, and are not for git", async () => {
    const directory = join(newDirectory(), "inner", ".agentflow");
    const before = process.umask(0);
    try {
      const store = await open(directory);
      const run = await store.create(recordWith("a"));
      run.keepEvent(logEvent(1));
      run.noteProcess({ pid: 1, started: "then" });
      await run.append("x", outcomeWith({}));
    } finally {
      process.umask(before);
    }
    const modes = readdirSync(directory, { recursive: true, encoding: "utf8" }).map((path) => {
      const status = statSync(join(directory, path));
      return `${path} ${(status.mode & 0o777).toString(8)}`;
    });
    expect([`. ${(statSync(directory).mode & 0o777).toString(8)}`, ...modes.toSorted()]).toEqual([
      ". 700",
      ".gitignore 600",
      "agentflow.db 600",
      "agentflow.db-shm 600",
      "agentflow.db-wal 600",
      "locks 700",
      "locks/1.1 600",
      "runs 700",
      "runs/a 700",
      "runs/a/events.ndjson 600",
      "runs/a/processes.1 600",
    ]);
    expect(readFileSync(join(directory, ".gitignore"), "utf8")).toBe("*\n");
  });

  test("a directory that holds other things keeps its mode, and git goes on to see them", async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, "pipeline.toml"), "");
    await open(directory);
    expect([(statSync(directory).mode & 0o777).toString(8), existsSync(join(directory, ".gitignore"))]).toEqual(["755", false]);
  });

  test("a directory that is there and empty is made a store", async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    await open(directory);
    expect([(statSync(directory).mode & 0o777).toString(8), existsSync(join(directory, ".gitignore"))]).toEqual(["700", true]);
  });

  test("go with their run, and locks with their owner", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    const next = await store.acquire("a", { takeOver: true });
    expect(readdirSync(join(directory, "locks"))).toEqual(["1.2"]);
    await next.release();
    await run.release();
    expect([readdirSync(join(directory, "locks")), readdirSync(join(directory, "runs"))]).toEqual([[], ["a"]]);
    await store.remove("a");
    expect(readdirSync(join(directory, "runs"))).toEqual([]);
  });

  test("are called as their run where a file can be called so, and never lie elsewhere", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    for (const id of ["a", "2030-01-01.x", "Upper", "../up", ".hidden"]) await store.create(recordWith(id));
    expect(readdirSync(join(directory, "runs")).toSorted()).toEqual(["2030-01-01.x", "___up~4", "_hidden~5", "a", "upper~3"]);
  });

  test("get smaller again when most of what was in them is removed", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    for (const id of ["a", "b"]) {
      const run = await store.create(recordWith(id, { compressAbove: 1e9 }));
      await run.append("x", outcomeWith({ text: "x".repeat(id === "a" ? 300_000 : 3000) }));
      await run.release();
    }
    await store.remove("a");
    await store.close();
    expect(statSync(join(directory, "agentflow.db")).size).toBeLessThan(30_000);
    expect((await (await open(directory)).read("b"))?.entries.length).toBe(1);
  });

  test("do not grow when runs whose result is kept follow one another", async () => {
    const directory = newDirectory();
    const sizes: number[] = [];
    for (const id of ["a", "b", "c", "d"]) {
      const store = await open(directory);
      const run = await store.create(recordWith(id, { compressAbove: 1e9 }));
      for (let n = 0; n < 5; n += 1) await run.append(`x${n}`, outcomeWith({ text: "x".repeat(20_000) }));
      await run.end({ ...END, result: { version: 1 } as never });
      await store.close();
      sizes.push(statSync(join(directory, "agentflow.db")).size);
    }
    expect((sizes[3] ?? 0) - (sizes[0] ?? 0)).toBeLessThan(10_000);
  });

  test("hold values from compress_above on in less than their size", async () => {
    const store = await open(newDirectory());
    const sizes: number[] = [];
    for (const [id, compressAbove] of [
      ["above", 6000],
      ["below", 4000],
      ["default", undefined],
    ] as const) {
      const run = await store.create(recordWith(id, compressAbove === undefined ? {} : { compressAbove }));
      const { bytes } = (await store.read(id))?.summary ?? { bytes: 0 };
      await run.append("x", outcomeWith({ text: "x".repeat(5000) }));
      await run.append("y", outcomeWith({ text: "y".repeat(9000) }));
      sizes.push(((await store.read(id))?.summary.bytes ?? 0) - bytes);
    }
    expect(sizes.map((bytes) => Math.round(bytes / 1000))).toEqual([5, 0, 5]);
  });
});

describe("a store that cannot be used says what is wrong, where, and what to do:", () => {
  test("a file in the place of the directory", async () => {
    const directory = newDirectory();
    writeFileSync(directory, "");
    expect(await faultOf(open(directory))).toEqual({
      code: "unavailable",
      message: `the store ${directory} cannot be used: a file is in the place of a directory: move it away, or use another directory`,
    });
    expect(await faultOf(open(join(directory, "in")))).toMatchObject({ code: "unavailable" });
  });

  test("files that this user may not write", async () => {
    const directory = newDirectory();
    await (await open(directory)).close();
    // As whoever may do everything does not notice a mode, the file is made one that nobody may change.
    chmodSync(join(directory, "agentflow.db"), 0o400);
    if (process.getuid?.() === 0) return expect((await open(directory)).list()).resolves.toEqual([]);
    expect(await faultOf(open(directory))).toEqual({
      code: "unavailable",
      message: `the store ${directory} cannot be used: this user may not read and write it: change its permissions, or use another directory`,
    });
  });

  test("a database that is none", async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    writeFileSync(join(directory, "agentflow.db"), "x".repeat(5000));
    expect(await faultOf(open(directory))).toEqual({
      code: "damaged",
      message: `the store ${directory} is damaged: the database says "file is not a database"; put a backup in its place, or move it away and begin with a new one`,
    });
  });

  test("a database of somebody else, which is left as it is", async () => {
    const directory = newDirectory();
    mkdirSync(directory);
    const path = join(directory, "agentflow.db");
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE theirs (a)");
    other.close();
    const before = readFileSync(path);
    expect(await faultOf(open(directory))).toEqual({
      code: "damaged",
      message: `the store ${directory} is damaged: ${path} is no database of agentflow; put a backup in its place, or move it away and begin with a new one`,
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("a newer format", async () => {
    const directory = newDirectory();
    await (await open(directory)).close();
    changeDatabase(directory, "PRAGMA user_version = 0x00020002");
    expect(await faultOf(open(directory))).toEqual({
      code: "version",
      message: `the store ${directory} has format 2, and this agentflow knows format 1: use the agentflow that made it, or a newer one, or another directory`,
    });
  });

  test("files that were removed while it was in use: nothing is said to be written", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    rmSync(directory, { recursive: true });
    const fault = await faultOf(Promise.resolve(run.append("x", outcomeWith({}))));
    expect(fault).toEqual({
      code: "unavailable",
      message: `the store ${directory} cannot be used: ${join(directory, "agentflow.db")} was removed or replaced while it was in use`,
    });
    expect([await faultOf(Promise.resolve(run.append("y", outcomeWith({})))), await faultOf(store.list())]).toEqual([fault, fault]);
    expect(await faultOf(store.create(recordWith("b")))).toEqual(fault);
  });

  test("a commit that fails: everything in it is refused, and everything after it; the disk is trusted by whoever opens it next", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const [a, b] = await Promise.all([store.create(recordWith("a")), store.create(recordWith("b"))]);
    await a.append("x", outcomeWith({}));
    changeDatabase(directory, "CREATE TRIGGER no BEFORE INSERT ON entries WHEN NEW.key = '\"bad\"' BEGIN SELECT RAISE(ABORT, 'no'); END");
    const settled = await Promise.allSettled([b.append("good", outcomeWith({})), a.append("bad", outcomeWith({}))]);
    expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect((await faultOf(Promise.resolve(b.append("later", outcomeWith({}))))).code).toBe("damaged");
    expect((await faultOf(store.acquire("b"))).code).toBe("damaged");
    // Nobody has to wait for the one that failed.
    const again = await open(directory);
    await again.create(recordWith("c"));
    await store.close();
    expect([(await again.read("a"))?.entries.length, (await again.read("b"))?.entries.length]).toEqual([1, 0]);
    expect((await again.acquire("a")).get("x")).toEqual(outcomeWith({}));
  });
});

describe("one store, many processes:", () => {
  test("eight at once lose nothing, and none is told that it is locked", async () => {
    const directory = newDirectory();
    const writers = await Promise.all(Array.from({ length: 8 }, () => startStoreWriter(directory)));
    const answers = await Promise.all(
      writers.map(async (writer, index) => [
        await writer.tell("create", `run-${index}`),
        await writer.tell("appends", "100"),
        await writer.tell("add", "25"),
        await writer.tell("end"),
      ]),
    );
    expect(answers.flat().filter((answer) => answer !== "done")).toEqual([]);
    const store = await open(directory);
    const expected = Array.from({ length: 100 }, (_, index) => [`s${index + 1}~1!1#1`, outcomeWith({ n: index + 1 })]);
    for (let index = 0; index < 8; index += 1) expect((await store.read(`run-${index}`))?.entries).toEqual(expected);
    expect(await store.shared.list()).toEqual([["sum", 200]]);
    expect(new Set((await store.list()).map(({ owner }) => owner?.pid))).toEqual(new Set(writers.map(({ pid }) => pid)));
  });

  test("eight that make it at the same moment all get it", async () => {
    const directory = newDirectory();
    const stores = await Promise.all(Array.from({ length: 8 }, () => open(directory)));
    await Promise.all(stores.map((store, index) => store.create(recordWith(`run-${index}`))));
    expect((await (await open(directory)).list()).length).toBe(8);
  });

  test("an owner that was killed gives way at once; what it had written is there, whole", async () => {
    const directory = newDirectory();
    const writer = await startStoreWriter(directory);
    for (const [command, argument] of [
      ["create", "a"],
      ["append", "x"],
      ["event", "one"],
      ["note", "123"],
    ] as const) {
      expect(await writer.tell(command, argument)).toBe("done");
    }
    const store = await open(directory);
    expect((await store.read("a"))?.summary.owner).toEqual({ pid: writer.pid, host: "here" });
    await writer.kill();
    expect((await store.read("a"))?.summary).toMatchObject({ owner: null, status: "running", stopped_at: "x" });
    const run = await store.acquire("a");
    expect([[...run.entries()], run.eventCount, run.processes]).toEqual([
      [["x", outcomeWith({ key: "x" })]],
      1,
      [{ pid: 123, started: "then" }],
    ]);
    expect(readdirSync(join(directory, "locks"))).toEqual(["1.2"]);
  });

  test("an owner that stands still keeps its run until that is taken over, and can write nothing afterwards", async () => {
    const directory = newDirectory();
    const writer = await startStoreWriter(directory);
    await writer.tell("create", "a");
    await writer.tell("append", "x");
    writer.signal("SIGSTOP");
    const store = await open(directory);
    expect(await faultOf(store.acquire("a"))).toEqual({
      code: "owned",
      message: `the run a is driven by process ${writer.pid} on here: wait for it, stop it, or take the run over`,
    });
    const run = await store.acquire("a", { takeOver: true });
    writer.signal("SIGCONT");
    expect(await writer.tell("event", "of the one before")).toBe("done");
    expect(await writer.tell("append", "y")).toBe("taken-over");
    expect(await writer.tell("end")).toBe("taken-over");
    await writer.tell("close");
    await run.append("y", outcomeWith({ by: "the new one" }));
    expect((await store.read("a"))?.entries.map(([key]) => key)).toEqual(["x", "y"]);
    expect(await eventsOf(store, "a")).toEqual([]);
    expect((await store.read("a"))?.summary.owner).toEqual({ pid: process.pid, host: "here" });
  });

  test("events of a run in another process are followed to the last", async () => {
    const directory = newDirectory();
    const writer = await startStoreWriter(directory);
    await writer.tell("create", "a");
    const store = await open(directory);
    const texts: string[] = [];
    const tell = async (): Promise<void> => {
      for (const text of ["one", "two"]) await writer.tell("event", text);
      await writer.tell("end");
      await writer.tell("event", "three");
      await writer.tell("close");
    };
    const telling = tell();
    for await (const event of store.events("a", { follow: new AbortController().signal })) {
      if (event.type === "log") texts.push(event.text);
    }
    await telling;
    expect(texts).toEqual(["one", "two", "three"]);
  });
});

test("a run that has ended is followed until its owner has let go of it", async () => {
  const store = await open(newDirectory());
  const run = await store.create(recordWith("a"));
  run.keepEvent(logEvent(1));
  await run.end(END);
  const seen: number[] = [];
  for await (const { seq } of store.events("a", { follow: new AbortController().signal })) {
    seen.push(seq);
    if (seq > 1) continue;
    setTimeout(() => {
      run.keepEvent(logEvent(2));
      void run.release();
    }, 30);
  }
  expect(seen).toEqual([1, 2]);
});

describe("beside the database", () => {
  test.each([
    ["half a line", '{"type":"log","te'],
    ["zeros, which a machine that died leaves", `\0\0\0\0\n{"type":"log"}\n`],
  ])("%s at the end of the events is not read, and cut off by the next owner", async (_, torn) => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    for (const seq of [1, 2]) run.keepEvent(logEvent(seq));
    await run.release();
    appendFileSync(join(directory, "runs/a/events.ndjson"), torn);
    expect(await eventsOf(store, "a")).toEqual([logEvent(1), logEvent(2)]);
    const next = await store.acquire("a");
    expect(next.eventCount).toBe(2);
    next.keepEvent(logEvent(3));
    expect(readFileSync(join(directory, "runs/a/events.ndjson"), "utf8")).toBe(
      [1, 2, 3].map((seq) => `${JSON.stringify(logEvent(seq))}\n`).join(""),
    );
  });

  test("a folder that somebody removed is made anew", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    await run.append("x", outcomeWith({}));
    await run.release();
    rmSync(join(directory, "runs"), { recursive: true });
    const next = await store.acquire("a");
    next.keepEvent(logEvent(1));
    expect([[...next.entries()].length, next.processes, await eventsOf(store, "a")]).toEqual([1, [], [logEvent(1)]]);
  });

  test("an event of some megabytes is one event", async () => {
    const store = await open(newDirectory());
    const run = await store.create(recordWith("a"));
    const events = [logEvent(1), logEvent(2, "ä".repeat(2_000_000)), logEvent(3)];
    for (const event of events) run.keepEvent(event);
    await run.release();
    expect(await eventsOf(store, "a")).toEqual(events);
    expect((await store.acquire("a")).eventCount).toBe(3);
  });

  test("a line in the events that is none is named", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    run.keepEvent(logEvent(1));
    const path = join(directory, "runs/a/events.ndjson");
    appendFileSync(path, "{]\n");
    expect(await faultOf(eventsOf(store, "a"))).toEqual({
      code: "damaged",
      message: `the store ${directory} is damaged: line 2 of ${path} is no event; put a backup in its place, or move it away and begin with a new one`,
    });
  });

  test("keeping an event that cannot be kept does not fail, and leaves no half of it", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    run.keepEvent(logEvent(1));
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    run.keepEvent({ ...logEvent(2), ...circle } as Stamped);
    run.keepEvent(logEvent(3));
    expect([run.eventCount, await eventsOf(store, "a")]).toEqual([1, [logEvent(1)]]);
  });

  test("processes of an earlier start of the machine are not named, nor is half a line", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    run.noteProcess({ pid: 1, started: "then" });
    await run.release();
    const path = join(directory, "runs/a/processes.1");
    const [line = ""] = readFileSync(path, "utf8").split("\n");
    appendFileSync(path, `${line.replace(/"boot":"[^"]+"/, '"boot":"another"').replace('"pid":1', '"pid":2')}\n{"pid":3`);
    expect((await store.acquire("a")).processes).toEqual([{ pid: 1, started: "then" }]);
  });

  test("20 MB in one value, and values that the database could not hold as text", async () => {
    const directory = newDirectory();
    const store = await open(directory);
    const run = await store.create(recordWith("a"));
    const wrote = {
      big: Array.from({ length: 400_000 }, (_, n) => `${n} ${(n * 2654435761) % 4294967296} ${"x".repeat(30)}`).join("\n"),
      zero: "\0",
      half: "\ud83d",
    };
    await run.append("x", outcomeWith(wrote));
    await store.close();
    const entries = (await (await open(directory)).read("a"))?.entries;
    expect(entries?.[0]?.[1].wrote["big"] === wrote.big).toBe(true);
    expect([entries?.[0]?.[1].wrote["zero"], entries?.[0]?.[1].wrote["half"]]).toEqual(["\0", "\ud83d"]);
  });
});

test("a store of format 1 that was kept is read and gone on with", async () => {
  const directory = newDirectory();
  execFileSync("cp", ["-R", new URL("../fixtures/stores/1", import.meta.url).pathname, directory]);
  const store = await open(directory);
  const list = await store.list();
  expect(list.map(({ run_id, status, stopped_at, owner }) => [run_id, status, stopped_at, owner])).toEqual([
    ["ended", "succeeded", null, null],
    ["killed", "running", "outer/inner", null],
  ]);
  expect((await store.read("ended"))?.result).toMatchObject({ run_id: "ended", state: { n: 1 } });
  const run = await store.acquire("killed");
  expect([...run.entries()]).toEqual([
    ["one~1!1#1", outcomeWith({ small: 1 })],
    ["outer~1/inner~2!1#1", outcomeWith({ big: "x".repeat(20_000) })],
  ]);
  expect(run.eventCount).toBe(1);
  await run.append("two~1!1#1", outcomeWith({}));
  expect(await store.shared.list()).toEqual([["breaker", { failures: 2 }]]);
});

function changeDatabase(directory: string, sql: string): void {
  const database = new DatabaseSync(join(directory, "agentflow.db"));
  database.exec(sql);
  database.close();
}
