import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import type { JsonObject } from "../spec/json.ts";
import {
  allEvents,
  type Cases,
  created,
  END,
  eventOf,
  identical,
  isFrozen,
  keysOf,
  outcomeOf,
  readRun,
  recordOf,
  refuses,
  resultOf,
  VALUES,
} from "./contract-samples.ts";

/** What is remembered, and how it is read. */
export const RECORDING: Cases = {
  "a run that was created is there with its record, and nothing else": async (open) => {
    const store = await open();
    const record = recordOf("a", { input: { n: 1 }, parent: { run_id: "b", from: "stage" } });
    const run = await store.create(record);
    deepEqual(run.record, record);
    equal(run.status, "running");
    equal(run.eventCount, 0);
    deepEqual(run.processes, []);
    deepEqual([...run.entries()], []);
    const stored = await readRun(store, "a");
    deepEqual(stored.record, record);
    deepEqual(stored.entries, []);
    equal(stored.result, null);
    const { owner, bytes, ...summary } = stored.summary;
    deepEqual(summary, {
      run_id: "a",
      pipeline_id: "p",
      session_id: "s",
      status: "running",
      started_at: 1000,
      ended_at: null,
      stopped_at: null,
      parent: { run_id: "b", from: "stage" },
    });
    notEqual(owner, null);
    ok(bytes > 0);
  },
  "there is no second run of the same id": async (open) => {
    const store = await open();
    const run = await store.create(recordOf("a"));
    await run.append("x~1!1#1", outcomeOf({ n: 1 }));
    await refuses("exists", () => store.create(recordOf("a", { input: { other: true } })));
    await run.release();
    await refuses("exists", async () => (await open()).create(recordOf("a")));
    deepEqual((await readRun(store, "a")).record, recordOf("a"));
    deepEqual(keysOf((await readRun(store, "a")).entries), ["x~1!1#1"]);
  },
  "a run that is not there: read says null, everything else is refused": async (open) => {
    const store = await open();
    equal(await store.read("a"), null);
    deepEqual(await store.list(), []);
    await refuses("unknown", () => store.acquire("a"));
    await refuses("unknown", () => store.acquire("a", { takeOver: true }));
    await refuses("unknown", () => store.remove("a"));
    await refuses("unknown", () => allEvents(store, "a"));
  },
  "any text is an id": async (open) => {
    const ids = ["A", "a", "a/b", "../a", "", ".", "..", "a\0b", "ä", "\ud800", "__proto__", "x".repeat(300), "%41"];
    const store = await open();
    for (const id of ids) {
      const run = await store.create(recordOf(id));
      run.keepEvent(eventOf(id, 1));
      await run.append(id, outcomeOf({ id }));
      await run.release();
    }
    await store.close();
    const again = await open();
    for (const id of ids) {
      const { record, entries } = await readRun(again, id);
      deepEqual([record.run_id, entries, await allEvents(again, id)], [id, [[id, outcomeOf({ id })]], [eventOf(id, 1)]]);
    }
    deepEqual((await again.list()).map(({ run_id }) => run_id).toSorted(), ids.toSorted());
  },
  "what was appended is read in its order, by the owner, by others, and later": async (open) => {
    const store = await open();
    const run = await store.create(recordOf("a"));
    const keys = Array.from({ length: 40 }, (_, index) => `s${(index * 7) % 40}~1!1#1`);
    for (const key of keys) await run.append(key, outcomeOf({ key }));
    const entries = keys.map((key) => [key, outcomeOf({ key })]);
    deepEqual([...run.entries()], entries);
    deepEqual(run.get("s7~1!1#1"), outcomeOf({ key: "s7~1!1#1" }));
    equal(run.get("s99~1!1#1"), undefined);
    deepEqual((await readRun(store, "a")).entries, entries);
    deepEqual((await readRun(await open(), "a")).entries, entries);
    await run.release();
    await store.close();
    const again = await (await open()).acquire("a");
    deepEqual([...again.entries()], entries);
    deepEqual(again.get("s7~1!1#1"), outcomeOf({ key: "s7~1!1#1" }));
    await again.append("more~1!1#1", outcomeOf({}));
    await again.release();
    deepEqual(keysOf((await readRun(await open(), "a")).entries), [...keys, "more~1!1#1"]);
  },
  "an append that has resolved can be read at once by others": async (open) => {
    const store = await open();
    const other = await open();
    const run = await store.create(recordOf("a"));
    for (let n = 1; n <= 5; n += 1) {
      await run.append(`s${n}`, outcomeOf({ n }));
      equal((await readRun(other, "a")).entries.length, n);
    }
  },
  "appends that are not waited for keep their order": async (open) => {
    const store = await open();
    const runs = await Promise.all(["a", "b", "c"].map((id) => store.create(recordOf(id))));
    const keys = Array.from({ length: 30 }, (_, index) => `s${index}`);
    await Promise.all(runs.flatMap((run) => keys.map(async (key) => await run.append(key, outcomeOf({ key, id: run.record.run_id })))));
    await store.close();
    const again = await open();
    for (const id of ["a", "b", "c"]) {
      deepEqual(
        (await readRun(again, id)).entries,
        keys.map((key) => [key, outcomeOf({ key, id })]),
      );
    }
  },
  "a key is appended once": async (open) => {
    const store = await open();
    const run = await store.create(recordOf("a"));
    await run.append("x", outcomeOf({ n: 1 }));
    await rejects(async () => await run.append("x", outcomeOf({ n: 2 })));
    deepEqual((await readRun(store, "a")).entries, [["x", outcomeOf({ n: 1 })]]);
  },
  "an entry without a checkpoint is written with the next one": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({ n: 1 }), { checkpoint: false });
    deepEqual(run.get("x"), outcomeOf({ n: 1 }));
    deepEqual(keysOf(run.entries()), ["x"]);
    await run.append("y", outcomeOf({ n: 2 }), { checkpoint: true });
    deepEqual(keysOf((await readRun(await open(), "a")).entries), ["x", "y"]);
    await run.append("z", outcomeOf({ n: 3 }), { checkpoint: false });
    await run.end(END);
    deepEqual(keysOf((await readRun(store, "a")).entries), ["x", "y", "z"]);
  },
  "an entry without a checkpoint is written when the run is released": async (open) => {
    const { run } = await created(open);
    await run.append("x", outcomeOf({ n: 1 }), { checkpoint: false });
    await run.append("y", outcomeOf({ n: 2 }), { checkpoint: false });
    await run.release();
    deepEqual(keysOf((await readRun(await open(), "a")).entries), ["x", "y"]);
  },
  "an entry that is being written when the run is released is written first": async (open) => {
    const { run } = await created(open);
    const other = await open();
    const pending = run.append("x", outcomeOf({ n: 1 }));
    await run.release();
    deepEqual(keysOf((await readRun(other, "a")).entries), ["x"]);
    await pending;
  },
  "an entry without a checkpoint is written when the store is closed": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({ n: 1 }), { checkpoint: false });
    await store.close();
    const again = await open();
    deepEqual(keysOf((await readRun(again, "a")).entries), ["x"]);
    equal((await readRun(again, "a")).summary.owner, null);
  },
  "values come back as they were": async (open) => {
    const { store, run } = await created(open);
    for (const [name, value] of Object.entries(VALUES)) await run.append(name, outcomeOf({ value }));
    await store.close();
    const again = await open();
    const entries = new Map((await readRun(again, "a")).entries);
    for (const [name, value] of Object.entries(VALUES)) identical(entries.get(name)?.wrote["value"], value, name);
    const acquired = await again.acquire("a");
    for (const [name, value] of Object.entries(VALUES)) identical(acquired.get(name)?.wrote["value"], value, name);
  },
  "values of the record and of the result come back as they were": async (open) => {
    const store = await open();
    const input: JsonObject = { ...VALUES };
    const run = await store.create(recordOf("a", { input }));
    identical(run.record.input, input, "the owner's record");
    await run.end({ ...END, result: resultOf("a", input) });
    await run.release();
    const { record, result } = await readRun(await open(), "a");
    identical(record.input, input, "the record");
    identical(result?.state, input, "the result");
  },
  "what goes in may be changed afterwards, and what comes out cannot be": async (open) => {
    const store = await open();
    const input = { list: [1] };
    const run = await store.create(recordOf("a", { input }));
    const wrote = { list: [1] };
    await run.append("x", outcomeOf(wrote));
    const event = eventOf("a", 1, { list: [1] });
    run.keepEvent(event);
    const value = { list: [1] };
    await store.shared.update("v", () => ({ value, result: null }));
    for (const { list } of [input, wrote, value]) list.push(2);
    const { record, entries } = await readRun(store, "a");
    deepEqual([record.input, entries[0]?.[1].wrote], [{ list: [1] }, { list: [1] }]);
    deepEqual(await store.shared.list(), [["v", { list: [1] }]]);
    const acquired = await store.acquire("a", { takeOver: true });
    const [readEvent] = await allEvents(store, "a");
    for (const out of [record, entries, entries[0]?.[1], run.record, run.get("x"), acquired.record, acquired.get("x"), readEvent])
      isFrozen(out);
    await store.shared.update("v", (value) => {
      isFrozen(value);
      return { value, result: null };
    });
    await acquired.end({ ...END, result: resultOf("a", {}) });
    isFrozen((await readRun(store, "a")).result);
  },
  "a run that ended says so, and keeps its entries": async (open) => {
    const { store, run } = await created(open);
    await run.append("one~1!1#1", outcomeOf({}));
    await run.end({ status: "failed", ended_at: 5000, stopped_at: "two", result: null });
    const { summary, entries, result } = await readRun(await open(), "a");
    deepEqual(
      [summary.status, summary.ended_at, summary.stopped_at, keysOf(entries), result],
      ["failed", 5000, "two", ["one~1!1#1"], null],
    );
    notEqual(summary.owner, null);
    await run.release();
    equal((await readRun(store, "a")).summary.owner, null);
    const acquired = await store.acquire("a");
    equal(acquired.status, "failed");
    deepEqual(keysOf(acquired.entries()), ["one~1!1#1"]);
  },
  "a run whose result is kept forgets its entries": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({ n: 1 }));
    await run.append("y", outcomeOf({ n: 2 }), { checkpoint: false });
    deepEqual(keysOf((await readRun(store, "a")).entries), ["x"]);
    await run.end({ ...END, result: resultOf("a", { n: 3 }) });
    deepEqual([...run.entries()], []);
    for (const from of [store, await open()]) {
      const { entries, result, summary } = await readRun(from, "a");
      deepEqual([entries, result, summary.status], [[], resultOf("a", { n: 3 }), "succeeded"]);
    }
    await run.release();
    const acquired = await store.acquire("a");
    deepEqual([...acquired.entries()], []);
    equal(acquired.status, "succeeded");
  },
  "a run whose end was recorded again has the latest end": async (open) => {
    const { store, run } = await created(open);
    await run.end({ status: "failed", ended_at: 5000, stopped_at: "x", result: null });
    await run.end({ status: "cancelled", ended_at: 6000, stopped_at: "y", result: null });
    const { status, ended_at, stopped_at } = (await readRun(store, "a")).summary;
    deepEqual([status, ended_at, stopped_at], ["cancelled", 6000, "y"]);
  },
  "a run is running again as soon as a resume has recorded something, and says where it is": async (open) => {
    const { store, run } = await created(open);
    await run.append("one~1!1#1", outcomeOf({}));
    await run.end({ status: "timed_out", ended_at: 5000, stopped_at: "two", result: null });
    await run.release();
    const resumed = await store.acquire("a");
    equal((await readRun(store, "a")).summary.status, "timed_out");
    await resumed.append("outer~1/inner~3!2@other#4", outcomeOf({}));
    const { status, ended_at, stopped_at } = (await readRun(store, "a")).summary;
    deepEqual([status, ended_at, stopped_at], ["running", null, "outer/inner"]);
    equal((await store.list())[0]?.status, "running");
    equal(resumed.status, "timed_out");
    await resumed.end(END);
    equal((await readRun(store, "a")).summary.status, "succeeded");
    deepEqual(keysOf((await readRun(store, "a")).entries), ["one~1!1#1", "outer~1/inner~3!2@other#4"]);
  },
  "a run of which only the result was kept can go on anew": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({ n: 1 }));
    await run.end({ ...END, result: resultOf("a", {}) });
    await run.append("x", outcomeOf({ n: 2 }));
    await run.append("y", outcomeOf({ n: 3 }));
    await run.release();
    const { entries, result, summary } = await readRun(await open(), "a");
    deepEqual(
      [entries, result, summary.status],
      [
        [
          ["x", outcomeOf({ n: 2 })],
          ["y", outcomeOf({ n: 3 })],
        ],
        null,
        "running",
      ],
    );
    const again = await store.acquire("a");
    await again.append("z", outcomeOf({}));
    deepEqual(keysOf((await readRun(store, "a")).entries), ["x", "y", "z"]);
  },
  "the list has the newest first, and says of each what reading it says": async (open) => {
    const store = await open();
    for (const [id, started_at] of [
      ["b", 2000],
      ["d", 4000],
      ["a", 1000],
      ["c", 3000],
    ] as const) {
      const run = await store.create(recordOf(id, { started_at }));
      await run.append(`of-${id}~1!1#1`, outcomeOf({ text: "x".repeat(10) }));
      if (id !== "c") await run.release();
    }
    const list = await (await open()).list();
    deepEqual(
      list.map(({ run_id }) => run_id),
      ["d", "c", "b", "a"],
    );
    deepEqual(
      list.map(({ owner }) => owner !== null),
      [false, true, false, false],
    );
    for (const summary of list) deepEqual((await readRun(store, summary.run_id)).summary, summary);
  },
  "of runs that began at the same moment the list has the one first that was created last": async (open) => {
    const store = await open();
    for (const id of ["b", "c", "a"]) await store.create(recordOf(id));
    deepEqual(
      (await store.list()).map(({ run_id }) => run_id),
      ["a", "c", "b"],
    );
  },
  "what a run takes grows with what is kept of it": async (open) => {
    const { store, run } = await created(open);
    const bytes = async (): Promise<number> => (await readRun(store, "a")).summary.bytes;
    const atFirst = await bytes();
    await run.append("x", outcomeOf({ text: "x".repeat(5000) }));
    const withEntry = await bytes();
    run.keepEvent(eventOf("a", 1, { text: "x".repeat(5000) }));
    ok(withEntry > atFirst);
    ok((await bytes()) >= withEntry + 5000);
  },
};
