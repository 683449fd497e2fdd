import { execFile, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, type ProgramWorld, runProgram, startProgram } from "../support/program.ts";
import { stillClock } from "../support/still-clock.ts";

const TWO = `
[agents.first]
type = "canned"
reply = { facts = ["a", "b"] }
[agents.second]
type = "canned"
reply = "done"
output = "report"
[orchestration.sequential]
agents = ["first", "second"]
`;

const FAILS = `
[agents.first]
type = "canned"
reply = { facts = ["a", "b"] }
[agents.second]
type = "canned"
reply = "done"
output = "report"
fail = "server_error"
retries = 1
retry_jitter = false
[orchestration.sequential]
agents = ["first", "second"]
`;

const TALKS = `
[agents.talk]
type = "script"
shell = "echo one >&2; echo two >&2"
[orchestration.sequential]
agents = ["talk"]
`;

const WARNS = `
[agents.flaky]
type = "canned"
fail = "server_error"
on_error = "continue"
[orchestration.sequential]
agents = ["flaky"]
`;

const cwd = folderWith({ "two.toml": TWO, "fails.toml": FAILS, "talks.toml": TALKS, "warns.toml": WARNS });

const STATE = `${JSON.stringify({ facts: ["a", "b"], report: "done" }, null, 2)}\n`;
const SUMMARY = `✖ fails failed after 0ms
  stage 2 (second) failed after 2 attempts: canned failure of kind server_error
    attempt 1, 0ms: server_error: canned failure of kind server_error
    attempt 2, 0ms: server_error: canned failure of kind server_error

  finished: first 0ms
  kept: the finished stages; this goes on without running them again:
    agentflow resume id-1
`;

