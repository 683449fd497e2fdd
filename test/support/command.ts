import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll } from "vitest";
import { folderWith } from "./folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the command needs of the environment; what Node compiled is kept where caches are, not among the temporary files. */
export const COMMAND_ENV = { PATH: process.env.PATH, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node-compile") };

/**
 * The script that starts the command: the project's own where what is built was built from these sources; otherwise a copy
 * in `place` that runs the sources.
 */
export function commandScript(place: string): string {
  if (isBuilt()) return join(root, "bin/agentflow.js");
  cpSync(join(root, "bin"), join(place, "bin"), { recursive: true });
  mkdirSync(join(place, "dist"));
  const entry = pathToFileURL(join(root, "src/cli/entry.ts")).href;
  writeFileSync(join(place, "dist/cli.js"), `export { run } from ${JSON.stringify(entry)};\n`);
  writeFileSync(join(place, "package.json"), `{ "type": "module" }\n`);
  return join(place, "bin/agentflow.js");
}

export function isBuilt(): boolean {
  const built = statSync(join(root, "dist/cli.js"), { throwIfNoEntry: false });
  return built !== undefined && sources().every((file) => statSync(file).mtimeMs < built.mtimeMs);
}

function sources(): string[] {
  const entries = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** A process of the command, with pipes. */
export interface Command {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves to what the pattern finds on stderr, as soon as it does. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  /** When it has ended and its pipes are closed. */
  readonly end: Promise<CommandEnd>;
}

export interface CommandEnd {
  /** null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What starts commands in this file of tests; whatever of them still runs at its end is killed. */
export function commandStarter(): (args: readonly string[], options: { cwd: string; env?: Record<string, string> }) => Command {
  const script = commandScript(folderWith({}));
  const running = new Set<ChildProcess>();
  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
  });
  return (args, { cwd, env = {} }) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd,
      env: { ...COMMAND_ENV, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const command = followed(child);
    void command.end.then(() => running.delete(child));
    return command;
  };
}

/** What a process that was started with pipes says. */
export function followed(child: ChildProcess): Command {
  let stderr = "";
  const stdout: Buffer[] = [];
  const waiting = new Set<() => void>();
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const look of waiting) look();
  });
  const all = (): string => Buffer.concat(stdout).toString();
  const end = new Promise<CommandEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout: all(), stderr }));
  });
  return {
    child,
    stdout: all,
    stderr: () => stderr,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pattern.exec(stderr);
          if (found === null) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void end.then(() => reject(new Error(`it ended without saying ${pattern}:\n${stderr}`)));
      }),
    end,
  };
}
