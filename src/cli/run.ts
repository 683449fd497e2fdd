import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { loadPipeline, type Pipeline, PipelineError, type RunOptions, type World } from "../pipeline/pipeline.ts";
import { missingVariables } from "../plan/environment.ts";
import { checkInputs, isRequired } from "../plan/inputs.ts";
import type { Plan } from "../plan/plan.ts";
import { UnreadableFileError } from "../plan/source.ts";
import { createMasker, type Masker } from "../report/mask.ts";
import type { Palette } from "../report/palette.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { parseDuration } from "../spec/duration.ts";
import type { JsonObject } from "../spec/json.ts";
import { printDiagnostics } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { checkOutput, commandsOf, follow, type OutputFlags, refuse } from "./follow.ts";
import { inputOf, metaOf, textOf } from "./inputs.ts";
import { type Io, UsageError } from "./io.ts";
import { openStateStore, type StoreFlags } from "./store.ts";

/** As commander hands them over. */
export interface RunFlags extends OutputFlags, StoreFlags {
  readonly input?: readonly string[];
  readonly inputFile?: string;
  readonly meta?: readonly string[];
  readonly session?: string;
  readonly runId?: string;
  readonly timeout?: string;
  readonly envFile?: string;
  readonly store: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

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
  const runId = given.runId ?? io.newId();
  const followed = { plan, masker, palette };
  if (!flags.store)
    return follow(io, flags, { ...followed, commands: null, start: (onEvent) => pipeline.start({ ...given, runId, input, onEvent }) });
  const store = await openStateStore(io, flags);
  try {
    const commands = commandsOf(runId, flags);
    return await follow(io, flags, {
      ...followed,
      commands,
      start: (onEvent) => pipeline.start({ ...given, runId, input, onEvent, store }),
    });
  } finally {
    await store.close();
  }
}

/** What the flags give a run besides its input. @throws UsageError */
function checkFlags(flags: RunFlags): Pick<RunOptions, "meta" | "sessionId" | "runId" | "timeoutMs"> {
  if (flags.json === true && flags.dryRun !== true)
    throw new UsageError("--json goes with --dry-run; the result of a run as JSON is --output result");
  checkOutput(flags);
  return {
    meta: metaOf(flags.meta ?? []),
    ...(flags.session === undefined ? {} : { sessionId: flags.session }),
    ...(flags.runId === undefined ? {} : { runId: flags.runId }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: timeoutOf(flags.timeout) }),
  };
}

export function timeoutOf(text: string): number | null {
  const parsed = parseDuration(text);
  if ("problem" in parsed) throw new UsageError(`--timeout: ${parsed.problem}`);
  return parsed.ms;
}

/** The environment, and under it what an env file adds. */
export async function environment(io: Io, envFile: string | undefined): Promise<Environment> {
  return envFile === undefined ? io.env : { ...parseEnv(await textOf(io, envFile, "--env-file")), ...io.env };
}

/** Loads a pipeline and tells what is to be said of it; null where it is invalid. @throws UsageError */
export async function load(io: Io, file: string, world: World, palette: Palette): Promise<Pipeline | null> {
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
