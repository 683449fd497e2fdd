import { fileURLToPath } from "node:url";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "vitest";
import { isRunning } from "../agents/calls.ts";
import { startModelServer } from "../agents/model-server.ts";
import { commandStarter } from "../support/command.ts";
import { folderWith } from "../support/folder.ts";

const PROGRAMS = fileURLToPath(new URL("../fixtures/programs", import.meta.url));

function sequence(...tables: readonly string[]): string {
  return `${tables.join("\n")}\n[orchestration.sequential]\nagents = ["a"]\n`;
}

function script(name: string, command: string, rest = ""): string {
  return `[agents.${name}]\ntype = "script"\ncwd = "${PROGRAMS}"\ncommand = ["${command}"]\n${rest}`;
}

/** The hook says the process id of its grandchild into a file, since what hooks print is not shown. */
const HOOK = `[[hooks]]\non = "before_stage"\ncommand = ["sh", "-c", "'${PROGRAMS}/spawns-stubborn-grandchild.sh' 2> pid"]`;

const cwd = folderWith({
  "stubborn.toml": sequence(script("a", "./spawns-stubborn-grandchild.sh", 'retries = 3\nfallback = "b"'), `[agents.b]\ntype = "canned"`),
  "group.toml": `${script("x", "./spawns-stubborn-grandchild.sh")}\n${script("y", "./ignores-term.sh")}
[agents.z]
type = "canned"
reply = { z = 1 }
[orchestration.sequential]
agents = ["z", "g"]
[orchestration.sequential.parallel.g]
agents = ["x", "y"]
`,
  "retry.toml": sequence(script("a", "./fails-on-stdout.sh", `retries = 3\nretry_delay = "60s"\nretry_jitter = false`)),
  "twice.toml": `[agents.first]
type = "script"
shell = "echo once >> first.txt"
[agents.second]
type = "script"
shell = "echo begun >&2; test -e ready || exec sleep 60"
[orchestration.sequential]
agents = ["first", "second"]
`,
  "hook.toml": sequence(`[agents.a]\ntype = "canned"`, HOOK),
});

const start = commandStarter();
/** The grace period and what starting and ending take on a busy machine. */
const GRACE_MS = 5_000 + 3_000;

