import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import type { Part, Row } from "./measure.ts";
import { benchScripts } from "./scripts.ts";
import { benchStages } from "./stages.ts";
import { benchStart } from "./start.ts";
import { benchStore } from "./store.ts";

// npm run bench                         all parts
// npm run bench -- start scripts        some of them
// npm run bench -- --check              exit 1 when a target is missed

const PARTS: Readonly<Record<string, () => Part | Promise<Part>>> = {
  start: benchStart,
  scripts: benchScripts,
  stages: benchStages,
  store: benchStore,
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { check: { type: "boolean", default: false } } });
for (const name of positionals) {
  if (!Object.hasOwn(PARTS, name)) {
    console.error(`there is no part called ${name}; the parts are ${Object.keys(PARTS).join(", ")}`);
    process.exit(2);
  }
}

console.log(describeMachine());
let missed = 0;
for (const [name, run] of Object.entries(PARTS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const part = await run();
  console.log(`\n${part.title}\n${part.rows.map((row) => describeRow(row, part)).join("\n")}`);
  missed += part.rows.filter((row) => row.target?.met === false).length;
}
if (missed > 0) console.log(`\n${missed} ${missed === 1 ? "target" : "targets"} missed`);
if (missed > 0 && values.check) process.exitCode = 1;

function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() || "unknown processor";
  return `${model}, ${processors.length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
}

function describeRow(row: Row, part: Part): string {
  const width = Math.max(...part.rows.map(({ name }) => name.length));
  const value = `${row.value.toFixed(row.value < 10 ? 2 : 1)} ${row.unit}`;
  const ratio = row.ratio === null ? "" : `${row.ratio.toFixed(2)}×`;
  const target = row.target === null ? "" : `  ${row.target.met ? "✔" : "✖"} target ${row.target.text}`;
  return `  ${row.name.padEnd(width)}  ${value.padStart(9)}  ${ratio.padStart(8)}${target}`;
}
