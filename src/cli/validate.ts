import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type CheckedFile, checkFile, readPipelineNow } from "../pipeline/check.ts";
import { readProblem } from "../plan/source.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { printDiagnostics, shownPath } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import type { FixedFiles } from "./fix.ts";
import { type Io, UsageError } from "./io.ts";

/** As commander hands them over. */
export interface ValidateFlags {
  readonly format: "human" | "concise" | "json" | "github" | "sarif";
  readonly strict?: boolean;
  readonly fix?: boolean;
  readonly dryRun?: boolean;
  readonly stdinFilename: string;
  readonly color: boolean;
}

/** What was named: the bytes of a file, or why there are none. */
export type Named =
  | { readonly file: string; readonly bytes: Uint8Array; readonly isStdin: boolean }
  | { readonly file: string; readonly unreadable: Diagnostic };

/** `agentflow validate`: checks every file and tells every problem at once; with `--fix`, what is left of them. Runs nothing. */
export async function validate(io: Io, given: readonly string[], flags: ValidateFlags): Promise<number> {
  refuseFlags(given, flags);
  const all: Named[] = [];
  for (const one of new Set(given)) all.push(...(await namedBy(one, io, flags)));
  const named = all.filter(({ file }, index) => all.findIndex((other) => other.file === file) === index);
  const fixed = flags.fix === true ? await (await import("./fix.ts")).fixNamed(io, named, flags) : { ...NOTHING_FIXED, named };
  const checked: CheckedFile[] = [];
  for (const one of fixed.named) checked.push(await check(io, one));
  const fails = (diagnostic: Diagnostic): boolean => diagnostic.severity === "error" || flags.strict === true;
  await print(io, checked, fails, flags, given.includes("-"));
  fixed.tellOthers(checked.flatMap(({ diagnostics }) => diagnostics));
  if (!fixed.isWhole || named.some((one) => "unreadable" in one)) return EXIT.usage;
  return !fixed.isDone || checked.some(({ diagnostics }) => diagnostics.some(fails)) ? EXIT.failed : EXIT.ok;
}

const NOTHING_FIXED: Omit<FixedFiles, "named"> = { isWhole: true, isDone: true, tellOthers: () => {} };

/** What stdout gets is one thing: a report, a diff, or the mended text of standard input. */
function refuseFlags(given: readonly string[], { format, fix, dryRun }: ValidateFlags): void {
  if (dryRun === true && fix !== true) throw new UsageError("--dry-run goes with --fix: it shows what that would change");
  if (fix !== true || (dryRun !== true && !given.includes("-"))) return;
  const what = dryRun === true ? "--fix --dry-run" : "--fix with - (standard input)";
  if (format !== "human") throw new UsageError(`${what} prints on stdout what is mended, so --format ${format} does not go with it`);
  if (dryRun !== true && given.length > 1)
    throw new UsageError("--fix with - (standard input) prints it on stdout, so no other file goes with it");
}

/** A file that cannot be read is a problem of its own, so that the others are checked all the same. */
async function namedBy(given: string, io: Io, flags: ValidateFlags): Promise<Named[]> {
  if (given === "-") return [await readStdin(io, flags)];
  const path = resolve(io.cwd, given);
  if (!/[*?[{]/.test(given) || existsSync(path)) return [await read(path, given)];
  const { filesMatching } = await import("./patterns.ts");
  const files = filesMatching(given, io.cwd);
  const help = "a pattern is relative to the working directory; node_modules and .agentflow are skipped";
  return files.length === 0 ? [unreadable(path, `no file matches ${given}`, help)] : Promise.all(files.map((file) => read(file, file)));
}

async function readStdin(io: Io, { stdinFilename }: ValidateFlags): Promise<Named> {
  const file = resolve(io.cwd, stdinFilename);
  try {
    return { file, bytes: await io.readStdin(), isStdin: true };
  } catch (error) {
    return unreadable(file, readProblem("standard input", error));
  }
}

async function read(file: string, given: string): Promise<Named> {
  try {
    return { file, bytes: await readPipelineNow(file), isStdin: false };
  } catch (error) {
    const isFolder = (error as NodeJS.ErrnoException).code === "EISDIR";
    const help = isFolder ? `name the files in it, or a pattern: '${given.replace(/\/+$/, "")}/**/*.toml'` : undefined;
    return unreadable(file, readProblem(file, error), help);
  }
}

function unreadable(file: string, message: string, help?: string): Named {
  return { file, unreadable: { severity: "error", code: "unreadable-file", message, file, ...(help === undefined ? {} : { help }) } };
}

async function check(io: Io, named: Named): Promise<CheckedFile> {
  if ("bytes" in named) return checkFile(named.file, named.bytes, io.env);
  return { file: named.file, diagnostics: [named.unreadable], documents: new Map() };
}

type Fails = (diagnostic: Diagnostic) => boolean;

async function print(io: Io, checked: readonly CheckedFile[], fails: Fails, flags: ValidateFlags, hasStdin: boolean): Promise<void> {
  if (flags.format === "human") return printHuman(io, checked, fails, flags, hasStdin);
  const { diagnosticsAs } = await import("./diagnostics-formats.ts");
  const files = checked.map(({ file, diagnostics }) => ({ file, valid: !diagnostics.some(fails) }));
  io.stdout.write(await diagnosticsAs(flags.format, io, files, ...union(checked)));
}

/** What is found goes to stderr; stdout gets a line for each file that is valid, where it gets nothing else. */
async function printHuman(io: Io, checked: readonly CheckedFile[], fails: Fails, flags: ValidateFlags, hasStdin: boolean): Promise<void> {
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const mends = (named: string): boolean => flags.fix !== true && checked.some(({ file }) => file === named);
  await printDiagnostics(io, ...union(checked), palette, { mends });
  const isTaken = flags.fix === true && (flags.dryRun === true || hasStdin);
  for (const { file, diagnostics } of checked) {
    if (!diagnostics.some(fails)) (isTaken ? io.stderr : io.stdout).write(`${shownPath(io, file)}: valid\n`);
  }
}

function union(checked: readonly CheckedFile[]): [diagnostics: Diagnostic[], documents: Map<string, string>] {
  return [checked.flatMap(({ diagnostics }) => diagnostics), new Map(checked.flatMap(({ documents }) => [...documents]))];
}
