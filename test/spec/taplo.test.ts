import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { tablesOf } from "../support/markdown.ts";

/**
 * What Taplo, which is behind the TOML support of most editors, says with the JSON Schema: nothing about the samples, and
 * about a mistake what was expected.
 */
const pipelines = fileURLToPath(new URL("../../pipelines", import.meta.url));
const taplo = fileURLToPath(new URL("../../node_modules/@taplo/cli/dist/cli.js", import.meta.url));
/** It takes seconds to start. */
const PROCESS_MS = 120_000;

test(
  "the samples are right, each with the schema that it names",
  () => {
    const files = globSync("**/*.toml", { cwd: pipelines }).map((file) => join(pipelines, file));
    expect(files.length).toBeGreaterThan(10);
    expect(lint(pipelines, files)).toEqual({ code: 0, found: new Map() });
  },
  PROCESS_MS,
);

describe("Taplo says of", () => {
  const agent = (...lines: string[]): string[] => ["[agents.one]", ...lines];
  const mistakes: [sentence: string, lines: string[], messages: string[]][] = [
    ["a misspelt key", agent("retrys = 1"), ["Additional properties are not allowed ('retrys' was unexpected)"]],
    ["a misspelt table", ["[agent.one]"], ["Additional properties are not allowed ('agent' was unexpected)"]],
    ["a misspelt type", agent('type = "scrpt"'), ['"scrpt" is not one of ["script","llm","module","canned","pipeline"]']],
    [
      "a number as a duration",
      agent("timeout = 30"),
      ['30 is not of type "string"', "\"a duration such as '30s' or '1h30m', or 'none'\" was expected"],
    ],
    ["a duration without a unit", agent('timeout = "30"'), ["\"a duration such as '30s' or '1h30m', or 'none'\" was expected"]],
    ["no limit where there is none", agent('retry_delay = "none"'), ["\"a duration such as '30s' or '1h30m'\" was expected"]],
    ["a size without a unit", agent('max_output = "10"'), ["\"a size such as '512KB' or '10MB'\" was expected"]],
    ["a negative number", agent("retries = -1"), ["-1 is less than the minimum of 0"]],
    ["half a retry", agent("retries = 1.5"), ['1.5 is not of type "integer"']],
    ["a command that is one text", agent('command = "node a.mjs"'), ['"node a.mjs" is not of type "array"']],
    ["a truth value as text", agent('retry_jitter = "no"'), ['"no" is not of type "boolean"']],
    ["an output that is a list", agent('output = ["a"]'), ['["a"] is not of types "object", "string"']],
    ["an output that is not an expression", agent("output = { a = 1 }"), ['1 is not of type "string"']],
    ["a choice that there is not", agent('on_error = "ignore"'), ['"ignore" is not one of ["fail","continue"]']],
    [
      "a kind of failure that is never retried",
      agent('retry_on = ["auth"]'),
      [
        '"auth" is not one of ["timeout","exit","signal","spawn","invalid_output","rate_limit","server_error","connection","content_filter","truncated","internal"]',
      ],
    ],
    [
      "a key of another type",
      agent('type = "script"', 'command = ["a"]', 'prompt = "b"'),
      ['"no `prompt`, since the agent is of type script and that is a key of type llm" was expected'],
    ],
    ["both of two keys", agent('command = ["a"]', 'shell = "b"'), ['"no `shell` beside `command`" was expected']],
    ["fail_times without fail", agent("fail_times = 2"), ['"fail" is a required property']],
    ["half a circuit breaker", agent("circuit_breaker = { max_failures = 3 }"), ['"reset_after" is a required property']],
    ["a name with a space", ['[agents."a b"]'], ['"a b" does not match "^[A-Za-z][A-Za-z0-9_-]*$"']],
    ["a key in the place of a variable", ["[providers.p]", 'api_key_env = "sk-1"'], ['"sk-1" does not match "^[A-Za-z_][A-Za-z0-9_]*$"']],
    ["a base_url that is none", ["[providers.p]", 'base_url = "localhost"'], ['"localhost" is not a "uri"']],
    ["a group of one", ["[orchestration.sequential.parallel.g]", 'agents = ["a"]'], ['["a"] has less than 2 items']],
    [
      "min_success without continue",
      ["[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', "min_success = 1"],
      ['"on_error" is a required property'],
    ],
    ["a rule that leads nowhere", ["[[orchestration.sequential.branches]]", 'from_agent = "one"'], ['"to_agent" is a required property']],
    [
      "a rule that leads to two places",
      ["[[orchestration.sequential.branches]]", 'from_agent = "one"', 'to_agent = "two"', "end = true"],
      ['"no `to_agent` beside `end`" was expected'],
    ],
    [
      "an event that there is not",
      ["[[hooks]]", 'on = "never"', 'command = ["a"]'],
      ['"never" is not one of ["before_run","before_stage","after_stage","stage_error","retry","branch","rollback","after_run"]'],
    ],
    ["a hook that calls nothing", ["[[hooks]]", 'on = "retry"'], ['"command" is a required property']],
    ["a mode that there is not", ["[orchestration]", 'mode = "loop"'], ['"loop" is not one of ["sequential"]']],
  ];

  let found: ReadonlyMap<string, readonly string[]>;
  beforeAll(() => {
    const folder = folderWith({ "agentflow.schema.json": readFileSync(join(pipelines, "agentflow.schema.json"), "utf8") });
    const files = mistakes.map(([, lines], index) => {
      const file = join(folder, `${index}.toml`);
      return {
        file,
        text: ["#:schema ./agentflow.schema.json", ...lines, "[orchestration.sequential]", 'agents = ["one"]', ""].join("\n"),
      };
    });
    for (const { file, text } of files) writeFileSync(file, text);
    found = lint(
      folder,
      files.map(({ file }) => file),
    ).found;
  }, PROCESS_MS);

  test.each(mistakes.map(([sentence, , messages], index) => ({ sentence, messages, file: `${index}.toml` })))(
    "$sentence what was expected",
    ({ messages, file }) => expect(found.get(file)).toEqual(messages),
  );

  test("a mistake what docs/editors.md shows", () => {
    const page = readFileSync(new URL("../../docs/editors.md", import.meta.url), "utf8");
    const shown =
      tablesOf(page)
        .find(({ head }) => head[1] === "what Taplo says")
        ?.rows.map(([, message = ""]) => message) ?? [];
    const said = mistakes.flatMap(([, , messages]) => messages);
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.filter((message) => !said.includes(message.replaceAll("\\`", "`")))).toEqual([]);
  });
});

/** What it finds, by file. It tells a problem of a table at every place in the table; here it is told once. */
function lint(folder: string, files: readonly string[]): { readonly code: number | null; readonly found: Map<string, string[]> } {
  const { status, stderr, error } = spawnSync(process.execPath, [taplo, "lint", "--no-auto-config", "--colors", "never", ...files], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 100 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  const found = new Map<string, string[]>();
  for (const [, message = "", file = ""] of stderr.matchAll(/^error: (.*)\n *┌─ (.*?):\d+:\d+$/gm)) {
    const name = relative(folder, file);
    const messages = found.get(name) ?? [];
    if (!messages.includes(message)) found.set(name, [...messages, message]);
  }
  return { code: status, found };
}
