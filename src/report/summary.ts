import type { RunError, RunResult, StageResult } from "../engine/result.ts";
import { formatDuration } from "../spec/duration.ts";
import type { Palette } from "./palette.ts";
import { lastLines, oneLine } from "./sanitise.ts";
import { countText, tokensText } from "./wording.ts";

/** How many of the last lines of a script's stderr, or of a server's answer, are shown. */
const DETAIL_LINES = 20;

/** The same for a failure that the run survived. */
const TOLERATED_DETAIL_LINES = 3;

/** One line for a run that succeeded, and one for everything that went wrong in it all the same. Ends without a line break. */
export function successSummary(result: RunResult, options: { readonly palette: Palette }): string {
  const { palette } = options;
  const did = [countText(result.stages.filter(wasRun).length, "stage"), tokensText(result.usage)];
  if (result.usage.cost !== null) did.push(`cost ${result.usage.cost}`);
  const first = `${palette.green("✔")} ${oneLine(result.pipeline_id)} succeeded in ${formatDuration(result.duration_ms)}: ${joined(did)}`;
  return [first, ...tolerated(result, palette), ...warnings(result, palette)].join("\n");
}

/**
 * What a person needs after a run that did not succeed: which stage, in which attempt, why, what is kept, and what to do.
 *
 * `next` are the commands that go on with the run, the best one first; null: nothing was stored. Ends without a line break.
 */
export function failureSummary(
  result: RunResult,
  options: { readonly palette: Palette; readonly next?: readonly string[] | null },
): string {
  const { palette } = options;
  const took = formatDuration(result.duration_ms);
  const lines = [palette.bold(`${palette.red("✖")} ${oneLine(result.pipeline_id)} ${endText(result)} ${took}`)];
  if (result.error !== null) lines.push(...errorLines(result, result.error, palette));
  lines.push(...otherFailures(result, palette), ...tolerated(result, palette), ...warnings(result, palette));
  lines.push(...undone(result, palette), "", ...keptLines(result, options.next ?? null, palette));
  return lines.join("\n");
}

function endText(result: RunResult): string {
  switch (result.status) {
    case "succeeded":
      return "succeeded in";
    case "failed":
      return "failed after";
    case "timed_out":
      return "ran out of time after";
    case "cancelled":
      return "was cancelled after";
    case "rolled_back":
      return "did not succeed, and was rolled back, after";
    case "rollback_failed":
      return "did not succeed, and could not be rolled back whole, after";
  }
}

function errorLines(result: RunResult, error: RunError, palette: Palette): string[] {
  const { failure } = error;
  const message = oneLine(error.message, 2000);
  const causes = (failure.cause ?? []).map((cause) => oneLine(cause, 2000)).filter((cause) => !message.includes(cause));
  const stage = result.stages.findLast((entry) => entry.name === error.stage && entry.error !== null);
  return [
    `  ${message}`,
    ...causes.map((cause) => `  because: ${cause}`),
    ...(stage === undefined ? [] : attemptLines(stage, palette)),
    ...lastLines(failure.detail ?? "", DETAIL_LINES).map((line) => `    ${palette.dim("│")} ${line}`),
  ];
}

/** Each attempt, where there was more than one: they need not have failed for the same reason. */
function attemptLines(stage: StageResult, palette: Palette): string[] {
  if (stage.attempts.length < 2) return [];
  return stage.attempts.map((attempt) => {
    const by = attempt.agent === stage.attempts[0]?.agent ? "" : ` by ${attempt.agent}`;
    const how = attempt.status === "succeeded" ? "succeeded" : `${attempt.kind}: ${oneLine(attempt.message ?? "", 200)}`;
    return `    ${palette.dim(`attempt ${attempt.number}${by}, ${formatDuration(attempt.duration_ms)}:`)} ${how}`;
  });
}

/** Failures besides the one that the run ended with: members of a group, and stages after the first with `fail_fast = false`. */
function otherFailures(result: RunResult, palette: Palette): string[] {
  const main = result.stages.findLast((entry) => entry.name === result.error?.stage && entry.error !== null);
  return result.stages
    .filter(
      (stage) =>
        stage.status === "failed" && stage !== main && !isTold(stage, result.error) && groupOf(result, stage)?.status !== "succeeded",
    )
    .flatMap((stage) => [
      `  ${palette.red("✖")} ${stageText(stage)} failed${afterAttempts(stage)}: ${why(stage)}`,
      ...lastLines(stage.error?.detail ?? "", DETAIL_LINES).map((line) => `    ${palette.dim("│")} ${line}`),
    ]);
}

