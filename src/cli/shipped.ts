import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The path of a file or folder that comes with the program, from the source as well as from the built program. */
export function shippedFile(...path: readonly string[]): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (directory !== dirname(directory)) {
    const candidate = join(directory, ...path);
    if (existsSync(candidate)) return candidate;
    directory = dirname(directory);
  }
  throw new Error(`${path.join("/")} is missing from this installation`);
}
