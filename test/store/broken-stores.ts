import type { Stamped } from "../../src/engine/event.ts";
import type { Json } from "../../src/spec/json.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { OwnedRun, Store, StoredRun } from "../../src/store/store.ts";

/** Stores that break one promise each. */
export const BROKEN: Readonly<Record<string, () => () => Promise<Store>>> = {
  "loses the last entry": () => reading((run) => ({ ...run, entries: run.entries.slice(0, -1) })),
  "swaps two entries": () => reading((run) => ({ ...run, entries: swapped(run.entries) })),
  "gives entries in alphabetical order": () =>
    reading((run) => ({ ...run, entries: run.entries.toSorted(([a], [b]) => (a < b ? -1 : 1)) })),
  "rounds numbers": () => reading((run) => changed(run, (value) => (typeof value === "number" ? Number(value.toFixed(3)) : value))),
  "makes -0 a 0": () => reading((run) => changed(run, (value) => (value === 0 ? 0 : value))),
  "drops __proto__": () => reading((run) => changed(run, withoutPrototype)),
  "mends halves of characters": () => reading((run) => changed(run, (value) => (typeof value === "string" ? value.toWellFormed() : value))),
  "gives what can be changed": () => reading((run) => structuredClone(run)),
  "keeps the entries beside the result": () => {
    const seen: StoredRun["entries"][] = [];
    return reading((run) => {
      if (run.entries.length > 0) seen.push(run.entries);
      return { ...run, entries: run.result === null ? run.entries : (seen.at(-1) ?? []) };
    });
  },
  "never says that a run is running again": () => {
    const ended = new Map<string, StoredRun["summary"]>();
    return reading((run) => {
      const { run_id, status, owner, bytes } = run.summary;
      if (status !== "running") ended.set(run_id, run.summary);
      return { ...run, summary: { ...(ended.get(run_id) ?? run.summary), owner, bytes } };
    });
  },
  "does not say who owns a run": () => reading((run) => ({ ...run, summary: { ...run.summary, owner: null } })),
  "says null of no run": () =>
    wrapping((store) => ({ ...store, read: (id) => store.read(id).then((run) => run ?? Promise.reject(new Error(id))) })),
  "lets two own a run": () => wrapping((store) => ({ ...store, acquire: (id) => store.acquire(id, { takeOver: true }) })),
  "never lets a run be taken over": () => wrapping((store) => ({ ...store, acquire: (id) => store.acquire(id) })),
  "removes a run that is driven": () =>
    wrapping((store) => ({
      ...store,
      remove: async (id) => {
        const run = await store.acquire(id, { takeOver: true });
        await run.release();
        await store.remove(id);
      },
    })),
  "lists the oldest first": () => wrapping((store) => ({ ...store, list: async () => (await store.list()).toReversed() })),
  "says that a write after a take-over was accepted": () =>
    owning((run) => ({ append: async (...args) => await quiet(run.append(...args), "taken-over") })),
  "says that an end after a take-over was accepted": () => owning((run) => ({ end: (end) => quiet(run.end(end), "taken-over") })),
  "forgets entries without a checkpoint": () =>
    owning((run) => ({
      append: async (key, outcome, options) => (options?.checkpoint === false ? undefined : await run.append(key, outcome)),
    })),
  "forgets what waits for a checkpoint on release": () => {
    return owning((run) => {
      let waiting: (() => Promise<void>)[] = [];
      return {
        append: async (key, outcome, options) => {
          if (options?.checkpoint === false) return void waiting.push(async () => await run.append(key, outcome));
          for (const write of waiting) await write();
          waiting = [];
          await run.append(key, outcome);
        },
      };
    });
  },
  "takes a key twice": () =>
    owning((run) => ({
      append: async (key, outcome, options) => (run.get(key) === undefined ? await run.append(key, outcome, options) : undefined),
    })),
  "writes late": () =>
    owning((run) => ({
      append: async (...args) => {
        setTimeout(() => void Promise.resolve(run.append(...args)).catch(() => {}), 5);
      },
    })),
  "does not give a run back": () => owning(() => ({ release: async () => {} })),
  "keeps no events": () => owning(() => ({ keepEvent: () => {} })),
  "counts events from one": () => owning((run) => ({ eventCount: run.eventCount + 1 })),
  "says that a run is still driven after it was taken over": () => owning(() => ({ confirm: () => {} })),
  "forgets processes": () => owning(() => ({ noteProcess: () => {} })),
  "names its own processes": () => {
    return owning((run) => {
      const processes = [...run.processes];
      return { processes, noteProcess: (noted) => void processes.push(noted) };
    });
  },
  "does not follow": () => wrapping((store) => ({ ...store, events: (id) => store.events(id) })),
  "gives events in the wrong order": () =>
    wrapping((store) => ({
      ...store,
      async *events(id, options) {
        const events: Stamped[] = [];
        for await (const event of store.events(id, options)) events.push(event);
        yield* events.toReversed();
      },
    })),
  "loses updates": () =>
    wrapping((store) => ({
      ...store,
      shared: {
        ...store.shared,
        async update(name, change) {
          const before = new Map(await store.shared.list()).get(name) ?? null;
          const { value, result } = change(before);
          await store.shared.update(name, () => ({ value, result: null }));
          return result;
        },
      },
    })),
  "keeps a null": () =>
    wrapping((store) => ({
      ...store,
      shared: {
        ...store.shared,
        update: (name, change) =>
          store.shared.update(name, (value) => {
            const next = change(value);
            return { ...next, value: next.value ?? "null" };
          }),
      },
    })),
  "forgets everything when it is closed": () => async () => createMemoryStore(),
  "does not give runs back when it is closed": () => wrapping((store) => ({ ...store, close: async () => {} })),
};

