import type { AST } from "toml-eslint-parser";
import type { Diagnostic, Edit, Fix, Path, Related, Span } from "./diagnostic.ts";
import { stripByteOrderMark } from "./toml.ts";

/** A diagnostic with its place in the text. */
export interface Located {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  /** Absolute; null for a definition that was given in code. */
  readonly file: string | null;
  readonly path: Path;
  /** null where there is no text. */
  readonly place: Place | null;
  readonly label: string | null;
  readonly help: string | null;
  /** `file`: where it is in another one than the diagnostic. */
  readonly related: readonly { readonly file?: string; readonly place: Place; readonly label: string }[];
  readonly fix: LocatedFix | null;
}

/** A fix whose edits are in the diagnostic's file, none of which touches another. */
export interface LocatedFix {
  readonly safe: boolean;
  readonly edits: readonly LocatedEdit[];
}

export interface LocatedEdit {
  readonly place: Place;
  /** What stands there afterwards. */
  readonly text: string;
}

/**
 * A range of the text. Offsets count UTF-16 code units, for programs; lines and columns are 1-based and count code points, as
 * compilers do. A byte order mark is not part of the text. The end is exclusive.
 */
export interface Place extends Span {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** The text of the first line. */
  readonly source: string;
}

/**
 * Where the diagnostics of one text are: sorted by their place, without exact repetitions.
 *
 * Contract: a path that is not in the text (a missing key) is placed at the nearest table or key that is. The parser that
 * knows positions is loaded only when there is a path to look up. Never throws. `text` is null for a definition given in code.
 */
export async function locate(text: string | null, diagnostics: readonly Diagnostic[]): Promise<Located[]> {
  return locateIn(text === null ? null : await openDocument(text, diagnostics.some(isByPath)), diagnostics, new Map());
}

/** The same for diagnostics of several files, whose texts are found by the files' paths. */
export async function locateAll(diagnostics: readonly Diagnostic[], texts: ReadonlyMap<string, string>): Promise<Located[]> {
  const byFile = Map.groupBy(diagnostics, ({ file }) => file);
  const elsewhere = new Set(diagnostics.flatMap(({ related = [] }) => related.flatMap(({ file }) => file ?? [])));
  const documents = new Map<string, Document>();
  for (const file of new Set([...byFile.keys(), ...elsewhere])) {
    const text = file === undefined ? undefined : texts.get(file);
    if (file === undefined || text === undefined) continue;
    documents.set(file, await openDocument(text, elsewhere.has(file) || byFile.get(file)?.some(isByPath) === true));
  }
  return sortLocated([...byFile].flatMap(([file, group]) => locateIn(documents.get(file ?? "") ?? null, group, documents)));
}

/** The range of each diagnostic of a text; null for one without a place. */
export async function spansIn(text: string, diagnostics: readonly Diagnostic[]): Promise<(Span | null)[]> {
  const { root, source } = await openDocument(text, diagnostics.some(isByPath));
  return diagnostics.map(({ span, path, at = "value" }) => span ?? (path === undefined ? null : spanOf(root, path, at, source)));
}

/** A text in which paths can be looked up. */
interface Document {
  readonly source: string;
  readonly lines: readonly number[];
  readonly root: Entry;
}

function isByPath({ span, path, related = [], fix }: Diagnostic): boolean {
  return (span === undefined && path !== undefined) || related.length > 0 || fix?.edits.some((edit) => edit.path !== undefined) === true;
}

async function openDocument(text: string, withPaths: boolean): Promise<Document> {
  const source = stripByteOrderMark(text);
  return { source, lines: lineStarts(source), root: withPaths ? await readPositions(source) : EMPTY };
}

function locateIn(document: Document | null, diagnostics: readonly Diagnostic[], others: ReadonlyMap<string, Document>): Located[] {
  return sortLocated(
    diagnostics.map((diagnostic): Located => {
      const { severity, code, message, file = null, path = [], label = null, help = null, at = "value" } = diagnostic;
      const span =
        document === null || (diagnostic.span === undefined && diagnostic.path === undefined)
          ? null
          : (diagnostic.span ?? spanOf(document.root, path, at, document.source));
      const place = document === null || span === null ? null : placeOf(span, document.source, document.lines);
      const related = (diagnostic.related ?? []).flatMap((other) => {
        const found = other.file === undefined || other.file === file ? document : (others.get(other.file) ?? null);
        return found === null ? [] : locateRelated(other, found);
      });
      const fix = document === null || diagnostic.fix === undefined ? null : locateFix(diagnostic.fix, document);
      return { severity, code, message, file, path, place, label, help, related, fix };
    }),
  );
}

function locateRelated(other: Related, { root, source, lines }: Document): Located["related"] {
  const span = relatedSpan(root, other, source);
  const file = other.file === undefined ? {} : { file: other.file };
  return span === null ? [] : [{ ...file, place: placeOf(span, source, lines), label: other.label }];
}

