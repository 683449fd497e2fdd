import type { HookPlan } from "../plan/plan.ts";
import type { JsonObject } from "../spec/json.ts";
import type { Waiting } from "./abort.ts";
import { abortError, sleep, untilAborted } from "./abort.ts";
import { loadFunction } from "./module.ts";
import { runProcess, type StartedProcess } from "./process.ts";

export interface HookRunnerOptions {
  /** What commands inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  readonly clock: Waiting;
  /** Ends commands with SIGKILL, at once; after it none is started. */
  readonly kill?: AbortSignal;
  /** Hears of each process that is started. */
  readonly onProcess?: ((process: StartedProcess) => void) | undefined;
  /** Takes secrets out of what a command says, before it is cut. */
  readonly mask?: (text: string) => string;
}

/**
 * Runs one hook on one event: a command gets the payload as JSON on stdin, a module's function gets it as its argument.
 *
 * Contract: rejects with an Error whose message says what went wrong, without the hook's name. Like any script, a command has
 * ended with all its processes when the promise settles; a function that ignores time cannot be stopped.
 */
export type HookRunner = (hook: HookPlan, payload: JsonObject, signal: AbortSignal) => Promise<void>;

export function createHookRunner(options: HookRunnerOptions): HookRunner {
  return async (hook, payload, signal) => {
    if (options.kill?.aborted === true) return;
    const timeout = new AbortController();
    const done = new AbortController();
    if (hook.timeoutMs !== null) {
      const limitMs = hook.timeoutMs;
      sleep(options.clock, limitMs, done.signal).then(
        () => timeout.abort(new Error(`took longer than its timeout of ${limitMs} ms and was stopped`)),
        () => {},
      );
    }
    try {
      await run(hook, payload, AbortSignal.any([signal, timeout.signal]), options);
    } catch (error) {
      if (timeout.signal.aborted) throw timeout.signal.reason;
      if (signal.aborted) throw new Error(`was stopped: ${abortError(signal).message}`, { cause: error });
      throw error;
    } finally {
      done.abort();
    }
  };
}

async function run(hook: HookPlan, payload: JsonObject, signal: AbortSignal, options: HookRunnerOptions): Promise<void> {
  if (hook.call.type === "command") return runCommand(hook.call, payload, signal, options);
  const notify = await untilAborted(loadFunction(hook.call.module), signal);
  const returned = (notify as (payload: JsonObject) => unknown)(payload);
  await untilAborted(Promise.resolve(returned), signal);
}

async function runCommand(
  { command, cwd }: Extract<HookPlan["call"], { type: "command" }>,
  payload: JsonObject,
  signal: AbortSignal,
  { env, graceMs, kill, onProcess, mask }: HookRunnerOptions,
): Promise<void> {
  const stdin = `${JSON.stringify(payload)}\n`;
  const result = await runProcess({ command, cwd, env, stdin, maxOutput: null, graceMs, signal, kill, onProcess, mask });
  if (result.stopped !== null) throw result.stopped;
  if (result.exitCode === 0) return;
  const how = result.signal === null ? `exited with code ${result.exitCode}` : `was ended by ${result.signal}`;
  const last = result.stderrTail.findLast((line) => line.trim() !== "");
  throw new Error(last === undefined ? how : `${how}: ${last}`);
}
