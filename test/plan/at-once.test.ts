import { describe, expect, test } from "vitest";
import { problemsIn } from "./plans.ts";

describe("every problem is told at once:", () => {
  test("mistakes of form and mistakes of the whole, in the order of the file", async () => {
    const text = `
[inputs.source]
type = "text"

[agents.collect]
type = "script"
command = ["node", "collect.mjs", "\${{ source }}"]
timout = "30s"
writes = ["rows"]

[agents.report]
type = "llm"
provider = "olama"
model = "llama3"
prompt = "Say it: \${{ rows + }}"

[orchestration.sequential]
agents = ["colect", "report"]
`;
    expect(await problemsIn(text)).toEqual([
      '3:8 invalid-value: `type`: expected "string", "number", "integer", "boolean", "list", "object"; got "text"',
      "8:1 unknown-key: unknown key `timout` in [agents.collect]",
      "13:12 unknown-provider: there is no provider called `olama`",
      "15:30 invalid-expression: this expression ends too early",
      "18:11 unknown-agent: there is no agent called `colect`",
    ]);
  });

  test("in nested files as well, each in its own", async () => {
    const outer = `
[agents.inner]
type = "pipeline"
file = "inner.toml"
retries = "3"

[orchestration.sequential]
agents = ["inner", "missing"]
`;
    const inner = `
[agents.one]
type = "canned"
delay = "soon"

[orchestration.sequential]
agents = ["one", "two"]
`;
    expect(await problemsIn(outer, { files: { "inner.toml": inner } })).toEqual([
      '/p/inner.toml:4:9 invalid-duration: `delay`: "soon" is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"',
      "/p/inner.toml:7:18 unknown-agent: there is no agent called `two`",
      '5:11 wrong-type: `retries`: expected a whole number, got the text "3"',
      "8:20 unknown-agent: there is no agent called `missing`",
    ]);
  });

  test("what is wrong with an agent whose type is misspelt", async () => {
    expect(
      await problemsIn(`
[agents.one]
type = "scrpt"
command = ["x", "\${{ 1 + }}"]
prompt = "x"
[orchestration.sequential]
agents = ["one"]
`),
    ).toEqual([
      '3:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "scrpt"',
      "4:26 invalid-expression: this expression ends too early",
      "5:1 wrong-type-key: `prompt` is a key of llm agents, and `one` is a script",
    ]);
  });

  test("a near miss although something else is wrong, which has nothing to do with it", async () => {
    expect(
      await problemsIn(`
[agents.one]
type = "canned"
reply = { row = 1 }
retries = -1
[agents.two]
type = "llm"
provider = "olama"
model = "m"
prompt = "\${{ rows }}"
[orchestration.sequential]
agents = ["one", "two"]
`),
    ).toEqual([
      "5:11 out-of-range: `retries`: expected 0 or more, got -1",
      "8:12 unknown-provider: there is no provider called `olama`",
      "~ 10:15 unknown-variable: nothing is known to write `rows`",
    ]);
  });

  test("of the keys of a reader although a writer's timeout is wrong", async () => {
    expect(
      await problemsIn(`
[inputs.a]
[agents.one]
type = "script"
command = ["x", "\${{ b }}"]
writes = []
timeout = 3
[orchestration.sequential]
agents = ["one"]
`),
    ).toEqual([
      "5:22 unknown-variable: nothing writes `b`",
      '7:11 wrong-type: `timeout`: expected a duration such as "30s", got the number 3',
    ]);
  });
});

