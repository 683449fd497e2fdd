import type { Path, Span } from "../spec/diagnostic.ts";
import { parseToml } from "../spec/toml.ts";

/** A name, a header, a value or a comment in a text, in the order of the text. */
export type Part = Span &
  (
    | { readonly kind: "header"; readonly path: Path; readonly isList: boolean }
    /** One name of a key or of a header; `path` ends with it. */
    | { readonly kind: "key"; readonly path: Path; readonly name: string; readonly inside: Span; readonly inHeader: boolean }
    | { readonly kind: "value"; readonly path: Path; readonly text: WrittenText | null }
    | { readonly kind: "comment" }
  );

/** A string as it stands in a file: what it says, and the range between its quotes. */
export interface WrittenText {
  readonly value: string;
  readonly inside: Span;
}

/** What stands where a text ends, half written or not at all. `start` is where it begins. */
export type Unfinished = { readonly start: number } & (
  | { readonly kind: "header"; readonly words: readonly string[] }
  /** `words` are the names of a dotted key so far, the last of them as far as it is there. */
  | { readonly kind: "key"; readonly table: Path; readonly words: readonly string[]; readonly inline: boolean }
  /** `quote`: what the string began with whose end is missing. */
  | { readonly kind: "value"; readonly path: Path; readonly quote: string | null }
  | { readonly kind: "comment" }
  | { readonly kind: "nothing" }
);

export interface Outline {
  readonly parts: readonly Part[];
  readonly end: Unfinished;
}

/**
 * What can be seen of a TOML text, also while it is being typed.
 *
 * Contract: paths are those of the document, where there is one. A line that is not TOML hides nothing but itself: a string
 * without its end ends with its line, a list where the next line begins a key or a table. Never throws.
 */
export function outlineOf(text: string): Outline {
  return new Scanner(text).scan();
}

/** What is being written at an offset: what stands unfinished where the text before it ends. */
export function unfinishedAt(text: string, offset: number): Unfinished {
  return outlineOf(text.slice(0, offset)).end;
}

const BLANK = /[ \t]*/y;
const REST_OF_LINE = /[^\n]*/y;
const BARE_KEY = /[A-Za-z0-9_-]+/y;
const BARE_VALUE = /[^\s,[\]{}#=]+/y;
const ONE_LINE_STRING = /"(?:[^"\\\n]+|\\[^\n])*"?|'[^'\n]*'?/y;
const NAME = String.raw`(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')`;
const DOTTED = String.raw`${NAME}(?:[ \t]*\.[ \t]*${NAME})*`;
/** On a line of its own, and not a list such as `[true]` or `[1.5]`. */
const TABLE = String.raw`(?:\[[ \t]*(?!(?:true|false|inf|nan)[ \t]*\])(?=[A-Za-z_])${DOTTED}[ \t]*\][ \t]*(?=#|\r?$)|\[\[[ \t]*(?=[A-Za-z_])${DOTTED}[ \t]*\]\])`;
const HEADER = new RegExp(String.raw`[ \t]*${TABLE}`, "my");
/** A line that begins something, whatever was not finished before it. */
const STATEMENT = new RegExp(String.raw`[ \t]*(?:${DOTTED}[ \t]*=|${TABLE})`, "my");

class Scanner {
  readonly #text: string;
  readonly #parts: Part[] = [];
  /** How many tables each list of tables has so far, by its path. */
  readonly #lists = new Map<string, number>();
  #at = 0;
  #table: Path = [];
  #end: Unfinished = { kind: "nothing", start: 0 };

  constructor(text: string) {
    this.#text = text;
  }

