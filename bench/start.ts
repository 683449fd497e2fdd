import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Part } from "./measure.ts";
import { alternate, atMost, fromRoot, runNode } from "./measure.ts";
import { thousandAgents } from "./thousand-agents.ts";

const ROUNDS = 25;

/** How long a command takes that does next to nothing, and a check of a small and of a large file, against a Node that does nothing at all. */
export async function benchStart(): Promise<Part> {
  const agentflow = fromRoot("bin/agentflow.js");
  const folder = mkdtempSync(join(tmpdir(), "agentflow-bench-"));
  const large = join(folder, "thousand-agents.toml");
  writeFileSync(large, thousandAgents());
  // The key is set, so that what is timed is the check and not the printing of a warning.
  const validate = (file: string) => () => runNode([agentflow, "validate", file], { OPENAI_API_KEY: "not-used" });
  try {
    const [bare = NaN, help = NaN, small = NaN, thousand = NaN] = await alternate(ROUNDS, [
      () => runNode(["-e", "0"]),
      () => runNode([agentflow, "--help"]),
      validate(fromRoot("bench/ten-agents.toml")),
      validate(large),
    ]);
    return {
      title: `Start: medians of ${ROUNDS} alternating runs`,
      rows: [
        { name: "node -e 0", value: bare, unit: "ms", ratio: 1, target: null },
        { name: "agentflow --help", value: help, unit: "ms", ratio: help / bare, target: atMost(help / bare, 1.6) },
        { name: "agentflow validate, ten agents", value: small, unit: "ms", ratio: small / bare, target: atMost(small / bare, 2) },
        {
          name: "agentflow validate, 1,000 agents",
          value: thousand,
          unit: "ms",
          ratio: thousand / bare,
          target: atMost(thousand / bare, 10),
        },
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
