import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type JsonObject, loadPipeline, type PipelineOptions } from "../src/index.ts";
import { folderWith } from "./support/folder.ts";
import { programPath, runProgram } from "./support/program.ts";

/** The quickstart, whose report is held against what can be found in node_modules by other means. */
const PIPELINE = fileURLToPath(new URL("../pipelines/quickstart.toml", import.meta.url));
const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

test("reports what npm has installed: licences, sizes, what needs attention", async () => {
  const { code, stdout } = await runProgram(["run", PIPELINE], { cwd: folderWith({}) });
  const state = JSON.parse(stdout) as Ending;
  const packages = installed();
  const bytes = installedBytes();
  expect(code).toBe(0);
  expect(Object.keys(state).toSorted()).toEqual(["attention", "licences", "report", "total_bytes"]);
  expect(state.licences).toEqual(countByLicence(packages));
  expect(state.total_bytes).toBe(bytes);
  expect(state.report[0]).toBe(`${packages.length} packages, ${(bytes / 1e6).toFixed(1)} MB in ../node_modules`);
  const largest = state.report.slice(state.report.indexOf("Largest") + 1, state.report.indexOf("Licences") - 1);
  const sizes = largest.map((line) => Number(/^ *([\d.]+) MB +\d+ % {2}\S+ \S+$/.exec(line)?.[1]));
  expect(sizes).toHaveLength(8);
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
});

test("takes the detour exactly when a licence is not allowed", async () => {
  const packages = installed();
  const licences = [...new Set(packages.flatMap(({ licence }) => licence.replaceAll(/[()]/g, "").split(/ OR | AND /)))];
  const all = await runQuickstart({ allowed: licences });
  expect([all.path, all.state.attention, all.state.report.at(-1)]).toEqual([["collect", "look", "report"], [], "Nothing needs attention"]);
  const most = await runQuickstart({ allowed: licences.filter((name) => name !== "ISC") });
  expect(most.path).toEqual(["collect", "look", "explain", "report"]);
  expect(most.state.attention.map((each) => `${each.package}: ${each.why}`).toSorted()).toEqual(
    packages
      .filter(({ licence }) => licence === "ISC")
      .map(({ name }) => `${name}: ISC is not among the allowed licences`)
      .toSorted(),
  );
});

test("reports without sizes when they cannot be had", async () => {
  const fail = (): never => {
    throw new Error("the disk is slow today");
  };
  const { path, state } = await runQuickstart({}, { agents: { sizes: fail } });
  expect([path[1], Object.hasOwn(state, "total_bytes"), state.report.slice(0, 3)]).toEqual([
    "look",
    false,
    [`${installed().length} packages in ../node_modules`, "", "Licences"],
  ]);
});

test("says what to do where nothing is installed", async () => {
  const empty = folderWith({});
  const { code, stdout, stderr } = await runProgram(["run", PIPELINE, "--input", `folder=${empty}/none`], {
    cwd: folderWith({}),
  });
  const printed = stderr.split("\n").filter((line) => line.includes("│"));
  expect({ code, stdout, printed }).toEqual({
    code: 1,
    stdout: "",
    printed: [`    │ ${empty}/none cannot be read (ENOENT); npm ci makes it`],
  });
});

interface Installed {
  readonly name: string;
  readonly licence: string;
}

/** Every package.json that Node would find a package by. */
function installed(): Installed[] {
  const files = readdirSync(MODULES, { recursive: true, encoding: "utf8" });
  const packages = files.filter((file) => /^((@[^/]+\/)?[^@./][^/]*\/node_modules\/)*(@[^/]+\/)?[^@./][^/]*\/package\.json$/.test(file));
  return packages.map((file) => {
    const { name, license } = JSON.parse(readFileSync(join(MODULES, file), "utf8")) as { name: string; license?: string };
    return { name, licence: license ?? "none stated" };
  });
}

function countByLicence(packages: readonly Installed[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(packages, ({ licence }) => licence)].map(([licence, found]) => [licence, found.length]));
}

/** All files but those that npm and other tools keep beside the packages, under names that begin with a dot. */
function installedBytes(): number {
  const files = readdirSync(MODULES, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).filter((path) => !/node_modules\/\./.test(path));
  return paths.reduce((sum, path) => sum + lstatSync(path).size, 0);
}

interface Ending extends JsonObject {
  readonly licences: JsonObject;
  readonly attention: readonly { readonly package: string; readonly licence: string; readonly why: string }[];
  readonly total_bytes: number;
  readonly report: readonly string[];
}

async function runQuickstart(input: JsonObject = {}, options: PipelineOptions = {}): Promise<{ path: readonly string[]; state: Ending }> {
  const env = { PATH: programPath() };
  const pipeline = await loadPipeline(PIPELINE, { env, ...options });
  const result = await pipeline.run({ input });
  expect(result.error).toBeNull();
  return { path: result.path, state: result.state as Ending };
}
