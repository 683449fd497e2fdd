import { formatDuration } from "../spec/duration.ts";
import { isJsonObject, type Json } from "../spec/json.ts";
import type { FailureKind } from "../spec/spec.ts";
import type { AgentPlan } from "../plan/plan.ts";
import { admit, type BreakerState, type Finding, openForMs, report } from "./breaker.ts";
import type { Outcome, StepContext } from "./durable.ts";
import type { Failure } from "./failure.ts";

/** What stands around one attempt at an agent that has a circuit breaker. */
export interface Circuit {
  /** Why the agent is not called, in words; null: it is. */
  admit(): Promise<string | null>;
  succeeded(): Promise<void>;
  /** The attempt was stopped from outside, which says nothing about the agent. */
  stopped(): Promise<void>;
  /** Takes in a failure. Where the circuit is open then, the failure says so, and no further attempt is made. */
  failed(failure: Failure): Promise<{ readonly failure: Failure; readonly isOpen: boolean }>;
}

/** What the names of circuits begin with, among the shared values. */
export const CIRCUIT_PREFIX = "breaker/";

/** Under which name a circuit is shared: one for each agent of a pipeline. */
export function circuitName(pipelineId: string, agent: string): string {
  return `${CIRCUIT_PREFIX}${pipelineId}/${agent}`;
}

/**
 * The circuit of an agent.
 *
 * @param holder who the attempt is, across runs: the run's id and the key of the attempt
 */
export function circuitOf(agent: AgentPlan, pipelineId: string, holder: string, { shared, now }: StepContext): Circuit {
  const { breaker } = agent;
  if (breaker === null) return UNGUARDED;
  const change = <Result>(make: (state: BreakerState | null) => { value: BreakerState | null; result: Result }): Promise<Result> =>
    shared.update(circuitName(pipelineId, agent.name), (value) => make(stateOf(value)));
  const tell = (finding: Finding): Promise<BreakerState | null> =>
    change((state) => {
      const value = report(state, breaker, holder, finding, now());
      return { value, result: value };
    });
  return {
    admit: () =>
      change((state) => {
        const admission = admit(state, breaker, { holder, leaseMs: agent.timeoutMs ?? LONGEST_LEASE_MS }, now());
        return { value: admission.state, result: admission.admitted ? null : refusal(agent.name, admission.state, admission.waitMs) };
      }),
    succeeded: async () => void (await tell("success")),
    stopped: async () => void (await tell("neutral")),
    async failed(failure) {
      const state = await tell(NEUTRAL.has(failure.kind) ? "neutral" : { failure: failure.message });
      if (state === null || state.status === "closed" || NEUTRAL.has(failure.kind)) return { failure, isOpen: false };
      const howLong = state.status === "open" ? ` for ${formatDuration(openForMs(state, now()))}` : "";
      const message = `${failure.message}; the circuit of \`${agent.name}\` is open${howLong}`;
      return { failure: { ...failure, message }, isOpen: true };
    },
  };
}

/** Around an agent that has none. */
const UNGUARDED: Circuit = {
  admit: async () => null,
  succeeded: async () => {},
  stopped: async () => {},
  failed: async (failure) => ({ failure, isOpen: false }),
};

/** What is recorded of an admission that has to be known before the attempt's own step. */
export function admissionOutcome(agent: AgentPlan, attempt: number, refused: string | null, { now }: StepContext): Outcome {
  return {
    status: refused === null ? "succeeded" : "failed",
    settled: refused === null ? "succeeded" : "failed",
    agent: agent.name,
    attempt,
    ended_at: now(),
    duration_ms: 0,
    wrote: {},
    bare: false,
    failure: refused === null ? null : { kind: "circuit_open", message: refused },
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  };
}

/** For a probe whose attempt has no timeout. */
const LONGEST_LEASE_MS = 3_600_000;

/** Kinds that say nothing about the agent: it was not called, or could not have done better. */
const NEUTRAL: ReadonlySet<FailureKind> = new Set(["cancelled", "deadline", "invalid_request", "expression", "circuit_open"]);

function refusal(agent: string, { status, failures, last_failure }: BreakerState, waitMs: number): string {
  const row = failures === 1 ? "a failure" : `${failures} failures in a row`;
  const last = last_failure === null ? "" : ` (last: ${last_failure})`;
  const next = status === "open" ? `it lets one attempt through in ${formatDuration(waitMs)}` : "another attempt is trying it just now";
  return `the circuit of \`${agent}\` is open after ${row}${last}; ${next}`;
}

/** What is not a circuit, since another program wrote it, counts as none. */
function stateOf(value: Json): BreakerState | null {
  return isJsonObject(value) && typeof value.failures === "number" ? (value as unknown as BreakerState) : null;
}
