import type { Json, JsonObject } from "../spec/json.ts";

/** Beyond this a state is worth a warning: every stage that sees all of it pays for it, model calls in tokens. */
const LARGE_STATE_BYTES = 1_000_000;

/** Watches a state grow; the cost of watching is that of what is written, not of the whole. */
export class StateSize {
  readonly #bytes = new Map<string, number>();
  #total = 0;
  #warned = false;

  /** Forgets the keys that pruning removed. */
  forget(kept: JsonObject): void {
    for (const [key, bytes] of this.#bytes) {
      if (Object.hasOwn(kept, key)) continue;
      this.#total -= bytes;
      this.#bytes.delete(key);
    }
  }

  note(wrote: JsonObject): void {
    for (const key of Object.keys(wrote)) {
      const bytes = approximateBytes(wrote[key] ?? null);
      this.#total += bytes - (this.#bytes.get(key) ?? 0);
      this.#bytes.set(key, bytes);
    }
  }

  /** A warning, once, when the state is large after a stage; otherwise null. */
  warning(stage: string): string | null {
    if (this.#warned || this.#total < LARGE_STATE_BYTES) return null;
    this.#warned = true;
    const [largest, bytes] = [...this.#bytes].reduce((a, b) => (b[1] > a[1] ? b : a));
    return `the state has grown to ${megabytes(this.#total)} after ${stage}; the largest key is \`${largest}\` with ${megabytes(bytes)}: prune with keep or drop, or pass the name of a file`;
  }
}

/** About as long as the JSON text; exact enough for a warning. */
function approximateBytes(value: Json): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 5;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + approximateBytes(item) + 1, 2);
  let sum = 2;
  for (const key of Object.keys(value)) sum += key.length + 4 + approximateBytes((value as JsonObject)[key] ?? null);
  return sum;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
