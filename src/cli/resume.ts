import { loadPipeline, type Pipeline, PipelineError, recordedPipeline } from "../pipeline/pipeline.ts";
import { secretsNamed, withSecrets } from "../pipeline/listener.ts";
import { changesBetween } from "../plan/compare.ts";
import { UnreadableFileError } from "../plan/source.ts";
import { resumeText } from "../report/again.ts";
import { createMasker, type Masker } from "../report/mask.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { readRun, refuseEnded, ResumeError } from "../pipeline/resume.ts";
import { InputError } from "../pipeline/run-input.ts";
import { type RunRecord, StoreError } from "../store/store.ts";
import { printDiagnostics } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { checkOutput, commandsOf, follow, type OutputFlags } from "./follow.ts";
import { type Io, UsageError } from "./io.ts";
import { type Environment, environment, timeoutOf } from "./run.ts";
import { findRun, type StoreFlags, withStore } from "./store.ts";

/** As commander hands them over. */
export interface ResumeFlags extends OutputFlags, StoreFlags {
  readonly force?: boolean;
  readonly takeOver?: boolean;
  readonly timeout?: string;
  readonly envFile?: string;
}

/** `agentflow resume`: goes on with a run that did not finish, after saying what is reused and what will run. */
export function resume(io: Io, run: string, flags: ResumeFlags): Promise<number> {
  return goOn(io, run, flags, "resume");
}

/** `agentflow rollback`: undoes what a run had finished; 0 when all of it was undone. */
export function rollback(io: Io, run: string, flags: ResumeFlags): Promise<number> {
  return goOn(io, run, flags, "rollback");
}

async function goOn(io: Io, run: string, flags: ResumeFlags, purpose: "resume" | "rollback"): Promise<number> {
  checkOutput(flags);
  const limit = flags.timeout === undefined ? {} : { timeoutMs: timeoutOf(flags.timeout) };
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const env = await environment(io, flags.envFile);
  return withStore(io, flags, async (store) => {
    const found = await findRun(store, run);
    const runId = found.run_id;
    await refusing(async () => refuseEnded(found, purpose));
    const { record } = await refusing(() => readRun(store, runId, env));
    if (purpose === "resume" && flags.force !== true) await refuseChanged(record, runId);
    const pipeline = await pipelineOf(io, record, env);
    const findings = await pipeline.checkEnvironment();
    // What a stage lacks here need not keep what has finished from being undone.
    const shown = purpose === "rollback" ? findings.map((finding) => ({ ...finding, severity: "warning" as const })) : findings;
    await printDiagnostics(io, shown, pipeline.documents, palette);
    if (findings.length > 0 && purpose === "resume") return EXIT.usage;
    const { plan } = pipeline;
    const masker = createMasker(secretsNamed(withSecrets(plan, record.secrets).secrets, env));
    const options = { store, takeOver: flags.takeOver === true, ...limit };
    const prepared = await refusing(
      () => (purpose === "resume" ? pipeline.prepareResume(runId, options) : pipeline.prepareRollback(runId, options)),
      masker,
    );
    if (flags.quiet !== true) io.stderr.write(`${masker.maskText(resumeText(prepared, { palette }))}\n`);
    const commands = commandsOf(runId, flags);
    const start = prepared.start.bind(prepared);
    return follow(io, flags, { plan, masker, palette, commands, start, undoes: purpose === "rollback" });
  });
}

/** Whatever keeps a run from being gone on with is the caller's to mend: nothing was run. @throws UsageError */
export async function refusing<T>(work: () => Promise<T>, masker?: Masker): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ResumeError || error instanceof InputError)
      throw new UsageError(masker?.maskText(error.message) ?? error.message, { cause: error });
    if (error instanceof StoreError && error.code === "owned")
      throw new UsageError(`${error.message}; --take-over does that where it does not answer`, { cause: error });
    throw error;
  }
}

/** The file as it is now has to mean what was recorded. @throws UsageError */
async function refuseChanged({ source, functions }: RunRecord, runId: string): Promise<void> {
  const { file } = source;
  const how = `\`agentflow resume ${runId} --force\` goes on with the recorded plan`;
  if (file === null || functions.length > 0) return;
  try {
    const { plan } = await loadPipeline(file);
    const changes = changesBetween(source, plan.source);
    if (changes.length === 0) return;
    const list = changes.slice(0, 20).map((change) => `\n  ${change}`);
    throw new UsageError(
      `the pipeline ${file} has changed since the run ${runId} was started:${list.join("")}\n` +
        `${how}; \`agentflow rerun ${runId} --from STAGE\` starts a new run with the file as it is`,
    );
  } catch (error) {
    if (!(error instanceof PipelineError || error instanceof UnreadableFileError)) throw error;
    const why = error instanceof PipelineError ? `${file} is not valid any more; \`agentflow validate\` says why` : error.message;
    throw new UsageError(`${why}. ${how}`);
  }
}

async function pipelineOf(io: Io, record: RunRecord, env: Environment): Promise<Pipeline> {
  if (record.functions.length > 0)
    throw new UsageError(
      `the run ${record.run_id} has agents that a program gave as functions (${record.functions.join(", ")}): go on with it in that program`,
    );
  return refusing(() => recordedPipeline(record, { env, clock: io.clock, random: io.random, newId: io.newId }));
}
