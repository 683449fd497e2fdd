import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { Io, Output } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";
import { systemClock } from "../../src/store/clock.ts";

/** What a run of the program left behind. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the whole program in this process, in real time, with an environment of its own: a PATH and what is given. */
export async function runProgram(
  args: readonly string[],
  { cwd, env = {}, stdin = "" }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly stdin?: string },
): Promise<ProgramEnd> {
  const stdout = outputTo([]);
  const stderr = outputTo([]);
  const io: Io = {
    args,
    env: { PATH: programPath(), ...env },
    cwd,
    stdout: stdout.output,
    stderr: stderr.output,
    readStdin: async () => new TextEncoder().encode(stdin),
    clock: systemClock(),
    random: Math.random,
    newId: randomUUID,
    onStop: () => () => {},
  };
  const code = await main(io);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A PATH on which `node` is the one that runs the tests. */
export function programPath(): string {
  return `${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
}

function outputTo(written: string[]): { readonly output: Output; text(): string } {
  return { output: { write: (text) => void written.push(text), isTTY: false, columns: 0 }, text: () => written.join("") };
}
