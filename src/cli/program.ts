import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { ShownStatus } from "../report/runs.ts";
import type { BreakersFlags } from "./breakers.ts";
import type { CompletionCommand, CompletionOption, CompletionSpec, Shell } from "./completion.ts";
import type { EventsFlags } from "./events.ts";
import { EXIT, EXIT_CODES_HELP } from "./exit-codes.ts";
import type { ExplainFlags } from "./explain.ts";
import type { InitFlags } from "./init.ts";
import type { Io } from "./io.ts";
import type { RerunFlags } from "./rerun.ts";
import type { ResumeFlags } from "./resume.ts";
import type { RunFlags } from "./run.ts";
import type { PruneFlags, RunsFlags } from "./runs.ts";
import type { ShowFlags } from "./show.ts";
import type { StoreFlags } from "./store.ts";
import type { ValidateFlags } from "./validate.ts";
import { VERSION } from "./version.ts";

/** The shipped pipelines that `init` can copy. */
const TEMPLATES = ["starter", "etl", "content", "ml", "research", "review", "support", "trio"];

/** Reads the arguments and runs the command that they name; each command is loaded only when it runs. */
export async function runProgram(io: Io): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = makeProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...io.args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

function makeProgram(io: Io, end: (code: number) => void): Command {
  const program = new Command("agentflow")
    .description("Runs a sequence of agents (language model calls and scripts) that one TOML file describes.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showHelpAfterError("(agentflow --help shows what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => (io.stdout.columns > 0 ? io.stdout.columns : 100),
      getErrHelpWidth: () => (io.stderr.columns > 0 ? io.stderr.columns : 100),
      outputError: (text, write) => write(text.replace(/^error: /, "agentflow: ")),
    })
    .addHelpText(
      "after",
      `\nExamples:\n  agentflow init                      make a pipeline to start from\n  agentflow validate pipeline.toml    check it\n  agentflow run pipeline.toml         run it\n${EXIT_CODES_HELP}`,
    );
  for (const add of commandsFor(io.args)) add(program, io, end);
  for (const command of program.commands) {
    for (const one of [command, ...command.commands]) {
      const name = one === command ? command.name() : `${command.name()} ${one.name()}`;
      one.showHelpAfterError(`(agentflow ${name} --help shows what there is)`);
    }
  }
  return program;
}

type Add = (program: Command, io: Io, end: (code: number) => void) => void;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, Add>> = {
  run: addRun,
  resume: addResume,
  rerun: addRerun,
  rollback: addRollback,
  runs: addRuns,
  show: addShow,
  events: addEvents,
  breakers: addBreakers,
  validate: addValidate,
  explain: addExplain,
  init: addInit,
  schema: addSchema,
  lsp: addLsp,
  completion: addCompletion,
};

/** Where a command is named, the others need not be there; only completion tells of them all. */
function commandsFor([name = ""]: readonly string[]): readonly Add[] {
  const named = name !== "completion" && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return named === undefined ? Object.values(COMMANDS) : [named];
}

function addRun(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("run")
    .description("run a pipeline: progress on stderr, the final state as JSON on stdout")
    .argument("[file]", "the pipeline file", "agentflow.toml")
    .option("-i, --input <key=value>", "an input; key=value is converted to the declared type, key:=json is JSON (repeatable)", collect)
    .option("--input-file <file>", "a JSON object with inputs; - is standard input; --input wins", nonEmpty)
    .option("--meta <key=value>", "metadata beside the state (repeatable)", collect)
    .option("--session <id>", "the session's id; made up when absent", nonEmpty)
    .option("--run-id <id>", "the run's id; made up when absent", nonEmpty)
    .option("--no-store", "keep nothing on the disk")
    .addOption(
      new Option("--dry-run", "show what would be run: stages, models, timeouts, worst-case time; runs nothing").conflicts([
        "output",
        "events",
        "out",
      ]),
    )
    .option("--json", "with --dry-run: as JSON");
  addVolume(addState(addOutput(command)))
    .addHelpText(
      "after",
      `\nExamples:\n  agentflow run pipeline.toml --input topic=tea --input limit:=3\n  agentflow run pipeline.toml --dry-run\n  agentflow run pipeline.toml | jq .report\n${EXIT_CODES_HELP}`,
    )
    .action(async (file: string, flags: RunFlags) => {
      const { run } = await import("./run.ts");
      end(await run(io, file, flags));
    });
}

