import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { type Palette, plainPalette } from "./palette.ts";
import { visible } from "./sanitise.ts";

export interface DiffOptions {
  /** Colours; none when absent. */
  readonly palette?: Palette;
  /** Whether control characters are shown rather than sent; what comes out cannot be applied then. */
  readonly toTerminal?: boolean;
}

/**
 * What has changed in a file, as a unified diff that `git apply` and `patch -p1` take; nothing where nothing has.
 *
 * `path` is relative to where it is applied.
 */
export function unifiedDiff(path: string, before: string, after: string, options: DiffOptions = {}): string {
  if (before === after) return "";
  const patch = createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, undefined, undefined, {
    context: 3,
    headerOptions: FILE_HEADERS_ONLY,
  });
  const { palette = plainPalette, toTerminal = false } = options;
  // A tab says where a name ends in which there is a space.
  const headEnd = path.includes(" ") ? "\t" : "";
  const lines = patch
    .replace(/\n$/, "")
    .split("\n")
    .map((line, index) => (index < 2 ? line + headEnd : line));
  return `${lines.map((line, index) => paintOf(line, index, palette)(toTerminal ? visible(line.replace(/\r$/, "")) : line)).join("\n")}\n`;
}

function paintOf(line: string, index: number, palette: Palette): (text: string) => string {
  if (index < 2) return palette.bold;
  if (line.startsWith("@@")) return palette.cyan;
  return line.startsWith("+") ? palette.green : line.startsWith("-") ? palette.red : plainPalette.dim;
}
