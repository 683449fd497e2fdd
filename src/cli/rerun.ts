import { rerunJson, rerunText } from "../report/again.ts";
import { secretsNamed, withSecrets } from "../pipeline/listener.ts";
import { createMasker } from "../report/mask.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { readRun } from "../pipeline/resume.ts";
import { printDiagnostics } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import { checkOutput, commandsOf, follow, type OutputFlags } from "./follow.ts";
import { metaOf } from "./inputs.ts";
import { type Io, UsageError } from "./io.ts";
import { refusing } from "./resume.ts";
import { environment, load, timeoutOf } from "./run.ts";
import { findRun, type StoreFlags, withStore } from "./store.ts";

/** As commander hands them over. */
export interface RerunFlags extends OutputFlags, StoreFlags {
  readonly from: string;
  readonly plan?: boolean;
  readonly json?: boolean;
  readonly meta?: readonly string[];
  readonly session?: string;
  readonly runId?: string;
  readonly timeout?: string;
  readonly envFile?: string;
}

/** `agentflow rerun`: a new run of the file as it is now, after saying what is reused, what will run, and why. */
export async function rerun(io: Io, run: string, flags: RerunFlags): Promise<number> {
  checkOutput(flags);
  if (flags.json === true && flags.plan !== true)
    throw new UsageError("--json goes with --plan; the result of a run as JSON is --output result");
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const env = await environment(io, flags.envFile);
  return withStore(io, flags, async (store) => {
    const found = await findRun(store, run);
    const { record } = await refusing(() => readRun(store, found.run_id, env));
    const { file } = record.source;
    if (file === null || record.functions.length > 0)
      throw new UsageError(`the run ${found.run_id} was started by a program, not from a file: run it again in that program`);
    const pipeline = await load(io, file, { env, clock: io.clock, random: io.random, newId: io.newId }, palette);
    if (pipeline === null) return EXIT.usage;
    const { plan } = pipeline;
    const masker = createMasker(secretsNamed(withSecrets(plan, record.secrets).secrets, env));
    const runId = flags.runId ?? io.newId();
    const options = {
      store,
      from: flags.from,
      runId,
      meta: metaOf(flags.meta ?? []),
      ...(flags.session === undefined ? {} : { sessionId: flags.session }),
      ...(flags.timeout === undefined ? {} : { timeoutMs: timeoutOf(flags.timeout) }),
    };
    const prepared = await refusing(() => pipeline.prepareRerun(found.run_id, options), masker);
    const shown = masker.maskJson(rerunJson(prepared, plan));
    if (flags.plan === true) {
      io.stdout.write(
        flags.json === true
          ? `${JSON.stringify(shown, null, 2)}\n`
          : `${rerunText(shown, { palette: await makePalette(colourWorks(io.stdout, io.env, flags.color)) })}\n`,
      );
      return EXIT.ok;
    }
    const findings = await pipeline.checkEnvironment();
    await printDiagnostics(io, findings, pipeline.documents, palette);
    if (findings.length > 0) return EXIT.usage;
    if (flags.quiet !== true) io.stderr.write(`${rerunText(shown, { palette })}\n`);
    return follow(io, flags, { plan, masker, palette, commands: commandsOf(runId, flags), start: (onEvent) => prepared.start(onEvent) });
  });
}
