import type { Path } from "../spec/diagnostic.ts";
import type { Report } from "./checks/report.ts";
import { compileExpression, type Expression } from "./expression.ts";
import type { ExpressionContext, ExpressionProblem } from "./scope.ts";
import type { AdapterEntry } from "./plan.ts";
import { compileTemplate, type Template } from "./template.ts";

/** Compiles an expression that stands at `path`; its problems go to the report, exact inside the string. */
export function expressionAt(text: string, path: Path, context: ExpressionContext, report: Report): Expression | null {
  const compiled = compileExpression(text, context);
  if ("expression" in compiled) return compiled.expression;
  tell(compiled.problems, path, report);
  return null;
}

/** Compiles a template that stands at `path`. */
export function templateAt(text: string, path: Path, context: ExpressionContext, report: Report): Template | null {
  const compiled = compileTemplate(text, context);
  if ("template" in compiled) return compiled.template;
  tell(compiled.problems, path, report);
  return null;
}

/** Compiles an `input` or `output` table. */
export function adapterAt(table: Readonly<Record<string, string>>, path: Path, context: ExpressionContext, report: Report): AdapterEntry[] {
  const entries: AdapterEntry[] = [];
  for (const [key, text] of Object.entries(table)) {
    const value = expressionAt(text, [...path, key], context, report);
    if (value !== null) entries.push({ key, value });
  }
  return entries;
}

function tell(problems: readonly ExpressionProblem[], path: Path, report: Report): void {
  for (const { code, message, start, end, help } of problems) {
    report.error(code, path, message, { at: { start, end }, ...(help === undefined ? {} : { help }) });
  }
}
