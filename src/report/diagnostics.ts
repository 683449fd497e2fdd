import type { Place } from "../spec/places/place.ts";
import type { Located } from "../spec/positions.ts";
import type { Palette } from "./palette.ts";
import { plainPalette } from "./palette.ts";
import { oneLine, visible } from "./sanitise.ts";
import { cutTo, displayWidth, wrapTo } from "./width.ts";

export interface HumanOptions {
  /** Colours; none when absent. */
  readonly palette?: Palette;
  /** How a file is shown; its absolute path when absent. */
  readonly shown?: (file: string) => string;
  /** How wide a terminal is; where absent or 0, messages are not wrapped. */
  readonly columns?: number;
  /** Whether the command that mends would mend a file; it is said how much that is. Any file when absent. */
  readonly mends?: (file: string) => boolean;
}

/**
 * Diagnostics for people: message, place, the marked lines, related lines, what to do; and how many there are.
 *
 * Contract: pure; without a line break at the end; empty for no diagnostics. Control characters of the file are shown, never sent.
 * No line is wider than the terminal but for the path of a file, which stays whole to be clicked and copied.
 *
 *     error[unknown-key]: unknown key `timout` in [agents.fetch]
 *       --> pipeline.toml:9:1
 *        |
 *      9 | timout = "30s"
 *        | ^^^^^^ did you mean `timeout`?
 *        = fix: replace `timout` with `timeout`
 *
 *     1 error; `agentflow validate --fix` mends it
 */
export function renderDiagnostics(diagnostics: readonly Located[], options: HumanOptions = {}): string {
  if (diagnostics.length === 0) return "";
  const { palette = plainPalette, shown = (file: string) => file, columns = 0, mends = () => true } = options;
  const width = columns > 0 ? Math.max(LEAST_COLUMNS, columns) : Number.POSITIVE_INFINITY;
  const blocks = diagnostics.map((diagnostic) => block(diagnostic, { palette, shown, width, gutter: gutterOf(diagnostic) }).join("\n"));
  const mendable = diagnostics.filter(({ file, fix }) => fix?.safe === true && file !== null && mends(file));
  const count = countDiagnostics(diagnostics) + fixOffer(mendable.length, diagnostics.length);
  return [...blocks, wrapTo(count, width).join("\n")].join("\n\n");
}

