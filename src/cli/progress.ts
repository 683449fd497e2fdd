import type { Stamped } from "../engine/event.ts";
import { progressLines } from "../report/lines.ts";
import type { Palette } from "../report/palette.ts";
import { liveDisplay, liveDisplayWorks } from "../report/terminal.ts";
import type { Io } from "./io.ts";

/** Progress on stderr, in the form that fits where it goes. */
export interface Progress {
  event(event: Stamped): void;
  /** A line between. */
  note(text: string): void;
  stop(): void;
}

/** Redrawn lines on a terminal, plain lines elsewhere, nothing with `quiet`. */
export async function progressFor(io: Io, options: { palette: Palette; quiet: boolean; verbose: boolean }): Promise<Progress> {
  const note = (text: string): void => io.stderr.write(`agentflow: ${text}\n`);
  if (options.quiet) return { event: () => {}, note, stop: () => {} };
  const { terminal } = io.stderr;
  if (terminal !== undefined && liveDisplayWorks(terminal, io.env)) {
    const display = await liveDisplay({
      stream: terminal,
      palette: options.palette,
      verbose: options.verbose,
      now: () => io.clock.elapsed(),
    });
    return { event: (event) => display.event(event), note, stop: () => display.stop() };
  }
  const lines = progressLines(options);
  return {
    event(event) {
      for (const line of lines.event(event)) io.stderr.write(`${line}\n`);
    },
    note,
    stop: () => {},
  };
}
