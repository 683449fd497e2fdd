import type { JsonObject } from "../spec/json.ts";
import type { AgentPlan } from "../plan/plan.ts";
import type { Scope } from "../plan/scope.ts";
import type { Usage } from "./failure.ts";

/**
 * An agent as a function: what a module exports and what the library registers.
 *
 * Contract: `input` and `context` are deeply frozen. The output is an object that is merged into the state (or any JSON
 * value where the agent has an `output` key); null or undefined changes nothing. Throwing fails the attempt; throw an
 * `AgentError` to choose the failure's kind. Stop when `context.signal` aborts.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- the author's own type of input
export type AgentFunction<Input = any> = (input: Input, context: AgentContext) => unknown;

/** Fresh for each attempt, and frozen. */
export interface AgentContext {
  readonly runId: string;
  readonly pipelineId: string;
  readonly sessionId: string;
  /** The stage's name; in a nested pipeline `outer/inner`. */
  readonly stage: string;
  /** 1-based. A detour carries the number of the element that it left. */
  readonly stageNumber: number;
  readonly totalStages: number;
  /** 1-based; starts again in each stage, and with a fallback. */
  readonly attempt: number;
  /** The same for all attempts and resumptions of one visit to a stage. */
  readonly idempotencyKey: string;
  readonly meta: Readonly<Record<string, string>>;
  /** Aborts when the attempt's time is over or the run is cancelled. */
  readonly signal: AbortSignal;
  /** A line for the stage's log; shown with --verbose, and when the stage fails. */
  readonly log: (line: string) => void;
}

/** One call of an agent, as the engine makes it. */
export interface AgentCall {
  readonly agent: AgentPlan;
  /** The whole state, or what the `input` adapter made of it. */
  readonly input: JsonObject;
  readonly context: AgentContext;
  /** For templates; `names` is the input, `env` is absent. */
  readonly scope: Scope;
  /** Nobody reads what it gives back: it need not be of any form. */
  readonly outputIgnored: boolean;
  /** Answers that this visit to the stage received from model servers in earlier attempts. */
  readonly answers: number;
}

/** What came back. `output` null or undefined: nothing. */
export interface AgentReply {
  readonly output: unknown;
  readonly usage?: Usage;
}

/**
 * Makes the calls; the engine's only way to an agent.
 *
 * Contract: throws for a failure (see `AgentError`). When `context.signal` aborts, the promise settles promptly, and
 * when it settles everything that the call started has ended: child processes, requests.
 */
export interface AgentRunner {
  call(call: AgentCall): Promise<AgentReply>;
}

/** Metadata: strings beside the state. */
export type Metadata = Readonly<Record<string, string>>;
