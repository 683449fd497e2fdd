import { type BreakerState, openForMs } from "../engine/breaker.ts";
import { formatDuration } from "../spec/duration.ts";
import type { LocalTime } from "./local-time.ts";
import type { Palette } from "./palette.ts";
import { isoTime } from "./runs.ts";
import { oneLine } from "./sanitise.ts";
import { type Cell, tableLines } from "./table.ts";

/** A circuit breaker under the name by which it is reset: `PIPELINE/AGENT`. */
export interface NamedBreaker {
  readonly name: string;
  readonly state: BreakerState;
}

export interface BreakersOptions {
  readonly palette: Palette;
  /** Of the terminal; 0: there is none. */
  readonly columns: number;
  readonly nowMs: number;
  readonly time: LocalTime;
}

/** A table of circuit breakers, in the order given; ends without a line break. */
export function breakersTable(breakers: readonly NamedBreaker[], { palette, columns, nowMs, time }: BreakersOptions): string {
  const rows = breakers.map(({ name, state }): Cell[] => [
    { text: oneLine(name) },
    { text: state.status.replace("_", "-"), paint: PAINT[state.status](palette) },
    { text: `${state.failures} of ${state.max_failures}` },
    { text: state.opened_at === null ? "" : time.seconds(state.opened_at) },
    { text: probeText(state, nowMs) },
    { text: oneLine(state.last_failure ?? "", 200) },
  ]);
  return tableLines(COLUMNS, rows, { columns, paintHead: palette.dim }).join("\n");
}

const COLUMNS = [
  { head: "breaker", isFlexible: true },
  { head: "state" },
  { head: "failures" },
  { head: "open since" },
  { head: "next probe" },
  { head: "last failure", isFlexible: true },
];

const PAINT = {
  closed: ({ green }: Palette) => green,
  open: ({ red }: Palette) => red,
  half_open: ({ yellow }: Palette) => yellow,
} as const;

/** When the agent is called again. The probe that is under way may be dead; then another one follows. */
function probeText(state: BreakerState, nowMs: number): string {
  if (state.status === "closed") return "";
  const waitMs = openForMs(state, nowMs);
  if (state.probe !== null && waitMs > 0) return "under way";
  return waitMs === 0 ? "at the next call" : `in ${formatDuration(waitMs)}`;
}

/** A circuit breaker as programs read it, with times in ISO 8601. */
export function breakerJson({ name, state }: NamedBreaker, nowMs: number): Readonly<Record<string, unknown>> {
  const { status, failures, max_failures, reset_after_ms, opened_at, last_failure, probe } = state;
  return {
    name,
    status,
    failures,
    max_failures,
    reset_after_ms,
    opened_at: opened_at === null ? null : isoTime(opened_at),
    next_probe_in_ms: status === "closed" ? null : openForMs(state, nowMs),
    last_failure,
    probe: probe === null ? null : { holder: probe.holder, began_at: isoTime(probe.began_at), lease_ms: probe.lease_ms },
  };
}
