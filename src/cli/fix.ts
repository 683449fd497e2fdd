import { statSync } from "node:fs";
import { readFileNow } from "../pipeline/check.ts";
import { type FixedText, fixFile } from "../pipeline/fix.ts";
import type { ReadFile } from "../plan/source.ts";
import { unifiedDiff } from "../report/diff.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import { countText } from "../report/wording.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { shownPath } from "./diagnostics.ts";
import type { Io } from "./io.ts";
import type { Named, ValidateFlags } from "./validate.ts";
import { openWholeFile, writeProblem } from "./whole-file.ts";

/** What became of the files that were named. */
export interface FixedFiles {
  /** As they are now. */
  readonly named: readonly Named[];
  /** Whether all that was to be written could be. */
  readonly isWhole: boolean;
  /** Whether nothing is left to do; with `--dry-run` it may be. */
  readonly isDone: boolean;
  /** Says of the files in which there is something to mend that they were not named. */
  tellOthers(left: readonly Diagnostic[]): void;
}

/**
 * `validate --fix`: makes the safe fixes of the files that are named, and says in a line for each what was done. Standard input goes
 * to stdout. With `--dry-run` nothing is written, and stdout gets the difference.
 */
export async function fixNamed(io: Io, named: readonly Named[], flags: ValidateFlags): Promise<FixedFiles> {
  const tellOthers = (left: readonly Diagnostic[]): void => tellUnnamed(io, named, left);
  const fixed = await fixAll(io, named);
  const changed = fixed.filter(({ before, after }) => before !== after.text);
  for (const one of fixed.filter(({ after }) => after.refused)) io.stderr.write(`${shownPath(io, one.file)}: ${REFUSED}\n`);
  if (flags.dryRun === true) {
    await showChanges(io, changed, flags);
    return { named, isWhole: true, isDone: changed.length === 0, tellOthers };
  }
  // One after the other, so that they are told in their order.
  const results: boolean[] = [];
  for (const one of fixed) results.push(await keep(io, one));
  const written = new Map(fixed.flatMap((one, index) => (results[index] === true ? [[one.file, encode(one.after.text)]] : [])));
  return { named: named.map((one) => withBytes(one, written)), isWhole: !results.includes(false), isDone: true, tellOthers };
}

const REFUSED = "left as it is, since what is meant to mend it would break it; this is a bug of agentflow: please report it, with the file";

interface Fixed {
  readonly file: string;
  readonly isStdin: boolean;
  readonly before: string;
  readonly after: FixedText;
}

/** What one file is mended to may show a problem in another that names it, so they are gone through until nothing changes. */
async function fixAll(io: Io, named: readonly Named[]): Promise<readonly Fixed[]> {
  const readable = named.flatMap((one) => ("bytes" in one ? [one] : []));
  const now = new Map(readable.map(({ file, bytes }) => [file, bytes]));
  const readFile: ReadFile = async (path) => now.get(path) ?? readFileNow(path);
  const fixed = new Map<string, FixedText>();
  for (let pass = 0, changes = -1; changes !== 0 && pass < MOST_PASSES; pass += 1) {
    changes = 0;
    for (const { file, bytes } of readable) {
      const next = await fixFile(file, now.get(file) ?? bytes, io.env, readFile);
      if (next === null) continue;
      const count = (fixed.get(file)?.count ?? 0) + next.count;
      changes += next.count;
      fixed.set(file, { ...next, count });
      if (next.count > 0) now.set(file, encode(next.text));
    }
  }
  return readable.flatMap(({ file, bytes, isStdin }) => {
    const after = fixed.get(file);
    return after === undefined ? [] : [{ file, isStdin, before: decode(bytes), after }];
  });
}

/** As deep as pipelines are nested, at the most. */
const MOST_PASSES = 5;

async function showChanges(io: Io, changed: readonly Fixed[], flags: ValidateFlags): Promise<void> {
  const palette = await makePalette(colourWorks(io.stdout, io.env, flags.color));
  for (const { file, before, after } of changed) {
    const shown = shownPath(io, file);
    const path = shown.startsWith("..") ? file : shown;
    io.stdout.write(unifiedDiff(path.replace(/^\//, ""), before, after.text, { palette, toTerminal: io.stdout.isTTY }));
    io.stderr.write(`${shown}: --fix would mend ${countText(after.count, "problem")}\n`);
  }
}

/** Whether it could be kept; true as well where nothing was to do. */
async function keep(io: Io, { file, isStdin, before, after }: Fixed): Promise<boolean> {
  if (isStdin) io.stdout.write(after.text);
  else if (before !== after.text) {
    const problem = await write(file, after.text, io.newId());
    if (problem !== null) io.stderr.write(`agentflow: ${problem}\n`);
    if (problem !== null) return false;
  }
  if (before !== after.text) io.stderr.write(`${shownPath(io, file)}: ${countText(after.count, "problem")} mended\n`);
  return true;
}

/** Why it could not be written. */
async function write(file: string, text: string, id: string): Promise<string | null> {
  if (!statSync(file).isFile()) return `${file} cannot be written: it is not a regular file`;
  try {
    await (await openWholeFile(file, id)).write(text);
    return null;
  } catch (error) {
    return writeProblem(file, error);
  }
}

function tellUnnamed(io: Io, named: readonly Named[], left: readonly Diagnostic[]): void {
  const mendable = left.flatMap(({ file, fix }) => (fix?.safe === true && file !== undefined ? [file] : []));
  const others = Map.groupBy(mendable, (file) => file);
  for (const { file } of named) others.delete(file);
  for (const [file, { length }] of others) {
    io.stderr.write(`${shownPath(io, file)}: left as it is, with ${countText(length, "problem")} to mend, since it was not named\n`);
  }
}

function withBytes(named: Named, written: ReadonlyMap<string, Uint8Array>): Named {
  const bytes = written.get(named.file);
  return bytes === undefined || "unreadable" in named ? named : { ...named, bytes };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** With its byte order mark. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
