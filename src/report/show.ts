import type { Failure } from "../engine/failure.ts";
import { formatDuration } from "../spec/duration.ts";
import { formatSize } from "../spec/size.ts";
import type { LocalTime } from "./local-time.ts";
import type { Palette } from "./palette.ts";
import { colouredMark, type Mark } from "./progress.ts";
import type { LogLine, RunView, StageVisit, ViewedStage, ViewedRound, VisitAttempt } from "./run-view.ts";
import { paintStatus, shownStatus } from "./runs.ts";
import { lastLines, oneLine } from "./sanitise.ts";
import { type Cell, tableLines } from "./table.ts";
import { padTo } from "./width.ts";
import { countText, tokensText } from "./wording.ts";

export interface ShowOptions {
  readonly palette: Palette;
  /** Of the terminal; 0: there is none. */
  readonly columns: number;
  readonly time: LocalTime;
  /** The pipeline's file; null: a program defined it. */
  readonly file: string | null;
}

/** A run for a person: what it is, how it went, stage by stage, and what can be done with it. Ends without a line break. */
export function showRun(view: RunView, options: ShowOptions): string {
  const { palette } = options;
  const blocks = [
    headLines(view, options),
    stageLines(view, options),
    section("Rollback", rollbackLines(view, palette), palette),
    section(
      "Warnings",
      view.warnings.map((warning) => `${palette.yellow("⚠")} ${oneLine(warning)}`),
      palette,
    ),
    section("Next", nextLines(view, palette), palette),
  ];
  return joinBlocks(blocks);
}

