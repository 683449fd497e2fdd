import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Json } from "../spec/json.ts";
import { type Store, type OwnedRun, StoreError } from "./store.ts";
import { allEvents, type Cases, created, END, eventOf, keysOf, outcomeOf, resultOf } from "./contract-samples.ts";

/** What is kept beside the outcomes: events, processes, values that runs share. */
export const OTHERS: Cases = {
  "events are kept in their order, by one owner after another": async (open) => {
    const { store, run } = await created(open);
    for (let seq = 1; seq <= 3; seq += 1) run.keepEvent(eventOf("a", seq, { text: "line\nbreak \u2028 \ud800" }));
    equal(run.eventCount, 3);
    deepEqual(
      (await allEvents(await open(), "a")).map(({ seq }) => seq),
      [1, 2, 3],
    );
    await run.release();
    const next = await (await open()).acquire("a");
    equal(next.eventCount, 3);
    next.keepEvent(eventOf("a", 4));
    await next.end({ ...END, result: resultOf("a", {}) });
    const events = await allEvents(store, "a");
    deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3, 4],
    );
    deepEqual(events[0], eventOf("a", 1, { text: "line\nbreak \u2028 \ud800" }));
  },
  "following a run gives its events as they come, and ends with the run": async (open) => {
    const { run } = await created(open);
    run.keepEvent(eventOf("a", 1));
    const follower = await open();
    const seen: number[] = [];
    const goOn = async (seq: number): Promise<void> => {
      // By then whoever follows has looked for the next one, and waits.
      await follower.list();
      if (seq < 4) run.keepEvent(eventOf("a", seq + 1));
      if (seq !== 4) return;
      await run.end(END);
      run.keepEvent(eventOf("a", 5));
      await run.release();
    };
    const steps: Promise<void>[] = [];
    for await (const { seq } of follower.events("a", { follow: new AbortController().signal })) {
      seen.push(seq);
      steps.push(goOn(seq));
    }
    await Promise.all(steps);
    deepEqual(seen, [1, 2, 3, 4, 5]);
  },
  "following a run that is over ends at once": async (open) => {
    const { store, run } = await created(open);
    run.keepEvent(eventOf("a", 1));
    await run.end(END);
    await run.release();
    deepEqual((await allEvents(store, "a", new AbortController().signal)).length, 1);
  },
  "following a run that goes on ends when it is aborted": async (open) => {
    const { store, run } = await created(open);
    run.keepEvent(eventOf("a", 1));
    const abort = new AbortController();
    const following = (async () => {
      const seen: number[] = [];
      for await (const { seq } of store.events("a", { follow: abort.signal })) {
        seen.push(seq);
        abort.abort();
      }
      return seen;
    })();
    deepEqual(await following, [1]);
    deepEqual((await allEvents(store, "a", AbortSignal.abort())).length, 1);
  },
  "following a run ends when it is removed": async (open) => {
    const { store, run } = await created(open);
    run.keepEvent(eventOf("a", 1));
    await run.release();
    const seen: number[] = [];
    for await (const { seq } of store.events("a", { follow: new AbortController().signal })) {
      seen.push(seq);
      await store.remove("a");
    }
    deepEqual(seen, [1]);
  },
  "processes are those that earlier owners noted": async (open) => {
    const { store, run } = await created(open);
    const [first, second, third] = [1, 2, 3].map((pid) => ({ pid, started: `at ${pid}` })) as [Noted, Noted, Noted];
    run.noteProcess(first);
    run.noteProcess(second);
    deepEqual(run.processes, []);
    await run.release();
    const next = await (await open()).acquire("a");
    deepEqual(next.processes, [first, second]);
    await next.release();
    // It noted none itself: it may have died before it had ended those.
    const after = await store.acquire("a");
    deepEqual(after.processes, [first, second]);
    after.noteProcess(third);
    const last = await (await open()).acquire("a", { takeOver: true });
    deepEqual(last.processes, [third]);
  },
  "shared values: written, read by others, left, removed, in the order of their names": async (open) => {
    const store = await open();
    const other = await open();
    const { shared } = store;
    equal(await shared.update("b", (value) => ({ value: { was: value }, result: "answer" })), "answer");
    await shared.update("a", () => ({ value: [1, 2.5, "x", true, null], result: null }));
    await shared.update("c", () => ({ value: "c", result: null }));
    await shared.update("__proto__", () => ({ value: false, result: null }));
    deepEqual(await other.shared.list(), [
      ["__proto__", false],
      ["a", [1, 2.5, "x", true, null]],
      ["b", { was: null }],
      ["c", "c"],
    ]);
    await other.shared.update("c", (value) => ({ value: `${JSON.stringify(value)}!`, result: null }));
    await shared.update("c", (value) => ({ value, result: equal(value, '"c"!') }));
    await shared.update("a", () => ({ value: null, result: null }));
    await shared.update("never", (value) => ({ value, result: null }));
    await store.close();
    deepEqual(await (await open()).shared.list(), [
      ["__proto__", false],
      ["b", { was: null }],
      ["c", '"c"!'],
    ]);
  },
  "shared values: no update is lost, and one that throws changes nothing": async (open) => {
    const stores = [await open(), await open()];
    const add = (store: Store): Promise<Json> =>
      store.shared.update("n", (value) => ({ value: (typeof value === "number" ? value : 0) + 1, result: value }));
    await Promise.all(Array.from({ length: 40 }, (_, index) => add(stores[index % 2] as Store)));
    const store = stores[0] as Store;
    const error = new Error("no");
    const refused = store.shared.update("n", () => {
      throw error;
    });
    const [thrown, added] = await Promise.allSettled([refused, add(store)]);
    ok(thrown.status === "rejected" && thrown.reason === error);
    equal(added.status, "fulfilled");
    deepEqual(await store.shared.list(), [["n", 41]]);
  },
  "closing waits for what is under way where it drives no run": async (open) => {
    const store = await open();
    const pending = store.shared.update("v", () => ({ value: 1, result: null }));
    await store.close();
    await pending;
    deepEqual(await (await open()).shared.list(), [["v", 1]]);
  },
  "closing gives back the runs; closing twice is the same as once": async (open) => {
    const { store, run } = await created(open);
    const update = store.shared.update("v", () => ({ value: 1, result: null }));
    const append = run.append("x", outcomeOf({}));
    await store.close();
    await store.close();
    await append;
    await update;
    await rejects(async () => await run.append("y", outcomeOf({})), StoreError);
    const again = await open();
    deepEqual(keysOf((await again.acquire("a")).entries()), ["x"]);
    deepEqual(await again.shared.list(), [["v", 1]]);
  },
};

type Noted = OwnedRun["processes"][number];
