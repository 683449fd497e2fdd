import type { StageResult } from "../engine/result.ts";
import type { Plan } from "../plan/plan.ts";
import type { Palette } from "./palette.ts";
import { oneLine } from "./sanitise.ts";
import { countText } from "./wording.ts";

/** What is known of a run before it goes on. */
export interface BeforeResume {
  readonly id: string;
  /** As far as what is recorded leads. */
  readonly recorded: {
    readonly stages: readonly StageResult[];
    readonly error: { readonly before: string | null; readonly stage: string | null } | null;
  };
  readonly undone: readonly string[];
}

/** What is reused, and what will run or be undone; ends without a line break. */
export function resumeText({ id, recorded, undone }: BeforeResume, { palette }: { readonly palette: Palette }): string {
  const first = `${palette.cyan("↻")} run ${oneLine(id)}`;
  if (undone.length > 0) return `${first}: ${countText(undone.length, "finished stage")} will be undone: ${names(undone)}`;
  const next = recorded.error?.before ?? recorded.error?.stage;
  return [
    `${first} goes on`,
    `  reused: ${names(reusedOf(recorded.stages))}`,
    `  will run: ${next === undefined || next === null ? "nothing; only its end is missing" : `${oneLine(next)}, and what follows it`}`,
  ].join("\n");
}

/** Finished stages with their visits and where they stand; a group that finished stands for its members. */
function reusedOf(stages: readonly StageResult[]): string[] {
  const isFinished = ({ status }: StageResult): boolean => status === "succeeded" || status === "tolerated";
  const finished = stages.filter(isFinished);
  const covered = new Set(finished.map(({ name, visit }) => `${name}~${visit}`));
  return finished
    .filter(({ group, visit }) => group === undefined || !covered.has(`${group}~${visit}`))
    .map(
      ({ name, visit, status }) => `${name}${visit > 1 ? ` (visit ${visit})` : ""}${status === "tolerated" ? " (failed, tolerated)" : ""}`,
    );
}

/** What a rerun would do, as `rerun --plan --json` prints it. */
export interface RerunShown {
  readonly version: 1;
  /** The run whose recorded outcomes are reused. */
  readonly run_id: string;
  readonly from: string;
  readonly stages: readonly RerunStage[];
}

export interface RerunStage {
  readonly name: string;
  readonly action: "reused" | "run" | "run if needed";
  readonly reason: string;
}

/** Each stage of a rerun in the order of the run; what a branch may still decide is said to be so. */
export function rerunJson(rerun: BeforeRerun, plan: Plan): RerunShown {
  const reused = rerun.reused.map(({ stage, changes }): RerunStage => {
    const changed = changes.length === 0 ? "" : `; its definition has changed since: ${changes.join(", ")}`;
    const name = stage.group === undefined ? stage.name : `${stage.group}/${stage.name}`;
    return { name, action: "reused", reason: `recorded as ${stage.status}, visit ${stage.visit}${changed}` };
  });
  const first: RerunStage = { name: rerun.first, action: "run", reason: rerun.reason };
  const number = plan.elements.get(rerun.first)?.number ?? null;
  const hasBranches = plan.branches.size > 0;
  const rest = plan.sequence
    .filter((element) => number === null || (element.number ?? 0) > number)
    .filter(({ name }) => number !== null || !rerun.reused.some(({ stage }) => stage.name === name))
    .map(
      ({ name }): RerunStage => ({
        name,
        action: hasBranches ? "run if needed" : "run",
        reason: hasBranches ? "comes later, unless a branch says otherwise" : "comes later",
      }),
    );
  return { version: 1, run_id: rerun.parent, from: rerun.from, stages: [...reused, first, ...rest] };
}

/** The same for people; ends without a line break. */
export function rerunText({ run_id, from, stages }: RerunShown, { palette }: { readonly palette: Palette }): string {
  const width = Math.max(...stages.map(({ name }) => name.length));
  const lines = stages.map(({ name, action, reason }) => {
    const mark = action === "reused" ? palette.dim("–") : palette.cyan("↻");
    return `  ${mark} ${oneLine(name).padEnd(width)}  ${action}: ${oneLine(reason)}`;
  });
  return [`${palette.cyan("↻")} a new run from ${oneLine(from)}, with what run ${oneLine(run_id)} had recorded`, ...lines].join("\n");
}

export interface BeforeRerun {
  /** The run whose recorded outcomes are reused. */
  readonly parent: string;
  readonly from: string;
  readonly reused: readonly { readonly stage: StageResult; readonly changes: readonly string[] }[];
  readonly first: string;
  readonly reason: string;
}

function names(list: readonly string[]): string {
  return list.length === 0 ? "nothing" : list.map((name) => oneLine(name)).join(", ");
}
