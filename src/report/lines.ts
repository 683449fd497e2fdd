import type { Stamped } from "../engine/event.ts";
import type { Palette } from "./palette.ts";
import { colouredMark, type ProgressLine, progressStory } from "./progress.ts";

/**
 * Progress for log files and pipes: a line when a stage starts and one when it ends, and one for whatever went wrong
 * in between. The lines have no line break at their end.
 *
 *     [1/3] collector …
 *     [1/3] collector ✔ 1.2s
 *     [2/3] analyzer ✖ attempt 1/3: 429 rate limit; again in 4s
 */
export function progressLines(options: { readonly palette: Palette; readonly verbose: boolean }): { event(event: Stamped): string[] } {
  const story = progressStory(options);
  return { event: (event) => story.tell(event).map((line) => plainLine(line, options.palette)) };
}

function plainLine(line: ProgressLine, palette: Palette): string {
  const { position, name, text } = line;
  const parts = [position === "" ? "" : palette.dim(position), name, colouredMark(line.mark, palette), text];
  return "  ".repeat(line.indent) + parts.filter((part) => part !== "").join(" ");
}
