import { BUILT_IN_PROVIDERS } from "../plan/providers.ts";
import { AGENT_KEYS_BY_TYPE, EXCLUSIVE_AGENT_KEYS } from "../spec/agent-keys.ts";
import type { Path, Span } from "../spec/diagnostic.ts";
import { AGENT_TYPES, type AgentType } from "../spec/spec.ts";
import { type AgentFacts, agentFactsIn } from "./agent-facts.ts";
import { type Form, formAt, type Header, headers } from "./form.ts";
import { MEANINGS, SILENCING } from "./hover.ts";
import { type Outline, outlineOf, type Unfinished, unfinishedAt } from "./outline.ts";
import { languageAt, matches, type Names, namesOf, sitesOf, wantedAt } from "./sites.ts";

/** Something that can be written at a place: `text` in the place of a range. */
export interface Completion extends Span {
  readonly label: string;
  readonly kind: "table" | "key" | "value" | "name" | "code";
  readonly detail: string | null;
  readonly documentation: string | null;
  readonly text: string;
  /** The same with places to fill in, for editors that know snippets. */
  readonly snippet: string | null;
}

/**
 * What can be written at an offset.
 *
 * Contract: it is taken from what stands before the offset in its line, and from the rest of the file; the line need not be TOML yet.
 */
export function completionsAt(text: string, offset: number): Completion[] {
  const outline = outlineOf(text);
  const here: Here = { text, offset, outline, factsOf: agentFactsIn(text, outline) };
  const end = unfinishedAt(text, offset);
  switch (end.kind) {
    case "header":
      return headerCompletions(here, end.start, end.words);
    case "key":
      return keyCompletions(here, end);
    case "value":
      return valueCompletions(here, end);
    case "comment":
      return codeCompletions(here, end.start);
    case "nothing":
      return [];
  }
}

interface Here {
  readonly text: string;
  readonly offset: number;
  readonly outline: Outline;
  readonly factsOf: (name: string) => AgentFacts;
}

/** What follows the offset and belongs to what is written there. */
function restOf({ text, offset }: Here, pattern: RegExp): number {
  pattern.lastIndex = offset;
  return offset + (pattern.exec(text)?.[0].length ?? 0);
}

// ---- tables ----

