import type { AgentCall, AgentFunction, AgentReply, AgentRunner } from "../engine/agent.ts";
import type { Clock } from "../engine/clock.ts";
import { AgentError } from "../engine/failure.ts";
import { untilAborted } from "./abort.ts";
import { createCannedCaller } from "./canned.ts";
import { callFunction } from "./function.ts";
import { createLlmCaller } from "./llm.ts";
import { loadFunction } from "./module.ts";
import type { StartedProcess } from "./process.ts";
import { callScript } from "./script.ts";

export interface AgentRunnerOptions {
  /** What scripts inherit, where keys are, and what `env` in templates means. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Agents that the library was given, by name. */
  readonly functions?: ReadonlyMap<string, AgentFunction>;
  /** From SIGTERM to SIGKILL; 5 seconds unless given. */
  readonly graceMs?: number;
  readonly clock: Pick<Clock, "now" | "after">;
  /** For model calls; Node's own unless given. */
  readonly fetch?: typeof globalThis.fetch;
  /** Hears of each process that is started, at once. */
  readonly onProcess?: (process: StartedProcess) => void;
  /** Takes secrets out of what is told of a failure, before it is cut; nothing unless given. */
  readonly mask?: (text: string) => string;
}

export interface ClosableAgentRunner extends AgentRunner {
  /** Ends the scripts and requests that are still under way, and waits for them. */
  close(): Promise<void>;
  /** Ends every script with SIGKILL before it returns, and everything else as `close` does. */
  kill(): void;
}

const DEFAULT_GRACE_MS = 5_000;

/** Calls agents of every type but `pipeline`, which is the interpreter's own. See {@link AgentRunner} for what is promised. */
export function createAgentRunner(options: AgentRunnerOptions): ClosableAgentRunner {
  const { env, functions, graceMs = DEFAULT_GRACE_MS, clock, mask = (text) => text } = options;
  const closing = new AbortController();
  const killing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const callLlm = createLlmCaller(options);
  const callCanned = createCannedCaller(clock);

  /** For what lives outside of this process. */
  async function guarded(call: AgentCall, start: (signal: AbortSignal) => Promise<AgentReply>): Promise<AgentReply> {
    const reply = start(AbortSignal.any([call.context.signal, closing.signal]));
    running.add(reply);
    return reply.finally(() => running.delete(reply));
  }

  async function dispatch(call: AgentCall): Promise<AgentReply> {
    const plan = call.agent.call;
    switch (plan.type) {
      case "script":
        return guarded(call, (signal) =>
          callScript(call, plan, { env, graceMs, signal, kill: killing.signal, onProcess: options.onProcess, mask }),
        );
      case "llm":
        return guarded(call, (signal) => callLlm(call, plan, signal));
      case "module":
        return callFunction(await untilAborted(loadFunction(plan.module), call.context.signal), call);
      case "canned":
        return callCanned(call, plan);
      case "function": {
        const run = functions?.get(call.agent.name);
        if (run === undefined)
          throw new AgentError("internal", `no function is registered for agent ${call.agent.name}, and the plan let it pass`);
        return callFunction(run, call);
      }
      case "pipeline":
        throw new AgentError("internal", `the nested pipeline ${call.agent.name} was given to the agent runner; the interpreter runs it`);
    }
  }

  return {
    call: dispatch,
    async close() {
      closing.abort();
      await Promise.allSettled(running);
    },
    kill() {
      killing.abort();
      closing.abort();
    },
  };
}
