import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import type { CommandEnd } from "../support/command.ts";
import { agentflowStarter, callsOf, makePlace, orphansIn, type Place } from "./support/agentflow.ts";
import { recordedRun } from "./support/recorded.ts";
import { callNames } from "./support/workload.ts";

const start = agentflowStarter();
const PROGRAMS = fileURLToPath(new URL("workload", import.meta.url));

/** Stages with handlers, one that waits until it is told to go on, one that fails at first, and one that always fails. */
const AGENTS = `${["a", "b", "c"].map(undoable).join("")}
[agents.gated]
type = "script"
command = ["${PROGRAMS}/gated.sh", "gated"]
rollback = "undo-gated"
[agents.undo-gated]
type = "script"
command = ["${PROGRAMS}/agent.sh", "undo-gated", ""]
[agents.fails]
type = "script"
command = ["${PROGRAMS}/agent.sh", "fails", "{}", "1"]
retries = 1
retry_delay = "60s"
retry_jitter = false
[agents.always]
type = "script"
command = ["${PROGRAMS}/agent.sh", "always", "{}", "9"]
[agents.held]
extends = "a"
rollback = "undo-held"
[agents.undo-held]
type = "script"
command = ["${PROGRAMS}/gated.sh", "undo-held"]
`;

function undoable(name: string): string {
  return `[agents.${name}]
type = "script"
command = ["${PROGRAMS}/agent.sh", "${name}", '{"${name}": 1}']
rollback = "undo-${name}"
[agents.undo-${name}]
type = "script"
command = ["${PROGRAMS}/agent.sh", "undo-${name}", ""]
`;
}

const FILES = {
  "stage.toml": `${AGENTS}[orchestration.sequential]\nagents = ["a", "b", "gated", "c"]\n`,
  "backoff.toml": `${AGENTS}[orchestration.sequential]\nagents = ["a", "b", "fails", "c"]\n`,
  "group.toml": `${AGENTS}[orchestration.sequential]\nagents = ["a", "g", "c"]\n[orchestration.sequential.parallel.g]\nagents = ["b", "gated"]\n`,
  "rollback.toml": `${AGENTS}[orchestration.sequential]\nagents = ["a", "held", "b", "always"]\n`,
};

interface Case {
  readonly file: string;
  /** The call during which it is stopped, and whether that has to be over. */
  readonly during: string;
  readonly finished: readonly string[];
  readonly undone: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "in a stage": { file: "stage.toml", during: "+ w/gated~1 gated 1 ", finished: ["a", "b"], undone: ["b~1 undo-b", "a~1 undo-a"] },
  "in the wait before another attempt": {
    file: "backoff.toml",
    during: "- w/fails~1 fails 1 ",
    finished: ["a", "b"],
    undone: ["b~1 undo-b", "a~1 undo-a"],
  },
  "in a group, of which one member has finished": {
    file: "group.toml",
    during: "+ w/g/gated~1 gated 1 ",
    finished: ["a", "b"],
    undone: ["g/b~1 undo-b", "a~1 undo-a"],
  },
};

