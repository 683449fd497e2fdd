import type { AgentCall, AgentFunction, AgentReply } from "../engine/agent.ts";
import { abortError, untilAborted } from "./abort.ts";

/**
 * Calls an agent that is a function: a module's, or one that the library was given.
 *
 * Contract: when the signal aborts, the promise rejects at once. A function that goes on regardless cannot be stopped, since
 * it runs in this process; what it returns then is ignored.
 */
export async function callFunction(run: AgentFunction, call: AgentCall): Promise<AgentReply> {
  const { signal } = call.context;
  if (signal.aborted) throw abortError(signal);
  const returned: unknown = run(call.input, call.context);
  return { output: isThenable(returned) ? await untilAborted(returned, signal) : returned };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
