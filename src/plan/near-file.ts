import { basename, dirname, extname, resolve } from "node:path";
import type { Diagnostic, Path } from "../spec/diagnostic.ts";
import { nearest } from "../spec/suggest.ts";

/** The names in a directory; none where it is not there, or is no directory. */
export type ListNames = (directory: string) => Promise<readonly string[]>;

/** What to do about a path that leads to nothing: write the near one that leads somewhere. null: there is none. */
export async function nearFile(
  written: string,
  at: Path,
  directory: string,
  list: ListNames,
): Promise<Required<Pick<Diagnostic, "help" | "fix">> | null> {
  const near = await nearPath(written, directory, list);
  if (near === null) return null;
  return { help: `did you mean \`${near}\`?`, fix: { safe: false, edits: [{ path: at, text: JSON.stringify(near) }] } };
}

/** The name itself, or that of a directory on the way, may be misspelt. */
async function nearPath(written: string, directory: string, list: ListNames): Promise<string | null> {
  const [folder, name] = [dirname(written), basename(written)];
  const names = await list(resolve(directory, folder));
  if (names.length > 0) {
    const near = nearName(name, names);
    return near === undefined ? null : written.slice(0, written.lastIndexOf(name)) + near;
  }
  if (folder === dirname(folder)) return null;
  const meant = await nearPath(folder, directory, list);
  if (meant === null || !(await list(resolve(directory, meant))).includes(name)) return null;
  return meant + written.slice(folder.length);
}

/** Endings are no part of a name that is misspelt; of several files with the near name, the one with the same ending. */
function nearName(name: string, names: readonly string[]): string | undefined {
  const near = nearest(stemOf(name), names.map(stemOf));
  const found = names.filter((one) => stemOf(one) === near);
  return found.find((one) => extname(one) === extname(name)) ?? found[0];
}

function stemOf(name: string): string {
  return basename(name, extname(name));
}
