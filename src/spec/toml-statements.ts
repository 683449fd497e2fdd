import type { Path, Span } from "./diagnostic.ts";
import { type Token, tokensOf } from "./toml-tokens.ts";

/** A header or a key with its value, without the comment after it. */
export interface Statement extends Span {
  readonly kind: "table" | "list-table" | "pair";
  /** The parts of its key, as they are written. */
  readonly keys: readonly Key[];
  /** Where it is in the document, indexes of lists included. */
  readonly path: Path;
  /** The table that it stands in; of a header, its own. */
  readonly table: Path;
  /** Whether it ends where its brackets and strings do. */
  readonly isWhole: boolean;
}

/** A part of a key. */
export interface Key extends Span {
  readonly name: string;
}

/**
 * The statements of a text, in their order.
 *
 * Contract: takes any text. Up to the first place where it is no TOML they are exact.
 */
export function statementsOf(text: string): Statement[] {
  const statements: Statement[] = [];
  const tables = new Tables();
  let table: Path = [];
  for (const { kind, start, end, isWhole } of extentsOf(text)) {
    const keys = keysIn(text, kind === "pair" ? { start, end: endOfKey(text, start) } : { start, end });
    const names = keys.map(({ name }) => name);
    if (kind !== "pair") table = tables.open(names, kind === "list-table");
    statements.push({ kind, start, end, isWhole, keys, table, path: kind === "pair" ? [...table, ...names] : table });
  }
  return statements;
}

/** The parts of a key, or of a header. */
export function keysIn(text: string, { start, end }: Span): Key[] {
  return [...text.slice(start, end).matchAll(KEY)].map(({ 0: written, index }) => ({
    start: start + index,
    end: start + index + written.length,
    name: nameOf(written),
  }));
}

/** The numbers of the lists' tables so far. */
class Tables {
  readonly #last = new Map<string, number>();

  /** The path of the table that a header opens. */
  open(names: readonly string[], isList: boolean): Path {
    const path: (string | number)[] = [];
    for (const [index, name] of names.entries()) {
      path.push(name);
      const list = JSON.stringify(path);
      if (isList && index === names.length - 1) this.#last.set(list, (this.#last.get(list) ?? -1) + 1);
      const last = this.#last.get(list);
      if (last !== undefined) path.push(last);
    }
    return path;
  }
}

const KEY = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+/g;

function nameOf(written: string): string {
  if (written.startsWith("'")) return written.slice(1, -1);
  if (!written.startsWith('"')) return written;
  try {
    return JSON.parse(written) as string;
  } catch {
    return written.slice(1, -1);
  }
}

type Extent = Pick<Statement, "kind" | "start" | "end" | "isWhole">;

function* extentsOf(text: string): Generator<Extent> {
  let tokens: Token[] = [];
  let depth = 0;
  for (const token of tokensOf(text)) {
    const isHeader = text[tokens[0]?.start ?? -1] === "[";
    if (token.kind === "line-break" && tokens[0] !== undefined && (depth === 0 || isHeader)) {
      yield extent(text, tokens, depth);
      [tokens, depth] = [[], 0];
    } else if (token.kind !== "line-break" && token.kind !== "comment") {
      tokens.push(token);
      const mark = text[token.start] ?? "";
      if (token.kind === "mark") depth = Math.max(0, depth + ("[{".includes(mark) ? 1 : "]}".includes(mark) ? -1 : 0));
    }
  }
  if (tokens[0] !== undefined) yield extent(text, tokens, depth);
}

function extent(text: string, tokens: readonly Token[], depth: number): Extent {
  const [start, end] = [tokens[0]?.start ?? 0, tokens.at(-1)?.end ?? 0];
  const isWhole = depth === 0 && tokens.every((token) => token.kind !== "string" || isClosed(text.slice(token.start, token.end)));
  const kind = text[start] !== "[" ? "pair" : text[start + 1] === "[" ? "list-table" : "table";
  return { kind, start, end, isWhole };
}

/** Whether the text of a string ends with the quotes that it begins with. */
export function isClosed(string: string): boolean {
  const quotes = /^(?:"""|'''|.)/s.exec(string)?.[0] ?? "";
  const body = string.slice(quotes.length, -quotes.length);
  const isEscaped = quotes.startsWith('"') && (/\\*$/.exec(body)?.[0].length ?? 0) % 2 === 1;
  return string.length >= 2 * quotes.length && string.endsWith(quotes) && !isEscaped;
}

/** Where the key of a pair ends: before its `=`. */
function endOfKey(text: string, start: number): number {
  for (const token of tokensOf(text, start)) {
    if (token.kind === "line-break" || text[token.start] === "=") return token.start;
  }
  return text.length;
}
