// Finds texts by their words: echo '{"queries": ["hard water"]}' | node search.mjs library 3
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, most] = process.argv.slice(2);
const { queries } = JSON.parse(readFileSync(0, "utf8"));
const sought = new Set(wordsOf(queries.join(" ")));
const names = readdirSync(folder).filter((name) => name.endsWith(".md"));
const texts = names.toSorted(compare).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
const found = texts.map((each) => ({ ...each, hits: wordsOf(each.text).filter((word) => sought.has(word)).length }));
const best = found.filter(({ hits }) => hits > 0).toSorted((a, b) => b.hits - a.hits);
const sources = best.slice(0, Number(most)).map(({ name, text }, index) => {
  const [, title, body] = text.match(/^# (.*)\n([^]*)$/) ?? ["", name, text];
  return { number: index + 1, file: join(folder, name), title, text: body.trim().replaceAll("\n", " ") };
});
process.stdout.write(JSON.stringify({ sources }));

function compare(a, b) {
  return a < b ? -1 : 1;
}

/** Without an s at the end, so that a stain is found among stains. */
function wordsOf(text) {
  const words = text.toLowerCase().match(/\p{L}{3,}/gu) ?? [];
  return words.map((word) => word.replace(/s$/, ""));
}
