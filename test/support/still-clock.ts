import type { Clock } from "../../src/engine/clock.ts";

/**
 * Time that stands still for whoever asks, so that every duration is 0ms, while waits really pass: `speed` times faster
 * than they say.
 */
export function stillClock({ speed = 1 }: { readonly speed?: number } = {}): Clock {
  return {
    now: () => Date.UTC(2030, 0, 1),
    elapsed: () => 0,
    after(ms, callback) {
      const timer = setTimeout(callback, ms / speed);
      return () => clearTimeout(timer);
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  };
}
