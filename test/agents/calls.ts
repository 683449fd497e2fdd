import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { AgentCall, AgentFunction, AgentReply } from "../../src/engine/agent.ts";
import { AgentError } from "../../src/engine/failure.ts";
import type { AgentCallPlan, CannedCallPlan, LlmCallPlan, ProviderPlan, ScriptCallPlan } from "../../src/plan/plan.ts";
import type { Scope } from "../../src/plan/scope.ts";
import type { Template } from "../../src/plan/template.ts";
import type { ClosableAgentRunner } from "../../src/agents/runner.ts";
import { createAgentRunner } from "../../src/agents/runner.ts";
import { systemClock } from "../../src/store/clock.ts";

/** Calls of agents as the engine makes them, built by hand. */

export const PROGRAMS = fileURLToPath(new URL("../fixtures/programs", import.meta.url));

/** A template; a function stands for an expression. */
export function template(text: string | ((scope: Scope) => string)): Template {
  const render = typeof text === "string" ? () => text : text;
  return {
    text: String(text),
    parts: [],
    constant: typeof text === "string",
    reads: { keys: [], env: [], stages: [], meta: [], wholeState: false },
    render,
    renderText: render,
  };
}

export function scriptPlan(command: string | readonly (string | Template)[], changes: Partial<ScriptCallPlan> = {}): ScriptCallPlan {
  return {
    type: "script",
    command: typeof command === "string" ? command : command.map((part) => (typeof part === "string" ? template(part) : part)),
    cwd: PROGRAMS,
    env: [],
    stdin: "json",
    stdout: "json",
    maxOutput: 10_000_000,
    ...changes,
  };
}

export function llmPlan(provider: Partial<ProviderPlan>, changes: Partial<LlmCallPlan> = {}): LlmCallPlan {
  return {
    type: "llm",
    provider: {
      name: "openai",
      baseUrl: "http://127.0.0.1:9/v1",
      apiKeyEnv: "OPENAI_API_KEY",
      headers: [],
      maxTokensField: null,
      ...provider,
    },
    model: "gpt-4o-mini",
    systemPrompt: null,
    prompt: template("hello"),
    temperature: null,
    maxTokens: null,
    topP: null,
    seed: null,
    stop: null,
    ...changes,
  };
}

export function cannedPlan(changes: Partial<CannedCallPlan>): CannedCallPlan {
  return { type: "canned", replies: [], delayMs: 0, fail: null, failTimes: null, ...changes };
}

export interface CallOptions {
  readonly name?: string;
  readonly input?: AgentCall["input"];
  readonly signal?: AbortSignal;
  readonly log?: (line: string) => void;
  readonly answers?: number;
  readonly context?: Partial<AgentCall["context"]>;
}

export function callOf(plan: AgentCallPlan, options: CallOptions = {}): AgentCall {
  const input = options.input ?? {};
  return {
    agent: {
      name: options.name ?? "fetch",
      description: null,
      input: null,
      output: null,
      writes: null,
      keep: null,
      drop: null,
      timeoutMs: null,
      retry: { retries: 0, delayMs: 0, backoff: 1, maxDelayMs: null, jitter: false, on: new Set() },
      onError: "fail",
      fallback: null,
      rollback: null,
      breaker: null,
      call: plan,
    },
    input,
    context: {
      runId: "run-1",
      pipelineId: "sales",
      sessionId: "session-1",
      stage: "fetch",
      stageNumber: 2,
      totalStages: 3,
      attempt: 1,
      idempotencyKey: "run-1/fetch~1",
      meta: {},
      signal: options.signal ?? new AbortController().signal,
      log: options.log ?? (() => {}),
      ...options.context,
    },
    scope: { names: input, state: input, meta: {}, stages: {} },
    outputIgnored: false,
    answers: options.answers ?? 0,
  };
}

export function testRunner(
  options: { env?: Record<string, string | undefined>; graceMs?: number; functions?: Map<string, AgentFunction>; now?: number } = {},
): ClosableAgentRunner {
  return createAgentRunner({
    env: { PATH: process.env.PATH, ...options.env },
    graceMs: options.graceMs ?? 2_000,
    clock: { ...systemClock(), now: () => options.now ?? 0 },
    ...(options.functions === undefined ? {} : { functions: options.functions }),
  });
}

/** What a call failed with. Anything but an AgentError is a bug, and so is success. */
export async function failureOf(reply: Promise<AgentReply | void>): Promise<AgentError> {
  const outcome = await reply.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome && outcome.error instanceof AgentError) return outcome.error;
  throw new Error("the call did not fail with an AgentError", { cause: "error" in outcome ? outcome.error : outcome.value });
}

/** Collects lines of a log; `first` resolves with the first one. */
export function listen(): { log: (line: string) => void; lines: string[]; first: Promise<string> } {
  const lines: string[] = [];
  let tell: (line: string) => void = () => {};
  const first = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const log = (line: string): void => {
    lines.push(line);
    tell(line);
  };
  return { log, lines, first };
}

/** Whether a process is running; one that has ended and waits to be collected is not. */
export function isRunning(pid: string | number | undefined): boolean {
  try {
    process.kill(Number(pid), 0);
  } catch {
    return false;
  }
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(status.slice(status.lastIndexOf(")") + 2));
  } catch {
    return process.platform !== "linux";
  }
}
