import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "smol-toml";
import type { AgentContext } from "../../../src/engine/agent.ts";
import { AgentError } from "../../../src/engine/failure.ts";
import type { Outcome } from "../../../src/engine/durable.ts";
import {
  createMemoryJournal,
  definePipeline,
  type Clock,
  type Journal,
  type JsonObject,
  type Pipeline,
  type RunRecord,
  type RunResult,
  type Store,
} from "../../../src/index.ts";
import { folderWith } from "../../support/folder.ts";
import { type VirtualClock, virtualClock } from "../../support/virtual-clock.ts";
import { JITTER } from "./model.ts";
import { definitionOf, outputOf, type Script, type SimPipeline, type SimWorld } from "./world.ts";

/** What was recorded of a run, as it would be read from a disk. */
export type Entries = readonly (readonly [key: string, outcome: Outcome])[];

/** The stop of a process, as far as the interpreter is concerned. */
class Death extends Error {
  override name = "Death";
}

export interface LifeOptions {
  readonly entries?: Entries;
  /** The life ends at the n-th entry that it writes, before the entry is kept or after. */
  readonly death?: { readonly atEntry: number; readonly keeps: boolean };
  /** With it, a death loses what was not durable. */
  readonly forgets?: boolean;
  readonly cancelAfterMs?: number;
  /** Instead of going on, undoes what had finished. */
  readonly undoes?: boolean;
  /** From now on every call succeeds. */
  readonly healed?: boolean;
}

export interface Life {
  /** null: it died. */
  readonly result: RunResult | null;
  readonly entries: Entries;
  /** What was lost with it, since it was not durable. */
  readonly lost: Entries;
  /** Calls of agents by visit, agent and attempt. */
  readonly calls: readonly string[];
  /** Of its own virtual time. */
  readonly durationMs: number;
}

/** Lives of one world: each a process that goes on with a run where an earlier one ended. */
export interface Lives {
  live(options?: LifeOptions): Promise<Life>;
}

const EPOCH_MS = Date.UTC(2030, 0, 1);

/** Lets `tell` live in a world, whose nested pipelines are files for that long. */
export async function inWorld<T>(world: SimWorld, tell: (lives: Lives) => Promise<T>): Promise<T> {
  const directory = folderWith({});
  try {
    writeNested(directory, world.main);
    const stage = new Stage(world);
    const pipeline = await definePipeline(definitionOf(world.main), {
      agents: Object.fromEntries(
        [...world.scripts.values()].map((script) => [script.name, (input, context) => stage.act(script, input, context)]),
      ),
      clock: stage.clock,
      random: () => JITTER,
      directory,
      env: {},
    });
    return await tell({ live: (options = {}) => stage.live(pipeline, options) });
  } finally {
    rmSync(directory, { recursive: true }); // There are many.
  }
}

function writeNested(directory: string, pipeline: SimPipeline): void {
  for (const { nested } of pipeline.agents.values()) {
    if (nested === null) continue;
    writeFileSync(join(directory, `${nested.name}.toml`), stringify(definitionOf(nested)));
    writeNested(directory, nested);
  }
}

/** A store that holds one run, as it was recorded. */
function storeOf(pipeline: Pipeline, input: JsonObject, journal: Journal): Store {
  const { source, pipelineId, secrets } = pipeline.plan;
  const names = { run_id: "run", pipeline_id: pipelineId, session_id: "session" };
  const record: RunRecord = { ...names, started_at: EPOCH_MS, source, input, meta: {}, functions: [], secrets, parent: null };
  const summary = {
    ...names,
    status: "running",
    started_at: EPOCH_MS,
    ended_at: null,
    stopped_at: null,
    parent: null,
    owner: null,
    bytes: 0,
  } as const;
  const run = { ...journal, record, status: "running", eventCount: 0, processes: [] } as const;
  return {
    read: async () => ({ record, summary, entries: [...journal.entries()], result: null }),
    acquire: async () => ({ ...run, end: async () => {}, keepEvent() {}, noteProcess() {}, confirm() {}, release: async () => {} }),
  } as unknown as Store;
}

/** Where lives take place, one after another: the clock, the journal and the ways of the agents are those of the present one. */
class Stage {
  readonly clock: Clock;
  readonly #world: SimWorld;
  #now: VirtualClock = virtualClock(EPOCH_MS);
  #journal: Journal = createMemoryJournal();
  #calls: string[] = [];
  /** How many entries a death leaves. */
  #durable = 0;
  #healed = false;
  /** When the journal failed; null while it lives. */
  #deathMs: number | null = null;
  /** What was done although nothing could be recorded any more; not what was done at the same moment. */
  readonly #late: string[] = [];

