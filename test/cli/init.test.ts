import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { jsonSchema } from "../../src/spec/json-schema.ts";
import { folderWith } from "../support/folder.ts";
import { runProgram } from "../support/program.ts";

const pipelines = fileURLToPath(new URL("../../pipelines", import.meta.url));
const read = (folder: string, file: string): string => readFileSync(join(folder, file), "latin1");

describe("init", () => {
  test("makes a small pipeline here, says what it made, and how to run it", async () => {
    const cwd = folderWith({});
    expect(await runProgram(["init"], { cwd })).toEqual({
      code: 0,
      stdout:
        "made agentflow.schema.json\nmade agentflow.toml\nmade notes.md\nmade report.mjs\nmade tasks.mjs\n\nRun it:\n  agentflow run agentflow.toml\n",
      stderr: "",
    });
    expect((await runProgram(["run", "--quiet"], { cwd })).code).toBe(0);
  });

  test.each(["starter", "etl", "content", "ml", "research", "review", "support", "trio"])(
    "rows 119-122: makes %s as it is shipped, and it is valid",
    async (template) => {
      const cwd = folderWith({});
      const { code, stdout } = await runProgram(["init", "new/place", "--template", template], { cwd });
      expect({ code, commands: stdout.match(/^ {2}agentflow .*/gm) }).toEqual({
        code: 0,
        commands: ["agentflow.toml", "offline.toml"]
          .filter((file) => existsSync(join(pipelines, template, file)))
          .map((file) => `  agentflow run new/place/${file}`),
      });
      const files = (folder: string): string[] =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
          .toSorted();
      const made = join(cwd, "new/place");
      const shipped = join(pipelines, template);
      expect(files(made)).toEqual(["agentflow.schema.json", ...files(shipped)]);
      for (const file of files(shipped)) expect(read(made, file)).toBe(read(shipped, file).replace("#:schema ../", "#:schema ./"));
      expect(read(made, "agentflow.schema.json")).toBe(read(pipelines, "agentflow.schema.json"));
      expect(stdout.match(/^made .*/gm)).toEqual(files(made).map((file) => `made new/place/${file}`));
      const checked = await runProgram(["validate", "new/place/agentflow.toml"], { cwd, env: { OPENAI_API_KEY: "set" } });
      expect(checked).toEqual({ code: 0, stdout: "new/place/agentflow.toml: valid\n", stderr: "" });
    },
  );

  test("prints commands that can be pasted, also where the model stages run without a key", async () => {
    const cwd = folderWith({});
    const { stdout } = await runProgram(["init", "it's new", "--template", "review"], { cwd });
    expect(stdout.slice(stdout.indexOf("\n\n"))).toBe(`

Run it:
  agentflow run 'it'\\''s new/agentflow.toml'

Without a key, with canned replies in the place of the models:
  agentflow run 'it'\\''s new/offline.toml'
`);
  });

  test("touches no file that is there, unless it is forced", async () => {
    const cwd = folderWith({ "notes.md": "mine", "tasks.mjs": "mine" });
    expect(await runProgram(["init"], { cwd })).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: notes.md, tasks.mjs are there already; choose another directory, or use --force to replace them\n",
    });
    expect([readFileSync(join(cwd, "notes.md"), "utf8"), existsSync(join(cwd, "agentflow.toml"))]).toEqual(["mine", false]);
    expect((await runProgram(["init", "--force"], { cwd })).code).toBe(0);
    expect(readFileSync(join(cwd, "notes.md"), "utf8")).toBe(readFileSync(join(pipelines, "starter/notes.md"), "utf8"));
  });

  test.each([
    ["there", "FOLDER/there cannot be written: there is a file in the way"],
    ["there/below", "FOLDER/there/below cannot be written: there is a file in the way"],
  ])("says what is in the way of %s", async (directory, message) => {
    const cwd = folderWith({ there: "mine" });
    const { code, stdout, stderr } = await runProgram(["init", directory], { cwd });
    expect({ code, stdout, stderr: stderr.replaceAll(cwd, "FOLDER") }).toEqual({ code: 2, stdout: "", stderr: `agentflow: ${message}\n` });
    expect(readFileSync(join(cwd, "there"), "utf8")).toBe("mine");
  });
});

test("schema prints the JSON Schema of the file", async () => {
  const { code, stdout, stderr } = await runProgram(["schema"], { cwd: "/" });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
});

describe("completion", () => {
  test("knows the commands and their flags, with the words that flags and arguments take", async () => {
    const { code, stdout, stderr } = await runProgram(["completion", "bash"], { cwd: "/" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const script = join(folderWith({}), "completion.bash");
    writeFileSync(script, stdout);
    const offered = (...words: string[]): string[] => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const shell = `source '${script}'; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _agentflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout: lines } = spawnSync("bash", ["--norc", "-c", shell], { encoding: "utf8" });
      return lines.split("\n").filter((word) => word !== "");
    };
    const commands = "run resume rerun rollback runs show events breakers validate explain init schema lsp completion";
    expect(offered("agentflow", "")).toEqual(commands.split(" "));
    expect(offered("agentflow", "runs", "")).toEqual(["rm", "prune"]);
    expect(offered("agentflow", "runs", "prune", "--ke")).toEqual(["--keep"]);
    expect(offered("agentflow", "runs", "--status", "r")).toEqual(["running", "rolled_back", "rollback_failed"]);
    expect(offered("agentflow", "runs", "--s")).toEqual(["--status", "--state-dir"]);
    expect(offered("agentflow", "breakers", "")).toEqual(["reset"]);
    expect(offered("agentflow", "show", "l")).toEqual(["latest"]);
    expect(offered("agentflow", "run", "--o")).toEqual(["--output", "--out"]);
    expect(offered("agentflow", "run", "--output", "")).toEqual(["state", "result", "none"]);
    expect(offered("agentflow", "validate", "--format", "")).toEqual(["human", "concise", "json", "github", "sarif"]);
    expect(offered("agentflow", "init", "--template", "")).toEqual([
      "starter",
      "etl",
      "content",
      "ml",
      "research",
      "review",
      "support",
      "trio",
    ]);
    expect(offered("agentflow", "explain", "unknown-a")).toEqual(["unknown-agent"]);
    expect(offered("agentflow", "completion", "")).toEqual(["bash", "zsh", "fish"]);
  });

  test.each(["zsh", "fish"])("prints a script for %s", async (shell) => {
    const { code, stdout, stderr } = await runProgram(["completion", shell], { cwd: "/" });
    expect({ code, stderr, names: stdout.includes("stdin-filename") }).toEqual({ code: 0, stderr: "", names: true });
  });
});