/** What a run shows, and where it goes. */
function addOutput(command: Command): Command {
  return command
    .addOption(new Option("--output <what>", "what stdout gets").choices(["state", "result", "none"]).default("state"))
    .addOption(new Option("--events", "every event as a line of JSON on stdout, the result last").conflicts(["output", "out"]))
    .option("--out <file>", "write what stdout would get to a file instead", nonEmpty)
    .option("--timeout <duration>", "the run's time, such as 5m or none, instead of the file's", nonEmpty)
    .option("--env-file <file>", "environment variables to add, as NAME=value lines; the environment wins", nonEmpty);
}

function addState(command: Command): Command {
  return command.option("--state-dir <directory>", "where runs are kept, instead of AGENTFLOW_STATE_DIR or .agentflow", nonEmpty);
}

function addVolume(command: Command): Command {
  return command
    .addOption(new Option("-q, --quiet", "no progress; only what went wrong").conflicts("verbose"))
    .option("-v, --verbose", "also what scripts print on stderr")
    .option("--no-color", "no colours");
}

function addResume(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("resume")
    .description("go on with a run that did not finish: what finished is not run again")
    .argument("[run]", "its id, any unique beginning of it, or latest", "latest")
    .option("--force", "the file has changed since: go on with the recorded plan")
    .option("--take-over", "the process that drives the run does not answer: take the run from it");
  addVolume(addState(addOutput(command)))
    .addHelpText(
      "after",
      `\nExamples:\n  agentflow resume                go on with the latest run\n  agentflow resume 5f3a --output result\n${EXIT_CODES_HELP}`,
    )
    .action(async (run: string, flags: ResumeFlags) => {
      const { resume } = await import("./resume.ts");
      end(await resume(io, run, flags));
    });
}

function addRerun(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("rerun")
    .description("start a new run of the file as it is now, with what a run had recorded before a stage")
    .argument("<run>", "its id, any unique beginning of it, or latest")
    .addOption(new Option("--from <stage>", "the first stage that runs again").argParser(nonEmpty).makeOptionMandatory())
    .addOption(new Option("--plan", "only show what is reused and what will run").conflicts(["events", "out"]))
    .option("--json", "with --plan: as JSON")
    .option("--meta <key=value>", "metadata beside the state, over that of the run (repeatable)", collect)
    .option("--session <id>", "the session's id; that of the run when absent", nonEmpty)
    .option("--run-id <id>", "the new run's id; made up when absent", nonEmpty);
  addVolume(addState(addOutput(command)))
    .addHelpText(
      "after",
      `\nExamples:\n  agentflow rerun latest --from analyzer --plan    what would be reused, and what would run\n  agentflow rerun latest --from analyzer\n${EXIT_CODES_HELP}`,
    )
    .action(async (run: string, flags: RerunFlags) => {
      const { rerun } = await import("./rerun.ts");
      end(await rerun(io, run, flags));
    });
}

function addRollback(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("rollback")
    .description("undo what a run had finished that did not succeed, the last stage first")
    .argument("<run>", "its id, any unique beginning of it, or latest")
    .option("--take-over", "the process that drives the run does not answer: take the run from it")
    .addOption(new Option("--output <what>", "what stdout gets").choices(["result", "none"]).default("none"))
    .option("--env-file <file>", "environment variables to add, as NAME=value lines; the environment wins", nonEmpty);
  addVolume(addState(command))
    .addHelpText("after", `\nExample:\n  agentflow rollback latest\n${EXIT_CODES_HELP}`)
    .action(async (run: string, flags: ResumeFlags) => {
      const { rollback } = await import("./resume.ts");
      end(await rollback(io, run, flags));
    });
}

const WHICH_RUN = "its id, any unique beginning of it, or latest";

/** How a run can stand, as the list of runs shows it. */
const RUN_STATUSES: readonly ShownStatus[] = [
  "running",
  "interrupted",
  "succeeded",
  "failed",
  "timed_out",
  "cancelled",
  "rolled_back",
  "rollback_failed",
];

