import type { RunResult } from "../engine/result.ts";
import type { Run } from "../pipeline/run.ts";
import type { Plan } from "../plan/plan.ts";
import type { Io, StopReason, StopSignal } from "./io.ts";

/** How a run ended here: with its result, and with what signal it was stopped if it was; or at once, without a result. */
export type Ending =
  | { readonly result: RunResult; readonly signal: StopSignal | null }
  | { readonly result: null; readonly signal: StopSignal };

/**
 * Waits for the end of a run. The first signal stops it, and it ends by itself; a second one does not wait for it.
 *
 * What an author's module does behind the run's back (an error that nobody catches, a wait for something that never comes)
 * stops the run as well. `note` is told of all of this. A rollback goes on at the first signal.
 *
 * Contract: rejects only for a bug.
 */
export async function untilEnd(
  io: Io,
  run: Run,
  plan: Plan,
  { note, isUndoing }: { readonly note: (text: string) => void; readonly isUndoing: () => boolean },
): Promise<Ending> {
  let signal: StopSignal | null = null;
  const { promise: broken, reject: breakOff } = Promise.withResolvers<never>();
  const { promise: forced, resolve: force } = Promise.withResolvers<StopSignal>();
  const stop = (reason: StopReason): void => {
    if (typeof reason !== "string" || reason === "idle") {
      if (!usesModules(plan))
        return breakOff(reason === "idle" ? new Error("nothing can happen any more, but the run has not ended") : reason);
      const text = strayText(reason);
      note(`${text}; stopping`);
      run.cancel(text);
    } else if (signal === null) {
      signal = reason;
      note(
        isUndoing() ? `${reason}: the rollback goes on; once more to stop it` : `${reason}: stopping; once more to stop without waiting`,
      );
      run.cancel(`the run was stopped by ${reason}`);
    } else {
      run.kill();
      force(signal);
    }
  };
  const stopListening = io.onStop(stop);
  try {
    const end = await Promise.race([run.result, forced, broken]);
    return typeof end === "string" ? { result: null, signal: end } : { result: end, signal };
  } finally {
    stopListening();
  }
}

/** Whether code of an author runs in this process. Without it, whatever goes wrong in the process is a bug of agentflow. */
function usesModules(plan: Plan): boolean {
  if (plan.hooks.some(({ call }) => call.type === "module")) return true;
  return [...plan.agents.values()].some(({ call }) => call.type === "module" || (call.type === "pipeline" && usesModules(call.plan)));
}

function strayText(reason: Error | "idle"): string {
  if (reason === "idle") return "nothing can happen any more: a module waits for something that never comes";
  const [place] = /\bat .*/.exec(reason.stack?.slice(reason.stack.indexOf("\n    at ")) ?? "") ?? [];
  return `a module left an error that nobody caught: ${reason.message}${place === undefined ? "" : `, ${place}`}`;
}
