/** The commands and flags of a program, as far as a shell has to know them. */
export interface CompletionSpec {
  readonly program: string;
  readonly commands: readonly CompletionCommand[];
  /** Flags that may stand before a command, or alone. */
  readonly options?: readonly CompletionOption[];
}

export interface CompletionCommand {
  readonly name: string;
  readonly description: string;
  /** What its arguments are: files, directories, one of some words, or nothing that can be completed. */
  readonly arguments?: "files" | "directories" | readonly string[];
  readonly options: readonly CompletionOption[];
}

export interface CompletionOption {
  /** As commander writes them: `-o, --output <what>`. Without `<…>` or `[…]` the flag takes no value. */
  readonly flags: string;
  readonly description: string;
  /** The words that its value may be; absent: a file. */
  readonly values?: readonly string[];
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that teaches a shell to complete the program. It is static: the program is not started by a press of TAB. */
export function completionScript(shell: Shell, spec: CompletionSpec): string {
  const model: Model = { program: spec.program, options: (spec.options ?? []).map(flagOf), commands: spec.commands.map(commandOf) };
  switch (shell) {
    case "bash":
      return bashScript(model);
    case "zsh":
      return zshScript(model);
    case "fish":
      return fishScript(model);
  }
}

interface Model {
  readonly program: string;
  readonly options: readonly Flag[];
  readonly commands: readonly Command[];
}

interface Command {
  readonly name: string;
  readonly description: string;
  readonly arguments: CompletionCommand["arguments"];
  readonly options: readonly Flag[];
}

interface Flag {
  /** `-o` and `--output`. */
  readonly names: readonly string[];
  readonly takesValue: boolean;
  readonly values: readonly string[] | null;
  readonly description: string;
}

function commandOf(command: CompletionCommand): Command {
  return { name: command.name, description: command.description, arguments: command.arguments, options: command.options.map(flagOf) };
}

function flagOf({ flags, description, values }: CompletionOption): Flag {
  const names = flags.split(/[\s,|]+/).filter((word) => word.startsWith("-"));
  return { names, takesValue: /[<[]/.test(flags), values: values ?? null, description };
}

/**
 * Works with bash 3.2 (macOS) and without the bash-completion package: `=` stands in COMP_WORDBREAKS, so `--output=st`
 * arrives as three words.
 */
function bashScript({ program, options, commands }: Model): string {
  const name = identifier(program);
  const cases = commands.map((command) => {
    const flags = [...options, ...command.options];
    return `    ${bashPattern([command.name])}
      case "$previous" in${flags
        .filter((flag) => flag.takesValue)
        .map((flag) => `\n        ${bashPattern(flag.names)} ${bashValues(flag.values)}; return ;;`)
        .join("")}
      esac
      case "$current" in
        -*) ${bashWords(flags.flatMap((flag) => flag.names))} ;;
        *) ${bashArguments(command.arguments)} ;;
      esac ;;`;
  });
  return `# bash completion for ${program}. To use it: source <(${program} completion bash)
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="" command="" word index
  if [ "$COMP_CWORD" -gt 0 ]; then previous="\${COMP_WORDS[COMP_CWORD-1]}"; fi
  if [ "$current" = "=" ]; then current=""; elif [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$word" in
      ${commands.map((command) => command.name).join("|")}) command="$word"; break ;;
    esac
  done
  COMPREPLY=()
  case "$command" in
${cases.join("\n")}
    *)
      case "$current" in
        -*) ${bashWords(options.flatMap((flag) => flag.names))} ;;
        *) ${bashWords(commands.map((command) => command.name))} ;;
      esac ;;
  esac
}
# "default": where nothing else is known, files.
complete -o bashdefault -o default -F _${name} ${program}
`;
}

function bashPattern(words: readonly string[]): string {
  return `${words.join("|")})`;
}

function bashWords(words: readonly string[]): string {
  return `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current"))`;
}

function bashValues(values: readonly string[] | null): string {
  return values === null ? ":" : bashWords(values);
}

/** An empty reply leaves it to bash's own completion of files. */
function bashArguments(words: CompletionCommand["arguments"]): string {
  if (words === undefined || words === "files") return ":";
  return words === "directories" ? 'COMPREPLY=($(compgen -d -- "$current"))' : bashWords(words);
}

function zshScript({ program, options, commands }: Model): string {
  const name = identifier(program);
  const described = commands.map((command) => `    ${quoted(`${command.name.replaceAll(":", "\\:")}:${command.description}`)}`);
  const cases = commands.map((command) => {
    const specs = [...options, ...command.options].flatMap(zshFlag);
    return `        ${command.name}) _arguments -s -S ${[...specs, quoted(`*:argument:${zshAction(command.arguments)}`)].join(" \\\n          ")} ;;`;
  });
  return `#compdef ${program}
# zsh completion for ${program}. To use it: source <(${program} completion zsh), after compinit
_${name}() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
${described.join("\n")}
  )
  _arguments -C -S ${[...options.flatMap(zshFlag), "'1:command:->command'", "'*::argument:->argument'"].join(" \\\n    ")}
  case "$state" in
    command) _describe command commands ;;
    argument)
      case "$line[1]" in
${cases.join("\n")}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${program}; fi
`;
}

/** `'(-q --quiet)-q[say less]' '(-q --quiet)--quiet[say less]' '*--output=[what stdout gets]:value:(state result)'` */
function zshFlag({ names, takesValue, values, description }: Flag): string[] {
  const prefix = takesValue ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
  const explained = `[${description.replace(/[\][\\:]/g, "\\$&")}]`;
  const value = !takesValue ? "" : `:value:${values === null ? "_files" : `(${values.join(" ")})`}`;
  return names.map((name) => quoted(`${prefix}${name}${takesValue && name.startsWith("--") ? "=" : ""}${explained}${value}`));
}

function zshAction(words: CompletionCommand["arguments"]): string {
  if (words === undefined || words === "files") return "_files";
  return words === "directories" ? "_files -/" : `(${words.join(" ")})`;
}

function fishScript({ program, options, commands }: Model): string {
  const lines = [`# fish completion for ${program}. To use it: ${program} completion fish | source`];
  const add = (condition: string, rest: string): void => void lines.push(`complete -c ${program} -n ${quoted(condition)} ${rest}`);
  const noCommand = "__fish_use_subcommand";
  for (const { name, description } of commands) add(noCommand, `-f -a ${quoted(name)} -d ${fishQuoted(description)}`);
  for (const flag of options) lines.push(`complete -c ${program} ${fishFlag(flag)}`);
  for (const command of commands) {
    const inCommand = `__fish_seen_subcommand_from ${command.name}`;
    for (const flag of command.options) add(inCommand, fishFlag(flag));
    if (command.arguments === "directories") add(inCommand, "-f -a '(__fish_complete_directories)'");
    else if (command.arguments !== undefined && command.arguments !== "files")
      add(inCommand, `-f -a ${quoted(command.arguments.join(" "))}`);
  }
  return `${lines.join("\n")}\n`;
}

function fishFlag({ names, takesValue, values, description }: Flag): string {
  const parts = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const value = !takesValue ? [] : values === null ? ["-r", "-F"] : ["-x", `-a ${quoted(values.join(" "))}`];
  return [...parts, ...value, `-d ${fishQuoted(description)}`].join(" ");
}

/** One word for bash and zsh, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In fish, a backslash escapes within single quotes as well. */
function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}

function identifier(program: string): string {
  return program.replace(/\W/g, "_");
}
