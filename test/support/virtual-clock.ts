import type { Clock } from "../../src/engine/clock.ts";

/** Time that passes only when everybody waits: a wait of an hour takes no time at all, and always exactly an hour. */
export interface VirtualClock extends Clock {
  /** Lets time pass until the promise settles. For work that waits only for this clock, not for the real world. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Makes the wall clock jump, as when somebody sets it. */
  jump(ms: number): void;
}

export function virtualClock(startMs = Date.UTC(2030, 0, 1)): VirtualClock {
  let elapsedMs = 0;
  let offsetMs = startMs;
  let order = 0;
  const timers = new Map<number, { dueMs: number; callback: () => void }>();
  const next = (): number | undefined => {
    let first: number | undefined;
    for (const [id, { dueMs }] of timers) if (first === undefined || dueMs < (timers.get(first)?.dueMs ?? 0)) first = id;
    return first;
  };
  return {
    now: () => offsetMs + elapsedMs,
    elapsed: () => elapsedMs,
    // Whoever waits for a turn is not idle: no time passes.
    turn: () => Promise.resolve(),
    jump: (ms) => {
      offsetMs += ms;
    },
    after(ms, callback) {
      order += 1;
      const id = order;
      timers.set(id, { dueMs: elapsedMs + Math.max(0, ms), callback });
      return () => void timers.delete(id);
    },
    async run(promise) {
      let settled = false;
      const mark = (): void => {
        settled = true;
      };
      promise.then(mark, mark);
      for (let idle = 0; !settled && idle < 1000; idle += 1) {
        // A turn of the event loop lets every promise that can settle do so.
        await new Promise((resolve) => setImmediate(resolve));
        if (settled) break;
        const id = next();
        if (id === undefined) continue;
        const timer = timers.get(id);
        timers.delete(id);
        if (timer === undefined) continue;
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        idle = 0;
        timer.callback();
      }
      if (!settled) throw new Error("nothing more happens, and the promise has not settled");
      return promise;
    },
  };
}
