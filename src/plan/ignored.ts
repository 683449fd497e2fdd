import type { Diagnostic } from "../spec/diagnostic.ts";
import { holdsIgnore, isJudgement } from "./codes.ts";
import type { LoadedSource } from "./source.ts";

/**
 * The diagnostics of a source without those that comments in its text silence. Where there is no text to say so in, what could
 * be silenced is no error.
 */
export async function withoutIgnored(
  diagnostics: readonly Diagnostic[],
  { source, documents }: Pick<LoadedSource, "source" | "documents">,
): Promise<readonly Diagnostic[]> {
  if (documents.size === 0) return diagnostics.map((one) => (isJudgement(one.code) ? { ...one, severity: "warning" } : one));
  if (![...documents.values()].some(holdsIgnore)) return diagnostics;
  const { silence } = await import("./silence.ts");
  return silence(diagnostics, source, documents);
}
