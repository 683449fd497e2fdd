import type { Fix } from "../../src/spec/diagnostic.ts";
import { applyPatches } from "../../src/spec/patch.ts";
import { locate } from "../../src/spec/positions.ts";
import { readSpec } from "../../src/spec/read.ts";

/** What is wrong with the form of a file, one line each: `line:column code: message (help)`. */
export async function problemsOf(text: string): Promise<string[]> {
  const located = await locate(text, readSpec(text).diagnostics);
  return located.map(
    ({ place, code, message, help }) => `${place?.line}:${place?.column} ${code}: ${message}${help === null ? "" : ` (${help})`}`,
  );
}

/** A file with nothing but a sequence of one agent, and then the given lines. */
export function fileWith(...lines: string[]): string {
  return ["[orchestration.sequential]", 'agents = ["one"]', ...lines, ""].join("\n");
}

/** A text after a fix whose edits have spans; null where there is none. */
export function fixed(text: string, fix: Fix | undefined): string | null {
  if (fix === undefined) return null;
  const edits = fix.edits.map((edit) => ({ start: edit.span?.start ?? 0, end: edit.span?.end ?? 0, text: edit.text }));
  return applyPatches(text, edits);
}
