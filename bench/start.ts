import type { Part } from "./measure.ts";
import { alternate, atMost, fromRoot, runNode } from "./measure.ts";

const ROUNDS = 25;

/** How long a command takes that does next to nothing, against a Node that does nothing at all. */
export async function benchStart(): Promise<Part> {
  const agentflow = fromRoot("bin/agentflow.js");
  // The key is set, so that what is timed is the check and not the printing of a warning.
  const env = { OPENAI_API_KEY: "not-used" };
  const [bare = NaN, help = NaN, validate = NaN] = await alternate(ROUNDS, [
    () => runNode(["-e", "0"]),
    () => runNode([agentflow, "--help"]),
    () => runNode([agentflow, "validate", fromRoot("bench/ten-agents.toml")], env),
  ]);
  return {
    title: `Start: medians of ${ROUNDS} alternating runs`,
    rows: [
      { name: "node -e 0", value: bare, unit: "ms", ratio: 1, target: null },
      { name: "agentflow --help", value: help, unit: "ms", ratio: help / bare, target: atMost(help / bare, 1.6) },
      { name: "agentflow validate, ten agents", value: validate, unit: "ms", ratio: validate / bare, target: atMost(validate / bare, 2) },
    ],
  };
}
