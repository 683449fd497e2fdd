import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { onTestFinished } from "vitest";
import type { PipelineDefinition } from "../../src/index.ts";

/** Writes pipelines, by their base names, and other files into a directory of their own. It goes with the test. */
export function pipelineFiles(
  definitions: Readonly<Record<string, PipelineDefinition>>,
  others: Readonly<Record<string, string>> = {},
): string {
  const directory = mkdtempSync(join(tmpdir(), "agentflow-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, definition] of Object.entries(definitions)) writeFileSync(join(directory, `${name}.toml`), stringify(definition));
  for (const [name, text] of Object.entries(others)) writeFileSync(join(directory, name), text);
  return directory;
}
