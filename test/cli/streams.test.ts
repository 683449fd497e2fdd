import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { COMMAND_ENV, type CommandEnd, commandScript, commandStarter, followed } from "../support/command.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";

const MEGABYTES = 20;

function moduleOf(name: string): string {
  return oneStage(`type = "module"\nmodule = "${name}.mjs"\ntimeout = "none"`);
}

const cwd = folderWith({
  "one.toml": oneStage(`type = "canned"\nreply = { x = 1 }`),
  "large.toml": oneStage(`type = "module"\nmodule = "large.mjs"`),
  "large.mjs": `export default () => ({ text: "x".repeat(${MEGABYTES} * 1024 * 1024), end: "here" });`,
  "slow.toml": oneStage(`type = "script"\nshell = "sleep 0.3; exit 3"\noutput = "said"\nstdout = "text"`),
  "sleeps.toml": oneStage(`type = "script"\nshell = "exec sleep 60"`),
  "echoes.toml": `[inputs.n]\n${oneStage(`type = "script"\nshell = "sleep 0.1; cat"`)}`,
  "console.toml": moduleOf("console"),
  "console.mjs": `console.log("loading %d", 1);\nexport default () => { console.error("working"); console.table([1]); return { x: 1 }; };`,
  "exits.toml": moduleOf("exits"),
  "exits.mjs": "export default () => process.exit(0);",
  "hangs.toml": moduleOf("hangs"),
  "hangs.mjs": "export default () => new Promise(() => {});",
  "stray.toml": moduleOf("stray"),
  "stray.mjs": `export default () => { setTimeout(() => { throw new Error("lost"); }, 5); return new Promise(() => {}); };`,
  "late.toml": moduleOf("late"),
  "late.mjs": `export default () => { setTimeout(() => { throw new Error("late"); }, 60); return { x: 1 }; };`,
  "rejects.toml": moduleOf("rejects"),
  "rejects.mjs": `export default () => { Promise.reject(new Error("lost")); return new Promise((resolve) => setTimeout(resolve, 1000)); };`,
});

const script = commandScript(folderWith({}));
const agentflow = `'${process.execPath}' '${script}'`;
const start = commandStarter();

/** Runs a line of shell in which `agentflow` is the command; the streams that the line leaves alone are pipes. */
async function shell(line: string, env: Readonly<Record<string, string>> = {}): Promise<CommandEnd> {
  const { stdout, stderr, code } = await followed(
    spawn("bash", ["--norc", "-c", line.replaceAll("agentflow", agentflow)], { cwd, env: { ...COMMAND_ENV, ...env } }),
  ).end;
  return { code, stdout, stderr: stderr.replaceAll(cwd, "FOLDER") };
}

const X = `{\n  "x": 1\n}\n`;

