import { randomUUID } from "node:crypto";
import { systemClock } from "../store/clock.ts";
import type { Io, Output, StopSignal } from "./io.ts";

const STOP_SIGNALS: readonly StopSignal[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** The world of this process. */
export function processIo(): Io {
  return {
    args: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    clock: systemClock(),
    random: Math.random,
    newId: randomUUID,
    onStop(listener) {
      const handlers = STOP_SIGNALS.map((signal) => [signal, () => listener(signal)] as const);
      for (const [signal, handler] of handlers) process.on(signal, handler);
      return () => {
        for (const [signal, handler] of handlers) process.off(signal, handler);
      };
    },
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // A reader that closes the pipe early (`| head`) is not an error.
  stream.on("error", () => {});
  return {
    write: (text) => void stream.write(text),
    isTTY: stream.isTTY === true,
    columns: stream.columns ?? 0,
    ...(stream.isTTY === true ? { terminal: stream } : {}),
  };
}
