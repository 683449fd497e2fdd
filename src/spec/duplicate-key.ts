import { renamedTables } from "./agents-list-and-table.ts";
import type { Diagnostic, Fix, Path, Related, Span } from "./diagnostic.ts";
import { addPatch, offsetInSource } from "./patch.ts";
import { dropping, type Failure, type Repairing, type Repairs } from "./repairs.ts";
import { LISTS } from "./salvage.ts";
import { type Key, keysIn, type Statement, statementsOf } from "./toml-statements.ts";
import { tokensOf } from "./toml-tokens.ts";

/** Whether a parser gave up since something is defined that was defined before. */
export function isDuplicate({ reason }: Failure): boolean {
  return reason.includes("redefine");
}

/**
 * Takes out what is defined a second time, which is the last of the statements. The text is one whose repairs were made.
 *
 * What only follows from another that was told is taken out without a word: tables below a table, for example.
 */
export function withoutDuplicate(repairing: Repairing, text: string, statements: readonly Statement[], failure: Failure): Repairs {
  const { repairs, source } = repairing;
  const second = statements.at(-1) as Statement;
  const isInside = second.kind === "pair" && failure.offset >= (second.keys.at(-1)?.end ?? 0);
  if (isInside) return takenOut(repairing, second, [duplicateInside(repairing, text, second, failure.offset)]);
  const first = firstOf(statements.slice(0, -1), second);
  const renamed = first === undefined ? null : (renamedTables(repairing, text, first, second) ?? madeList(repairing, text, first, second));
  if (renamed !== null) return renamed;
  const place = inSource(repairs, second);
  const wasRepaired = repairs.patches.some((patch) => patch.start < place.end && patch.end > place.start);
  if (wasRepaired || isTold(second, first, repairs.duplicates)) return takenOut(repairing, second, []);
  const taken = takenOut(repairing, second, [duplicate(repairing, source, first, second)]);
  return { ...taken, duplicates: [...repairs.duplicates, ownPath(second)] };
}

/** Tables with the name of a list of tables, which are made its own. */
function madeList({ repairs }: Repairing, text: string, first: Statement, second: Statement): Repairs | null {
  const name = ownPath(second).join(".");
  const tables = statementsOf(text).filter(
    (statement) => statement.kind === "table" && statement.keys.map((key) => key.name).join(".") === name,
  );
  if (first.kind === "pair" || second.kind === "pair" || !LISTS.has(name) || tables.length === 0) return null;
  const list = [first, second].find(({ kind }) => kind === "list-table");
  const spans = tables.map((table) => inSource(repairs, table));
  const told: Diagnostic = {
    severity: "error",
    code: "duplicate-key",
    message:
      list === undefined
        ? `[${name}] is a table, which can stand in the file once`
        : `[${name}] is a table, and a list of tables elsewhere`,
    span: inSource(repairs, tables[0] ?? second),
    label: `write [[${name}]]`,
    related: [
      ...(list === undefined ? [] : [{ path: [], span: inSource(repairs, list), label: "one of the list" }]),
      ...spans.slice(1).map((span) => ({ path: [], span, label: `write [[${name}]]` })),
    ],
    help: `write [[${name}]] each time, in two brackets, since there can be several`,
    fix: { safe: true, edits: spans.map((span) => ({ span, text: `[[${name}]]` })) },
  };
  return {
    ...repairs,
    patches: spans.reduce((patches, span) => addPatch(patches, { ...span, text: `[[${name}]]` }), repairs.patches),
    diagnostics: [...repairs.diagnostics, told],
  };
}

function takenOut({ repairs }: Repairing, statement: Statement, told: readonly Diagnostic[]): Repairs {
  const place = inSource(repairs, statement);
  const text = statement.kind === "pair" ? "" : dropping(place.start);
  return {
    ...repairs,
    patches: addPatch(repairs.patches, { ...place, text }),
    diagnostics: [...repairs.diagnostics, ...told],
    doubtful: [...repairs.doubtful, ownPath(statement)],
  };
}

/** Of a table in a list, the list: each of its tables has the same name. */
function ownPath({ path }: Statement): Path {
  return typeof path.at(-1) === "number" ? path.slice(0, -1) : path;
}

