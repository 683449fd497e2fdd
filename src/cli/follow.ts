import { resolve } from "node:path";
import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";
import { InputError } from "../pipeline/pipeline.ts";
import type { Plan } from "../plan/plan.ts";
import { eventLine, resultLine } from "../report/events.ts";
import type { Masker } from "../report/mask.ts";
import type { Palette } from "../report/palette.ts";
import type { Run } from "../pipeline/run.ts";
import { SHORTEST_SECRET } from "../spec/secret-forms.ts";
import { EXIT } from "./exit-codes.ts";
import { type Io, type StopSignal, UsageError } from "./io.ts";
import { type Progress, progressFor } from "./progress.ts";
import { openResultFile } from "./result-file.ts";
import type { WholeFile } from "./whole-file.ts";
import { type Ending, untilEnd } from "./stop.ts";
import { hideInResult } from "../store/references.ts";
import { StoreError } from "../store/store.ts";
import type { StoreFlags } from "./store.ts";

/** What a run shows and where it goes, as commander hands it over. */
export interface OutputFlags {
  readonly output: "state" | "result" | "none";
  readonly events?: boolean;
  readonly out?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color: boolean;
}

/** A run as it is followed. */
export interface Followed {
  readonly plan: Plan;
  readonly masker: Masker;
  readonly palette: Palette;
  /** The commands that go on with the run where it does not succeed; null: it is not stored. */
  readonly commands: NextCommands | null;
  /** Whether what had finished is undone: then the code says whether it was. */
  readonly undoes?: boolean;
  /** @throws InputError */
  start(onEvent: (event: Stamped) => void): Run;
}

export interface NextCommands {
  readonly resume: string;
  readonly rollback: string;
}

/** The commands that go on with a run, as they have to be typed. */
export function commandsOf(runId: string, { stateDir, envFile }: StoreFlags & { readonly envFile?: string }): NextCommands {
  const state = stateDir === undefined ? "" : ` --state-dir ${quoted(stateDir)}`;
  const rest = `${runId}${state}${envFile === undefined ? "" : ` --env-file ${quoted(envFile)}`}`;
  return { resume: `agentflow resume ${rest}`, rollback: `agentflow rollback ${rest}` };
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** @throws UsageError where flags exclude each other */
export function checkOutput(flags: OutputFlags): void {
  if (flags.out !== undefined && flags.output === "none")
    throw new UsageError("--output none leaves nothing to write to the file of --out");
}

/** Starts a run and follows it to its end: progress on stderr, the result on stdout, and the exit code that says why it ended. */
export async function follow(io: Io, flags: OutputFlags, followed: Followed): Promise<number> {
  const { masker, palette, commands } = followed;
  const quiet = flags.quiet === true;
  const out = flags.out === undefined ? null : await openResultFile(resolve(io.cwd, flags.out), io.newId());
  for (const name of masker.tooShort)
    io.stderr.write(`agentflow: the value of ${name} has fewer than ${SHORTEST_SECRET} characters, so it is not masked in what is shown\n`);
  const progress = await progressFor(io, { palette, quiet, verbose: flags.verbose === true });
  let isUndoing = false;
  let hasBegun = false;
  const onEvent = (event: Stamped): void => {
    hasBegun = true;
    if (event.type === "rollback-start") isUndoing = true;
    progress.event(event);
    if (flags.events === true) io.stdout.write(eventLine(event));
  };
  const ending = await runToEnd(io, followed, onEvent, { progress, quiet, isUndoing: () => isUndoing }).catch((error: unknown) => {
    if (!hasBegun || commands === null || !(error instanceof StoreError) || error.code !== "unavailable") throw error;
    const next = `once that is mended, this goes on with what was recorded:\n    ${commands.resume}`;
    throw new StoreError(error.code, `${error.message}\n${next}`, { cause: error });
  });
  if (ending.result === null) {
    const kept = isUndoing
      ? "what was undone is recorded; this goes on with the rollback"
      : "what had finished is kept; this goes on with it";
    if (commands !== null) io.stderr.write(`agentflow: ${kept}:\n    ${isUndoing ? commands.rollback : commands.resume}\n`);
    return EXIT[ending.signal];
  }
  // Words of agentflow's own stay, whatever a secret may be: how the run ended is read from them.
  const result = hideInResult(ending.result, (value) => masker.maskJson(value));
  await tellEnd(io, result, followed, quiet);
  const code = followed.undoes === true && result.status === "rolled_back" ? EXIT.ok : exitCode(result, ending.signal);
  const isDelivered = await deliver(io, outputText(result, flags), out);
  return isDelivered || code !== EXIT.ok ? code : EXIT.failed;
}

async function runToEnd(
  io: Io,
  { plan, masker, start }: Followed,
  onEvent: (event: Stamped) => void,
  { progress, quiet, isUndoing }: { progress: Progress; quiet: boolean; isUndoing: () => boolean },
): Promise<Ending> {
  // stdout is the result's; what modules print there by habit is for people.
  const leaveConsole = io.onConsole((text) => {
    if (!quiet) io.stderr.write(masker.maskText(text));
  });
  try {
    return await untilEnd(io, start(onEvent), plan, { note: (text) => progress.note(masker.maskText(text)), isUndoing });
  } catch (error) {
    if (error instanceof InputError) refuse(error.problems, masker);
    throw error;
  } finally {
    leaveConsole();
    progress.stop();
  }
}

/** @throws UsageError where there are problems */
export function refuse(problems: readonly string[], masker: Masker): void {
  if (problems.length > 0) throw new UsageError(problems.map((problem) => masker.maskText(problem)).join("\nagentflow: "));
}

async function tellEnd(io: Io, result: RunResult, { palette, commands, plan }: Followed, quiet: boolean): Promise<void> {
  const { failureSummary, successSummary } = await import("../report/summary.ts");
  const clean =
    result.status === "succeeded" &&
    result.warnings.length === 0 &&
    result.stages.every(({ status }) => status !== "tolerated" && status !== "failed");
  if (quiet && clean) return;
  const text =
    result.status === "succeeded"
      ? successSummary(result, { palette })
      : failureSummary(result, { palette, next: commands === null ? null : nextOf(result, plan, commands) });
  io.stderr.write(`${text}\n`);
}

/** What can be done with a run that did not succeed. */
function nextOf({ status }: RunResult, plan: Plan, commands: NextCommands): string[] {
  if (status === "succeeded" || status === "rolled_back") return [];
  if (status === "rollback_failed") return [commands.rollback];
  return canRollBack(plan) ? [commands.resume, commands.rollback] : [commands.resume];
}

function canRollBack(plan: Plan): boolean {
  return [...plan.agents.values()].some(({ rollback, call }) => rollback !== null || (call.type === "pipeline" && canRollBack(call.plan)));
}

function outputText(result: RunResult, flags: OutputFlags): string {
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
async function deliver(io: Io, text: string, out: WholeFile | null): Promise<boolean> {
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
