import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CompletionSpec, completionScript, SHELLS } from "../../src/cli/completion.ts";
import { folderWith } from "../support/folder.ts";

const spec: CompletionSpec = {
  program: "agentflow",
  options: [
    { flags: "-V, --version", description: "print the version" },
    { flags: "-h, --help", description: "print this help" },
  ],
  commands: [
    {
      name: "run",
      description: "run a pipeline: don't wait",
      arguments: "files",
      options: [
        { flags: "-o, --output <what>", description: "what stdout gets [default: state]", values: ["state", "result", "none"] },
        { flags: "--out <file>", description: "write the result there" },
        { flags: "-q, --quiet", description: "say less" },
      ],
    },
    {
      name: "init",
      description: "make a pipeline",
      arguments: "directories",
      options: [{ flags: "--template [name]", description: "which one", values: ["etl", "content"] }],
    },
    { name: "completion", description: "print a completion script", arguments: ["bash", "zsh", "fish"], options: [] },
    { name: "schema", description: "print the JSON Schema", options: [] },
  ],
};

const directory = folderWith({ "pipeline.toml": "" });

describe("bash completion", () => {
  /** What bash offers for the words of a command line, the last of which is being completed. */
  function offered(words: readonly string[]): string[] {
    const lines = [
      completionScript("bash", spec),
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length - 1}`,
      "_agentflow",
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ];
    const output = execFileSync("bash", ["--norc", "-u", "-c", lines.join("\n")], { cwd: directory, encoding: "utf8" });
    return output.split("\n").filter((line) => line !== "");
  }

  it.each([
    { does: "commands", words: ["agentflow", ""], offers: ["run", "init", "completion", "schema"] },
    { does: "a command that was begun", words: ["agentflow", "in"], offers: ["init"] },
    { does: "flags of the program", words: ["agentflow", "--"], offers: ["--version", "--help"] },
    {
      does: "flags of a command, and those of the program",
      words: ["agentflow", "run", "--"],
      offers: ["--version", "--help", "--output", "--out", "--quiet"],
    },
    { does: "a flag that was begun, behind a file", words: ["agentflow", "run", "p.toml", "--q"], offers: ["--quiet"] },
    {
      does: "short flags",
      words: ["agentflow", "run", "-"],
      offers: ["-V", "--version", "-h", "--help", "-o", "--output", "--out", "-q", "--quiet"],
    },
    { does: "the values of a flag", words: ["agentflow", "run", "--output", ""], offers: ["state", "result", "none"] },
    { does: "the values of its short form", words: ["agentflow", "run", "-o", "re"], offers: ["result"] },
    { does: "the values behind an equals sign", words: ["agentflow", "run", "--output", "=", "re"], offers: ["result"] },
    { does: "all values behind an equals sign", words: ["agentflow", "run", "--output", "="], offers: ["state", "result", "none"] },
    { does: "nothing of its own where a flag takes a file: bash offers files", words: ["agentflow", "run", "--out", ""], offers: [] },
    { does: "nothing of its own where a command takes files", words: ["agentflow", "run", ""], offers: [] },
    { does: "after a flag without a value, what the command takes", words: ["agentflow", "completion", "--help", "z"], offers: ["zsh"] },
    { does: "the words that a command takes", words: ["agentflow", "completion", ""], offers: ["bash", "zsh", "fish"] },
    { does: "the values of an optional value", words: ["agentflow", "init", "--template", "e"], offers: ["etl"] },
    { does: "nothing for a word that nobody knows", words: ["agentflow", "xyz"], offers: [] },
    {
      does: "the command is the first that is one",
      words: ["agentflow", "--help", "completion", "run", ""],
      offers: ["bash", "zsh", "fish"],
    },
  ])("offers $does", ({ words, offers }) => {
    expect(offered(words)).toEqual(offers);
  });

  it("offers directories", () => {
    expect(offered(["agentflow", "init", directory.slice(0, -1)])).toEqual([directory]);
  });

  it("registers itself, with files where nothing else is known", () => {
    const output = execFileSync("bash", ["--norc", "-c", `${completionScript("bash", spec)}\ncomplete -p agentflow`], { encoding: "utf8" });
    expect(output).toBe("complete -o bashdefault -o default -F _agentflow agentflow\n");
  });
});

describe("zsh completion", () => {
  it("is as expected", () => {
    expect(completionScript("zsh", spec)).toBe(`#compdef agentflow
# zsh completion for agentflow. To use it: source <(agentflow completion zsh), after compinit
_agentflow() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
    'run:run a pipeline: don'\\''t wait'
    'init:make a pipeline'
    'completion:print a completion script'
    'schema:print the JSON Schema'
  )
  _arguments -C -S '(-V --version)-V[print the version]' \\
    '(-V --version)--version[print the version]' \\
    '(-h --help)-h[print this help]' \\
    '(-h --help)--help[print this help]' \\
    '1:command:->command' \\
    '*::argument:->argument'
  case "$state" in
    command) _describe command commands ;;
    argument)
      case "$line[1]" in
        run) _arguments -s -S '(-V --version)-V[print the version]' \\
          '(-V --version)--version[print the version]' \\
          '(-h --help)-h[print this help]' \\
          '(-h --help)--help[print this help]' \\
          '*-o[what stdout gets \\[default\\: state\\]]:value:(state result none)' \\
          '*--output=[what stdout gets \\[default\\: state\\]]:value:(state result none)' \\
          '*--out=[write the result there]:value:_files' \\
          '(-q --quiet)-q[say less]' \\
          '(-q --quiet)--quiet[say less]' \\
          '*:argument:_files' ;;
        init) _arguments -s -S '(-V --version)-V[print the version]' \\
          '(-V --version)--version[print the version]' \\
          '(-h --help)-h[print this help]' \\
          '(-h --help)--help[print this help]' \\
          '*--template=[which one]:value:(etl content)' \\
          '*:argument:_files -/' ;;
        completion) _arguments -s -S '(-V --version)-V[print the version]' \\
          '(-V --version)--version[print the version]' \\
          '(-h --help)-h[print this help]' \\
          '(-h --help)--help[print this help]' \\
          '*:argument:(bash zsh fish)' ;;
        schema) _arguments -s -S '(-V --version)-V[print the version]' \\
          '(-V --version)--version[print the version]' \\
          '(-h --help)-h[print this help]' \\
          '(-h --help)--help[print this help]' \\
          '*:argument:_files' ;;
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_agentflow" ]; then _agentflow "$@"; else compdef _agentflow agentflow; fi
`);
  });
});

describe("fish completion", () => {
  it("is as expected", () => {
    expect(completionScript("fish", spec).split("\n")).toEqual([
      "# fish completion for agentflow. To use it: agentflow completion fish | source",
      "complete -c agentflow -n '__fish_use_subcommand' -f -a 'run' -d 'run a pipeline: don\\'t wait'",
      "complete -c agentflow -n '__fish_use_subcommand' -f -a 'init' -d 'make a pipeline'",
      "complete -c agentflow -n '__fish_use_subcommand' -f -a 'completion' -d 'print a completion script'",
      "complete -c agentflow -n '__fish_use_subcommand' -f -a 'schema' -d 'print the JSON Schema'",
      "complete -c agentflow -s V -l version -d 'print the version'",
      "complete -c agentflow -s h -l help -d 'print this help'",
      "complete -c agentflow -n '__fish_seen_subcommand_from run' -s o -l output -x -a 'state result none' -d 'what stdout gets [default: state]'",
      "complete -c agentflow -n '__fish_seen_subcommand_from run' -l out -r -F -d 'write the result there'",
      "complete -c agentflow -n '__fish_seen_subcommand_from run' -s q -l quiet -d 'say less'",
      "complete -c agentflow -n '__fish_seen_subcommand_from init' -l template -x -a 'etl content' -d 'which one'",
      "complete -c agentflow -n '__fish_seen_subcommand_from init' -f -a '(__fish_complete_directories)'",
      "complete -c agentflow -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'",
      "",
    ]);
  });
});

describe("the script's syntax", () => {
  for (const shell of SHELLS) {
    it.skipIf(spawnSync(shell, ["-c", "true"]).status !== 0)(`is understood by ${shell}, where it is installed`, () => {
      const file = join(directory, `completion.${shell}`);
      writeFileSync(file, completionScript(shell, spec));
      const checked = spawnSync(shell, ["-n", file], { encoding: "utf8" });
      expect({ status: checked.status, stderr: checked.stderr }).toEqual({ status: 0, stderr: "" });
    });
  }
});
