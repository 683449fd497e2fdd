import { cutTo, displayWidth, padTo } from "./width.ts";

export interface Column {
  readonly head: string;
  /** It may be cut where the table is too wide. */
  readonly isFlexible?: boolean;
}

/** A text without escape codes, and how it is coloured. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

export interface TableOptions {
  /** How wide a line may be; 0: as wide as it gets. */
  readonly columns: number;
  readonly paintHead: (text: string) => string;
}

/**
 * The head and the rows as lines, in columns that are two spaces apart; one in which there is nothing is left out. Where
 * that is too wide, flexible columns are cut, then the last ones are left out.
 */
export function tableLines(columns: readonly Column[], rows: readonly (readonly Cell[])[], options: TableOptions): string[] {
  const filled = columns.map((column, index) => ({ ...column, index })).filter(({ index }) => rows.some((row) => row[index]?.text !== ""));
  const wide = filled.map((column) => ({
    ...column,
    width: Math.max(displayWidth(column.head), ...rows.map((row) => displayWidth(row[column.index]?.text ?? ""))),
  }));
  const fitted = options.columns > 0 ? fit(wide, options.columns) : wide;
  const line = (cellOf: (index: number, head: string) => Cell): string =>
    fitted
      .map(({ index, head, width }, place) => {
        const { text, paint = same } = cellOf(index, head);
        const shown = cutTo(text, width);
        return `${paint(shown)}${place === fitted.length - 1 ? "" : padTo("", width - displayWidth(shown))}`;
      })
      .join(GAP)
      .trimEnd();
  return [line((_, head) => ({ text: head, paint: options.paintHead })), ...rows.map((row) => line((index) => row[index] ?? { text: "" }))];
}

const GAP = "  ";

/** A column that is cut keeps at least this much. */
const LEAST_WIDTH = 8;

interface FittedColumn extends Column {
  readonly index: number;
  readonly width: number;
}

function fit(columns: readonly FittedColumn[], limit: number): readonly FittedColumn[] {
  const excess = columns.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length) - limit;
  if (excess <= 0) return columns;
  const widest = columns
    .filter(({ isFlexible, width }) => isFlexible === true && width > LEAST_WIDTH)
    .toSorted((a, b) => b.width - a.width)[0];
  if (widest !== undefined)
    return fit(
      columns.map((column) => (column === widest ? { ...column, width: Math.max(LEAST_WIDTH, column.width - excess) } : column)),
      limit,
    );
  const [only] = columns;
  return columns.length === 1 && only !== undefined ? [{ ...only, width: limit }] : fit(columns.slice(0, -1), limit);
}

function same(text: string): string {
  return text;
}
