import type { Span } from "../diagnostic.ts";
import { hideSecrets, mayHoldSecret } from "../secrets.ts";

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
  /** The text of the first line, in which secrets are struck out. */
  readonly source: string;
}

/** A text, and where its lines start. */
export interface Lines {
  readonly source: string;
  /** As it may be shown: secrets are struck out. It has the same length. */
  shown: string;
  readonly starts: readonly number[];
  /** Where the characters of two code units begin, by the number of the line; of the lines in which a place was asked for. */
  readonly pairs: Map<number, readonly number[]>;
}

export function linesOf(source: string): Lines {
  const starts = [0];
  for (let index = source.indexOf("\n"); index !== -1; index = source.indexOf("\n", index + 1)) starts.push(index + 1);
  return { source, shown: mayHoldSecret(source) ? hideSecrets(source) : source, starts, pairs: new Map() };
}

export function placeOf(span: Span, lines: Lines): Place {
  const { source, shown, starts } = lines;
  const line = lineAt(starts, span.start);
  const endLine = lineAt(starts, span.end);
  const startOf = (lineNumber: number): number => starts[lineNumber - 1] ?? 0;
  const columnAt = (lineNumber: number, offset: number): number =>
    offset - startOf(lineNumber) - countBelow(pairsIn(lines, lineNumber), offset - 1) + 1;
  const shownLine = shown.slice(startOf(line), (starts[line] ?? source.length + 1) - 1);
  return {
    ...span,
    line,
    column: columnAt(line, span.start),
    endLine,
    endColumn: columnAt(endLine, span.end),
    unitColumn: span.start - startOf(line) + 1,
    endUnitColumn: span.end - startOf(endLine) + 1,
    source: shownLine.endsWith("\r") ? shownLine.slice(0, -1) : shownLine,
  };
}

/** They are looked for once, since many problems may be in one long line. */
function pairsIn({ source, starts, pairs }: Lines, line: number): readonly number[] {
  const known = pairs.get(line);
  if (known !== undefined) return known;
  const start = starts[line - 1] ?? 0;
  const found = Array.from(source.slice(start, starts[line]).matchAll(/[\ud800-\udbff][\udc00-\udfff]/g), ({ index }) => start + index);
  pairs.set(line, found);
  return found;
}

/** The last line that starts at or before an offset, 1-based. */
function lineAt(starts: readonly number[], offset: number): number {
  return Math.max(1, countBelow(starts, offset + 1));
}

/** How many of some numbers, which are sorted, are less than another. */
function countBelow(numbers: readonly number[], most: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < most) low = middle + 1;
    else high = middle;
  }
  return low;
}
