import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { createHookRunner } from "./agents/hook.ts";
import { createAgentRunner } from "./agents/runner.ts";
import { readFileNow, thisMachine } from "./check.ts";
import type { AgentFunction, Metadata } from "./engine/agent.ts";
import type { RunEvent, Stamped } from "./engine/event.ts";
import { type HookPayload, hookEventOf, hookJson, hookPayload, matchingHooks } from "./engine/hooks.ts";
import { interpret, RESERVED_META } from "./engine/interpreter.ts";
import type { RunResult } from "./engine/result.ts";
import type { SharedValues } from "./engine/shared-values.ts";
import { buildPlan } from "./plan/build.ts";
import { checkEnvironment } from "./plan/environment.ts";
import { checkInputs } from "./plan/inputs.ts";
import type { HookPlan, Plan } from "./plan/plan.ts";
import { type Documents, loadDefinition, type LoadedSource, loadSource, loadText } from "./plan/source.ts";
import { createMasker } from "./report/mask.ts";
import type { Diagnostic } from "./spec/diagnostic.ts";
import { isJsonObject, type JsonObject, NotJsonError, toJson } from "./spec/json.ts";
import { HOOK_EVENTS, type HookEvent, type PipelineDefinition } from "./spec/spec.ts";
import { type Clock, systemClock } from "./store/clock.ts";
import { createMemoryJournal, type Journal } from "./store/journal.ts";
import { createLocalDurable } from "./store/local.ts";
import { openRound } from "./store/rounds.ts";
import { createSharedValues } from "./store/shared-values.ts";

/** From a stop to the end of every process: SIGTERM at once, SIGKILL after this. */
const KILL_AFTER_MS = 4_000;
/** How long the engine waits for stopped work before it goes on without it. */
const GRACE_MS = 5_000;
/** How long a callback may take. */
const CALLBACK_TIMEOUT_MS = 10_000;

/** The world, as the library takes it; each part has a default. */
export interface World {
  /** Where scripts' environment, keys and `env` in templates come from; `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** In [0, 1); for jitter. */
  readonly random?: () => number;
  /** A new unique id. */
  readonly newId?: () => string;
  readonly fetch?: typeof globalThis.fetch;
}

export interface PipelineOptions extends World {
  /** Agents as functions, by name. They take the place of what the file says that agent calls; its policies stay. */
  readonly agents?: Readonly<Record<string, AgentFunction>>;
  /** What relative paths of a definition in code are relative to; the working directory. */
  readonly directory?: string;
}

export interface RunOptions {
  readonly input?: Readonly<Record<string, unknown>>;
  /** Own metadata, beside the state. */
  readonly meta?: Metadata;
  readonly sessionId?: string;
  readonly runId?: string;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Instead of the file's `orchestration.timeout`; null for no limit. */
  readonly timeoutMs?: number | null;
  /** Hears every event, in order; must not throw. */
  readonly onEvent?: (event: Stamped) => void;
  /** What is recorded, and where a run goes on; in memory unless given. */
  readonly journal?: Journal;
}

export type HookCallback = (payload: HookPayload) => unknown;

/** A run under way. */
export interface Run {
  readonly id: string;
  /** Resolves for every ending; rejects only for a bug. */
  readonly result: Promise<RunResult>;
  /** Stops the running agents; no further stage starts. */
  cancel(reason?: string): void;
  /** Ends every process that the run started, at once; what they were doing is lost. */
  kill(): void;
}

/** A pipeline that was loaded and checked, ready to run any number of times. */
export interface Pipeline {
  readonly plan: Plan;
  /** What `validate` would warn of. */
  readonly warnings: readonly Diagnostic[];
  /** The texts that diagnostics are about, by file. */
  readonly documents: Documents;
  /** Adds a callback to a hook. Names are unique per hook: a second one of the same name throws. */
  on(hook: HookEvent, callback: HookCallback): void;
  on(hook: HookEvent, name: string, callback: HookCallback): void;
  /** What keeps it from running here: unset variables, missing files and programs. */
  checkEnvironment(): Promise<Diagnostic[]>;
  start(options?: RunOptions): Run;
  /** Starts and waits. @throws InputError */
  run(options?: RunOptions): Promise<RunResult>;
}

/** The pipeline is invalid: nothing was run. `diagnostics` says everything that is wrong. */
export class PipelineError extends Error {
  override name = "PipelineError";
  readonly diagnostics: readonly Diagnostic[];
  /** The texts that the diagnostics are about, by file. */
  readonly documents: Documents;