describe("what follows from a mistake of form is not told:", () => {
  const sequence = (...lines: string[]): string => ['[orchestration.sequential]\nagents = ["one", "two"]', ...lines, ""].join("\n");
  const TWO = '[agents.two]\ntype = "script"\ncommand = ["x", "${{ rows }}"]\nwrites = []';
  const INPUT = "[inputs.topic]";

  test.each<[sentence: string, text: string, told: string[]]>([
    [
      "an agent whose type is misspelt has one all the same",
      sequence('[agents.one]\ntype = "cannd"', TWO),
      ['4:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "cannd"'],
    ],
    [
      "an agent whose type cannot be guessed does not need one",
      sequence('[agents.one]\ntype = "http"', TWO),
      ['4:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "http"'],
    ],
    [
      "nor where a file that another agent names is missing as well",
      sequence('[agents.one]\ntype = "http"', '[agents.two]\ntype = "llm"\nmodel = "m"\nprompt_file = "none.md"'),
      [
        '4:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "http"',
        "8:15 unreadable-file: there is no file none.md",
      ],
    ],
    [
      "a key that is not what it should be is not missing",
      sequence('[agents.one]\ntype = "script"\ncommand = "ls"', TWO),
      ['5:11 wrong-type: `command`: expected a list of strings, the program and its arguments, got the text "ls"'],
    ],
    [
      "an agent that is no table is not unknown",
      sequence('[agents]\none = "ls"', TWO),
      ['4:7 wrong-type: `one`: expected a table, got the text "ls"'],
    ],
    [
      "agents in a misspelt table are not unknown",
      sequence('[agent.one]\ntype = "canned"', TWO.replace("agents", "agent")),
      ["3:2 unknown-key: unknown table [agent]"],
    ],
    [
      "nothing is said of keys while a misspelt key may say what is written",
      sequence(INPUT, '[agents.one]\ntype = "script"\ncommand = ["x"]\nsaves = ["rows"]\nwrites = ["lines"]', TWO),
      ["7:1 unknown-key: unknown key `saves` in [agents.one]"],
    ],
    [
      "a misspelt `writes` writes",
      sequence(INPUT, '[agents.one]\ntype = "script"\ncommand = ["x"]\nwrits = ["rows"]', TWO),
      ["7:1 unknown-key: unknown key `writs` in [agents.one]"],
    ],
    [
      "a misspelt `inputs` has inputs",
      sequence("[input.rows]", INPUT, '[agents.one]\ntype = "canned"', TWO),
      ["3:2 unknown-key: unknown table [input]"],
    ],
    [
      "a name that is missing from a wrong input table is not told",
      sequence('[agents.one]\ntype = "script"\ncommand = ["x", "${{ text }}"]\ninput = { text = 5 }', TWO),
      ["6:18 wrong-type: `text`: expected text, got the number 5"],
    ],
    [
      "the fallback of a misspelt `fallback` is reached",
      sequence('[agents.one]\ntype = "canned"\nfalback = "three"', TWO, '[agents.three]\ntype = "canned"'),
      ["5:1 unknown-key: unknown key `falback` in [agents.one]"],
    ],
    [
      "a target in a misspelt list of branches is reached",
      sequence(
        '[[orchestration.sequential.branch]]\nfrom_agent = "one"\nto_agent = "three"',
        '[agents.one]\ntype = "canned"',
        TWO,
        '[agents.three]\ntype = "canned"',
      ),
      ["3:28 unknown-key: unknown key `branch` in [orchestration.sequential]"],
    ],
    [
      "a branch with a wrong `max_times` has a bound, and no other needs one",
      sequence(
        '[agents.one]\ntype = "canned"',
        TWO,
        '[[orchestration.sequential.branches]]\nfrom_agent = "two"\ncondition = "rows == 1"\nto_agent = "one"\nmax_times = 0',
        '[[orchestration.sequential.branches]]\nfrom_agent = "one"\ncondition = "rows == 2"\nto_agent = "two"',
      ),
      ["13:13 out-of-range: `max_times`: expected 1 or more, got 0"],
    ],
    [
      "a detour back with a wrong `max_times` has a bound, and the way there needs none",
      sequence(
        '[agents.one]\ntype = "canned"\n[agents.three]\ntype = "canned"',
        TWO,
        '[[orchestration.sequential.branches]]\nfrom_agent = "three"\nto_agent = "one"\nmax_times = 0',
        '[[orchestration.sequential.branches]]\nfrom_agent = "one"\ncondition = "rows == 2"\nto_agent = "three"',
      ),
      ["14:13 out-of-range: `max_times`: expected 1 or more, got 0"],
    ],
    [
      "a branch whose condition is misspelt is no `otherwise`",
      sequence(
        '[agents.one]\ntype = "canned"',
        TWO,
        '[[orchestration.sequential.branches]]\nfrom_agent = "one"\nif = "rows == 1"\nend = true',
        '[[orchestration.sequential.branches]]\nfrom_agent = "one"\ncondition = "rows == 2"\nto_agent = "two"',
      ),
      ["11:1 unknown-key: unknown key `if` in [[orchestration.sequential.branches]]"],
    ],
    [
      "the members of a group that is too small are members",
      'agents.one.type = "canned"\n[orchestration.sequential]\nagents = ["both"]\n[orchestration.sequential.parallel.both]\nagents = ["one"]\n',
      ["5:10 too-few: `agents` needs at least 2 entries"],
    ],
    [
      "a group that is no table is not unknown",
      sequence('parallel.one = "x"', TWO),
      ['3:16 wrong-type: `one`: expected a table, got the text "x"'],
    ],
    [
      "an entry of the sequence that is no text is not unknown, and the others keep their places",
      'agents.one.type = "canned"\n[orchestration.sequential]\nagents = [1, 2, "three", "one"]\n',
      [
        "3:11 wrong-type: `agents[0]`: expected text, got the number 1",
        "3:14 wrong-type: `agents[1]`: expected text, got the number 2",
        "3:17 unknown-agent: there is no agent called `three`",
      ],
    ],
    [
      "a branch that is no table keeps the places of the others",
      sequence('branches = ["x", { from_agent = "three", end = true }]', '[agents.one]\ntype = "canned"', TWO),
      ['3:13 wrong-type: `branches[0]`: expected a table, got the text "x"', "3:33 unknown-agent: there is no agent called `three`"],
    ],
    [
      "a hook without an event is a hook all the same",
      sequence('[agents.one]\ntype = "canned"', TWO, '[[hooks]]\nagents = ["three"]\ncommand = ["x"]'),
      ["9:1 missing-key: [[hooks]] needs `on`", "10:11 unknown-agent: there is no agent called `three`"],
    ],
    [
      "replies that are wrong may have written anything",
      sequence(INPUT, '[agents.one]\ntype = "canned"\nreplies = []', TWO),
      ["6:11 too-few: `replies` is empty"],
    ],
    [
      "a near miss may be meant for what an agent writes that is wrong",
      sequence("[agents.one]", '[agents.two]\ntype = "script"\ncommand = ["x", "${{ rows }}"]\noutput = "row"'),
      ["3:9 missing-key: the agent `one` needs a type"],
    ],
    [
      "a misspelt key of another type is misspelt, first of all",
      sequence('[agents.one]\ntype = "script"\ncommand = ["x"]\npromt = "x"', TWO),
      ["6:1 unknown-key: unknown key `promt` in [agents.one]"],
    ],
    [
      "members are not told to write one key where the rule of merging is wrong",
      'agents.one = { type = "canned", reply = { k = 1 } }\nagents.two = { type = "canned", reply = { k = 1 } }\n[orchestration.sequential]\nagents = ["both"]\n[orchestration.sequential.parallel.both]\nagents = ["one", "two"]\nmerge = "deep"\n',
      ['7:9 invalid-value: `merge`: expected "flat", "namespace", "prefix"; got "deep"'],
    ],
    [
      "an output whose expression is wrong writes its key",
      sequence(INPUT, '[agents.one]\ntype = "script"\ncommand = ["x"]\noutput = { rows = "1 +" }', TWO),
      ["7:23 invalid-expression: this expression ends too early"],
    ],
    [
      "a value that JSON cannot say is nothing",
      sequence('[agents.one]\ntype = "canned"\nreply = nan\ntimeout = inf', TWO),
      ["5:9 not-json: nan is not a JSON number, and the state is JSON", "6:11 not-json: inf is not a JSON number, and the state is JSON"],
    ],
    [
      "a file that does not say which agents run is not looked at any further",
      '[agents.one]\ntype = "llm"\n[orchestration.sequential]\nagents = []\n',
      ["4:10 empty-sequence: the sequence is empty, so there is nothing to run"],
    ],
  ])("%s", async (_sentence, text, told) => expect(await problemsIn(text)).toEqual(told));
});
