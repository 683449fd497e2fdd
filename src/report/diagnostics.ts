import type { Place } from "../spec/places/place.ts";
import type { Located } from "../spec/positions.ts";
import type { Palette } from "./palette.ts";
import { plainPalette } from "./palette.ts";
import { oneLine } from "./sanitise.ts";
import { cutTo, displayWidth } from "./width.ts";

export interface HumanOptions {
  /** Colours; none when absent. */
  readonly palette?: Palette;
  /** How a file is shown; its absolute path when absent. */
  readonly shown?: (file: string) => string;
}

/**
 * Diagnostics for people: message, place, the marked lines, related lines, what to do; and how many there are.
 *
 * Contract: pure; without a line break at the end; empty for no diagnostics. Control characters of the file are shown, never sent.
 *
 *     error[unknown-key]: unknown key `timout` in [agents.fetch]
 *       --> pipeline.toml:9:1
 *        |
 *      9 | timout = "30s"
 *        | ^^^^^^ did you mean `timeout`?
 *        = help: replace `timout` with `timeout`
 *
 *     1 error
 */
export function renderDiagnostics(diagnostics: readonly Located[], options: HumanOptions = {}): string {
  const palette = options.palette ?? plainPalette;
  const shown = options.shown ?? ((file: string) => file);
  const blocks = diagnostics.map((diagnostic) => block(diagnostic, palette, shown).join("\n"));
  return [...blocks, ...(blocks.length === 0 ? [] : [countDiagnostics(diagnostics)])].join("\n\n");
}

/** `2 errors, 1 warning`; `no problems` for none. */
export function countDiagnostics(diagnostics: readonly Pick<Located, "severity">[]): string {
  const { errors, warnings } = counts(diagnostics);
  const parts = [plural(errors, "error"), plural(warnings, "warning")].filter((part) => part !== "");
  return parts.length === 0 ? "no problems" : parts.join(", ");
}

/** Diagnostics for programs. Lines and columns as in {@link Place}; null where there is no text. */
export interface DiagnosticsReport {
  readonly version: 1;
  readonly files: readonly { readonly file: string; readonly valid: boolean }[];
  readonly diagnostics: readonly (Range & {
    readonly severity: "error" | "warning";
    readonly code: string;
    readonly message: string;
    readonly file: string | null;
    /** Keys and list indexes from the root of the document. */
    readonly path: readonly (string | number)[];
    readonly help: string | null;
    readonly related: readonly (Range & { readonly message: string })[];
  })[];
  readonly errors: number;
  readonly warnings: number;
}

interface Range {
  readonly line: number | null;
  readonly column: number | null;
  readonly end_line: number | null;
  readonly end_column: number | null;
}

/** The same as plain data, to be written as JSON. `files` are all that were checked, with or without problems. */
export function diagnosticsReport(files: DiagnosticsReport["files"], diagnostics: readonly Located[]): DiagnosticsReport {
  return {
    version: 1,
    files,
    diagnostics: diagnostics.map(({ severity, code, message, file, path, place, help, related }) => ({
      severity,
      code,
      message,
      file,
      ...range(place),
      path,
      help,
      related: related.map((other) => ({ message: other.label, ...range(other.place) })),
    })),
    ...counts(diagnostics),
  };
}

function counts(diagnostics: readonly Pick<Located, "severity">[]): { errors: number; warnings: number } {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return { errors, warnings: diagnostics.length - errors };
}

