import { compileExpression } from "../plan/expression.ts";
import type { ExpressionContext, Read, Reads } from "../plan/scope.ts";
import { compileTemplate } from "../plan/template.ts";
import type { Path, Span } from "../spec/diagnostic.ts";
import { partOfString } from "../spec/places/string.ts";
import type { Outline, Part } from "./outline.ts";

/** What has a name of its own in the file, which other places use. */
export type Subject = "agent" | "group" | "provider";

/** A place where the name of something stands; the range is that of the name, without quotes. */
export interface Site extends Span {
  readonly subject: Subject;
  readonly name: string;
  /** Whether this is where it is defined: in a header, or a key. */
  readonly isDefinition: boolean;
  /** Where in the document it is; of a name in an expression, the text that holds it. */
  readonly path: Path;
  /** Of `stages.NAME`: the name with its dot, and the quotes that a name in brackets would need there. */
  readonly member: (Span & { readonly quote: string }) | null;
}

/** What is defined in a file. */
export type Names = Readonly<Record<Subject, ReadonlySet<string>>>;

/** Every place of a file where an agent, a group or a provider is named, in the order of the text. */
export function sitesOf(text: string, { parts }: Outline): readonly Site[] {
  const names = namesOf({ parts });
  return parts.flatMap((part) => (part.kind === "key" ? definition(part) : part.kind === "value" ? mentions(part, text, names) : []));
}

/** The places in a file with a prompt where a stage is named. */
export function sitesInPrompt(text: string, names: Names): readonly Site[] {
  return (readsOfTemplate(text)?.stages ?? []).map((read) => stageSite(read, text, [], names, "'", (span) => span));
}

export function namesOf({ parts }: Pick<Outline, "parts">): Names {
  const defined = parts.flatMap((part) => (part.kind === "key" ? definition(part) : []));
  const of = (subject: Subject): ReadonlySet<string> => new Set(defined.filter((site) => site.subject === subject).map(({ name }) => name));
  return { agent: of("agent"), group: of("group"), provider: of("provider") };
}

/** What a text at a path names; `element`: an agent or a group. */
export function wantedAt(path: Path): "agent" | "element" | "provider" | null {
  return MENTIONS.find(([pattern]) => matches(path, pattern))?.[1] ?? null;
}

/** How a text at a path is read, where it is an expression or holds some. */
export function languageAt(path: Path): "expression" | "template" | null {
  if (EXPRESSIONS.some((pattern) => matches(path, pattern))) return "expression";
  return TEMPLATES.some((pattern) => matches(path, pattern)) ? "template" : null;
}

/** What the expressions in a text at a path read; null where there are none, or where they are wrong. */
export function readsAt(value: string, path: Path): Reads | null {
  const language = languageAt(path);
  const context = { env: matches(path, "agents.*.env.*"), result: matches(path, "agents.*.output.*") };
  if (language === null) return null;
  if (language === "template") return readsOfTemplate(value, context);
  const compiled = compileExpression(value, context);
  return "expression" in compiled ? compiled.expression.reads : null;
}

/** The same for a text that is a template. */
export function readsOfTemplate(value: string, context: ExpressionContext = {}): Reads | null {
  const compiled = compileTemplate(value, context);
  return "template" in compiled ? compiled.template.reads : null;
}

/** Whether a path is like `agents.*.input.*` or `hooks.#.on`: `*` stands for any name, `#` for any index. */
export function matches(path: Path, pattern: string): boolean {
  let words = patterns.get(pattern);
  if (words === undefined) patterns.set(pattern, (words = pattern.split(".")));
  return words.length === path.length && words.every((word, index) => fits(word, path[index]));
}

/** The same few patterns are tried on every path of a file. */
const patterns = new Map<string, readonly string[]>();

function fits(word: string, part: string | number | undefined): boolean {
  return word === "#" ? typeof part === "number" : word === "*" ? typeof part === "string" : word === part;
}

const DEFINITIONS: readonly (readonly [pattern: string, subject: Subject])[] = [
  ["agents.*", "agent"],
  ["orchestration.sequential.parallel.*", "group"],
  ["providers.*", "provider"],
];

const MENTIONS: readonly (readonly [pattern: string, wanted: "agent" | "element" | "provider"])[] = [
  ["orchestration.sequential.agents.#", "element"],
  ["orchestration.sequential.parallel.*.agents.#", "agent"],
  ["orchestration.sequential.branches.#.from_agent", "element"],
  ["orchestration.sequential.branches.#.to_agent", "element"],
  ["agents.*.fallback", "agent"],
  ["agents.*.rollback", "agent"],
  ["agents.*.extends", "agent"],
  ["hooks.#.agents.#", "agent"],
  ["agents.*.provider", "provider"],
  ["defaults.provider", "provider"],
];

const EXPRESSIONS = ["agents.*.input.*", "agents.*.output.*", "orchestration.sequential.branches.#.condition"];
const TEMPLATES = ["agents.*.prompt", "agents.*.system_prompt", "agents.*.command.#", "agents.*.env.*"];

type ValuePart = Extract<Part, { kind: "value" }>;

function definition(part: Extract<Part, { kind: "key" }>): Site[] {
  const subject = DEFINITIONS.find(([pattern]) => matches(part.path, pattern))?.[1];
  if (subject === undefined || part.name === "") return [];
  return [{ subject, name: part.name, isDefinition: true, path: part.path, member: null, ...part.inside }];
}

function mentions(part: ValuePart, text: string, names: Names): Site[] {
  if (part.text === null) return [];
  const wanted = wantedAt(part.path);
  if (wanted === null) return stagesIn(part, part.text.value, text, names);
  const { value, inside } = part.text;
  const subject = wanted === "provider" ? "provider" : subjectOf(value, names);
  return [{ subject, name: value, isDefinition: false, path: part.path, member: null, ...inside }];
}

function subjectOf(name: string, names: Names): Subject {
  return !names.agent.has(name) && names.group.has(name) ? "group" : "agent";
}

function stagesIn(part: ValuePart, value: string, text: string, names: Names): Site[] {
  const quote = text[part.start] === "'" ? '"' : "'";
  const reads = value.includes("stages") ? (readsAt(value, part.path)?.stages ?? []) : [];
  return reads.map((read) => stageSite(read, value, part.path, names, quote, (span) => partOfString(text, part, span)));
}

/** `place` turns a range of the expression's text into one of the file's. */
function stageSite({ name, start, end }: Read, value: string, path: Path, names: Names, quote: string, place: (span: Span) => Span): Site {
  const isQuoted = /["']/.test(value[start] ?? "");
  const span = isQuoted ? { start: start + 1, end: end - 1 } : { start, end };
  const dot = isQuoted ? -1 : value.lastIndexOf(".", start);
  const member = dot === -1 ? null : { ...place({ start: dot, end }), quote };
  return { subject: subjectOf(name, names), name, isDefinition: false, path, member, ...place(span) };
}
