import { type Json, type JsonObject, jsonEqual, setOwn } from "../spec/json.ts";
import { prune } from "./prune.ts";

/**
 * The running state: keys with frozen values.
 *
 * Contract: what `snapshot` returns is frozen and never changes afterwards; it is made at most once between two changes.
 * Only a success commits to it.
 */
export class State {
  /** null until the first change: many states never change. */
  #values: Record<string, Json> | null = null;
  #snapshot: JsonObject | null;

  /** @param initial frozen JSON, as `toJson` makes it */
  constructor(initial: JsonObject) {
    this.#snapshot = initial;
  }

  snapshot(): JsonObject {
    this.#snapshot ??= Object.freeze({ ...this.#values });
    return this.#snapshot;
  }

  /** The entries of `output` whose value differs from what is there. */
  changesOf(output: JsonObject): JsonObject {
    const values = this.#snapshot ?? this.#values ?? {};
    const changes = {};
    let all = true;
    for (const key of Object.keys(output)) {
      if (Object.hasOwn(values, key) && jsonEqual(values[key], output[key])) all = false;
      else setOwn(changes, key, output[key]);
    }
    return all ? output : Object.freeze(changes);
  }

  /** Sets the keys that a stage wrote. */
  commit(wrote: JsonObject): void {
    const keys = Object.keys(wrote);
    if (keys.length === 0) return;
    this.#values ??= { ...this.#snapshot };
    for (const key of keys) setOwn(this.#values, key, wrote[key]);
    this.#snapshot = null;
  }

  /** Keeps only the keys of `keep`, or removes those of `drop`. */
  prune(keep: readonly string[] | null, drop: readonly string[] | null): void {
    if (keep === null && drop === null) return;
    this.#values = { ...prune(this.snapshot(), keep, drop) };
    this.#snapshot = null;
  }
}
