import type { Clock } from "../engine/clock.ts";

/** The longest delay that a timer of the platform can hold: about 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The system's clock. Delays beyond what one timer can hold are waited for in parts. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    after(ms, callback) {
      const due = performance.now() + ms;
      let timer: NodeJS.Timeout;
      const arm = (restMs: number): void => {
        timer = setTimeout(
          () => {
            const left = due - performance.now();
            if (restMs > LONGEST_TIMER_MS) arm(left);
            else callback();
          },
          Math.min(Math.max(restMs, 0), LONGEST_TIMER_MS),
        );
      };
      arm(ms);
      return () => clearTimeout(timer);
    },
  };
}
