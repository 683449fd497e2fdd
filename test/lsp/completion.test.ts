import { describe, expect, test } from "vitest";
import { completionsAt } from "../../src/lsp/completion.ts";
import { MEANINGS } from "../../src/lsp/hover.ts";
import { cursorIn } from "./cursor.ts";

const REST = `
[agents.fetch]
type = "script"
description = "Gets it."
command = ["true"]

[agents.write]
type = "llm"

[providers.mine]
base_url = "http://127.0.0.1:1"

[orchestration.sequential.parallel.both]
agents = ["fetch", "write"]
`;

const CODES = [...MEANINGS.keys()].slice(0, 8);

describe("what can be written", () => {
  /** The labels of what is offered; of more than eight the first eight. */
  const rows: readonly [sentence: string, text: string, labels: readonly string[]][] = [
    ["the values of a key, with quotes", `[agents.a]\ntype = |`, ["script", "llm", "module", "canned", "pipeline"]],
    ["the values of a key, within quotes", `[agents.a]\nstdout = "te|"`, ["json", "text", "lines"]],
    ["true and false", `[agents.a]\nretry_jitter = |`, ["true", "false"]],
    ["the one value that there is", `[[orchestration.sequential.branches]]\nend = |`, ["true"]],
    [
      "kinds of failure in a list",
      `[agents.a]\nretry_on = ["timeout", "|"]`,
      ["timeout", "exit", "signal", "spawn", "invalid_output", "rate_limit", "server_error", "connection"],
    ],
    [
      "events of hooks",
      `[[hooks]]\non = "|"`,
      ["before_run", "before_stage", "after_stage", "stage_error", "retry", "branch", "rollback", "after_run"],
    ],
    [
      "events of hooks in a list",
      `[[hooks]]\non = ["|"]`,
      ["before_run", "before_stage", "after_stage", "stage_error", "retry", "branch", "rollback", "after_run"],
    ],
    ["agents and groups in the sequence", `${REST}[orchestration.sequential]\nagents = ["|"]`, ["fetch", "write", "both"]],
    [
      "those that are not there yet, in a list without its end",
      `${REST}[orchestration.sequential]\nagents = ["fetch", |\n\n[defaults]\nretries = 1`,
      ["write", "both"],
    ],
    ["agents in a group", `${REST}[orchestration.sequential.parallel.other]\nagents = [\n  "|`, ["fetch", "write"]],
    [
      "agents and groups that a branch leads to",
      `${REST}[[orchestration.sequential.branches]]\nto_agent = "|"`,
      ["fetch", "write", "both"],
    ],
    ["other agents as a fallback", `${REST}[agents.third]\nfallback = "|"`, ["fetch", "write"]],
    ["agents of hooks", `${REST}[[hooks]]\nagents = ["|"]`, ["fetch", "write"]],
    [
      "providers, its own first",
      `${REST}[agents.third]\nprovider = "|"`,
      ["mine", "openai", "openrouter", "ollama", "vllm", "llamacpp", "lmstudio"],
    ],
    ["stages in an expression", `${REST}[[orchestration.sequential.branches]]\ncondition = "stages.f|"`, ["fetch", "write", "both"]],
    ["stages in a template", `${REST}[agents.third]\nprompt = """\nHi \${{ stages.|`, ["fetch", "write", "third", "both"]],
    ["nothing in a text of the author", `[agents.a]\ndescription = "|"`, []],
    ["nothing behind a value", `[agents.a]\ntype = "script" |`, []],
    ["the keys of a table in one line", `[agents.a]\ncircuit_breaker = { max_failures = 3, |`, ["reset_after"]],
    ["the keys of a dotted key", `[agents.a]\ncircuit_breaker.|`, ["max_failures", "reset_after"]],
    ["nothing in a table of the author's names", `[agents.a.env]\nX|`, []],
    ["codes after the word that silences them", `# agentflow-ignore un|`, CODES],
    ["a second code", `# agentflow-ignore unused-input, un|`, CODES],
    ["nothing in the reason", `# agentflow-ignore unused-input: un|`, []],
    ["examples of a duration", `[agents.a]\ntimeout = |`, ["30s", "5m", "none"]],
    ["nothing in any other comment", `# un|`, []],
  ];

  test.each(rows)("%s", (_sentence, marked, labels) => {
    const { text, offset } = cursorIn(marked);
    const found = completionsAt(text, offset).filter(({ kind }) => kind !== "table");
    expect(found.map(({ label }) => label).slice(0, 8)).toEqual(labels);
  });

  const keys: readonly [sentence: string, text: string, there: readonly string[], notThere: readonly string[]][] = [
    ["keys of the agent's type", `[agents.a]\ntype = "llm"\n|`, ["model", "prompt", "timeout"], ["command", "reply", "file", "type"]],
    [
      "keys of the type that it takes over",
      `[agents.a]\ntype = "llm"\n[agents.b]\nextends = "a"\n|`,
      ["model", "type"],
      ["command", "extends"],
    ],
    ["keys of every type where there is none", `[agents.a]\n|`, ["type", "command", "model", "file"], []],
    ["no key that excludes one that is there", `[agents.a]\nshell = "true"\n|`, ["stdin"], ["command", "shell"]],
    ["the key that is half written", `[agents.a]\ntime|`, ["timeout"], []],
    ["the key that the cursor is in", `[agents.a]\ntimeout| = "1s"`, ["timeout"], []],
    ["the table that the cursor is in", `[def|aults]`, ["[defaults]"], []],
    ["keys above others, which are there already", `[agents.a]\n|\ntimeout = "1s"\nretries = 2`, ["type"], ["timeout", "retries"]],
    ["at the top of the file no key that is a table", `|`, ["name", "description", "[agents.NAME]"], ["agents", "orchestration", "hooks"]],
    ["tables after a bracket", `[|`, ["[agents.NAME]", "[orchestration.sequential]", "[[hooks]]"], ["[agents.NAME.env]"]],
    ["no table that is there, but for those that may be there often", `[defaults]\n[[hooks]]\n[|`, ["[[hooks]]"], ["[defaults]"]],
    [
      "a table for an agent that is named and not there",
      `[orchestration.sequential]\nagents = ["load"]\n[ag|`,
      ["[agents.load]", "[agents.NAME]"],
      [],
    ],
    [
      "the tables of an agent whose name stands there",
      `[agents.load]\n[agents.load.|]`,
      ["[agents.load.env]", "[agents.load.circuit_breaker]"],
      [],
    ],
  ];

  test.each(keys)("%s", (_sentence, marked, there, notThere) => {
    const { text, offset } = cursorIn(marked);
    const labels = completionsAt(text, offset).map(({ label }) => label);
    expect(labels.filter((label) => there.includes(label)).toSorted()).toEqual([...there].toSorted());
    expect(labels.filter((label) => notThere.includes(label))).toEqual([]);
  });

  const accepted: readonly [sentence: string, text: string, label: string, result: string, snippet?: string][] = [
    ["a key with what it takes", `[agents.a]\ntime|`, "timeout", `[agents.a]\ntimeout = `, 'timeout = "$1"'],
    ["a key with its choices", `[agents.a]\n|`, "stdin", `[agents.a]\nstdin = `, 'stdin = "${1|json,none|}"'],
    ["a key in front of its value", `[agents.a]\ntime| = "1s"`, "timeout", `[agents.a]\ntimeout = "1s"`],
    ["a value in quotes of its own", `[agents.a]\ntype = ll|`, "llm", `[agents.a]\ntype = "llm"`],
    ["a value in the quotes that are there", `[agents.a]\ntype = 'l|l'`, "llm", `[agents.a]\ntype = 'llm'`],
    ["a value whose quotes are not closed", `[agents.a]\ntype = "l|`, "llm", `[agents.a]\ntype = "llm"`],
    ["a table over what is there", `[ag|ents.x]\n`, "[defaults]", `[defaults]\n`],
    ["a table with a name to fill in", `[ag|`, "[agents.NAME]", `[agents.NAME]`, "[agents.${1:NAME}]"],
    ["a list of tables", `[h|`, "[[hooks]]", `[[hooks]]`],
    ["a code with a reason to fill in", `# agentflow-ignore un|`, "unknown-key", `# agentflow-ignore unknown-key`, "unknown-key: ${1:why}"],
  ];

  test.each(accepted)("writes %s", (_sentence, marked, label, result, snippet) => {
    const { text, offset } = cursorIn(marked);
    const found = completionsAt(text, offset).find((one) => one.label === label);
    expect(found && text.slice(0, found.start) + found.text + text.slice(found.end)).toBe(result);
    expect(found?.snippet ?? undefined).toBe(snippet);
  });

  test("says what a key and an agent are", () => {
    const { text, offset } = cursorIn(`${REST}[orchestration.sequential]\nagents = ["|"]`);
    expect(completionsAt(text, offset)[0]).toEqual({
      label: "fetch",
      kind: "name",
      detail: "agent (script)",
      documentation: "Gets it.",
      text: "fetch",
      snippet: null,
      start: offset,
      end: offset,
    });
    const key = completionsAt("[[hooks]]\n", 10).find(({ label }) => label === "agents");
    expect([key?.detail, key?.documentation]).toEqual(["list", "Only for these agents. Default: all."]);
  });
});
