// Writes rejected rows to a file; the stage `set_aside` of agentflow.toml runs it: node set-aside.mjs out/rejected.json < input.json
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const file = process.argv[2];
const { rejected } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(rejected, null, 2)}\n`);
process.stdout.write(JSON.stringify({ set_aside: file }));
