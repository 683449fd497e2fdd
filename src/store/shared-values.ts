import type { SharedValues } from "../engine/shared-values.ts";
import type { Json } from "../spec/json.ts";

/** Shared values that live as long as the process, for those who keep no store. */
export function createSharedValues(): SharedValues {
  const values = new Map<string, Json>();
  return {
    async update(name, change) {
      const { value, result } = change(values.get(name) ?? null);
      if (value === null) values.delete(name);
      else values.set(name, value);
      return result;
    },
    list: async () => [...values].toSorted(([one], [other]) => (one < other ? -1 : 1)),
  };
}
