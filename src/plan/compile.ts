import type { PlanCode } from "./codes.ts";
import type { Place, Report } from "./checks/report.ts";
import { compileExpression, type Expression } from "./expression.ts";
import type { Edit, Fix, Path } from "../spec/diagnostic.ts";
import type { ExpressionContext, ExpressionProblem, Reads } from "./scope.ts";
import type { AdapterEntry } from "./plan.ts";
import { compileTemplate, type Template } from "./template.ts";

/**
 * Compiles an expression of the file; its problems go to the report, exact inside the string.
 *
 * What has problems is stood in for by an expression that reads nothing, so that the rest of the file can be checked.
 */
export function expressionAt(text: string, place: Place, context: ExpressionContext, report: Report): Expression {
  if (text.trimStart().startsWith("${{")) tellWrapped(text, place, context, report);
  else {
    const compiled = compileExpression(text, context);
    if ("expression" in compiled) return compiled.expression;
    if (isEntry(place) && isProse(text)) tellProse(text, place, report);
    else tell(compiled.problems, place, report);
  }
  return { text, reads: NOTHING, type: null, tree: () => null, evaluate: unusable };
}

/** Whether an expression is an entry of an `input` or `output` table, where a text may be meant. */
function isEntry(place: Place): boolean {
  return !("file" in place) && (place.at(-2) === "input" || place.at(-2) === "output");
}

/** Whether a text that is no expression is words of a language: two of them side by side, or the end of a sentence. */
function isProse(text: string): boolean {
  if (!/^\p{L}[\p{L}\p{N}\s'’,;:.!?()-]*$/u.test(text) || /\w\.\w|\w\(/.test(text)) return false;
  const words = text.trim().split(/\s+/);
  const isWord = (word = ""): boolean => /^[\p{L}\p{N}]/u.test(word) && !OPERATOR.test(word);
  return /\p{L}[.!?]$/u.test(text.trim()) || words.some((word, index) => isWord(word) && isWord(words[index + 1]) && !/['"]/.test(word));
}

/** Words that stand between names in other languages. */
const OPERATOR = /^(?:and|or|not|is|in|if|then|else|eq|ne|gt|lt|ge|le|contains|matches)$/i;

function tellProse(text: string, place: Place, report: Report): void {
  const quoted = JSON.stringify(text.includes("'") ? JSON.stringify(text) : `'${text}'`);
  report.error("invalid-expression", place, "an expression stands here, and this is a text", {
    help: `for a text, put quotes inside: ${quoted}`,
    ...("file" in place ? {} : { fix: { safe: false, edits: [{ path: place, text: quoted }] } }),
  });
}

/** What is written for a template where an expression stands bare. */
function tellWrapped(text: string, place: Place, context: ExpressionContext, report: Report): void {
  const start = text.indexOf("${{");
  const [, opening = "", inside = "", closing = ""] = /^(\$\{\{\s*)(.*?)(\s*\}\})$/s.exec(text.trim()) ?? [];
  const isWhole = inside !== "" && "expression" in compileExpression(inside, context);
  const end = start + opening.length + inside.length;
  const fix = { safe: true, edits: [removal(place, start, start + opening.length), removal(place, end, end + closing.length)] };
  report.error("invalid-expression", place, "an expression stands here by itself, without ${{ }}", {
    at: { start, end: start + 3 },
    help: "leave out ${{ and }}",
    ...(isWhole ? { fix } : {}),
  });
}

function removal(place: Place, start: number, end: number): Edit {
  return "file" in place ? { span: { start, end }, text: "" } : { path: place, at: { start, end }, text: "" };
}

/** The same for a template. */
export function templateAt(text: string, place: Place, context: ExpressionContext, report: Report): Template {
  const compiled = compileTemplate(text, context);
  if ("template" in compiled) return compiled.template;
  tell(compiled.problems, place, report);
  return { text, constant: false, parts: [], reads: NOTHING, render: unusable, renderText: unusable };
}

/** Compiles an `input` or `output` table. */
export function adapterAt(table: Readonly<Record<string, string>>, path: Path, context: ExpressionContext, report: Report): AdapterEntry[] {
  return Object.entries(table).map(([key, text]) => ({ key, value: expressionAt(text, [...path, key], context, report) }));
}

const NOTHING: Reads = { keys: [], env: [], stages: [], meta: [], wholeState: false };

/** There is no plan where there is a problem, so nobody gets here. */
function unusable(): never {
  throw new Error("an expression with problems cannot be evaluated");
}

function tell(problems: readonly ExpressionProblem[], place: Place, report: Report): void {
  for (const { code, message, start, end, help, fix } of problems) {
    report.error(code as PlanCode, place, message, {
      at: { start, end },
      ...(help === undefined ? {} : { help }),
      ...(fix === undefined ? {} : { fix: fixAt(place, fix) }),
    });
  }
}

/** What mends an expression, in the file that it stands in. */
export function fixAt(place: Place, { safe, start, end, text }: NonNullable<ExpressionProblem["fix"]>): Fix {
  const part = { start, end };
  return { safe, edits: ["file" in place ? { span: part, text } : { path: place, at: part, text }] };
}
