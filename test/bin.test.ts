import { spawnSync } from "node:child_process";
import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { COMMAND_ENV } from "./support/command.ts";
import { folderWith } from "./support/folder.ts";

/** The start of the command, in a copy of its own with programs that show what it does with them. */
describe("bin/agentflow.js", () => {
  const folder = folderWith({ "package.json": `{ "type": "module" }`, "dist/README": "what is built" });
  cpSync(fileURLToPath(new URL("../bin", import.meta.url)), join(folder, "bin"), { recursive: true });

  interface Row {
    readonly sentence: string;
    /** What `dist/cli.js` holds; null: it does not exist. */
    readonly program: string | null;
    /** Runs before it, to pretend another machine. */
    readonly preload?: string;
    readonly code: number;
    readonly stdout?: string;
    readonly stderr?: string;
  }

  const rows: readonly Row[] = [
    { sentence: "ends with the code that the program returns", program: `export const run = async () => 130;`, code: 130 },
    {
      sentence: "ends although something is still open, and only once all of stdout was read",
      program: `export const run = async () => { setInterval(() => {}, 1000); process.stdout.write("x".repeat(300_000)); return 1; };`,
      code: 1,
      stdout: "x".repeat(300_000),
    },
    {
      sentence: "lets the last words of a program be written that is slow to end",
      program: `export const run = async () => { setTimeout(() => process.stdout.write("done"), 5); return 0; };`,
      code: 0,
      stdout: "done",
    },
    {
      sentence: "refuses a Node that is too old, and says what to do",
      program: null,
      preload: `Object.defineProperty(process, "versions", { value: { node: "12.22.0" } })`,
      code: 2,
      stderr: `agentflow needs Node.js 24 or later; this is 12.22.0 (${process.execPath}).\nInstall a newer one from https://nodejs.org, or with a version manager: nvm install 24\n`,
    },
    {
      sentence: "refuses Windows, and says to use WSL",
      program: null,
      preload: `Object.defineProperty(process, "platform", { value: "win32" })`,
      code: 2,
      stderr: "agentflow runs on Linux and macOS. On Windows, run it inside WSL: https://learn.microsoft.com/windows/wsl/install\n",
    },
    {
      sentence: "says how to build what is not built",
      program: null,
      code: 2,
      stderr: "agentflow is not built yet: run `npm ci` in FOLDER/\n",
    },
    {
      sentence: "asks to report what was thrown: it is a bug",
      program: `export const run = async () => { const error = new Error("oops"); error.stack = "Error: oops"; throw error; };`,
      code: 70,
      stderr: "agentflow stopped because of a bug in it; please report this:\nError: oops\n",
    },
  ];

  test.each(rows)("$sentence", ({ program, preload, code, stdout = "", stderr = "" }) => {
    const cli = join(folder, "dist", "cli.js");
    if (program === null) rmSync(cli, { force: true });
    else writeFileSync(cli, program);
    const before = preload === undefined ? [] : ["--import", `data:text/javascript,${encodeURIComponent(preload)}`];
    const result = spawnSync(process.execPath, [...before, join(folder, "bin", "agentflow.js")], {
      env: COMMAND_ENV,
      encoding: "utf8",
      timeout: 10_000,
    });
    expect({ code: result.status, stdout: result.stdout, stderr: result.stderr.replace(folder, "FOLDER") }).toEqual({
      code,
      stdout,
      stderr,
    });
  });
});
