import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { storeContract } from "../../src/store/contract.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { openStore } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { systemClock } from "../../src/store/clock.ts";
import { folderWith } from "../support/folder.ts";
import { BROKEN } from "./broken-stores.ts";

const folder = folderWith({});
let count = 0;

const STORES: Readonly<Record<string, () => () => Promise<Store>>> = {
  "the SQLite store": () => {
    count += 1;
    const directory = join(folder, String(count));
    return () => openStore(directory, { clock: systemClock(), pid: process.pid, host: "here" });
  },
  "the memory store": () => {
    const store = createMemoryStore();
    return async () => store;
  },
};

describe.each(Object.entries(STORES))("%s", (_, storage) => {
  test.each(storeContract())("$name", ({ run }) => expect(run(storage())).resolves.toBeUndefined());
});

describe("the contract notices a store that", () => {
  test.each(Object.entries(BROKEN))("%s", async (_, storage) => {
    const cases = storeContract();
    // "Does not follow" and the like would be waited for.
    const answers = await Promise.allSettled(cases.map(({ run }) => Promise.race([run(storage()), lateRejection()])));
    const noticed = cases.filter((_, index) => answers[index]?.status === "rejected").map(({ name }) => name);
    expect(noticed.length).toBeGreaterThan(0);
    expect(noticed.length).toBeLessThan(cases.length);
  });
});

function lateRejection(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("it did not end")), 400).unref();
  });
}
