import type { RunStatus } from "../engine/result.ts";
import { formatDuration } from "../spec/duration.ts";
import { formatSize } from "../spec/size.ts";
import type { LocalTime } from "./local-time.ts";
import type { Palette } from "./palette.ts";
import { oneLine } from "./sanitise.ts";
import { type Cell, tableLines } from "./table.ts";

/** What is known of a run without a look into it. */
export interface RunHead {
  readonly run_id: string;
  readonly pipeline_id: string;
  readonly session_id: string;
  readonly status: RunStatus | "running";
  /** Epoch milliseconds. */
  readonly started_at: number;
  /** Epoch milliseconds; null while it is `running`. */
  readonly ended_at: number | null;
  readonly stopped_at: string | null;
  readonly parent: { readonly run_id: string; readonly from: string } | null;
  /** null: no process drives it. */
  readonly owner: { readonly pid: number; readonly host: string } | null;
  readonly bytes: number;
}

/** What a person is told of how a run stands: one that nobody drives and that has not ended was interrupted. */
export type ShownStatus = RunStatus | "running" | "interrupted";

export function shownStatus({ status, owner }: Pick<RunHead, "status" | "owner">): ShownStatus {
  return status === "running" && owner === null ? "interrupted" : status;
}

/** The colour that says the same as the status. */
export function paintStatus(status: ShownStatus, palette: Palette): (text: string) => string {
  switch (status) {
    case "succeeded":
      return palette.green;
    case "failed":
    case "timed_out":
    case "rollback_failed":
      return palette.red;
    case "interrupted":
    case "cancelled":
      return palette.yellow;
    case "running":
    case "rolled_back":
      return palette.cyan;
  }
}

export interface RunsOptions {
  readonly palette: Palette;
  /** Of the terminal; 0: there is none. */
  readonly columns: number;
  readonly nowMs: number;
  readonly time: LocalTime;
  /** Every id in the store, so that the shortened ones are unique there. */
  readonly ids: readonly string[];
}

/** A table of runs, in the order given; ends without a line break. */
export function runsTable(runs: readonly RunHead[], { palette, columns, nowMs, time, ids }: RunsOptions): string {
  const short = shortIds(ids);
  const idText = (id: string): string => oneLine(short.get(id) ?? id);
  const rows = runs.map((run): Cell[] => {
    const status = shownStatus(run);
    return [
      { text: idText(run.run_id) },
      { text: oneLine(run.pipeline_id) },
      { text: status, paint: paintStatus(status, palette) },
      { text: time.minutes(run.started_at) },
      { text: tookText(run, nowMs) },
      { text: stoppedText(run) },
      { text: formatSize(run.bytes) },
      { text: run.parent === null ? "" : idText(run.parent.run_id) },
    ];
  });
  return tableLines(COLUMNS, rows, { columns, paintHead: palette.dim }).join("\n");
}

const COLUMNS = [
  { head: "run", isFlexible: true },
  { head: "pipeline", isFlexible: true },
  { head: "status" },
  { head: "started" },
  { head: "took" },
  { head: "stopped at", isFlexible: true },
  { head: "size" },
  { head: "rerun of", isFlexible: true },
];

/** Of a run that has ended, from its start; of one that was interrupted, nobody knows. */
function tookText({ started_at, ended_at, owner }: RunHead, nowMs: number): string {
  if (ended_at !== null) return formatDuration(ended_at - started_at);
  return owner === null ? "" : formatDuration(nowMs - started_at);
}

function stoppedText({ status, stopped_at }: RunHead): string {
  if (stopped_at === null) return "";
  return `${status === "running" ? "after " : ""}${oneLine(stopped_at)}`;
}

/** The shortest id that is shown. */
const SHORTEST_ID = 8;

/** Each id, shortened as far as no other one begins with the same. */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const sorted = ids.toSorted();
  return new Map(
    sorted.map((id, index) => {
      const alike = Math.max(commonLength(id, sorted[index - 1] ?? ""), commonLength(id, sorted[index + 1] ?? ""));
      return [id, id.slice(0, Math.max(SHORTEST_ID, alike + 1))];
    }),
  );
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

/** A run as programs read it: as it is kept, with times in ISO 8601. */
export function runJson(run: RunHead): Readonly<Record<string, unknown>> {
  const { run_id, pipeline_id, session_id, status, started_at, ended_at, stopped_at, parent, owner, bytes } = run;
  return {
    run_id,
    pipeline_id,
    session_id,
    status,
    started_at: isoTime(started_at),
    ended_at: ended_at === null ? null : isoTime(ended_at),
    stopped_at,
    parent,
    owner,
    bytes,
  };
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** `5f3a… (report, failed, 12KB)` */
export function runText(run: RunHead): string {
  return `${oneLine(run.run_id)} (${oneLine(run.pipeline_id)}, ${shownStatus(run)}, ${formatSize(run.bytes)})`;
}
