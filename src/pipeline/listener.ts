import { createHookRunner } from "../agents/hook.ts";
import type { StartedProcess } from "../agents/process.ts";
import type { Clock } from "../engine/clock.ts";
import type { RunEvent, Stamped } from "../engine/event.ts";
import { type HookPayload, hookEventOf, hookJson, hookPayload, matchingHooks } from "../engine/hooks.ts";
import type { HookPlan, Plan } from "../plan/plan.ts";
import { createMasker } from "../report/mask.ts";
import type { Secret } from "../spec/secret-forms.ts";
import { HOOK_EVENTS, type HookEvent } from "../spec/spec.ts";
import type { OwnedRun } from "../store/store.ts";

/** How long a callback may take. */
const CALLBACK_TIMEOUT_MS = 10_000;

export type HookCallback = (payload: HookPayload) => unknown;

/** The callbacks of a pipeline, by hook and name. */
export class Callbacks {
  readonly #byHook = new Map<HookEvent, Map<string, HookCallback>>();

  add(hook: HookEvent, first: string | HookCallback, second: HookCallback | undefined): void {
    if (!HOOK_EVENTS.includes(hook)) throw new TypeError(`there is no hook called ${hook as string}; there are ${HOOK_EVENTS.join(", ")}`);
    const named = this.#byHook.get(hook) ?? new Map<string, HookCallback>();
    const name = typeof first === "string" ? first : `callback ${named.size + 1}`;
    const callback = typeof first === "string" ? second : first;
    if (callback === undefined) throw new TypeError(`the callback ${name} of ${hook} is missing`);
    if (named.has(name)) throw new TypeError(`there is a callback called ${name} on ${hook} already`);
    named.set(name, callback);
    this.#byHook.set(hook, named);
  }

  get(hook: HookEvent): Iterable<readonly [string, HookCallback]> {
    return this.#byHook.get(hook) ?? [];
  }

  get isEmpty(): boolean {
    return this.#byHook.size === 0;
  }
}

/** The run whose events are told. */
export interface Told {
  readonly clock: Clock;
  readonly runId: string;
  /** Gets what went wrong without failing the run. */
  readonly warnings: string[];
  readonly onEvent: ((event: Stamped) => void) | undefined;
  /** Where the events are kept, if they are. */
  readonly kept: Pick<OwnedRun, "eventCount" | "keepEvent"> | null;
  /** Ends hooks at once. */
  readonly kill: AbortSignal;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Hears of each process that a hook starts. */
  readonly onProcess: (process: StartedProcess) => void;
}

/** Keeps events, and tells them to the listener, the callbacks and the file's hooks, in this order, and waits for them. */
export class Listener {
  readonly #callbacks: Callbacks;
  readonly #run: Told;
  readonly #mask: <Value>(value: Value) => Value;
  readonly #runHook: ReturnType<typeof createHookRunner>;
  #seq: number;

  constructor(plan: Plan, env: Readonly<Record<string, string | undefined>>, callbacks: Callbacks, run: Told) {
    this.#callbacks = callbacks;
    this.#run = run;
    this.#seq = run.kept?.eventCount ?? 0;
    const masker = createMasker(secretsOf(plan, env));
    this.#mask = (value) => masker.maskJson(value);
    const { graceMs, clock, kill, onProcess } = run;
    this.#runHook = createHookRunner({ env, graceMs, clock, kill, onProcess, mask: masker.maskText });
  }

  async tell(event: RunEvent, hooks: readonly HookPlan[], signal: AbortSignal): Promise<void> {
    if (event.type === "warning") this.#run.warnings.push(this.#mask(event.message));
    const { kept, onEvent } = this.#run;
    if (hooks.length === 0 && onEvent === undefined && this.#callbacks.isEmpty) {
      if (kept !== null) kept.keepEvent(this.#stamp(withoutData(event)));
      return;
    }
    const stamped = this.#stamp(event);
    kept?.keepEvent(withoutData(stamped));
    onEvent?.(stamped);
    const on = hookEventOf(event);
    if (on === null) return;
    // A stopped run still tells its end: these hooks get their own time.
    const stop = event.type === "run-end" ? new AbortController().signal : signal;
    for (const [name, callback] of this.#callbacks.get(on)) {
      await this.#attempt(name, on, () => withinTime(callback(hookPayload(on, stamped)), this.#run.clock));
    }
    for (const hook of matchingHooks(hooks, on, event)) {
      await this.#attempt(hook.name, on, () => this.#runHook(hook, hookJson(hookPayload(on, stamped)), stop));
    }
  }

  async #attempt(hook: string, on: HookEvent, run: () => unknown): Promise<void> {
    try {
      await run();
    } catch (error) {
      const message = this.#mask(error instanceof Error ? error.message : String(error));
      this.#run.warnings.push(`hook ${hook} (${on}) failed: ${message}`);
      const failed = this.#stamp({ type: "hook-fail", hook, on, message });
      this.#run.kept?.keepEvent(failed);
      this.#run.onEvent?.(failed);
    }
  }

  #stamp(event: RunEvent): Stamped {
    this.#seq += 1;
    const at = new Date(this.#run.clock.now()).toISOString();
    return { version: 1, seq: this.#seq, at, run_id: this.#run.runId, ...this.#mask(event) };
  }
}

/** The variables of a plan whose values are masked, with what they hold. */
export function secretsOf(plan: Plan, env: Readonly<Record<string, string | undefined>>): Secret[] {
  return secretsNamed(plan.secrets, env);
}

/** These variables, as far as they are set. */
export function secretsNamed(names: readonly string[], env: Readonly<Record<string, string | undefined>>): Secret[] {
  return names.flatMap((name) => (env[name] === undefined ? [] : [{ name, value: env[name] }]));
}

/** What is wrong with the ids of a run that hold secrets: they are names of its, and shown as they are. */
export function problemsOfIds(ids: { readonly runId?: string; readonly sessionId?: string }, secrets: readonly Secret[]): string[] {
  const all = Object.entries({ "the run's id": ids.runId, "the session's id": ids.sessionId });
  return all.flatMap(([what, id = ""]) =>
    secrets
      .filter((secret) => createMasker([secret]).maskText(id) !== id)
      .map(({ name }) => `${what} holds the value of ${name}; it is shown, so give another one`),
  );
}

/** A plan whose run hides these variables besides its own: those of the runs that it comes from. */
export function withSecrets(plan: Plan, names: readonly string[]): Plan {
  return { ...plan, secrets: [...new Set([...plan.secrets, ...names])] };
}

/** An event as it is kept: what a stage was given and what it wrote stand in the journal already. */
function withoutData<Event extends RunEvent>(event: Event): Event {
  const { input, state, output, ...rest } = event as Event & { input?: unknown; state?: unknown; output?: unknown };
  void [input, state, output];
  return rest as unknown as Event;
}

/** A callback that returns a promise gets a limited time, so that it cannot hold the run for ever. */
function withinTime(returned: unknown, clock: Clock): unknown {
  if (!(returned instanceof Promise)) return returned;
  return new Promise((resolvePromise, reject) => {
    const cancel = clock.after(CALLBACK_TIMEOUT_MS, () => reject(new Error(`it did not end within ${CALLBACK_TIMEOUT_MS / 1000}s`)));
    returned.then(resolvePromise, reject).finally(cancel);
  });
}