function headerCompletions(here: Here, start: number, words: readonly string[] = []): Completion[] {
  const end = restOf(here, /[\w."' \t-]*\]{0,2}/y);
  const exists = new Set(
    here.outline.parts.flatMap((part) => (part.kind === "header" && !covers(part, here.offset) ? [key(part.path)] : [])),
  );
  return headers()
    .flatMap((header) => [...undefinedAgents(header, here), ...inAgents(header, words)])
    .filter(({ words: path, isList }) => isList || !exists.has(key(path)))
    .map((header) => tableCompletion(header, { start, end }));
}

function covers({ start, end }: Span, offset: number): boolean {
  return start <= offset && offset <= end;
}

function key(path: Path): string {
  return JSON.stringify(path);
}

/** A header for each agent that is named and not there yet. */
function undefinedAgents(header: Header, { text, outline }: Here): Header[] {
  if (header.words.join(".") !== "agents.NAME") return [];
  const names = namesOf(outline);
  const missing = sitesOf(text, outline).filter(
    ({ subject, name, isDefinition }) => subject === "agent" && !isDefinition && name !== "" && !names.agent.has(name),
  );
  return [...new Set(missing.map(({ name }) => name))].map((name) => ({ ...header, words: ["agents", name] }));
}

/** Tables of one agent only where its name stands there already. */
function inAgents(header: Header, words: readonly string[]): Header[] {
  const place = header.words.indexOf("NAME");
  if (place === -1 || place === header.words.length - 1) return [header];
  const owner = words[place];
  if (owner === undefined || words[0] !== header.words[0] || words.length <= place + 1) return [];
  return [{ ...header, words: header.words.with(place, owner) }];
}

function tableCompletion({ words, isList, description }: Header, span: Span): Completion {
  const wrap = (inner: string): string => (isList ? `[[${inner}]]` : `[${inner}]`);
  const text = wrap(words.join("."));
  const snippet = words.includes("NAME") ? wrap(words.join(".").replace("NAME", "${1:NAME}")) : null;
  return { label: text, kind: "table", detail: null, documentation: description, text, snippet, ...span };
}

// ---- keys ----

function keyCompletions(here: Here, { start, table, words, inline }: Extract<Unfinished, { kind: "key" }>): Completion[] {
  const path = [...table, ...words.slice(0, -1)];
  const end = restOf(here, /[\w-]*/y);
  const taken = keysIn(path, here, start);
  const hasValue = /[ \t]*=/y;
  hasValue.lastIndex = end;
  const isAlone = !hasValue.test(here.text);
  const type = matches(path, "agents.*") ? here.factsOf(String(path[1])).type : null;
  const known = [...(formAt(path)?.keys ?? [])].filter(([name]) => !taken.has(name) && suits(name, path, taken, type));
  const isOwn = ([name]: readonly [string, Form]): number => (type !== null && isOwnKey(name, type) ? 0 : 1);
  const keys = known
    // At the top of the file, what has a header is offered as one.
    .filter(([, form]) => path.length > 0 || !form.takes.every((kind) => kind === "table" || kind === "list"))
    .toSorted((one, other) => isOwn(one) - isOwn(other))
    .map(([name, form]) => keyCompletion(name, form, { start, end }, isAlone));
  return inline || words.length > 1 ? keys : [...keys, ...headerCompletions({ ...here, offset: end }, start)];
}

function keysIn(table: Path, { outline }: Here, start: number): Set<string> {
  const names = outline.parts.flatMap((part) =>
    part.kind === "key" && part.path.length === table.length + 1 && part.start !== start && key(part.path.slice(0, -1)) === key(table)
      ? [part.name]
      : [],
  );
  return new Set(names);
}

/** Whether an agent of this type takes the key, beside those that it has. */
function suits(name: string, table: Path, taken: ReadonlySet<string>, type: AgentType | null): boolean {
  if (!matches(table, "agents.*")) return true;
  const rivals = EXCLUSIVE_AGENT_KEYS.filter((pair) => pair.some((one) => one === name)).flat();
  if (rivals.some((rival) => rival !== name && taken.has(rival))) return false;
  return type === null || isOwnKey(name, type) || !AGENT_TYPES.some((other) => isOwnKey(name, other));
}

function isOwnKey(name: string, type: AgentType): boolean {
  return (AGENT_KEYS_BY_TYPE[type] as readonly string[]).includes(name);
}

function keyCompletion(name: string, form: Form, span: Span, isAlone: boolean): Completion {
  return {
    label: name,
    kind: "key",
    detail: form.takes.join(" or "),
    documentation: form.description,
    text: isAlone ? `${name} = ` : name,
    snippet: isAlone ? `${name} = ${valueSnippet(form)}` : null,
    ...span,
  };
}

function valueSnippet({ takes, choices, items }: Form): string {
  const [first] = takes;
  if (choices.length > 0 && first !== "list") return first === "flag" || first === "text" ? choiceSnippet(choices) : "$1";
  if (first === "text") return '"$1"';
  if (first === "list") return items?.takes.includes("text") === true ? '["$1"]' : "[$1]";
  return first === "table" ? "{ $1 }" : "$1";
}

/** Quotes stay outside of the choice, since within it editors take them for a part of the word. */
function choiceSnippet(choices: readonly string[]): string {
  const quote = choices[0]?.startsWith('"') === true ? '"' : "";
  return `${quote}\${1|${choices.map(bare).join(",")}|}${quote}`;
}

function bare(choice: string): string {
  return choice.replace(/^"(.*)"$/, "$1");
}

// ---- values ----

interface Offer {
  readonly label: string;
  readonly kind: Completion["kind"];
  /** As TOML. */
  readonly written: string;
  readonly detail: string | null;
  readonly documentation: string | null;
}

function valueCompletions(here: Here, { start, path, quote }: Extract<Unfinished, { kind: "value" }>): Completion[] {
  if (quote !== null && languageAt(path) !== null) return stageCompletions(here, start);
  const offers = offersAt(path, here);
  if (quote === null) {
    const end = restOf(here, /[\w-]*/y);
    return offers.map((offer) => completion(offer, offer.written, { start, end }));
  }
  const end = restOf(here, /[\w-]*/y);
  const closing = here.text.startsWith(quote, end) ? "" : quote;
  return offers
    .filter(({ written }) => written.startsWith('"'))
    .map((offer) => completion(offer, `${bare(offer.written)}${closing}`, { start, end }));
}

function completion({ label, kind, detail, documentation }: Offer, text: string, span: Span): Completion {
  return { label, kind, detail, documentation, text, snippet: null, ...span };
}

function offersAt(path: Path, here: Here): Offer[] {
  const wanted = wantedAt(path);
  if (wanted !== null) return nameOffers(path, wanted, here);
  const { choices = [], examples = [] } = formAt(path) ?? {};
  const values = choices.length > 0 ? choices : examples.filter((example) => ONE_WORD.test(example));
  const detail = choices.length > 0 ? null : "for example";
  return values.map((written) => ({ label: bare(written), kind: "value", written, detail, documentation: null }));
}

/** Whole sentences are the author's own, and no example stands in for them. */
const ONE_WORD = /^\S{1,30}$/;

function nameOffers(path: Path, wanted: "agent" | "element" | "provider", here: Here): Offer[] {
  const names = namesOf(here.outline);
  const taken = new Set([...neighbours(path, here), ...(path[0] === "agents" && wanted === "agent" ? [String(path[1])] : [])]);
  const all =
    wanted === "provider"
      ? [...new Set([...names.provider, ...Object.keys(BUILT_IN_PROVIDERS)])].map((name) => offer(name, "provider"))
      : [
          ...[...names.agent].map((name) => agentOffer(name, here)),
          ...(wanted === "element" ? [...names.group].map((name) => offer(name, "group")) : []),
        ];
  return all.filter(({ label }) => !taken.has(label));
}

/** The other texts of the list. */
function neighbours(path: Path, { outline, offset }: Here): string[] {
  if (typeof path.at(-1) !== "number") return [];
  const list = key(path.slice(0, -1));
  return outline.parts.flatMap((part) =>
    part.kind === "value" && part.text !== null && !covers(part, offset) && key(part.path.slice(0, -1)) === list ? [part.text.value] : [],
  );
}

function agentOffer(name: string, { factsOf }: Here): Offer {
  const { type, description } = factsOf(name);
  return { ...offer(name, type === null ? "agent" : `agent (${type})`), documentation: description };
}

function offer(name: string, detail: string): Offer {
  return { label: name, kind: "name", written: JSON.stringify(name), detail, documentation: null };
}

/** After `stages.`, the names of stages. */
function stageCompletions(here: Here, start: number): Completion[] {
  const [, typed] = /\bstages\.([A-Za-z_]\w*)?$/.exec(here.text.slice(start, here.offset)) ?? [null, null];
  if (typed === null) return [];
  const span = { start: here.offset - (typed?.length ?? 0), end: restOf(here, /\w*/y) };
  const names: Names = namesOf(here.outline);
  return [...names.agent, ...names.group]
    .filter((name) => /^\w+$/.test(name))
    .map((name) => completion(offer(name, names.agent.has(name) ? "agent" : "group"), name, span));
}

// ---- codes ----

function codeCompletions(here: Here, start: number): Completion[] {
  const comment = here.text.slice(start, here.offset);
  if (SILENCING.exec(comment)?.[0] !== comment) return [];
  const [typed = ""] = /[a-z0-9-]*$/.exec(comment) ?? [];
  const span = { start: here.offset - typed.length, end: restOf(here, /[a-z0-9-]*/y) };
  return [...MEANINGS].map(([label, documentation]) => ({
    label,
    kind: "code",
    detail: null,
    documentation,
    text: label,
    snippet: `${label}: \${1:why}`,
    ...span,
  }));
}
