import type { RetryPolicy } from "../plan/plan.ts";

/**
 * The wait in milliseconds before the retry that follows failed attempt number `attempt` (1-based).
 *
 * `delay × backoff^(attempt − 1)`, at most the maximum; with jitter anywhere between 0 and that ("full jitter", Brooker,
 * "Exponential Backoff And Jitter", 2015). `random` is in [0, 1).
 */
export function backoffDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  // The factor is bounded by itself: no delay at all, grown beyond all numbers, is still none.
  const grown = policy.delayMs * Math.min(policy.backoff ** (attempt - 1), Number.MAX_SAFE_INTEGER);
  const capped = Math.min(grown, policy.maxDelayMs ?? Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER);
  return Math.round(policy.jitter ? capped * random : capped);
}
