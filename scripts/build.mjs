/**
 * Builds `dist/`: the command (`cli.js`) and the library (`index.js`) with everything that they import, the library's
 * declarations (`types/`), and the licences of the packages that ended up inside.
 *
 * Packages are bundled so that a start reads two or three files instead of hundreds; what is imported dynamically stays
 * a chunk of its own and is read only when it is needed.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { rolldown } from "rolldown";
import { markEager } from "./eager-functions.mjs";
import { latePackages } from "./late-packages.mjs";
import { leanBuiltins } from "./lean-builtins.mjs";
import { plainLetters } from "./plain-letters.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const types = join(dist, "types");

/**
 * What is always read together is one file, since finding and linking a module costs more than reading a longer one:
 * what every command starts with, and what every check of a file needs. The rest is split by its dynamic imports.
 */
const CHUNKS = [
  {
    name: "start",
    test: /\/src\/(cli\/(entry|exit-codes|io|main|output|process|program|version)|store\/clock)\.ts$|rolldown\/runtime|\/node_modules\/commander\//,
  },
  {
    name: "check",
    test: /\/src\/(check\.ts|cli\/(validate|diagnostics)\.ts|report\/(terminal|palette)\.ts|spec\/(?!positions|places\/|toml-|json-schema|examples)|plan\/(?!worst-case|silence))|\/node_modules\/(zod\/(?!.*json-schema)|(smol-toml|@marcbachmann\/cel-js|fastest-levenshtein)\/)/,
  },
];

try {
  rmSync(dist, { recursive: true, force: true });
  const packages = await bundle();
  const command = join(root, "bin/agentflow.js");
  const starts = [
    [command, "--help"],
    [command, "validate", join(root, "bench/ten-agents.toml")],
  ];
  markEager(dist, starts, { OPENAI_API_KEY: "not-used" });
  writeFileSync(join(dist, "THIRD-PARTY-LICENSES.txt"), licences(packages));
  emitDeclarations();
} catch (error) {
  console.error(process.stderr.isTTY ? error.message : stripVTControlCharacters(error.message));
  process.exitCode = 1;
}

/** Writes the chunks; returns the folders of the foreign packages in them. */
async function bundle() {
  const build = await rolldown({
    cwd: root,
    input: { index: "src/index.ts", cli: "src/cli/entry.ts" },
    platform: "node",
    tsconfig: false,
    // Of a package in both forms, the modules: what is not one needs helpers, which are a file of their own.
    resolve: { mainFields: ["module", "main"] },
    plugins: [latePackages, leanBuiltins, plainLetters],
    onLog: (level, log) => {
      // A bundle with a warning is a bundle that is not understood: an import that is not found becomes a crash of its user.
      if (level === "warn") throw new Error(log.message);
    },
  });
  const { output } = await build.write({
    dir: dist,
    format: "esm",
    // Names stay: they cost nothing measurable at the start, and a stack trace in a bug report can be read.
    minify: { compress: true, mangle: false },
    comments: false,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    codeSplitting: { groups: CHUNKS },
  });
  await build.close();
  const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
  return new Set(modules.filter((id) => id.includes("/node_modules/")).map(packageFolder));
}

function packageFolder(module) {
  const [folder] = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module) ?? [];
  if (folder === undefined) throw new Error(`no package found for ${module}`);
  return folder;
}

/** The text that the licences ask to be passed on, package by package. */
function licences(folders) {
  const entries = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const files = readdirSync(folder).filter((entry) => /^(licen[cs]e|notice)\b/i.test(entry));
    const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
    if (texts.length === 0) texts.push(`The package states its licence as ${license} and brings no text of it.`);
    return { name, entry: `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n` };
  });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return ["agentflow contains the following packages.\n", ...entries.map(({ entry }) => entry)].join(`\n${"-".repeat(80)}\n\n`);
}

/**
 * Keeps of the declarations only what the library's public names lead to. None of it may lead to a foreign package:
 * the published package has no dependencies, so such a type would be `any` for its users.
 */
function emitDeclarations() {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
  const reached = new Set();
  visit(join(types, "index.d.ts"));
  for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !reached.has(file)) rmSync(file);
  }

  function visit(file) {
    if (reached.has(file)) return;
    reached.add(file);
    const text = readFileSync(file, "utf8").replace(/(\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g, (statement, keyword, specifier) => {
      if (specifier.startsWith("node:")) return statement;
      if (!specifier.startsWith("."))
        throw new Error(`${relative(root, file)} shows a type of the package "${specifier}" to users of the library`);
      const target = resolve(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts"));
      if (!existsSync(target)) throw new Error(`${relative(root, file)} imports "${specifier}", which has no declarations`);
      visit(target);
      return `${keyword}"${specifier.replace(/\.ts$/, ".js")}"`;
    });
    writeFileSync(file, text);
  }
}