  constructor(diagnostics: readonly Diagnostic[], documents: Documents) {
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    super(
      errors
        .map(({ code, message, path }) => `${message} [${code}]${path === undefined || path.length === 0 ? "" : ` at ${path.join(".")}`}`)
        .join("\n"),
    );
    this.diagnostics = diagnostics;
    this.documents = documents;
  }
}

/** What a run was given does not fit: nothing was run. */
export class InputError extends Error {
  override name = "InputError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** Loads and checks a pipeline file. @throws PipelineError, UnreadableFileError */
export async function loadPipeline(file: string, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadSource(resolve(file), readFileNow), options);
}

/** The same for a text; `file` says where it would stand. */
export async function parsePipeline(text: string, file: string, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadText(new TextEncoder().encode(text), resolve(file), readFileNow), options);
}

/** The same for a pipeline that is defined in code, in the shape of the file. @throws PipelineError */
export async function definePipeline(definition: PipelineDefinition, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadDefinition(definition, resolve(options.directory ?? "."), readFileNow), options);
}

function makePipeline(loaded: LoadedSource, options: PipelineOptions): Pipeline {
  const functions = new Map(Object.entries(options.agents ?? {}));
  for (const [name, agent] of functions) {
    if (typeof agent !== "function") throw new TypeError(`the agent ${name} must be a function, not a value of type ${typeof agent}`);
  }
  const { source, doubts } = loaded;
  const built = source === null ? { plan: null, diagnostics: [] } : buildPlan(source, { doubts, functions: new Set(functions.keys()) });
  const diagnostics = [...loaded.diagnostics, ...built.diagnostics];
  const { plan } = built;
  if (plan === null || diagnostics.some(({ severity }) => severity === "error")) throw new PipelineError(diagnostics, loaded.documents);
  const callbacks = new Callbacks();
  const shared = createSharedValues();
  const env = options.env ?? process.env;
  const start = (runOptions: RunOptions = {}): Run => startRun(plan, { ...options, env, functions, callbacks, shared }, runOptions);
  return {
    plan,
    warnings: diagnostics,
    documents: loaded.documents,
    on: (hook: HookEvent, first: string | HookCallback, second?: HookCallback) => callbacks.add(hook, first, second),
    checkEnvironment: () => checkEnvironment(plan, thisMachine(env), "error"),
    start,
    run: async (runOptions) => start(runOptions).result,
  };
}

/** The callbacks of a pipeline, by hook and name. */
class Callbacks {
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

interface RunWorld extends PipelineOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly functions: ReadonlyMap<string, AgentFunction>;
  readonly callbacks: Callbacks;
  /** Of all runs of the pipeline. */
  readonly shared: SharedValues;
}

function startRun(plan: Plan, world: RunWorld, options: RunOptions): Run {
  const input = checkRunInput(plan, options);
  const newId = world.newId ?? randomUUID;
  const clock = world.clock ?? systemClock();
  const runId = options.runId ?? newId();
  const cancellation = new AbortController();
  const signal = options.signal === undefined ? cancellation.signal : AbortSignal.any([options.signal, cancellation.signal]);
  const journal = options.journal ?? createMemoryJournal();
  const timers = timersOf(clock);
  const agents = createAgentRunner({
    env: world.env,
    functions: world.functions,
    graceMs: KILL_AFTER_MS,
    now: () => clock.now(),
    timers,
    ...(world.fetch === undefined ? {} : { fetch: world.fetch }),
  });
  const warnings: string[] = [];
  const killing = new AbortController();
  const listener = new Listener(plan, world, { clock, runId, warnings, onEvent: options.onEvent, kill: killing.signal });
  const { durable, close } = createLocalDurable({
    runId,
    journal,
    clock,
    random: world.random ?? Math.random,
    timeoutMs: options.timeoutMs === undefined ? plan.timeoutMs : options.timeoutMs,
    signal,
    graceMs: GRACE_MS,
    shared: world.shared,
    onEvent: (event, hooks, stop) => listener.tell(event, hooks, stop),
  });
  const { round, history, resumed } = openRound(journal);
  const request = {
    plan,
    input,
    sessionId: options.sessionId ?? newId(),
    meta: options.meta ?? {},
    durable,
    agents,
    round,
    history,
    resumed,
    startedAt: clock.now(),
    warnings,
  };
  // The first event comes after this function has returned, so that its caller can hold the run.
  const result = endAfterwards(
    Promise.resolve().then(() => interpret(request)),
    async () => {
      close();
      await agents.close();
    },
  );
  return {
    id: runId,
    result,
    cancel: (reason) => cancellation.abort(reason ?? "the run was cancelled"),
    kill() {
      killing.abort();
      agents.kill();
    },
  };
}

