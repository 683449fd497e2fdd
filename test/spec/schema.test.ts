import { describe, expect, test } from "vitest";
import { AGENT_KEYS_BY_TYPE, COMMON_AGENT_KEYS, EXCLUSIVE_AGENT_KEYS } from "../../src/spec/agent-keys.ts";
import { tableKeys } from "../../src/spec/schema.ts";
import { fileWith, problemsOf } from "./problems.ts";

const NAMES = "a name is a letter, then letters, digits, - and _";

describe("a file is told", () => {
  test.each<[sentence: string, text: string, problems: string[]]>([
    [
      "that it does not say what runs",
      "",
      [
        '1:1 missing-key: the file does not say which agents run, and in which order (write [orchestration.sequential] and below it agents = ["first", "second"])',
      ],
    ],
    [
      "that its orchestration does not",
      "[orchestration]\n",
      [
        '1:1 missing-key: the file does not say which agents run, and in which order (write [orchestration.sequential] and below it agents = ["first", "second"])',
      ],
    ],
    [
      "that its sequence does not",
      "[orchestration.sequential]\n",
      ['1:1 missing-key: [orchestration.sequential] needs `agents` (for example agents = ["first", "second"])'],
    ],
    [
      "that its sequence is empty",
      "[orchestration.sequential]\nagents = []\n",
      ['2:10 empty-sequence: the sequence is empty, so there is nothing to run (name agents in their order: agents = ["first", "second"])'],
    ],
    [
      "where agents are described",
      '[orchestration.sequential.agents.one]\ntimeout = "1s"\n',
      [
        '1:27 wrong-type: `agents`: expected a list of names of agents and groups, got a table (here stands the order, agents = ["first", "second"]; what an agent is stands in [agents.one])',
      ],
    ],
    [
      "row 72: that its mode is another",
      fileWith("[orchestration]", 'mode = "parallel"'),
      [
        '4:8 unsupported-mode: there is no mode "parallel"; agents run as a sequence, with branches and parallel groups (to run agents at the same time, put them in a group: [orchestration.sequential.parallel.NAME])',
      ],
    ],
    [
      "row 130: why there is no loop mode",
      fileWith("[orchestration]", 'mode = "loop"'),
      [
        '4:8 unsupported-mode: there is no mode "loop"; agents run as a sequence, with branches and parallel groups (for a loop, write a branch back to an earlier agent, with max_times)',
      ],
    ],
    [
      "row 130: why there is no route mode",
      fileWith("[orchestration]", 'mode = "route"'),
      [
        '4:8 unsupported-mode: there is no mode "route"; agents run as a sequence, with branches and parallel groups (to choose the next agent by what the state holds, write [[orchestration.sequential.branches]])',
      ],
    ],
    [
      "row 130: why there is no mixed mode",
      fileWith("[orchestration]", 'mode = "Mixed"'),
      [
        '4:8 unsupported-mode: there is no mode "Mixed"; agents run as a sequence, with branches and parallel groups (to mix agents one by one with agents at the same time, put groups, [orchestration.sequential.parallel.NAME], into the sequence)',
      ],
    ],
    [
      "that its mode is no mode",
      fileWith("[orchestration]", 'mode = "x"'),
      [
        '4:8 unsupported-mode: there is no mode "x"; agents run as a sequence, with branches and parallel groups (write mode = "sequential", or leave it out)',
      ],
    ],
    [
      "that its mode is no text",
      fileWith("[orchestration]", "mode = 1"),
      ['4:8 wrong-type: `mode`: expected "sequential", got the number 1'],
    ],
    [
      "of a table that it does not know",
      fileWith("[agent.one]"),
      ["3:2 unknown-key: unknown table [agent] (replace `agent` with `agents`)"],
    ],
    [
      "of a key that is a secret only in a provider",
      fileWith("[defaults]", "token = 1"),
      [
        "4:1 unknown-key: unknown key `token` in [defaults] (known keys: max_tokens, model, on_error, provider, retries, retry_backoff, retry_delay, retry_jitter, retry_max_delay, retry_on, temperature, timeout)",
      ],
    ],
    [
      "of a key that it does not know, and all that it does",
      fileWith("[secrets]", "zzz = 1"),
      ["4:1 unknown-key: unknown key `zzz` in [secrets] (known keys: env)"],
    ],
    [
      "where a known key stands",
      fileWith("fail_fast = true"),
      [
        "3:1 unknown-key: unknown key `fail_fast` in [orchestration.sequential] (`fail_fast` stands in [orchestration.sequential.pipeline])",
      ],
    ],
    [
      "where a known key stands in tables with names",
      fileWith("[defaults]", 'module = "m.ts"'),
      ["4:1 unknown-key: unknown key `module` in [defaults] (`module` stands in [agents.NAME] or [[hooks]])"],
    ],
    [
      "of a key that has the name of something of Object's own",
      fileWith("[agents.one]", "constructor = 1", "__proto__ = 2"),
      [
        `4:1 unknown-key: unknown key \`constructor\` in [agents.one] (known keys: ${[...COMMON_AGENT_KEYS, ...Object.values(AGENT_KEYS_BY_TYPE).flat()].toSorted().join(", ")})`,
        `5:1 unknown-key: unknown key \`__proto__\` in [agents.one] (known keys: ${[...COMMON_AGENT_KEYS, ...Object.values(AGENT_KEYS_BY_TYPE).flat()].toSorted().join(", ")})`,
      ],
    ],
    [
      "that no key of a provider stands in it",
      fileWith("[providers.mine]", 'base_url = "http://localhost:1/v1"', 'api_key = "sk-1"'),
      [
        '5:1 unknown-key: unknown key `api_key` in [providers.mine] (name the environment variable that holds it: api_key_env = "MINE_API_KEY")',
      ],
    ],
    [
      "that a variable's name is not the key itself",
      fileWith("[providers.openai]", 'api_key_env = "sk-1"'),
      [
        "4:15 invalid-variable: `api_key_env` must be the name of an environment variable: letters, digits and _ (the key itself never stands in the file, only the name of the variable that holds it)",
      ],
    ],
    [
      "that an address is none",
      fileWith("[providers.mine]", 'base_url = "localhost:8080"'),
      ['4:12 invalid-url: `base_url` must be an address such as "http://localhost:8080/v1" (write "http://localhost:8080")'],
    ],
    [
      "of text for a list",
      fileWith("[agents.one]", 'command = "ls -l"'),
      [
        '4:11 wrong-type: `command`: expected a list of strings, the program and its arguments, got the text "ls -l" (write command = ["ls", "-l"])',
      ],
    ],
    [
      "of a number in a list of texts",
      fileWith("[agents.one]", 'command = ["sleep", 5]'),
      ['4:21 wrong-type: `command[1]`: expected text, got the number 5 (write "5")'],
    ],
    [
      "of a command without a program",
      fileWith("[agents.one]", 'command = [""]'),
      ['4:11 empty-text: `command` must begin with the name of a program (for example command = ["node", "script.mjs"])'],
    ],
    [
      "of a list that is empty",
      fileWith("[agents.one]", "command = []"),
      ['4:11 too-few: `command` is empty (for example command = ["node", "script.mjs"])'],
    ],
    [
      "of a text that is empty",
      fileWith("[agents.one]", 'model = ""'),
      ["4:9 empty-text: `model` is empty (write something between the quotes, or remove `model`)"],
    ],
    [
      "of a character that no program can be given",
      fileWith("[agents.one]", 'shell = "a\\u0000b"'),
      ["4:9 control-character: `shell` cannot hold a NUL character (take it out, or write it in another way)"],
    ],
    [
      "of a name over two lines",
      'name = "a\\nb"\n' + fileWith(),
      [
        "1:8 control-character: `name` cannot hold line breaks or control characters (a name is one line; longer text stands in `description`)",
      ],
    ],
    [
      "of a size without a unit",
      fileWith("[agents.one]", "max_output = 10"),
      ['4:14 wrong-type: `max_output`: expected a size such as "10MB", got the number 10 (write "10B" for bytes or "10KB")'],
    ],
    [
      "of a size in other letters",
      fileWith("[agents.one]", 'max_output = "10mb"'),
      ['4:14 invalid-size: `max_output`: "10mb" is not a size; write "10MB" (replace "10mb" with "10MB")'],
    ],
    [
      "of a duration without a unit",
      fileWith("[agents.one]", 'timeout = "30"'),
      ['4:11 invalid-duration: `timeout`: "30" has no unit; write "30s" for seconds or "30ms" for milliseconds'],
    ],
    [
      "of a limit of no time",
      fileWith("[agents.one]", 'timeout = "0s"'),
      ['4:11 invalid-duration: `timeout`: "0s" is no time at all; it must be longer than zero'],
    ],
    [
      "row 77: of a wait that does not end",
      fileWith("[agents.one]", 'retry_delay = "none"'),
      ['4:15 invalid-duration: `retry_delay`: "none" (no limit) makes no sense here; write "0s" for no time at all'],
    ],
    [
      "row 76: of retries below zero",
      fileWith("[agents.one]", "retries = -1"),
      ["4:11 out-of-range: `retries`: expected 0 or more, got -1"],
    ],
    [
      "row 76: of half a retry",
      fileWith("[agents.one]", "retries = 1.5"),
      ["4:11 wrong-type: `retries`: expected a whole number, got the number 1.5"],
    ],
    [
      "of a backoff that shrinks",
      fileWith("[agents.one]", "retry_backoff = 0.5"),
      ["4:17 out-of-range: `retry_backoff`: expected 1 or more, got 0.5"],
    ],
    [
      "nothing of a share of zero or one, a temperature of zero, no retries and no wait (row 46)",
      fileWith("[agents.one]", "top_p = 0", "temperature = 0", "retries = 0", 'retry_delay = "0s"', "[agents.two]", "top_p = 1"),
      [],
    ],
    ["of a share below zero", fileWith("[agents.one]", "top_p = -0.1"), ["4:9 out-of-range: `top_p`: expected from 0 to 1, got -0.1"]],
    [
      "of a list for a number",
      fileWith("[agents.one]", "top_p = [1]", "seed = []"),
      ["4:9 wrong-type: `top_p`: expected a number, got a list", "5:8 wrong-type: `seed`: expected a whole number, got an empty list"],
    ],
    ["of a share above one", fileWith("[agents.one]", "top_p = 1.1"), ["4:9 out-of-range: `top_p`: expected from 0 to 1, got 1.1"]],
    [
      "of a kind of failure that is never retried",
      fileWith("[agents.one]", 'retry_on = ["timeout", "quota"]'),
      [
        '4:24 never-retried: "quota" is never retried, since another attempt cannot mend it (remove it from the list; a `fallback` follows any failure)',
      ],
    ],
    [
      "of a kind of failure that is mistyped",
      fileWith("[agents.one]", 'retry_on = ["time_out"]'),
      ['4:13 invalid-value: `retry_on[0]`: expected a kind of failure; got "time_out" (replace "time_out" with "timeout")'],
    ],
    [
      "of a type that does not exist",
      fileWith("[agents.one]", 'type = "shell"'),
      ['4:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "shell"'],
    ],
    [
      "of a type that is mistyped",
      fileWith("[agents.one]", 'type = "Script"'),
      [
        '4:8 invalid-value: `type`: expected "script", "llm", "module", "canned", "pipeline"; got "Script" (replace "Script" with "script")',
      ],
    ],
    [
      "of a long text, which it quotes in part",
      fileWith("[agents.one]", `retries = "${"x".repeat(41)}"`, `seed = "${"x".repeat(40)}"`),
      [
        `4:11 wrong-type: \`retries\`: expected a whole number, got the text "${"x".repeat(40)}…"`,
        `5:8 wrong-type: \`seed\`: expected a whole number, got the text "${"x".repeat(40)}"`,
      ],
    ],
    [
      "of true in quotes",
      fileWith("[agents.one]", 'retry_jitter = "true"'),
      ['4:16 wrong-type: `retry_jitter`: expected true or false, got the text "true" (write true, without quotes)'],
    ],
    [
      "that end is true or absent",
      fileWith("[[orchestration.sequential.branches]]", 'from_agent = "one"', "end = false"),
      ["5:7 invalid-value: `end`: expected true; got false"],
    ],
    [
      "of an event in a list that does not exist",
      fileWith("[[hooks]]", 'on = ["before_stage", "after"]', 'command = ["x"]'),
      [
        '4:23 invalid-value: `on[1]`: expected "before_run", "before_stage", "after_stage", "stage_error", "retry", "branch", "rollback", "after_run"; got "after"',
      ],
    ],
    [
      "of an event by itself that does not exist",
      fileWith("[[hooks]]", 'on = "before-run"', 'command = ["x"]'),
      [
        '4:6 invalid-value: `on`: expected "before_run", "before_stage", "after_stage", "stage_error", "retry", "branch", "rollback", "after_run"; got "before-run" (replace "before-run" with "before_run")',
      ],
    ],
    ["of no events", fileWith("[[hooks]]", "on = []", 'command = ["x"]'), ['4:6 too-few: `on` is empty (for example on = "after_run")']],
    [
      "of a number for an event",
      fileWith("[[hooks]]", "on = 1", 'command = ["x"]'),
      [
        '4:6 wrong-type: `on`: expected one of "before_run", "before_stage", "after_stage", "stage_error", "retry", "branch", "rollback", "after_run", got the number 1',
      ],
    ],
    [
      "of a wrong expression in a table of output",
      fileWith("[agents.one]", "output = { a = 1 }"),
      ['4:16 wrong-type: `a`: expected text, got the number 1 (write "1")'],
    ],
    [
      "of an output that is no key and no table",
      fileWith("[agents.one]", "output = 1"),
      ["4:10 wrong-type: `output`: expected a key of the state, or a table of CEL expressions over `result`, got the number 1"],
    ],
    [
      "of an output without a name",
      fileWith("[agents.one]", 'output = ""'),
      ["4:10 empty-text: `output` is empty (write something between the quotes, or remove `output`)"],
    ],
    [
      "of a group of one",
      fileWith("[orchestration.sequential.parallel.g]", 'agents = ["one"]'),
      ["4:10 too-few: `agents` needs at least 2 entries (a group has two members or more; a single agent stands in the sequence itself)"],
    ],
    [
      "of something else for a table",
      "agents = 3\n" + fileWith(),
      ["1:10 wrong-type: `agents`: expected a table of agents, as in [agents.NAME], got the number 3"],
    ],
    ["of something else for an agent", fileWith("[agents]", 'one = "x"'), ['4:7 wrong-type: `one`: expected a table, got the text "x"']],
    [
      "of names that are none",
      fileWith(
        '[agents."my agent"]',
        "[inputs.1st]",
        "[providers.__proto__]",
        "[orchestration.sequential.parallel._g]",
        'agents = ["a", "b"]',
      ),
      [
        `3:9 invalid-name: "my agent" cannot be the name of an agent (${NAMES})`,
        `4:9 invalid-name: "1st" cannot be the name of an input (${NAMES})`,
        `5:12 invalid-name: "__proto__" cannot be the name of a provider (${NAMES})`,
        `6:36 invalid-name: "_g" cannot be the name of a group (${NAMES})`,
      ],
    ],
    ["nothing where there is nothing wrong", fileWith("[agents.one]", 'type = "llm"'), []],
  ])("%s", async (_sentence, text, problems) => {
    const sorted = (problem: string): string =>
      problem.replace(/\(known keys: (.*)\)$/, (_whole, keys: string) => `(known keys: ${keys.split(", ").toSorted().join(", ")})`);
    expect((await problemsOf(text)).map(sorted)).toEqual(problems);
  });
});

