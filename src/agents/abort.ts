import type { Clock } from "../engine/clock.ts";
import { AgentError } from "../engine/failure.ts";

/** What agents need of a clock. */
export type Waiting = Pick<Clock, "after">;

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
export function sleep(clock: Waiting, delayMs: number, signal: AbortSignal): Promise<void> {
  const elapsed = Promise.withResolvers<void>();
  const cancel = clock.after(delayMs, elapsed.resolve);
  return untilAborted(elapsed.promise, signal).finally(cancel);
}
