import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { CommandEnd } from "../support/command.ts";
import { folderWith } from "../support/folder.ts";
import { agentflowStarter, callsOf, inParallel, makePlace, orphansIn, type Place } from "./support/agentflow.ts";
import { straceMissing } from "./support/strace.ts";
import { differences, startWorkload, undisturbed, unfinishedProblems, untilEnded } from "./support/workload.ts";

const start = agentflowStarter();
const mounted = new Set<string>();
afterAll(() => {
  for (const folder of mounted) spawnSync("umount", [folder]);
});

const noStrace = straceMissing();
const noMounts = mountsMissing();

const NEXT = "\nonce that is mended, this goes on with what was recorded:\n    agentflow resume w";

/** 74, what is wrong and what to do, nothing else is run, no process is left; and with a disk that works the run goes on to its end. */
async function stopped(place: Place, { code, stdout, stderr }: CommandEnd, why: string): Promise<string[]> {
  const lost = await unfinishedProblems(place);
  const orphans = await orphansIn(place.folder);
  return [
    ...(code === 74 ? [] : [`it ended with ${code}`]),
    ...(stdout === "" ? [] : [`stdout has ${stdout}`]),
    // Where the run itself could not be made, there is nothing to go on with.
    ...(["", NEXT].some((next) => stderr === `agentflow: the store ${place.store} cannot be used: ${why}${next}\n`)
      ? []
      : [`it says ${stderr}`]),
    ...lost,
    ...(orphans.length === 0 ? [] : ["a process was left"]),
  ];
}

/** The first of them make a new store. */
const SYNCS = [1, 2, 4, 5, 6, 8, 10, 13, 16, 19, 22, 25, 28, 31, 34, 37];

describe.skipIf(noStrace !== null)(`fault 3: a sync that fails${noStrace === null ? "" : ` (${noStrace})`}`, () => {
  test.each([
    ["once", ""],
    ["for ever", "+"],
  ])("%s: the run stops with 74, nothing more is run, and it can be gone on with", async (_, more) => {
    const expected = await undisturbed(start, makePlace(), "fails");
    const wrong: unknown[] = [];
    await inParallel(SYNCS, async (number) => {
      const place = makePlace();
      const trace = join(folderWith({}), "trace");
      const inject = `inject=fsync,fdatasync:error=EIO:when=${number}${more}`;
      const through = ["strace", "-f", "--seccomp-bpf", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,write", "-e", inject];
      const end = await startWorkload(start, place, "fails", { through }).end;
      const failed = readFileSync(trace, "utf8").split("\n");
      const problems = isOfNoConsequence(failed)
        ? []
        : [...(await stopped(place, end, "the disk reports an error: check it, and go on with the run")), ...begunAfterFailure(failed)];
      const again = await untilEnded(start, place, "fails", () => ({}));
      const all = [...problems, ...again.problems, ...(await differences(place, expected))];
      if (all.length > 0) wrong.push({ sync: number, problems: all });
    });
    expect(wrong).toEqual([]);
  });
});

/** SQLite does not mind that a name in its directory could not be synced once; what it holds was. */
function isOfNoConsequence(trace: readonly string[]): boolean {
  const failures = trace.filter((line) => line.includes("(INJECTED)"));
  return failures.length === 1 && /\.agentflow>\)/.test(failures[0] ?? "");
}

