// Counts licences and finds those that are not allowed; the stage `licences` of quickstart.toml calls it.

interface Input {
  readonly packages: readonly { readonly name: string; readonly version: string; readonly licence: unknown }[];
  readonly allowed: readonly string[];
}

interface Output {
  /** How many packages have a licence, the most frequent one first. */
  readonly licences: Record<string, number>;
  readonly attention: { readonly package: string; readonly version: string; readonly licence: string }[];
}

export default function licences({ packages, allowed }: Input): Output {
  const counts = new Map<string, number>();
  const attention: Output["attention"] = [];
  for (const { name, version, licence } of packages) {
    const text = textOf(licence);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    if (!isAllowed(text, allowed)) attention.push({ package: name, version, licence: text });
  }
  const sorted = [...counts].toSorted(([a, countA], [b, countB]) => countB - countA || a.localeCompare(b));
  return { licences: Object.fromEntries(sorted), attention };
}

/** Today a text; in old packages also `{ type }`, or a list of these. */
function textOf(licence: unknown): string {
  if (Array.isArray(licence)) return licence.map(textOf).join(" OR ");
  if (typeof licence === "object" && licence !== null && "type" in licence) return textOf(licence.type);
  return typeof licence === "string" && licence !== "" ? licence : "none stated";
}

/** Of alternatives one is enough, of licences that hold together each. What is nested deeper is left to a person. */
function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const bare = expression.replace(/^\((.*)\)$/, "$1");
  return bare.split(" OR ").some((choice) => choice.split(" AND ").every((name) => allowed.includes(name)));
}
