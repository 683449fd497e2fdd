import { AgentError } from "../engine/failure.ts";

/** Timers as they are handed in, the shape of the global ones. */
export interface Timers {
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly clearTimeout: typeof globalThis.clearTimeout;
}

/** setTimeout fires at once when it is asked to wait longer than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a call throws when its signal has aborted: the reason where it says which kind of failure it is, otherwise `cancelled`. */
export function abortError(signal: AbortSignal): AgentError {
  if (signal.reason instanceof AgentError) return signal.reason;
  return new AgentError("cancelled", "the call was cancelled", { cause: signal.reason });
}

/**
 * Waits for `work`, but not longer than until the signal aborts; then it rejects with {@link abortError}.
 *
 * Contract: it stops waiting, not working. What `work` does after the abort is ignored, a rejection too.
 */
export function untilAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(abortError(signal));
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    work.then(
      (value) => {
        signal.removeEventListener("abort", stop);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", stop);
        reject(error);
      },
    );
  });
}

/** Waits `delayMs`, of any length; rejects with {@link abortError} as soon as the signal aborts. */
export async function sleep(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  for (let left = delayMs; left > 0; left -= LONGEST_TIMER_MS) {
    let timer: ReturnType<Timers["setTimeout"]> | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = timers.setTimeout(resolve, Math.min(left, LONGEST_TIMER_MS));
    });
    await untilAborted(elapsed, signal).finally(() => timers.clearTimeout(timer));
  }
}
