import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { storeContract } from "../../src/store/contract.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { openStore } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { systemClock } from "../../src/store/clock.ts";
import { folderWith } from "../support/folder.ts";

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
