import { relative } from "node:path";
import type { Documents } from "../plan/source.ts";
import { renderDiagnostics } from "../report/diagnostics.ts";
import type { Palette } from "../report/palette.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import type { Io } from "./io.ts";

/** Prints diagnostics on stderr, each at its place in its document. */
export async function printDiagnostics(io: Io, diagnostics: readonly Diagnostic[], documents: Documents, palette: Palette): Promise<void> {
  if (diagnostics.length === 0) return;
  const located = await locateAll(diagnostics, documents);
  io.stderr.write(renderDiagnostics(located, documents, { palette, shown: (file) => shownPath(io, file) }));
}
