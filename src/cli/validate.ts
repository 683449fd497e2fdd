import { resolve } from "node:path";
import { readFile } from "node:fs/promises";
import { checkFile } from "../pipeline.ts";
import { readProblem } from "../plan/source.ts";
import { makePalette, colourWorks } from "../report/terminal.ts";
import { EXIT } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";

/** As commander hands them over. */
export interface ValidateFlags {
  readonly format: "human" | "json";
  readonly strict?: boolean;
  readonly stdinFilename: string;
  readonly color: boolean;
}

/** `agentflow validate`: checks every file and tells every problem at once. Runs nothing. */
export async function validate(io: Io, files: readonly string[], flags: ValidateFlags): Promise<number> {
  const checked = [];
  for (const file of new Set(files)) checked.push(await check(io, file, flags));
  const diagnostics = checked.flatMap((one) => one.diagnostics);
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const failed = errors > 0 || (flags.strict === true && diagnostics.length > 0);
  await print(io, checked, flags);
  return failed ? EXIT.failed : EXIT.ok;
}

type Checked = Awaited<ReturnType<typeof checkFile>>;

async function check(io: Io, file: string, flags: ValidateFlags): Promise<Checked> {
  const path = resolve(io.cwd, file === "-" ? flags.stdinFilename : file);
  return checkFile(path, file === "-" ? await io.readStdin() : await bytesOf(path), io.env);
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(readProblem(path, error));
  }
}
