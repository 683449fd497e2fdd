import { describe, expect, test } from "vitest";
import { VERSION } from "../../src/cli/version.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { runProgram } from "../support/program.ts";

const cwd = folderWith({
  "one.toml": oneStage(`type = "canned"\nreply = { x = 1 }`),
});

const HELP = `Usage: agentflow [options] [command]

Runs a sequence of agents (language model calls and scripts) that one TOML file describes.

Options:
  -V, --version                  print the version
  -h, --help                     print this help

Commands:
  run [options] [file]           run a pipeline: progress on stderr, the final state as JSON on
                                 stdout
  resume [options] [run]         go on with a run that did not finish: what finished is not run
                                 again
  rerun [options] <run>          start a new run of the file as it is now, with what a run had
                                 recorded before a stage
  rollback [options] <run>       undo what a run had finished that did not succeed, the last stage
                                 first
  runs [options]                 list the runs that are kept, newest first; remove some
  show [options] <run>           show a run: its stages and attempts, what they were given and
                                 wrote, and what can be done with it
  events [options] <run>         print the events of a run, one line of JSON each
  breakers [options]             list the circuit breakers; close some
  validate [options] <files...>  check pipeline files: every problem at once, with its place
  explain [options] [code]       say what the code of a problem means, with a wrong and a right
                                 example
  init [options] [directory]     make a runnable pipeline to start from
  schema                         print the JSON Schema of the pipeline file, for editors
  lsp [options]                  be the language server of an editor, over stdin and stdout
  completion <shell>             print a completion script

Examples:
  agentflow init                      make a pipeline to start from
  agentflow validate pipeline.toml    check it
  agentflow run pipeline.toml         run it

Exit codes:
  0    the run succeeded; the files are valid
  1    the run failed; validate found problems; what came out could not be written
  2    wrong usage, an invalid pipeline, a bad input: nothing was run
  70   a bug in agentflow
  74   the store cannot be read or written: stopped at once, nothing more was run
  124  the pipeline's timeout
  129, 130, 143  stopped by SIGHUP, SIGINT (Ctrl-C), SIGTERM

`;

