import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { endSurvivors, runProcess, type StartedProcess } from "../../src/agents/process.ts";
import { folderWith } from "../support/folder.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of children.splice(0)) {
    try {
      process.kill(-(pid ?? 0), "SIGKILL");
    } catch {
      // It had ended.
    }
  }
});

/** A shell that leads a group of its own, as scripts do; resolves once it has written `ready`. */
async function outlive(script: string): Promise<StartedProcess & { readonly ended: Promise<string | number> }> {
  const child = spawn("sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  const ended = new Promise<string | number>((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code ?? -1)));
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  const pid = child.pid ?? 0;
  return { pid, started: startedOf(pid), ended };
}

function startedOf(pid: number): string {
  const status = readFileSync(`/proc/${pid}/stat`, "latin1");
  return status.slice(status.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** Whether a process of the group is running; one that has ended and that nobody has collected is not. */
function groupLives(group: number): boolean {
  return readdirSync("/proc").some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const status = readFileSync(`/proc/${pid}/stat`, "latin1");
      const [state, , itsGroup] = status.slice(status.lastIndexOf(")") + 2).split(" ");
      return itsGroup === String(group) && state !== "Z";
    } catch {
      return false;
    }
  });
}

describe.runIf(existsSync("/proc/self/stat"))("scripts that outlived the agentflow that had started them", () => {
  test("are ended", async () => {
    const survivor = await outlive("echo ready; sleep 60");
    await endSurvivors([survivor], 4000);
    expect([await survivor.ended, groupLives(survivor.pid)]).toEqual(["SIGTERM", false]);
  });

  test("by SIGKILL where they do not hear the first word", async () => {
    const survivor = await outlive("trap '' TERM; echo ready; while true; do sleep 0.05; done");
    await endSurvivors([survivor], 50);
    expect(await survivor.ended).toBe("SIGKILL");
  });

  test("with what they had started, also when the first of the group has died", async () => {
    const survivor = await outlive("sleep 60 & echo ready; sleep 0.1");
    expect([await survivor.ended, groupLives(survivor.pid)]).toEqual([0, true]);
    await endSurvivors([survivor], 4000);
    expect(groupLives(survivor.pid)).toBe(false);
  });

  test("but a pid that means another process by now is left alone", async () => {
    const other = await outlive("echo ready; sleep 60");
    await endSurvivors([{ pid: other.pid, started: `${Number(other.started) - 1}` }], 4000);
    expect(groupLives(other.pid)).toBe(true);
  });

  test("several of them; one that has ended is no matter", async () => {
    const stubborn = await Promise.all([1, 2, 3].map(() => outlive("trap '' TERM; echo ready; while true; do sleep 0.05; done")));
    const gone = await outlive("echo ready; sleep 0.1");
    await gone.ended;
    await endSurvivors([gone, ...stubborn], 50);
    expect(stubborn.filter(({ pid }) => groupLives(pid))).toEqual([]);
  });

  test("are known by what is told of a process as it starts", async () => {
    const directory = folderWith({});
    const told: (StartedProcess & { actual: string })[] = [];
    const request = {
      cwd: directory,
      env: { PATH: process.env.PATH },
      stdin: null,
      maxOutput: 1000,
      graceMs: 1000,
      signal: new AbortController().signal,
    };
    await runProcess({
      ...request,
      command: ["sh", "-c", `echo $$ > ${join(directory, "pid")}; sleep 0.05`],
      onProcess: (started) => void told.push({ ...started, actual: startedOf(started.pid) }),
    });
    expect(told.map(({ pid, started, actual }) => [String(pid), started === actual && started !== ""])).toEqual([
      [readFileSync(join(directory, "pid"), "utf8").trim(), true],
    ]);
  });
});