const run = (args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> =>
  runProgram(["run", ...args], { cwd, clock: stillClock({ speed: 1000 }), ownStore: true, ...world });

describe("stdout carries the result and nothing else:", () => {
  test("row 13: the final state, when the run succeeds", async () => {
    expect((await run(["two.toml"])).stdout).toBe(STATE);
    expect((await run(["two.toml", "--output", "state"])).stdout).toBe(STATE);
  });

  test("nothing, when it fails", async () => {
    expect(await run(["fails.toml", "--quiet"])).toEqual({ code: 1, stdout: "", stderr: SUMMARY });
  });

  test("row 124: the whole result, however it ended, when it is asked for", async () => {
    const good = await run(["two.toml", "--output", "result"]);
    const bad = await run(["fails.toml", "--output", "result"]);
    const told = [good, bad].map(({ code, stdout }) => {
      const result = JSON.parse(stdout) as Record<string, unknown> & { stages: { name: string; status: string }[] };
      const { version, status, state, path, stages } = result;
      return { code, version, status, state, path, stages: stages.map((stage) => `${stage.name} ${stage.status}`) };
    });
    const path = ["first", "second"];
    expect(told).toEqual([
      {
        code: 0,
        version: 1,
        status: "succeeded",
        state: { facts: ["a", "b"], report: "done" },
        path,
        stages: ["first succeeded", "second succeeded"],
      },
      { code: 1, version: 1, status: "failed", state: { facts: ["a", "b"] }, path, stages: ["first succeeded", "second failed"] },
    ]);
    expect(good.stdout).toBe(`${JSON.stringify(JSON.parse(good.stdout), null, 2)}\n`);
  });

  test("nothing, when nothing is asked for", async () => {
    expect(await run(["two.toml", "--output", "none", "--quiet"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test.each([
    ["two.toml", 0],
    ["fails.toml", 1],
  ])("with --events every event of %s as a line, as it happens, and the result last", async (file, code) => {
    const end = await run([file, "--events", "--quiet"]);
    expect(end.code).toBe(code);
    expect(end.stdout.endsWith("\n")).toBe(true);
    const lines = end.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; seq?: number; version: number });
    const events = lines.slice(0, -1);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
    expect(new Set(lines.map(({ version }) => version))).toEqual(new Set([1]));
    expect([events[0]?.type, events.at(-1)?.type, lines.at(-1)?.type]).toEqual(["run-start", "run-end", "result"]);
    const { stdout: result } = await run([file, "--output", "result", "--quiet"]);
    expect(lines.at(-1)).toEqual({ type: "result", ...(JSON.parse(result) as object) });
  });

  test("what modules print to the console is shown on stderr, and not with --quiet", async () => {
    const folder = folderWith({
      "slow.mjs": "export default () => new Promise((resolve) => setTimeout(() => resolve({ x: 1 }), 20));",
      "slow.toml": oneStage(`type = "module"\nmodule = "slow.mjs"`),
    });
    const shown: ProgramEnd[] = [];
    for (const flags of [[], ["--quiet", "--events"]]) {
      const program = startProgram(["run", "slow.toml", ...flags], { cwd: folder, ownStore: true });
      await (flags.length === 0 ? program.says("[1/1] a …") : program.prints('"attempt-start"'));
      program.print("seen 1 of two\n");
      shown.push(await program.end);
      program.print("nobody listens any more");
      expect(program.stderr()).toBe(shown.at(-1)?.stderr);
    }
    expect(shown.map(({ stderr }) => stderr)).toEqual(["[1/1] a …\nseen 1 of two\n[1/1] a ✔ 0ms\n✔ slow succeeded in 0ms: 1 stage\n", ""]);
  });

  test("what could not be written is told, and then 0 would be a lie", async () => {
    const loss = new Error("ENOSPC: no space left on device, write");
    const stderr = "agentflow: not all of stdout could be written: ENOSPC: no space left on device, write\n";
    expect(await run(["two.toml", "--quiet"], { loss })).toEqual({ code: 1, stdout: STATE, stderr });
    expect((await run(["nowhere.toml"], { loss })).code).toBe(2);
  });
});

describe("--out", () => {
  test("gives a file what stdout would get, whole, and leaves nothing else behind", async () => {
    const folder = folderWith({ "two.toml": TWO, "there.json": "old" });
    for (const [name, args] of [
      ["new.json", []],
      ["there.json", []],
      ["result.json", ["--output", "result"]],
    ] as const) {
      const { code, stdout } = await run(["two.toml", "--out", name, ...args], { cwd: folder });
      expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    }
    expect(readFileSync(join(folder, "new.json"), "utf8")).toBe(STATE);
    expect(readFileSync(join(folder, "there.json"), "utf8")).toBe(STATE);
    expect(JSON.parse(readFileSync(join(folder, "result.json"), "utf8"))).toMatchObject({ status: "succeeded" });
    expect(readdirSync(folder).toSorted()).toEqual(["new.json", "result.json", "there.json", "two.toml"]);
  });

  test("leaves the file as it was where the run fails, unless the result is asked for", async () => {
    const folder = folderWith({ "fails.toml": FAILS, "there.json": "old" });
    expect((await run(["fails.toml", "--out", "there.json"], { cwd: folder })).code).toBe(1);
    expect(readFileSync(join(folder, "there.json"), "utf8")).toBe("old");
    expect((await run(["fails.toml", "--out", "there.json", "--output", "result"], { cwd: folder })).code).toBe(1);
    expect(JSON.parse(readFileSync(join(folder, "there.json"), "utf8"))).toMatchObject({ status: "failed" });
  });

  test("keeps a link and the permissions of its file; a pipe is written to, not replaced", async () => {
    const folder = folderWith({ "two.toml": TWO, "real.json": "old" });
    chmodSync(join(folder, "real.json"), 0o600);
    symlinkSync("real.json", join(folder, "link.json"));
    expect((await run(["two.toml", "--out", "link.json"], { cwd: folder })).code).toBe(0);
    expect(readFileSync(join(folder, "real.json"), "utf8")).toBe(STATE);
    expect(statSync(join(folder, "real.json")).mode & 0o777).toBe(0o600);
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = promisify(execFile)("cat", [pipe], { timeout: 10_000 });
    expect((await run(["two.toml", "--out", "pipe"], { cwd: folder })).code).toBe(0);
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect((await reader).stdout).toBe(STATE);
  });

  test.each([
    ["a directory that is not there", "nowhere/x.json", "there is no directory FOLDER/nowhere"],
    ["a directory instead of a file", ".", "FOLDER cannot be written: it is a directory"],
    [
      "a file instead of a directory",
      "marks.toml/x.json",
      "FOLDER/marks.toml/x.json cannot be written: ENOTDIR: not a directory, open 'FOLDER/marks.toml/x.json.id-2.part'",
    ],
  ])("is refused before the run: %s", async (_sentence, out, message) => {
    const folder = folderWith({ "marks.toml": marking });
    const { code, stdout, stderr } = await run(["marks.toml", "--out", out], { cwd: folder });
    expect({ code, stdout, stderr: stderr.replaceAll(folder, "FOLDER") }).toEqual({
      code: 2,
      stdout: "",
      stderr: `agentflow: --out: ${message}\n`,
    });
    expect(existsSync(join(folder, "was-run"))).toBe(false);
  });

  test.skipIf(process.getuid?.() === 0)("is refused before the run: no permission", async () => {
    const folder = folderWith({ "marks.toml": marking, "mine.json": "old" });
    chmodSync(join(folder, "mine.json"), 0o444);
    expect(await run(["marks.toml", "--out", "mine.json"], { cwd: folder })).toEqual({
      code: 2,
      stdout: "",
      stderr: `agentflow: --out: ${folder}/mine.json cannot be written: permission denied\n`,
    });
  });

  test("a file that cannot be written after all is no success, and stdout gets what it would have got", async () => {
    const folder = folderWith({
      "breaks.toml": TWO.replace(`[agents.first]\ntype = "canned"`, `[agents.first]\ntype = "canned"\ndelay = "40s"`),
    });
    mkdirSync(join(folder, "out"));
    const clock = stillClock({ speed: 1000 });
    const program = startProgram(["run", "breaks.toml", "--out", "out/x.json"], { cwd: folder, clock });
    await program.says("[1/2] first …");
    rmSync(join(folder, "out"), { recursive: true });
    writeFileSync(join(folder, "out"), "");
    const { code, stdout, stderr } = await program.end;
    expect({ code, stdout, last: stderr.trimEnd().split("\n").at(-1)?.replaceAll(folder, "FOLDER") }).toEqual({
      code: 1,
      stdout: STATE,
      last: "agentflow: FOLDER/out/x.json could not be written (ENOTDIR: not a directory, open 'FOLDER/out/x.json.id-2.part'); here it is instead",
    });
  });

  const marking = oneStage(`type = "script"\nshell = "touch was-run"`);
});

describe("stderr", () => {
  test("rows 12, 42: has a line when a stage starts and one when it ends, with its duration", async () => {
    const { stderr } = await run(["two.toml"]);
    expect(stderr).toBe("[1/2] first …\n[1/2] first ✔ 0ms\n[2/2] second …\n[2/2] second ✔ 0ms\n✔ two succeeded in 0ms: 2 stages\n");
  });

  test("rows 9, 42, 70, 71: tells each failed attempt, and at the end the stage, its attempts and the cause", async () => {
    const { stderr } = await run(["fails.toml"]);
    expect(stderr).toBe(
      `[1/2] first …
[1/2] first ✔ 0ms
[2/2] second …
[2/2] second ✖ attempt 1/2: canned failure of kind server_error; again in 1s
[2/2] second ✖ 1s, 2 attempts: canned failure of kind server_error
${SUMMARY}`,
    );
  });

  test("--quiet leaves only what went wrong, also where the run succeeded", async () => {
    expect((await run(["two.toml", "--quiet"])).stderr).toBe("");
    expect((await run(["warns.toml", "-q"])).stderr).toBe(
      "✔ warns succeeded in 0ms: 1 stage\n  ⚠ stage 1 (flaky) failed, tolerated: canned failure of kind server_error\n",
    );
  });

  test("--verbose adds what scripts print there, which is not shown otherwise", async () => {
    const shown = (log: string): string => `[1/1] talk …\n${log}[1/1] talk ✔ 0ms\n✔ talks succeeded in 0ms: 1 stage\n`;
    const clock = stillClock();
    expect((await run(["talks.toml"], { clock })).stderr).toBe(shown(""));
    expect((await run(["talks.toml", "--verbose"], { clock })).stderr).toBe(shown("talk │ one\ntalk │ two\n"));
    expect((await run(["talks.toml", "-v"], { clock })).stderr).toBe(shown("talk │ one\ntalk │ two\n"));
  });
});

describe("colours", () => {
  test.each<[sentence: string, coloured: boolean, args: readonly string[], world: Partial<ProgramWorld>]>([
    ["on a terminal", true, [], { isTTY: true }],
    ["not elsewhere", false, [], {}],
    ["not with --no-color", false, ["--no-color"], { isTTY: true, env: { FORCE_COLOR: "1" } }],
    ["not with NO_COLOR", false, [], { isTTY: true, env: { NO_COLOR: "1" } }],
    ["with an empty NO_COLOR", true, [], { isTTY: true, env: { NO_COLOR: "" } }],
    ["not in CI", false, [], { isTTY: true, env: { CI: "true" } }],
    ["with CI=false", true, [], { isTTY: true, env: { CI: "false" } }],
    ["not on a dumb terminal", false, [], { isTTY: true, env: { TERM: "dumb" } }],
    ["anywhere with FORCE_COLOR", true, [], { env: { FORCE_COLOR: "1", CI: "1", TERM: "dumb" } }],
    ["NO_COLOR is stronger than FORCE_COLOR", false, [], { isTTY: true, env: { NO_COLOR: "1", FORCE_COLOR: "1" } }],
  ])("%s", async (_sentence, coloured, args, world) => {
    const esc = "\u001b";
    const outputs = await Promise.all([
      run(["two.toml", ...args], world),
      runProgram(["validate", ...args, "nowhere.toml"], { cwd, ...world }),
    ]);
    expect(outputs.map(({ stderr }) => stderr.includes(`${esc}[3`))).toEqual([coloured, coloured]);
    expect(outputs.map(({ stdout }) => stdout.includes(esc))).toEqual([false, false]);
    const { stdout: dryRun } = await run(["two.toml", "--dry-run", ...args], world);
    expect(dryRun.includes(esc)).toBe(coloured);
  });
});

test("the plan of a dry run is coloured where stdout is a terminal, whatever stderr is", async () => {
  const shown = await Promise.all([true, false].map((stdoutIsTTY) => run(["two.toml", "--dry-run"], { isTTY: !stdoutIsTTY, stdoutIsTTY })));
  expect(shown.map(({ stdout }) => stdout.includes("\u001b["))).toEqual([true, false]);
});

describe("what is kept on the disk", () => {
  test("the run, in a directory of its own that only its owner can read and git does not see", async () => {
    const folder = folderWith({ "fails.toml": FAILS });
    const { code, stderr } = await run(["fails.toml", "--quiet"], { cwd: folder, ownStore: false });
    expect([code, stderr]).toEqual([1, SUMMARY]);
    const store = join(folder, ".agentflow");
    expect(statSync(store).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(store, ".gitignore"), "utf8")).toBe("*\n");
  });

  test("in the directory of --state-dir, which the commands that go on name", async () => {
    const folder = folderWith({ "fails.toml": FAILS });
    const { stderr } = await run(["fails.toml", "--quiet", "--state-dir", "kept here"], { cwd: folder });
    expect(stderr.split("\n").at(-2)).toBe("    agentflow resume id-1 --state-dir 'kept here'");
    expect(readdirSync(folder).toSorted()).toEqual(["fails.toml", "kept here"]);
  });

  test("nothing with --no-store, and what was done is in the result alone", async () => {
    const folder = folderWith({ "two.toml": TWO, "fails.toml": FAILS });
    const world = { cwd: folder, ownStore: false };
    expect((await run(["two.toml", "--no-store"], world)).stdout).toBe(STATE);
    const { code, stderr } = await run(["fails.toml", "--no-store", "--quiet"], world);
    expect({ code, kept: stderr.trimEnd().split("\n").at(-1) }).toEqual({
      code: 1,
      kept: "  kept: nothing is stored; what they wrote (facts) is in the result, which `--output result` prints",
    });
    expect(readdirSync(folder).toSorted()).toEqual(["fails.toml", "two.toml"]);
  });
});
