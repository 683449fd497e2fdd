// Adds a line to the audit log; the hook `audit` of agentflow.toml runs it: node audit.mjs out/audit.ndjson < event.json
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

const file = process.argv[2];
const { event, at, run_id: run, stage, to, status } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(dirname(file), { recursive: true });
appendFileSync(file, `${JSON.stringify({ at, run, event, from: stage?.name, to, status })}\n`);
