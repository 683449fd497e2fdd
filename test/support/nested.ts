import { stringify } from "smol-toml";
import type { PipelineDefinition } from "../../src/index.ts";
import { folderWith } from "./folder.ts";

/** A folder with pipelines, by their base names, and other files. It goes with the tests. */
export function pipelineFiles(
  definitions: Readonly<Record<string, PipelineDefinition>>,
  others: Readonly<Record<string, string>> = {},
): string {
  const pipelines = Object.entries(definitions).map(([name, definition]) => [`${name}.toml`, stringify(definition)] as const);
  return folderWith({ ...Object.fromEntries(pipelines), ...others });
}
