import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";
import { describe, expect, test } from "vitest";

/**
 * The rules that keep the code as ARCHITECTURE.md describes it. Each is a pure function from sources to problems; it is
 * run over the project, where it must find none, and over small bad examples, where it must find something.
 */

/** Which folders of `src/` a folder may import, besides itself. Imports of types count as well. */
const IMPORT_TABLE: Readonly<Record<string, readonly string[]>> = {
  spec: [],
  plan: ["spec"],
  engine: ["spec", "plan"],
  // The three never import one another: each can be replaced without a look at the other two.
  agents: ["spec", "plan", "engine"],
  store: ["spec", "plan", "engine"],
  report: ["spec", "plan", "engine"],
  pipeline: ["spec", "plan", "engine", "agents", "store", "report"],
  // src/index.ts: the library's public names.
  ".": ["spec", "plan", "engine", "agents", "store", "report", "pipeline"],
  lsp: ["spec", "plan", "engine", "pipeline"],
  cli: ["spec", "plan", "engine", "agents", "store", "report", "pipeline", "lsp"],
};

/**
 * The one file that imports a package; two for the form of the file, for colours and the live display, which are both the
 * terminal's, and for the language server, which has its protocol and the forms of its answers apart.
 */
const FOREIGN_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "smol-toml": ["src/spec/toml.ts"],
  zod: ["src/spec/schema.ts", "src/spec/json-schema.ts"],
  "toml-eslint-parser": ["src/spec/places/entries.ts"],
  "fastest-levenshtein": ["src/spec/suggest.ts"],
  "@marcbachmann/cel-js": ["src/plan/expression.ts"],
  openai: ["src/agents/llm.ts"],
  "p-timeout": ["src/store/local.ts"],
  chalk: ["src/report/terminal.ts", "src/report/terminal-live.ts"],
  ora: ["src/report/terminal.ts", "src/report/terminal-live.ts"],
  "string-width": ["src/report/width.ts"],
  diff: ["src/report/diff.ts"],
  commander: ["src/cli/program.ts"],
  "vscode-languageserver": ["src/lsp/server.ts", "src/lsp/protocol.ts"],
  "vscode-languageserver-textdocument": ["src/lsp/page.ts"],
  "node:sqlite": ["src/store/database.ts"],
};

/** What is needed to read and check a file in which there is no problem. */
const TO_CHECK_A_FILE = ["@marcbachmann/cel-js", "fastest-levenshtein", "smol-toml", "zod"];

/** What is loaded at once with these files. All other packages must wait behind an `import(…)` until they are needed. */
const LOADED_AT_ONCE: Readonly<Record<string, readonly string[]>> = {
  // `--help`
  "src/cli/entry.ts": ["commander"],
  "src/cli/validate.ts": TO_CHECK_A_FILE,
  "src/cli/run.ts": [...TO_CHECK_A_FILE, "p-timeout"],
  "src/index.ts": [...TO_CHECK_A_FILE, "p-timeout"],
};

/** Node's modules for folders whose work is pure; the folders that are not listed may import any but the ambient ones. */
const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  spec: ["node:path"],
  plan: ["node:path", "node:url", "node:v8"],
  engine: [],
  report: ["node:path", "node:tty", "node:util"],
  lsp: ["node:fs", "node:path", "node:stream", "node:url"],
};

