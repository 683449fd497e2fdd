import type { Diagnostic, Path, Span } from "./diagnostic.ts";
import { isDuplicate, withoutDuplicate } from "./duplicate-key.ts";
import { withoutConflicts } from "./merge-conflicts.ts";
import { addPatch, applyPatches, offsetInSource } from "./patch.ts";
import { type Attempt, dropping, type Failure, type Recovered, type Repairing, type Repairs, withoutDropped } from "./repairs.ts";
import { NAMELESS, type Salvaged, salvage } from "./salvage.ts";
import { describeSyntax, syntaxError } from "./syntax.ts";
import { isClosed, type Statement, statementsOf } from "./toml-statements.ts";
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
  let repairs: Repairs = withoutConflicts(source);
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const result = attempt(applyPatches(source, repairs.patches));
    if ("table" in result) {
      if (isOtherLanguage(source, repairs, source.length)) break;
      return { ...repairs, table: withoutDropped(result.table) };
    }
    if (repairs.diagnostics.length >= MOST_ERRORS) break;
    repairs = best(nextRepairs({ source, attempt, repairs }, result.failure), source, attempt);
  }
  const isOther = isOtherLanguage(source, repairs, repairs.patches.at(-1)?.end ?? 0);
  return { ...repairs, table: null, diagnostics: isOther ? [otherLanguage(source)] : repairs.diagnostics };
}

