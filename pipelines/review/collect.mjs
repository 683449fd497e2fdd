// Reads a diff: node collect.mjs change.diff
import { readFileSync } from "node:fs";

const patch = readFileSync(process.argv[2], "utf8");
const files = [];
const added = [];
let removed = 0;
let number = 0;
// Of each hunk so many lines are still to come: only there "+++" and "---" are lines of the file and not a heading.
let left = { old: 0, new: 0 };
for (const line of patch.split("\n")) {
  const hunk = line.match(/^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/);
  if (hunk !== null) {
    number = Number(hunk[2]);
    left = { old: Number(hunk[1] ?? 1), new: Number(hunk[3] ?? 1) };
  } else if (left.old + left.new > 0) {
    readLine(line);
  } else if (line.startsWith("+++ ")) {
    files.push(line.slice(4).replace(/^b\//, ""));
  }
}
process.stdout.write(JSON.stringify({ files, added, touched: added.length + removed, patch }));

function readLine(line) {
  if (line.startsWith("+")) added.push({ file: files.at(-1), line: number, text: line.slice(1) });
  if (line.startsWith("-")) removed += 1;
  if (!line.startsWith("-") && !line.startsWith("\\")) {
    number += 1;
    left.new -= 1;
  }
  if (!line.startsWith("+") && !line.startsWith("\\")) left.old -= 1;
}