async function endAfterwards<T>(work: Promise<T>, end: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } finally {
    await end();
  }
}

/** @throws InputError */
function checkRunInput(plan: Plan, options: RunOptions): JsonObject {
  const problems: string[] = [];
  // It becomes a part of idempotency keys, and so of HTTP headers.
  if (options.runId !== undefined && !/^[\w.:-]+$/.test(options.runId))
    problems.push(`a run's id is made of letters, digits, \`.\`, \`_\`, \`:\` and \`-\`; \`${options.runId}\` is not`);
  for (const [key, value] of Object.entries(options.meta ?? {})) {
    if ((RESERVED_META as readonly string[]).includes(key)) problems.push(`the metadata \`${key}\` is set by agentflow itself`);
    else if (typeof value !== "string") problems.push(`the metadata \`${key}\` must be a string`);
  }
  const { timeoutMs } = options;
  if (timeoutMs !== undefined && timeoutMs !== null && !(typeof timeoutMs === "number" && timeoutMs > 0)) {
    problems.push("timeoutMs must be a number of milliseconds, or null for no limit");
  }
  let given: JsonObject = {};
  try {
    const input = toJson(options.input ?? {});
    if (isJsonObject(input)) given = input;
    else problems.push("the input must be an object");
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    problems.push(`the input is not JSON: ${error.message}`);
  }
  const checked = checkInputs(plan.inputs, given);
  problems.push(...checked.problems);
  if (problems.length > 0) throw new InputError(problems);
  return checked.values;
}

/** The run whose events are told. */
interface Told {
  readonly clock: Clock;
  readonly runId: string;
  /** Gets what went wrong without failing the run. */
  readonly warnings: string[];
  readonly onEvent: RunOptions["onEvent"];
  /** Ends hooks at once. */
  readonly kill: AbortSignal;
}

/** Tells events to the listener, the callbacks and the file's hooks, in this order, and waits for them. */
class Listener {
  readonly #world: RunWorld;
  readonly #run: Told;
  readonly #mask: <Value>(value: Value) => Value;
  readonly #runHook: ReturnType<typeof createHookRunner>;
  #seq = 0;

  constructor(plan: Plan, world: RunWorld, run: Told) {
    this.#world = world;
    this.#run = run;
    const secrets = plan.secrets.flatMap((name) => (world.env[name] === undefined ? [] : [{ name, value: world.env[name] }]));
    const masker = createMasker(secrets);
    this.#mask = (value) => masker.maskJson(value);
    this.#runHook = createHookRunner({ env: world.env, graceMs: KILL_AFTER_MS, timers: timersOf(run.clock), kill: run.kill });
  }

  async tell(event: RunEvent, hooks: readonly HookPlan[], signal: AbortSignal): Promise<void> {
    if (event.type === "warning") this.#run.warnings.push(this.#mask(event.message));
    if (hooks.length === 0 && this.#run.onEvent === undefined && this.#world.callbacks.isEmpty) return;
    const stamped = this.#stamp(event);
    this.#run.onEvent?.(stamped);
    const on = hookEventOf(event);
    if (on === null) return;
    // A stopped run still tells its end: these hooks get their own time.
    const stop = event.type === "run-end" ? new AbortController().signal : signal;
    for (const [name, callback] of this.#world.callbacks.get(on)) {
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
      this.#run.onEvent?.(this.#stamp({ type: "hook-fail", hook, on, message }));
    }
  }

  #stamp(event: RunEvent): Stamped {
    this.#seq += 1;
    const at = new Date(this.#run.clock.now()).toISOString();
    return { version: 1, seq: this.#seq, at, run_id: this.#run.runId, ...this.#mask(event) };
  }
}

/** A callback that returns a promise gets a limited time, so that it cannot hold the run for ever. */
function withinTime(returned: unknown, clock: Clock): unknown {
  if (!(returned instanceof Promise)) return returned;
  return new Promise((resolvePromise, reject) => {
    const cancel = clock.after(CALLBACK_TIMEOUT_MS, () => reject(new Error(`it did not end within ${CALLBACK_TIMEOUT_MS / 1000}s`)));
    returned.then(resolvePromise, reject).finally(cancel);
  });
}

function timersOf(clock: Clock): { setTimeout: typeof globalThis.setTimeout; clearTimeout: typeof globalThis.clearTimeout } {
  const set = (callback: () => void, ms = 0): (() => void) => clock.after(ms, callback);
  const clear = (cancel: unknown): void => {
    if (typeof cancel === "function") cancel();
  };
  return { setTimeout: set as unknown as typeof globalThis.setTimeout, clearTimeout: clear };
}
