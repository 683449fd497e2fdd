import type { Part, Row } from "./measure.ts";
import { fromRoot, runNode } from "./measure.ts";
import type { StageTimes } from "./stage-loop.ts";

const SIZES = [10, 100, 1_000, 10_000] as const;
const MOST_US = 20;
const MOST_GROWTH = 2;

/** What one stage costs that calls a function in the process, by the length of the pipeline; each length in a process of its own. */
export function benchStages(): Part {
  const times = new Map(
    SIZES.map((stages) => [stages, JSON.parse(runNode([fromRoot("bench/stage-loop.ts"), String(stages)])) as StageTimes]),
  );
  const usAt100 = times.get(100)?.stageUs ?? NaN;
  const rows = [...times].flatMap(([stages, { stageUs, firstUs, plainUs }]): Row[] => [
    { name: `${count(stages)} turns of a plain async loop`, value: plainUs, unit: "µs", ratio: 1, target: null },
    { name: `${count(stages)} stages, first run`, value: firstUs, unit: "µs", ratio: firstUs / plainUs, target: null },
    { name: `${count(stages)} stages`, value: stageUs, unit: "µs", ratio: stageUs / plainUs, target: targetOf(stages, stageUs, usAt100) },
  ]);
  return { title: "Stages in the process: time per stage, medians of alternating runs", rows };
}

function targetOf(stages: number, us: number, usAt100: number): Row["target"] {
  if (stages === 100) return { text: `≤ ${MOST_US} µs`, met: us <= MOST_US };
  if (stages !== 10_000) return null;
  const growth = us / usAt100;
  return { text: `≤ ${MOST_GROWTH}× of 100 stages, is ${growth.toFixed(2)}×`, met: growth <= MOST_GROWTH };
}

function count(number: number): string {
  return number.toLocaleString("en");
}
