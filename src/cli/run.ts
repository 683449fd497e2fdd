import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";
import { missingVariables } from "../plan/environment.ts";
import { isRequired } from "../plan/inputs.ts";
import { InputError, loadPipeline, type Pipeline, PipelineError, type Run, type World } from "../pipeline.ts";
import { UnreadableFileError } from "../plan/source.ts";
import { eventLine, resultLine } from "../report/events.ts";
import { createMasker, type Masker } from "../report/mask.ts";
import type { Palette } from "../report/palette.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { parseDuration } from "../spec/duration.ts";
import { printDiagnostics } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { inputOf, metaOf } from "./inputs.ts";
import { type Io, type StopSignal, UsageError } from "./io.ts";
import { type Progress, progressFor } from "./progress.ts";

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

/** `agentflow run`: everything that can be wrong before the first stage is told with exit code 2, and nothing was run. */
export async function run(io: Io, file: string, flags: RunFlags): Promise<number> {
  checkFlags(flags);
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const world: World = { env: await environment(io, flags.envFile), clock: io.clock, random: io.random, newId: io.newId };
  const pipeline = await load(io, resolve(io.cwd, file), world, palette);
  if (pipeline === null) return EXIT.usage;
  const input = await inputOf(io, flags, pipeline.plan.inputs);
  if (flags.dryRun === true) return dryRun(io, pipeline, input, world.env ?? {}, flags);
  const findings = await pipeline.checkEnvironment();
  if (findings.length > 0) {
    await printDiagnostics(io, findings, pipeline.documents, palette);
    return EXIT.usage;
  }
  const out = flags.out === undefined ? null : await prepareOut(resolve(io.cwd, flags.out));
  const masker = maskerOf(io, pipeline, world.env ?? {});
  const progress = await progressFor(io, { palette, quiet: flags.quiet === true, verbose: flags.verbose === true });
  const started = start(pipeline, input, flags, (event) => {
    progress.event(event);
    if (flags.events === true) io.stdout.write(eventLine(event));
  });
  const ending = await untilEnd(io, started, progress);
  if (ending.result === null) return EXIT[ending.signal];
  const result = masker.maskJson(ending.result);
  await tellEnd(io, result, { palette, quiet: flags.quiet === true });
  await writeResult(io, outputText(result, flags), out);
  return exitCode(result, ending.signal);
}

function checkFlags(flags: RunFlags): void {
  if (flags.json === true && flags.dryRun !== true)
    throw new UsageError("--json goes with --dry-run; the result of a run as JSON is --output result");
  if (flags.quiet === true && flags.verbose === true) throw new UsageError("--quiet and --verbose exclude each other");
  if (flags.events === true && flags.out !== undefined)
    throw new UsageError("--events writes to stdout while the run goes on, and --out only at its end; use one of them");
}

/** The environment, and under it what an env file adds. */
async function environment(io: Io, envFile: string | undefined): Promise<Readonly<Record<string, string | undefined>>> {
  if (envFile === undefined) return io.env;
  try {
    return { ...parseEnv(await readFile(resolve(io.cwd, envFile), "utf8")), ...io.env };
  } catch (error) {
    throw new UsageError(`the env file ${envFile} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function load(io: Io, file: string, world: World, palette: Palette): Promise<Pipeline | null> {
  try {
    const pipeline = await loadPipeline(file, world);
    await printDiagnostics(io, pipeline.warnings, pipeline.documents, palette);
    return pipeline;
  } catch (error) {
    if (error instanceof UnreadableFileError) throw new UsageError(`${error.message}; \`agentflow init\` makes a pipeline to start from`);
    if (!(error instanceof PipelineError)) throw error;
    await printDiagnostics(io, error.diagnostics, error.documents, palette);
    return null;
  }
}

