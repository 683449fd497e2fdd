// Writes the draft from the state on stdin; the stage `file_away` of agentflow.toml runs it: node file-away.mjs out/1.json < state.json
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const file = process.argv[2];
const { ticket, team, answer, escalated_to: person } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify({ ticket: ticket.id, to: ticket.from, team, person, answer }, null, 2)}\n`);
process.stdout.write(JSON.stringify({ file }));
