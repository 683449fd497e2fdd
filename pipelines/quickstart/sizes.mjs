// Adds up the files of each package: echo '{"folder": "../../node_modules", "packages": [{"folder": "zod"}], "show": 1}' | node sizes.mjs
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const { folder, packages, show } = JSON.parse(readFileSync(0, "utf8"));
const sizes = packages.map((each) => ({ package: each.name, version: each.version, bytes: bytesIn(join(folder, each.folder)) }));
sizes.sort((a, b) => b.bytes - a.bytes);
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
process.stdout.write(JSON.stringify({ total_bytes: total, largest: sizes.slice(0, show) }));

/** Packages that are installed inside of this one count for themselves. */
function bytesIn(directory) {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isFile()) bytes += lstatSync(path).size;
    else if (entry.isDirectory() && entry.name !== "node_modules") bytes += bytesIn(path);
  }
  return bytes;
}
