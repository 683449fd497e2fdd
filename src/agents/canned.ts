import type { AgentCall, AgentReply } from "../engine/agent.ts";
import { AgentError } from "../engine/failure.ts";
import type { CannedCallPlan } from "../plan/plan.ts";
import type { Waiting } from "./abort.ts";
import { sleep } from "./abort.ts";

export type CallCanned = (call: AgentCall, plan: CannedCallPlan) => Promise<AgentReply>;

/**
 * Answers from the file, for tests and demonstrations.
 *
 * Contract: calls are counted per agent (and per nested pipeline). The first `failTimes` fail, after the delay; the first
 * call that does not fail gets the first reply, and so on; the last reply repeats.
 */
export function createCannedCaller(clock: Waiting): CallCanned {
  const calls = new Map<string, number>();
  return async (call, plan) => {
    const { stage, signal } = call.context;
    const key = stage.slice(0, stage.lastIndexOf("/") + 1) + call.agent.name;
    const number = (calls.get(key) ?? 0) + 1;
    calls.set(key, number);
    if (plan.delayMs > 0) await sleep(clock, plan.delayMs, signal);
    const failing = plan.fail === null ? 0 : (plan.failTimes ?? Number.POSITIVE_INFINITY);
    if (plan.fail !== null && number <= failing) throw new AgentError(plan.fail, `canned failure of kind ${plan.fail}`);
    return { output: plan.replies[Math.min(number - failing, plan.replies.length) - 1] };
  };
}
