import type { Located } from "../spec/positions.ts";
import { oneLine } from "./sanitise.ts";

/**
 * A diagnostic in one line, for editors and scripts that look for `file:line:column:`.
 *
 *     pipeline.toml:9:1: error: unknown key `timout` in [agents.fetch] [unknown-key]
 *
 * Contract: every diagnostic has such a line. What has no place in its file stands at its beginning.
 */
export function conciseLines(diagnostics: readonly Located[], shown: (file: string) => string): string[] {
  return diagnostics.map(({ severity, code, message, file, place }) => {
    const where = `${file === null ? "" : oneLine(shown(file))}:${place?.line ?? 1}:${place?.column ?? 1}`;
    return `${where}: ${severity}: ${oneLine(message)} [${code}]`;
  });
}
