import { resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";
import { InputError, loadPipeline, type Pipeline, PipelineError, type RunOptions, type World } from "../pipeline.ts";
import { missingVariables } from "../plan/environment.ts";
import { checkInputs, isRequired } from "../plan/inputs.ts";
import type { Plan } from "../plan/plan.ts";
import { UnreadableFileError } from "../plan/source.ts";
import { eventLine, resultLine } from "../report/events.ts";
import { createMasker, type Masker, SHORTEST_SECRET } from "../report/mask.ts";
import type { Palette } from "../report/palette.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { parseDuration } from "../spec/duration.ts";
import type { JsonObject } from "../spec/json.ts";
import { printDiagnostics } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { inputOf, metaOf, textOf } from "./inputs.ts";
import { type Io, type StopSignal, UsageError } from "./io.ts";
import { type Progress, progressFor } from "./progress.ts";
import { openResultFile, type ResultFile } from "./result-file.ts";
import { type Ending, untilEnd } from "./stop.ts";

/** As commander hands them over. */
export interface RunFlags {
  readonly input?: readonly string[];
  readonly inputFile?: string;
  readonly meta?: readonly string[];
  readonly session?: string;
  readonly runId?: string;
  readonly output: "state" | "result" | "none";
  readonly events?: boolean;
  readonly out?: string;
  readonly timeout?: string;
  readonly envFile?: string;
  readonly store: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `agentflow run`: everything that can be wrong before the first stage is told with exit code 2, and nothing was run. */
export async function run(io: Io, file: string, flags: RunFlags): Promise<number> {
  const given = checkFlags(flags);
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const env = await environment(io, flags.envFile);
  const pipeline = await load(io, resolve(io.cwd, file), { env, clock: io.clock, random: io.random, newId: io.newId }, palette);
  if (pipeline === null) return EXIT.usage;
  const { plan } = pipeline;
  const masker = createMasker(plan.secrets.map((name) => ({ name, value: env[name] ?? "" })));
  const input = await inputOf(io, flags, plan.inputs);
  const findings = await pipeline.checkEnvironment();
  if (flags.dryRun === true) {
    // Variables are part of the dry run itself; programs and files that are missing here are told beside it.
    const missing = findings
      .filter(({ code }) => code !== "unset-variable")
      .map((finding) => ({ ...finding, severity: "warning" as const }));
    await printDiagnostics(io, missing, pipeline.documents, palette);
    return dryRun(io, withTimeout(plan, given.timeoutMs), { input, env, masker }, flags);
  }
  await printDiagnostics(io, findings, pipeline.documents, palette);
  refuse(checkInputs(plan.inputs, input).problems, masker);
  if (findings.length > 0) return EXIT.usage;
  const out = flags.out === undefined ? null : await openResultFile(resolve(io.cwd, flags.out), io.newId());
  for (const name of masker.tooShort)
    io.stderr.write(`agentflow: the value of ${name} has fewer than ${SHORTEST_SECRET} characters, so it is not masked in what is shown\n`);
  const progress = await progressFor(io, { palette, quiet: flags.quiet === true, verbose: flags.verbose === true });
  const onEvent = (event: Stamped): void => {
    progress.event(event);
    if (flags.events === true) io.stdout.write(eventLine(event));
  };
  const ending = await runToEnd(io, pipeline, { ...given, input, onEvent }, { masker, progress, quiet: flags.quiet === true });
  if (ending.result === null) return EXIT[ending.signal];
  const result = masker.maskJson(ending.result);
  await tellEnd(io, result, { palette, quiet: flags.quiet === true });
  const code = exitCode(result, ending.signal);
  const isDelivered = await deliver(io, outputText(result, flags), out);
  return isDelivered || code !== EXIT.ok ? code : EXIT.failed;
}

/** What the flags give a run besides its input. @throws UsageError */
function checkFlags(flags: RunFlags): Pick<RunOptions, "meta" | "sessionId" | "runId" | "timeoutMs"> {
  if (flags.json === true && flags.dryRun !== true)
    throw new UsageError("--json goes with --dry-run; the result of a run as JSON is --output result");
  if (flags.out !== undefined && flags.output === "none")
    throw new UsageError("--output none leaves nothing to write to the file of --out");
  return {
    meta: metaOf(flags.meta ?? []),
    ...(flags.session === undefined ? {} : { sessionId: flags.session }),
    ...(flags.runId === undefined ? {} : { runId: flags.runId }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: timeoutOf(flags.timeout) }),
  };
}

function timeoutOf(text: string): number | null {
  const parsed = parseDuration(text);
  if ("problem" in parsed) throw new UsageError(`--timeout: ${parsed.problem}`);
  return parsed.ms;
}

/** The environment, and under it what an env file adds. */
async function environment(io: Io, envFile: string | undefined): Promise<Environment> {
  return envFile === undefined ? io.env : { ...parseEnv(await textOf(io, envFile, "--env-file")), ...io.env };
}

async function load(io: Io, file: string, world: World, palette: Palette): Promise<Pipeline | null> {
  try {
    const pipeline = await loadPipeline(file, world);
    await printDiagnostics(io, pipeline.warnings, pipeline.documents, palette);
    return pipeline;
  } catch (error) {
    if (error instanceof UnreadableFileError) throw new UsageError(`${error.message}${loadHint(error)}`);
    if (!(error instanceof PipelineError)) throw error;
    await printDiagnostics(io, error.diagnostics, error.documents, palette);
    return null;
  }
}

function loadHint(error: UnreadableFileError): string {
  switch ((error.cause as { code?: string }).code) {
    case "ENOENT":
      return "; `agentflow init` makes a pipeline to start from";
    case "EISDIR":
      return "; name the pipeline file in it";
    default:
      return "";
  }
}

function withTimeout(plan: Plan, timeoutMs: number | null | undefined): Plan {
  return timeoutMs === undefined ? plan : { ...plan, timeoutMs };
}

async function dryRun(
  io: Io,
  plan: Plan,
  { input, env, masker }: { input: JsonObject; env: Environment; masker: Masker },
  flags: RunFlags,
): Promise<number> {
  // What is missing is listed; what is there has to be right.
  const optional = new Map([...plan.inputs].map(([name, spec]) => [name, { ...spec, required: false }]));
  refuse(checkInputs(optional, input).problems, masker);
  const { dryRun: text } = await import("../report/dry-run.ts");
  const { dryRunJson: json } = await import("../report/dry-run-json.ts");
  const facts = {
    missingInputs: [...plan.inputs].filter(([name, spec]) => isRequired(spec) && !Object.hasOwn(input, name)).map(([name]) => name),
    missingVariables: missingVariables(plan, { env }),
    assumedInputs: plan.assumedInputs.filter((name) => !Object.hasOwn(input, name)),
  };
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  io.stdout.write(flags.json === true ? `${JSON.stringify(json(plan, facts), null, 2)}\n` : `${text(plan, facts, { palette })}\n`);
  return EXIT.ok;
}

/** @throws UsageError where there are problems */
function refuse(problems: readonly string[], masker: Masker): void {
  if (problems.length > 0) throw new UsageError(problems.map((problem) => masker.maskText(problem)).join("\nagentflow: "));
}

async function runToEnd(
  io: Io,
  pipeline: Pipeline,
  options: RunOptions,
  { masker, progress, quiet }: { masker: Masker; progress: Progress; quiet: boolean },
): Promise<Ending> {
  // stdout is the result's; what modules print there by habit is for people.
  const leaveConsole = io.onConsole((text) => {
    if (!quiet) io.stderr.write(masker.maskText(text));
  });
  try {
    const started = pipeline.start(options);
    return await untilEnd(io, started, pipeline.plan, (text) => progress.note(masker.maskText(text)));
  } catch (error) {
    if (error instanceof InputError) refuse(error.problems, masker);
    throw error;
  } finally {
    leaveConsole();
    progress.stop();
  }
}

async function tellEnd(io: Io, result: RunResult, options: { palette: Palette; quiet: boolean }): Promise<void> {
  const { failureSummary, successSummary } = await import("../report/summary.ts");
  const clean =
    result.status === "succeeded" &&
    result.warnings.length === 0 &&
    result.stages.every(({ status }) => status !== "tolerated" && status !== "failed");
  if (options.quiet && clean) return;
  const text = result.status === "succeeded" ? successSummary(result, options) : failureSummary(result, options);
  io.stderr.write(`${text}\n`);
}

function outputText(result: RunResult, flags: RunFlags): string {
  if (flags.events === true) return resultLine(result);
  switch (flags.output) {
    case "none":
      return "";
    case "result":
      return `${JSON.stringify(result, null, 2)}\n`;
    case "state":
      return result.status === "succeeded" ? `${JSON.stringify(result.state, null, 2)}\n` : "";
  }
}

/** Writes to stdout, or to the file; where the file cannot be written after all, stdout gets the text, and that is no success. */
async function deliver(io: Io, text: string, out: ResultFile | null): Promise<boolean> {
  if (text === "") return true;
  try {
    if (out === null) io.stdout.write(text);
    else await out.write(text);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    io.stderr.write(`agentflow: ${out?.path} could not be written (${reason}); here it is instead\n`);
    io.stdout.write(text);
    return false;
  }
}

function exitCode(result: RunResult, signal: StopSignal | null): number {
  switch (result.status) {
    case "succeeded":
      return EXIT.ok;
    case "failed":
      return EXIT.failed;
    case "timed_out":
      return EXIT.timedOut;
    // The code tells why a run ended, never whether it was undone.
    case "rolled_back":
    case "rollback_failed":
      return result.error?.kind === "deadline" ? EXIT.timedOut : EXIT.failed;
    case "cancelled":
      return signal === null ? EXIT.failed : EXIT[signal];
  }
}
