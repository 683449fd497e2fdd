import { expect, test } from "vitest";
import { parsePipeline } from "../../src/index.ts";
import { changesOfElement } from "../../src/plan/compare.ts";
import type { PlanSource } from "../../src/plan/plan.ts";
import { folderWith } from "../support/folder.ts";

const INNER = '[agents.i]\ntype = "canned"\nreply = { k = 1 }\n[orchestration.sequential]\nagents = ["i"]\n';
const FILES = {
  "ask.md": "Say a word.",
  "inner.toml": INNER,
  "p.toml": `
[defaults]
retries = 1
model = "m"
[providers.local]
base_url = "http://127.0.0.1:9"
[agents.base]
type = "canned"
reply = { k = 1 }
[agents.a]
extends = "base"
fallback = "spare"
[agents.spare]
type = "canned"
retries = 0
[agents.own]
type = "canned"
retries = 3
[agents.ask]
type = "llm"
provider = "local"
prompt_file = "ask.md"
[agents.nested]
type = "pipeline"
file = "inner.toml"
[agents.x]
type = "canned"
[agents.y]
type = "canned"
[orchestration.sequential]
agents = ["a", "own", "ask", "nested", "g"]
[orchestration.sequential.parallel.g]
agents = ["x", "y"]
`,
};

async function sourceOf(files: Record<string, string>, directory: string): Promise<PlanSource> {
  const { writeFileSync } = await import("node:fs");
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text);
  return (await parsePipeline(files["p.toml"] ?? "", `${directory}/p.toml`, { env: {} })).plan.source;
}

test.each<[sentence: string, file: keyof typeof FILES, from: string, to: string, changes: Record<string, string[]>]>([
  ["what an agent extends", "p.toml", "k = 1", "k = 2", { a: ["agents.base.reply"] }],
  ["its fallback", "p.toml", "retries = 0", "retries = 9", { a: ["agents.spare.retries"] }],
  [
    "a default that it does not replace",
    "p.toml",
    "retries = 1",
    "retries = 2",
    { a: ["defaults.retries"], ask: ["defaults.retries"], nested: ["defaults.retries"], x: ["defaults.retries"] },
  ],
  ["a default for models alone", "p.toml", 'model = "m"', 'model = "n"', { ask: ["defaults.model"] }],
  ["its provider", "p.toml", "0.1:9", "0.1:8", { ask: ["providers.local.base_url"] }],
  ["its prompt file", "ask.md", "word", "name", { ask: ["ask.md"] }],
  ["its pipeline's file", "inner.toml", "k = 1", "k = 2", { nested: ["inner.toml: agents.i.reply"] }],
  ["how a group is defined", "p.toml", '["x", "y"]', '["x", "y"]\nmerge = "prefix"', { g: ["orchestration.sequential.parallel.g"] }],
  ["what is elsewhere", "p.toml", '"nested", "g"]', '"g", "nested"]', {}],
])("a change in %s is one of the elements that it bears on", async (_, file, from, to, changes) => {
  const directory = folderWith({});
  const before = await sourceOf(FILES, directory);
  const after = await sourceOf({ ...FILES, [file]: FILES[file].replace(from, to) }, directory);
  const found = ["a", "own", "ask", "nested", "g", "x"].map((name) => [name, changesOfElement(name, before, after)] as const);
  expect(Object.fromEntries(found.filter(([, list]) => list.length > 0))).toEqual(changes);
});
