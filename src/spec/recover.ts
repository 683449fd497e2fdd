import type { Path } from "./diagnostic.ts";
import { isDuplicate, withoutDuplicate } from "./duplicate-key.ts";
import { addPatch, applyPatches, offsetInSource } from "./patch.ts";
import { type Attempt, dropping, type Failure, type Recovered, type Repairing, type Repairs, withoutDropped } from "./repairs.ts";
import { NAMELESS, salvage } from "./salvage.ts";
import { describeSyntax } from "./syntax.ts";
import { type Statement, statementsOf } from "./toml-statements.ts";
import { commentsOf, tokensOf } from "./toml-tokens.ts";

/**
 * Takes out of a text what is no TOML, so that the rest can be read.
 *
 * A broken statement ends where the next line begins that looks like one. What was probably meant takes its place where that can be
 * told, so that what depends on it does not look wrong as well; otherwise nothing does.
 *
 * Contract: at least one diagnostic where the text is no TOML, each with a span.
 */
export function recover<Table extends Record<string, unknown>>(source: string, attempt: Attempt<Table>): Recovered<Table> {
  let repairs: Repairs = { diagnostics: [], doubtful: [], duplicates: [], patches: [] };
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const result = attempt(applyPatches(source, repairs.patches));
    if ("table" in result) return { ...repairs, table: withoutDropped(result.table) };
    if (repairs.diagnostics.length >= MOST_ERRORS) break;
    repairs = best(nextRepairs({ source, attempt, repairs }, result.failure), source, attempt);
  }
  return { ...repairs, table: null };
}

/** What is told at most of one text. Who has made so many mistakes has another kind of file. */
const MOST_ERRORS = 10;
/** Some repairs are not told: those of what follows from something that was. */
const MOST_ROUNDS = 60;
/** How far several ways to go on are followed until one is taken. */
const LOOK_AHEAD = 6;

/** Those after which the fewest are needed; of several, the first. */
function best(candidates: readonly Repairs[], source: string, attempt: Attempt<unknown>): Repairs {
  const [first] = candidates;
  if (first === undefined || candidates.length === 1) return first as Repairs;
  const needed = candidates.map((repairs) => countNeeded({ source, attempt, repairs }));
  return candidates[needed.indexOf(Math.min(...needed))] ?? first;
}

function countNeeded({ source, attempt, repairs }: Repairing): number {
  let current = repairs;
  for (let count = 0; count < LOOK_AHEAD; count += 1) {
    const result = attempt(applyPatches(source, current.patches));
    if ("table" in result) return count;
    current = nextRepairs({ source, attempt, repairs: current }, result.failure)[0] ?? current;
  }
  return LOOK_AHEAD;
}

/** The ways to go on after a failure, the likeliest first. */
function nextRepairs(repairing: Repairing, failure: Failure): Repairs[] {
  const { source, repairs } = repairing;
  const text = applyPatches(source, repairs.patches);
  const comment = commentsOf(text).find(({ start, end }) => start < failure.offset && failure.offset < end);
  if (comment !== undefined) return [removed(repairing, comment.start, comment.end, failure)];
  const statements = statementsOf(text);
  const index = statements.findLastIndex(({ start }) => start <= failure.offset);
  const broken = statements[index];
  if (broken === undefined || text.slice(broken.end, Math.max(broken.end, failure.offset)).includes("\n")) {
    const stray: Statement = strayLine(text, failure.offset, broken?.table ?? []);
    return [repaired(repairing, { text, statement: stray, end: stray.end, failure })];
  }
  if (isDuplicate(failure)) return [withoutDuplicate(repairing, text, statements.slice(0, index + 1), failure)];
  const places = placesOfMistake(text, statements, index, failure);
  return places.map((place) => repaired(repairing, { text, ...place }));
}

/** A broken statement up to where it ends. */
interface Place {
  readonly statement: Statement;
  readonly end: number;
  readonly failure: Failure;
}

/** Where the mistake can be: in a text before that has run on until here, or in the statement itself, which may have run on, too. */
function placesOfMistake(text: string, statements: readonly Statement[], index: number, failure: Failure): Place[] {
  const statement = statements[index];
  const before = statements[index - 1];
  if (statement === undefined) return [];
  const places = endsOf(text, statement).map((end) => ({ statement, end, failure: reasonFor(text, statement, end, failure) }));
  const next = before === undefined || !holdsText(text, before) ? undefined : nextStatementLine(text, before);
  if (before === undefined || next === undefined || next > before.end) return places;
  const end = endBefore(text, before, next);
  return [{ statement: before, end, failure: reasonFor(text, before, end, failure) }, ...places];
}

function endsOf(text: string, statement: Statement): number[] {
  const lineEnd = text.indexOf("\n", statement.start);
  if (statement.kind !== "pair") return [Math.min(statement.end, lineEnd === -1 ? text.length : lineEnd)];
  const next = nextStatementLine(text, statement);
  if (next === undefined || next > statement.end) return [statement.end];
  const end = endBefore(text, statement, next);
  return statement.isWhole ? [end, statement.end] : [end];
}

