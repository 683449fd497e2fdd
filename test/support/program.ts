import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import type { Io, Output, StopReason } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";
import type { Clock } from "../../src/engine/clock.ts";
import { folderWith } from "./folder.ts";
import { stillClock } from "./still-clock.ts";

/** What a run of the program left behind. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramWorld {
  readonly cwd: string;
  /** Besides a PATH on which `node` is the one that runs the tests. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array | Error;
  /** One that stands still where absent. */
  readonly clock?: Clock;
  /** Whether stdout and stderr are terminals; lines are not redrawn there. */
  readonly isTTY?: boolean;
  /** Where it is not the same for both. */
  readonly stdoutIsTTY?: boolean;
  readonly columns?: number;
  /** Whether its store is one of its own, rather than `.agentflow` in `cwd`, which several runs may share. */
  readonly ownStore?: boolean;
  /** What `stdout` says was lost of it. */
  readonly loss?: Error;
}

/** The program while it runs in this process. */
export interface RunningProgram {
  readonly end: Promise<ProgramEnd>;
  /** What was written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when stderr holds the text. */
  says(text: string): Promise<void>;
  /** Resolves when stdout does. */
  prints(text: string): Promise<void>;
  /** As a signal does. */
  stop(reason: StopReason): void;
  /** As an agent in this process does. */
  print(text: string): void;
  /** As whoever read stdout does by going away. */
  closeStdout(): void;
}

/** Starts the whole program in this process. Ids are `id-1`, `id-2`, …; chance is none. */
export function startProgram(args: readonly string[], world: ProgramWorld): RunningProgram {
  const stdout = memoryOutput({ ...world, isTTY: world.stdoutIsTTY ?? world.isTTY ?? false });
  const stderr = memoryOutput(world);
  const stopListeners = new Set<(reason: StopReason) => void>();
  const consoleListeners = new Set<(text: string) => void>();
  let ids = 0;
  const io: Io = {
    args,
    env: { PATH: programPath(), ...(world.ownStore === true ? { AGENTFLOW_STATE_DIR: join(folderWith({}), "store") } : {}), ...world.env },
    cwd: world.cwd,
    stdout: { ...stdout.output, flushed: async () => world.loss ?? null },
    stderr: stderr.output,
    readStdin: async () => {
      const { stdin = "" } = world;
      if (stdin instanceof Error) throw stdin;
      return typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
    },
    openStdin: () => Object.assign(Readable.from([]), { isTTY: world.isTTY ?? false }),
    isAlive: () => true,
    clock: world.clock ?? stillClock(),
    pid: 1000,
    host: "here",
    random: () => 0,
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    onStop: (listener) => added(stopListeners, listener),
    onConsole: (listener) => added(consoleListeners, listener),
  };
  return {
    end: main(io).then((code) => ({ code, stdout: stdout.text(), stderr: stderr.text() })),
    stdout: stdout.text,
    stderr: stderr.text,
    says: stderr.says,
    prints: stdout.says,
    stop: (reason) => stopListeners.forEach((listener) => listener(reason)),
    closeStdout: stdout.close,
    print: (text) => consoleListeners.forEach((listener) => listener(text)),
  };
}

/** The same, to its end. */
export function runProgram(args: readonly string[], world: ProgramWorld): Promise<ProgramEnd> {
  return startProgram(args, world).end;
}

/** A PATH on which `node` is the one that runs the tests. */
export function programPath(): string {
  return `${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
}

function added<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function memoryOutput({ isTTY = false, columns = 0 }: ProgramWorld): {
  readonly output: Output;
  text(): string;
  says(text: string): Promise<void>;
  close(): void;
} {
  let written = "";
  const closed: (() => void)[] = [];
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  return {
    output: {
      isTTY,
      columns,
      write(text) {
        written += text;
        for (const one of waiting) if (written.includes(one.text)) one.resolve();
      },
      flushed: async () => null,
      onClosed: (listener) => void closed.push(listener),
    },
    text: () => written,
    close: () => closed.forEach((listener) => listener()),
    says: (text) =>
      new Promise((resolve) => {
        if (written.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}
