import { globSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";

/** Where no pipelines of one's own lie. */
const SKIPPED = new Set(["node_modules", ".agentflow"]);

/** The files that match a pattern such as `pipelines/**\/*.toml`, in the order of their names; absolute. */
export function filesMatching(pattern: string, cwd: string): string[] {
  return globSync(pattern, { cwd, exclude: (path) => SKIPPED.has(basename(path)) })
    .map((path) => resolve(cwd, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .toSorted();
}
