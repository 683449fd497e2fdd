import type { Diagnostic, Path, Span } from "./diagnostic.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** Codes of the diagnostics about what must not stand in a file. */
export const SECRET_CODES = {
  "secret-in-file": "a key, a token or a password stands in the file",
} as const;

/**
 * Keys, tokens and passwords that are written into a file, by their forms. Placeholders such as `sk-...` are none.
 *
 * Contract: the message shows no more than the first characters of one; its place is exact inside the string.
 */
export function checkSecrets(data: JsonObject): Diagnostic[] {
  return [...texts(data, [])].flatMap(([path, text]) => {
    const found = secretsIn(text);
    return (found.length > 0 ? found : headerSecret(path, text)).map((secret) => diagnosticOf(secret, path, text));
  });
}

/** Whether a text is worth a closer look; quick. */
export function mayHoldSecret(text: string): boolean {
  return HINT.test(text);
}

/** The text with every secret in it struck out behind its first characters. It stays as long as it is. */
export function hideSecrets(text: string): string {
  return secretsIn(text).reduce(hideRange, text);
}

/** The same for one that is found by its place. */
export function hideRange(text: string, { start, end }: Span): string {
  const from = start + charactersShown({ start, end });
  return text.slice(0, from) + text.slice(from, end).replace(/\S/g, "*") + text.slice(end);
}

/** Enough to find it again, and too little to guess it. */
function charactersShown({ start, end }: Span): number {
  return Math.min(4, Math.floor((end - start) / 5));
}

interface Secret extends Span {
  /** With its article. */
  readonly what: string;
}

function diagnosticOf({ what, start, end }: Secret, path: Path, text: string): Diagnostic {
  const beginning = text.slice(start, start + charactersShown({ start, end }));
  const message = `${what} stands in the file, where everybody who has the file can read it: \`${beginning}…\``;
  return { severity: "error", code: "secret-in-file", message, path, at: { start, end }, help: helpFor(path) };
}

/** The forms of keys, each behind what no other text begins with. Lengths are the shortest that are given out. */
const FORMS: readonly (readonly [what: string, form: string])[] = [
  ["an API key", String.raw`\bsk-(?=[\w-]*\d)[\w-]{20,}`],
  ["an API key", String.raw`\bgsk_[A-Za-z0-9]{20,}`],
  ["a GitHub token", String.raw`\bgh[opusr]_[A-Za-z0-9]{20,}`],
  ["a GitHub token", String.raw`\bgithub_pat_[A-Za-z0-9_]{20,}`],
  ["a GitLab token", String.raw`\bglpat-[A-Za-z0-9_-]{16,}`],
  ["a Hugging Face token", String.raw`\bhf_[A-Za-z0-9]{20,}`],
  ["a Slack token", String.raw`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`],
  ["an AWS access key", String.raw`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`],
  ["a Google API key", String.raw`\bAIza[A-Za-z0-9_-]{30,}`],
  ["a signed token", String.raw`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`],
  [
    "a private key",
    String.raw`-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?=(?:\s|\\[nr])*[\w+/=]{20})(?:[^-]|-(?!----))*(?:-----END [A-Z ]*-----)?`,
  ],
  ["a password", String.raw`(?<=\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/'"]*:)[^\s@/'"]{3,}(?=@)`],
];

const ANY_FORM = new RegExp(FORMS.map(([, form]) => `(${form})`).join("|"), "g");

/** What every form, and every header that carries a key, has in it. */
const HINT =
  /sk-|gsk_|gh[opusr]_|github_pat_|glpat-|hf_|xox[abeoprs]-|AKIA|ASIA|AIza|eyJ|-----BEGIN|:\/\/[^\s:@/'"]*:[^\s@/'"]+@|authorization|api-?key/i;

function secretsIn(text: string): Secret[] {
  return [...text.matchAll(ANY_FORM)].flatMap(({ 0: found, index, ...groups }) => {
    // A server on one's own machine is often given the user's name as its password.
    if (isPlaceholder(found) || text.slice(0, index).endsWith(`/${found}:`)) return [];
    const form = FORMS.findIndex((_, place) => groups[place + 1] !== undefined);
    return [{ what: FORMS[form]?.[0] ?? "", start: index, end: index + found.length }];
  });
}

/** What stands for something that is to be filled in: words that say so, a template, one character over and over. */
function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text) || new Set(text).size < LEAST_CHARACTERS;
}

const PLACEHOLDER = /\.\.\.|…|[${}<>*]|(\w)\1{4}|your|example|placeholder|changeme|redacted|dummy|insert|^pass(?:wor[dt]|wd)?$/i;
const LEAST_CHARACTERS = 4;

/** A header of a provider whose value is a key, whatever its form. */
function headerSecret(path: Path, text: string): Secret[] {
  const [table, , headers, name = ""] = path;
  if (table !== "providers" || headers !== "headers" || !KEY_HEADER.test(String(name))) return [];
  const [scheme = ""] = /^(?:Bearer|Basic|Token)\s+/i.exec(text) ?? [];
  const value = text.slice(scheme.length).trimEnd();
  const isKey = /^\S{8,}$/.test(value) && /\d/.test(value) && !isPlaceholder(value);
  return isKey ? [{ what: "a key", start: scheme.length, end: scheme.length + value.length }] : [];
}

const KEY_HEADER = /^(?:proxy-)?authorization$|^(?:x-)?(?:[a-z]+-)?api-?key$/i;

/** Where it goes, and how it is referred to from its place. */
function helpFor([table, , key, name]: Path): string {
  if (table === "providers" && key === "api_key_env") return 'name the environment variable that holds it: api_key_env = "API_KEY"';
  return `put it into an environment variable, and ${referenceFrom(table, key, name)}`;
}

function referenceFrom(table: Path[number] | undefined, key: Path[number] | undefined, name: Path[number] | undefined): string {
  if (table === "providers" && key === "headers") return "write ${{ env.API_KEY }} in its place";
  if (table === "agents" && key === "env") return `write \${{ env.${String(name)} }} in its place`;
  if (key === "shell") return 'write "$API_KEY" in its place';
  if (table === "agents" && key === "command") return "let the program read it there, or write shell = '… \"$API_KEY\" …'";
  return "let the program that needs it read it there";
}

/** Every string with its path. */
function* texts(value: Json, path: Path): Generator<[Path, string]> {
  if (typeof value === "string") yield [path, value];
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* texts(item, [...path, index]);
  else if (isJsonObject(value)) for (const [key, item] of Object.entries(value)) yield* texts(item, [...path, key]);
}
