import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/spec/json.ts";
import { locate } from "../../src/spec/positions.ts";
import { readSpec } from "../../src/spec/read.ts";
import { agentProblems, checkRules } from "../../src/spec/rules.ts";
import { fileWith, problemsOf } from "./problems.ts";

const AGENT = "[agents.one]";

describe("a file is told", () => {
  test.each<[sentence: string, lines: string[], problems: string[]]>([
    [
      "of command beside shell",
      [AGENT, 'type = "script"', 'command = ["ls"]', 'shell = "ls"'],
      ["6:1 exclusive-keys: `command` and `shell` exclude each other"],
    ],
    [
      "of prompt beside prompt_file",
      [AGENT, 'type = "llm"', 'prompt_file = "p.md"', 'prompt = "x"'],
      ["5:1 exclusive-keys: `prompt` and `prompt_file` exclude each other"],
    ],
    [
      "of reply beside replies",
      [AGENT, 'type = "canned"', "reply = 1", "replies = [1]"],
      ["6:1 exclusive-keys: `reply` and `replies` exclude each other"],
    ],
    ["of keep beside drop", [AGENT, 'keep = ["a"]', 'drop = ["b"]'], ["5:1 exclusive-keys: `keep` and `drop` exclude each other"]],
    [
      "of keys that exclude each other also where it extends another",
      [AGENT, 'extends = "two"', 'command = ["ls"]', 'shell = "ls"'],
      ["6:1 exclusive-keys: `command` and `shell` exclude each other"],
    ],
    [
      "of a key of another type",
      [AGENT, 'type = "module"', 'module = "m.ts"', "temperature = 1"],
      ['6:1 wrong-type-key: `temperature` is a key of llm agents, and `one` is a module (remove `temperature`, or make it type = "llm")'],
    ],
    [
      "of a key of another type also where it extends another",
      [AGENT, 'type = "module"', 'extends = "two"', "temperature = 1"],
      ['6:1 wrong-type-key: `temperature` is a key of llm agents, and `one` is a module (remove `temperature`, or make it type = "llm")'],
    ],
    ["nothing of types where it has none", [AGENT, 'prompt = "x"', 'module = "m.ts"'], []],
    [
      "of a script without a command",
      [AGENT, 'type = "script"'],
      ['3:9 missing-key: `one` is a script, so it needs `command` or `shell` (for example command = ["node", "script.mjs"])'],
    ],
    [
      "of a module without a module",
      [AGENT, 'type = "module"'],
      ['3:9 missing-key: `one` is a module, so it needs `module` (for example module = "agent.mjs")'],
    ],
    [
      "of a pipeline without a file",
      [AGENT, 'type = "pipeline"'],
      ['3:9 missing-key: `one` is a pipeline, so it needs `file` (for example file = "inner.toml")'],
    ],
    ["nothing of missing keys that a base may bring", [AGENT, 'type = "script"', 'extends = "two"'], []],
    ["nothing of missing keys that those may bring who extend it", [AGENT, 'type = "script"', "[agents.two]", 'extends = "one"'], []],
    ["nothing of a model, which [defaults] may bring", [AGENT, 'type = "llm"'], []],
    [
      "of text that goes nowhere",
      [AGENT, 'type = "script"', 'shell = "ls"', 'stdout = "lines"'],
      ['6:10 missing-key: with stdout = "lines", `one` needs `output`: the key of the state that gets it (add output = "one")'],
    ],
    [
      "of fail_times without fail",
      [AGENT, 'type = "canned"', "fail_times = 1"],
      ['5:1 no-effect: `fail_times` does nothing without `fail` (remove it, or add fail = "exit" or another kind of failure)'],
    ],
    [
      "of names that environment variables cannot have",
      [AGENT, 'type = "script"', 'shell = "ls"', "[agents.one.env]", '"A=B" = "x"', '"" = "y"'],
      [
        '7:1 invalid-variable: "A=B" cannot be the name of an environment variable (the value stands on the other side: NAME = "value")',
        '8:1 invalid-variable: "" cannot be the name of an environment variable (the value stands on the other side: NAME = "value")',
      ],
    ],
    [
      "of names that nothing can have",
      [AGENT, "[agents.one.input]", '"" = "x"', '__proto__ = "y"', "[agents.one.output]", '__proto__ = "z"'],
      [
        '5:1 invalid-name: "" cannot be a name in `input`',
        '6:1 invalid-name: "__proto__" cannot be a name in `input`',
        '8:1 invalid-name: "__proto__" cannot be a key of the state',
      ],
    ],
    [
      "of names that headers cannot have",
      ["[providers.p.headers]", '"X Y" = "x"', '"X-Y" = "x"'],
      ['4:1 invalid-header: "X Y" cannot be the name of an HTTP header (letters, digits and -, without spaces or a colon, as in X-Team)'],
    ],
    [
      "of a default that an input cannot have",
      ["[inputs.n]", 'type = "integer"', "default = 1.5"],
      ['5:11 wrong-type: `default`: expected a value of type "integer", got the number 1.5'],
    ],
    [
      "of values in enum that an input cannot have",
      ["[inputs.n]", 'type = "list"', "enum = [[1], {}]"],
      ['5:14 wrong-type: `enum[1]`: expected a value of type "list", got a table'],
    ],
    [
      "of a default that enum does not have",
      ["[inputs.n]", 'enum = ["a", "b"]', 'default = "c"'],
      ["5:11 invalid-value: `default` is not one of the values in `enum`"],
    ],
    [
      "nothing of a default that enum has, in whatever order of keys",
      ["[inputs.n]", "enum = [{ a = 1, b = 2 }]", "default = { b = 2, a = 1 }"],
      [],
    ],
    [
      "of an input that is required beside a default",
      ["[inputs.n]", "required = true", "default = 1"],
      ["4:1 no-effect: `required = true` does nothing beside a `default`, which stands in for what is missing (remove `required`)"],
    ],
    [
      "of min_success without continue",
      ["[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', "min_success = 1"],
      ['5:1 no-effect: `min_success` does nothing without on_error = "continue" (remove it, or add on_error = "continue")'],
    ],
    [
      "of min_success above the number of members",
      ["[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', 'on_error = "continue"', "min_success = 3"],
      ["6:15 out-of-range: `min_success`: expected at most 2, the number of members, got 3"],
    ],
    [
      "nothing of min_success that is the number of members",
      ["[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', 'on_error = "continue"', "min_success = 2"],
      [],
    ],
    [
      "nothing more of min_success where it is no number",
      ["[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', 'on_error = "continue"', 'min_success = "3"'],
      ['6:15 wrong-type: `min_success`: expected a whole number, got the text "3" (write 3, without quotes)'],
    ],
    [
      "of a branch that goes nowhere",
      ["[[orchestration.sequential.branches]]", 'from_agent = "one"'],
      ["3:1 missing-key: [[orchestration.sequential.branches]] needs `to_agent` or `end = true`"],
    ],
    [
      "of a branch that goes on and ends",
      ["[[orchestration.sequential.branches]]", 'from_agent = "one"', 'to_agent = "one"', "end = true"],
      ["6:1 exclusive-keys: `to_agent` and `end` exclude each other"],
    ],
    ["of a hook that does nothing", ["[[hooks]]", 'on = "retry"'], ["3:1 missing-key: [[hooks]] needs `command` or `module`"]],
    [
      "of a hook that does two things",
      ["[[hooks]]", 'on = "retry"', 'command = ["x"]', 'module = "m.ts"'],
      ["6:1 exclusive-keys: `command` and `module` exclude each other"],
    ],
    [
      "of agents for events of the run",
      ["[[hooks]]", 'on = ["before_run", "after_run"]', 'agents = ["one"]', 'module = "m.ts"'],
      ["5:1 no-effect: `agents` does nothing here: before_run and after_run belong to no agent (remove `agents`)"],
    ],
    [
      "nothing of agents where one event is a stage's",
      ["[[hooks]]", 'on = ["before_run", "after_stage"]', 'agents = ["one"]', 'module = "m.ts"'],
      [],
    ],
  ])("%s", async (_sentence, lines, problems) => expect(await problemsOf(fileWith(...lines))).toEqual(problems));

  test("where both keys stand that exclude each other", async () => {
    const text = fileWith(AGENT, 'shell = "ls"', 'command = ["ls"]');
    const [problem] = await locate(text, readSpec(text).diagnostics);
    expect({ label: problem?.label, related: problem?.related.map(({ place, label }) => [place.line, label]) }).toEqual({
      label: "not beside `command`",
      related: [[5, "one of them has to go"]],
    });
  });

  test("which type it has that a key does not belong to, and what that takes", async () => {
    const text = fileWith(AGENT, 'type = "pipeline"', 'file = "p.toml"', 'shell = "ls"');
    const [problem] = await locate(text, readSpec(text).diagnostics);
    expect({ label: problem?.label, related: problem?.related.map(({ place, label }) => [place.line, place.column, label]) }).toEqual({
      label: "not for a pipeline",
      related: [[4, 8, "a pipeline takes file"]],
    });
  });
});

describe("agentProblems judges an agent with the keys of its base", () => {
  test("as a whole, once `extends` is gone", () => {
    expect(agentProblems("one", { type: "script", timeout: 1000 }).map(({ code, path }) => [code, path])).toEqual([
      ["missing-key", ["agents", "one"]],
    ]);
    expect(agentProblems("one", { type: "script", shell: "ls", extends: undefined })).toEqual([]);
  });
});

test("checkRules takes any data", () => {
  const anything: JsonObject[] = [
    {},
    { agents: 1 },
    { agents: { a: null } },
    { hooks: [1] },
    { hooks: {} },
    { inputs: { a: [] } },
    { providers: { a: { headers: [] } } },
    { orchestration: [] },
    { orchestration: { sequential: { parallel: { g: 1 }, branches: 1 } } },
  ];
  for (const data of anything) expect(checkRules(data)).toEqual([]);
});
