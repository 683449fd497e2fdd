/**
 * Stands in for jq, which is not on every machine: what the documentation shows of it, and nothing else.
 * Paths (`.a.b`, `.[]`, `.a[0]`), `length`, `|`, and the flags -r and -c.
 */
import { text } from "node:stream/consumers";

const flags = process.argv.slice(2).filter((word) => word.startsWith("-"));
const [filter = "."] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
if (flags.some((flag) => flag !== "-r" && flag !== "-c")) throw new Error(`this jq knows only -r and -c, not ${flags.join(" ")}`);

const given = await text(process.stdin);
// One value, or one in each line.
let values = given.startsWith('{"')
  ? given
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [JSON.parse(given)];
for (const part of filter.split("|").map((word) => word.trim())) {
  if (part === "length") values = values.map((value) => Object.keys(value).length);
  else values = follow(part, values);
}
for (const value of values) {
  const raw = flags.includes("-r") && typeof value === "string";
  process.stdout.write(`${raw ? value : JSON.stringify(value, null, flags.includes("-c") ? 0 : 2)}\n`);
}

function follow(path, from) {
  if (!/^(\.\w*|\[\d*\])+$/.test(path)) throw new Error(`this jq does not know ${path}`);
  return [...path.matchAll(/\.(\w+)|\[(\d*)\]/g)].reduce(
    (found, [, key, index]) =>
      index === "" ? found.flatMap((value) => Object.values(value)) : found.map((value) => value[key ?? index] ?? null),
    from,
  );
}
