// Finds tasks such as "- [ ] Rent a van @kim (in 3 days)"; the stage `tasks` of agentflow.toml calls it.

/** What is returned is merged into the state. To fail, throw. */
export default function tasks({ lines }) {
  const found = lines.flatMap((line) => line.match(/^- \[(?<mark>[ x])\] (?<text>.*)$/)?.groups ?? []);
  const open = found.filter(({ mark }) => mark === " ").map(({ text }) => task(text));
  return { open, done: found.length - open.length };
}

function task(text) {
  const days = text.match(/\(in (\d+) days?\)/)?.[1];
  const person = text.match(/@(\w+)/)?.[1] ?? "nobody";
  const what = text.replace(/@\w+|\(in \d+ days?\)/g, "").trim();
  return { what, person, days: days === undefined ? null : Number(days) };
}
