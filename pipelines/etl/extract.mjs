// Reads a CSV file, each row as an object under the names of the header: node extract.mjs orders.csv
import { readFileSync } from "node:fs";

const [header, ...lines] = parse(readFileSync(process.argv[2], "utf8"));
const rows = lines.map(({ line, cells }) => ({ line, ...Object.fromEntries(header.cells.map((name, index) => [name, cells[index] ?? ""])) }));
process.stdout.write(JSON.stringify({ rows }));

/** One row per line; a cell in quotes may hold commas, and "" for a quote. */
function parse(text) {
  const lines = text.split(/\r?\n/).map((content, index) => ({ line: index + 1, content }));
  return lines
    .filter(({ content }) => content.trim() !== "")
    .map(({ line, content }) => ({
      line,
      cells: [...content.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare),
    }));
}
