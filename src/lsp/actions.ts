import { isFixable, withoutOverlap } from "../pipeline/fix.ts";
import { IGNORE, isJudgement } from "../plan/codes.ts";
import type { Span } from "../spec/diagnostic.ts";
import type { LocatedFix } from "../spec/places/edits.ts";
import type { Located } from "../spec/positions.ts";
import { outlineOf } from "./outline.ts";
import type { Replacement } from "./rename.ts";

/** Something that an editor can do about diagnostics. */
export interface Action {
  readonly title: string;
  readonly kind: "quickfix" | "source.fixAll.agentflow";
  /** Whether it can be done without a question. */
  readonly isSafe: boolean;
  readonly diagnostics: readonly Located[];
  readonly edits: readonly Replacement[];
}

/** What can be done in a range about the diagnostics of a text: fixes, silence for warnings; and all safe fixes at once. */
export function actionsIn(text: string, range: Span, diagnostics: readonly Located[]): Action[] {
  const here = diagnostics.filter(({ place }) => place !== null && place.start <= range.end && range.start <= place.end);
  return [...here.flatMap(fixAction), ...here.flatMap((diagnostic) => silence(text, diagnostic)), ...fixAll(diagnostics)];
}

function fixAction(diagnostic: Located): Action[] {
  const { fix, help, message } = diagnostic;
  if (fix === null) return [];
  return [{ title: capital(help ?? message), kind: "quickfix", isSafe: fix.safe, diagnostics: [diagnostic], edits: editsOf(fix) }];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function editsOf({ edits }: LocatedFix): Replacement[] {
  return edits.map(({ place, text }) => ({ start: place.start, end: place.end, text }));
}

/** A comment on a line of its own above, with a reason that is still to be written; for what can be silenced. */
function silence(text: string, diagnostic: Located): Action[] {
  const { severity, code, place } = diagnostic;
  if (place === null || (severity === "error" && !isJudgement(code)) || ABOUT_COMMENTS.has(code)) return [];
  const start = lineOfStatement(text, place.start);
  const [indent = ""] = /^[ \t]*/.exec(text.slice(start)) ?? [];
  const lineBreak = text.includes("\r\n") ? "\r\n" : "\n";
  const comment = `${indent}# ${IGNORE} ${code}: say why${lineBreak}`;
  const title = `Ignore \`${code}\` here: # ${IGNORE}`;
  return [{ title, kind: "quickfix", isSafe: false, diagnostics: [diagnostic], edits: [{ start, end: start, text: comment }] }];
}

/** A comment about a comment helps nobody. */
const ABOUT_COMMENTS: ReadonlySet<string> = new Set(["unused-ignore", "invalid-ignore"]);

/** Where the line begins that an offset is in; in a text of several lines, the line where that text begins. */
function lineOfStatement(text: string, offset: number): number {
  const around = outlineOf(text).parts.find(
    (part) => part.kind === "value" && part.text !== null && part.start <= offset && offset < part.end,
  );
  return text.lastIndexOf("\n", (around?.start ?? offset) - 1) + 1;
}

/** Of fixes that touch each other the first is made; the others come up again. */
function fixAll(diagnostics: readonly Located[]): Action[] {
  const made = withoutOverlap(diagnostics.filter(isFixable));
  if (made.length === 0) return [];
  const edits = made.flatMap(({ fix }) => editsOf(fix));
  return [{ title: "Fix all safe problems", kind: "source.fixAll.agentflow", isSafe: true, diagnostics: made, edits }];
}
