import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One row of what the benchmark prints. `target` is the most that is acceptable; a row without one is what others are compared with. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "µs" | "KB";
  /** The value over the one that it is compared with. */
  readonly ratio: number | null;
  readonly target: { readonly text: string; readonly met: boolean } | null;
}

export interface Part {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** A target for a ratio. */
export function atMost(ratio: number, limit: number): Row["target"] {
  return { text: `≤ ${limit}×`, met: ratio <= limit };
}

/**
 * Medians of the time that each function takes, in milliseconds. They take turns, each round in the next order, so that
 * whatever else the machine does hits all of them alike. One round before the first is not counted.
 */
export async function alternate(rounds: number, works: readonly (() => unknown)[]): Promise<number[]> {
  const times: number[][] = works.map(() => []);
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < works.length; turn += 1) {
      const index = (turn + round + works.length) % works.length;
      const start = performance.now();
      await works[index]?.();
      if (round >= 0) times[index]?.push(performance.now() - start);
    }
  }
  return times.map(median);
}

/** Runs Node with these arguments to its end; its stdout. @throws where it fails: a benchmark of failures measures nothing. */
export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, error, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}:\n${stderr}`);
  return stdout;
}

/** A path from the project's root. */
export function fromRoot(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Of the two in the middle, where there are two, the mean. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}
