import type { AST } from "toml-eslint-parser";
import type { Diagnostic, Path, Span } from "../diagnostic.ts";
import { applyPatches, offsetInSource, type Patch } from "../patch.ts";
import { parseToml } from "../toml.ts";
import { statementsOf } from "../toml-statements.ts";
import { partOfString } from "./string.ts";

/** A key or an entry of a list, and where it stands. */
export interface Entry {
  /** The key as written; in `[agents.fetch]` the last part. */
  key?: Span;
  /** Everywhere that the key is written: the headers of the tables below it, and dotted keys. */
  readonly keys: Span[];
  /** The value; of a table with a header, the header. */
  value?: Span;
  /** Whether the value is a string, in which a part can be marked. */
  text?: boolean;
  /** A key with its value, where both are written together; an entry of a list. */
  whole?: Span;
  /** The list or the inline table in which a comma parts it from others. */
  container?: Container;
  /** Of a table with a header, and of the whole file: what stands below it; the header where that is nothing. */
  body?: Span;
  readonly children: Map<string | number, Entry>;
}

/** Entries in brackets, in the order in which they are written. */
export interface Container {
  readonly entries: readonly Span[];
}

/** Where nothing is known. */
export const EMPTY: Entry = { keys: [], children: new Map() };

/** Where each key and each value of a TOML text stands. The parser that knows is loaded only now. */
export async function readEntries(source: string): Promise<Entry> {
  const { parseTOML } = await import("toml-eslint-parser");
  const root: Entry = { keys: [], children: new Map() };
  // Paths are those of the data, which has what was meant where the text is no TOML.
  const { patches } = parseToml(source);
  const text = applyPatches(source, patches);
  try {
    for (const node of parseTOML(text).body[0].body) {
      if (node.type === "TOMLTable") addTable(root, node, text);
      else addKeyValue(root, node);
      if (node.type === "TOMLKeyValue") root.body = { start: root.body?.start ?? node.range[0], end: node.range[1] };
    }
    if (patches.length > 0) moveToSource(root, patches);
  } catch {
    // The text was read before, by the parser that counts. This one gives up on texts in which a single string has more than
    // 100,000 characters.
    return roughEntries(source);
  }
  return root;
}

/** Where the key of each statement of a text stands, with nothing of what is inside its value. */
function roughEntries(source: string): Entry {
  const root: Entry = { keys: [], children: new Map() };
  for (const { kind, keys, path, start, end } of statementsOf(source)) {
    let entry = root;
    let next = kind === "pair" ? keys.length - path.filter((part) => typeof part === "string").length : 0;
    for (const part of path) {
      entry = childOf(entry, part);
      const key = typeof part === "string" ? keys[next++] : undefined;
      if (key !== undefined) addKey(entry, { start: key.start, end: key.end });
    }
    // Where a value is not known, no fix can be made of it.
    if (kind !== "pair") entry.value = { start, end };
  }
  return root;
}

function moveToSource(entry: Entry, patches: readonly Patch[]): void {
  const moved = ({ start, end }: Span): Span => ({ start: offsetInSource(patches, start), end: offsetInSource(patches, end) });
  for (const part of ["key", "value", "whole", "body"] as const) {
    const span = entry[part];
    if (span !== undefined) entry[part] = moved(span);
  }
  for (const [index, span] of entry.keys.entries()) entry.keys[index] = moved(span);
  if (entry.container !== undefined) entry.container = { entries: entry.container.entries.map(moved) };
  for (const child of entry.children.values()) moveToSource(child, patches);
}

/** What stands at a path. */
export function entryAt(root: Entry, path: Path): Entry | undefined {
  let entry: Entry | undefined = root;
  for (const part of path) entry = entry?.children.get(part);
  return entry;
}

/** What a diagnostic marks; for what is not there, the nearest that is. */
export function spanOf(root: Entry, path: Path, at: NonNullable<Diagnostic["at"]>, source: string): Span {
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

function addTable(root: Entry, node: AST.TOMLTable, source: string): void {
  const { keys } = node.key;
  let entry = root;
  let next = 0;
  for (const part of node.resolvedKey) {
    entry = childOf(entry, part);
    if (typeof part === "string") addKey(entry, spanOfNode(keys[next++]));
  }
  const last = spanOfNode(keys.at(-1));
  const header = { start: node.range[0], end: source.indexOf("]", last.end) + (node.kind === "array" ? 2 : 1) };
  if (node.kind === "standard") entry.key = last;
  entry.value = header;
  for (const keyValue of node.body) addKeyValue(entry, keyValue);
  const [first, end] = [node.body[0], node.body.at(-1)];
  entry.body = first === undefined || end === undefined ? header : { start: first.range[0], end: end.range[1] };
}

function addKeyValue(parent: Entry, node: AST.TOMLKeyValue, container?: Container): void {
  let entry = parent;
  for (const key of node.key.keys) {
    entry = childOf(entry, key.type === "TOMLBare" ? key.name : key.value);
    addKey(entry, spanOfNode(key));
  }
  entry.whole = spanOfNode(node);
  if (container !== undefined) entry.container = container;
  addValue(entry, node.value);
}

function addKey(entry: Entry, span: Span): void {
  entry.key ??= span;
  entry.keys.push(span);
}

function addValue(entry: Entry, node: AST.TOMLContentNode): void {
  entry.value = spanOfNode(node);
  if (node.type === "TOMLArray") addList(entry, node);
  else if (node.type === "TOMLInlineTable") {
    const container = { entries: node.body.map(spanOfNode) };
    for (const keyValue of node.body) addKeyValue(entry, keyValue, container);
  } else entry.text = node.kind === "string";
}

function addList(entry: Entry, node: AST.TOMLArray): void {
  const container = { entries: node.elements.map(spanOfNode) };
  for (const [index, element] of node.elements.entries()) {
    const child = childOf(entry, index);
    child.whole = spanOfNode(element);
    child.container = container;
    addValue(child, element);
  }
}

function childOf(entry: Entry, part: string | number): Entry {
  let child = entry.children.get(part);
  if (child === undefined) {
    child = { keys: [], children: new Map() };
    entry.children.set(part, child);
  }
  return child;
}

function spanOfNode(node: AST.TOMLNode | undefined): Span {
  return { start: node?.range[0] ?? 0, end: node?.range[1] ?? 0 };
}
