import { access, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EXIT } from "./exit-codes.ts";
import { type Io, UsageError } from "./io.ts";

/** As commander hands them over. */
export interface InitFlags {
  /** One that is there. */
  readonly template: string;
  readonly force?: boolean;
}

/** `agentflow init`: copies one of the shipped pipelines. Files that are there are not touched unless it is forced. */
export async function init(io: Io, directory: string, flags: InitFlags): Promise<number> {
  const shipped = await pipelinesDirectory();
  const from = join(shipped, flags.template);
  const to = resolve(io.cwd, directory);
  const ofTemplate = await filesOf(from);
  const files = [SCHEMA_FILE, ...ofTemplate];
  const there = await existing(to, files);
  if (there.length > 0 && flags.force !== true) {
    const [are, them] = there.length === 1 ? ["is", "it"] : ["are", "them"];
    const names = there.map((file) => join(directory, file)).join(", ");
    throw new UsageError(`${names} ${are} there already; choose another directory, or use --force to replace ${them}`);
  }
  await copyAll(ofTemplate, from, to);
  await copyAll([SCHEMA_FILE], shipped, to);
  const where = relative(io.cwd, to);
  const made = files.map((file) => `made ${join(where, file)}`).join("\n");
  const command = (file: string): string => `  agentflow run ${quoted(join(where, file))}\n`;
  const offline = files.includes("offline.toml")
    ? `\nWithout a key, with canned replies in the place of the models:\n${command("offline.toml")}`
    : "";
  io.stdout.write(`${made}\n\nRun it:\n${command("agentflow.toml")}${offline}`);
  return EXIT.ok;
}

/** What editors check the pipelines with: here one for all, there beside those that were made. */
const SCHEMA_FILE = "agentflow.schema.json";

/** As it can be pasted into a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

async function copyAll(files: readonly string[], from: string, to: string): Promise<void> {
  try {
    for (const file of files) {
      await mkdir(dirname(join(to, file)), { recursive: true });
      await (file.endsWith(".toml") ? copyPipeline : copyFile)(join(from, file), join(to, file));
    }
  } catch (error) {
    throw new UsageError(`${to} cannot be written: ${writeProblem(error)}`);
  }
}

/** The copy refers to the schema beside it. */
async function copyPipeline(from: string, to: string): Promise<void> {
  const text = await readFile(from, "utf8");
  await writeFile(to, text.replace(`#:schema ../${SCHEMA_FILE}\n`, `#:schema ./${SCHEMA_FILE}\n`));
}

function writeProblem(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST" || code === "ENOTDIR") return "there is a file in the way";
  return code === "EACCES" ? "permission denied" : message;
}

/** Where the shipped pipelines are, from the source as well as from the built program. */
async function pipelinesDirectory(): Promise<string> {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (directory !== dirname(directory)) {
    const candidate = join(directory, "pipelines");
    if ((await existing(candidate, ["starter"])).length > 0) return candidate;
    directory = dirname(directory);
  }
  throw new Error("the shipped pipelines are missing from this installation");
}

async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(directory, join(entry.parentPath, entry.name)));
  return files.toSorted();
}

async function existing(directory: string, files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(join(directory, file)).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}