describe("keys that come later are not known yet", () => {
  test.each([
    ["schema", "[agents.one]\nschema = {}"],
    ["repairs", "[agents.one]\nrepairs = 1"],
    ["stream", "[agents.one]\nstream = true"],
    ["idle_timeout", '[agents.one]\nidle_timeout = "1s"'],
    ["structured", '[providers.p]\nstructured = "auto"'],
    ["prices", "[providers.p]\nprices = {}"],
    ["max_concurrency of a provider", "[providers.p]\nmax_concurrency = 1"],
    ["requests_per_minute", "[providers.p]\nrequests_per_minute = 1"],
  ])("%s", async (_name, lines) =>
    expect(await problemsOf(fileWith(lines))).toEqual([expect.stringMatching(/^\d+:\d+ (unknown-key|invalid-value): /)]),
  );
});

describe("the keys of agents", () => {
  test("are common ones and those of one type, each once", () => {
    const keys = [...COMMON_AGENT_KEYS, ...Object.values(AGENT_KEYS_BY_TYPE).flat()];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.toSorted()).toEqual(Object.keys(tableKeys().get("[agents.NAME]") ?? {}).toSorted());
  });

  test("that exclude one another are keys of the same type", () => {
    for (const [one, other] of EXCLUSIVE_AGENT_KEYS) {
      const home = [COMMON_AGENT_KEYS, ...Object.values(AGENT_KEYS_BY_TYPE)].find((keys: readonly string[]) => keys.includes(one));
      expect(home).toContain(other);
    }
  });
});