function begunAfterFailure(lines: readonly string[]): string[] {
  const failure = lines.findIndex((line) => line.includes("(INJECTED)"));
  if (failure === -1) return ["no sync failed"];
  return lines.slice(failure).filter((line) => /\/calls>, "\+ /.test(line));
}

describe.skipIf(noMounts !== null)(`faults 4 and 5: a disk of its own${noMounts === null ? "" : ` (${noMounts})`}`, () => {
  test("fault 4: the disk is full at one moment or another: 74, what to do, and with more room the run goes on", async () => {
    const expected = await undisturbed(start, makePlace(), "fails");
    const wrong: unknown[] = [];
    let count = 0;
    await inParallel([0, 4, 16, 36, 48, 56, 64, 72, 80, 88, 96, 104], async (kilobytes) => {
      const place = makePlace();
      mount(place.store, `size=${Math.max(4, kilobytes)}k`);
      // Less than a page cannot be had: the disk is full of something else.
      if (kilobytes === 0) writeFileSync(join(place.store, "other"), Buffer.alloc(4096));
      const end = await startWorkload(start, place, "fails").end;
      const problems = await stopped(place, end, "the disk is full: make room, and go on with the run");
      count += callsOf(place).length > 0 ? 1 : 0;
      spawnSync("mount", ["-o", "remount,size=8m", place.store]);
      const again = await untilEnded(start, place, "fails", () => ({}));
      const all = [...problems, ...again.problems, ...(await differences(place, expected))];
      if (all.length > 0) wrong.push({ kilobytes, problems: all });
      unmount(place.store);
    });
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(3);
  });

  test("fault 5: a store that can only be read: nothing is run", async () => {
    const place = makePlace();
    mount(place.store, "size=8m");
    await startWorkload(start, place, "succeeds", { fault: "kill-after-commit:5" }).end;
    const calls = callsOf(place);
    spawnSync("mount", ["-o", "remount,ro", place.store]);
    const why = `agentflow: the store ${place.store} cannot be used: it can only be read: make it writable, or use another directory\n`;
    for (const args of [
      ["resume", "w"],
      ["rollback", "w"],
      ["run", "other.toml"],
    ]) {
      writeFileSync(join(place.folder, "other.toml"), ONE_STAGE);
      const end = await start(args, place).end;
      expect({ args, ...end }).toEqual({ args, code: 74, stdout: "", stderr: why });
    }
    expect(callsOf(place)).toEqual(calls);
    unmount(place.store);
  });

  test("fault 5: no directory can be made where the store shall be", async () => {
    const place = makePlace({ "p.toml": ONE_STAGE });
    mount(join(place.folder, "ro"), "size=64k");
    spawnSync("mount", ["-o", "remount,ro", join(place.folder, "ro")]);
    const end = await start(["run", "p.toml", "--state-dir", "ro/store"], place).end;
    expect(end).toEqual({
      code: 74,
      stdout: "",
      stderr: `agentflow: the store ${join(place.folder, "ro/store")} cannot be used: it can only be read: make it writable, or use another directory\n`,
    });
    expect(callsOf(place)).toEqual([]);
    unmount(join(place.folder, "ro"));
  });
});

describe("fault 5: the store's place", () => {
  test.each<[string, (place: Place) => void, string]>([
    [
      "a file is there",
      ({ store }) => writeFileSync(store, ""),
      "a file is in the place of a directory: move it away, or use another directory",
    ],
    [
      "a file is where its database's folder of locks should be",
      ({ store }) => {
        mkdirSync(store);
        writeFileSync(join(store, "locks"), "");
      },
      "a file is in the place of a directory: move it away, or use another directory",
    ],
    [
      "a directory is in the place of the database",
      ({ store }) => mkdirSync(join(store, "agentflow.db"), { recursive: true }),
      "its files cannot be opened: check their permissions, and how many files may be open",
    ],
  ])("%s: 74 before anything is run", async (_, spoil, why) => {
    const place = makePlace({ "p.toml": ONE_STAGE });
    spoil(place);
    const end = await start(["run", "p.toml"], place).end;
    expect({ ...end, calls: callsOf(place) }).toEqual({
      code: 74,
      stdout: "",
      stderr: `agentflow: the store ${place.store} cannot be used: ${why}\n`,
      calls: [],
    });
  });

  test.skipIf(noStrace !== null)("its permissions were lost: 74 before anything is run", async () => {
    const place = makePlace({ "p.toml": ONE_STAGE });
    await start(["run", "p.toml", "--quiet"], place).end;
    rmSync(place.calls);
    const through = ["strace", "-f", "-o", "/dev/null", "-P", join(place.store, "agentflow.db"), "-e", "inject=openat:error=EACCES"];
    const end = await start(["run", "p.toml"], place, { through }).end;
    expect({ ...end, calls: callsOf(place) }).toEqual({
      code: 74,
      stdout: "",
      stderr: `agentflow: the store ${place.store} cannot be used: its files cannot be opened: check their permissions, and how many files may be open\n`,
      calls: [],
    });
  });

  test("it is removed while a stage runs: nothing more is run", async () => {
    const place = makePlace();
    writeFileSync(join(place.folder, "p.toml"), twoStages(`rm -rf '${place.store}'`));
    const { code, stderr } = await start(["run", "p.toml", "--quiet", "--run-id", "w"], place).end;
    // Whichever of its files is missed first.
    const beginning = `agentflow: the store ${place.store} cannot be used: `;
    expect({ code, begins: stderr.startsWith(beginning), ends: stderr.endsWith(`${NEXT}\n`), calls: callsOf(place) }).toEqual({
      code: 74,
      begins: true,
      ends: true,
      calls: ["a"],
    });
  });
});

const ONE_STAGE = `[agents.a]
type = "script"
shell = 'echo a >> "$CALLS"'
[orchestration.sequential]
agents = ["a"]
`;

function twoStages(harm: string): string {
  return `[agents.a]
type = "script"
shell = '''echo a >> "$CALLS"; ${harm}'''
[agents.b]
type = "script"
shell = 'echo b >> "$CALLS"'
[orchestration.sequential]
agents = ["a", "b"]
`;
}

function mount(folder: string, options: string): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `mode=0700,${options}`, "tmpfs", folder], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  mounted.add(folder);
}

function unmount(folder: string): void {
  if (spawnSync("umount", [folder]).status === 0) mounted.delete(folder);
}

/** Why no file system can be mounted here; null: it can. */
function mountsMissing(): string | null {
  const folder = folderWith({});
  try {
    mount(folder, "size=4k");
    unmount(folder);
    return null;
  } catch (error) {
    return `no file system can be mounted here: ${(error as Error).message.trim()}`;
  }
}
