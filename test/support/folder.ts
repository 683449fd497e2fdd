import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";

/** All folders of a file of tests lie in one, which goes with the file; here, since an `afterAll` inside of a test is not heard. */
const place = realpathSync(mkdtempSync(join(tmpdir(), "agentflow-test-")));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let count = 0;

/** A folder of its own with these files, by their paths in it; a text that begins with `#!` is executable. It goes with the tests. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  count += 1;
  const folder = join(place, String(count));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode: typeof content === "string" && content.startsWith("#!") ? 0o755 : 0o644 });
  }
  return folder;
}
