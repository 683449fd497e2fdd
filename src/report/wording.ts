import type { Usage } from "../engine/failure.ts";
import { formatDuration } from "../spec/duration.ts";

/** How long something has been going on, in a form that keeps its width while it grows: `0.3s`, `1.0s`, `2m 05s`. */
export function runningText(ms: number): string {
  return ms < 59_950 ? `${(Math.max(0, ms) / 1000).toFixed(1)}s` : formatDuration(ms);
}

/** `1,234 tokens`; null where none were used. */
export function tokensText(usage: Usage | null): string | null {
  const tokens = usage === null ? 0 : usage.input_tokens + usage.output_tokens;
  return tokens === 0 ? null : countText(tokens, "token");
}

/** `1 stage`, `2 stages`, `1,234 tokens`. */
export function countText(count: number, noun: string): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ",")} ${noun}${count === 1 ? "" : "s"}`;
}
