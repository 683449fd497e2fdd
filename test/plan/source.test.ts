import { describe, expect, test } from "vitest";
import type { PipelineDefinition } from "../../src/spec/spec.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { loadSource, readProblem, UnreadableFileError } from "../../src/plan/source.ts";
import { build, canned, pipeline, planOf, problemsIn, problemsOf, type World } from "./plans.ts";

const one = (agent: string): string => `[agents.one]\n${agent}\n[orchestration.sequential]\nagents = ["one"]\n`;
const calls = (file: string): string => one(`type = "pipeline"\nfile = "${file}"`);
const asks = (file: string): string => one(`type = "llm"\nmodel = "m"\nprompt_file = "${file}"`);
const ENDS = one('type = "canned"');

describe("prompt files", () => {
  test("are read as templates, relative to the pipeline file", async () => {
    const agents = { a: { type: "llm", model: "m", prompt_file: "prompts/a.md" }, b: { extends: "a" } } as const;
    const plan = await planOf(pipeline({ agents: ["a", "b"] }, agents), { files: { "prompts/a.md": "About ${{ topic }}\n" } });
    const prompts = [...plan.agents.values()].map(({ call }) => call.type === "llm" && call.prompt?.text);
    expect(prompts).toEqual(["About ${{ topic }}\n", "About ${{ topic }}\n"]);
    expect(plan.assumedInputs).toEqual(["topic"]);
  });

  test.each<[sentence: string, text: string, files: World["files"], expected: string[]]>([
    ["that are not there", asks("a.md"), {}, ["4:15 unreadable-file: there is no file a.md"]],
    [
      "with a mistake: in their own lines",
      asks("a.md"),
      { "a.md": "Hello\n${{ 1 + }}" },
      ["/p/a.md:2:9 invalid-expression: this expression ends too early"],
    ],
    [
      "that read what nobody writes: in their own lines",
      `[inputs.x]\n${asks("a.md")}`,
      { "a.md": "Hello\nthere, ${{ you }}" },
      ["/p/a.md:2:12 unknown-variable: nothing writes `you`"],
    ],
    [
      "that two agents have: told once",
      `[agents.two]\nextends = "one"\n${asks("a.md").replace('["one"]', '["one", "two"]')}`,
      { "a.md": "${{ 1 + }}" },
      ["/p/a.md:1:9 invalid-expression: this expression ends too early"],
    ],
  ])("%s", async (_sentence, text, files, expected) => expect(await problemsIn(text, { files: files ?? {} })).toEqual(expected));

  test("that are no text are refused", async () => {
    const read = async (path: string): Promise<Uint8Array> =>
      path.endsWith(".toml") ? new TextEncoder().encode(asks("a.bin")) : Uint8Array.of(0xff, 0xfe);
    const { diagnostics } = await loadSource("/p/main.toml", read);
    expect(diagnostics.map(({ code, message, path }) => [code, message, path])).toEqual([
      ["unreadable-file", "a.bin is not a text in UTF-8", ["agents", "one", "prompt_file"]],
    ]);
  });
});