function addRuns(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("runs")
    .description("list the runs that are kept, newest first; remove some")
    .helpCommand(false)
    .addOption(new Option("--status <status>", "only those that stand like this").choices(RUN_STATUSES))
    .option("--limit <number>", "only the newest ones", nonEmpty)
    .option("--json", "as JSON")
    .option("--no-color", "no colours");
  addState(command)
    .addHelpText(
      "after",
      "\nExamples:\n  agentflow runs --status failed --limit 5\n  agentflow runs rm 5f3a\n  agentflow runs prune --older-than 30d --keep 100\n",
    )
    .action(async (flags: RunsFlags) => {
      const { runs } = await import("./runs.ts");
      end(await runs(io, flags));
    });
  addState(command.command("rm"))
    .description("remove runs")
    .argument("<run...>", WHICH_RUN)
    .hook("preAction", refuseOuterFlags)
    .addHelpText("after", "\nExample:\n  agentflow runs rm 5f3a latest\n")
    .action(async (given: string[], _flags: object, self: Command) => {
      const { removeRuns } = await import("./runs.ts");
      end(await removeRuns(io, given, self.optsWithGlobals<StoreFlags>()));
    });
  addState(command.command("prune"))
    .description("remove old runs, but none that a process drives; both flags: what both of them let go")
    .option("--older-than <duration>", "those that ended longer ago, such as 30d", nonEmpty)
    .option("--keep <number>", "all but this many of the newest ones", nonEmpty)
    .option("--dry-run", "only show what would be removed")
    .hook("preAction", refuseOuterFlags)
    .addHelpText("after", "\nExample:\n  agentflow runs prune --older-than 30d --keep 100\n")
    .action(async (_flags: object, self: Command) => {
      const { pruneRuns } = await import("./runs.ts");
      end(await pruneRuns(io, self.optsWithGlobals<PruneFlags>()));
    });
}

/** What a list is narrowed with means nothing to a command that removes: it must not look as if it did. */
function refuseOuterFlags(_: Command, command: Command): void {
  const { parent } = command;
  const flag = parent?.options.find((option) => {
    const name = option.attributeName();
    return name !== "stateDir" && name !== "color" && parent.getOptionValueSource(name) === "cli";
  });
  if (flag !== undefined) command.error(`error: option '${flag.long}' does not go with '${command.name()}'`);
}

function addShow(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("show")
    .description("show a run: its stages and attempts, what they were given and wrote, and what can be done with it")
    .argument("<run>", WHICH_RUN)
    .option("--stage <name>", "one stage: its input, its output, the state after it, its attempts", nonEmpty)
    .option("--logs", "what its scripts printed on stderr, and what its agents logged")
    .option("--json", "as JSON")
    .option("--no-color", "no colours");
  addState(command)
    .addHelpText(
      "after",
      "\nExamples:\n  agentflow show latest\n  agentflow show 5f3a --stage analyzer\n  agentflow show latest --json | jq .state\n",
    )
    .action(async (run: string, flags: ShowFlags) => {
      const { show } = await import("./show.ts");
      end(await show(io, run, flags));
    });
}

function addEvents(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("events")
    .description("print the events of a run, one line of JSON each")
    .argument("<run>", WHICH_RUN)
    .option("--follow", "also those to come, until the run is over or no process drives it any more");
  addState(command)
    .addHelpText("after", "\nExamples:\n  agentflow events latest | jq .type\n  agentflow events 5f3a --follow\n")
    .action(async (run: string, flags: EventsFlags) => {
      const { events } = await import("./events.ts");
      end(await events(io, run, flags));
    });
}

function addBreakers(program: Command, io: Io, end: (code: number) => void): void {
  const command = program
    .command("breakers")
    .description("list the circuit breakers; close some")
    .helpCommand(false)
    .option("--json", "as JSON")
    .option("--no-color", "no colours");
  addState(command)
    .addHelpText("after", "\nExamples:\n  agentflow breakers\n  agentflow breakers reset report/analyzer\n")
    .action(async (flags: BreakersFlags) => {
      const { breakers } = await import("./breakers.ts");
      end(await breakers(io, flags));
    });
  addState(command.command("reset"))
    .description("close circuits: their agents are called again at once")
    .argument("<pipeline/agent...>", "which ones, as `agentflow breakers` names them")
    .hook("preAction", refuseOuterFlags)
    .addHelpText("after", "\nExample:\n  agentflow breakers reset report/analyzer\n")
    .action(async (given: string[], _flags: object, self: Command) => {
      const { resetBreakers } = await import("./breakers.ts");
      end(await resetBreakers(io, given, self.optsWithGlobals<StoreFlags>()));
    });
}

function addValidate(program: Command, io: Io, end: (code: number) => void): void {
  program
    .command("validate")
    .description("check pipeline files: every problem at once, with its place")
    .argument("<files...>", "pipeline files, or patterns such as 'pipelines/**/*.toml'; - is standard input")
    .addOption(
      new Option("--format <format>", "how problems are printed").choices(["human", "concise", "json", "github", "sarif"]).default("human"),
    )
    .option("--strict", "warnings fail too")
    .option("--fix", "mend, in the files that are named, what leaves no doubt about what was meant")
    .option("--dry-run", "with --fix: show as a diff what it would change, and change nothing")
    .option("--stdin-filename <file>", "where standard input would stand: its relative paths start there", "stdin.toml")
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      "\nExamples:\n  agentflow validate pipeline.toml\n  agentflow validate --strict 'pipelines/**/*.toml'\n  agentflow validate --fix --dry-run pipeline.toml\n  agentflow validate --format json pipeline.toml | jq .diagnostics\n",
    )
    .action(async (files: string[], flags: ValidateFlags) => {
      const { validate } = await import("./validate.ts");
      end(await validate(io, files, flags));
    });
}