/** null: something is not there, or cannot be written there. */
function locateFix({ safe, edits }: Fix, document: Document): LocatedFix | null {
  const located = edits.map((edit) => locateEdit(edit, document));
  return located.includes(null) ? null : { safe, edits: located.filter((edit) => edit !== null) };
}

function locateEdit({ path = [], at = "value", span, text }: Edit, { root, source, lines }: Document): LocatedEdit | null {
  if (span !== undefined) return { place: placeOf(span, source, lines), text };
  const entry = entryAt(root, path);
  if (entry === undefined) return null;
  if (at === "entry" || at === "end") {
    const found = at === "entry" ? lineOfEntry(entry, source) : endOfTable(entry, source);
    return found === null ? null : { place: placeOf(found, source, lines), text };
  }
  const whole = at === "key" ? entry.key : entry.value;
  if (whole === undefined || (typeof at === "object" && entry.text !== true)) return null;
  const written = typeof at === "object" ? writtenIn(source.slice(whole.start, whole.end), text) : text;
  const part = typeof at === "object" ? partOfString(source, whole, at) : whole;
  return written === null ? null : { place: placeOf(part, source, lines), text: written };
}

/** Text as it is written between the quotes of a string; null where it cannot stand there. */
function writtenIn(string: string, text: string): string | null {
  if (!string.startsWith('"')) return /['\n\r]/.test(text) ? null : text;
  return JSON.stringify(text).slice(1, -1);
}

/** A key with its value, and the line where nothing else stands there. */
function lineOfEntry({ whole }: Entry, source: string): Span | null {
  if (whole === undefined) return null;
  const lineStart = source.lastIndexOf("\n", whole.start - 1) + 1;
  const lineEnd = source.indexOf("\n", whole.end) + 1 || source.length;
  const isAlone = /^\s*$/.test(source.slice(lineStart, whole.start)) && /^\s*(?:#.*)?$/.test(source.slice(whole.end, lineEnd));
  return isAlone ? { start: lineStart, end: lineEnd } : null;
}

/** After the last line of a table with a header. */
function endOfTable({ body, value }: Entry, source: string): Span | null {
  const last = body ?? value;
  if (last === undefined || (body === undefined && source[last.start] !== "[")) return null;
  const lineEnd = source.indexOf("\n", last.end) + 1;
  return lineEnd === 0 ? null : { start: lineEnd, end: lineEnd };
}

function sortLocated(diagnostics: readonly Located[]): Located[] {
  const seen = new Set<string>();
  return diagnostics
    .toSorted(
      (a, b) =>
        compare(a.file ?? "", b.file ?? "") || (a.place?.start ?? 0) - (b.place?.start ?? 0) || (a.place?.end ?? 0) - (b.place?.end ?? 0),
    )
    .filter(({ file, place, path, code, message }) => {
      const identity = JSON.stringify([file, place === null ? path : [place.start, place.end], code, message]);
      return !seen.has(identity) && seen.add(identity);
    });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A key or an entry of a list, and where it stands. */
interface Entry {
  /** The key as written; in `[agents.fetch]` the last part. */
  key?: Span;
  /** The value; of a table with a header, the header. */
  value?: Span;
  /** Whether the value is a string, in which a part can be marked. */
  text?: boolean;
  /** A key with its value, where both are written together. */
  whole?: Span;
  /** Of a table with a header: what stands below it. */
  body?: Span;
  readonly children: Map<string | number, Entry>;
}

const EMPTY: Entry = { children: new Map() };

async function readPositions(source: string): Promise<Entry> {
  const { parseTOML } = await import("toml-eslint-parser");
  const root: Entry = { children: new Map() };
  try {
    for (const node of parseTOML(source).body[0].body) {
      if (node.type === "TOMLTable") addTable(root, node, source);
      else addKeyValue(root, node);
    }
  } catch {
    // The text was read before, by the parser that counts. This one gives up on texts in which a single string has more than
    // 100,000 characters; a diagnostic at the beginning of the file is better than none.
  }
  return root;
}

function addTable(root: Entry, node: AST.TOMLTable, source: string): void {
  const { keys } = node.key;
  let entry = root;
  let next = 0;
  for (const part of node.resolvedKey) {
    entry = childOf(entry, part);
    if (typeof part === "string") entry.key ??= spanOfNode(keys[next++]);
  }
  const last = spanOfNode(keys.at(-1));
  const header = { start: node.range[0], end: source.indexOf("]", last.end) + (node.kind === "array" ? 2 : 1) };
  if (node.kind === "standard") entry.key = last;
  entry.value = header;
  for (const keyValue of node.body) addKeyValue(entry, keyValue);
  const [first, end] = [node.body[0], node.body.at(-1)];
  if (first !== undefined && end !== undefined) entry.body = { start: first.range[0], end: end.range[1] };
}

function addKeyValue(parent: Entry, node: AST.TOMLKeyValue): void {
  let entry = parent;
  for (const key of node.key.keys) {
    entry = childOf(entry, key.type === "TOMLBare" ? key.name : key.value);
    entry.key ??= spanOfNode(key);
  }
  entry.whole = spanOfNode(node);
  addValue(entry, node.value);
}

function addValue(entry: Entry, node: AST.TOMLContentNode): void {
  entry.value = spanOfNode(node);
  if (node.type === "TOMLArray") for (const [index, element] of node.elements.entries()) addValue(childOf(entry, index), element);
  else if (node.type === "TOMLInlineTable") for (const keyValue of node.body) addKeyValue(entry, keyValue);
  else entry.text = node.kind === "string";
}

function childOf(entry: Entry, part: string | number): Entry {
  let child = entry.children.get(part);
  if (child === undefined) {
    child = { children: new Map() };
    entry.children.set(part, child);
  }
  return child;
}

function spanOfNode(node: AST.TOMLNode | undefined): Span {
  return { start: node?.range[0] ?? 0, end: node?.range[1] ?? 0 };
}

function spanOf(root: Entry, path: Path, at: NonNullable<Diagnostic["at"]>, source: string): Span {
  let entry = root;
  for (const part of path) {
    const child = entry.children.get(part);
    if (child === undefined) return nearestSpan(entry, source);
    entry = child;
  }
  const whole = at === "key" ? (entry.key ?? entry.value) : (entry.value ?? entry.key);
  if (whole === undefined) return { start: 0, end: 0 };
  return typeof at === "object" && entry.text === true ? partOfString(source, whole, at) : whole;
}

/** What stands for a table in which something is missing: its header, or its key. */
function nearestSpan(entry: Entry, source: string): Span {
  const header = entry.value !== undefined && source[entry.value.start] === "[" && entry.text === undefined ? entry.value : undefined;
  return header ?? entry.key ?? entry.value ?? { start: 0, end: 0 };
}

function relatedSpan(root: Entry, { path, at }: Related, source: string): Span | null {
  return entryAt(root, path) === undefined ? null : spanOf(root, path, at ?? "value", source);
}

function entryAt(root: Entry, path: Path): Entry | undefined {
  let entry: Entry | undefined = root;
  for (const part of path) entry = entry?.children.get(part);
  return entry;
}

/**
 * A part of a string's value as a range of the source.
 *
 * The value's units and the source's differ where there are escapes, line breaks that a multi-line string trims, and quotes.
 */
export function partOfString(source: string, whole: Span, part: Span): Span {
  const raw = source.slice(whole.start, whole.end);
  const quotes = raw.startsWith('"""') || raw.startsWith("'''") ? 3 : 1;
  const close = raw.length - quotes;
  const starts: number[] = [];
  const ends: number[] = [];
  const opening = quotes === 3 ? /^...(?:\r?\n)?/s : /^./;
  for (let index = opening.exec(raw)?.[0].length ?? quotes; index < close; ) {
    const { length, units } = raw[index] === "\\" && raw[0] === '"' ? escapeAt(raw, index) : { length: 1, units: 1 };
    for (let unit = 0; unit < units; unit++) {
      starts.push(index);
      ends.push(index + length);
    }
    index += length;
  }
  const start = starts[part.start] ?? close;
  const end = part.end > part.start ? (ends[part.end - 1] ?? close) : start;
  return { start: whole.start + start, end: whole.start + end };
}

/** The length of an escape in the source, and the number of UTF-16 units that it stands for. */
function escapeAt(raw: string, index: number): { length: number; units: number } {
  ESCAPE.lastIndex = index;
  const [whole = "\\", hex, trimmed] = ESCAPE.exec(raw) ?? [];
  if (trimmed !== undefined) return { length: whole.length, units: 0 };
  return { length: whole.length, units: hex !== undefined && Number.parseInt(hex, 16) > 0xffff ? 2 : 1 };
}

const ESCAPE = /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U([\da-fA-F]{8})|([ \t]*\r?\n[ \t\r\n]*)|.)/sy;

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let index = source.indexOf("\n"); index !== -1; index = source.indexOf("\n", index + 1)) starts.push(index + 1);
  return starts;
}

function placeOf(span: Span, source: string, lines: readonly number[]): Place {
  const line = lineAt(lines, span.start);
  const endLine = lineAt(lines, span.end);
  const lineStart = lines[line - 1] ?? 0;
  const columnAt = (lineNumber: number, offset: number): number => Array.from(source.slice(lines[lineNumber - 1] ?? 0, offset)).length + 1;
  return {
    ...span,
    line,
    column: columnAt(line, span.start),
    endLine,
    endColumn: columnAt(endLine, span.end),
    source: source.slice(lineStart, (lines[line] ?? source.length + 1) - 1).replace(/\r$/, ""),
  };
}

/** The last line that starts at or before an offset, 1-based. */
function lineAt(lines: readonly number[], offset: number): number {
  let low = 0;
  let high = lines.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lines[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