  scan(): Outline {
    this.#statement();
    while (this.#at < this.#text.length) {
      this.#at += 1;
      this.#statement();
    }
    return { parts: this.#parts, end: this.#end };
  }

  /** One line, or as many as its value takes; leaves off at the line break. */
  #statement(): void {
    this.#skip(BLANK);
    const next = this.#text[this.#at];
    if (next === undefined) this.#end = { kind: "key", start: this.#at, table: this.#table, words: [], inline: false };
    else if (next === "[") this.#header();
    else if (!/[\r\n#]/.test(next)) this.#keyValue(this.#table, false);
    this.#skip(BLANK);
    if (this.#text[this.#at] === "#") this.#comment();
    this.#skip(REST_OF_LINE);
  }

  #comment(): void {
    const start = this.#at;
    this.#skip(REST_OF_LINE);
    const isCut = this.#at === this.#text.length;
    const end = this.#text[this.#at - 1] === "\r" ? this.#at - 1 : this.#at;
    this.#parts.push({ kind: "comment", start, end });
    if (isCut) this.#end = { kind: "comment", start };
  }

  #header(): void {
    const start = this.#at;
    const isList = this.#text.startsWith("[[", start);
    this.#at += isList ? 2 : 1;
    const names = this.#names();
    const words = names.map(({ value }) => value);
    this.#skip(BLANK);
    if (this.#at === this.#text.length) this.#end = { kind: "header", start, words };
    if (this.#text[this.#at] === "]") this.#at += isList && this.#text[this.#at + 1] === "]" ? 2 : 1;
    this.#table = this.#tablePath(words, isList);
    this.#parts.push({ kind: "header", start, end: this.#at, path: this.#table, isList });
    let path: Path = [];
    for (const [index, name] of names.entries()) {
      path = index === names.length - 1 && isList ? [...path, name.value] : this.#latest([...path, name.value]);
      this.#name(name, path.at(-1) === name.value ? path : path.slice(0, -1), true);
    }
  }

  /** The path of the table that a header opens: with the indexes of the lists of tables that it lies in. */
  #tablePath(words: readonly string[], isList: boolean): Path {
    let path: Path = [];
    for (const word of isList ? words.slice(0, -1) : words) path = this.#latest([...path, word]);
    if (!isList) return path;
    path = [...path, words.at(-1) ?? ""];
    const identity = JSON.stringify(path);
    const index = this.#lists.get(identity) ?? 0;
    this.#lists.set(identity, index + 1);
    return [...path, index];
  }

  #latest(path: Path): Path {
    const count = this.#lists.get(JSON.stringify(path));
    return count === undefined ? path : [...path, count - 1];
  }

  #keyValue(table: Path, inline: boolean): void {
    const names = this.#names();
    let path = table;
    for (const name of names) {
      path = [...path, name.value];
      this.#name(name, path, false);
    }
    const isCut = this.#at === this.#text.length;
    if (isCut) {
      const words = names.map(({ value }) => value);
      this.#end = { kind: "key", start: names.at(-1)?.start ?? this.#at, table, words, inline };
    }
    this.#skip(BLANK);
    if (names.length === 0 || this.#text[this.#at] !== "=") return;
    this.#at += 1;
    this.#skip(BLANK);
    this.#value(path);
  }

  #name({ start, end, value }: Name, path: Path, inHeader: boolean): void {
    const quotes = /["']/.test(this.#text[start] ?? "") ? 1 : 0;
    const inside = { start: start + quotes, end: Math.max(start + quotes, end - quotes) };
    this.#parts.push({ kind: "key", start, end, path, name: value, inside, inHeader });
  }

  /** The names of a dotted key; the last one is empty where it is still to come. */
  #names(): Name[] {
    const names: Name[] = [];
    for (;;) {
      this.#skip(BLANK);
      const start = this.#at;
      const isQuoted = /["']/.test(this.#text[start] ?? "");
      const written = this.#take(isQuoted ? ONE_LINE_STRING : BARE_KEY);
      const value = isQuoted ? valueOf(written) : written;
      const isLast = !this.#takesDot();
      if (written !== "" || names.length > 0) names.push({ start, end: start + written.length, value });
      if (isLast || written === "") return names;
    }
  }

  #takesDot(): boolean {
    const [dot] = this.#match(/[ \t]*\./y) ?? [];
    this.#at += dot?.length ?? 0;
    return dot !== undefined;
  }

