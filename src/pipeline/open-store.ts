import { hostname } from "node:os";
import { systemClock } from "../store/clock.ts";
import type { Store } from "../store/store.ts";

/**
 * Opens the store in a directory, or makes it: the one that `agentflow run` keeps in `.agentflow`. What it needs is loaded
 * only now, since a run without a store needs none of it.
 *
 * @throws StoreError where that cannot be
 */
export async function openStore(directory: string): Promise<Store> {
  const sqlite = await import("../store/sqlite.ts");
  return sqlite.openStore(directory, { clock: systemClock(), pid: process.pid, host: hostname() });
}
