import type { BreakerPolicy } from "../plan/plan.ts";

/**
 * A circuit, as it is kept: plain JSON. Times are epoch milliseconds.
 *
 *     closed ── max_failures in a row ──▶ open ── reset_after is over: one attempt, the probe ──▶ half_open
 *        ▲                                 ▲                                                         │
 *        └────────────── any success ──────┴── the probe fails: anew; it counts for nothing: as it was ┘
 */
export type BreakerState = {
  readonly status: "closed" | "open" | "half_open";
  /** In a row, those of probes included. */
  readonly failures: number;
  /** Of whoever changed it last; for display. */
  readonly max_failures: number;
  readonly reset_after_ms: number;
  /** null while it is closed. */
  readonly opened_at: number | null;
  /** What the latest of the failures said. */
  readonly last_failure: string | null;
  /** The attempt that was let through; when its lease is over it counts as dead, and another one is. */
  readonly probe: { readonly holder: string; readonly began_at: number; readonly lease_ms: number } | null;
};

/** One attempt that wants to be let through. */
export interface Attempt {
  /** Who it is; the same when it is made again after a crash. */
  readonly holder: string;
  /** How long it can take at most. */
  readonly leaseMs: number;
}

/** Whether an attempt may be made; if not, when the next one may. */
export type Admission =
  | { readonly state: BreakerState | null; readonly admitted: true }
  | { readonly state: BreakerState; readonly admitted: false; readonly waitMs: number };

/** What an attempt says about the agent; neutral: nothing. */
export type Finding = "success" | "neutral" | { readonly failure: string };

/**
 * Lets an attempt through, or not.
 *
 * Contract: pure. No state (null) is a closed circuit. What did not change is the same object. Where the clock was set
 * back, what is to come counts from now, so that nobody waits longer than `resetAfterMs`, or a whole lease.
 */
export function admit(state: BreakerState | null, policy: BreakerPolicy, attempt: Attempt, nowMs: number): Admission {
  if (state === null || state.status === "closed") return { state, admitted: true };
  const { probe, opened_at } = state;
  if (probe !== null && probe.holder !== attempt.holder) {
    const waitMs = leftMs(probe.began_at, probe.lease_ms, nowMs);
    const waiting = probe.began_at > nowMs ? { ...state, probe: { ...probe, began_at: nowMs } } : state;
    if (waitMs > 0) return { state: waiting, admitted: false, waitMs };
  }
  if (probe === null && opened_at !== null) {
    const waitMs = leftMs(opened_at, policy.resetAfterMs, nowMs);
    const waiting = opened_at > nowMs ? { ...state, opened_at: nowMs } : state;
    if (waitMs > 0) return { state: waiting, admitted: false, waitMs };
  }
  const lease = { holder: attempt.holder, began_at: nowMs, lease_ms: attempt.leaseMs };
  return { state: { ...state, ...limitsOf(policy), status: "half_open", probe: lease }, admitted: true };
}

/** Takes in how an attempt ended. While the circuit is not closed, only the probe's failure counts. Pure; see `admit`. */
export function report(
  state: BreakerState | null,
  policy: BreakerPolicy,
  holder: string,
  finding: Finding,
  nowMs: number,
): BreakerState | null {
  const isProbe = state !== null && state.probe?.holder === holder;
  const isClosed = state === null || state.status === "closed";
  if (finding === "neutral") return isProbe ? { ...state, status: "open", probe: null } : state;
  if (finding === "success") return isClosed && (state?.failures ?? 0) === 0 ? state : stateWith(policy, 0, null, null);
  if (!isClosed && !isProbe) return state;
  const failures = (state?.failures ?? 0) + 1;
  return stateWith(policy, failures, finding.failure, isProbe || failures >= policy.maxFailures ? nowMs : null);
}

/** Until the next attempt is let through; 0 for a closed circuit. */
export function openForMs({ probe, opened_at, reset_after_ms }: BreakerState, nowMs: number): number {
  if (opened_at === null) return 0;
  return probe === null ? leftMs(opened_at, reset_after_ms, nowMs) : leftMs(probe.began_at, probe.lease_ms, nowMs);
}

function leftMs(sinceMs: number, lengthMs: number, nowMs: number): number {
  return Math.max(0, Math.min(sinceMs, nowMs) + lengthMs - nowMs);
}

function stateWith(policy: BreakerPolicy, failures: number, lastFailure: string | null, openedAt: number | null): BreakerState {
  const status = openedAt === null ? "closed" : "open";
  return { status, failures, ...limitsOf(policy), opened_at: openedAt, last_failure: lastFailure, probe: null };
}

function limitsOf({ maxFailures, resetAfterMs }: BreakerPolicy): Pick<BreakerState, "max_failures" | "reset_after_ms"> {
  return { max_failures: maxFailures, reset_after_ms: resetAfterMs };
}
