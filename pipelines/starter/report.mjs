// Prints the open tasks, the soonest first; the stage `report` of agentflow.toml runs it: node report.mjs < state.json
import { readFileSync } from "node:fs";

// The state comes as JSON on stdin.
const { open, days } = JSON.parse(readFileSync(0, "utf8"));
const soonest = open.toSorted((a, b) => (a.days ?? Infinity) - (b.days ?? Infinity));

for (const task of soonest) {
  const when = task.days === null ? "some day" : `in ${task.days} days`;
  process.stdout.write(`${task.days !== null && task.days <= days ? "!" : " "} ${task.person}: ${task.what}, ${when}\n`);
}