describe("help", () => {
  test("is shown when it is asked for, on stdout", async () => {
    expect(await runProgram(["--help"], { cwd })).toEqual({ code: 0, stdout: HELP, stderr: "" });
    expect(await runProgram(["-h"], { cwd })).toEqual({ code: 0, stdout: HELP, stderr: "" });
  });

  test("is shown for no command at all, on stderr, and that is wrong usage", async () => {
    expect(await runProgram([], { cwd })).toEqual({ code: 2, stdout: "", stderr: HELP });
  });

  test("fits the terminal", async () => {
    const { stdout } = await runProgram(["run", "--help"], { cwd, isTTY: true, columns: 80 });
    const options = stdout.slice(stdout.indexOf("Options:"), stdout.indexOf("Examples:"));
    expect(options.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test.each([
    ["run", "Usage: agentflow run [options] [file]"],
    ["resume", "Usage: agentflow resume [options] [run]"],
    ["rerun", "Usage: agentflow rerun [options] <run>"],
    ["rollback", "Usage: agentflow rollback [options] <run>"],
    ["runs", "Usage: agentflow runs [options] [command]"],
    ["runs rm", "Usage: agentflow runs rm [options] <run...>"],
    ["runs prune", "Usage: agentflow runs prune [options]"],
    ["show", "Usage: agentflow show [options] <run>"],
    ["events", "Usage: agentflow events [options] <run>"],
    ["breakers", "Usage: agentflow breakers [options] [command]"],
    ["breakers reset", "Usage: agentflow breakers reset [options] <pipeline/agent...>"],
    ["validate", "Usage: agentflow validate [options] <files...>"],
    ["explain", "Usage: agentflow explain [options] [code]"],
    ["init", "Usage: agentflow init [options] [directory]"],
    ["schema", "Usage: agentflow schema [options]"],
    ["completion", "Usage: agentflow completion [options] <shell>"],
  ])("of %s says how it is used, with an example", async (command, usage) => {
    const { code, stdout, stderr } = await runProgram([...command.split(" "), "--help"], { cwd });
    expect({ code, first: stdout.split("\n")[0], examples: /\nExamples?:\n {2}\S*.*agentflow /.test(stdout), stderr }).toEqual({
      code: 0,
      first: usage,
      examples: true,
      stderr: "",
    });
  });

  test("the version is one line", async () => {
    expect(await runProgram(["--version"], { cwd })).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
    expect(await runProgram(["-V"], { cwd })).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });
});

describe("wrong usage ends with 2, nothing was run, and the message says what to do:", () => {
  const seeHelp = (command?: string): string => `(agentflow ${command === undefined ? "" : `${command} `}--help shows what there is)\n`;
  const narrowed = (flag: string, command: string): string =>
    `agentflow: option '${flag}' does not go with '${command}'\n${seeHelp(`runs ${command}`)}`;

  test.each<[sentence: string, args: readonly string[], stderr: string]>([
    ["an unknown command, with the one that is meant", ["rnu"], `agentflow: unknown command 'rnu'\n(Did you mean run?)\n${seeHelp()}`],
    ["a command that is like no other", ["xyzzy"], `agentflow: unknown command 'xyzzy'\n${seeHelp()}`],
    ["an unknown flag", ["--frobnicate"], `agentflow: unknown option '--frobnicate'\n${seeHelp()}`],
    ["no run", ["show"], `agentflow: missing required argument 'run'\n${seeHelp("show")}`],
    ["no run to remove", ["runs", "rm"], `agentflow: missing required argument 'run'\n${seeHelp("runs rm")}`],
    ["a removal that is narrowed", ["runs", "prune", "--keep", "0", "--status", "failed"], narrowed("--status", "prune")],
    ["the same, the other way round", ["runs", "--limit", "1", "prune", "--keep", "0"], narrowed("--limit", "prune")],
    ["a removal as JSON", ["runs", "rm", "x", "--json"], narrowed("--json", "rm")],
    [
      "a command that runs do not have",
      ["runs", "remove"],
      `agentflow: too many arguments for 'runs'. Expected 0 arguments but got 1: remove.\n${seeHelp("runs")}`,
    ],
    [
      "an unknown flag of a command, with the one that is meant",
      ["run", "one.toml", "--quite"],
      `agentflow: unknown option '--quite'\n(Did you mean --quiet?)\n${seeHelp("run")}`,
    ],
    [
      "a file too many",
      ["run", "one.toml", "two.toml"],
      `agentflow: too many arguments for 'run'. Expected 1 argument but got 2: one.toml, two.toml.\n${seeHelp("run")}`,
    ],
    [
      "a flag without its value",
      ["run", "one.toml", "--input"],
      `agentflow: option '-i, --input <key=value>' argument missing\n${seeHelp("run")}`,
    ],
    [
      "a value that is none of those that there are",
      ["run", "one.toml", "--output", "yaml"],
      `agentflow: option '--output <what>' argument 'yaml' is invalid. Allowed choices are state, result, none.\n${seeHelp("run")}`,
    ],
    [
      "an empty value",
      ["run", "one.toml", "--session", ""],
      `agentflow: option '--session <id>' argument '' is invalid. It is empty.\n${seeHelp("run")}`,
    ],
    [
      "two flags that contradict each other",
      ["run", "one.toml", "--quiet", "--verbose"],
      `agentflow: option '-q, --quiet' cannot be used with option '-v, --verbose'\n${seeHelp("run")}`,
    ],
    [
      "events beside another form of output",
      ["run", "one.toml", "--events", "--output", "result"],
      `agentflow: option '--events' cannot be used with option '--output <what>'\n${seeHelp("run")}`,
    ],
    [
      "events into a file that is written at the end",
      ["run", "one.toml", "--events", "--out", "x.json"],
      `agentflow: option '--events' cannot be used with option '--out <file>'\n${seeHelp("run")}`,
    ],
    [
      "a dry run whose result is to be kept",
      ["run", "one.toml", "--dry-run", "--out", "x.json"],
      `agentflow: option '--dry-run' cannot be used with option '--out <file>'\n${seeHelp("run")}`,
    ],
    [
      "JSON that only a dry run has",
      ["run", "one.toml", "--json"],
      "agentflow: --json goes with --dry-run; the result of a run as JSON is --output result\n",
    ],
    [
      "a file for nothing",
      ["run", "one.toml", "--output", "none", "--out", "x.json"],
      "agentflow: --output none leaves nothing to write to the file of --out\n",
    ],
    [
      "a duration without a unit",
      ["run", "one.toml", "--timeout", "5"],
      'agentflow: --timeout: "5" has no unit; write "5s" for seconds or "5ms" for milliseconds\n',
    ],
    [
      "a duration that is none, also in a dry run",
      ["run", "one.toml", "--timeout", "0s", "--dry-run"],
      'agentflow: --timeout: "0s" is no time at all; it must be longer than zero\n',
    ],
    ["no file to check", ["validate"], `agentflow: missing required argument 'files'\n${seeHelp("validate")}`],
    [
      "a form that problems cannot be printed in",
      ["validate", "--format", "xml", "one.toml"],
      `agentflow: option '--format <format>' argument 'xml' is invalid. Allowed choices are human, concise, json, github, sarif.\n${seeHelp("validate")}`,
    ],
    [
      "a template that is not there",
      ["init", "--template", "banking"],
      `agentflow: option '-t, --template <name>' argument 'banking' is invalid. Allowed choices are starter, etl, content, ml, research, review, support, trio.\n${seeHelp("init")}`,
    ],
    [
      "a shell that cannot be completed",
      ["completion", "tcsh"],
      `agentflow: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n${seeHelp("completion")}`,
    ],
    ["no shell", ["completion"], `agentflow: missing required argument 'shell'\n${seeHelp("completion")}`],
    [
      "an argument where there is none",
      ["schema", "all"],
      `agentflow: too many arguments for 'schema'. Expected 0 arguments but got 1: all.\n${seeHelp("schema")}`,
    ],
  ])("%s", async (_sentence, args, stderr) => {
    expect(await runProgram(args, { cwd })).toEqual({ code: 2, stdout: "", stderr });
  });
});
