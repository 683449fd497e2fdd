import type { Diagnostic, Fix, Span } from "./diagnostic.ts";
import { MAX_DEPTH } from "./json.ts";
import { applyPatches, type Patch } from "./patch.ts";
import type { Attempt, Failure } from "./repairs.ts";
import { type Broken, findMistake, wordAt } from "./syntax-mistakes.ts";

export const TOO_DEEP = `tables and lists can be nested ${MAX_DEPTH} levels deep at most`;

/** What is wrong with a statement that is no TOML, and what to do about it. */
export function describeSyntax(source: string, statement: Span, failure: Failure, attempt: Attempt<unknown>): Diagnostic {
  if (failure.reason.includes("nested"))
    return { severity: "error", code: "too-deep", message: TOO_DEEP, span: wordAt(source, failure.offset) };
  const broken: Broken = { ...statement, ...failure, source, text: source.slice(statement.start, statement.end) };
  const { reason, help, span, edits = [], safe = false } = findMistake(broken);
  const mends = edits.length > 0 && "table" in attempt(mended(broken, edits));
  return syntaxError(
    reason,
    help,
    span,
    mends ? { safe, edits: edits.map(({ start, end, text }) => ({ span: { start, end }, text })) } : undefined,
  );
}

export function syntaxError(reason: string, help: string | undefined, span: Span, fix?: Fix): Diagnostic {
  return {
    severity: "error",
    code: "syntax",
    message: `this is not valid TOML: ${reason}`,
    span,
    ...(help === undefined ? {} : { help }),
    ...(fix === undefined ? {} : { fix }),
  };
}

function mended({ start, text }: Broken, edits: readonly Patch[]): string {
  return applyPatches(
    text,
    edits.map((edit) => ({ start: edit.start - start, end: edit.end - start, text: edit.text })),
  );
}
