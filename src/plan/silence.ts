import type { Diagnostic, Span } from "../spec/diagnostic.ts";
import { SPEC_CODES } from "../spec/read.ts";
import { nearest } from "../spec/suggest.ts";
import { stripByteOrderMark } from "../spec/toml.ts";
import { statementsOf } from "../spec/toml-statements.ts";
import { commentsOf } from "../spec/toml-tokens.ts";
import { holdsIgnore, IGNORE, isJudgement, PLAN_CODES } from "./codes.ts";
import type { PlanSource } from "./plan.ts";
import type { Documents } from "./source.ts";

/**
 * The diagnostics that nobody has silenced. A comment `# agentflow-ignore CODE: reason` silences what is found in the statement
 * that it follows on its line, or that it stands above. Comments that silence nothing, or that do not say why, are told.
 *
 * Contract: warnings can be silenced, errors that are judgements, and what this machine lacks, in a run too; with any other error
 * a file cannot be run.
 */
export async function silence(
  diagnostics: readonly Diagnostic[],
  source: PlanSource | null,
  documents: Documents,
): Promise<readonly Diagnostic[]> {
  let left = diagnostics;
  for (const file of filesOf(source)) {
    const text = documents.get(file);
    if (text !== undefined && holdsIgnore(text)) left = await silenceIn(stripByteOrderMark(text), file, left);
  }
  return left;
}

/** The pipeline's own file, and those of its nested pipelines. */
function filesOf(source: PlanSource | null): Set<string> {
  if (source === null) return new Set();
  return new Set([
    ...(source.file === null ? [] : [source.file]),
    ...Object.values(source.pipelines).flatMap((inner) => [...filesOf(inner)]),
  ]);
}

/** A comment, what it names, and the part of the text that it is about. */
interface Ignore {
  readonly comment: Span;
  readonly codes: readonly string[];
  readonly reason: string;
  readonly about: Span | null;
}

async function silenceIn(text: string, file: string, diagnostics: readonly Diagnostic[]): Promise<Diagnostic[]> {
  const ignores = ignoresIn(text);
  const here = diagnostics.filter((diagnostic) => diagnostic.file === file);
  const { spansIn } = await import("../spec/positions.ts");
  const spans = await spansIn(text, here);
  const silenced = new Set<Diagnostic>();
  // What is missed may be what a mistake has hidden.
  const isWhole = !here.some((diagnostic) => diagnostic.severity === "error" && !isJudgement(diagnostic.code));
  const told = ignores.flatMap((ignore): Diagnostic[] => {
    const meant = here.filter((diagnostic, index) => ignore.codes.includes(diagnostic.code) && isAbout(ignore, spans[index] ?? null));
    const problem = problemOf(ignore, meant);
    if (problem === null) for (const diagnostic of meant) silenced.add(diagnostic);
    return problem === null || (problem.code === "unused-ignore" && !isWhole)
      ? []
      : [{ severity: "warning", file, span: ignore.comment, ...problem, ...fixFor(problem.code, ignore, text) }];
  });
  return [...diagnostics.filter((diagnostic) => !silenced.has(diagnostic)), ...told];
}

function isAbout({ about }: Ignore, span: Span | null): boolean {
  return about !== null && span !== null && span.start >= about.start && span.start <= about.end;
}

function ignoresIn(text: string): Ignore[] {
  const statements = statementsOf(text);
  return commentsOf(text).flatMap((comment): Ignore[] => {
    const body = new RegExp(String.raw`^#\s*${IGNORE}\b(.*)$`, "i").exec(comment.text)?.[1];
    if (body === undefined) return [];
    const [, codes = "", reason = ""] = /^\s*([^:]*?)\s*(?::\s*(.*?)\s*)?$/.exec(body) ?? [];
    const about = statements.find(({ start, end }) => start < comment.start && comment.start < end) ?? nextTo(comment, statements, text);
    return [{ comment, codes: codes.split(/[\s,]+/).filter((code) => code !== ""), reason, about }];
  });
}

/** The statement before a comment on its line; or the one below, with nothing but comments between. */
function nextTo(comment: Span, statements: readonly Span[], text: string): Span | null {
  const before = statements.findLast(({ end }) => end <= comment.start);
  if (before !== undefined && !text.slice(before.end, comment.start).includes("\n")) return before;
  const below = statements.find(({ start }) => start >= comment.end);
  return below !== undefined && /^(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*$/.test(text.slice(comment.end, below.start)) ? below : null;
}

/** Found on the machine, and so not everywhere. */
const OF_MACHINES: ReadonlySet<string> = new Set(["unset-variable", "missing-file", "missing-program"]);
const KNOWN = { ...SPEC_CODES, ...PLAN_CODES };

/** What is wrong with a comment; null: it silences these. */
function problemOf({ codes, reason }: Ignore, meant: readonly Diagnostic[]): Pick<Diagnostic, "code" | "message" | "help"> | null {
  const invalid = (message: string, help: string) => ({ code: "invalid-ignore", message, help });
  const form = `write # ${IGNORE} CODE: reason`;
  if (codes.length === 0) return invalid("this comment does not say what is to be ignored", form);
  const unknown = codes.find((code) => !Object.hasOwn(KNOWN, code));
  if (unknown !== undefined) {
    const near = nearest(unknown, Object.keys(KNOWN));
    return invalid(
      `there is no code \`${unknown}\``,
      near === undefined ? "`agentflow explain` lists the codes" : `did you mean \`${near}\`?`,
    );
  }
  if (reason === "") return invalid("this comment does not say why", `${form}, so that the next reader knows`);
  const hard = meant.find(
    (diagnostic) => diagnostic.severity === "error" && !isJudgement(diagnostic.code) && !OF_MACHINES.has(diagnostic.code),
  );
  if (hard !== undefined)
    return invalid(`\`${hard.code}\` cannot be ignored: the file cannot be run with it`, "mend it, and remove this comment");
  if (meant.length > 0 || codes.some((code) => OF_MACHINES.has(code))) return null;
  const names = codes.map((code) => `\`${code}\``).join(", ");
  return { code: "unused-ignore", message: `there is no ${names} here to be ignored`, help: "remove this comment" };
}

function fixFor(code: string, { comment }: Ignore, text: string): Pick<Diagnostic, "fix"> {
  if (code !== "unused-ignore") return {};
  const lineStart = text.lastIndexOf("\n", comment.start - 1) + 1;
  const isAlone = text.slice(lineStart, comment.start).trim() === "";
  const blanks = /[ \t]*$/.exec(text.slice(0, comment.start))?.[0].length ?? 0;
  const lineEnd = text.indexOf("\n", comment.end) + 1 || text.length;
  const span = isAlone ? { start: lineStart, end: lineEnd } : { start: comment.start - blanks, end: comment.end };
  return { fix: { safe: true, edits: [{ span, text: "" }] } };
}