/** The message of a group quotes its member, and that of an outer stage the one nested in it. */
function isTold(stage: StageResult, error: RunError | null): boolean {
  const own = stage.error;
  if (own === null || error === null || stage.attempts.length > 1) return false;
  const name = stage.name.slice(stage.name.lastIndexOf("/") + 1);
  const isQuoted = error.message.includes(name) && error.message.includes(own.message);
  return isQuoted && (own.detail === undefined || own.detail === error.failure.detail);
}

/** Failures that the run survived: tolerated ones, and those of members whose group succeeded without them. */
function tolerated(result: RunResult, palette: Palette): string[] {
  return result.stages
    .filter((stage) => stage.status === "tolerated" || (stage.status === "failed" && groupOf(result, stage)?.status === "succeeded"))
    .flatMap((stage) => [
      `  ${palette.yellow("⚠")} ${stageText(stage)} failed${afterAttempts(stage)}, tolerated: ${why(stage)}`,
      ...lastLines(stage.error?.detail ?? "", TOLERATED_DETAIL_LINES).map((line) => `    ${palette.dim("│")} ${line}`),
    ]);
}

/** The entry of the group that a member ran in. */
function groupOf(result: RunResult, member: StageResult): StageResult | undefined {
  return result.stages.find(({ name, visit }) => name === member.group && visit === member.visit);
}

function undone({ rollback }: RunResult, palette: Palette): string[] {
  if (rollback === null) return [];
  return rollback.stages.map(({ name, visit, agent, error }) => {
    const stage = visit > 1 ? `${name} (visit ${visit})` : name;
    return error === null
      ? `  ${palette.cyan("↩")} ${stage} was undone by ${agent}`
      : `  ${palette.red("✖")} ${stage} was not undone: ${agent} failed: ${oneLine(error.message)}`;
  });
}

function warnings(result: RunResult, palette: Palette): string[] {
  return result.warnings.map((warning) => `  ${palette.yellow("⚠")} ${oneLine(warning)}`);
}

/** What was done is not lost, and how to get at it. */
function keptLines(result: RunResult, next: readonly string[] | null, palette: Palette): string[] {
  const finished = result.stages.filter((stage) => wasRun(stage) && stage.status === "succeeded");
  const names = finished.map(
    (stage) => `${stage.name}${stage.visit > 1 ? ` (visit ${stage.visit})` : ""} ${formatDuration(stage.duration_ms)}`,
  );
  const keys = [...new Set(finished.flatMap((stage) => stage.wrote))].filter((key) => Object.hasOwn(result.state, key));
  const lines = [`  finished: ${names.length === 0 ? "no stage" : shortened(names)}`];
  const tokens = tokensText(result.usage);
  if (tokens !== null) lines.push(`  used: ${tokens}`);
  if (next !== null) lines.push(...nextLines(result, next, { hasFinished: finished.length > 0, palette }));
  else if (keys.length === 0) lines.push("  kept: nothing");
  else lines.push(`  kept: nothing is stored; what they wrote (${shortened(keys)}) is in the result, which \`--output result\` prints`);
  return lines;
}

function nextLines(
  { status }: RunResult,
  [first, second]: readonly string[],
  { hasFinished, palette }: { readonly hasFinished: boolean; readonly palette: Palette },
): string[] {
  if (first === undefined) return ["  kept: what was recorded, to look at"];
  const command = (text: string): string => `    ${palette.cyan(text)}`;
  if (status === "rollback_failed") return ["  kept: what was recorded; this tries the handlers that failed again:", command(first)];
  if (!hasFinished) return ["  kept: the run and its input; this goes on with it:", command(first)];
  const undo = second === undefined ? [] : ["  or undo them:", command(second)];
  return ["  kept: the finished stages; this goes on without running them again:", command(first), ...undo];
}

/** Whether an agent was called: groups and skipped stages have none. */
function wasRun(stage: StageResult): boolean {
  return stage.served_by !== null;
}

function stageText(stage: StageResult): string {
  const member = stage.group === undefined ? "" : `, in group ${stage.group}`;
  const visit = stage.visit > 1 ? `, visit ${stage.visit}` : "";
  return `stage ${stage.number} (${stage.name}${member}${visit})`;
}

function afterAttempts(stage: StageResult): string {
  return stage.attempts.length > 1 ? ` after ${countText(stage.attempts.length, "attempt")}` : "";
}

function why(stage: StageResult): string {
  return stage.error === null ? "no reason is known" : oneLine(stage.error.message);
}

function joined(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ");
}

function shortened(names: readonly string[]): string {
  return names.length <= 12 ? names.join(", ") : `${names.slice(0, 11).join(", ")} and ${names.length - 11} more`;
}
