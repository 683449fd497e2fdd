import { NotJsonError } from "../spec/json.ts";
import type { FailureKind } from "../spec/spec.ts";
import { ExpressionError } from "../plan/expression-error.ts";

/** How an attempt, a stage or a run went wrong. Plain JSON; it is recorded and shown. */
export interface Failure {
  readonly kind: FailureKind;
  /** One sentence that a person can act on. */
  readonly message: string;
  /** More lines for a person: the end of a script's stderr, the body of a server's answer. */
  readonly detail?: string;
  /** What was underneath, outermost first. */
  readonly cause?: readonly string[];
  /** How long the server asked to wait, in milliseconds. */
  readonly retry_after_ms?: number;
}

/**
 * What an agent throws to say exactly what went wrong. Any other thrown value becomes a failure of kind `exit`.
 *
 * `answers` counts the answers that a model server gave in this attempt; `usage` what they cost.
 */
export class AgentError extends Error {
  override name = "AgentError";
  readonly kind: FailureKind;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly answers: number;
  readonly usage: Usage | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: { detail?: string; retryAfterMs?: number; answers?: number; usage?: Usage; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
    this.answers = options.answers ?? 0;
    this.usage = options.usage;
  }
}

/** Tokens of model calls; `cost` is null where no prices are known. */
export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost: number | null;
}

/** Turns whatever was thrown by an agent or an adapter into a failure. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof AgentError) {
    return {
      kind: thrown.kind,
      message: thrown.message,
      ...(thrown.detail === undefined ? {} : { detail: thrown.detail }),
      ...withCauses(thrown),
      ...(thrown.retryAfterMs === undefined ? {} : { retry_after_ms: thrown.retryAfterMs }),
    };
  }
  if (thrown instanceof ExpressionError) return { kind: "expression", message: thrown.message };
  if (thrown instanceof NotJsonError) return { kind: "invalid_output", message: thrown.message };
  if (thrown instanceof Error)
    return { kind: "exit", message: thrown.message === "" ? thrown.name : thrown.message, ...withCauses(thrown) };
  return {
    kind: "exit",
    message: typeof thrown === "string" && thrown !== "" ? thrown : `a value that is not an error was thrown: ${describe(thrown)}`,
  };
}

function withCauses(error: Error): { cause?: readonly string[] } {
  const causes: string[] = [];
  let current: unknown = error.cause;
  while (current !== undefined && current !== null && causes.length < 8) {
    causes.push(current instanceof Error ? current.message : describe(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return causes.length === 0 ? {} : { cause: causes };
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
