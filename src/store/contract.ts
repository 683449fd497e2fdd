import { OTHERS } from "./contract-others.ts";
import { OWNERS } from "./contract-owners.ts";
import { RECORDING } from "./contract-recording.ts";
import type { Store } from "./store.ts";

/** One thing that a store promises. */
export interface ContractCase {
  /** A sentence. */
  readonly name: string;
  /**
   * Rejects where the promise is not kept.
   *
   * @param open opens a storage that is empty at first, and the same one each time that it is called. A storage that
   * lives in one object gives that.
   */
  run(open: () => Promise<Store>): Promise<void>;
}

/** What every store promises, as far as it can be seen through its interface: each case wants a storage of its own. */
export function storeContract(): readonly ContractCase[] {
  return Object.entries({ ...RECORDING, ...OWNERS, ...OTHERS }).map(([name, check]) => ({
    name,
    async run(open) {
      const opened: Store[] = [];
      const openAgain = async (): Promise<Store> => {
        const store = await open();
        opened.push(store);
        return store;
      };
      try {
        await check(openAgain);
      } finally {
        // A case that fails may leave a store that cannot be closed; what it says then is of no interest.
        await Promise.allSettled(opened.map((store) => store.close()));
      }
    },
  }));
}
