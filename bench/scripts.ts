import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Part } from "./measure.ts";
import { alternate, atMost, fromRoot, runNode } from "./measure.ts";

const ROUNDS = 15;
const STAGES = 100;

/**
 * What one more script stage costs, against the same done by hand: a loop that starts the program, writes the state to it
 * as JSON, collects its output and parses it. The cost of one more is (T(100) − T(1)) / 99, which leaves the start out.
 */
export async function benchScripts(): Promise<Part> {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-bench-"));
  try {
    const pipeline = (stages: number): string => {
      const file = join(folder, `${stages}.toml`);
      writeFileSync(file, pipelineOf(stages));
      return file;
    };
    const agentflow = (file: string) => () =>
      runNode([fromRoot("bin/agentflow.js"), "run", file, "--no-store", "--input", "text=some words", "--input", "n:=1"]);
    const loop = (stages: number) => () => runNode([fromRoot("bench/spawn-loop.ts"), String(stages)]);
    const [many = NaN, one = NaN, manyByHand = NaN, oneByHand = NaN] = await alternate(ROUNDS, [
      agentflow(pipeline(STAGES)),
      agentflow(pipeline(1)),
      loop(STAGES),
      loop(1),
    ]);
    const stage = (many - one) / (STAGES - 1);
    const byHand = (manyByHand - oneByHand) / (STAGES - 1);
    return {
      title: `Scripts: the marginal cost of a stage that runs \`cat\`, from medians of ${ROUNDS} alternating runs`,
      rows: [
        { name: "a loop of child_process.spawn", value: byHand, unit: "ms", ratio: 1, target: null },
        { name: "agentflow run", value: stage, unit: "ms", ratio: stage / byHand, target: atMost(stage / byHand, 1.5) },
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function pipelineOf(stages: number): string {
  const names = Array.from({ length: stages }, (_, index) => `s${index + 1}`);
  const agents = names.map((name) => `[agents.${name}]\ntype = "script"\ncommand = ["cat"]\n`);
  return `${agents.join("\n")}\n[orchestration.sequential]\nagents = ${JSON.stringify(names)}\n`;
}
