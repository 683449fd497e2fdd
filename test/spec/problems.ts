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