/** A store that lives in one object. */
function wrapping(wrap: (store: Store) => Store): () => Promise<Store> {
  const store = createMemoryStore();
  const methods: Store = {
    create: (record) => store.create(record),
    acquire: (id, options) => store.acquire(id, options),
    read: (id) => store.read(id),
    list: () => store.list(),
    remove: (id) => store.remove(id),
    events: (id, options) => store.events(id, options),
    shared: store.shared,
    close: () => store.close(),
  };
  const wrapped = wrap(methods);
  return async () => wrapped;
}

function reading(change: (run: StoredRun) => StoredRun): () => Promise<Store> {
  return wrapping((store) => ({
    ...store,
    read: async (id) => {
      const run = await store.read(id);
      return run === null ? null : change(run);
    },
  }));
}

function owning(change: (run: OwnedRun) => Partial<OwnedRun>): () => Promise<Store> {
  const wrap = (run: OwnedRun): OwnedRun => {
    const changes = change(run);
    return new Proxy(run, {
      get(target, name) {
        if (Object.hasOwn(changes, name)) return changes[name as keyof OwnedRun];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  };
  return wrapping((store) => ({
    ...store,
    create: async (record) => wrap(await store.create(record)),
    acquire: async (id, options) => wrap(await store.acquire(id, options)),
  }));
}

async function quiet(promise: void | Promise<void>, code: string): Promise<void> {
  await Promise.resolve(promise).catch((error: { code?: string }) => {
    if (error.code !== code) throw error;
  });
}

function swapped<Item>(items: readonly Item[]): Item[] {
  const [first, second, ...others] = items;
  return first === undefined || second === undefined ? [...items] : [second, first, ...others];
}

function changed(run: StoredRun, change: (value: Json) => Json): StoredRun {
  return deeply(run as unknown as Json, change) as unknown as StoredRun;
}

function deeply(value: Json, change: (value: Json) => Json): Json {
  const next = change(value);
  if (typeof next !== "object" || next === null) return next;
  if (Array.isArray(next)) return Object.freeze(next.map((item: Json) => deeply(item, change)));
  const copy: Record<string, Json> = {};
  for (const [key, item] of Object.entries(next)) Object.defineProperty(copy, key, { value: deeply(item, change), enumerable: true });
  return Object.freeze(copy);
}

function withoutPrototype(value: Json): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "__proto__"));
}
