import { relative } from "node:path";
import type { Documents } from "../plan/source.ts";
import type { HumanOptions } from "../report/diagnostics.ts";
import type { Palette } from "../report/palette.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import type { Io } from "./io.ts";

/** Prints diagnostics on stderr, each at its place in its document. */
export async function printDiagnostics(
  io: Io,
  diagnostics: readonly Diagnostic[],
  documents: Documents,
  palette: Palette,
  options: Pick<HumanOptions, "mends"> = {},
): Promise<void> {
  if (diagnostics.length === 0) return;
  // Places need a second parser, and frames the widths of all characters: a file without problems pays for neither.
  const { locateAll } = await import("../spec/positions.ts");
  const { renderDiagnostics } = await import("../report/diagnostics.ts");
  const located = await locateAll(diagnostics, documents);
  const columns = io.stderr.isTTY ? io.stderr.columns : 0;
  io.stderr.write(`${renderDiagnostics(located, { palette, columns, shown: (file) => shownPath(io, file), ...options })}\n`);
}

/** A path as a person would write it from here. */
export function shownPath(io: Pick<Io, "cwd">, file: string): string {
  const path = relative(io.cwd, file);
  return path.startsWith("../../") ? file : path;
}