function joinBlocks(blocks: readonly (readonly string[])[]): string {
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function headLines(view: RunView, { palette, time, file }: ShowOptions): string[] {
  const status = shownStatus(view);
  const at = (iso: string): string => time.seconds(Date.parse(iso));
  const facts: readonly (readonly [title: string, text: string | null])[] = [
    ["Run", oneLine(view.run_id)],
    ["File", file === null ? null : oneLine(file)],
    ["Session", oneLine(view.session_id)],
    ["Started", at(view.started_at)],
    ["Ended", view.ended_at === null ? null : at(view.ended_at)],
    ["Took", tookText(view)],
    ["Used", usedText(view)],
    ["Rerun of", view.parent === null ? null : `${oneLine(view.parent.run_id)}, from ${oneLine(view.parent.from)}`],
    ["Driven by", view.owner === null ? null : `process ${view.owner.pid} on ${oneLine(view.owner.host)}`],
    ["Size", formatSize(view.bytes)],
    ["Path", view.path.length === 0 ? null : view.path.map((name) => oneLine(name)).join(" → ")],
  ];
  return [
    palette.bold(`${oneLine(view.pipeline_id)}: ${paintStatus(status, palette)(status)}`),
    ...(view.error === null ? [] : failureLines(view.error.message, view.error.failure, palette)),
    "",
    ...facts.flatMap(([title, text]) => (text === null ? [] : section(title, [text], palette))),
  ];
}

/** Nobody knows how long a run went on that was interrupted and left no events. */
function tookText({ status, owner, rounds, duration_ms }: RunView): string | null {
  if (rounds.length > 1) {
    const total = rounds.reduce((sum, round) => sum + round.duration_ms, 0);
    return `${formatDuration(total)} in ${countText(rounds.length, "round")}: ${rounds.map((round, index) => roundText(round, index === rounds.length - 1 && owner !== null)).join(", ")}`;
  }
  return status === "running" && owner === null && rounds.length === 0 ? null : formatDuration(duration_ms);
}

function roundText({ status, duration_ms }: ViewedRound, isNow: boolean): string {
  if (status === null && isNow) return `running for ${formatDuration(duration_ms)}`;
  return `${status ?? "interrupted"} after ${formatDuration(duration_ms)}`;
}

function usedText({ usage }: RunView): string | null {
  const tokens = tokensText(usage);
  return tokens === null || usage.cost === null ? tokens : `${tokens}, cost ${usage.cost}`;
}

function failureLines(message: string, { cause = [] }: Failure, palette: Palette): string[] {
  const shown = oneLine(message, 2000);
  const causes = cause.map((one) => oneLine(one, 2000)).filter((one) => !shown.includes(one));
  return [`  ${palette.red("✖")} ${shown}`, ...causes.map((one) => `    because: ${one}`)];
}

const STAGE_COLUMNS = [
  { head: "#" },
  { head: "stage", isFlexible: true },
  { head: "" },
  { head: "took" },
  { head: "tokens" },
  { head: "wrote", isFlexible: true },
];

function stageLines(view: RunView, { palette, columns }: ShowOptions): string[] {
  const problem = view.problem === null ? [] : [`${palette.yellow("⚠")} ${oneLine(view.problem, 2000)}`];
  if (view.stages.length === 0) return view.problem === null ? ["No stage has begun."] : problem;
  const isInterrupted = shownStatus(view) === "interrupted";
  const rows = view.stages.map((stage): Cell[] => {
    const mark = markOf(stage.status, isInterrupted);
    return [
      { text: stage.group === undefined && !stage.name.includes("/") ? String(stage.number) : "" },
      { text: `${"  ".repeat(depthOf(stage))}${nameText(stage)}` },
      { text: `${mark} ${statusText(stage, isInterrupted)}`, paint: (text) => text.replace(mark, colouredMark(mark, palette)) },
      { text: stage.status === "skipped" ? "" : formatDuration(stage.duration_ms) },
      { text: stage.usage === null ? "" : String(stage.usage.input_tokens + stage.usage.output_tokens) },
      { text: stage.wrote.map((key) => oneLine(key, 100)).join(", ") },
    ];
  });
  const [head = "", ...lines] = tableLines(STAGE_COLUMNS, rows, { columns, paintHead: palette.dim });
  const kept = view.only_result ? ["", palette.dim("Only the result is kept (save_intermediate_results = false).")] : [];
  return [...problem, head, ...view.stages.flatMap((stage, index) => [lines[index] ?? "", ...attemptLines(stage, palette)]), ...kept];
}

function depthOf({ name, group }: ViewedStage): number {
  return name.split("/").length - 1 + (group === undefined ? 0 : 1);
}

function nameText({ name, visit }: Pick<ViewedStage, "name" | "visit">): string {
  return `${oneLine(name)}${visit > 1 ? ` (visit ${visit})` : ""}`;
}

function markOf(status: ViewedStage["status"], isInterrupted: boolean): Mark {
  switch (status) {
    case "succeeded":
      return "✔";
    case "failed":
    case "cancelled":
      return "✖";
    case "tolerated":
      return "⚠";
    case "skipped":
      return "–";
    case "running":
      return isInterrupted ? "⚠" : "…";
  }
}

function statusText({ status, name, served_by }: ViewedStage, isInterrupted: boolean): string {
  const shown = status === "running" && isInterrupted ? "interrupted" : status;
  const isServedByItself = served_by === null || served_by === name.slice(name.lastIndexOf("/") + 1);
  return `${shown}${isServedByItself ? "" : ` by ${oneLine(served_by)}`}`;
}

/** Each attempt where there was more than one, and whatever failed. */
function attemptLines(stage: ViewedStage, palette: Palette): string[] {
  const { attempts, error } = stage;
  const isTold = attempts.length > 1 || attempts.some(({ status }) => status === "failed");
  const lines = isTold
    ? attempts.map(({ number, agent, status, kind, message, duration_ms }) => {
        const how = status === "succeeded" ? "succeeded" : `${kind}: ${oneLine(message ?? "")}`;
        return `${palette.dim(`attempt ${number} by ${oneLine(agent)}, ${formatDuration(duration_ms)}:`)} ${how}`;
      })
    : [];
  // A group has no attempts, and what stopped a stage need not be what its last attempt failed of.
  const isNew = error !== null && error.message !== attempts.at(-1)?.message;
  return [...lines, ...(isNew ? [`${error.kind}: ${oneLine(error.message)}`] : [])].map((line) => `      ${line}`);
}

function rollbackLines({ rollback }: RunView, palette: Palette): string[] {
  if (rollback === null) return [];
  if (rollback.stages.length === 0) return ["there was nothing to undo"];
  return rollback.stages.map((stage) => undoneText(stage, palette));
}

function undoneText(stage: NonNullable<StageVisit["undone"]>, palette: Palette): string {
  const name = nameText(stage);
  const took = `${formatDuration(stage.duration_ms)}${stage.attempts > 1 ? `, ${countText(stage.attempts, "attempt")}` : ""}`;
  switch (stage.status) {
    case "succeeded":
      return `${palette.cyan("↩")} ${name} undone by ${oneLine(stage.agent)}, ${took}`;
    case "failed":
      return `${palette.red("✖")} ${name} not undone by ${oneLine(stage.agent)}, ${took}: ${oneLine(stage.error?.message ?? "")}`;
    case "pending":
      return `${palette.dim("–")} ${name} not undone yet`;
  }
}

function nextLines({ next }: RunView, palette: Palette): string[] {
  return [next.resume, next.rollback].flatMap((command) => (command === null ? [] : [palette.cyan(command)]));
}

/** A title, and what belongs to it in a column beside it. */
function section(title: string, lines: readonly string[], palette: Palette): string[] {
  return lines.map((line, index) => `${palette.bold(padTo(index === 0 ? title : "", 11))}${line}`);
}

/** The visits to a stage, each with its data. Ends without a line break. */
export function showVisits(visits: readonly StageVisit[], view: RunView, { palette }: Pick<ShowOptions, "palette">): string {
  return visits.map((visit) => joinBlocks(visitBlocks(visit, view, palette))).join("\n\n");
}

function visitBlocks(visit: StageVisit, view: RunView, palette: Palette): string[][] {
  const { name, number, group, status, served_by, duration_ms, input, output, state } = visit;
  const isInterrupted = shownStatus(view) === "interrupted";
  const took = status === "skipped" ? "" : `, ${formatDuration(duration_ms)}`;
  const member = group === null ? "" : `, in group ${oneLine(group)}`;
  const text = statusText({ ...visit, group: "", attempts: [], wrote: [], status, name, served_by }, isInterrupted);
  const head = `${colouredMark(markOf(status, isInterrupted), palette)} stage ${number} (${nameText(visit)}${member}): ${text}${took}`;
  const blocks = [
    [palette.bold(head), ...visit.attempts.flatMap((attempt) => visitAttemptLines(attempt, palette)), ...afterLines(visit, palette)],
    dataLines("Input", input, palette),
    dataLines("Output", output, palette),
    dataLines("State after it", state, palette),
  ];
  if (view.only_result && status !== "skipped") blocks.push(["Its data is not kept (save_intermediate_results = false)."]);
  return blocks;
}

function visitAttemptLines(given: VisitAttempt, palette: Palette): string[] {
  const { agent, attempt, duration_ms, failure, retry_in_ms, fallback, usage } = given;
  const tokens = tokensText(usage);
  const next =
    retry_in_ms !== null ? `; again after ${formatDuration(retry_in_ms)}` : fallback === null ? "" : `; ${oneLine(fallback)} took over`;
  const how = failure === null ? "succeeded" : `${failure.kind}: ${oneLine(failure.message, 2000)}`;
  const head = `attempt ${attempt} by ${oneLine(agent)}, ${formatDuration(duration_ms)}${tokens === null ? "" : `, ${tokens}`}:`;
  const { cause = [], detail = "" } = failure ?? {};
  return [
    `  ${palette.dim(head)} ${how}${next}`,
    ...cause.map((one) => `    because: ${oneLine(one, 2000)}`),
    ...lastLines(detail, Number.POSITIVE_INFINITY).map((line) => `    ${palette.dim("│")} ${line}`),
  ];
}

/** What stopped it, where it went from there, and what undid it. */
function afterLines({ error, attempts, branch, undone }: StageVisit, palette: Palette): string[] {
  const isNew = error !== null && error.message !== attempts.at(-1)?.failure?.message;
  return [
    ...(isNew ? [`  ${error.kind}: ${oneLine(error.message, 2000)}`] : []),
    ...(branch === null ? [] : [`  ${palette.cyan("↳")} ${branchText(branch)}`]),
    ...(undone === null ? [] : [`  ${undoneText(undone, palette)}`]),
  ];
}

function branchText({ taken, to, end, rules }: NonNullable<StageVisit["branch"]>): string {
  if (!taken) return "no branch was taken";
  const condition = rules.at(-1)?.condition ?? null;
  return `${end ? "the end" : oneLine(to ?? "")} (${condition === null ? "otherwise" : oneLine(condition)})`;
}

function dataLines(title: string, data: unknown, palette: Palette): string[] {
  if (data === null) return [];
  return [palette.bold(title), ...printableLines(JSON.stringify(data, null, 2))];
}

/** JSON escapes control characters, but not those that turn the direction of writing. */
function printableLines(text: string): string[] {
  return lastLines(text, Number.POSITIVE_INFINITY);
}

/** A stage's log under its name. Ends without a line break. */
export function showLogs(logs: readonly LogLine[], { palette, time }: Pick<ShowOptions, "palette" | "time">): string {
  const lines: string[] = [];
  let before = "";
  for (const { stage, attempt, at, text } of logs) {
    const head = `${oneLine(stage)}, attempt ${attempt}`;
    if (head !== before) lines.push(...(before === "" ? [] : [""]), palette.bold(head));
    before = head;
    const clock = time.seconds(Date.parse(at)).slice(11);
    for (const line of lastLines(text, Number.POSITIVE_INFINITY)) lines.push(`  ${palette.dim(clock)} ${line}`);
  }
  return lines.join("\n");
}