describe("nested pipelines", () => {
  test("are planned with the outer one, each relative to its own file", async () => {
    const files = {
      "in/inner.toml": calls("../last.toml"),
      "last.toml": `${one('type = "module"\nmodule = "a.mjs"')}[secrets]\nenv = ["LAST"]\n`,
    };
    const plan = await planOf(pipeline({ agents: ["a"] }, { a: { type: "pipeline", file: "in/inner.toml" } }), { files });
    const outer = plan.agents.get("a")?.call;
    const inner = outer?.type === "pipeline" ? outer.plan : null;
    const last = inner?.agents.get("one")?.call;
    expect([plan.secrets, plan.variables]).toEqual([["LAST"], []]);
    expect([inner?.file, inner?.pipelineId, last?.type === "pipeline" && last.plan.agents.get("one")?.call]).toEqual([
      "/p/in/inner.toml",
      "inner",
      { type: "module", module: "/p/a.mjs" },
    ]);
  });

  test.each<[sentence: string, text: string, files: World["files"], expected: string[]]>([
    ["that is not there", calls("x.toml"), {}, ["3:8 unreadable-file: there is no file x.toml"]],
    ["that contains itself", calls("main.toml"), {}, ["3:8 pipeline-cycle: this pipeline contains itself: main.toml → main.toml"]],
    [
      "that contains itself by another one",
      calls("b.toml"),
      { "b.toml": calls("./c.toml"), "c.toml": calls("../p/main.toml") },
      ["/p/c.toml:3:8 pipeline-cycle: this pipeline contains itself: main.toml → b.toml → c.toml → main.toml"],
    ],
    [
      "that contains one that contains itself",
      calls("b.toml"),
      { "b.toml": calls("b.toml") },
      ["/p/b.toml:3:8 pipeline-cycle: this pipeline contains itself: b.toml → b.toml"],
    ],
    [
      "with mistakes of form and of the whole: told there, and nothing here",
      calls("b.toml"),
      { "b.toml": 'x = 1\n[orchestration.sequential]\nagents = ["none"]\n' },
      ["/p/b.toml:1:1 unknown-key: unknown key `x`", "/p/b.toml:3:11 unknown-agent: there is no agent called `none`"],
    ],
    [
      "that is no TOML",
      calls("b.toml"),
      { "b.toml": "agents = [" },
      ["/p/b.toml:1:10 syntax: this is not valid TOML: the list that begins here does not end"],
    ],
    [
      "that two agents call, with a mistake: told once",
      `[agents.two]\nextends = "one"\n${calls("b.toml").replace('["one"]', '["one", "two"]')}`,
      { "b.toml": ENDS.replace("canned", "cannd") },
      ['/p/b.toml:2:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "cannd"'],
    ],
  ])("%s", async (_sentence, text, files, expected) => expect(await problemsIn(text, { files: files ?? {} })).toEqual(expected));

  test("that are called in two ways are read once", async () => {
    const files: Record<string, string> = {
      "/p/main.toml": `[agents.two]\ntype = "pipeline"\nfile = "c.toml"\n${calls("b.toml").replace('["one"]', '["one", "two"]')}`,
      "/p/b.toml": calls("c.toml"),
      "/p/c.toml": ENDS,
    };
    const read: string[] = [];
    const { source } = await loadSource("/p/main.toml", async (path) => {
      read.push(path);
      return new TextEncoder().encode(files[path]);
    });
    expect(read.toSorted()).toEqual(Object.keys(files).toSorted());
    expect(source && buildPlan(source).plan).not.toBeNull();
  });
});

test.each<[sentence: string, definition: PipelineDefinition, files: Readonly<Record<string, string>>]>([
  ["a prompt file is missing", pipeline({ agents: ["a"] }, { a: { type: "llm", model: "m", prompt_file: "a.md" } }), {}],
  ["a nested file is missing", pipeline({ agents: ["a"] }, { a: { type: "pipeline", file: "a.toml" } }), {}],
  [
    "a nested file contains itself",
    pipeline({ agents: ["a"] }, { a: { type: "pipeline", file: "a.toml" } }),
    { "a.toml": calls("a.toml") },
  ],
  ["a nested file has a mistake", pipeline({ agents: ["a"] }, { a: { type: "pipeline", file: "a.toml" } }), { "a.toml": `x = 1\n${ENDS}` }],
])("there is no plan where %s", async (_sentence, definition, files) => expect((await build(definition, { files })).plan).toBeNull());

describe("a pipeline file that cannot be read", () => {
  test.each([
    ["ENOENT", "there is no file /p/x.toml"],
    ["EISDIR", "/p/x.toml is a directory, not a file"],
    ["EACCES", "/p/x.toml cannot be read: permission denied"],
    ["EIO", "/p/x.toml cannot be read: it is broken"],
  ])("%s is an error for people", async (code, message) => {
    const cause = Object.assign(new Error("it is broken"), { code });
    const loading = loadSource("/p/x.toml", () => Promise.reject(cause));
    await expect(loading).rejects.toThrow(new UnreadableFileError(message, { cause }));
    expect(readProblem("/p/x.toml", cause)).toBe(message);
  });
});

test("row 85: a plan knows its file, and is called by its name or by that of the file", async () => {
  const bytes = (text: string) => async (): Promise<Uint8Array> => new TextEncoder().encode(text);
  const planIn = async (text: string) => {
    const { source } = await loadSource("/p/sales.toml", bytes(text));
    return source === null ? null : buildPlan(source).plan;
  };
  expect(await planIn(ENDS)).toMatchObject({ pipelineId: "sales", file: "/p/sales.toml", directory: "/p" });
  expect(await planIn(`name = "report"\n${ENDS}`)).toMatchObject({ pipelineId: "report" });
  expect(await planOf(pipeline({ agents: ["a"] }, canned("a")))).toMatchObject({ pipelineId: "pipeline", file: null, directory: "/p" });
});

test("row 86: a definition in code is told the same problems, without a file", async () => {
  const definition = { agents: { a: { type: "llm", modle: "m" } }, orchestration: { sequential: { agents: ["a", "b"] } } };
  expect(await problemsOf(definition as never)).toEqual([
    "agents.a.modle unknown-key: unknown key `modle` in [agents.a]",
    "orchestration.sequential.agents.1 unknown-agent: there is no agent called `b`",
  ]);
});
