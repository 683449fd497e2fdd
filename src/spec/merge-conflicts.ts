import type { Diagnostic, Span } from "./diagnostic.ts";
import type { Repairs } from "./repairs.ts";
import { syntaxError } from "./syntax.ts";
import { tokensOf } from "./toml-tokens.ts";

/**
 * Takes the merge conflicts out of a text: the first side stays.
 *
 * Contract: one diagnostic for each. Since nobody knows which side is meant, nothing certain can be said of the rest.
 */
export function withoutConflicts(source: string): Repairs {
  const conflicts = conflictsIn(source);
  return {
    diagnostics: conflicts.map(describe),
    doubtful: conflicts.length === 0 ? [] : [[]],
    duplicates: [],
    patches: conflicts.flatMap(({ first, base, second, end }) => [
      { ...first, text: "" },
      { start: (base ?? second).start, end: end.end, text: "" },
    ]),
  };
}

/** The lines that mark one. */
interface Conflict {
  readonly first: Span;
  /** What both sides come from, where that is shown as well. */
  readonly base: Span | undefined;
  readonly second: Span;
  readonly end: Span;
}

function conflictsIn(source: string): Conflict[] {
  const conflicts: Conflict[] = [];
  let open: { first?: Span; base?: Span; second?: Span } = {};
  for (const [kind, line] of markersIn(source)) {
    const { first, base, second } = open;
    if (kind === "<") open = { first: line };
    else if (kind === "|") open = { ...open, base: line };
    else if (kind === "=") open = { ...open, second: line };
    else {
      if (first !== undefined && second !== undefined) conflicts.push({ first, base, second, end: line });
      open = {};
    }
  }
  return conflicts;
}

/** In the order of the text; in a string they mark nothing. */
function markersIn(source: string): [kind: string, line: Span][] {
  const lines = [...source.matchAll(MARKER)].map(({ 0: line, 1: kind = "", index }): [string, Span] => {
    return [kind, { start: index, end: index + line.length }];
  });
  if (lines.length < 3) return [];
  const strings = [...tokensOf(source)].filter(({ kind, start, end }) => kind === "string" && source.slice(start, end).includes("\n"));
  return lines.filter(([, { start }]) => !strings.some((string) => string.start < start && start < string.end));
}

const MARKER = /^([<|=>])\1{6}(?=[ \t\r\n]|$).*$/gm;

function describe({ first, second, end }: Conflict): Diagnostic {
  const help = "keep what is right of both sides, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>";
  return {
    ...syntaxError("this is a merge conflict that is not resolved", help, first),
    related: [
      { path: [], span: second, label: "the other side" },
      { path: [], span: end, label: "its end" },
    ],
  };
}
