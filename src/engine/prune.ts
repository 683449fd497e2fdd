import { type JsonObject, setOwn } from "../spec/json.ts";

/** Only the keys of `keep`, or all but those of `drop`; as it is where both are null. Metadata is never pruned. */
export function prune(state: JsonObject, keep: readonly string[] | null, drop: readonly string[] | null): JsonObject {
  if (keep === null && drop === null) return state;
  const pruned = {};
  for (const key of Object.keys(state)) {
    const stays = keep === null ? drop?.includes(key) !== true : keep.includes(key);
    if (stays) setOwn(pruned, key, state[key]);
  }
  return pruned;
}
