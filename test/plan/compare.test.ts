import { expect, test } from "vitest";
import { changesBetween } from "../../src/plan/compare.ts";
import type { PlanSource } from "../../src/plan/plan.ts";
import { parsePipeline } from "../../src/index.ts";
import { folderWith } from "../support/folder.ts";

const BASE = `
name = "p"
[inputs.x]
type = "string"
[agents.a]
type = "canned"
reply = { k = 1 }
timeout = "5s"
[agents.b]
type = "canned"
[orchestration.sequential]
agents = ["a", "b"]
[[orchestration.sequential.branches]]
from_agent = "a"
condition = "k == 1"
to_agent = "b"
`;

async function sourceOf(text: string, directory: string): Promise<PlanSource> {
  return (await parsePipeline(text, `${directory}/p.toml`, { env: {} })).plan.source;
}

async function changes(
  before: string,
  after: string,
  files: Record<string, string> = {},
  later: Record<string, string> = {},
): Promise<string[]> {
  const directory = folderWith(files);
  const first = await sourceOf(before, directory);
  // As it comes out of a store, and where the file still stands.
  const kept = JSON.parse(JSON.stringify(first)) as PlanSource;
  const { writeFileSync } = await import("node:fs");
  for (const [name, content] of Object.entries(later)) writeFileSync(`${directory}/${name}`, content);
  return changesBetween(kept, await sourceOf(after, directory));
}

test.each<[string, (text: string) => string, string[]]>([
  ["nothing", (text) => text, []],
  ["how it is written is no change", (text) => `# why\n${text.replace('"5s"', "'5s'").replace("k = 1", "k   =   1")}`, []],
  ["nor the order of tables", (text) => text.replace(/\[inputs.x\]\n.*\n/, "").concat('[inputs.x]\ntype = "string"\n'), []],
  ["nor another way to say the same time", (text) => text.replace('"5s"', '"5000ms"'), []],
  ["a key of an agent", (text) => text.replace('"5s"', '"6s"'), ["agents.a.timeout"]],
  ["what is inside of it, by its key", (text) => text.replace("k = 1", "k = 2"), ["agents.a.reply"]],
  ["a key more", (text) => text.replace("[agents.b]", "[agents.b]\nretries = 1"), ["agents.b.retries"]],
  ["a key less", (text) => text.replace('timeout = "5s"', ""), ["agents.a.timeout"]],
  [
    "an agent that is gone",
    (text) =>
      text
        .replace(/timeout = "5s"\n/, "")
        .replace('["a", "b"]', '["b"]')
        .replace(/\[agents.a\][^[]*/, "")
        .replace(/\[\[[^]*/, ""),
    ["agents.a", "orchestration.sequential.agents", "orchestration.sequential.branches"],
  ],
  [
    "the order of stages",
    (text) => text.replace('["a", "b"]', '["b", "a"]').replace(/\[\[[^]*/, ""),
    ["orchestration.sequential.agents", "orchestration.sequential.branches"],
  ],
  ["a condition", (text) => text.replace("k == 1", "k == 2"), ["orchestration.sequential.branches"]],
  ["a setting", (text) => `${text}[orchestration]\ntimeout = "1m"\n`, ["orchestration.timeout"]],
  [
    "a setting of the sequence",
    (text) => `${text}[orchestration.sequential.pipeline]\nfail_fast = false\n`,
    ["orchestration.sequential.pipeline"],
  ],
  ["the type of an input", (text) => text.replace('"string"', '"number"'), ["inputs.x.type"]],
  ["the name", (text) => text.replace('name = "p"', 'name = "q"'), ["name"]],
  ["several at once, in the order of the file", (text) => text.replace('"5s"', '"6s"').replace('"p"', '"q"'), ["name", "agents.a.timeout"]],
  [
    "an agent called as every object's constructor is",
    (text) =>
      text
        .replace("[orchestration.sequential]", '[agents.constructor]\ntype = "canned"\n[orchestration.sequential]')
        .replace('["a", "b"]', '["a", "b", "constructor"]'),
    ["agents.constructor", "orchestration.sequential.agents"],
  ],
])("%s", async (_, change, expected) => expect(await changes(BASE, change(BASE))).toEqual(expected));

const WITH_FILES = `
[agents.m]
type = "llm"
provider = "ollama"
model = "x"
prompt_file = "prompt.md"
[agents.n]
type = "pipeline"
file = "inner.toml"
[orchestration.sequential]
agents = ["m", "n"]
`;
const INNER = `[agents.i]\ntype = "canned"\n[orchestration.sequential]\nagents = ["i"]\n`;
const FILES = { "prompt.md": "Say it", "inner.toml": INNER, "other.md": "Say it" };

test.each<[string, Record<string, string>, string[]]>([
  ["files that are as they were", { "prompt.md": "Say it" }, []],
  ["the text of a prompt", { "prompt.md": "Say more" }, ["prompt.md"]],
  ["a nested pipeline", { "inner.toml": INNER.replace('"canned"', '"canned"\nretries = 1') }, ["inner.toml: agents.i.retries"]],
  [
    "both",
    { "prompt.md": "Say more", "inner.toml": INNER.replace('"canned"', '"canned"\nretries = 1') },
    ["prompt.md", "inner.toml: agents.i.retries"],
  ],
])("%s", async (_, later, expected) => expect(await changes(WITH_FILES, WITH_FILES, FILES, later)).toEqual(expected));

test("another file for the same: what names it, and the files", async () => {
  expect(await changes(WITH_FILES, WITH_FILES.replace("prompt.md", "other.md"), FILES)).toEqual([
    "agents.m.prompt_file",
    "prompt.md",
    "other.md",
  ]);
});

test("a nested pipeline that is named no more shows as a change of what named it", async () => {
  const after = WITH_FILES.replace('type = "pipeline"\nfile = "inner.toml"', 'type = "canned"');
  expect(await changes(WITH_FILES, after, FILES)).toEqual(["agents.n.type", "agents.n.file"]);
});

test("a pipeline in a nested one", async () => {
  const middle = `[agents.j]\ntype = "pipeline"\nfile = "deep.toml"\n[orchestration.sequential]\nagents = ["j"]\n`;
  const outer = `[agents.n]\ntype = "pipeline"\nfile = "middle.toml"\n[orchestration.sequential]\nagents = ["n"]\n`;
  const found = await changes(
    outer,
    outer,
    { "middle.toml": middle, "deep.toml": INNER },
    { "deep.toml": INNER.replace('"canned"', '"canned"\nretries = 1') },
  );
  expect(found).toEqual(["middle.toml: deep.toml: agents.i.retries"]);
});

test("a definition in code that says undefined says nothing", async () => {
  const { definePipeline } = await import("../../src/index.ts");
  const branches = [{ from_agent: "a", condition: undefined, to_agent: "b", max_times: undefined }];
  const define = async (more: object) =>
    (
      await definePipeline(
        {
          name: "p",
          agents: { a: { type: "canned", ...more }, b: { type: "canned" } },
          orchestration: { sequential: { agents: ["a", "b"], branches } },
        } as never,
        { directory: "/tmp" },
      )
    ).plan.source;
  const kept = JSON.parse(JSON.stringify(await define({ timeout: undefined }))) as PlanSource;
  expect(changesBetween(kept, await define({ timeout: undefined }))).toEqual([]);
});
