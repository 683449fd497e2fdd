// Writes the model on stdin to a file; the stage `write` of deploy.toml runs it: node write.mjs out/model.json.new < input.json
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const file = process.argv[2];
const { model } = JSON.parse(readFileSync(0, "utf8"));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(model, null, 2)}\n`);
