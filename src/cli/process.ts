import { Console } from "node:console";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { systemClock } from "../store/clock.ts";
import { type Io, type StopReason, UsageError } from "./io.ts";
import { processOutputs } from "./output.ts";

/** The world of this process. */
export function processIo(): Io {
  return {
    args: process.argv.slice(2),
    env: process.env,
    get cwd() {
      return workingDirectory();
    },
    ...processOutputs(),
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    openStdin: () => process.stdin,
    isAlive,
    clock: systemClock(),
    pid: process.pid,
    get host() {
      return hostname();
    },
    random: Math.random,
    newId: randomUUID,
    onStop,
    onConsole,
  };
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw new UsageError("the working directory does not exist any more; change to another one");
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function onStop(listener: (reason: StopReason) => void): () => void {
  const handlers: (readonly [event: string, handler: (value: unknown) => void])[] = [
    ...(["SIGHUP", "SIGINT", "SIGTERM"] as const).map((signal) => [signal, () => listener(signal)] as const),
    ["uncaughtException", (thrown) => listener(thrown instanceof Error ? thrown : new Error(String(thrown)))],
    ["beforeExit", () => listener("idle")],
  ];
  for (const [event, handler] of handlers) process.on(event, handler);
  return () => {
    for (const [event, handler] of handlers) process.off(event, handler);
  };
}

function onConsole(listener: (text: string) => void): () => void {
  const { console } = globalThis;
  const stream = { write: listener } as unknown as NodeJS.WritableStream;
  // With `ignoreErrors`, it would need a stream that has events.
  globalThis.console = new Console({ stdout: stream, ignoreErrors: false });
  return () => {
    globalThis.console = console;
  };
}
