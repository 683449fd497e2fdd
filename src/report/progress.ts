import type { AttemptEndEvent, BranchEvent, GroupEndEvent, StageEndEvent, StageRef, Stamped, UndoEndEvent } from "../engine/event.ts";
import { formatDuration } from "../spec/duration.ts";
import type { Palette } from "./palette.ts";
import { lastLines, oneLine } from "./sanitise.ts";
import { countText, tokensText } from "./wording.ts";

/** One thing that a person who watches a run is told, in parts: terminals and log files put them together differently. */
export interface ProgressLine {
  /** `start`: something is under way now; `end`: it has ended; `note`: anything else. */
  readonly kind: "start" | "end" | "note";
  readonly mark: Mark;
  /** How deep it lies in groups. */
  readonly indent: number;
  /** `[2/3]`; empty where the line is about no stage. */
  readonly position: string;
  readonly name: string;
  readonly text: string;
}

/** Under way, succeeded, failed, mind this, left out, from here to there, undone, a line of output. */
export type Mark = "…" | "✔" | "✖" | "⚠" | "–" | "↳" | "↩" | "│";

/**
 * Turns events into lines, in order.
 *
 * Contract: nothing is left out that went wrong: every failed attempt, tolerated failure, missing key and failed hook
 * has its line. Log lines come only with `verbose`. Whatever agents wrote is made printable.
 */
export function progressStory(options: { readonly verbose: boolean }): { tell(event: Stamped): ProgressLine[] } {
  const stages = new Map<string, StageStory>();
  return {
    tell(event) {
      switch (event.type) {
        case "group-start":
        case "stage-start":
          stages.set(event.stage.name, newStory(stages, event.stage, event.type === "stage-start" ? event.agent : null));
          return [about(stages, event.stage, { kind: "start", mark: "…", text: "" })];
        case "attempt-end":
          return attemptEnd(stages, event);
        case "stage-end":
        case "group-end":
          return stageEnd(stages, event);
        case "stage-skip":
          return [about(stages, event.stage, { kind: "end", mark: "–", text: "skipped" })];
        case "branch":
          return branchLines(stages, event);
        case "hook-fail":
          return [note("⚠", 0, oneLine(`hook ${event.hook} failed on ${event.on}, the run goes on: ${event.message}`))];
        case "warning":
          return [note("⚠", 0, oneLine(event.stage === null ? event.message : `${event.stage}: ${event.message}`))];
        case "log":
          return options.verbose ? logLines(stages, event.stage, event.text) : [];
        case "rollback-start":
          return [note("↩", 0, `rolling back: ${countText(event.stages.length, "finished stage")} to undo`)];
        case "undo-start":
          return [about(stages, event.stage, { kind: "start", mark: "…", text: `undone by ${event.agent}` })];
        case "undo-end":
          return [about(stages, event.stage, { kind: "end", ...undoEnd(event) })];
        case "run-start":
        case "attempt-start":
        case "run-end":
        case "rollback-end":
          return [];
        default:
          return unknownEvent(event);
      }
    },
  };
}

/** The colour that says the same as the mark. */
export function colouredMark(mark: Mark, palette: Palette): string {
  switch (mark) {
    case "✔":
      return palette.green(mark);
    case "✖":
      return palette.red(mark);
    case "⚠":
      return palette.yellow(mark);
    case "…":
    case "↳":
    case "↩":
      return palette.cyan(mark);
    case "–":
    case "│":
      return palette.dim(mark);
  }
}

/** What has to be remembered of a stage from its start to its end. */
interface StageStory {
  readonly indent: number;
  /** null for a group. */
  readonly firstAgent: string | null;
  /** Attempts so far, by all agents. */
  attempts: number;
  /** How many the agent of the last attempt may make. */
  allowed: number;
}

function newStory(stages: ReadonlyMap<string, StageStory>, stage: StageRef, firstAgent: string | null): StageStory {
  return { indent: indentOf(stages, stage), firstAgent, attempts: 0, allowed: 1 };
}

/** A member stands one deeper than its group, and a nested stage as deep as the stage that it is nested in. */
function indentOf(stages: ReadonlyMap<string, StageStory>, stage: StageRef): number {
  const outer = stages.get(stage.name.slice(0, Math.max(0, stage.name.lastIndexOf("/"))))?.indent ?? 0;
  return outer + (stage.group === null ? 0 : 1);
}