/** Whether no statement up to an offset is as it was written: then the text is something else than TOML, and its mistakes are one. */
function isOtherLanguage(source: string, { diagnostics, patches }: Repairs, end: number): boolean {
  if (diagnostics.length < 2 && !/^\s*(?:\{\s*(?:"|$)|---|[\w-]+:[ \t]*\r?\n)/.test(source)) return false;
  const kept = statementsOf(applyPatches(source, patches)).filter((statement) => {
    const { start } = inSource({ patches }, statement);
    return start < end && !patches.some((patch) => patch.start <= start && start <= patch.end);
  });
  return kept.length === 0;
}

function otherLanguage(source: string): Diagnostic {
  const start = source.search(/\S/);
  const span = { start, end: source.slice(0, source.indexOf("\n", start)).trimEnd().length };
  const what = /^\s*\{/.test(source) ? "JSON" : /^(?:---|[\w-]+:(?:\s|$))/.test(source.slice(start)) ? "YAML" : "something else";
  return syntaxError(`the file looks like ${what}`, 'a pipeline file is TOML: [tables], and keys such as timeout = "30s"', span);
}

/** What is told at most of one text, whatever comes after it. Who has made so many mistakes has another kind of file. */
export const MOST_ERRORS = 10;
/** Some repairs are not told: those of what follows from something that was. */
const MOST_ROUNDS = 60;
/** How far several ways to go on are followed until one is taken. */
const LOOK_AHEAD = 6;

/** Those after which the fewest are needed; of several, the first. */
function best(candidates: readonly Repairs[], source: string, attempt: Attempt<unknown>): Repairs {
  let [chosen] = candidates as [Repairs];
  if (candidates.length === 1 || isSettled(candidates, source, attempt)) return chosen;
  let fewest = LOOK_AHEAD;
  for (const repairs of candidates) {
    const needed = countNeeded({ source, attempt, repairs }, fewest);
    if (needed < fewest) [chosen, fewest] = [repairs, needed];
    if (fewest === 0) break;
  }
  return chosen;
}

/** Whether after the first of them nothing is wrong any more in the part of the text that they are about. */
function isSettled(candidates: readonly Repairs[], source: string, attempt: Attempt<unknown>): boolean {
  const [first] = candidates as [Repairs];
  const result = attempt(applyPatches(source, first.patches));
  if ("table" in result) return true;
  const own = candidates.flatMap(({ patches }) => patches.filter((patch) => candidates.some((other) => !other.patches.includes(patch))));
  return offsetInSource(first.patches, result.failure.offset) > Math.max(...own.map(({ end }) => end));
}

/** How many more are needed, up to a number from which on it does not matter. */
function countNeeded({ source, attempt, repairs }: Repairing, most: number): number {
  let current = repairs;
  for (let count = 0; count < most; count += 1) {
    const result = attempt(applyPatches(source, current.patches));
    if ("table" in result) return count;
    current = nextRepairs({ source, attempt, repairs: current }, result.failure)[0] ?? current;
  }
  return most;
}

/** The ways to go on after a failure, the likeliest first. */
function nextRepairs(repairing: Repairing, failure: Failure): Repairs[] {
  const { source, repairs } = repairing;
  const text = applyPatches(source, repairs.patches);
  const comments = failure.reason.includes("comments") ? commentsOf(text) : [];
  const comment = comments.find(({ start, end }) => start < failure.offset && failure.offset < end);
  if (comment !== undefined) return [removed(repairing, comment, failure)];
  const statements = statementsOf(text);
  const index = statements.findLastIndex(({ start }) => start <= failure.offset);
  const broken = statements[index];
  if (broken === undefined || (broken.isWhole && text.slice(broken.end, Math.max(broken.end, failure.offset)).includes("\n"))) {
    const stray: Statement = strayLine(text, failure.offset, broken?.table ?? []);
    return repaired(repairing, { text, statement: stray, end: stray.end, failure });
  }
  if (isDuplicate(failure)) return [withoutDuplicate(repairing, text, statements.slice(0, index + 1), failure)];
  const places = placesOfMistake(text, statements, index, failure);
  return places.flatMap((place) => repaired(repairing, { text, ...place }));
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
  if (statement.kind !== "pair") return [Math.min(statement.end, endOfLine(text, statement.start))];
  const next = nextStatementLine(text, statement);
  const whole = endOfProse(text, statement.end);
  // It has lost the quotes that began its text, and those that end it are still there.
  const lost = /\n(?!.*=[ \t]*(?:"""|''')).*(?:"""|''')[^\n]*/g;
  lost.lastIndex = statement.start;
  const closing = lost.exec(text);
  const last = closing === null ? [] : [closing.index + closing[0].length];
  if (next === undefined || next > statement.end) return [whole, ...last];
  const end = endBefore(text, statement, next);
  return statement.isWhole ? [end, whole, ...last] : [end, ...last];
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

/** With the lines that follow and can be no statement, not even one that is broken. */
function endOfProse(text: string, offset: number): number {
  PROSE.lastIndex = endOfLine(text, offset);
  const prose = PROSE.exec(text)?.[0] ?? "";
  return prose === "" ? offset : PROSE.lastIndex;
}

const PROSE = /(?:\n(?![ \t]*(?:\r?\n|#|\[|["']?[\w-]+["']?[ \t]*(?:[=:]|\.|[ \t]["'[{\d]|[ \t](?:true|false)\b)))[^\n]+)*/y;

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
    const isText = token.kind === "string" && !isClosed(text.slice(token.start, token.end));
    if (isText && token.end <= end && !/^(?:"""|''')/.test(text.slice(token.start, token.end))) return failure;
    if (token.kind === "string" && token.end > end) return { offset: token.start, reason: "text not closed" };
    const mark = text[token.start] ?? "";
    if (token.kind === "mark" && "[{".includes(mark)) open.push(token.start);
    if (token.kind === "mark" && "]}".includes(mark)) open.pop();
  }
  const bracket = open[0];
  const isInside = failure.offset < end && /\S/.test(text.slice(failure.offset, end));
  return bracket === undefined || isInside
    ? failure
    : { offset: bracket, reason: text[bracket] === "[" ? "list not closed" : "table not closed" };
}

/** A line that begins with something that begins no statement. */
function strayLine(text: string, start: number, table: Path): Statement {
  const end = Math.max(start + 1, endOfLine(text, start));
  return { kind: "pair", start, end, keys: [], table, path: table, isWhole: true };
}

/** With what was probably meant in the place of a broken statement. */
function repaired(repairing: Repairing, place: Place & { readonly text: string }): Repairs[] {
  const { repairs } = repairing;
  const { text, statement, end } = place;
  const range = inSource(repairs, { start: statement.start, end });
  const wasRepaired = repairs.patches.some((patch) => patch.start === range.start && patch.text !== "");
  if (wasRepaired) return [{ ...repairs, patches: addPatch(repairs.patches, { ...range, text: "" }) }];
  const salvaged = salvage(text.slice(statement.start, end));
  if (salvaged.names !== null || salvaged.isHeader) return [replaced(repairing, place, salvaged)];
  // Such a line may be a key or a header. Headers stand behind an empty line.
  const ways = [replaced(repairing, place, salvaged), replaced(repairing, place, { ...salvaged, isHeader: true })];
  return /(?:^|\n[ \t]*\r?\n)(?:[ \t]*#[^\n]*\n)*[^\n]*$/.test(text.slice(0, statement.start)) ? ways.toReversed() : ways;
}

function replaced(repairing: Repairing, place: Place & { readonly text: string }, salvaged: Salvaged): Repairs {
  const { source, attempt, repairs } = repairing;
  const { statement, end, failure } = place;
  const range = inSource(repairs, { start: statement.start, end });
  const instead = "table" in attempt(salvaged.text) ? salvaged.text : "";
  const patch = { ...range, text: salvaged.isHeader && instead === "" ? dropping(range.start) : instead };
  const patches = addPatch(repairs.patches, patch);
  const upToHere = applyPatches(source, patches).slice(0, statement.start + patch.text.length);
  const made = statementsOf(upToHere).find(({ start }) => start === statement.start);
  const path = instead === "" ? undefined : made?.path;
  const { start: offset } = inSource(repairs, { start: failure.offset, end: failure.offset });
  return {
    ...repairs,
    patches,
    diagnostics: [...repairs.diagnostics, describeSyntax(source, range, { offset, reason: failure.reason }, attempt)],
    doubtful: [...repairs.doubtful, ...doubtsAbout(source, statement.table, salvaged, path)],
  };
}

function inSource({ patches }: Pick<Repairs, "patches">, { start, end }: Span): Span {
  return { start: offsetInSource(patches, start), end: offsetInSource(patches, end) };
}

function doubtsAbout(source: string, table: Path, { names, isHeader, isCertain }: Salvaged, path: Path | undefined): Path[] {
  if (isHeader) return isCertain && path !== undefined && isKnownTable(source, path) ? [] : doubtsAboutTable(path);
  if (names === null) return [[...table, NAMELESS]];
  return [path ?? [...table, ...names]];
}

/** Whether a table is one that the file needs, so that its name is whole. */
function isKnownTable(source: string, path: Path): boolean {
  const names = path.filter((part) => typeof part === "string");
  const name = names.at(-1) ?? "";
  if (FIXED_TABLES.has(names.join("."))) return true;
  if (names.length !== (names[0] === "orchestration" ? 4 : 2)) return false;
  if (names[0] === "inputs") return new RegExp(String.raw`["{ ]${name.replaceAll(/[^\w-]/g, ".")}\b`).test(source);
  return ROOTS.has(names[0] ?? "") && source.includes(JSON.stringify(name));
}

const FIXED_TABLES: ReadonlySet<string> = new Set([
  "defaults",
  "secrets",
  "hooks",
  "orchestration",
  "orchestration.sequential",
  "orchestration.sequential.pipeline",
  "orchestration.sequential.branches",
]);

/** Its name may be another one, which would be missed elsewhere. */
function doubtsAboutTable(path: Path | undefined): Path[] {
  const isName = path?.[0] !== "orchestration" || path[2] === "parallel";
  if (path === undefined || !ROOTS.has(String(path[0])) || !isName) return [[]];
  const parent = path.slice(0, typeof path.at(-1) === "number" ? -2 : -1);
  return [path, [...parent, NAMELESS]];
}

const ROOTS: ReadonlySet<string> = new Set(["agents", "inputs", "providers", "orchestration", "hooks", "defaults", "secrets"]);

function removed({ source, attempt, repairs }: Repairing, comment: Span, { offset, reason }: Failure): Repairs {
  const place = inSource(repairs, comment);
  const failure = { offset: offsetInSource(repairs.patches, offset), reason };
  return {
    ...repairs,
    patches: addPatch(repairs.patches, { ...place, text: "" }),
    diagnostics: [...repairs.diagnostics, describeSyntax(source, place, failure, attempt)],
  };
}
