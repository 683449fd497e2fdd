import type { StageResult } from "../engine/result.ts";
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

function names(list: readonly string[]): string {
  return list.length === 0 ? "nothing" : list.map((name) => oneLine(name)).join(", ");
}