function endBefore(text: string, { start }: Statement, next: number): number {
  return start + text.slice(start, next).trimEnd().length;
}

function holdsText(text: string, { start, end }: Statement): boolean {
  return /"""|'''/.test(text.slice(start, end));
}

/** The next line that looks like a statement, and stands as far to the left. */
function nextStatementLine(text: string, { start }: Statement): number | undefined {
  const indent = start - (text.lastIndexOf("\n", start - 1) + 1);
  const from = text.indexOf("\n", start);
  if (from === -1) return undefined;
  const pattern = new RegExp(STATEMENT_LINE, "gm");
  pattern.lastIndex = from + 1;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    if ((match[1]?.length ?? 0) <= indent) return match.index;
  }
  return undefined;
}

const KEY = String.raw`(?:[\w-]+|"[^"\n]*"|'[^'\n]*')`;
const KEYS = String.raw`${KEY}(?:[ \t]*\.[ \t]*${KEY})*`;
const STATEMENT_LINE = String.raw`^([ \t]*)(?:\[\[?[ \t]*(?=[A-Za-z])${KEYS}[ \t]*\]\]?[ \t]*(?:#.*)?\r?$|${KEYS}[ \t]*=(?!=))`;

/** Where a string or a bracket runs on beyond the end, that is the reason. */
function reasonFor(text: string, { start, end: wholeEnd, kind }: Statement, end: number, failure: Failure): Failure {
  if (kind !== "pair") return failure;
  const open: number[] = [];
  for (const token of tokensOf(text.slice(0, wholeEnd), start)) {
    if (token.start >= end) break;
    if (token.kind === "string" && token.end > end) return { offset: token.start, reason: "text not closed" };
    const mark = text[token.start] ?? "";
    if (token.kind === "mark" && "[{".includes(mark)) open.push(token.start);
    if (token.kind === "mark" && "]}".includes(mark)) open.pop();
  }
  const bracket = open[0];
  const isInside = failure.offset < end && /\S/.test(text.slice(failure.offset, end));
  return bracket === undefined || isInside ? failure : { offset: bracket, reason: text[bracket] === "[" ? "list not closed" : "table not closed" };
}

/** A line that begins with something that begins no statement. */
function strayLine(text: string, start: number, table: Path): Statement {
  const lineEnd = text.indexOf("\n", start);
  const end = Math.max(start + 1, lineEnd === -1 ? text.length : lineEnd);
  return { kind: "pair", start, end, keys: [], table, path: table, isWhole: true };
}

/** With what was probably meant in the place of a broken statement. */
function repaired(repairing: Repairing, place: Place & { readonly text: string }): Repairs {
  const { source, attempt, repairs } = repairing;
  const { text, statement, end, failure } = place;
  const inSource = (offset: number): number => offsetInSource(repairs.patches, offset);
  const [start, sourceEnd] = [inSource(statement.start), inSource(end)];
  const wasRepaired = repairs.patches.some((patch) => patch.start === start && patch.text !== "");
  if (wasRepaired) return { ...repairs, patches: addPatch(repairs.patches, { start, end: sourceEnd, text: "" }) };
  const salvaged = salvage(text.slice(statement.start, end));
  const instead = "table" in attempt(salvaged.text) ? salvaged.text : "";
  const patches = addPatch(repairs.patches, {
    start,
    end: sourceEnd,
    text: salvaged.isHeader && instead === "" ? dropping(start) : instead,
  });
  const made = statementsOf(applyPatches(source, patches)).find((other) => other.start === statement.start);
  return {
    ...repairs,
    patches,
    diagnostics: [...repairs.diagnostics, describeSyntax(source, { start, end: sourceEnd }, inSource(failure.offset), failure.reason)],
    doubtful: [...repairs.doubtful, ...doubtsAbout(statement.table, salvaged, instead === "" ? undefined : made?.path)],
  };
}

function doubtsAbout(table: Path, { names, isHeader, isCertain }: ReturnType<typeof salvage>, path: Path | undefined): Path[] {
  if (isHeader) return isCertain ? [] : doubtsAboutTable(path);
  if (names === null) return [[...table, NAMELESS]];
  return [path ?? [...table, ...names]];
}

/** Its name may be another one, which would be missed elsewhere. */
function doubtsAboutTable(path: Path | undefined): Path[] {
  if (path === undefined || !ROOTS.has(String(path[0]))) return [[]];
  const parent = path.slice(0, typeof path.at(-1) === "number" ? -2 : -1);
  return [path, [...parent, NAMELESS]];
}

const ROOTS: ReadonlySet<string> = new Set(["agents", "inputs", "providers", "orchestration", "hooks", "defaults", "secrets"]);

function removed({ source, repairs }: Repairing, start: number, end: number, failure: Failure): Repairs {
  const inSource = (offset: number): number => offsetInSource(repairs.patches, offset);
  const place = { start: inSource(start), end: inSource(end) };
  return {
    ...repairs,
    patches: addPatch(repairs.patches, { ...place, text: "" }),
    diagnostics: [...repairs.diagnostics, describeSyntax(source, place, inSource(failure.offset), failure.reason)],
  };
}
