import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramWorld, runProgram } from "../support/program.ts";

/** Runs nothing but the merge of its input into the state. */
const ANY = `
[agents.a]
type = "canned"
[orchestration.sequential]
agents = ["a"]
`;

const DECLARED = `
[inputs.topic]
type = "string"
description = "what to write about"
[inputs.limit]
type = "integer"
default = 3
[inputs.ratio]
type = "number"
required = false
[inputs.deep]
type = "boolean"
required = false
[inputs.tags]
type = "list"
required = false
[inputs.options]
type = "object"
required = false
[inputs.tone]
enum = ["dry", "warm"]
required = false
${ANY}`;

const META = `
name = "report"
[agents.a]
type = "canned"
output = { at_run = "meta" }
reply = 1
[orchestration.sequential]
agents = ["a"]
`;

const cwd = folderWith({
  "any.toml": ANY,
  "declared.toml": DECLARED,
  "meta.toml": META,
  "agentflow.toml": oneStage(`type = "canned"\nreply = "it is"\noutput = "default_file"`),
  "input.json": `{ "topic": "from the file", "limit": 5 }`,
  "bom.json": `\uFEFF{ "topic": "tea" }`,
  "list.json": "[1, 2]",
  "half.json": `{ "topic": `,
  "empty.json": " \n",
  "large.json": `{ "id": 12345678901234567890 }`,
  "latin.json": Uint8Array.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]),
  "names.env": `# names\nGREETING="hello there"\nexport KEPT=from the file\n`,
  "env.toml": oneStage(`type = "script"\ncommand = ["sh", "-c", 'printf "%s, %s" "$GREETING" "$KEPT"']\nstdout = "text"\noutput = "said"`),
  "dir/x": "",
});

const run = (args: readonly string[], world: Partial<ProgramWorld> = {}) =>
  runProgram(["run", ...args, "--quiet"], { cwd, ownStore: true, ...world });

describe("row 3: initial data seeds the state:", () => {
  test.each<[sentence: string, args: readonly string[], state: unknown, stdin?: string]>([
    ["nothing is an empty state", ["any.toml"], {}],
    ["text stays text where no type is declared", ["any.toml", "--input", "n=3", "-i", "b=true"], { n: "3", b: "true" }],
    ["an equals sign in a value is a part of it", ["any.toml", "--input", "url=http://x/?a=b"], { url: "http://x/?a=b" }],
    ["a value may be empty", ["any.toml", "--input", "note="], { note: "" }],
    [
      "`:=` takes JSON",
      ["any.toml", "--input", "n:=3", "--input", 'tags:=["a", "b"]', "--input", "none:=null", "--input", 's:="x=y"'],
      { n: 3, tags: ["a", "b"], none: null, s: "x=y" },
    ],
    [
      "a key is data, whatever its name",
      ["any.toml", "--input", "__proto__=x", "--input", "a-b=1"],
      JSON.parse(`{"__proto__":"x","a-b":"1"}`),
    ],
    ["the last of two values of one key counts", ["any.toml", "--input", "a=1", "--input", "a=2"], { a: "2" }],
    ["a default fills in", ["declared.toml", "--input", "topic=tea"], { topic: "tea", limit: 3 }],
    [
      "a declared type converts",
      ["declared.toml", "-i", "topic=4", "-i", "limit=5", "-i", "ratio=1e-3", "-i", "deep=true", "-i", "tags=[1]", "-i", 'options={"a":1}'],
      { topic: "4", limit: 5, ratio: 0.001, deep: true, tags: [1], options: { a: 1 } },
    ],
    ["a file's values are taken as they are", ["declared.toml", "--input-file", "input.json"], { topic: "from the file", limit: 5 }],
    [
      "--input wins over the file, wherever it stands",
      ["declared.toml", "--input", "limit=7", "--input-file", "input.json"],
      { topic: "from the file", limit: 7 },
    ],
    ["a byte order mark is no part of JSON", ["any.toml", "--input-file", "bom.json"], { topic: "tea" }],
    ["`-` is standard input", ["any.toml", "--input-file", "-"], { topic: "tea", n: 1 }, `{ "topic": "tea", "n": 1 }`],
    ["without a file's name it is agentflow.toml", ["--input", "x=1"], { x: "1", default_file: "it is" }],
  ])("%s", async (_sentence, args, state, stdin = "") => {
    const { code, stdout, stderr } = await run(args, { stdin });
    expect({ code, state: JSON.parse(stdout), stderr }).toEqual({ code: 0, state, stderr: "" });
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
  });
});

