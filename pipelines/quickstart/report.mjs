// Writes the report from the state on stdin; the stage `report` of quickstart.toml runs it: node report.mjs < state.json
import { readFileSync } from "node:fs";

const { folder, packages, licences, attention, total_bytes: total, largest = [], duplicates = [] } = JSON.parse(readFileSync(0, "utf8"));
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const sections = [];

section(`${packages.length} packages${total === undefined ? "" : `, ${megabytes(total)}`} in ${folder}`, []);
section(
  "Largest",
  largest.map((each) => `${megabytes(each.bytes).padStart(9)} ${percent(each.bytes).padStart(5)}  ${each.package} ${each.version}`),
);
section(
  "Licences",
  Object.entries(licences).map(([name, count]) => `${String(count).padStart(9)}  ${name}`),
);
section(
  "In more than one version",
  duplicates.map(({ package: name, versions }) => `  ${name} ${versions.join(", ")}`),
);
section(
  attention.length === 0 ? "Nothing needs attention" : "Needs attention",
  attention.flatMap((each) => [
    `  ${each.package} ${each.version}: ${each.why}`,
    `    ${each.advice}`,
    `    ${each.required_by.length === 0 ? "no package requires it" : `required by ${each.required_by.join(", ")}`}`,
  ]),
);
process.stdout.write(sections.map((lines) => `${lines.join("\n")}\n`).join("\n"));

/** A section without lines is left out, unless its title says it all. */
function section(title, lines) {
  if (lines.length > 0 || /^(\d|Nothing)/.test(title)) sections.push([title, ...lines]);
}

function percent(bytes) {
  return `${Math.round((100 * bytes) / total)} %`;
}