/** Where time, chance, environment and streams come in; everybody else is handed them. */
const AMBIENT_ALLOWED: readonly { readonly files: RegExp; readonly uses?: readonly string[]; readonly reason: string }[] = [
  { files: /^src\/cli\//, reason: "it is where the world is handed in from" },
  {
    files: /^src\/pipeline\/pipeline\.ts$/,
    uses: ["process", "Math.random", "node:crypto"],
    reason: "it is the library's edge: what its user does not hand in is taken from this process",
  },
  { files: /^src\/pipeline\/open-store\.ts$/, uses: ["process"], reason: "it is the library's edge as well: who owns the runs of a store" },
  { files: /^src\/store\/clock\.ts$/, reason: "it is the real clock" },
  {
    files: /^src\/agents\/process\.ts$/,
    uses: ["node:timers/promises", "AbortSignal.timeout", "process"],
    reason: "a process that was told to end takes real time to do so, whatever the clock of the run says; and signals are sent by it",
  },
  { files: /^src\/agents\/llm\.ts$/, uses: ["globalThis"], reason: "the only way to Node's own connection pool" },
];
const AMBIENT_NAMES = new Set(["process", "console", "performance", "globalThis", "global"]);
const AMBIENT_TIMERS = new Set(["setTimeout", "setInterval", "setImmediate"]);
const AMBIENT_CALLS = new Set(["Math.random", "Date.now", "AbortSignal.timeout", "crypto.randomUUID", "crypto.getRandomValues"]);
const AMBIENT_MODULES = /^(node:)?(process|console|timers|timers\/promises|perf_hooks|crypto)$/;

const MOST_LINES = 600;
const NAMES_OF_NOTHING = /^(utils?|helpers?|common|misc|shared|tools)\.ts$/;

describe("the project", () => {
  const sources = readSources("src");

  test("follows the import table: spec → plan → engine → { agents, store, report } → cli", () => {
    expect(sources.size).toBeGreaterThan(0);
    expect(importTableProblems(sources)).toEqual([]);
  });
  test("imports each foreign package in one file", () => expect(foreignPackageProblems(sources)).toEqual([]));
  test("loads at its start only what every start needs", () => expect(eagerPackageProblems(sources)).toEqual([]));
  test("has no import cycle", () => expect(cycles(sources)).toEqual([]));
  test("takes time, chance, environment and streams as arguments", () => expect(ambientProblems(sources)).toEqual([]));
  test("names every export, one by one", () => expect(exportProblems(sources)).toEqual([]));
  test("ends its process in bin/ only", () => expect(exitProblems(sources)).toEqual([]));
  test("has no file that is too long, and none without a subject", () => {
    const all = new Map(["src", "test", "bench", "scripts", "bin"].flatMap((folder) => [...readSources(folder)]));
    expect(fileProblems(all)).toEqual([]);
  });
});

describe("the rules notice", () => {
  const examples: readonly [
    sentence: string,
    rule: (sources: Sources) => readonly string[],
    sources: Record<string, string>,
    problems: readonly string[],
  ][] = [
    [
      "an import against the direction",
      importTableProblems,
      { "src/plan/a.ts": `import { b } from "../engine/b.ts";` },
      ["src/plan/a.ts imports src/engine/b.ts: plan may import spec"],
    ],
    [
      "an import of a type between the three that must not know one another",
      importTableProblems,
      { "src/agents/a.ts": `import type { B } from "../store/b.ts";` },
      ["src/agents/a.ts imports src/store/b.ts: agents may import spec, plan, engine"],
    ],
    [
      "a type that is imported in place",
      importTableProblems,
      { "src/spec/a.ts": `export type A = import("../plan/b.ts").B;` },
      ["src/spec/a.ts imports src/plan/b.ts: spec may import nothing"],
    ],
    [
      "a re-export",
      importTableProblems,
      { "src/index.ts": `export { main } from "./cli/main.ts";` },
      ["src/index.ts imports src/cli/main.ts: . may import spec, plan, engine, agents, store, report, pipeline"],
    ],
    [
      "a dynamic import",
      importTableProblems,
      { "src/store/a.ts": `export const a = () => import("../report/b.ts");` },
      ["src/store/a.ts imports src/report/b.ts: store may import spec, plan, engine"],
    ],
    [
      "a dynamic import whose target cannot be known",
      importTableProblems,
      { "src/spec/a.ts": "export const a = (name: string) => import(`./${name}.ts`);" },
      ["src/spec/a.ts imports something that is computed: write the path, or load an author's module in src/agents/module.ts"],
    ],
    [
      "a folder without a row",
      importTableProblems,
      { "src/extra/a.ts": "" },
      ["src/extra/a.ts lies in a folder that the import table does not have"],
    ],
    [
      "I/O in a folder whose work is pure",
      importTableProblems,
      { "src/engine/a.ts": `import { readFileSync } from "node:fs";` },
      ["src/engine/a.ts imports node:fs: engine may import no module of Node"],
    ],
    [
      "a second importer of a package",
      foreignPackageProblems,
      { "src/plan/a.ts": `import { z } from "zod/v4";` },
      ["src/plan/a.ts imports zod: only src/spec/schema.ts and src/spec/json-schema.ts may"],
    ],
    [
      "a package that is not in the table",
      foreignPackageProblems,
      { "src/plan/a.ts": `import type { X } from "@scope/new/types";` },
      ["src/plan/a.ts imports @scope/new, which is not in the table of foreign packages"],
    ],
    [
      "a package that every start would pay for, through another file",
      eagerPackageProblems,
      {
        "src/cli/entry.ts": `import { a } from "./a.ts";\nexport const later = () => import("./b.ts");`,
        "src/cli/a.ts": `import { type Z, z } from "zod";\nimport type { Ora } from "ora";\nimport { type Chalk } from "chalk";`,
        "src/cli/b.ts": `import { chalk } from "chalk";`,
      },
      ["src/cli/entry.ts loads zod at once; what may be is commander"],
    ],
    [
      "a cycle, also through what is imported later, but not through types",
      cycles,
      {
        "src/a.ts": `import { b } from "./b.ts";`,
        "src/b.ts": `export const b = () => import("./c.ts");`,
        "src/c.ts": `import { type X, a } from "./a.ts";`,
        "src/d.ts": `import { e } from "./e.ts";`,
        "src/e.ts": `import type { D } from "./d.ts";\nimport { type D2 } from "./d.ts";`,
      },
      ["src/a.ts → src/b.ts → src/c.ts → src/a.ts"],
    ],
    [
      "ambient time, chance and streams",
      ambientProblems,
      {
        "src/engine/a.ts": `
          const a = [Date.now(), new Date(), Date(), Math.random(), process.env, globalThis];
          console.log(a, crypto.randomUUID(), AbortSignal.timeout(5));
          setTimeout(() => {}, 1);`,
      },
      [
        "src/engine/a.ts:2 uses Date.now",
        "src/engine/a.ts:2 uses new Date() without an argument",
        "src/engine/a.ts:2 uses Date() without an argument",
        "src/engine/a.ts:2 uses Math.random",
        "src/engine/a.ts:2 uses process",
        "src/engine/a.ts:2 uses globalThis",
        "src/engine/a.ts:3 uses console",
        "src/engine/a.ts:3 uses crypto.randomUUID",
        "src/engine/a.ts:3 uses AbortSignal.timeout",
        "src/engine/a.ts:4 uses setTimeout",
      ],
    ],
    [
      "the same by import",
      ambientProblems,
      { "src/agents/a.ts": `import { setTimeout as delay } from "node:timers/promises";` },
      ["src/agents/a.ts:1 uses node:timers/promises"],
    ],
    ["no ambience in names, strings, comments and types", ambientProblems, { "src/engine/a.ts": harmless() }, []],
    [
      "exports that nobody can follow",
      exportProblems,
      { "src/engine/a.ts": `export * from "./b.ts";\nexport default 1;`, "src/engine/b.ts": `const b = 1;\nexport { b as default };` },
      [
        "src/engine/a.ts:1 exports everything of another file",
        "src/engine/a.ts:2 has a default export",
        "src/engine/b.ts:2 has a default export",
      ],
    ],
    [
      "a barrel",
      exportProblems,
      {
        "src/engine/a.ts": `export { b } from "./b.ts";\nexport type { C } from "./c.ts";`,
        "src/index.ts": `export { b } from "./engine/b.ts";`,
      },
      ["src/engine/a.ts only hands on what other files export"],
    ],
    [
      "an exit",
      exitProblems,
      { "src/cli/a.ts": "process.exit(1);\nprocess.exitCode = 2;" },
      ["src/cli/a.ts:1 uses process.exit", "src/cli/a.ts:2 uses process.exitCode"],
    ],
    [
      "a file that is too long",
      fileProblems,
      { "test/a.ts": "\n".repeat(MOST_LINES) },
      [`test/a.ts has ${MOST_LINES + 1} lines; at most ${MOST_LINES}`],
    ],
    ["a file without a subject", fileProblems, { "src/plan/utils.ts": "" }, ["src/plan/utils.ts: name the file by its subject"]],
  ];

  test.each(examples)("%s", (_sentence, rule, sources, problems) => {
    expect(rule(new Map(Object.entries(sources)))).toEqual(problems);
  });

  function harmless(): string {
    return `
      // process.exit, console.log, Date.now()
      const state = { process: "console.log", setTimeout: 1 };
      export interface Clock { setTimeout: typeof globalThis.setTimeout; performance: number }
      export const clock = (timers: Clock) => [timers.setTimeout, timers.performance, state.process, new Date(5), Math.max(1, 2)];`;
  }
});

/** Text by path from the project's root. */
type Sources = ReadonlyMap<string, string>;

function importTableProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const folder = folderOf(file);
    const allowed = IMPORT_TABLE[folder];
    if (allowed === undefined) return [`${file} lies in a folder that the import table does not have`];
    return importsOf(file, text).flatMap(({ specifier }) => {
      if (specifier === null) {
        return file === "src/agents/module.ts"
          ? []
          : [`${file} imports something that is computed: write the path, or load an author's module in src/agents/module.ts`];
      }
      if (specifier.startsWith(".")) {
        const target = join(dirname(file), specifier);
        const to = folderOf(target);
        return to === folder || allowed.includes(to)
          ? []
          : [`${file} imports ${target}: ${folder} may import ${allowed.join(", ") || "nothing"}`];
      }
      const modules = NODE_MODULES[folder];
      if (!specifier.startsWith("node:") || modules === undefined || modules.includes(specifier)) return [];
      return [`${file} imports ${specifier}: ${folder} may import ${modules.join(", ") || "no module of Node"}`];
    });
  });
}

function foreignPackageProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) =>
    importsOf(file, text).flatMap(({ specifier }) => {
      if (specifier === null || specifier.startsWith(".")) return [];
      const name = packageOf(specifier);
      const files = FOREIGN_PACKAGES[name];
      if (files === undefined && specifier.startsWith("node:")) return [];
      if (files === undefined) return [`${file} imports ${name}, which is not in the table of foreign packages`];
      return files.includes(file) ? [] : [`${file} imports ${name}: only ${files.join(" and ")} may`];
    }),
  );
}

function eagerPackageProblems(sources: Sources): string[] {
  return Object.entries(LOADED_AT_ONCE).flatMap(([start, allowed]) => {
    const files = new Set([start]);
    const packages = new Set<string>();
    for (const file of files) {
      for (const { specifier, dynamic, typeOnly } of importsOf(file, sources.get(file) ?? "")) {
        if (specifier === null || dynamic || typeOnly || specifier.startsWith("node:")) continue;
        if (specifier.startsWith(".")) files.add(join(dirname(file), specifier));
        else packages.add(packageOf(specifier));
      }
    }
    return [...packages]
      .filter((name) => !allowed.includes(name))
      .map((name) => `${start} loads ${name} at once; what may be is ${allowed.join(", ")}`);
  });
}

