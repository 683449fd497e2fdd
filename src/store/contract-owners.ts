import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { type Store, StoreError } from "./store.ts";
import {
  allEvents,
  type Cases,
  created,
  END,
  eventOf,
  isStoreError,
  keysOf,
  outcomeOf,
  readRun,
  recordOf,
  refuses,
} from "./contract-samples.ts";

/** Who may write. */
export const OWNERS: Cases = {
  "one owner drives a run: a second one is refused, and told who it is": async (open) => {
    const store = await open();
    const other = await open();
    await store.create(recordOf("a"));
    const { owner } = (await readRun(other, "a")).summary;
    for (const each of [store, other]) {
      const error = await refuses("owned", () => each.acquire("a"));
      deepEqual(error.owner, owner);
      ok(error.message.includes(String(owner?.pid)) && error.message.includes(String(owner?.host)), error.message);
      await refuses("owned", () => each.remove("a"));
    }
  },
  "of many who ask for a run at the same moment one gets it": async (open) => {
    const { store, run } = await created(open);
    await run.release();
    const stores = [store, await open(), await open()];
    const asked = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => (stores[index % 3] as Store).acquire("a")));
    equal(asked.filter(({ status }) => status === "fulfilled").length, 1);
    for (const answer of asked) if (answer.status === "rejected") isStoreError(answer.reason, "owned");
  },
  "a run that was released can be acquired, again and again": async (open) => {
    const { store, run } = await created(open);
    await run.append("x0", outcomeOf({}));
    await run.release();
    for (let turn = 1; turn <= 5; turn += 1) {
      const next = await (turn % 2 === 0 ? store : await open()).acquire("a");
      notEqual((await readRun(store, "a")).summary.owner, null);
      await next.append(`x${turn}`, outcomeOf({}));
      await next.release();
      equal((await readRun(store, "a")).summary.owner, null);
      deepEqual((await readRun(store, "a")).entries.length, turn + 1);
    }
  },
  "looking at a run does not keep anybody from acquiring it": async (open) => {
    const { store, run } = await created(open);
    await run.release();
    const other = await open();
    for (let turn = 0; turn < 20; turn += 1) {
      const [next] = await Promise.all([store.acquire("a"), other.list(), other.read("a"), other.list()]);
      await next.release();
    }
  },
  "a run that was given back takes nothing any more; giving it back twice is the same as once": async (open) => {
    const { store, run } = await created(open);
    await run.release();
    await run.release();
    await rejects(async () => await run.append("x", outcomeOf({})), StoreError);
    await rejects(() => run.end(END), StoreError);
    run.keepEvent(eventOf("a", 1));
    deepEqual(await allEvents(store, "a"), []);
    equal((await readRun(store, "a")).summary.status, "running");
    const next = await store.acquire("a");
    await run.release();
    await refuses("owned", () => store.acquire("a"));
    await next.append("x", outcomeOf({}));
  },
  "a run can be taken over; nothing is accepted of the owner before": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({}));
    await run.append("lost", outcomeOf({}), { checkpoint: false });
    run.keepEvent(eventOf("a", 1));
    run.confirm();
    const next = await (await open()).acquire("a", { takeOver: true });
    await refuses("taken-over", async () => run.confirm());
    await refuses("taken-over", async () => run.noteProcess({ pid: 1, started: "then" }));
    next.confirm();
    deepEqual(keysOf(next.entries()), ["x"]);
    equal(next.eventCount, 1);
    run.keepEvent(eventOf("a", 2, { of: "the one before" }));
    next.keepEvent(eventOf("a", 2));
    const error = await refuses("taken-over", async () => await run.append("y", outcomeOf({ by: "the one before" })));
    notEqual(error.owner, null);
    await refuses("taken-over", () => run.end(END));
    run.keepEvent(eventOf("a", 3, { of: "the one before" }));
    await next.append("y", outcomeOf({ by: "the new one" }));
    await run.release().catch(() => {});
    await refuses("owned", () => store.acquire("a"));
    await next.append("z", outcomeOf({}));
    const { entries, summary } = await readRun(store, "a");
    deepEqual(entries, [
      ["x", outcomeOf({})],
      ["y", outcomeOf({ by: "the new one" })],
      ["z", outcomeOf({})],
    ]);
    equal(summary.status, "running");
    deepEqual(await allEvents(store, "a"), [eventOf("a", 1), eventOf("a", 2)]);
    await next.release();
  },
  "entries that wait for a checkpoint are refused as well when the run was taken over": async (open) => {
    const { store, run } = await created(open);
    await run.append("x", outcomeOf({}), { checkpoint: false });
    const next = await store.acquire("a", { takeOver: true });
    await refuses("taken-over", () => run.release());
    deepEqual([...next.entries()], []);
    deepEqual((await readRun(store, "a")).entries, []);
    await refuses("owned", () => store.acquire("a"));
  },
  "a run that was taken over does not disturb the other runs of its owner": async (open) => {
    const store = await open();
    const [a, b] = await Promise.all([store.create(recordOf("a")), store.create(recordOf("b"))]);
    await (await open()).acquire("a", { takeOver: true });
    const [ofA, ofB] = await Promise.allSettled([a.append("x", outcomeOf({})), b.append("x", outcomeOf({}))]);
    equal(ofA.status, "rejected");
    equal(ofB.status, "fulfilled");
    await b.append("y", outcomeOf({}));
    deepEqual(keysOf((await readRun(store, "b")).entries), ["x", "y"]);
  },
  "a run that nobody drives can be acquired with take-over as well": async (open) => {
    const { store, run } = await created(open);
    run.keepEvent(eventOf("a", 1));
    await run.release();
    const next = await store.acquire("a", { takeOver: true });
    equal(next.eventCount, 1);
    next.keepEvent(eventOf("a", 2));
    deepEqual(await allEvents(store, "a"), [eventOf("a", 1), eventOf("a", 2)]);
  },
  "a run that was removed is gone, and its id is free": async (open) => {
    const { store, run } = await created(open);
    const other = await store.create(recordOf("b"));
    await other.append("x", outcomeOf({}));
    await run.append("x", outcomeOf({}));
    run.keepEvent(eventOf("a", 1));
    run.noteProcess({ pid: 1, started: "then" });
    await run.release();
    await store.remove("a");
    equal(await store.read("a"), null);
    deepEqual(
      (await (await open()).list()).map(({ run_id }) => run_id),
      ["b"],
    );
    await refuses("unknown", () => store.acquire("a"));
    await refuses("unknown", () => store.remove("a"));
    const anew = await store.create(recordOf("a", { input: { anew: true } }));
    deepEqual([[...anew.entries()], anew.eventCount, anew.processes], [[], 0, []]);
    deepEqual(await allEvents(store, "a"), []);
    await anew.append("y", outcomeOf({}));
    await anew.release();
    deepEqual(keysOf((await readRun(store, "a")).entries), ["y"]);
    deepEqual((await store.acquire("a")).processes, []);
    deepEqual(keysOf((await readRun(store, "b")).entries), ["x"]);
  },
  "an owner of a run that was taken over and removed writes nothing into the next run of that id": async (open) => {
    const { store, run } = await created(open);
    await (await store.acquire("a", { takeOver: true })).release();
    await store.remove("a");
    const anew = await store.create(recordOf("a"));
    await refuses("taken-over", async () => await run.append("x", outcomeOf({})));
    run.keepEvent(eventOf("a", 1));
    await anew.append("y", outcomeOf({}));
    deepEqual(keysOf((await readRun(store, "a")).entries), ["y"]);
    deepEqual(await allEvents(store, "a"), []);
  },
};
