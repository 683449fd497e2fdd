// Lists the packages in a node_modules folder, nested ones included: node collect.mjs ../../node_modules
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = process.argv[2];
try {
  const packages = [...packagesIn("")];
  if (packages.length === 0) throw new Error(`there is no package in ${root}`);
  process.stdout.write(JSON.stringify({ packages }));
} catch (error) {
  // What a script prints to stderr is shown with its failure.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

/** `folder` is relative to the root, as in `vite/node_modules/`. */
function* packagesIn(folder) {
  for (const name of foldersIn(folder)) {
    if (name.startsWith("@")) {
      for (const scoped of foldersIn(join(folder, name))) yield* packageAt(join(folder, name, scoped));
    } else {
      yield* packageAt(join(folder, name));
    }
  }
}

function* packageAt(folder) {
  const text = readOrNull(join(root, folder, "package.json"));
  if (text !== null) {
    const { name, version, license, licenses, dependencies, optionalDependencies } = JSON.parse(text);
    const requires = Object.keys({ ...dependencies, ...optionalDependencies });
    yield { name, version, licence: license ?? licenses ?? null, folder, requires };
  }
  yield* packagesIn(join(folder, "node_modules"));
}

function foldersIn(folder) {
  try {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map((entry) => entry.name);
  } catch (error) {
    if (folder !== "") return [];
    throw new Error(`${root} cannot be read (${error.code}); npm ci makes it`, { cause: error });
  }
}

function readOrNull(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}
