import type * as library from "../src/index.ts";
import { alternate, fromRoot } from "./measure.ts";

/** Per stage, in microseconds. */
export interface StageTimes {
  readonly stageUs: number;
  /** Before anything was compiled or warm, as in a command that runs once. */
  readonly firstUs: number;
  readonly plainUs: number;
}

interface Counter {
  readonly n: number;
}

// node bench/stage-loop.ts STAGES: prints StageTimes as JSON
const stages = Number(process.argv[2]);
const rounds = Math.max(9, Math.min(200, Math.round(50_000 / stages)));

const { definePipeline } = (await import(fromRoot("dist/index.js"))) as typeof library;
const increment = async (input: Counter): Promise<Counter> => ({ n: input.n + 1 });
const names = Array.from({ length: stages }, (_, index) => `s${index + 1}`);
const pipeline = await definePipeline(
  { name: "counter", orchestration: { sequential: { agents: names } } },
  { agents: Object.fromEntries(names.map((name) => [name, increment])) },
);

const start = performance.now();
await runPipeline();
const firstMs = performance.now() - start;
for (let warming = performance.now() + 500; performance.now() < warming; ) await runPipeline();
const [stageMs = NaN, plainMs = NaN] = await alternate(rounds, [runPipeline, runLoop]);
const toUs = (ms: number): number => (ms * 1000) / stages;
process.stdout.write(JSON.stringify({ stageUs: toUs(stageMs), firstUs: toUs(firstMs), plainUs: toUs(plainMs) } satisfies StageTimes));

async function runPipeline(): Promise<void> {
  const result = await pipeline.run({ input: { n: 0 } });
  if (result.status !== "succeeded" || result.state["n"] !== stages)
    throw new Error(`unexpected result: ${JSON.stringify(result).slice(0, 500)}`);
}

async function runLoop(): Promise<void> {
  let state: Counter = { n: 0 };
  for (let stage = 0; stage < stages; stage += 1) {
    const output = await increment(state);
    state = { ...state, ...output };
  }
  if (state.n !== stages) throw new Error(`unexpected state: ${JSON.stringify(state)}`);
}