function attemptEnd(stages: ReadonlyMap<string, StageStory>, event: AttemptEndEvent): ProgressLine[] {
  const story = stages.get(event.stage.name);
  if (story !== undefined) {
    story.attempts += 1;
    story.allowed = event.attempts;
  }
  const next =
    event.retry_in_ms !== null
      ? `again in ${formatDuration(event.retry_in_ms)}`
      : event.fallback !== null
        ? `${event.fallback} takes over`
        : null;
  // The last attempt is told with the end of the stage.
  if (event.failure === null || next === null) return [];
  const by = event.agent === (story?.firstAgent ?? event.agent) ? "" : ` by ${event.agent}`;
  const text = `attempt ${event.attempt}/${event.attempts}${by}: ${oneLine(event.failure.message)}; ${next}`;
  return [about(stages, event.stage, { kind: "note", mark: "✖", text })];
}

function stageEnd(stages: ReadonlyMap<string, StageStory>, event: StageEndEvent | GroupEndEvent): ProgressLine[] {
  const story = stages.get(event.stage.name);
  return [about(stages, event.stage, { kind: "end", ...endOf(event, story) })];
}

function endOf(event: StageEndEvent | GroupEndEvent, story: StageStory | undefined): { mark: Mark; text: string } {
  const took = formatDuration(event.duration_ms);
  const why = event.failure === null ? "" : `: ${oneLine(event.failure.message)}`;
  const by = event.type === "stage-end" && event.agent !== (story?.firstAgent ?? event.agent) ? `by ${event.agent}` : null;
  const tokens = event.type === "stage-end" ? tokensText(event.usage) : null;
  switch (event.status) {
    case "succeeded": {
      const attempt = event.type === "stage-end" && event.attempt > 1 ? `attempt ${event.attempt}` : null;
      return { mark: "✔", text: list(took, attempt, by, tokens) };
    }
    case "failed":
      return { mark: "✖", text: `${list(took, attemptsText(story, by !== null), by, tokens)}${why}` };
    case "tolerated":
      return { mark: "⚠", text: `${list("failed", attemptsText(story, by !== null), by)}, tolerated${why}` };
    case "cancelled":
      return { mark: "✖", text: `cancelled after ${took}${why}` };
  }
}

function undoEnd(event: UndoEndEvent): { mark: Mark; text: string } {
  const attempts = event.attempts > 1 ? countText(event.attempts, "attempt") : null;
  const by = list(`by ${event.agent}`, formatDuration(event.duration_ms), attempts);
  if (event.failure === null) return { mark: "↩", text: `undone ${by}` };
  return { mark: "✖", text: `not undone ${by}: ${oneLine(event.failure.message)}` };
}

/** null where there was just the one attempt that there could be. */
function attemptsText(story: StageStory | undefined, fallback: boolean): string | null {
  if (story === undefined || (story.attempts <= 1 && story.allowed <= 1)) return null;
  return story.attempts < story.allowed && !fallback
    ? `${story.attempts} of ${countText(story.allowed, "attempt")}`
    : countText(story.attempts, "attempt");
}

function branchLines(stages: ReadonlyMap<string, StageStory>, event: BranchEvent): ProgressLine[] {
  const indent = indentOf(stages, event.stage);
  const from = event.stage.name;
  const lines: ProgressLine[] = [];
  for (const rule of event.rules) {
    const condition = rule.condition === null ? "otherwise" : oneLine(rule.condition, 120);
    if (rule.missing !== null)
      lines.push(note("⚠", indent, `${from}: there is no \`${oneLine(rule.missing)}\`, so the branch does not hold (${condition})`));
    if (rule.used_up) lines.push(note("↳", indent, `${from}: used up, so the branch is not taken again (${condition})`));
  }
  if (event.taken) {
    const condition = event.rules.at(-1)?.condition ?? null;
    lines.push(
      note("↳", indent, `${from} → ${event.end ? "end" : event.to} (${condition === null ? "otherwise" : oneLine(condition, 120)})`),
    );
  }
  return lines;
}

function logLines(stages: ReadonlyMap<string, StageStory>, stage: string, text: string): ProgressLine[] {
  const indent = stages.get(stage)?.indent ?? 0;
  return lastLines(text, Number.POSITIVE_INFINITY).map((line) => ({
    kind: "note",
    mark: "│",
    indent,
    position: "",
    name: stage,
    text: line,
  }));
}

function about(stages: ReadonlyMap<string, StageStory>, stage: StageRef, line: Pick<ProgressLine, "kind" | "mark" | "text">): ProgressLine {
  const name = stage.visit > 1 ? `${stage.name} (visit ${stage.visit})` : stage.name;
  const indent = stages.get(stage.name)?.indent ?? indentOf(stages, stage);
  return { ...line, indent, position: `[${stage.number}/${stage.total}]`, name };
}

function note(mark: Mark, indent: number, text: string): ProgressLine {
  return { kind: "note", mark, indent, position: "", name: "", text };
}

function list(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join(", ");
}

/** A consumer ignores events that it does not know. */
function unknownEvent(_event: never): ProgressLine[] {
  return [];
}