function plural(count: number, word: string): string {
  return count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`;
}

function range(place: Place | null): Range {
  return {
    line: place?.line ?? null,
    column: place?.column ?? null,
    end_line: place?.endLine ?? null,
    end_column: place?.endColumn ?? null,
  };
}

function block(diagnostic: Located, palette: Palette, shown: (file: string) => string): string[] {
  const { severity, code, message, file, path, place, label, help, related, fix } = diagnostic;
  const tint = severity === "error" ? palette.red : palette.yellow;
  const numbers = [place, ...related.map((other) => other.place)].map((other) => String(other?.line ?? ""));
  const gutter = Math.max(2, ...numbers.map((number) => number.length));
  const margin = (text: string): string => palette.blue(text.padStart(gutter));
  const bar = `${margin("")} ${palette.blue("|")}`;
  const shownFile = file === null ? "" : oneLine(shown(file));
  const where =
    place === null ? shownFile || pathText(path) : `${shownFile === "" ? "line " : `${shownFile}:`}${place.line}:${place.column}`;
  const lines = [`${palette.bold(tint(`${severity}[${code}]`))}${palette.bold(`: ${oneLine(message)}`)}`];
  if (where !== "") lines.push(`${margin("")}${palette.blue("-->")} ${where}`);
  const marks: Mark[] = place === null ? [] : [{ place, label: label ?? "", sign: "^", paint: tint }];
  marks.push(...related.map((other): Mark => ({ ...other, sign: "-", paint: palette.blue })));
  let lastFile: string | null = file;
  for (const mark of marks) {
    const markFile = mark.file ?? file;
    if (markFile !== null && markFile !== lastFile)
      lines.push(bar, `${margin("")}${palette.blue("-->")} ${oneLine(shown(markFile))}:${mark.place.line}:${mark.place.column}`);
    lastFile = markFile;
    const { source, before, width } = frameLine(mark.place);
    const signs = mark.paint(`${mark.sign.repeat(width)}${mark.label === "" ? "" : ` ${oneLine(mark.label)}`}`);
    lines.push(bar, `${margin(String(mark.place.line))} ${palette.blue("|")} ${source}`.trimEnd(), `${bar} ${" ".repeat(before)}${signs}`);
  }
  if (help !== null)
    lines.push(`${margin("")} ${palette.blue("=")} ${palette.bold(fix?.safe === true ? "fix" : "help")}: ${oneLine(help)}`);
  return lines;
}

/** A marked place of the text, with the signs under it. */
interface Mark {
  readonly file?: string;
  readonly place: Place;
  readonly label: string;
  readonly sign: string;
  readonly paint: (text: string) => string;
}

function pathText(path: Located["path"]): string {
  const text = path
    .map((part) => (typeof part === "number" ? `[${part}]` : /^[\w-]+$/.test(part) ? `.${part}` : `.${JSON.stringify(part)}`))
    .join("");
  return oneLine(text.replace(/^\./, ""));
}

/** The widest part of a line that is shown. */
const MAX_COLUMNS = 110;
/** How much is shown before a mark that is far to the right. */
const LEAD_COLUMNS = 30;
/** Units of a line around the mark that are looked at; the rest of a line of megabytes is not. */
const REACH = 1000;

/** The marked line as it is shown, cut to a bearable width, and the columns before and under the mark. */
function frameLine(place: Place): { source: string; before: number; width: number } {
  const lineStart = [...place.source].slice(0, place.column - 1).join("").length;
  const length = place.line === place.endLine ? place.end - place.start : place.source.length - lineStart;
  const from = Math.max(0, lineStart - REACH);
  const text = place.source.slice(from, lineStart + REACH);
  const shown = (start: number, end: number): string => visible(text.slice(start, end));
  const head = shown(0, lineStart - from);
  const marked = shown(lineStart - from, lineStart - from + length);
  const tail = shown(lineStart - from + length, text.length);
  const ahead = displayWidth(head);
  if (from === 0 && ahead + Math.min(displayWidth(marked), LEAD_COLUMNS) <= MAX_COLUMNS) {
    const width = Math.min(displayWidth(marked), MAX_COLUMNS - ahead);
    return { source: cutTo(head + marked + tail, MAX_COLUMNS), before: ahead, width: Math.max(1, width) };
  }
  const lead = lastColumns(head, LEAD_COLUMNS);
  const before = displayWidth(lead) + 1;
  return {
    source: `…${cutTo(lead + marked + tail, MAX_COLUMNS - 1)}`,
    before,
    width: Math.max(1, Math.min(displayWidth(marked), MAX_COLUMNS - before)),
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

/** Text in which everything can be seen: tabs as spaces, control characters as pictures, invisible ones by their number. */
function visible(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\t", "    ")
    .replace(/[\0-\x1f]/g, (character) => String.fromCodePoint(0x2400 + character.charCodeAt(0)))
    .replaceAll("\x7f", "\u2421")
    .replace(INVISIBLE, (character) => `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

/** C1 controls, zero-width characters, and those that steer the direction of writing; not the joiner, which makes emoji. */
const INVISIBLE = /[\x80-\x9f\u00ad\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
