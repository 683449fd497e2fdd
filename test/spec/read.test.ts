import { describe, expect, test } from "vitest";
import { checkDefinition, readSpec, SPEC_CODES } from "../../src/spec/read.ts";
import type { PipelineDefinition } from "../../src/spec/spec.ts";
import { fileWith, problemsOf } from "./problems.ts";

describe("readSpec gives", () => {
  test("names as written, durations in milliseconds, sizes in bytes, and no defaults (row 85)", () => {
    const text = `
name = "sales-report"
[inputs.source]
type = "string"
[defaults]
timeout = "1m"
retry_max_delay = "none"
temperature = 0
[agents.collector]
type = "script"
command = ["node", "collect.mjs", "\${{ source }}"]
timeout = "none"
retries = 0
retry_delay = "0s"
max_output = "2KB"
[agents.echo]
type = "canned"
reply = { items = [1, { when = 2024-01-01 }] }
delay = "1.5s"
[orchestration]
mode = "sequential"
timeout = "1h30m"
[orchestration.sequential]
agents = ["collector", "echo"]
[[orchestration.sequential.branches]]
from_agent = "echo"
end = true
[[hooks]]
on = ["retry", "branch"]
command = ["notify"]
timeout = "250ms"
`;
    expect(readSpec(text, "/x/p.toml")).toEqual({
      spec: {
        name: "sales-report",
        inputs: { source: { type: "string" } },
        defaults: { timeout: 60_000, retry_max_delay: null, temperature: 0 },
        agents: {
          collector: {
            type: "script",
            command: ["node", "collect.mjs", "${{ source }}"],
            timeout: null,
            retries: 0,
            retry_delay: 0,
            max_output: 2048,
          },
          echo: { type: "canned", reply: { items: [1, { when: "2024-01-01" }] }, delay: 1500 },
        },
        orchestration: {
          mode: "sequential",
          timeout: 5_400_000,
          sequential: { agents: ["collector", "echo"], branches: [{ from_agent: "echo", end: true }] },
        },
        hooks: [{ on: ["retry", "branch"], command: ["notify"], timeout: 250 }],
      },
      diagnostics: [],
    });
  });

  test("a spec that is frozen to its depths", () => {
    const { spec } = readSpec(fileWith("[agents.one]", 'type = "canned"', "reply = { a = [{ b = 1 }] }"));
    const reply = spec?.agents?.one?.reply as { a: object[] };
    expect(
      [spec, spec?.orchestration.sequential.agents, spec?.agents, spec?.agents?.one, reply, reply.a, reply.a[0]].every(Object.isFrozen),
    ).toBe(true);
  });

  test("agents that are called like something of Object's own", () => {
    const { spec, diagnostics } = readSpec(fileWith("[agents.constructor]", 'type = "llm"', "[agents.toString]", 'type = "llm"'));
    expect(diagnostics).toEqual([]);
    expect(JSON.stringify(spec?.agents)).toBe('{"constructor":{"type":"llm"},"toString":{"type":"llm"}}');
  });

  test("a reply with any keys", () => {
    const { spec } = readSpec(fileWith("[agents.one]", 'type = "canned"', "[agents.one.reply]", "__proto__ = 1", "constructor = 2"));
    expect(JSON.stringify(spec?.agents?.one?.reply)).toBe('{"__proto__":1,"constructor":2}');
  });

  test("the file with each diagnostic", () => {
    expect(readSpec("x", "/a/b.toml").diagnostics.map(({ file }) => file)).toEqual(["/a/b.toml"]);
    expect(readSpec("", "/a/b.toml").diagnostics.map(({ file }) => file)).toEqual(["/a/b.toml"]);
  });
});

describe("readSpec tells", () => {
  test("every problem at once, of form and of rules", async () => {
    const text = fileWith(
      'timeout = "1s"',
      "[agents.one]",
      'type = "script"',
      "timeout = 30",
      'comand = ["ls"]',
      'prompt = "x"',
      "[agents.two]",
      "reply = nan",
      "[[hooks]]",
    );
    expect(await problemsOf(text)).toEqual([
      "3:1 unknown-key: unknown key `timeout` in [orchestration.sequential] (`timeout` stands in [defaults], [agents.NAME] or [orchestration])",
      '6:11 wrong-type: `timeout`: expected a duration such as "30s", got the number 30 (write "30s" for seconds or "30ms" for milliseconds)',
      "7:1 unknown-key: unknown key `comand` in [agents.one] (replace `comand` with `command`)",
      '8:1 wrong-type-key: `prompt` is a key of llm agents, and `one` is a script (remove `prompt`, or make it type = "llm")',
      "10:9 not-json: nan is not a JSON number, and the state is JSON (write a number or a text, or leave it out)",
      '11:1 missing-key: [[hooks]] needs `on` (for example on = "after_run")',
      "11:1 missing-key: [[hooks]] needs `command` or `module`",
    ]);
  });

  test("nothing of a value that it has refused before", async () => {
    expect(await problemsOf(fileWith("[agents.one]", "timeout = inf", "retries = 99999999999999999999"))).toEqual([
      "4:11 not-json: inf is not a JSON number, and the state is JSON (write a number or a text, or leave it out)",
      '5:11 inexact-integer: 99999999999999999999 is too large to be kept exactly as a number (write it in quotes: "99999999999999999999")',
    ]);
  });
});

describe("checkDefinition", () => {
  test("takes the same in code, without what is undefined", () => {
    const definition: PipelineDefinition = {
      agents: { one: { timeout: "3s", retries: undefined } },
      orchestration: { sequential: { agents: ["one"] } },
    };
    expect(checkDefinition(definition)).toEqual({
      spec: { agents: { one: { timeout: 3000 } }, orchestration: { sequential: { agents: ["one"] } } },
      diagnostics: [],
    });
  });

  test("keeps its own copy", () => {
    const agents = ["one"];
    const { spec } = checkDefinition({ orchestration: { sequential: { agents } } });
    agents.push("two");
    expect(spec?.orchestration.sequential.agents).toEqual(["one"]);
  });

  test.each<[sentence: string, definition: unknown, code: string, message: string]>([
    ["something that is no object", "pipeline", "wrong-type", "a pipeline's definition is an object"],
    ["a list", [], "wrong-type", "a pipeline's definition is an object"],
    ["nothing", undefined, "not-json", "the value is undefined, which JSON cannot say"],
    ["a function", { agents: { one: () => 1 } }, "not-json", "agents.one is a function, which JSON cannot say"],
    ["a value that is null", { orchestration: null }, "wrong-type", "`orchestration`: expected a table, got null"],
    [
      "a number that is too large for a count",
      { defaults: { retries: 1e300 }, orchestration: { sequential: { agents: ["a"] } } },
      "wrong-type",
      "`retries`: expected a whole number, got the number 1e+300",
    ],
  ])("refuses %s", (_sentence, definition, code, message) => {
    const { spec, diagnostics } = checkDefinition(definition);
    expect(spec).toBeNull();
    expect(diagnostics.map((diagnostic) => [diagnostic.code, diagnostic.message])).toEqual([[code, message]]);
  });

  test("refuses what contains itself", () => {
    const definition: Record<string, unknown> = {};
    definition.agents = definition;
    expect(checkDefinition(definition).diagnostics.map(({ code }) => code)).toEqual(["not-json"]);
  });
});

test("every code has a meaning in a few words", () => {
  for (const [code, meaning] of Object.entries(SPEC_CODES)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(meaning).toMatch(/^\S.{10,90}[^.]$/);
  }
});
