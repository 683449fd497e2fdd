import { keysIn } from "./toml-statements.ts";
import { tokensOf } from "./toml-tokens.ts";

/** What a broken statement was probably to say. */
export interface Salvaged {
  /** A statement in its place; empty where none can be made. */
  readonly text: string;
  /** The names in its key; null where they cannot be read. */
  readonly names: readonly string[] | null;
  readonly isHeader: boolean;
  /** Whether there is no doubt about the names. */
  readonly isCertain: boolean;
}

/** Something that has no name that can be read. */
export const NAMELESS = "?";

/** Reads what can be read of a statement that is no TOML. */
export function salvage(broken: string): Salvaged {
  return looksLikeHeader(broken) ? salvageHeader(broken) : salvagePair(broken);
}

/** Whether a broken statement was to be a header. */
export function looksLikeHeader(broken: string): boolean {
  const [line = ""] = broken.split(/[\r\n#]/, 1);
  return /^\s*\[/.test(line) || (!/[=:]/.test(line) && /^[^\w"']*\[|^[^[]*\]\s*$|^\s*[({<].*[)}>]\s*$/.test(line));
}

function salvageHeader(broken: string): Salvaged {
  const [line = ""] = broken.split(/[\r\n#]/, 1);
  const [, open = "", inner = "", close = ""] = /^[^\w"']*?([[({<]*)([^[({<\])}>=]*)([\])}>]*)/.exec(line) ?? [];
  const isCertain = CLEAN.test(inner);
  const names = isCertain ? keysIn(inner, { start: 0, end: inner.length }).map(({ name }) => name) : roughNames(inner);
  if (names.length === 0) return { text: "", names: null, isHeader: true, isCertain: false };
  const isList = LISTS.has(names.join(".")) || (open.length > 1 && close.length > 1);
  const header = names.map(written).join(".");
  return { text: isList ? `[[${header}]]` : `[${header}]`, names, isHeader: true, isCertain };
}

const KEY = String.raw`(?:[\w-]+|"[^"\\\n]*"|'[^'\n]*')`;
const CLEAN = new RegExp(String.raw`^[ \t]*${KEY}(?:[ \t]*\.[ \t]*${KEY})*[ \t]*$`);
/** The tables of the file of which there can be several. */
export const LISTS: ReadonlySet<string> = new Set(["hooks", "orchestration.sequential.branches"]);

function roughNames(inner: string): string[] {
  const parts = inner.split(".");
  const names = parts.length === 1 ? inner.split(/[\s,:;/]+/) : parts;
  return names.map((name) => name.replaceAll(/["']/g, "").trim()).filter((name) => name !== "");
}

function written(name: string): string {
  return /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
}

function salvagePair(broken: string): Salvaged {
  const pair = PAIR.exec(broken);
  if (pair === null) return { text: "", names: null, isHeader: false, isCertain: false };
  const key = pair[1] ?? pair[2] ?? "";
  const names = keysIn(key, { start: 0, end: key.length }).map(({ name }) => name);
  const value = salvageValue(broken.slice(pair[0].length));
  return { text: value === null ? "" : `${names.map(written).join(".")} = ${value}`, names, isHeader: false, isCertain: false };
}

/** A key with `=`, `:` or, before what can only be a value, nothing. */
const PAIR = new RegExp(
  String.raw`^[^\w"'=]*(?:["'“”‘’]?(${KEY}(?:[ \t]*\.[ \t]*${KEY})*)["'“”‘’]?[ \t]*[=:][=:\s]*|([\w-]+)[ \t]+(?=["'[{\d]|true|false))`,
);

/** null: nothing can be made of it. */
function salvageValue(value: string): string | null {
  if (value.startsWith("{") || value.trim() === "") return null;
  if (value.startsWith("[")) return salvageList(value);
  if (/^(?:"""|''')/.test(value)) return JSON.stringify(contentOf(value));
  const [line = ""] = value.split(/\r?\n/, 1);
  if (/^["'“‘]/.test(line)) return JSON.stringify(/^["'“‘]([^"'“”‘’\r\n]*)/.exec(line)?.[1]?.trim() ?? "");
  return salvageWord(line.split(/["'#,\]}]/, 1)[0]?.trim() ?? "");
}

function salvageWord(word: string): string {
  if (/^(?:true|false)$/i.test(word)) return word.toLowerCase();
  return /^[+-]?\d+(?:\.\d+)?$/.test(word) ? word : JSON.stringify(word);
}

/** Of a list, what stands in it without brackets. */
function salvageList(value: string): string | null {
  const entries: string[] = [];
  for (const { kind, start, end } of tokensOf(value, 1)) {
    const text = value.slice(start, end);
    if (text === "{" || text === "[") return null;
    if (text === "]") break;
    if (kind === "string") entries.push(JSON.stringify(contentOf(text)));
    if (kind === "word") entries.push(salvageWord(text));
  }
  return `[${entries.join(", ")}]`;
}

/** What stands in a string, also where it is not closed. */
function contentOf(string: string): string {
  const quotes = /^(?:"""|'''|.)/s.exec(string)?.[0] ?? "";
  const body = string.slice(quotes.length);
  return body.endsWith(quotes) ? body.slice(0, -quotes.length) : body.replace(/[\s,\]]+$/, "");
}