/** All at once: most of them wait for the grace period of scripts that do not end when they are asked to. */
describe.concurrent("row 15: Ctrl-C and its like", () => {
  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "%s ends a script and its grandchild that ignores SIGTERM, within the grace; no retry and no fallback starts",
    async ([signal, code], { expect }) => {
      const command = start(["run", "stubborn.toml", "--verbose", "--output", "result"], { cwd });
      const [, pid] = await command.says(/a │ (\d+)/);
      const sentMs = performance.now();
      command.child.kill(signal);
      const end = await command.end;
      const tookMs = performance.now() - sentMs;
      const result = JSON.parse(end.stdout) as { status: string; stages: { attempts: unknown[] }[] };
      expect({ code: end.code, status: result.status, attempts: result.stages[0]?.attempts.length }).toEqual({
        code,
        status: "cancelled",
        attempts: 1,
      });
      expect(end.stderr).toContain(`agentflow: ${signal}: stopping; once more to stop without waiting\n`);
      expect(await outlives(pid)).toBe(false);
      expect(tookMs).toBeLessThan(GRACE_MS);
    },
  );

  test("a second Ctrl-C does not wait, and kills them", async ({ expect }) => {
    const command = start(["run", "stubborn.toml", "--verbose", "--output", "result"], { cwd });
    const [, pid] = await command.says(/a │ (\d+)/);
    command.child.kill("SIGINT");
    await command.says(/once more/);
    const sentMs = performance.now();
    command.child.kill("SIGINT");
    const { code, stdout } = await command.end;
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(await outlives(pid)).toBe(false);
    expect(performance.now() - sentMs).toBeLessThan(3_000);
  });

  test("in a group every member ends, and what was finished stays", async ({ expect }) => {
    const command = start(["run", "group.toml", "--verbose", "--output", "result"], { cwd });
    const [, x] = await command.says(/x │ (\d+)/);
    const [, y] = await command.says(/y │ (\d+)/);
    command.child.kill("SIGINT");
    const { code, stdout } = await command.end;
    const { status, state, path } = JSON.parse(stdout) as Record<string, unknown>;
    expect({ code, status, state, path }).toEqual({ code: 130, status: "cancelled", state: { z: 1 }, path: ["z", "g"] });
    expect([await outlives(x), await outlives(y)]).toEqual([false, false]);
  });

  test("in a group, a second one", async ({ expect }) => {
    const command = start(["run", "group.toml", "--verbose"], { cwd });
    const [, x] = await command.says(/x │ (\d+)/);
    const [, y] = await command.says(/y │ (\d+)/);
    command.child.kill("SIGTERM");
    await command.says(/once more/);
    command.child.kill("SIGINT");
    expect((await command.end).code).toBe(143);
    expect([await outlives(x), await outlives(y)]).toEqual([false, false]);
  });

  test("the command that it prints goes on, and does not run again what had finished", async ({ expect }) => {
    const command = start(["run", "twice.toml", "--verbose"], { cwd });
    await command.says(/second │ begun/);
    command.child.kill("SIGINT");
    const { code, stderr } = await command.end;
    const [, id = ""] = /\n {4}agentflow resume (\S+)\n$/.exec(stderr) ?? [];
    await writeFile(`${cwd}/ready`, "");
    const resumed = await start(["resume", id], { cwd }).end;
    expect({ codes: [code, resumed.code], told: resumed.stderr.split("\n").slice(0, 4) }).toEqual({
      codes: [130, 0],
      told: [`↻ run ${id} goes on`, "  reused: first", "  will run: second, and what follows it", "[2/2] second …"],
    });
    expect(await readFile(`${cwd}/first.txt`, "utf8")).toBe("once\n");
  });

  test("in the wait before another attempt, at once", async ({ expect }) => {
    const command = start(["run", "retry.toml"], { cwd });
    await command.says(/again in 1m/);
    command.child.kill("SIGINT");
    const { code, stderr } = await command.end;
    expect({ code, attempts: stderr.match(/attempt \d\/4/g) }).toEqual({ code: 130, attempts: ["attempt 1/4"] });
  });

  test("in a model call whose server never answers, at once", async ({ expect }) => {
    const server = await startModelServer();
    try {
      const asked = new Promise<void>((resolve) => server.behave(() => resolve()));
      const folder = folderWith({
        "asks.toml": sequence(
          `[providers.local]\nbase_url = "${server.baseUrl}"`,
          `[agents.a]\ntype = "llm"\nprovider = "local"\nmodel = "m"`,
        ),
      });
      const command = start(["run", "asks.toml"], { cwd: folder });
      await asked;
      command.child.kill("SIGINT");
      expect((await command.end).code).toBe(130);
    } finally {
      await server.close();
    }
  });

  test("in a hook: a second one leaves none of its processes behind", async ({ expect }) => {
    const command = start(["run", "hook.toml"], { cwd });
    const pid = await pidIn(`${cwd}/pid`);
    command.child.kill("SIGINT");
    await command.says(/once more/);
    command.child.kill("SIGINT");
    expect((await command.end).code).toBe(130);
    expect(await outlives(pid)).toBe(false);
  });
});

/** Whether a process goes on although its run has ended. One that was killed may take a moment to disappear. */
async function outlives(pid: string | number | undefined): Promise<boolean> {
  for (let tries = 0; tries < 50 && isRunning(pid); tries += 1) await delay(10);
  return isRunning(pid);
}

/** Waits for a process that writes its id there. */
async function pidIn(file: string): Promise<number> {
  for (;;) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text.endsWith("\n")) return Number(text);
    await delay(10);
  }
}