/**
 * One path for each cycle that a walk in the order of the names meets first. Types do not count: two files of a folder may
 * use each other's, and the import table keeps the folders in order for types as well.
 */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  for (const file of [...sources.keys()].toSorted()) visit(file, []);
  return found;

  function visit(file: string, path: readonly string[]): void {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" → "));
    if (start >= 0 || done.has(file)) return;
    for (const { specifier, typeOnly } of importsOf(file, sources.get(file) ?? "")) {
      if (specifier?.startsWith(".") && !typeOnly) visit(join(dirname(file), specifier), [...path, file]);
    }
    done.add(file);
  }
}

function ambientProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const rows = AMBIENT_ALLOWED.filter(({ files }) => files.test(file));
    return nodesOf(file, text).flatMap((place) => {
      const use = ambientUse(place.node);
      return use === null || rows.some(({ uses }) => uses?.includes(use) ?? true) ? [] : [`${file}:${lineOf(text, place)} uses ${use}`];
    });
  });
}

function ambientUse(node: Node): string | null {
  if (node.type === "Identifier" && (AMBIENT_NAMES.has(node.name) || AMBIENT_TIMERS.has(node.name))) return node.name;
  if (node.type === "MemberExpression" && AMBIENT_CALLS.has(memberName(node))) return memberName(node);
  if (node.type === "ImportDeclaration" && AMBIENT_MODULES.test(node.source.value)) return node.source.value;
  if (node.type !== "NewExpression" && node.type !== "CallExpression") return null;
  const isDate = node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0;
  return isDate ? `${node.type === "NewExpression" ? "new " : ""}Date() without an argument` : null;
}

function exportProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const nodes = nodesOf(file, text);
    const problems = nodes.flatMap((place) => {
      const { node } = place;
      if (node.type === "ExportAllDeclaration") return [`${file}:${lineOf(text, place)} exports everything of another file`];
      const isDefault = node.type === "ExportDefaultDeclaration" || (node.type === "ExportSpecifier" && node.exported.name === "default");
      return isDefault ? [`${file}:${lineOf(text, place)} has a default export`] : [];
    });
    const body = nodes.filter(({ depth }) => depth === 1).map(({ node }) => node);
    const isBarrel = body.length > 0 && body.every((node) => node.type === "ExportNamedDeclaration" && node.source !== null);
    return isBarrel && file !== "src/index.ts" ? [...problems, `${file} only hands on what other files export`] : problems;
  });
}

function exitProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) =>
    nodesOf(file, text).flatMap((place) => {
      const name = place.node.type === "MemberExpression" ? memberName(place.node) : "";
      return name === "process.exit" || name === "process.exitCode" ? [`${file}:${lineOf(text, place)} uses ${name}`] : [];
    }),
  );
}

function fileProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    const lines = text.split("\n").length;
    return [
      ...(lines > MOST_LINES ? [`${file} has ${lines} lines; at most ${MOST_LINES}`] : []),
      ...(NAMES_OF_NOTHING.test(file.slice(file.lastIndexOf("/") + 1)) ? [`${file}: name the file by its subject`] : []),
    ];
  });
}

function readSources(folder: string): Sources {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) => /\.(ts|js|mjs)$/.test(file));
  return new Map(files.toSorted().map((file) => [join(folder, file), readFileSync(join(root, folder, file), "utf8")]));
}

/** `src/plan/checks/a.ts` → `plan`; `src/index.ts` → `.` */
function folderOf(file: string): string {
  return file.split("/").length === 2 ? "." : (file.split("/")[1] ?? ".");
}

/** `@scope/name/part` → `@scope/name` */
function packageOf(specifier: string): string {
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

interface Import {
  /** null: computed. */
  readonly specifier: string | null;
  /** Whether it is loaded only when the code gets there. */
  readonly dynamic: boolean;
  /** Whether nothing is loaded at all. */
  readonly typeOnly: boolean;
}

/** Every import of a file: statements, re-exports, `import(…)` of values and of types. */
function importsOf(file: string, text: string): Import[] {
  return nodesOf(file, text, { types: true }).flatMap(({ node }) => {
    const isImport = IMPORTS.includes(node.type) && node.source !== null;
    if (!isImport) return [];
    return [
      {
        specifier: typeof node.source.value === "string" ? node.source.value : null,
        dynamic: node.type === "ImportExpression",
        typeOnly: isTypeOnly(node),
      },
    ];
  });
}

function isTypeOnly(node: Node): boolean {
  if (node.type === "TSImportType" || node.importKind === "type" || node.exportKind === "type") return true;
  return (
    node.specifiers?.length > 0 && node.specifiers.every((specifier: Node) => (specifier.importKind ?? specifier.exportKind) === "type")
  );
}

const IMPORTS = ["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration", "ImportExpression", "TSImportType"];

function memberName(node: Node): string {
  return node.object.type === "Identifier" && !node.computed ? `${node.object.name}.${node.property.name}` : "";
}

// oxlint-disable-next-line typescript/no-explicit-any -- a node of the syntax tree, of whatever kind
type Node = any;

interface Place {
  readonly node: Node;
  /** 1 for the statements of the file. */
  readonly depth: number;
}

/** 1-based. */
function lineOf(text: string, place: Place): number {
  return text.slice(0, place.node.start).split("\n").length;
}

/**
 * All nodes in the order of the text, without names that are only keys (`a.name`, `{ name: … }`, `import { name as … }`)
 * and, unless asked for, without types.
 */
function nodesOf(file: string, text: string, options: { types?: boolean } = {}): Place[] {
  const places: Place[] = [];
  visit(parseAst(text, { lang: file.endsWith(".ts") ? "ts" : "js" }, file), 0);
  return places;

  function visit(node: Node, depth: number): void {
    if (options.types !== true && TYPES_ONLY.test(node.type)) return;
    places.push({ node, depth });
    for (const [key, value] of Object.entries(node)) {
      if (isPlainKey(node, key)) continue;
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child === "object" && child !== null && typeof child.type === "string") visit(child, depth + 1);
      }
    }
  }
}

function isPlainKey(node: Node, key: string): boolean {
  if (key === "imported" || key === "exported") return true;
  return !node.computed && ((key === "property" && node.type === "MemberExpression") || (key === "key" && !node.shorthand));
}

const TYPES_ONLY = /^TS(TypeAnnotation|TypeAliasDeclaration|InterfaceDeclaration|TypeParameter|TypeQuery|TypeReference|ImportType)/;
