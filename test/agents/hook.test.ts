import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createHookRunner } from "../../src/agents/hook.ts";
import { AgentError } from "../../src/engine/failure.ts";
import type { HookPlan } from "../../src/plan/plan.ts";
import { systemClock } from "../../src/store/clock.ts";
import { folderWith } from "../support/folder.ts";
import { isRunning, PROGRAMS } from "./calls.ts";

const directory = folderWith({});

const runHook = createHookRunner({
  env: { PATH: process.env.PATH, TARGET: join(directory, "told") },
  graceMs: 2_000,
  clock: systemClock(),
});
const told = (): string => readFileSync(join(directory, "told"), "utf8");
const never = new AbortController().signal;

function hook(call: HookPlan["call"], timeoutMs: number | null = null): HookPlan {
  return { name: "notify", on: ["after_stage"], agents: null, call, timeoutMs };
}
const command = (...words: string[]): HookPlan["call"] => ({ type: "command", command: words, cwd: PROGRAMS });
function moduleOf(name: string, text: string): HookPlan["call"] {
  writeFileSync(join(directory, name), text);
  return { type: "module", module: join(directory, name) };
}

describe("a hook of the file", () => {
  test("row 39: a command gets the event as JSON on stdin, in its directory and environment", async () => {
    await runHook(hook(command("sh", "-c", 'cat > "$TARGET"; pwd >> "$TARGET"')), { on: "after_stage", stage: "fetch" }, never);
    expect(told()).toBe(`{"on":"after_stage","stage":"fetch"}\n${PROGRAMS}\n`);
  });

  test("row 39: a module's function gets it as its argument, and is awaited", async () => {
    const text = `import { writeFile } from "node:fs/promises";
      export default async (event) => { await writeFile(${JSON.stringify(join(directory, "told"))}, event.stage); return { a: 1 }; };`;
    await runHook(hook(moduleOf("tells.mjs", text)), { stage: "fetch" }, never);
    expect(told()).toBe("fetch");
  });

  test("may print as much as it likes", async () => {
    await expect(runHook(hook(command("sh", "-c", "yes | head -c 1000000; sleep 0.05")), {}, never)).resolves.toBeUndefined();
  });

  const failures: readonly [sentence: string, call: HookPlan["call"], message: string][] = [
    ["a command that fails, with its last words", command("./exits-with-code.sh", "3"), "exited with code 3: no such table: sales"],
    ["a command that fails in silence", command("false"), "exited with code 1"],
    ["a command that a signal ends", command("./dies-by-signal.sh", "TERM"), "was ended by SIGTERM"],
    ["a command that is not there", command("no-such-program"), "cannot start `no-such-program`: there is no such program on the PATH"],
    ["a module that throws", moduleOf("throws.mjs", 'export default () => { throw new Error("no network"); };'), "no network"],
    ["a module that rejects", moduleOf("rejects.mjs", 'export default async () => { throw new Error("no network"); };'), "no network"],
    [
      "a module that is not there",
      { type: "module", module: join(directory, "gone.mjs") },
      `cannot load the module ${join(directory, "gone.mjs")}: there is no such file`,
    ],
  ];
  test.each(failures)("row 41: fails: %s", async (_sentence, call, message) => {
    await expect(runHook(hook(call), {}, never)).rejects.toThrow(expect.objectContaining({ message }));
  });

  const slow: readonly [sentence: string, call: HookPlan["call"]][] = [
    ["a command", command("sleep", "60")],
    ["a module", moduleOf("slow.mjs", "export default () => new Promise(() => {});")],
  ];
  test.each(slow)("row 126: is stopped after its timeout: %s", async (_sentence, call) => {
    await expect(runHook(hook(call, 100), {}, never)).rejects.toThrow(
      expect.objectContaining({ message: "took longer than its timeout of 100 ms and was stopped" }),
    );
  });

  test("row 126: a command that was stopped has ended", async () => {
    const call = command("sh", "-c", 'echo $$ > "$TARGET"; sleep 60');
    await expect(runHook(hook(call, 100), {}, never)).rejects.toThrow("was stopped");
    expect(isRunning(told().trim())).toBe(false);
  });

  test.each(slow)("is stopped with the run: %s", async (_sentence, call) => {
    const signal = AbortSignal.abort(new AgentError("cancelled", "the run was cancelled"));
    await expect(runHook(hook(call, 60_000), {}, signal)).rejects.toThrow(
      expect.objectContaining({ message: "was stopped: the run was cancelled" }),
    );
  });

  test("is killed at once, and none is started after that", async () => {
    const killing = new AbortController();
    const runKilled = createHookRunner({
      env: { PATH: process.env.PATH, TARGET: join(directory, "killed") },
      graceMs: 60_000,
      clock: systemClock(),
      kill: killing.signal,
    });
    const running = runKilled(hook(command("sh", "-c", `trap '' TERM; echo $$ > "$TARGET"; while :; do sleep 1; done`)), {}, never);
    const pid = (): string => readFileSync(join(directory, "killed"), { encoding: "utf8", flag: "a+" }).trim();
    while (pid() === "") await new Promise((resolve) => setTimeout(resolve, 10));
    killing.abort();
    await expect(running).rejects.toThrow("was ended by SIGKILL");
    expect(isRunning(pid())).toBe(false);
    await runKilled(hook(command("sh", "-c", 'echo again > "$TARGET"')), {}, never);
    expect(pid()).not.toBe("again");
  });
});
