// Reads samples from a CSV file: node collect.mjs deliveries.csv
import { readFileSync } from "node:fs";

const [header, ...lines] = readFileSync(process.argv[2], "utf8").trim().split(/\r?\n/);
process.stdout.write(JSON.stringify({ columns: header.split(","), samples: lines.map((line) => line.split(",")) }));
