import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { checkFile } from "../../src/pipeline/check.ts";
import { renderDiagnostics } from "../../src/report/diagnostics.ts";
import { type Located, locateAll } from "../../src/spec/positions.ts";
import { programPath } from "../support/program.ts";

/**
 * A right file with one mistake.
 *
 * `by` takes the place of `replace`, which stands in the file exactly once. `«…»` marks exactly what the diagnostic has to mark;
 * where that is not in `by`, `place` is a text that is in the file once, with the marks.
 */
export interface Mistake {
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  readonly place?: string;
  readonly code: string;
}

/** A text with a mistake, and where that is: offsets in UTF-16 code units. */
export interface WrongText {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The folder of the right files; what they name is beside them. */
export const RIGHT = join(import.meta.dirname, "right");

/** The right files without their ending, the parts of others included. */
export function rightFiles(): string[] {
  const files = readdirSync(RIGHT, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".toml"));
  return files.map((file) => file.slice(0, -".toml".length)).toSorted();
}

export function textOf(file: string): string {
  const text = TEXTS.get(file) ?? readFileSync(join(RIGHT, `${file}.toml`), "utf8");
  TEXTS.set(file, text);
  return text;
}

const TEXTS = new Map<string, string>();

/** What is set where the files are checked. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: programPath(),
  OPENAI_API_KEY: "set",
  OPENROUTER_API_KEY: "set",
  GATEWAY_KEY: "set",
  LEDGER_TOKEN: "set",
  TEAM: "docs",
};

/** What `validate` tells of a text that stands where the file does. */
export async function diagnose(file: string, text: string): Promise<Located[]> {
  const { diagnostics, documents } = await checkFile(join(RIGHT, `${file}.toml`), new TextEncoder().encode(text), ENVIRONMENT);
  return locateAll(diagnostics, documents);
}

/** As people see it. */
export function shown(diagnostics: readonly Located[]): string {
  return renderDiagnostics(diagnostics, { shown: (file) => relative(RIGHT, file) });
}

/** @throws where a text does not stand in the file exactly once */
export function withMistake({ file, replace, by, place }: Mistake): WrongText {
  const text = textOf(file);
  const at = onlyPlaceOf(replace, text);
  const after = text.slice(0, at) + (place === undefined ? by : withoutMarks(by)) + text.slice(at + replace.length);
  const marked = place === undefined ? after : after.replace(withoutMarks(place), () => place);
  if (place !== undefined) onlyPlaceOf(withoutMarks(place), after);
  const start = onlyPlaceOf("«", marked);
  return { text: withoutMarks(marked), start, end: onlyPlaceOf("»", marked) - 1 };
}

function onlyPlaceOf(part: string, text: string): number {
  const at = text.indexOf(part);
  if (at === -1 || text.includes(part, at + 1)) throw new Error(`${at === -1 ? "not there" : "there more than once"}: ${part}`);
  return at;
}

function withoutMarks(text: string): string {
  return text.replaceAll(/[«»]/g, "");
}