/** What has the same name; otherwise what leaves no room for it. */
function firstOf(before: readonly Statement[], second: Statement): Statement | undefined {
  const path = ownPath(second);
  return (
    before.find((other) => isSame(ownPath(other), path)) ??
    before.find((other) => other.kind === "pair" && isWithin(path, other.path)) ??
    before.find((other) => isWithin(ownPath(other), path))
  );
}

function isTold(second: Statement, first: Statement | undefined, duplicates: readonly Path[]): boolean {
  const path = ownPath(second);
  return duplicates.some((told) => isWithin(path, told) && (!isSame(path, told) || first?.kind !== second.kind));
}

function isSame(one: Path, other: Path): boolean {
  return one.length === other.length && isWithin(one, other);
}

function isWithin(place: Path, whole: Path): boolean {
  return whole.every((part, index) => place[index] === part);
}

function duplicate({ repairs }: Repairing, source: string, first: Statement | undefined, second: Statement): Diagnostic {
  const name = second.keys.map((key) => key.name).join(".");
  const isTable = second.kind !== "pair";
  const fix = first === undefined ? undefined : removal(source, inSource(repairs, first), inSource(repairs, second), isTable);
  return duplicateKey(
    isTable ? `[${name}]` : `\`${name}\``,
    spanOfName(repairs, second),
    first === undefined ? undefined : spanOfName(repairs, first),
    isTable
      ? "a table stands in the file once: write all its keys below the first header, or give one of them another name"
      : "a key stands in its table once: remove one of them",
    fix,
  );
}

function duplicateKey(name: string, span: Span, first: Span | undefined, help: string, fix?: Fix): Diagnostic {
  const related: Related[] = first === undefined ? [] : [{ path: [], span: first, label: "the first time" }];
  return {
    severity: "error",
    code: "duplicate-key",
    message: `${name} is defined a second time`,
    span,
    label: "the second time",
    ...(related.length === 0 ? {} : { related }),
    help,
    ...(fix === undefined ? {} : { fix }),
  };
}

function inSource({ patches }: Repairs, { start, end }: Span): Span {
  return { start: offsetInSource(patches, start), end: offsetInSource(patches, end) };
}

/** The key; of a header, the whole. */
function spanOfName(repairs: Repairs, { kind, keys, start, end }: Statement): Span {
  return inSource(repairs, kind === "pair" ? { start, end: keys.at(-1)?.end ?? end } : { start, end });
}

/** A key with the same value as before says nothing. */
function removal(source: string, first: Span, second: Span, isTable: boolean): Fix | undefined {
  if (isTable || source.slice(first.start, first.end) !== source.slice(second.start, second.end)) return undefined;
  const start = source.lastIndexOf("\n", second.start - 1) + 1;
  const end = source.indexOf("\n", second.end) + 1 || source.length;
  if (/\S/.test(source.slice(start, second.start) + source.slice(second.end, end))) return undefined;
  return { safe: true, edits: [{ span: { start, end }, text: "" }] };
}

/** A key that an inline table has twice. */
function duplicateInside({ repairs }: Repairing, text: string, statement: Statement, offset: number): Diagnostic {
  const keys = keysBefore(text, statement.start, offset);
  const [second] = keysIn(text, { start: offset, end: statement.end });
  const first = keys.find(({ name }) => name === second?.name);
  const span = second ?? { start: offset, end: offset };
  const help = "a key stands in its table once: remove one of them";
  return duplicateKey(`\`${second?.name}\``, inSource(repairs, span), first === undefined ? undefined : inSource(repairs, first), help);
}

/** The first parts of the keys that the innermost inline table has before an offset. */
function keysBefore(text: string, start: number, offset: number): Key[] {
  const tables: Key[][] = [[]];
  let isKeyNext = false;
  for (const token of tokensOf(text.slice(0, offset), start)) {
    if (token.kind === "comment" || token.kind === "line-break") continue;
    const mark = text[token.start] ?? "";
    if (isKeyNext) tables.at(-1)?.push(...keysIn(text, token).slice(0, 1));
    if (token.kind === "mark" && "[{".includes(mark)) tables.push([]);
    if (token.kind === "mark" && "]}".includes(mark)) tables.pop();
    isKeyNext = token.kind === "mark" && "{,".includes(mark);
  }
  return tables.at(-1) ?? [];
}