describe("a bad input ends with 2, nothing was run:", () => {
  const object = `must hold a JSON object, such as {"topic": "tea"}`;
  const declared = "`topic`, `limit`, `ratio`, `deep`, `tags`, `options`, `tone`";
  test.each<[sentence: string, args: readonly string[], stderr: string, stdin?: string | Uint8Array | Error]>([
    ["no equals sign", ["any.toml", "--input", "topic"], "agentflow: --input takes key=value or key:=json, not `topic`"],
    ["no key", ["any.toml", "--input", "=tea"], "agentflow: --input takes key=value or key:=json, not `=tea`"],
    ["no key before JSON", ["any.toml", "--input", ":=1"], "agentflow: --input takes key=value or key:=json, not `:=1`"],
    [
      "no JSON where it was promised",
      ["any.toml", "--input", "topic:=tea"],
      "agentflow: --input topic:= takes JSON, and `tea` is not; a string needs quotes, or use topic=…",
    ],
    [
      "a number that would come out as another one",
      ["any.toml", "--input", "id:=12345678901234567890"],
      "agentflow: the input `id` cannot be taken as it is: the number 12345678901234567890 would come out as 12345678901234567000; as a string it would be kept",
    ],
    [
      "text that is not of the declared type",
      ["declared.toml", "--input", "topic=tea", "--input", "limit=many"],
      "agentflow: the input `limit` must be an integer, but is `many`",
    ],
    [
      "a fraction for an integer",
      ["declared.toml", "--input", "topic=tea", "--input", "limit=1.5"],
      "agentflow: the input `limit` must be an integer, but is `1.5`",
    ],
    [
      "something else than true or false",
      ["declared.toml", "--input", "topic=tea", "--input", "deep=yes"],
      "agentflow: the input `deep` must be true or false, but is `yes`",
    ],
    [
      "JSON of another type",
      ["declared.toml", "--input", "topic:=5", "--input", "tags:={}"],
      "agentflow: the input `topic` must be a string, but is 5\nagentflow: the input `tags` must be a list, but is {}",
    ],
    [
      "a value that is none of those that there are",
      ["declared.toml", "--input", "topic=tea", "--input", "tone=loud"],
      'agentflow: the input `tone` must be one of "dry", "warm", but is "loud"',
    ],
    [
      "a missing and an undeclared input, both told",
      ["declared.toml", "--input", "subject=tea"],
      `agentflow: there is no input called \`subject\`; declared are ${declared}\n` +
        "agentflow: the input `topic` (what to write about) is missing; give it with --input topic=…",
    ],
    ["a file that is not there", ["any.toml", "--input-file", "nowhere.json"], "agentflow: --input-file: there is no file nowhere.json"],
    ["a directory", ["any.toml", "--input-file", "dir"], "agentflow: --input-file: dir is a directory, not a file"],
    ["a list", ["any.toml", "--input-file", "list.json"], `agentflow: --input-file: list.json ${object}`],
    [
      "half a JSON text",
      ["any.toml", "--input-file", "half.json"],
      "agentflow: --input-file: half.json is not JSON: Unexpected end of JSON input",
    ],
    ["an empty file", ["any.toml", "--input-file", "empty.json"], `agentflow: --input-file: empty.json is empty; it ${object}`],
    ["bytes that are no text", ["any.toml", "--input-file", "latin.json"], "agentflow: --input-file: latin.json is not a text in UTF-8"],
    [
      "a number in a file that would come out as another one",
      ["any.toml", "--input-file", "large.json"],
      "agentflow: --input-file: large.json cannot be taken as it is: the number 12345678901234567890 would come out as 12345678901234567000; as a string it would be kept",
    ],
    ["nothing on standard input", ["any.toml", "--input-file", "-"], `agentflow: --input-file: standard input is empty; it ${object}`],
    [
      "nonsense on standard input",
      ["any.toml", "--input-file", "-"],
      `agentflow: --input-file: standard input is not JSON: Unexpected token 'o', "nonsense" is not valid JSON`,
      "nonsense",
    ],
    [
      "standard input that cannot be read",
      ["any.toml", "--input-file", "-"],
      "agentflow: --input-file: standard input is a directory, not a file",
      Object.assign(new Error("EISDIR: illegal operation on a directory, read"), { code: "EISDIR" }),
    ],
    ["metadata without a value", ["any.toml", "--meta", "team"], "agentflow: --meta takes key=value, not `team`"],
    [
      "metadata that agentflow sets itself",
      ["any.toml", "--meta", "run_id=1", "--meta", "attempt=2"],
      "agentflow: the metadata `run_id` is set by agentflow itself\nagentflow: the metadata `attempt` is set by agentflow itself",
    ],
    [
      "a run's id that cannot be a part of other names",
      ["any.toml", "--run-id", "a b/c"],
      "agentflow: a run's id is made of letters, digits, `.`, `_`, `:` and `-`; `a b/c` is not",
    ],
    ["an env file that is not there", ["any.toml", "--env-file", "nowhere.env"], "agentflow: --env-file: there is no file nowhere.env"],
    ["an env file that is no text", ["any.toml", "--env-file", "latin.json"], "agentflow: --env-file: latin.json is not a text in UTF-8"],
  ])("%s", async (_sentence, args, stderr, stdin = "") => {
    expect(await run(args, { stdin })).toEqual({ code: 2, stdout: "", stderr: `${stderr}\n` });
  });
});

describe("metadata", () => {
  const metaOf = async (args: readonly string[]): Promise<unknown> => {
    const { stdout } = await run(["any.toml", "--output", "result", ...args]);
    return (JSON.parse(stdout) as { meta: unknown }).meta;
  };

  test("row 4: own keys, session and run are carried beside the state; made up where they are not given", async () => {
    const own = { pipeline_id: "any", total_stages: "1", pipeline_completed: "true" };
    expect(await metaOf([])).toEqual({ ...own, run_id: "id-1", session_id: "id-2" });
    expect(await metaOf(["--meta", "team=data", "--meta", "note=a=b", "--session", "s-1", "--run-id", "r-1"])).toEqual({
      ...own,
      team: "data",
      note: "a=b",
      session_id: "s-1",
      run_id: "r-1",
    });
  });
});

describe("an env file", () => {
  test("adds to the environment, which wins", async () => {
    const { code, stdout, stderr } = await run(["env.toml", "--env-file", "names.env"], { env: { KEPT: "from outside" } });
    expect({ code, state: JSON.parse(stdout), stderr }).toEqual({ code: 0, state: { said: "hello there, from outside" }, stderr: "" });
  });
});
