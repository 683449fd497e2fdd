import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll } from "vitest";
import { type Command, COMMAND_ENV, commandScript, followed } from "../../support/command.ts";
import { folderWith } from "../../support/folder.ts";

const PRELOAD = pathToFileURL(fileURLToPath(new URL("preload.mjs", import.meta.url))).href;
/** Longer than anything here takes: what has not ended by then hangs. */
const PATIENCE_MS = 30_000;

/** Where one run lives, with everything that it leaves behind. */
export interface Place {
  readonly folder: string;
  /** The directory of its store. */
  readonly store: string;
  /** What its agents were called for. */
  readonly calls: string;
  /** `w` unless given. */
  readonly runId?: string;
}

export function makePlace(files: Readonly<Record<string, string>> = {}): Place {
  const folder = folderWith(files);
  return { folder, store: join(folder, ".agentflow"), calls: join(folder, "calls") };
}

export interface StartOptions {
  /** See preload.mjs. */
  readonly fault?: string;
  /** How many seconds each call takes besides. */
  readonly pause?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts the process: `strace`, for example, with its options. */
  readonly through?: readonly string[];
}

export type Start = (args: readonly string[], place: Place, options?: StartOptions) => Command;

/** What starts the command in a place; whatever hangs is killed, and so is what is left when this file of tests ends. */
export function agentflowStarter(): Start {
  const script = commandScript(folderWith({}));
  const running = new Set<ChildProcess>();
  const places = new Set<string>();
  afterAll(async () => {
    for (const child of running) child.kill("SIGKILL");
    for (const place of places) for (const pid of processesIn(place)) process.kill(pid, "SIGKILL");
  });
  return (args, place, { fault, pause = "", env = {}, through = [] } = {}) => {
    places.add(place.folder);
    const [program = "", ...rest] = [...through, process.execPath, ...(fault === undefined ? [] : ["--import", PRELOAD]), script, ...args];
    const child = spawn(program, rest, {
      cwd: place.folder,
      env: { ...COMMAND_ENV, CALLS: place.calls, PLACE: place.folder, PAUSE: pause, FAULT: fault ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const command = followed(child);
    void command.end.finally(() => {
      clearTimeout(timer);
      running.delete(child);
    });
    return command;
  };
}

/** Processes that were started in a place, directly or not: they inherited its name. */
function processesIn(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(`\0PLACE=${folder}\0`))
    .map(Number);
}

/** Those that are still there after a moment: one that was killed takes a while to disappear. */
export async function orphansIn(folder: string): Promise<number[]> {
  let left = processesIn(folder);
  for (let tries = 0; tries < 50 && left.length > 0; tries += 1) {
    await delay(10);
    left = processesIn(folder);
  }
  return left;
}

function environmentOf(pid: string): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`;
  } catch {
    return "";
  }
}

/** The lines that agents noted so far. */
export function callsOf({ calls }: Place): string[] {
  return existsSync(calls)
    ? readFileSync(calls, "utf8")
        .trimEnd()
        .split("\n")
        .filter((line) => line !== "")
    : [];
}

/** Does something with each of the items, some at a time. */
export async function inParallel<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>, atOnce = 2): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value);
  };
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
}
