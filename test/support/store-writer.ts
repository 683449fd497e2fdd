import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** Another process that drives runs in a store. */
export interface StoreWriter {
  readonly pid: number;
  /** What it answers: `done`, or the code of the StoreError. */
  tell(command: string, argument?: string): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("../fixtures/programs/store-writer.ts", import.meta.url));

/** It ends with the test at the latest. */
export async function startStoreWriter(directory: string): Promise<StoreWriter> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(kill);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => String((await lines.next()).value);
  await answer();
  return {
    pid: child.pid ?? 0,
    async tell(command, argument = "") {
      child.stdin.write(`${JSON.stringify([command, argument])}\n`);
      return await answer();
    },
    signal: (signal) => void child.kill(signal),
    kill,
  };
}
