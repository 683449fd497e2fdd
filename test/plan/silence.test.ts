import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { runProgram } from "../support/program.ts";

/** A warning: nothing reads the input `tone`. */
const warned = (above: string, behind = "", inside = ""): string => `[agents.write]
type = "llm"
provider = "ollama"
model = "llama3"
prompt = "Write about \${{ topic }}."

[inputs.topic]
${above}
[inputs.tone]${behind}
${inside}default = "plain"

[orchestration.sequential]
agents = ["write"]
`;

const UNUSED = "warning[unused-input]: nothing reads the input `tone`";

async function findingsIn(text: string): Promise<string[]> {
  const { stderr } = await runProgram(["validate", "p.toml"], { cwd: folderWith({ "p.toml": text }) });
  return stderr.split("\n").filter((line) => /^(error|warning)\[/.test(line));
}

describe("`# agentflow-ignore CODE: reason` silences a warning", () => {
  test.each<[sentence: string, text: string, expected: string[]]>([
    ["which is there without it", warned(""), [UNUSED]],
    ["above its line", warned("# agentflow-ignore unused-input: the next version reads it"), []],
    ["above its line, with other comments and blank lines between", warned("# agentflow-ignore unused-input: soon\n\n# the tone\n"), []],
    ["behind it on its line", warned("", " # agentflow-ignore unused-input: the next version reads it"), []],
    ["in capital letters", warned("# Agentflow-ignore unused-input: the next version reads it"), []],
    ["of several codes", warned("# agentflow-ignore unused-input, unreached-agent: soon"), []],
    [
      "but not elsewhere",
      warned("", "", "# agentflow-ignore unused-input: soon\n"),
      [UNUSED, "warning[unused-ignore]: there is no `unused-input` here to be ignored"],
    ],
    [
      "but not another one",
      warned("# agentflow-ignore unreached-agent: soon"),
      ["warning[unused-ignore]: there is no `unreached-agent` here to be ignored", UNUSED],
    ],
    ["but not in a text", warned("description = '# agentflow-ignore unused-input: soon'"), [UNUSED]],
  ])("%s", async (_sentence, text, expected) => expect(await findingsIn(text)).toEqual(expected));

  test("anywhere in a value of several lines that it stands above", async () => {
    const list = (comment: string): string =>
      `${warned("").replace('agents = ["write"]', 'agents = [\n  "write",\n  "last",\n  "rest",\n]')}
[agents.last]
type = "canned"
[agents.rest]
type = "canned"
[[orchestration.sequential.branches]]
from_agent = "last"
end = true
`.replace("agents = [", `${comment}agents = [`);
    expect(await findingsIn(list(""))).toEqual(["warning[unreachable-stage]: no run comes to `rest`: a branch always leads past it"]);
    expect(await findingsIn(list("# agentflow-ignore unreachable-stage: kept for later\n"))).toEqual([]);
  });

  test("also one that is an error since some way leaves a key out, and then the file runs", async () => {
    const text = (comment: string): string => `[inputs.tone]
required = false
[agents.write]
type = "script"
${comment}command = ["echo", "\${{ tone }}"]
stdout = "text"
output = "text"
[orchestration.sequential]
agents = ["write"]
`;
    expect(await findingsIn(text(""))).toEqual(["error[missing-on-path]: the input `tone` may not be given"]);
    const cwd = folderWith({ "p.toml": text("# agentflow-ignore missing-on-path: cron always gives it\n") });
    expect(await runProgram(["run", "p.toml", "--input", "tone=plain", "--quiet", "--no-store"], { cwd })).toMatchObject({
      code: 0,
      stdout: '{\n  "tone": "plain",\n  "text": "plain"\n}\n',
    });
  });

  test("of what a machine lacks, wherever the file is checked", async () => {
    const text = (program: string): string => `[agents.a]
type = "script"
# agentflow-ignore missing-program: only the server has it
command = ["${program}"]
[orchestration.sequential]
agents = ["a"]
`;
    expect(await findingsIn(text("no-such-program"))).toEqual([]);
    expect(await findingsIn(text("cat"))).toEqual([]);
  });

  test("in a nested pipeline, in its own file", async () => {
    const cwd = folderWith({
      "p.toml": '[agents.a]\ntype = "pipeline"\nfile = "inner.toml"\n[orchestration.sequential]\nagents = ["a"]\n',
      "inner.toml":
        '[agents.b]\ntype = "canned"\n# agentflow-ignore unreached-agent: kept\n[agents.c]\ntype = "canned"\n[orchestration.sequential]\nagents = ["b"]\n',
    });
    expect(await runProgram(["validate", "p.toml"], { cwd })).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("such a comment is told itself", () => {
  test.each<[sentence: string, comment: string, expected: string]>([
    ["without a code", "# agentflow-ignore", "invalid-ignore]: this comment does not say what is to be ignored"],
    ["with an unknown code", "# agentflow-ignore unused-inputs: soon", "invalid-ignore]: there is no code `unused-inputs`"],
    ["without a reason", "# agentflow-ignore unused-input", "invalid-ignore]: this comment does not say why"],
    ["with an empty reason", "# agentflow-ignore unused-input:  ", "invalid-ignore]: this comment does not say why"],
  ])("%s, and what it was to silence", async (_sentence, comment, expected) =>
    expect(await findingsIn(warned(comment))).toEqual([`warning[${expected}`, UNUSED]),
  );

  test("where it is to silence an error that keeps the file from running", async () => {
    const text = warned("").replace('agents = ["write"]', '# agentflow-ignore unknown-agent: soon\nagents = ["write", "send"]');
    expect(await findingsIn(text)).toEqual([
      "warning[invalid-ignore]: `unknown-agent` cannot be ignored: the file cannot be run with it",
      "error[unknown-agent]: there is no agent called `send`",
    ]);
  });
});

test("what a machine lacks can be ignored in a run too: a stage before may make it", async () => {
  const text = (comment: string): string => `[agents.make]
type = "script"
shell = "printf '#!/bin/sh\\\\necho made' > made.sh; chmod +x made.sh"
stdin = "none"
writes = []
[agents.use]
type = "script"
${comment}command = ["./made.sh"]
stdout = "text"
output = "text"
[orchestration.sequential]
agents = ["make", "use"]
`;
  const run = async (comment: string) => {
    const { code, stdout } = await runProgram(["run", "p.toml", "--quiet", "--no-store"], { cwd: folderWith({ "p.toml": text(comment) }) });
    return { code, stdout };
  };
  expect(await run("")).toEqual({ code: 2, stdout: "" });
  expect(await run("# agentflow-ignore missing-program: the stage before makes it\n")).toEqual({
    code: 0,
    stdout: '{\n  "text": "made"\n}\n',
  });
});

test("a variable that a text asks for need not be set", async () => {
  const text = (value: string): string => `[agents.a]
type = "script"
command = ["cat"]
env = { LEVEL = "\${{ ${value} }}" }
[orchestration.sequential]
agents = ["a"]
`;
  expect(await findingsIn(text("env.LEVEL_OF_LOGS"))).toEqual([
    "warning[unset-variable]: the environment variable LEVEL_OF_LOGS is not set",
  ]);
  expect(await findingsIn(text("has(env.LEVEL_OF_LOGS) ? env.LEVEL_OF_LOGS : 'info'"))).toEqual([]);
});
