import type { Stamped } from "../engine/event.ts";
import type { RunResult } from "../engine/result.ts";

/**
 * An event as one line of NDJSON, with its line break. `state` and `input` are left out: they would make the stream
 * grow with the square of the run. What a stage changed is in `output`.
 */
export function eventLine(event: Stamped): string {
  const { state: _state, input: _input, ...shown } = event as Stamped & { readonly state?: unknown; readonly input?: unknown };
  return `${JSON.stringify(shown)}\n`;
}

/** The line that ends the stream: the whole result, told from events by its type. */
export function resultLine(result: RunResult): string {
  return `${JSON.stringify({ type: "result", ...result })}\n`;
}
