import { type AgentFunction, definePipeline, type PipelineDefinition, type RunResult, type Stamped } from "../../src/index.ts";
import type { RunOptions } from "../../src/pipeline/pipeline.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

/** A finished run in virtual time, and what was told on the way. */
export interface TestRun {
  readonly result: RunResult;
  readonly events: readonly Stamped[];
  readonly clock: VirtualClock;
}

/** Everything of a definition but its outer tables. */
export interface Sequential {
  readonly agents: readonly string[];
  readonly parallel?: NonNullable<PipelineDefinition["orchestration"]["sequential"]["parallel"]>;
  readonly branches?: NonNullable<PipelineDefinition["orchestration"]["sequential"]["branches"]>;
  readonly pipeline?: NonNullable<PipelineDefinition["orchestration"]["sequential"]["pipeline"]>;
}

/** A definition of a sequence. */
export function pipelineOf(sequential: Sequential, rest: Partial<PipelineDefinition> & { timeout?: string } = {}): PipelineDefinition {
  const { timeout, ...tables } = rest;
  return { name: "test", ...tables, orchestration: { ...(timeout === undefined ? {} : { timeout }), sequential } };
}

/** Runs a definition with functions as its agents, in virtual time and without chance (jitter takes the whole delay). */
export async function runPipeline(
  definition: PipelineDefinition,
  agents: Record<string, AgentFunction> = {},
  options: RunOptions & { clock?: VirtualClock; random?: () => number; directory?: string } = {},
): Promise<TestRun> {
  const { clock = virtualClock(), random = () => 0.999999, directory = ".", ...runOptions } = options;
  const events: Stamped[] = [];
  let id = 0;
  const newId = (): string => {
    id += 1;
    return `id-${id}`;
  };
  const pipeline = await definePipeline(definition, { agents, clock, random, newId, directory, env: {} });
  const onEvent = (event: Stamped): void => {
    events.push(event);
    options.onEvent?.(event);
  };
  const result = await clock.run(pipeline.run({ runId: "run", sessionId: "session", ...runOptions, onEvent }));
  return { result, events, clock };
}

/** Waits on the virtual clock, or until the signal aborts. */
export function waitOn(clock: VirtualClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, resolve);
    signal?.addEventListener("abort", () => {
      cancel();
      reject(signal.reason);
    });
  });
}
