import { type Palette, plainPalette } from "./palette.ts";
import type { LiveDisplay, LiveDisplayOptions } from "./terminal-live.ts";

/** What is looked at to decide about colours and live lines. */
export interface TerminalFacts {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether lines can be redrawn in place: on a real terminal that knows its width, and outside CI. */
export function liveDisplayWorks(stream: TerminalFacts, env: Environment): boolean {
  return stream.isTTY === true && (stream.columns ?? 0) > 0 && !isOn(env.CI) && env.TERM !== "dumb";
}

/**
 * Whether to colour what goes to this stream. `flag` is false for `--no-color`, which is stronger than all variables;
 * then comes `NO_COLOR`, then `FORCE_COLOR`, then what the stream and the environment are.
 */
export function colourWorks(stream: TerminalFacts, env: Environment, flag: boolean): boolean {
  if (!flag || (env.NO_COLOR ?? "") !== "") return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR === "" || isOn(env.FORCE_COLOR);
  return stream.isTTY === true && !isOn(env.CI) && env.TERM !== "dumb";
}

/** Colours by escape codes, or none. */
export async function makePalette(enabled: boolean): Promise<Palette> {
  if (!enabled) return plainPalette;
  const { Chalk } = await import("chalk");
  const { red, yellow, green, cyan, blue, dim, bold } = new Chalk({ level: 1 });
  return { red, yellow, green, cyan, blue, dim, bold };
}

/** Begins to show progress in place. What that takes is loaded only now. */
export async function liveDisplay(options: LiveDisplayOptions): Promise<LiveDisplay> {
  const { startLiveDisplay } = await import("./terminal-live.ts");
  return startLiveDisplay(options);
}

/** As CI services and tools set such variables. */
function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value.toLowerCase() !== "false";
}
