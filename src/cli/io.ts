import type { Readable } from "node:stream";
import type { Clock } from "../engine/clock.ts";

/** A stream that the program writes to. */
export interface Output {
  /** Never throws: a reader that has gone away changes nothing. */
  write(text: string): void;
  /**
   * Resolves once nothing that was written is left to be taken: to null, or to why some of it was lost (a full disk). A
   * reader that has gone away is no loss.
   */
  flushed(): Promise<Error | null>;
  /** Calls back when whoever reads it has gone away, which is noticed when something is written. */
  onClosed(listener: () => void): void;
  readonly isTTY: boolean;
  /** 0 where unknown. */
  readonly columns: number;
  /** For the live display, which draws by itself; absent where there is no terminal. */
  readonly terminal?: NodeJS.WriteStream;
}

export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

/** Why the program has to stop: a signal, an error that nobody caught, or that nothing is left which could still happen. */
export type StopReason = StopSignal | Error | "idle";

/** The world as the command line sees it, handed in. */
export interface Io {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws UsageError where there is none */
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** All of standard input. */
  readStdin(): Promise<Uint8Array>;
  /** Standard input as it comes, for a program that answers. */
  openStdin(): Readable & { readonly isTTY?: boolean };
  /** Whether a process is there. */
  isAlive(pid: number): boolean;
  readonly clock: Clock;
  /** Of this process; other processes on the store are told who drives a run. */
  readonly pid: number;
  readonly host: string;
  /** In [0, 1). */
  random(): number;
  newId(): string;
  /** Calls back on each reason to stop; returns what ends the listening. */
  onStop(listener: (reason: StopReason) => void): () => void;
  /** Gets what agents in this process print to the console, instead of stdout; returns what ends it. */
  onConsole(listener: (text: string) => void): () => void;
}

/** Thrown by a command that cannot do what it was asked; the message is shown as it is, and nothing was run. */
export class UsageError extends Error {
  override name = "UsageError";
}
