import type { Span } from "../diagnostic.ts";

/**
 * A range of the text. Offsets count UTF-16 code units, for programs; lines and columns are 1-based and count code points, as
 * compilers do. A byte order mark is not part of the text. The end is exclusive.
 */
export interface Place extends Span {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** The columns in UTF-16 code units, for formats that count like that. */
  readonly unitColumn: number;
  readonly endUnitColumn: number;
  /** The text of the first line. */
  readonly source: string;
}

/** A text, and where its lines start. */
export interface Lines {
  readonly source: string;
  readonly starts: readonly number[];
}

export function linesOf(source: string): Lines {
  const starts = [0];
  for (let index = source.indexOf("\n"); index !== -1; index = source.indexOf("\n", index + 1)) starts.push(index + 1);
  return { source, starts };
}

export function placeOf(span: Span, { source, starts }: Lines): Place {
  const line = lineAt(starts, span.start);
  const endLine = lineAt(starts, span.end);
  const startOf = (lineNumber: number): number => starts[lineNumber - 1] ?? 0;
  const columnAt = (lineNumber: number, offset: number): number => Array.from(source.slice(startOf(lineNumber), offset)).length + 1;
  return {
    ...span,
    line,
    column: columnAt(line, span.start),
    endLine,
    endColumn: columnAt(endLine, span.end),
    unitColumn: span.start - startOf(line) + 1,
    endUnitColumn: span.end - startOf(endLine) + 1,
    source: source.slice(startOf(line), (starts[line] ?? source.length + 1) - 1).replace(/\r$/, ""),
  };
}

/** The last line that starts at or before an offset, 1-based. */
function lineAt(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
