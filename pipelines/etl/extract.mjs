// Reads a CSV file, each row as an object under the names of the header: node extract.mjs orders.csv
import { readFileSync } from "node:fs";

const lines = readFileSync(process.argv[2], "utf8").split(/\r?\n/);
const names = cellsOf(lines[0]);
const rows = lines.flatMap((text, index) => (index === 0 || text.trim() === "" ? [] : [{ line: index + 1, ...rowOf(cellsOf(text)) }]));
process.stdout.write(JSON.stringify({ rows }));

function rowOf(cells) {
  return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ""]));
}

/** A cell in quotes may hold commas, and "" for a quote. */
function cellsOf(text) {
  const cells = text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...cells].map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare);
}
