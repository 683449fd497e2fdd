import { resolve } from "node:path";
import { type CheckedFile, checkFile, readFileNow } from "../pipeline/check.ts";
import { readProblem } from "../plan/source.ts";
import { colourWorks, makePalette } from "../report/terminal.ts";
import type { Diagnostic } from "../spec/diagnostic.ts";
import { printDiagnostics, shownPath } from "./diagnostics.ts";
import { EXIT } from "./exit-codes.ts";
import type { Io } from "./io.ts";

/** As commander hands them over. */
export interface ValidateFlags {
  readonly format: "human" | "json";
  readonly strict?: boolean;
  readonly stdinFilename: string;
  readonly color: boolean;
}

/** `agentflow validate`: checks every file and tells every problem at once. Runs nothing. */
export async function validate(io: Io, files: readonly string[], flags: ValidateFlags): Promise<number> {
  const checked: CheckedFile[] = [];
  for (const file of new Set(files)) checked.push(await check(io, file, flags));
  const fails = (diagnostic: Diagnostic): boolean => diagnostic.severity === "error" || flags.strict === true;
  if (flags.format === "json") await printJson(io, checked, fails);
  else await printHuman(io, checked, fails, flags);
  if (checked.some(({ file, documents }) => !documents.has(file))) return EXIT.usage;
  return checked.some(({ diagnostics }) => diagnostics.some(fails)) ? EXIT.failed : EXIT.ok;
}

type Fails = (diagnostic: Diagnostic) => boolean;

/** What is found goes to stderr; stdout gets a line for each file that is valid. */
async function printHuman(io: Io, checked: readonly CheckedFile[], fails: Fails, flags: ValidateFlags): Promise<void> {
  const palette = await makePalette(colourWorks(io.stderr, io.env, flags.color));
  const documents = new Map(checked.flatMap((one) => [...one.documents]));
  await printDiagnostics(
    io,
    checked.flatMap(({ diagnostics }) => diagnostics),
    documents,
    palette,
  );
  for (const { file, diagnostics } of checked) {
    if (!diagnostics.some(fails)) io.stdout.write(`${shownPath(io, file)}: valid\n`);
  }
}

async function printJson(io: Io, checked: readonly CheckedFile[], fails: Fails): Promise<void> {
  const { locateAll } = await import("../spec/positions.ts");
  const { diagnosticsReport } = await import("../report/diagnostics.ts");
  const documents = new Map(checked.flatMap((one) => [...one.documents]));
  const located = await locateAll(
    checked.flatMap(({ diagnostics }) => diagnostics),
    documents,
  );
  const files = checked.map(({ file, diagnostics }) => ({ file, valid: !diagnostics.some(fails) }));
  io.stdout.write(`${JSON.stringify(diagnosticsReport(files, located), null, 2)}\n`);
}

/** A file that cannot be read is a problem of its own, so that the others are checked all the same. */
async function check(io: Io, file: string, flags: ValidateFlags): Promise<CheckedFile> {
  const path = resolve(io.cwd, file === "-" ? flags.stdinFilename : file);
  let bytes: Uint8Array;
  try {
    bytes = file === "-" ? await io.readStdin() : await readFileNow(path);
  } catch (error) {
    const message = readProblem(file === "-" ? "standard input" : path, error);
    return { file: path, diagnostics: [{ severity: "error", code: "unreadable-file", message, file: path }], documents: new Map() };
  }
  return checkFile(path, bytes, io.env);
}
