import { main } from "./main.ts";
import { processIo } from "./process.ts";

/** Runs the command line in this process; resolves to its exit code. */
export function run(): Promise<number> {
  return main(processIo());
}