describe.concurrent("fault 10: a run that is stopped", () => {
  test.for(Object.entries(CASES))(
    "%s: what had finished is kept, and a rollback undoes just that, once, the last one first",
    async ([, each], { expect }) => {
      const place = makePlace(FILES);
      const end = await stopped(place, each, "SIGINT");
      expect(end.code).toBe(130);
      expect(end.stderr).toContain("agentflow resume w\n");
      expect(end.stderr).toContain("agentflow rollback w\n");
      expect(await orphansIn(place.folder)).toEqual([]);
      const { code } = await start(["rollback", "w", "--quiet"], place).end;
      expect({ code, undone: undoneIn(place), status: await statusOf(place) }).toEqual({
        code: 0,
        undone: each.undone,
        status: "rolled_back",
      });
      for (const command of ["rollback", "resume"]) {
        const again = await start([command, "w", "--quiet"], place).end;
        const stderr = "agentflow: the run w was rolled back: what it had finished is undone\n";
        expect(again).toEqual({ code: 2, stdout: "", stderr });
      }
      expect(undoneIn(place)).toEqual(each.undone);
    },
  );

  test.for(
    Object.entries(CASES).flatMap(([where, each]) =>
      (where === "in a stage" ? (["SIGINT", "SIGTERM", "SIGHUP"] as const) : (["SIGINT"] as const)).map(
        (signal) => [signal, where, each] as const,
      ),
    ),
  )("fault 20: %s %s: a resume runs just what had not finished", async ([signal, , each], { expect }) => {
    const place = makePlace(FILES);
    const end = await stopped(place, each, signal);
    expect({ code: end.code, stdout: end.stdout, status: await statusOf(place) }).toEqual({
      code: { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal],
      stdout: "",
      status: "cancelled",
    });
    const before = callNames(place).length;
    writeFileSync(join(place.folder, "go-gated"), "");
    const again = start(["resume", "w", "--quiet"], place);
    if (each.file === "backoff.toml") {
      // Its attempts begin anew, and with them the wait.
      await called(place, each.during, 2);
      again.child.kill("SIGINT");
      expect((await again.end).code).toBe(130);
    } else {
      expect((await again.end).code).toBe(0);
    }
    const made = callNames(place).slice(before);
    expect(made.filter((call) => each.finished.some((name) => call.includes(` ${name} `)))).toEqual([]);
    expect(made.length).toBeGreaterThan(0);
  });

  test("in a rollback: the first Ctrl-C does not stop it, a second one does, and a resume undoes the rest, nothing twice", async ({
    expect,
  }) => {
    const place = makePlace(FILES);
    const command = start(["run", "rollback.toml", "--run-id", "w"], place);
    await called(place, "+ w/rollback:held~1 undo-held 1 ");
    command.child.kill("SIGINT");
    await command.says(/the rollback goes on; once more to stop it/);
    await delay(100);
    expect(command.child.exitCode).toBe(null);
    command.child.kill("SIGINT");
    const end = await command.end;
    expect(end.code).toBe(130);
    expect(end.stderr).toContain("agentflow rollback w\n");
    expect(await orphansIn(place.folder)).toEqual([]);
    writeFileSync(join(place.folder, "go-undo-held"), "");
    expect((await start(["resume", "w", "--quiet"], place).end).code).toBe(1);
    expect({ undone: undoneIn(place), status: await statusOf(place) }).toEqual({
      undone: ["b~1 undo-b", "held~1 undo-held", "held~1 undo-held", "a~1 undo-a"],
      status: "rolled_back",
    });
  });

  test("a first Ctrl-C in a rollback, which is then let go on: all is undone, and the code tells why the run had ended", async ({
    expect,
  }) => {
    const place = makePlace(FILES);
    const command = start(["run", "rollback.toml", "--run-id", "w"], place);
    await called(place, "+ w/rollback:held~1 undo-held 1 ");
    command.child.kill("SIGINT");
    await command.says(/once more/);
    writeFileSync(join(place.folder, "go-undo-held"), "");
    expect((await command.end).code).toBe(1);
    expect({ undone: undoneIn(place), status: await statusOf(place) }).toEqual({
      undone: ["b~1 undo-b", "held~1 undo-held", "a~1 undo-a"],
      status: "rolled_back",
    });
  });
});

describe.concurrent("fault 20: streams that go away", () => {
  test("a reader that closes stdout early changes nothing: the run is recorded to its end", async ({ expect }) => {
    const place = makePlace(FILES);
    const command = start(["run", "stage.toml", "--run-id", "w", "--events", "--quiet"], place);
    await called(place, "+ w/gated~1 gated 1 ");
    command.child.stdout?.destroy();
    writeFileSync(join(place.folder, "go-gated"), "");
    const { code, stderr } = await command.end;
    expect({ code, status: await statusOf(place) }).toEqual({ code: 0, status: "succeeded" });
    expect(stderr).not.toContain("agentflow: ");
  });

  test("a terminal that goes away, with SIGHUP and both streams closed: the progress is kept", async ({ expect }) => {
    const place = makePlace(FILES);
    const command = start(["run", "stage.toml", "--run-id", "w"], place);
    await called(place, "+ w/gated~1 gated 1 ");
    command.child.stdout?.destroy();
    command.child.stderr?.destroy();
    command.child.kill("SIGHUP");
    expect((await command.end).code).toBe(129);
    writeFileSync(join(place.folder, "go-gated"), "");
    expect((await start(["resume", "w", "--quiet"], place).end).code).toBe(0);
    expect(callNames(place)).toEqual(["w/a~1 a 1", "w/b~1 b 1", "w/gated~1 gated 1", "w/gated~1 gated 1", "w/c~1 c 1"]);
  });
});

/** A run that gets a signal during a call; in a group, once its other member has been recorded. */
async function stopped(place: Place, { file, during, finished }: Case, signal: NodeJS.Signals): Promise<CommandEnd> {
  const command = start(["run", file, "--run-id", "w"], place);
  await called(place, during);
  for (let tries = 0; tries < 500; tries += 1) {
    const names = (await recordedRun(place, "w"))?.entries.map(([, { agent }]) => agent) ?? [];
    if (finished.every((name) => names.includes(name)) && (!during.includes("fails") || names.includes("fails"))) break;
    await delay(10);
  }
  command.child.kill(signal);
  return command.end;
}

async function called(place: Place, line: string, times = 1): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (callsOf(place).filter((each) => each.startsWith(line)).length >= times) return;
    await delay(10);
  }
  throw new Error(`${line} did not come: ${callsOf(place).join("\n")}`);
}

/** The calls of handlers, in their order: `stage~1 agent`. */
function undoneIn(place: Place): string[] {
  return callNames(place).flatMap((call) => /^w\/rollback:(.*) \d+$/.exec(call)?.[1] ?? []);
}

async function statusOf(place: Place): Promise<string | undefined> {
  return (await recordedRun(place, "w"))?.summary.status;
}
