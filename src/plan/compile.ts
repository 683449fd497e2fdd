import type { PlanCode } from "./codes.ts";
import type { Place, Report } from "./checks/report.ts";
import { compileExpression, type Expression } from "./expression.ts";
import type { Fix, Path } from "../spec/diagnostic.ts";
import type { ExpressionContext, ExpressionProblem, Reads } from "./scope.ts";
import type { AdapterEntry } from "./plan.ts";
import { compileTemplate, type Template } from "./template.ts";

/**
 * Compiles an expression of the file; its problems go to the report, exact inside the string.
 *
 * What has problems is stood in for by an expression that reads nothing, so that the rest of the file can be checked.
 */
export function expressionAt(text: string, place: Place, context: ExpressionContext, report: Report): Expression {
  const compiled = text.trimStart().startsWith("${{") ? WRAPPED : compileExpression(text, context);
  if ("expression" in compiled) return compiled.expression;
  tell(compiled.problems, place, report);
  return { text, reads: NOTHING, type: null, tree: () => null, evaluate: unusable };
}

/** What is written for a template where an expression stands bare. */
const WRAPPED = {
  problems: [
    {
      code: "invalid-expression",
      message: "an expression stands here by itself, without ${{ }}",
      start: 0,
      end: 3,
      help: "leave out ${{ and }}",
    },
  ],
} as const;

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

function fixAt(place: Place, { safe, start, end, text }: NonNullable<ExpressionProblem["fix"]>): Fix {
  const part = { start, end };
  return { safe, edits: ["file" in place ? { span: part, text } : { path: place, at: part, text }] };
}
