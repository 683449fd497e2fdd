import type { Outcome } from "../../src/engine/durable.ts";
import {
  type AgentContext,
  type AgentFunction,
  createMemoryJournal,
  definePipeline,
  type JsonObject,
  type PipelineDefinition,
  type RunResult,
  type Stamped,
} from "../../src/index.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";
import { waitOn } from "./run.ts";

export type Entries = readonly (readonly [key: string, outcome: Outcome])[];

/** What an agent of a scene does: gives this, fails with this error, or waits so many milliseconds and gives nothing. */
export type Act = JsonObject | Error | number | AgentFunction;

export interface SceneOptions {
  readonly entries?: Entries;
  readonly input?: Record<string, unknown>;
  readonly directory?: string;
  /** Dies at the n-th entry that it writes. */
  readonly death?: { readonly atEntry: number; readonly keeps: boolean };
  readonly cancelAfterMs?: number;
  readonly killAfterMs?: number;
  readonly clock?: VirtualClock;
}

export interface Scene {
  readonly result: RunResult;
  /** It died with its journal. */
  readonly died: boolean;
  readonly entries: Entries;
  readonly events: readonly Stamped[];
  /** Names of the agents that were called, in order. */
  readonly calls: readonly string[];
  /** What each agent was given at its latest call. */
  readonly given: Readonly<Record<string, { readonly input: JsonObject; readonly context: AgentContext }>>;
  /** By key: whether the entry had to be durable. */
  readonly checkpoints: readonly (readonly [key: string, checkpoint: boolean | undefined])[];
  readonly clock: VirtualClock;
}

/** Handlers for `undoneByTheirOwn`. */
const UNDOERS = [..."abcdemnxyz", "other"].map((name) => `undo_${name}`);

/** A run in virtual time whose agents do what `acts` says; handlers that it does not name succeed. */
export async function play(
  definition: PipelineDefinition,
  acts: Readonly<Record<string, Act>>,
  options: SceneOptions = {},
): Promise<Scene> {
  const { clock = virtualClock(), entries = [], directory = ".", input = {} } = options;
  const calls: string[] = [];
  const given: Record<string, { input: JsonObject; context: AgentContext }> = {};
  const checkpoints: (readonly [string, boolean | undefined])[] = [];
  const isFunction = (name: string): boolean => definition.agents?.[name]?.type === undefined;
  const handlers = Object.fromEntries(UNDOERS.filter(isFunction).map((name): [string, Act] => [name, {}]));
  const agents = Object.fromEntries(
    Object.entries({ ...handlers, ...acts }).map(([name, act]): [string, AgentFunction] => [
      name,
      async (seen, context) => {
        calls.push(name);
        given[name] = { input: seen, context };
        if (act instanceof Error) throw act;
        if (typeof act === "number") return waitOn(clock, act, context.signal);
        return typeof act === "function" ? act(seen, context) : act;
      },
    ]),
  );
  const pipeline = await definePipeline(definition, { agents, clock, random: () => 0.999999, directory, env: {} });
  const journal = createMemoryJournal(JSON.parse(JSON.stringify(entries)) as Entries);
  const events: Stamped[] = [];
  let appended = 0;
  const run = pipeline.start({
    runId: "run",
    sessionId: "session",
    input,
    onEvent: (event) => void events.push(event),
    journal: {
      get: (key) => journal.get(key),
      entries: () => journal.entries(),
      append: (key, outcome, how) => {
        appended += 1;
        checkpoints.push([key, how?.checkpoint]);
        const { death } = options;
        if (appended !== death?.atEntry || death.keeps) void journal.append(key, outcome, how);
        if (appended === death?.atEntry) throw new Error("died");
      },
    },
  });
  if (options.cancelAfterMs !== undefined) clock.after(options.cancelAfterMs, () => run.cancel());
  if (options.killAfterMs !== undefined) clock.after(options.killAfterMs, () => run.kill());
  const result = await clock.run(
    run.result.catch((error: unknown) => {
      if ((error as Error).message === "died") return null;
      throw error;
    }),
  );
  return { result: result as RunResult, died: result === null, entries: [...journal.entries()], events, calls, given, checkpoints, clock };
}

/** `{ a: { rollback: "undo_a" }, … }` */
export function undoneByTheirOwn(...names: readonly string[]): Record<string, { rollback: string }> {
  return Object.fromEntries(names.map((name) => [name, { rollback: `undo_${name}` }]));
}

/** The calls of handlers, by the stages that they undo. */
export function undone({ calls }: Pick<Scene, "calls">): string[] {
  return calls.filter((name) => name.startsWith("undo_")).map((name) => name.slice("undo_".length));
}

/** `succeeded: c, b, a#2 failed (exit)` */
export function rollbackLine({ rollback }: RunResult): string | null {
  if (rollback === null) return null;
  const stages = rollback.stages.map(({ name, visit, attempts, status, error, agent }) => {
    const what = `${name}${visit === 1 ? "" : `~${visit}`}${attempts === 1 ? "" : ` in ${attempts}`} by ${agent}`;
    return status === "succeeded" ? what : `${what} failed: ${error?.kind} ${error?.message}`;
  });
  return `${rollback.status}: ${stages.join(", ")}`;
}
