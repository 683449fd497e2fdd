import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { onTestFinished } from "vitest";
import type { PipelineDefinition } from "../../src/index.ts";

/** Writes pipelines as files into a directory of their own, by their base names. It goes with the test. */
export function pipelineFiles(definitions: Readonly<Record<string, PipelineDefinition>>): string {
  const directory = mkdtempSync(join(tmpdir(), "agentflow-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, definition] of Object.entries(definitions)) writeFileSync(join(directory, `${name}.toml`), stringify(definition));
  return directory;
}