async function dryRun(
  io: Io,
  pipeline: Pipeline,
  input: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  flags: RunFlags,
): Promise<number> {
  const { dryRun: text } = await import("../report/dry-run.ts");
  const { dryRunJson: json } = await import("../report/dry-run-json.ts");
  const { plan } = pipeline;
  const facts = {
    missingInputs: [...plan.inputs].filter(([name, spec]) => isRequired(spec) && !Object.hasOwn(input, name)).map(([name]) => name),
    missingVariables: missingVariables(plan, { env }),
    assumedInputs: plan.assumedInputs.filter((name) => !Object.hasOwn(input, name)),
  };
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  io.stdout.write(flags.json === true ? `${JSON.stringify(json(plan, facts), null, 2)}\n` : `${text(plan, facts, { palette })}\n`);
  return EXIT.ok;
}

function start(pipeline: Pipeline, input: Readonly<Record<string, unknown>>, flags: RunFlags, onEvent: (event: Stamped) => void): Run {
  const timeoutMs = flags.timeout === undefined ? undefined : timeoutOf(flags.timeout);
  try {
    return pipeline.start({
      input,
      onEvent,
      meta: metaOf(flags.meta ?? []),
      ...(flags.session === undefined ? {} : { sessionId: flags.session }),
      ...(flags.runId === undefined ? {} : { runId: flags.runId }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  } catch (error) {
    if (error instanceof InputError) throw new UsageError(error.problems.join("\nagentflow: "));
    throw error;
  }
}

function timeoutOf(text: string): number | null {
  const parsed = parseDuration(text);
  if ("problem" in parsed) throw new UsageError(`--timeout: ${parsed.problem}`);
  return parsed.ms;
}

function maskerOf(io: Io, pipeline: Pipeline, env: Readonly<Record<string, string | undefined>>): Masker {
  const masker = createMasker(pipeline.plan.secrets.map((name) => ({ name, value: env[name] ?? "" })));
  for (const name of masker.tooShort) io.stderr.write(`agentflow: the value of ${name} is too short to be masked\n`);
  return masker;
}

/** The first signal stops the run, which then ends by itself; a second one does not wait for it. */
async function untilEnd(
  io: Io,
  started: Run,
  progress: Progress,
): Promise<{ result: RunResult; signal: StopSignal | null } | { result: null; signal: StopSignal }> {
  let signal: StopSignal | null = null;
  let force: () => void = () => {};
  const forced = new Promise<null>((resolveForced) => {
    force = () => resolveForced(null);
  });
  const stopListening = io.onStop((received) => {
    if (signal === null) {
      signal = received;
      progress.note(`${received}: stopping; once more to stop without waiting`);
      started.cancel(`the run was stopped by ${received}`);
    } else {
      started.kill();
      force();
    }
  });
  try {
    const result = await Promise.race([started.result, forced]);
    return result === null ? { result, signal: signal ?? "SIGINT" } : { result, signal };
  } finally {
    stopListening();
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

/** Finds out before the run whether the file can be written after it. */
async function prepareOut(file: string): Promise<string> {
  const part = `${file}.part`;
  try {
    if ((await stat(file).catch(() => null))?.isDirectory() === true) throw new Error("it is a directory");
    await writeFile(part, "");
    await rm(part);
  } catch (error) {
    throw new UsageError(`--out: ${file} cannot be written in ${dirname(file)}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return file;
}

/** A file appears whole or not at all; if it cannot be written after all, stdout gets the text. */
async function writeResult(io: Io, text: string, out: string | null): Promise<void> {
  if (out === null || text === "") {
    io.stdout.write(text);
    return;
  }
  try {
    await writeFile(`${out}.part`, text);
    await rename(`${out}.part`, out);
  } catch (error) {
    io.stderr.write(
      `agentflow: ${out} could not be written (${error instanceof Error ? error.message : String(error)}); here it is instead\n`,
    );
    io.stdout.write(text);
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
    case "cancelled":
      return signal === null ? EXIT.failed : EXIT[signal];
  }
}