function addExplain(program: Command, io: Io, end: (code: number) => void): void {
  program
    .command("explain")
    .description("say what the code of a problem means, with a wrong and a right example")
    .argument("[code]", "the code, as in error[unknown-agent]; without one, all codes are listed")
    .option("--no-color", "no colours")
    .addHelpText("after", "\nExamples:\n  agentflow explain\n  agentflow explain unknown-agent\n")
    .action(async (code: string | undefined, flags: ExplainFlags) => {
      const { explain } = await import("./explain.ts");
      end(await explain(io, code, flags));
    });
}

function addInit(program: Command, io: Io, end: (code: number) => void): void {
  program
    .command("init")
    .description("make a runnable pipeline to start from")
    .argument("[directory]", "where to put it", ".")
    .addOption(new Option("-t, --template <name>", "which one").choices(TEMPLATES).default("starter"))
    .option("--force", "replace files that are there")
    .addHelpText("after", "\nExamples:\n  agentflow init\n  agentflow init reviews --template review\n")
    .action(async (directory: string, flags: InitFlags) => {
      const { init } = await import("./init.ts");
      end(await init(io, directory, flags));
    });
}

function addSchema(program: Command, io: Io): void {
  program
    .command("schema")
    .description("print the JSON Schema of the pipeline file, for editors")
    .addHelpText(
      "after",
      "\nExample:\n  agentflow schema > agentflow.schema.json    then write #:schema ./agentflow.schema.json on the first line of the file\n",
    )
    .action(async () => {
      const { jsonSchema } = await import("../spec/json-schema.ts");
      io.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    });
}

function addLsp(program: Command, io: Io, end: (code: number) => void): void {
  program
    .command("lsp")
    .description("be the language server of an editor, over stdin and stdout")
    .option("--stdio", "what editors add; there is no other way to talk to it")
    .addHelpText(
      "after",
      "\nAn editor starts it: diagnostics while typing, hover, completion, definitions, renaming, fixes.\ndocs/editors.md says how to set up VS Code, Neovim and Helix.\n",
    )
    .action(async () => {
      const { lsp } = await import("./lsp.ts");
      end(await lsp(io));
    });
}

function addCompletion(program: Command, io: Io): void {
  program
    .command("completion")
    .description("print a completion script")
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      "\nExamples:\n  source <(agentflow completion bash)\n  agentflow completion fish > ~/.config/fish/completions/agentflow.fish\n",
    )
    .action(async (shell: Shell) => {
      const { completionScript } = await import("./completion.ts");
      const { MEANINGS } = await import("./explain.ts");
      io.stdout.write(completionScript(shell, completionSpec(program, Object.keys(MEANINGS))));
    });
}

/** What completion knows, from the commands themselves; and the codes of problems. */
function completionSpec(program: Command, codes: readonly string[]): CompletionSpec {
  const optionsOf = (command: Command): CompletionCommand["options"] =>
    command
      .createHelp()
      .visibleOptions(command)
      .map((option) => ({
        flags: option.flags,
        description: option.description,
        ...(option.argChoices === undefined ? {} : { values: option.argChoices }),
      }));
  return {
    program: program.name(),
    options: optionsOf(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      // Of a command with commands in it, those stand where its arguments would.
      options: [command, ...command.commands].flatMap(optionsOf).filter(isFirst),
      ...argumentsOf(command, codes),
    })),
  };
}

function isFirst({ flags }: CompletionOption, index: number, all: readonly CompletionOption[]): boolean {
  return all.findIndex((other) => other.flags === flags) === index;
}

function argumentsOf(command: Command, codes: readonly string[]): Pick<CompletionCommand, "arguments"> {
  if (command.commands.length > 0) return { arguments: command.commands.map((inner) => inner.name()) };
  const [argument] = command.registeredArguments;
  switch (argument?.name()) {
    case "file":
    case "files":
      return { arguments: "files" };
    case "run":
      return { arguments: ["latest"] };
    case "code":
      return { arguments: codes };
    case "directory":
      return { arguments: "directories" };
    default:
      return argument?.argChoices === undefined ? {} : { arguments: argument.argChoices };
  }
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

function nonEmpty(value: string): string {
  if (value === "") throw new InvalidArgumentError("It is empty.");
  return value;
}
