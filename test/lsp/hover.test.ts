import { describe, expect, test } from "vitest";
import { hoverAt, MEANINGS } from "../../src/lsp/hover.ts";
import { tableKeys } from "../../src/spec/schema.ts";
import { cursorIn } from "./cursor.ts";

const FILE = `name = "n"

[agents.fetch]
type = "script"
description = "Gets it."
command = ["node", "fetch.mjs"] # agentflow-ignore missing-program, unset-variable: it is built
timeout = "30s"

[agents.fetch.env]
A = "b"

[agents.again]
extends = "fetch"
timeout = "1m"
fallback = "fetch"
rollback = "missing"

[agents.write]
type = "llm"
provider = "mine"
prompt = """
\${{ stages.again.status }}"""

[providers.mine]
base_url = "http://127.0.0.1:1"

[orchestration.sequential]
agents = ["fetch", "both"]

[orchestration.sequential.parallel.both]
agents = ["again", "write"]

[[orchestration.sequential.branches]]
from_agent = "fetch"
to_agent = "both"

[[hooks]]
on = "retry"
agents = ["fetch"]
`;

describe("what is told about a place", () => {
  const rows: readonly [sentence: string, before: string, word: string, after: string, markdown: string | null][] = [
    [
      "a key, by the schema",
      "",
      "timeout",
      ` = "30s"`,
      '`[agents.fetch] timeout`\n\nTime for one attempt; what takes longer is stopped. Default: "10m" for llm, "1h" for script, module and pipeline. "none" is no limit.\n\n```toml\ntimeout = "30s"\n```',
    ],
    ["a table", "[orchestration.", "sequential", "]", "`[orchestration.sequential]`\n\nThe sequence of agents."],
    ["a list of tables", "[[", "hooks", "]]", "`hooks`\n\nCommands or functions that are told what happens in a run."],
    [
      "a key in a list of tables",
      "",
      "on",
      ` = "retry"`,
      '`[[hooks]] on`\n\nWhen the hook is called: before_run, before_stage, after_stage, stage_error, retry, branch, rollback, after_run; one or a list.\n\n```toml\non = "after_run"\n```',
    ],
    [
      "a name that the author gave, by what it is in",
      "",
      "A",
      ` = "b"`,
      "`[agents.fetch.env] A`\n\nEnvironment variables for the script, added to those of agentflow. Values may hold ${{ templates }}, which also see env.",
    ],
    [
      "an agent, with all that uses it",
      `["`,
      "fetch",
      `", "both"]`,
      '```toml\n[agents.fetch]\ntype = "script"\ncommand = ["node", "fetch.mjs"]\ntimeout = "30s"\n```\n\nGets it.\n\nIt is extended by `again`, fallback of `again`, number 1 of the sequence, where a branch starts, what a hook is called for.',
    ],
    [
      "an agent with what it takes over",
      `["`,
      "again",
      `", "write"]`,
      '```toml\n[agents.again]\ntype = "script"  # from fetch\ncommand = ["node", "fetch.mjs"]  # from fetch\ntimeout = "1m"\n```\n\nGets it.\n\nIt is read in an expression, member of the group `both`.',
    ],
    [
      "a stage in a template",
      "stages.",
      "again",
      ".status",
      '```toml\n[agents.again]\ntype = "script"  # from fetch\ncommand = ["node", "fetch.mjs"]  # from fetch\ntimeout = "1m"\n```\n\nGets it.\n\nIt is read in an expression, member of the group `both`.',
    ],
    [
      "a group",
      `to_agent = "`,
      "both",
      `"`,
      '```toml\n[orchestration.sequential.parallel.both]\nagents = ["again", "write"]\n```\n\nIt is number 2 of the sequence, where a branch leads.',
    ],
    ["a provider", `provider = "`, "mine", `"`, '```toml\n[providers.mine]\nbase_url = "http://127.0.0.1:1"\n```'],
    ["the second code", "missing-program, ", "unset-variable", ":", "`unset-variable`: an environment variable that is not set"],
    [
      "a code that is ignored",
      "agentflow-ignore ",
      "missing-program",
      ",",
      "`missing-program`: a program that is not there or cannot be started",
    ],
    ["nothing about a name that nothing has", `rollback = "`, "missing", `"`, null],
    ["nothing about the author's texts", `description = "`, "Gets", " it", null],
    ["nothing about the rest of a comment", ": ", "it", " is built", null],
  ];

  test.each(rows)("%s", (_sentence, before, word, after, markdown) => {
    const start = FILE.indexOf(`${before}${word}${after}`) + before.length;
    expect(FILE.slice(start, start + word.length)).toBe(word);
    const hover = hoverAt(FILE, start + 1);
    expect(hover).toEqual(markdown === null ? null : { start, end: start + word.length, markdown });
  });

  test("a built-in provider, with what its own table changes", () => {
    const { text, offset } = cursorIn(`[defaults]\nprovider = "open|ai"\n[providers.openai]\napi_key_env = "MINE"\n`);
    expect(hoverAt(text, offset)?.markdown).toBe(
      '```toml\n[providers.openai]\napi_key_env = "MINE"\nbase_url = "https://api.openai.com/v1"  # built in\n```',
    );
  });

  test("an agent that nothing names", () => {
    const { text, offset } = cursorIn(`[agents.al|one]\ntype = "canned"\n`);
    expect(hoverAt(text, offset)?.markdown).toBe('```toml\n[agents.alone]\ntype = "canned"\n```\n\nNothing names it.');
  });

  test("every key of the file", () => {
    for (const [header, keys] of tableKeys()) {
      for (const key of Object.keys(keys)) {
        const text = `${header}\n${key} = `;
        const hover = hoverAt(text, text.length - 4);
        // What is a table of the author's names has no description of its own there.
        expect(hover?.markdown.split("\n\n")[1], `${header} ${key}`).toBe(keys[key]);
      }
    }
  });

  test("every code has a meaning", () => {
    expect(MEANINGS.get("unknown-agent")).toBe("a name that no agent, group or stage has");
    expect(MEANINGS.size).toBeGreaterThan(40);
  });
});
