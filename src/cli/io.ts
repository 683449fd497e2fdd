import type { Clock } from "../store/clock.ts";

/** A stream that the program writes to. */
export interface Output {
  /** Never throws: a reader that has gone away changes nothing. */
  write(text: string): void;
  readonly isTTY: boolean;
  /** 0 where unknown. */
  readonly columns: number;
  /** For the live display, which draws by itself; absent where there is no terminal. */
  readonly terminal?: NodeJS.WriteStream;
}

export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** The world as the command line sees it, handed in. */
export interface Io {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** All of standard input. */
  readStdin(): Promise<Uint8Array>;
  readonly clock: Clock;
  /** In [0, 1). */
  random(): number;
  newId(): string;
  /** Calls back on each signal that asks the program to stop; returns what ends the listening. */
  onStop(listener: (signal: StopSignal) => void): () => void;
}

/** Thrown by a command that cannot do what it was asked; the message is shown as it is, and nothing was run. */
export class UsageError extends Error {
  override name = "UsageError";
}
