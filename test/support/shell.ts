import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { COMMAND_ENV, commandScript, isBuilt } from "./command.ts";
import { folderWith } from "./folder.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a command printed, both streams in the order in which they were written, as a terminal shows it. */
export interface Ran {
  readonly code: number | null;
  readonly shown: string;
}

/** A folder with files in which commands are run as a reader would run them. */
export interface Shell {
  readonly folder: string;
  run(command: string): Promise<Ran>;
}

/**
 * Makes a shell whose `agentflow` is this project, whose `node` is the pinned one and can import "agentflow", and which
 * has a `jq`. The environment is empty but for what commands need.
 */
export function openShell(files: Iterable<readonly [name: string, text: string]>): Shell {
  const place = folderWith({});
  const folder = join(place, "folder");
  const bin = join(place, "bin");
  mkdirSync(folder);
  mkdirSync(bin);
  for (const [name, text] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  symlinkSync(process.execPath, join(bin, "node"));
  const built = isBuilt();
  writeProgram(join(bin, "agentflow"), commandScript(join(place, "command")));
  writeProgram(join(bin, "jq"), join(root, "test/support/jq.mjs"));
  const hooks = join(place, "resolve.mjs");
  writeFileSync(hooks, resolvesItself(join(root, built ? "dist/index.js" : "src/index.ts")));
  const env = { ...COMMAND_ENV, PATH: `${bin}:${process.env.PATH}`, HOME: folder, NODE_OPTIONS: `--import ${pathToFileURL(hooks).href}` };

  let count = 0;
  return {
    folder,
    async run(command) {
      count += 1;
      const output = join(place, `output-${count}`);
      const file = openSync(output, "a");
      const child = spawn("sh", ["-c", command], { cwd: folder, env, stdio: ["ignore", file, file] });
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", resolve);
      });
      closeSync(file);
      return { code, shown: readFileSync(output, "utf8") };
    },
  };
}

function writeProgram(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`, { mode: 0o755 });
}

/** `import … from "agentflow"` finds the library, wherever the importing file lies. */
function resolvesItself(index: string): string {
  const library = pathToFileURL(index).href;
  return `import { registerHooks } from "node:module";
registerHooks({
  resolve: (specifier, context, next) => (specifier === "agentflow" ? next(${JSON.stringify(library)}, context) : next(specifier, context)),
});
`;
}