  #value(path: Path): void {
    const start = this.#at;
    const next = this.#text[start];
    if (next === undefined) this.#end = { kind: "value", start, path, quote: null };
    else if (next === '"' || next === "'") this.#string(path, next);
    else if (next === "[") this.#list(path);
    else if (next === "{") this.#inlineTable(path);
    else this.#bare(path);
  }

  #bare(path: Path): void {
    const start = this.#at;
    if (this.#take(BARE_VALUE) === "") return;
    this.#parts.push({ kind: "value", start, end: this.#at, path, text: null });
    if (this.#at === this.#text.length) this.#end = { kind: "value", start, path, quote: null };
  }

  #string(path: Path, quote: string): void {
    const start = this.#at;
    const opening = this.#text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
    const [written, isClosed] = opening.length === 3 ? this.#severalLines(opening) : this.#oneLine();
    this.#at = start + written.length;
    const inside = { start: start + opening.length, end: this.#at - (isClosed ? opening.length : 0) };
    this.#parts.push({ kind: "value", start, end: this.#at, path, text: { value: isClosed ? valueOf(written) : "", inside } });
    if (!isClosed && this.#at === this.#text.length) this.#end = { kind: "value", start: inside.start, path, quote: opening };
  }

  #oneLine(): [written: string, isClosed: boolean] {
    const written = (this.#match(ONE_LINE_STRING)?.[0] ?? "").replace(/\r$/, "");
    const last = this.#at + written.length - 1;
    const isClosed = written.length > 1 && written.at(-1) === written[0] && (written[0] === "'" || !this.#isEscaped(last));
    return [written, isClosed];
  }

  #severalLines(quote: string): [written: string, isClosed: boolean] {
    let close = this.#text.indexOf(quote, this.#at + 3);
    while (close !== -1 && quote === '"""' && this.#isEscaped(close)) close = this.#text.indexOf(quote, close + 1);
    if (close === -1) return [this.#text.slice(this.#at), false];
    // Up to two more quotes belong to the text.
    const [quotes = ""] = /^["']{3,5}/.exec(this.#text.slice(close, close + 5)) ?? [];
    return [this.#text.slice(this.#at, close + quotes.length), true];
  }

  #isEscaped(at: number): boolean {
    const [slashes = ""] = /\\*$/.exec(this.#text.slice(this.#at, at)) ?? [];
    return slashes.length % 2 === 1;
  }

  #list(path: Path): void {
    const start = this.#at;
    this.#at += 1;
    for (let index = 0; ; index += 1) {
      if (!this.#gap(STATEMENT)) break;
      if (this.#text[this.#at] === "]") {
        this.#at += 1;
        break;
      }
      const before = this.#at;
      this.#value([...path, index]);
      if (!this.#comma(STATEMENT) || this.#at === before) break;
    }
    this.#parts.push({ kind: "value", start, end: this.#at, path, text: null });
  }

  #inlineTable(path: Path): void {
    const start = this.#at;
    this.#at += 1;
    for (;;) {
      if (!this.#gap(HEADER)) break;
      if (this.#text[this.#at] === "}") {
        this.#at += 1;
        break;
      }
      if (this.#at === this.#text.length) this.#end = { kind: "key", start: this.#at, table: path, words: [], inline: true };
      const before = this.#at;
      this.#keyValue(path, true);
      if (!this.#comma(HEADER) || this.#at === before) break;
    }
    this.#parts.push({ kind: "value", start, end: this.#at, path, text: null });
  }

  /** Goes on past blanks, line breaks and comments; false where a line begins something else. */
  #gap(other: RegExp): boolean {
    for (;;) {
      this.#skip(BLANK);
      const next = this.#text[this.#at];
      if (next === "#") this.#comment();
      if (!/[#\r\n]/.test(next ?? "")) return true;
      const line = this.#at;
      const breakAt = this.#text.indexOf("\n", line);
      if (breakAt === -1) return true;
      this.#at = breakAt + 1;
      if (this.#match(other) === null) continue;
      this.#at = breakAt;
      return false;
    }
  }

  /** Whether another entry or the end may follow; a comma that is missing is taken as there. */
  #comma(other: RegExp): boolean {
    if (!this.#gap(other)) return false;
    const isThere = this.#text[this.#at] === ",";
    if (isThere) this.#at += 1;
    return isThere || this.#at < this.#text.length;
  }

  #skip(pattern: RegExp): void {
    this.#take(pattern);
  }

  #take(pattern: RegExp): string {
    const [found = ""] = this.#match(pattern) ?? [];
    this.#at += found.length;
    return found;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text);
  }
}

interface Name extends Span {
  readonly value: string;
}

/** What a string with its quotes says. */
function valueOf(written: string): string {
  const isPlain = !written.includes("\\") && !/^(?:"""|''')/.test(written);
  if (isPlain) return written.slice(1, written.length > 1 && written.at(-1) === written[0] ? -1 : undefined);
  const { data } = parseToml(`text = ${written}`);
  return typeof data?.text === "string" ? data.text : "";
}
