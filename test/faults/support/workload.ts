import { isDeepStrictEqual } from "node:util";
import { fileURLToPath } from "node:url";
import type { Command, CommandEnd } from "../../support/command.ts";
import { callsOf, orphansIn, type Place, type Start, type StartOptions } from "./agentflow.ts";
import { recordedCalls, recordedEnd, recordedRun } from "./recorded.ts";

export const WORKLOAD = fileURLToPath(new URL("../workload/pipeline.toml", import.meta.url));
/** Enough for any run here; more means that it never gets to its end. */
const MOST_PROCESSES = 100;

/** The workload that succeeds, and the one whose last stage fails and that is rolled back then. */
export type Variant = "succeeds" | "fails";

export function startWorkload(start: Start, place: Place, variant: Variant, options: StartOptions = {}): Command {
  return start(
    ["run", WORKLOAD, "--run-id", runOf(place), "--quiet", "--output", "none", "--input", `fails=${variant === "fails"}`],
    place,
    options,
  );
}

/** What shall be the same, however often a run was disturbed. */
export interface Ended {
  readonly recorded: Awaited<ReturnType<typeof recordedEnd>>;
  /** Which calls were made, each once, in alphabetical order. */
  readonly calls: readonly string[];
}

async function endOf(place: Place): Promise<Ended> {
  const calls = callNames(place).map((call) => call.slice(call.indexOf("/")));
  return { recorded: await recordedEnd(place, runOf(place)), calls: [...new Set(calls)].toSorted() };
}

/** What is not as it is expected to be at the end. */
export async function differences(place: Place, expected: Ended): Promise<string[]> {
  const ended = await endOf(place);
  return isDeepStrictEqual(ended, expected)
    ? []
    : [`it ended in another way: ${JSON.stringify(ended)} instead of ${JSON.stringify(expected)}`];
}

/** One undisturbed run. */
export async function undisturbed(start: Start, place: Place, variant: Variant): Promise<Ended> {
  await startWorkload(start, place, variant).end;
  return endOf(place);
}

/**
 * Runs the workload, and goes on with it until it has ended.
 *
 * @param optionsOf what is done to the n-th process, from 0 on
 * @param disturb what is done to it besides
 * @returns what was not as promised, and how many processes it took
 */
export async function untilEnded(
  start: Start,
  place: Place,
  variant: Variant,
  optionsOf: (process: number) => StartOptions,
  disturb: (command: Command, process: number) => Promise<void> | void = () => {},
): Promise<{ readonly problems: readonly string[]; readonly processes: number }> {
  const problems: string[] = [];
  let exists = (await recordedRun(place, runOf(place))) !== null;
  for (let count = 0; count < MOST_PROCESSES; count += 1) {
    const before = { recorded: recordedCalls(await recordedRun(place, runOf(place))), calls: callsOf(place).length };
    const command = exists
      ? start(["resume", runOf(place), "--quiet", "--output", "none"], place, optionsOf(count))
      : startWorkload(start, place, variant, optionsOf(count));
    await disturb(command, count);
    const end = await command.end;
    problems.push(...problemsOf(place, before).map((problem) => `process ${count}: ${problem}`));
    if (end.code === null) {
      exists = (await recordedRun(place, runOf(place))) !== null;
      problems.push(...(await unfinishedProblems(place)).map((problem) => `after process ${count}: ${problem}`));
      continue;
    }
    if (!isEnd(end, variant)) problems.push(`process ${count} ended with ${end.code}: ${end.stderr}`);
    const orphans = await orphansIn(place.folder);
    if (orphans.length > 0) problems.push(`processes were left: ${orphans.join(", ")}`);
    return { problems, processes: count + 1 };
  }
  return { problems: [...problems, `it had not ended after ${MOST_PROCESSES} processes`], processes: MOST_PROCESSES };
}

/** As the workload ends; or there was nothing left to do, which the process that was killed could not say any more. */
function isEnd({ code, stderr }: CommandEnd, variant: Variant): boolean {
  if (code === 2) return /^agentflow: the run \S+ (succeeded|was rolled back): /.test(stderr);
  return code === (variant === "fails" ? 1 : 0);
}

/** A call whose outcome was recorded is made again; one that is made again goes on twice at the same time. */
function problemsOf(place: Place, before: { readonly recorded: ReadonlySet<string>; readonly calls: number }): string[] {
  const calls = callsOf(place);
  const made = begun(calls.slice(before.calls)).map(callOf);
  return [
    ...made.filter((call) => before.recorded.has(call)).map((call) => `${call} was recorded, and was called again`),
    ...made.filter((call, index) => made.indexOf(call) !== index).map((call) => `${call} was called twice`),
    ...overlaps(calls),
  ];
}

/** More may not be lost than what was under way: one stage, or the members of a group. */
export async function unfinishedProblems(place: Place): Promise<string[]> {
  const run = await recordedRun(place, runOf(place));
  if (run === null) return callsOf(place).length === 0 ? [] : ["the run had begun, and is not in the store"];
  const recorded = recordedCalls(run);
  const open = [...new Set(callNames(place))].filter((call) => !recorded.has(call));
  const most = open.every((call) => call.includes("/pair/")) ? 2 : 1;
  return open.length > most ? [`${open.length} calls are not recorded: ${open.join(", ")}`] : [];
}

/** A call that was begun anew, and then went on in the process that had begun it first. */
function overlaps(lines: readonly string[]): string[] {
  const latest = new Map<string, string>();
  const problems: string[] = [];
  for (const line of lines) {
    const pid = line.slice(line.lastIndexOf(" ") + 1);
    if (line.startsWith("+")) latest.set(callOf(line), pid);
    else if (latest.get(callOf(line)) !== pid) problems.push(`${callOf(line)} went on in process ${pid} after it was begun anew`);
  }
  return problems;
}

/** The calls that were begun, in their order: `run/visit agent attempt`. */
export function callNames(place: Place): string[] {
  return begun(callsOf(place)).map(callOf);
}

function runOf({ runId = "w" }: Place): string {
  return runId;
}

function begun(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith("+"));
}

/** `+ run/visit agent attempt pid` → `run/visit agent attempt` */
function callOf(line: string): string {
  return line.slice(2, line.lastIndexOf(" "));
}
