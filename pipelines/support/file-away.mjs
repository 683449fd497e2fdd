// Writes the draft from the state on stdin; the stage `file_away` of agentflow.toml runs it: node file-away.mjs out < state.json
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const { ticket, team, answer, escalated_to: person } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(folder, { recursive: true });
// Whatever a ticket gives as its id, the file stays in the folder.
const file = join(folder, `${encodeURIComponent(ticket.id)}.json`);
writeFileSync(file, `${JSON.stringify({ ticket: ticket.id, to: ticket.from, team, person, answer }, null, 2)}\n`);
process.stdout.write(JSON.stringify({ file }));
