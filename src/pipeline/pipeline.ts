import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { listNow, readFileNow, readPipelineNow, thisMachine } from "./check.ts";
import type { AgentFunction, Metadata } from "../engine/agent.ts";
import type { Clock } from "../engine/clock.ts";
import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";
import { Callbacks, type HookCallback, secretsOf } from "./listener.ts";
import { buildPlan } from "../plan/build.ts";
import { checkEnvironment } from "../plan/environment.ts";
import { withoutIgnored } from "../plan/ignored.ts";
import type { Plan } from "../plan/plan.ts";
import { type Documents, loadDefinition, type LoadedSource, loadSource, loadText } from "../plan/source.ts";
import { type PreparedRerun, prepareRerun, type RerunOptions } from "./rerun.ts";
import { type AgainOptions, type PreparedRun, prepareResume, prepareRollback, recordedPlan } from "./resume.ts";
import { type Remembered, type Run, type RunTask, type RunWorld, startRun } from "./run.ts";
import { checkRunInput } from "./run-input.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import type { Secret } from "../spec/secret-forms.ts";
import type { HookEvent, PipelineDefinition } from "../spec/spec.ts";
import { systemClock } from "../store/clock.ts";
import { createMemoryJournal, type Journal } from "../store/journal.ts";
import { concealRecord, recordingOf } from "../store/references.ts";
import type { RunRecord, Store } from "../store/store.ts";
import { createSharedValues } from "../store/shared-values.ts";

export { InputError } from "./run-input.ts";

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
  /** Where the run is remembered, so that it can be gone on with; nowhere unless given. */
  readonly store?: Store;
  /** Instead of a store: what is recorded of this one run, and where it goes on. */
  readonly journal?: Journal;
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
  /**
   * Takes hold of a run that did not finish, and says what a resume would do. @throws ResumeError, StoreError
   */
  prepareResume(runId: string, options: AgainOptions): Promise<PreparedRun>;
  /** The same for undoing what a run had finished. */
  prepareRollback(runId: string, options: AgainOptions): Promise<PreparedRun>;
  /** Goes on with a run that did not finish: nothing that finished is run again. @throws ResumeError, StoreError */
  resume(runId: string, options: AgainOptions): Promise<Run>;
  /** Says what a new run would take over from a recorded one, and what it would run. @throws InputError, ResumeError, StoreError */
  prepareRerun(runId: string, options: RerunOptions): Promise<PreparedRerun>;
  /** Starts a new run with what a recorded one had finished before a stage. @throws InputError, ResumeError, StoreError */
  rerun(runId: string, options: RerunOptions): Promise<Run>;
  /** Undoes what a run had finished that did not succeed. @throws ResumeError, StoreError */
  rollback(runId: string, options: AgainOptions): Promise<Run>;
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

/** Loads and checks a pipeline file. @throws PipelineError, UnreadableFileError */
export async function loadPipeline(file: string, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadSource(resolve(file), readFileNow, listNow, readPipelineNow), options);
}

/** The same for a text; `file` says where it would stand. */
export async function parsePipeline(text: string, file: string, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadText(new TextEncoder().encode(text), resolve(file), readFileNow, listNow), options);
}

/** The same for a pipeline that is defined in code, in the shape of the file. @throws PipelineError */
export async function definePipeline(definition: PipelineDefinition, options: PipelineOptions = {}): Promise<Pipeline> {
  return makePipeline(await loadDefinition(definition, resolve(options.directory ?? "."), readFileNow, listNow), options);
}

/** The pipeline of a run as it was recorded, whatever has become of its file. @throws ResumeError, PipelineError */
export async function recordedPipeline(record: RunRecord, options: PipelineOptions = {}): Promise<Pipeline> {
  const { source } = recordedPlan(record);
  return makePipeline({ source, diagnostics: [], documents: new Map(), doubts: new Map() }, options);
}

async function makePipeline(loaded: LoadedSource, options: PipelineOptions): Promise<Pipeline> {
  const functions = new Map(Object.entries(options.agents ?? {}));
  for (const [name, agent] of functions) {
    if (typeof agent !== "function") throw new TypeError(`the agent ${name} must be a function, not a value of type ${typeof agent}`);
  }
  const { source, doubts } = loaded;
  const built = source === null ? { plan: null, diagnostics: [] } : buildPlan(source, { doubts, functions: new Set(functions.keys()) });
  const diagnostics = await withoutIgnored([...loaded.diagnostics, ...built.diagnostics], loaded);
  const { plan } = built;
  if (plan === null || diagnostics.some(({ severity }) => severity === "error")) throw new PipelineError(diagnostics, loaded.documents);
  const callbacks = new Callbacks();
  const { env = process.env, clock = systemClock(), random = Math.random, newId = randomUUID, fetch } = options;
  const world: RunWorld = { env, clock, random, fetch, functions, callbacks, shared: createSharedValues() };
  const start = (runOptions: RunOptions = {}): Run => startRun(newTask(plan, world, runOptions, newId), world);
  const again = { plan, world };
  return {
    plan,
    warnings: diagnostics,
    documents: loaded.documents,
    on: (hook: HookEvent, first: string | HookCallback, second?: HookCallback) => callbacks.add(hook, first, second),
    checkEnvironment: async () => {
      const found = await checkEnvironment(plan, thisMachine(env), "error");
      const left = await withoutIgnored(found, loaded);
      // Of the comments themselves was told when the pipeline was loaded.
      return left.filter((diagnostic) => found.includes(diagnostic));
    },
    start,
    run: async (runOptions) => start(runOptions).result,
    prepareResume: (runId, options) => prepareResume(again, runId, options),
    prepareRollback: (runId, options) => prepareRollback(again, runId, options),
    resume: async (runId, options) => (await prepareResume(again, runId, options)).start(),
    prepareRerun: (runId, options) => prepareRerun({ ...again, newId }, runId, options),
    rerun: async (runId, options) => (await prepareRerun({ ...again, newId }, runId, options)).start(),
    rollback: async (runId, options) => (await prepareRollback(again, runId, options)).start(),
  };
}

/** A run from the beginning. @throws InputError */
function newTask(plan: Plan, world: RunWorld, options: RunOptions, newId: () => string): RunTask {
  const { store, journal, meta = {}, signal, onEvent, timeoutMs = plan.timeoutMs, runId = newId(), sessionId = newId() } = options;
  const input = checkRunInput(plan, options, secretsOf(plan, world.env));
  const startedAt = world.clock.now();
  const record: RunRecord = {
    run_id: runId,
    pipeline_id: plan.pipelineId,
    session_id: sessionId,
    started_at: startedAt,
    source: plan.source,
    input,
    meta,
    functions: [...world.functions.keys()],
    secrets: plan.secrets,
    parent: null,
  };
  const open = async (): Promise<Remembered> =>
    store === undefined ? forgotten(journal) : remember(store, record, secretsOf(plan, world.env));
  return { plan, runId, sessionId, input, meta, startedAt, purpose: "resume", timeoutMs, store: store ?? null, signal, onEvent, open };
}

/** Nothing of the run outlives the process. */
function forgotten(journal = createMemoryJournal()): Remembered {
  const recording = {
    get: (key: string) => journal.get(key),
    entries: () => journal.entries(),
    append: (...entry: Parameters<Journal["append"]>) => journal.append(...entry),
    end: () => Promise.resolve(),
  };
  return { recording, kept: null };
}

async function remember(store: Store, record: RunRecord, secrets: readonly Secret[]): Promise<Remembered> {
  const kept = await store.create(concealRecord(record, secrets));
  return { recording: recordingOf(kept, [], secrets), kept };
}
