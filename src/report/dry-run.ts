import type { Plan } from "../plan/plan.ts";
import { DEFAULT_COMPRESS_ABOVE_BYTES } from "../plan/settings.ts";
import { formatDuration } from "../spec/duration.ts";
import { formatSize } from "../spec/size.ts";
import { type DryRunAgent, type DryRunFacts, type DryRunGroup, type DryRunReport, type DryRunStage, dryRunJson } from "./dry-run-json.ts";
import type { Palette } from "./palette.ts";
import { oneLine } from "./sanitise.ts";
import { cutTo, displayWidth, padTo } from "./width.ts";
import { countText } from "./wording.ts";

/** What a run would do, for a person who does not know the pipeline. Ends without a line break. */
export function dryRun(plan: Plan, facts: DryRunFacts, options: { readonly palette: Palette }): string {
  const { palette } = options;
  const report = dryRunJson(plan, facts);
  const blocks = [
    headLines(report, palette),
    stageLines(report, palette),
    section("Time", timeLines(report), palette),
    section("Kept", keptLines(report), palette),
    section("Rollback", rollbackLines(report), palette),
    section("Inputs", inputLines(report, palette), palette),
    section("Variables", variableLines(report, palette), palette),
    section("Hooks", hookLines(report), palette),
    verdictLines(facts, palette),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** Longer commands are cut, so that the columns behind them stay in sight. */
const CALLS_COLUMNS = 44;

function headLines(report: DryRunReport, palette: Palette): string[] {
  const head = `${palette.bold(oneLine(report.pipeline_id))}: what a run would do. Nothing is called and nothing is written.`;
  return report.description === null ? [head] : [head, oneLine(report.description)];
}

/** A row of the table, and what is said about it underneath. */
interface Row {
  readonly cells: readonly string[];
  readonly notes: readonly string[];
}

function stageLines(report: DryRunReport, palette: Palette): string[] {
  const rows = rowsOf(report.stages, "", 0);
  const head = ["#", "stage", "kind", "calls", "timeout", "attempts", "at most"];
  const [first = "", ...aligned] = alignColumns([head, ...rows.map((row) => row.cells)]);
  const notesIndent = " ".repeat(6);
  return [
    palette.dim(first),
    ...rows.flatMap((row, index) => [aligned[index] ?? "", ...row.notes.map((note) => palette.dim(`${notesIndent}${note}`))]),
  ];
}

/** Of one pipeline; those that are nested in it stand one deeper. */
function rowsOf(stages: readonly DryRunStage[], namePrefix: string, depth: number): Row[] {
  const numbers = new Map(stages.map((stage) => [stage.name, stage.number]));
  return stages.flatMap((stage) => stageRows(stage, namePrefix, depth, numbers));
}

function stageRows(stage: DryRunStage, namePrefix: string, depth: number, numbers: ReadonlyMap<string, number | null>): Row[] {
  const number = depth > 0 ? "" : String(stage.number ?? "–");
  const name = `${"  ".repeat(depth)}${namePrefix}${stage.name}`;
  const bound = boundText(stage.worst_case);
  const notes = [...dependsNotes(stage), ...branchNotes(stage, numbers)];
  if (stage.group !== null) {
    const { group } = stage;
    const own = { cells: [number, name, "group", concurrencyText(group), "", "", bound], notes: [groupNote(group), ...notes] };
    return [own, ...rowsOf(group.members, namePrefix, depth + 1)];
  }
  const { agent } = stage;
  if (agent === null) return [];
  const calls = cutTo(oneLine(agent.calls), CALLS_COLUMNS);
  const own = {
    cells: [number, name, agent.type, calls, limitText(agent.timeout_ms), String(agent.attempts), bound],
    notes: [...agentNotes(agent), ...notes],
  };
  const nested = [agent, ...agent.fallbacks].flatMap((served) => rowsOf(served.stages ?? [], `${namePrefix}${stage.name}/`, depth + 1));
  return [own, ...nested];
}

function boundText({ ms, arithmetic }: DryRunStage["worst_case"]): string {
  const text = limitText(ms);
  return text === arithmetic ? text : `${text} = ${arithmetic}`;
}

function concurrencyText({ members, max_concurrency }: DryRunGroup): string {
  const count = countText(members.length, "member");
  if (max_concurrency >= members.length) return `${count} at the same time`;
  return max_concurrency === 1 ? `${count}, one after the other` : `${count}, ${max_concurrency} at a time`;
}

const MERGE_RULES = {
  flat: "what they write goes into the state as it is; no two may write the same key",
  namespace: "what each writes goes under its name",
  prefix: "what each writes goes into the state, its keys with the member's name before them",
} as const;

function groupNote(group: DryRunGroup): string {
  const failure =
    group.on_error === "fail" ? "the first failure stops the others" : `all finish, and at least ${group.min_success} must succeed`;
  return `merge ${group.merge}: ${MERGE_RULES[group.merge]}; ${failure}`;
}

function agentNotes(agent: DryRunAgent): string[] {
  const about = agent.description === null ? [] : [oneLine(agent.description)];
  const serving = [agent, ...agent.fallbacks];
  return [
    ...about,
    ...agent.fallbacks.map((fallback) => `when that has failed, ${fallback.name} takes over: ${callNote(fallback)}`),
    ...serving.flatMap(breakerNotes),
    ...(agent.on_error === "continue" ? ["a failure is tolerated: the run goes on without its output"] : []),
    ...serving.flatMap((served) => undoNotes(served, agent)),
  ];
}

function callNote({ type, calls, timeout_ms, attempts }: DryRunAgent): string {
  const limit = timeout_ms === null ? "no timeout" : `timeout ${formatDuration(timeout_ms)}`;
  return `${type} ${cutTo(oneLine(calls), CALLS_COLUMNS)}, ${limit}, ${countText(attempts, "attempt")}`;
}

function breakerNotes({ name, circuit_breaker: breaker }: DryRunAgent): string[] {
  if (breaker === null) return [];
  const failures = breaker.max_failures === 1 ? "a failed attempt" : `${breaker.max_failures} failed attempts in a row`;
  return [`after ${failures}, ${name} is not called for ${formatDuration(breaker.reset_after_ms)}`];
}

function undoNotes(served: DryRunAgent, agent: DryRunAgent): string[] {
  const { rollback } = served;
  if (rollback === null) return [];
  const fallbacks = rollback.fallbacks.map(({ name }) => `, and when that has failed ${name}`);
  const what = served === agent ? "" : ` what ${served.name} did`;
  return [`when the run is rolled back, ${rollback.name} undoes${what === "" ? " it" : what}: ${callNote(rollback)}${fallbacks.join("")}`];
}

function dependsNotes(stage: DryRunStage): string[] {
  if (stage.depends_on.length === 0) return [];
  const sources = stage.depends_on.map((name) => `\`${name}\``).join(" and ");
  return [`${stage.number === null ? "reached only by a branch" : "may be jumped over"}: depends on the outcome of ${sources}`];
}

function branchNotes(stage: DryRunStage, numbers: ReadonlyMap<string, number | null>): string[] {
  const isBack = (to: string): boolean => (numbers.get(to) ?? Number.POSITIVE_INFINITY) <= (stage.number ?? 0);
  return stage.branches.map(({ condition, to, max_times }) => {
    const when = condition === null ? "otherwise" : `when ${oneLine(condition, 120)}`;
    const target = to === null ? "the run ends" : `${isBack(to) ? "back" : "on"} to ${to}`;
    return `↳ ${when}: ${target}${max_times === null ? "" : `, at most ${countText(max_times, "time")}`}`;
  });
}

function timeLines({ worst_case: worst, timeout_ms, stages, hooks, rollback }: DryRunReport): string[] {
  const [longest = "", ...loops] = longestText(worst).split(/ (?=\+ \d+ × )/);
  const isCapped = timeout_ms !== null && worst.ms === timeout_ms && worst.longest_ms !== timeout_ms;
  const lines = isCapped
    ? [`at most ${formatDuration(timeout_ms)}: then the pipeline's timeout ends the run`, `without it ${longest}`, ...loops]
    : [worst.longest_ms === null ? longest : `at most ${longest}`, ...loops];
  const more = [
    ...(someAgent(stages, ({ type }) => type === "llm") ? ["longer waits that a server asks for"] : []),
    ...(hooks.length > 0 ? ["hooks"] : []),
    ...(rollback === "auto" && someAgent(stages, (agent) => agent.rollback !== null) ? ["a rollback"] : []),
  ];
  return more.length === 0 ? lines : [...lines, `not counted: ${more.join(", ")}`];
}

/** What is kept otherwise than usual. */
function keptLines({ checkpoint_frequency: every, save_intermediate_results, compress_above }: DryRunReport): string[] {
  return [
    ...(every === 0 ? ["progress is kept only at a failure and at the end"] : []),
    ...(every > 1 ? [`progress is kept after every ${every} stages, and at a failure and the end`] : []),
    ...(save_intermediate_results ? [] : ["once the run has succeeded, only its final state and timings"]),
    ...(compress_above === DEFAULT_COMPRESS_ABOVE_BYTES ? [] : [`values from ${formatSize(compress_above)} on are compressed`]),
  ];
}

function rollbackLines({ rollback }: DryRunReport): string[] {
  return rollback === "auto" ? [] : ["only by agentflow rollback: a run that fails is left as it is"];
}

function longestText({ longest_ms, arithmetic }: DryRunReport["worst_case"]): string {
  return arithmetic === "" ? limitText(longest_ms) : `${limitText(longest_ms)} = ${arithmetic}`;
}

/** Whether that holds for an agent that serves one of the stages, or a stage inside of one. */
function someAgent(stages: readonly DryRunStage[], holds: (agent: DryRunAgent) => boolean): boolean {
  return stages.some(({ agent, group }) => {
    const agents = agent === null ? [] : [agent, ...agent.fallbacks];
    return agents.some((one) => holds(one) || someAgent(one.stages ?? [], holds)) || someAgent(group?.members ?? [], holds);
  });
}

function inputLines(report: DryRunReport, palette: Palette): string[] {
  const rows = report.inputs.map((input) => {
    const need =
      input.default !== undefined
        ? `${oneLine(JSON.stringify(input.default), 60)} when not given`
        : input.required
          ? "required"
          : "optional";
    const missing = input.missing ? palette.red(`missing: give it with --input ${input.name}=…`) : "";
    return [
      input.name,
      `${input.type ?? "any type"}, ${need}`,
      [missing, oneLine(input.description ?? "")].filter((text) => text !== "").join("  "),
    ];
  });
  const assumed = report.assumed_inputs.map((name) => [
    oneLine(name),
    "any type",
    palette.yellow("read by a stage and written by none: it must be in the input"),
  ]);
  if (rows.length + assumed.length === 0) return ["none is declared: any input is taken"];
  return alignColumns([...rows, ...assumed]);
}

function variableLines(report: DryRunReport, palette: Palette): string[] {
  return alignColumns(report.variables.map(({ name, set }) => [name, set ? "set" : palette.red("not set")]));
}

function hookLines(report: DryRunReport): string[] {
  return alignColumns(
    report.hooks.map((hook) => [
      oneLine(hook.name),
      `on ${hook.on.join(", ")}`,
      hook.agents === null ? "of all stages" : `of ${hook.agents.join(", ")}`,
      cutTo(oneLine(hook.calls), CALLS_COLUMNS),
      hook.timeout_ms === null ? "no timeout" : `timeout ${formatDuration(hook.timeout_ms)}`,
    ]),
  );
}

function verdictLines(facts: DryRunFacts, palette: Palette): string[] {
  const missing = [
    ...facts.missingInputs.map((name) => `the input ${name}`),
    ...facts.missingVariables.map((name) => `the variable ${name}`),
  ];
  return missing.length === 0
    ? []
    : [palette.yellow(`A run would not start: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing.`)];
}

/** A title, and what belongs to it in a column beside it. */
function section(title: string, lines: readonly string[], palette: Palette): string[] {
  return lines.map((line, index) => `${palette.bold(padTo(index === 0 ? title : "", 11))}${line}`);
}

/** Rows of cells as lines, in columns that are two spaces apart. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const cells of rows)
    for (const [column, cell] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
  return rows.map((cells) =>
    cells
      .map((cell, column) => padTo(cell, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function limitText(ms: number | null): string {
  return ms === null ? "no limit" : formatDuration(ms);
}
