import { Console } from "node:console";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { systemClock } from "../store/clock.ts";
import { type Io, type Output, type StopReason, UsageError } from "./io.ts";

/** The world of this process. */
export function processIo(): Io {
  return {
    args: process.argv.slice(2),
    env: process.env,
    get cwd() {
      return workingDirectory();
    },
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
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

function outputOf(stream: NodeJS.WriteStream): Output {
  let loss: Error | null = null;
  const note = (error: NodeJS.ErrnoException | null | undefined): void => {
    if (error !== null && error !== undefined && !hasNoReader(error, stream)) loss ??= error;
  };
  stream.on("error", note);
  return {
    write: (text) => void stream.write(text),
    flushed: () =>
      new Promise((resolve) => {
        stream.write("", (error) => {
          note(error);
          resolve(loss);
        });
      }),
    isTTY: stream.isTTY === true,
    columns: stream.columns ?? 0,
    ...(stream.isTTY === true ? { terminal: stream } : {}),
  };
}

/** A reader that closes the pipe early (`| head`), or a terminal that was closed. */
function hasNoReader({ code }: NodeJS.ErrnoException, stream: NodeJS.WriteStream): boolean {
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || (code === "EIO" && stream.isTTY);
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