describe.concurrent("streams", () => {
  test(`a state of ${MEGABYTES} MB goes through a pipe completely, however slowly it is read`, async ({ expect }) => {
    const child = spawn(process.execPath, [script, "run", "large.toml", "--quiet"], {
      cwd,
      env: COMMAND_ENV,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const chunks: Buffer[] = [];
    let paused = false;
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (paused) return;
      paused = true;
      child.stdout.pause();
      setTimeout(() => child.stdout.resume(), 300);
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    const state = JSON.parse(Buffer.concat(chunks).toString()) as { text: string; end: string };
    expect({ code, length: state.text.length, end: state.end }).toEqual({ code: 0, length: MEGABYTES * 1024 * 1024, end: "here" });
  });

  test("a reader that goes away changes nothing: neither the run nor its code, and it is no error", async ({ expect }) => {
    const command = start(["run", "slow.toml", "--events"], { cwd });
    command.child.stdout?.once("data", () => command.child.stdout?.destroy());
    const { code, stderr } = await command.end;
    expect({ code, last: /  kept: .*/.exec(stderr)?.[0], failed: /stage 1 \(a\) failed: (.*)/.exec(stderr)?.[1] }).toEqual({
      code: 1,
      last: "  kept: the run and its input; this goes on with it:",
      failed: "exited with code 3",
    });
  });

  test.for<[sentence: string, line: string, code: number, stdout: string, stderr: string]>(
    [
      ["| head", "agentflow --help | head -n 1; exit ${PIPESTATUS[0]}", 0, "Usage: agentflow [options] [command]\n", ""],
      ["| true, with much to say", "agentflow run large.toml --quiet 2>/dev/null | true; exit ${PIPESTATUS[0]}", 0, "", ""],
      ["stdout closed", "agentflow run one.toml --quiet >&-", 0, "", ""],
      ["stderr closed", "agentflow run one.toml 2>&-", 0, X, ""],
      ["stderr that goes away", "agentflow run one.toml 2> >(true)", 0, X, ""],
      ["stdin closed", "agentflow run one.toml --quiet <&-", 0, X, ""],
      ["all of them closed", "agentflow run one.toml <&- >&- 2>&-", 0, "", ""],
      [
        "stdin closed, and needed",
        "agentflow run one.toml --input-file - <&-",
        2,
        "",
        `agentflow: --input-file: standard input is empty; it must hold a JSON object, such as {"topic": "tea"}\n`,
      ],
    ].slice(0, 8) as [string, string, number, string, string][],
  )("%s", async ([, line, code, stdout, stderr], { expect }) => {
    expect(await shell(line)).toEqual({ code, stdout, stderr });
  });

  test.skipIf(process.platform !== "linux")("a full disk behind stdout is told, and is no success", async ({ expect }) => {
    const stderr = "agentflow: not all of stdout could be written: ENOSPC: no space left on device, write\n";
    expect(await shell("agentflow run one.toml --quiet > /dev/full")).toEqual({ code: 1, stdout: "", stderr });
    expect(await shell("agentflow schema > /dev/full")).toEqual({ code: 1, stdout: "", stderr });
  });

  test("a file that may not grow behind stdout is told, and is no success", async ({ expect }) => {
    const stderr = "agentflow: not all of stdout could be written: EFBIG: file too large, write\n";
    expect(await shell("trap '' XFSZ; ulimit -f 0; agentflow --help > grown.txt")).toEqual({ code: 1, stdout: "", stderr });
  });

  test("both streams into one file keep their order", async ({ expect }) => {
    const { code } = await shell("agentflow validate one.toml gone.toml > order.txt 2>&1");
    const lines = readFileSync(join(cwd, "order.txt"), "utf8").split("\n");
    expect({ code, first: lines[0]?.replace(cwd, "FOLDER"), last: lines.at(-2) }).toEqual({
      code: 2,
      first: "error[unreadable-file]: there is no file FOLDER/gone.toml",
      last: "one.toml: valid",
    });
  });

  test("a working directory that is gone is told", async ({ expect }) => {
    expect(await shell("mkdir gone; cd gone; rmdir ../gone; agentflow run one.toml 2>&1 | tail -n 1")).toMatchObject({
      stdout: "agentflow: the working directory does not exist any more; change to another one\n",
    });
  });

  test("two runs at once do not mix, not even in one file", async ({ expect }) => {
    const runs = ["1", "2"].map((n) => start(["run", "echoes.toml", "--input", `n=${n}`, "--events"], { cwd }));
    const files = ["3", "4"].map((n) => start(["run", "echoes.toml", "--input", `n=${n}`, "--out", "both.json"], { cwd }));
    const ends = await Promise.all(runs.map(({ end }) => end));
    const states = ends.map(({ stdout }) => (JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { state: unknown }).state);
    expect(states).toEqual([{ n: "1" }, { n: "2" }]);
    const codes = (await Promise.all(files.map(({ end }) => end))).map(({ code }) => code);
    const file = JSON.parse(readFileSync(join(cwd, "both.json"), "utf8")) as { n: string };
    expect({ codes, whole: ["3", "4"].includes(file.n) }).toEqual({ codes: [0, 0], whole: true });
  });
});

describe.concurrent("modules run inside the process, and cannot break what it promises:", () => {
  test("what they print to the console is no result", async ({ expect }) => {
    const { code, stdout, stderr } = await shell("agentflow run console.toml");
    expect({ code, stdout, printed: stderr.includes("\nloading 1\nworking\n┌") }).toEqual({ code: 0, stdout: X, printed: true });
  });

  test("process.exit(0) is no success", async ({ expect }) => {
    expect(await shell("agentflow run exits.toml --quiet")).toEqual({
      code: 1,
      stdout: "",
      stderr: "agentflow: the run was cut short: a module ended the process, with process.exit() for example\n",
    });
  });

  test("what goes wrong in them after the run changes nothing about it", async ({ expect }) => {
    expect(await shell("agentflow run late.toml --quiet --no-store")).toEqual({ code: 0, stdout: X, stderr: "" });
  });

  test.for([
    ["hangs", "nothing can happen any more: a module waits for something that never comes"],
    ["stray", "a module left an error that nobody caught: lost, at Timeout._onTimeout (file://FOLDER/stray.mjs:1:49)"],
    ["rejects", "a module left an error that nobody caught: lost, at default (file://FOLDER/rejects.mjs:1:39)"],
  ] as const)("%s.mjs is told as what it is", async ([name, text], { expect }) => {
    const { code, stdout, stderr } = await shell(`agentflow run ${name}.toml --quiet --output result`);
    expect({ code, status: (JSON.parse(stdout) as { status: string }).status, first: stderr.split("\n")[0] }).toEqual({
      code: 1,
      status: "cancelled",
      first: `agentflow: ${text}; stopping`,
    });
  });
});

const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

describe("a terminal", () => {
  test.skipIf(!has("script"))("of no columns: plain lines, and no hang", async () => {
    // Without a terminal of its own to copy the size from, it makes one of 0 columns.
    const { code, stdout } = await shell(`script -qec "stty size; agentflow run one.toml" /dev/null < /dev/null`, { TERM: "xterm" });
    expect({ code, shown: stripVTControlCharacters(stdout).replaceAll("\r", "").replace(/\d+ms/g, "0ms") }).toEqual({
      code: 0,
      shown: `0 0\n[1/1] a …\n[1/1] a ✔ 0ms\n✔ one succeeded in 0ms: 1 stage\n${X}`,
    });
  });

  test.skipIf(!has("tmux"))("a real one: the line is redrawn in place, Ctrl-C stops the run, and the terminal is as it was", async () => {
    const socket = folderWith({});
    const tmux = (...args: string[]): string =>
      spawnSync("tmux", ["-S", join(socket, "tmux"), "-f", "/dev/null", ...args], { encoding: "utf8", env: terminalEnv }).stdout;
    const screen = async (pattern: RegExp): Promise<string> => {
      for (let tries = 0; tries < 200; tries += 1) {
        const shown = tmux("capture-pane", "-p");
        if (pattern.test(shown)) return shown.replace(/\n+$/, "\n");
        await delay(25);
      }
      throw new Error(`the terminal does not show ${pattern}:\n${tmux("capture-pane", "-p")}`);
    };
    try {
      tmux("new-session", "-d", "-x", "70", "-y", "20", "-c", cwd, "sh");
      tmux("send-keys", `PS1='> '; clear; stty -a > before; ${agentflow} run sleeps.toml --run-id tea`, "Enter");
      const first = await screen(/⠋|⠙|⠹|⠸|⠼|⠴|⠦|⠧|⠇|⠏/);
      const later = await screen(/\[1\/1\] a (0\.[3-9]|[1-9]\d*\.\d)s/);
      expect([first, later].map((shown) => shown.match(/\[1\/1\]/g)?.length)).toEqual([1, 1]);
      tmux("send-keys", "C-c");
      const end = await screen(/agentflow resume tea\n>/);
      expect(end.replace(/\d+(\.\d+)?m?s\b/g, "0s").trimEnd()).toBe(
        `agentflow: SIGINT: stopping; once more to stop without waiting
✖ [1/1] a cancelled after 0s: the run was stopped by SIGINT
✖ sleeps was cancelled after 0s
  stage 1 (a) failed: the run was stopped by SIGINT

  finished: no stage
  kept: the run and its input; this goes on with it:
    agentflow resume tea
>`,
      );
      tmux("send-keys", `echo "code $?"; stty -a > after; echo written`, "Enter");
      expect(await screen(/^written/m)).toContain("\ncode 130\nwritten\n");
      expect(readFileSync(join(cwd, "after"), "utf8")).toBe(readFileSync(join(cwd, "before"), "utf8"));
      expect(tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").trim()).toBe("1 0");
    } finally {
      tmux("kill-server");
    }
  });

  const terminalEnv = { ...COMMAND_ENV, LANG: "C.UTF-8", TERM: "screen" };
});