/** `2 errors, 1 warning`; `no problems` for none. */
export function countDiagnostics(diagnostics: readonly Pick<Located, "severity">[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const parts = [plural(errors, "error"), plural(diagnostics.length - errors, "warning")].filter((part) => part !== "");
  return parts.length === 0 ? "no problems" : parts.join(", ");
}

function plural(count: number, word: string): string {
  return count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`;
}

function fixOffer(count: number, total: number): string {
  if (count === 0) return "";
  // What is mended may bring to light another that can be.
  const which = count < total ? `at least ${count} of them` : count === 1 ? "it" : "them";
  return `; \`agentflow validate --fix\` mends ${which}`;
}

/** A terminal that is narrower than this is taken to be as wide. */
const LEAST_COLUMNS = 30;
/** How far the lines of a message are indented after its first one. */
const HANGING = 4;

/** How a diagnostic is laid out. */
interface Layout {
  readonly palette: Palette;
  readonly shown: (file: string) => string;
  /** Of a line. */
  readonly width: number;
  /** Of the line numbers. */
  readonly gutter: number;
}

function gutterOf({ place, related }: Located): number {
  return Math.max(2, ...[place, ...related.map((other) => other.place)].map((one) => String(one?.line ?? "").length));
}

function block(diagnostic: Located, layout: Layout): string[] {
  return [
    ...headLines(diagnostic, layout),
    ...whereLines(diagnostic, layout),
    ...markedLines(diagnostic, layout),
    ...helpLines(diagnostic, layout),
  ];
}

function headLines({ severity, code, message }: Located, { palette, width }: Layout): string[] {
  const kind = `${severity}[${code}]`;
  const [first = "", ...rest] = wrapTo(oneLine(message), width - HANGING, width - kind.length - 2);
  const { bold } = palette;
  return [
    `${bold(tintOf(severity, palette)(kind))}${bold(`: ${first}`.trimEnd())}`,
    ...rest.map((line) => bold(" ".repeat(HANGING) + line)),
  ];
}

function tintOf(severity: Located["severity"], palette: Palette): (text: string) => string {
  return severity === "error" ? palette.red : palette.yellow;
}

function whereLines({ file, path, place }: Located, layout: Layout): string[] {
  if (place !== null) return [pointer(file, place, layout)];
  const where = file === null ? pathText(path) : oneLine(layout.shown(file));
  return where === "" ? [] : [arrow(where, layout)];
}

function pointer(file: string | null, { line, column }: Place, layout: Layout): string {
  return arrow(`${file === null ? "line " : `${oneLine(layout.shown(file))}:`}${line}:${column}`, layout);
}

function arrow(where: string, layout: Layout): string {
  return `${margin("", layout)}${layout.palette.blue("-->")} ${where}`;
}

function margin(text: string, { palette, gutter }: Layout): string {
  return palette.blue(text.padStart(gutter));
}

function bar(layout: Layout): string {
  return `${margin("", layout)} ${layout.palette.blue("|")}`;
}

/** A marked place of the text, with the signs under it. */
interface Mark {
  readonly file: string | null;
  readonly place: Place;
  readonly label: string;
  readonly sign: string;
  readonly paint: (text: string) => string;
}

/** The diagnostic's own place and the related ones; one in another file than the one before it says so. */
function markedLines({ severity, file, place, label, related }: Located, layout: Layout): string[] {
  const { palette } = layout;
  const own: Mark[] = place === null ? [] : [{ file, place, label: label ?? "", sign: "^", paint: tintOf(severity, palette) }];
  const marks = [...own, ...related.map((other): Mark => ({ ...other, file: other.file ?? file, sign: "-", paint: palette.blue }))];
  return marks.flatMap((mark, index) => {
    const moves = mark.file !== (marks[index - 1]?.file ?? file);
    return [...(moves ? [bar(layout), pointer(mark.file, mark.place, layout)] : []), bar(layout), ...markLines(mark, layout)];
  });
}

function markLines(mark: Mark, layout: Layout): string[] {
  const room = layout.width - layout.gutter - 3;
  const { source, before, width } = frameLine(mark.place, Math.min(MAX_COLUMNS, room));
  const sourceLine = `${margin(String(mark.place.line), layout)} ${layout.palette.blue("|")} ${source}`.trimEnd();
  return [sourceLine, ...signLines(mark, before, width, room).map((line) => `${bar(layout)} ${line}`)];
}

/** The signs, and the label behind them; below them, where there is no room for it. */
function signLines({ sign, label, paint }: Mark, before: number, width: number, room: number): string[] {
  const signs = sign.repeat(width);
  const text = oneLine(label);
  const at = (columns: number, line: string): string => " ".repeat(columns) + paint(line);
  if (text === "") return [at(before, signs)];
  const behind = before + width + 1;
  if (room - behind >= Math.min(displayWidth(text), LEAST_LABEL)) {
    const [first = "", ...rest] = wrapTo(text, room - behind);
    return [at(before, `${signs} ${first}`), ...rest.map((line) => at(behind, line))];
  }
  const indent = Math.max(0, Math.min(before, room - LEAST_LABEL));
  return [at(before, signs), ...wrapTo(text, room - indent).map((line) => at(indent, line))];
}

/** A label that is longer has at least so many columns. */
const LEAST_LABEL = 24;

function helpLines({ help, fix }: Located, layout: Layout): string[] {
  if (help === null) return [];
  const { palette, gutter, width } = layout;
  const word = fix?.safe === true ? "fix" : "help";
  const indent = gutter + 3 + word.length + 2;
  const [first = "", ...rest] = wrapTo(oneLine(help), width - indent);
  return [`${margin("", layout)} ${palette.blue("=")} ${palette.bold(word)}: ${first}`, ...rest.map((line) => " ".repeat(indent) + line)];
}

function pathText(path: Located["path"]): string {
  const text = path
    .map((part) => (typeof part === "number" ? `[${part}]` : /^[\w-]+$/.test(part) ? `.${part}` : `.${JSON.stringify(part)}`))
    .join("");
  return oneLine(text.replace(/^\./, ""));
}

/** The widest part of a line that is shown. */
const MAX_COLUMNS = 110;
/** How much is shown before a mark that is far to the right; in a narrow terminal a third of it. */
const LEAD_COLUMNS = 30;
/** Units of a line around the mark that are looked at; the rest of a line of megabytes is not. */
const REACH = 1000;

/** The marked line as it is shown, cut to a bearable width, and the columns before and under the mark. */
function frameLine(place: Place, columns: number): { source: string; before: number; width: number } {
  const lineStart = place.unitColumn - 1;
  const length = place.line === place.endLine ? place.end - place.start : place.source.length - lineStart;
  const from = Math.max(0, lineStart - REACH);
  const text = place.source.slice(from, lineStart + REACH);
  const shown = (start: number, end: number): string => visible(text.slice(start, end));
  const head = shown(0, lineStart - from);
  const marked = shown(lineStart - from, lineStart - from + length);
  const tail = shown(lineStart - from + length, text.length);
  const ahead = displayWidth(head);
  const leading = Math.min(LEAD_COLUMNS, Math.floor(columns / 3));
  if (from === 0 && ahead + Math.min(displayWidth(marked), leading) <= columns) {
    const width = Math.min(displayWidth(marked), columns - ahead);
    return { source: cutTo(head + marked + tail, columns), before: ahead, width: Math.max(1, width) };
  }
  const lead = lastColumns(head, leading);
  const before = displayWidth(lead) + 1;
  return {
    source: `…${cutTo(lead + marked + tail, columns - 1)}`,
    before,
    width: Math.max(1, Math.min(displayWidth(marked), columns - before)),
  };
}

/** The end of a text, as much of it as fits. */
function lastColumns(text: string, columns: number): string {
  // Not at the top of the file: it takes milliseconds, and few lines are that long.
  const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
  let kept = "";
  for (const { segment } of [...characters.segment(text)].toReversed()) {
    if (displayWidth(segment) + displayWidth(kept) > columns) break;
    kept = segment + kept;
  }
  return kept;
}
