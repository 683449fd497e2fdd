import { IGNORE, PLAN_CODES } from "../plan/codes.ts";
import { BUILT_IN_PROVIDERS } from "../plan/providers.ts";
import type { Path, Span } from "../spec/diagnostic.ts";
import { tableName } from "../spec/form.ts";
import { SPEC_CODES } from "../spec/read.ts";
import { agentFactsIn, usesOf } from "./agent-facts.ts";
import { type Form, formAt } from "./form.ts";
import { type Outline, outlineOf, type Part } from "./outline.ts";
import { type Site, sitesOf } from "./sites.ts";

/** What is told about a place: Markdown, and the range that it is about. */
export interface Hover extends Span {
  readonly markdown: string;
}

/** What is known about the name, the key or the code at an offset; null where there is nothing to tell. */
export function hoverAt(text: string, offset: number): Hover | null {
  const outline = outlineOf(text);
  const sites = sitesOf(text, outline);
  const site = sites.find((one) => covers(one, offset));
  if (site !== undefined) return hover(site, aboutSite(site, text, outline, sites));
  const part = outline.parts.find((one) => one.kind !== "value" && one.kind !== "header" && covers(one, offset));
  if (part?.kind === "comment") return aboutCode(text, part, offset);
  return part?.kind === "key" ? hover(part, aboutKey(part.path)) : null;
}

/** Whether an offset is in a range or at its end, where a cursor stands behind a word. */
export function covers({ start, end }: Span, offset: number): boolean {
  return start <= offset && offset <= end;
}

/** Every code of a diagnostic, with its meaning. */
export const MEANINGS: ReadonlyMap<string, string> = new Map(Object.entries({ ...SPEC_CODES, ...PLAN_CODES }));

/** The codes in a comment that silences some, as far as its reason; ends where they end. */
export const SILENCING = new RegExp(String.raw`^#[ \t]*${IGNORE}[ \t]+[a-z0-9-]*(?:[ \t,]+[a-z0-9-]+)*`);

function hover({ start, end }: Span, markdown: string | null): Hover | null {
  return markdown === null ? null : { start, end, markdown };
}

function aboutCode(text: string, comment: Part, offset: number): Hover | null {
  const [silencing = ""] = SILENCING.exec(text.slice(comment.start, comment.end)) ?? [];
  for (const { 0: code, index } of silencing.matchAll(/[a-z0-9-]+/g)) {
    const span = { start: comment.start + index, end: comment.start + index + code.length };
    const meaning = MEANINGS.get(code);
    if (covers(span, offset) && meaning !== undefined) return hover(span, `\`${code}\`: ${meaning}`);
  }
  return null;
}

function aboutKey(path: Path): string | null {
  const form = formAt(path);
  if (form === null) return null;
  // What the author has named is described where its table is.
  const description = form.description ?? formAt(path.slice(0, -1))?.description ?? null;
  if (description === null) return null;
  return [`\`${title(path)}\``, description, ...exampleOf(String(path.at(-1)), form)].join("\n\n");
}

function exampleOf(key: string, { examples }: Form): string[] {
  const [example] = examples;
  return example === undefined ? [] : [code([`${key} = ${example}`])];
}

/** `[agents.fetch] timeout`; of a table its header alone. */
function title(path: Path): string {
  if ((formAt(path)?.keys.size ?? 0) > 0) return tableName(path);
  const table = path.slice(0, -1);
  return table.length === 0 ? String(path.at(-1)) : `${tableName(table)} ${path.at(-1)}`;
}

function aboutSite(site: Site, text: string, outline: Outline, sites: readonly Site[]): string | null {
  if (site.subject === "provider") return aboutProvider(site.name, text, outline);
  const isDefined = sites.some((one) => one.isDefinition && one.subject === site.subject && one.name === site.name);
  if (!isDefined) return null;
  const about = site.subject === "agent" ? aboutAgent(site.name, text, outline) : aboutGroup(site.name, text, outline);
  const uses = usesOf(site.name, sites);
  return [...about, uses.length === 0 ? "Nothing names it." : `It is ${uses.join(", ")}.`].join("\n\n");
}

/** What an agent is, rather than how it is run. */
const TELLING_KEYS = ["type", "command", "shell", "provider", "model", "module", "reply", "file", "prompt_file", "timeout", "retries"];
const MOST_TOLD = 120;

function aboutAgent(name: string, text: string, outline: Outline): string[] {
  const { keys, description } = agentFactsIn(text, outline)(name);
  const lines = TELLING_KEYS.flatMap((key) => {
    const found = keys.get(key);
    if (found === undefined) return [];
    return [`${key} = ${shortened(found.written)}${found.from === name ? "" : `  # from ${found.from}`}`];
  });
  return [code([`[agents.${name}]`, ...lines]), ...(description === null ? [] : [description])];
}

function aboutGroup(name: string, text: string, outline: Outline): string[] {
  return [
    code([`[orchestration.sequential.parallel.${name}]`, ...keysOf(["orchestration", "sequential", "parallel", name], text, outline)]),
  ];
}

function aboutProvider(name: string, text: string, outline: Outline): string | null {
  const own = keysOf(["providers", name], text, outline);
  const builtIn = Object.hasOwn(BUILT_IN_PROVIDERS, name) ? BUILT_IN_PROVIDERS[name] : undefined;
  if (own.length === 0 && builtIn === undefined) return null;
  const written = new Set(own.map((line) => line.slice(0, line.indexOf(" "))));
  const rest = Object.entries(builtIn ?? {}).filter(([key]) => !written.has(key));
  return code([`[providers.${name}]`, ...own, ...rest.map(([key, value]) => `${key} = ${JSON.stringify(value)}  # built in`)]);
}

function keysOf(table: Path, text: string, { parts }: Outline): string[] {
  return parts.flatMap((part) => {
    const isKey = part.kind === "value" && part.path.length === table.length + 1 && table.every((word, index) => part.path[index] === word);
    return isKey ? [`${part.path.at(-1)} = ${shortened(text.slice(part.start, part.end))}`] : [];
  });
}

function shortened(written: string): string {
  const oneLine = written.replace(/\s*\n\s*/g, " ");
  return oneLine.length > MOST_TOLD ? `${oneLine.slice(0, MOST_TOLD)}…` : oneLine;
}

function code(lines: readonly string[]): string {
  return ["```toml", ...lines, "```"].join("\n");
}