  constructor(world: SimWorld) {
    this.#world = world;
    this.clock = {
      now: () => this.#now.now(),
      elapsed: () => this.#now.elapsed(),
      after: (ms, callback) => this.#now.after(ms, callback),
      turn: () => this.#now.turn(),
    };
  }

  async live(pipeline: Pipeline, options: LifeOptions): Promise<Life> {
    const { entries = [], death, forgets = false, cancelAfterMs, undoes = false, healed = false } = options;
    const last = entries.at(-1)?.[1].ended_at ?? EPOCH_MS;
    this.#now = virtualClock(last);
    this.#calls = [];
    this.#healed = healed;
    this.#deathMs = null;
    // As from a disk: nothing of an earlier life is shared.
    this.#journal = this.#mortal(createMemoryJournal(JSON.parse(JSON.stringify(entries)) as Entries), death);
    this.#durable = entries.length;
    const run = undoes
      ? await pipeline.rollback("run", { store: storeOf(pipeline, this.#world.input, this.#journal) })
      : pipeline.start({ input: this.#world.input, runId: "run", sessionId: "session", journal: this.#journal });
    if (cancelAfterMs !== undefined) this.#now.after(cancelAfterMs, () => run.cancel());
    const result = await this.#now.run(
      run.result.catch((error: unknown) => {
        if (error instanceof Death) return null;
        throw error;
      }),
    );
    if (this.#late.length > 0) throw new Error(`after the journal had failed: ${this.#late.join(", ")}`);
    const kept = [...this.#journal.entries()];
    const durable = result === null && forgets ? this.#durable : kept.length;
    return { result, entries: kept.slice(0, durable), lost: kept.slice(durable), calls: this.#calls, durationMs: this.#now.elapsed() };
  }

  #mortal(journal: Journal, death: LifeOptions["death"]): Journal {
    let appended = 0;
    return {
      get: (key) => journal.get(key),
      entries: () => journal.entries(),
      append: async (key, outcome, how) => {
        this.#noteLate(`${key} was written`);
        // The end of a round is spared: after it a run that goes on begins another one.
        const isSpared = key.startsWith("run!") && outcome.settled !== null;
        appended += isSpared ? 0 : 1;
        if (appended === death?.atEntry && !isSpared) this.#deathMs = this.#now.elapsed();
        if (this.#deathMs !== null && death?.keeps !== true) throw new Death(`at ${key}`);
        await journal.append(key, outcome);
        if (how?.checkpoint !== false) this.#durable = [...journal.entries()].length;
        if (this.#deathMs !== null) throw new Death(`at ${key}`);
        if (this.#deathMs !== null) throw new Death(`at ${key}`);
      },
    };
  }

  /** What an agent does depends on its name, the visit, what it is given, and how many of its calls there were recorded. */
  async act(script: Script, input: JsonObject, context: AgentContext): Promise<unknown> {
    this.#noteLate(`${script.name} was called`);
    const visit = context.idempotencyKey.slice("run/".length);
    this.#calls.push(`${visit} ${script.name} #${context.attempt}`);
    const call = this.#recordedCalls(visit, script.name);
    const mishap = this.#healed ? undefined : script.mishaps[script.forever ? Math.min(call, script.mishaps.length - 1) : call];
    await this.#wait(mishap === "hang" ? Infinity : script.delayMs, script.ignoresAbort ? undefined : context.signal);
    if (mishap === undefined) return outputOf(script, input);
    if (mishap === "hang") throw new Error("it waited for ever, and ended");
    throw new AgentError(mishap.kind, `mishap ${call + 1}`, mishap.retryAfterMs === undefined ? {} : { retryAfterMs: mishap.retryAfterMs });
  }

  #noteLate(what: string): void {
    if (this.#deathMs !== null && this.#now.elapsed() > this.#deathMs) this.#late.push(what);
  }

  #recordedCalls(visit: string, agent: string): number {
    let calls = 0;
    for (const [key, outcome] of this.#journal.entries()) {
      if (!key.startsWith(`${visit}!`) || outcome.agent !== agent) continue;
      if (outcome.failure?.kind !== "cancelled" && outcome.failure?.kind !== "deadline") calls += 1;
    }
    return calls;
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = ms === Infinity ? () => {} : this.#now.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        stop();
        reject(signal.reason);
      });
    });
  }
}
