import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { agentflowStarter, callsOf, inParallel, makePlace, orphansIn, type Place } from "./support/agentflow.ts";
import { lookInto } from "./support/recorded.ts";
import { callNames, differences, startWorkload, undisturbed, untilEnded, WORKLOAD } from "./support/workload.ts";

const start = agentflowStarter();
const PROGRAMS = fileURLToPath(new URL("workload", import.meta.url));

/** b waits until it is told to go on. */
const GATED = `[defaults]
retries = 2
retry_delay = "1ms"
[agents.a]
type = "script"
command = ["${PROGRAMS}/agent.sh", "a", '{"a": 1}']
rollback = "undo"
[agents.b]
type = "script"
command = ["${PROGRAMS}/gated.sh", "b"]
[agents.undo]
type = "script"
command = ["${PROGRAMS}/agent.sh", "undo", ""]
[orchestration.sequential]
agents = ["a", "b"]
`;

describe("fault 6: two processes on one run", () => {
  test("the second one is refused with the pid and the host of the first, and changes nothing", async () => {
    const place = makePlace({ "p.toml": GATED });
    const first = start(["run", "p.toml", "--run-id", "w", "--quiet"], place);
    await called(place, "w/b~1 b 1");
    const owned = `agentflow: the run w is driven by process ${first.child.pid} on ${hostname()}: wait for it, stop it, or take the run over; --take-over does that where it does not answer\n`;
    for (const args of [
      ["resume", "w"],
      ["rollback", "w"],
    ]) {
      expect(await start(args, place).end).toEqual({ code: 2, stdout: "", stderr: owned });
    }
    expect((await start(["run", "p.toml", "--run-id", "w"], place).end).code).toBe(2);
    writeFileSync(join(place.folder, "go-b"), "");
    expect((await first.end).code).toBe(0);
    expect(callNames(place)).toEqual(["w/a~1 a 1", "w/b~1 b 1"]);
  });

  test("of many that want it at the same moment, one gets it", async () => {
    const expected = await undisturbed(start, makePlace(), "succeeds");
    const place = makePlace();
    await startWorkload(start, place, "succeeds", { fault: "kill-after-commit:4" }).end;
    const ends = await Promise.all(
      Array.from({ length: 5 }, () => start(["resume", "w", "--quiet", "--output", "none"], place, { pause: "0.02" }).end),
    );
    expect(ends.map(({ code }) => String(code)).toSorted()).toEqual(["0", "2", "2", "2", "2"]);
    expect(await differences(place, expected)).toEqual([]);
  });

  test("a script that outlived its killed owner is ended before anything is run", async () => {
    const place = makePlace({ "p.toml": GATED });
    const first = start(["run", "p.toml", "--run-id", "w", "--quiet"], place);
    const pid = await called(place, "w/b~1 b 1");
    first.child.kill("SIGKILL");
    await first.end.catch(() => {});
    expect(isThere(pid)).toBe(true);
    const second = start(["resume", "w", "--quiet"], place);
    const next = await called(place, "w/b~1 b 1", pid);
    expect([isThere(pid), isThere(next)]).toEqual([false, true]);
    writeFileSync(join(place.folder, "go-b"), "");
    expect((await second.end).code).toBe(0);
    expect(callNames(place)).toEqual(["w/a~1 a 1", "w/b~1 b 1", "w/b~1 b 1"]);
    expect(await orphansIn(place.folder)).toEqual([]);
  });

  test("so is one whose owner is frozen and loses the run; the owner starts nothing more when it thaws", async () => {
    const place = makePlace({ "p.toml": GATED });
    const first = start(["run", "p.toml", "--run-id", "w", "--quiet"], place);
    const pid = await called(place, "w/b~1 b 1");
    first.child.kill("SIGSTOP");
    await frozen(first.child.pid);
    const second = start(["resume", "w", "--quiet", "--take-over"], place);
    const next = await called(place, "w/b~1 b 1", pid);
    expect(isThere(pid)).toBe(false);
    first.child.kill("SIGCONT");
    const { code, stderr } = await first.end;
    expect({ code, stderr }).toEqual({
      code: 74,
      stderr: `agentflow: the run w was taken over by process ${second.child.pid} on ${hostname()}: nothing more of it is recorded by this process\n`,
    });
    // Its own end does not touch what belongs to the other.
    expect(isThere(next)).toBe(true);
    writeFileSync(join(place.folder, "go-b"), "");
    expect((await second.end).code).toBe(0);
    expect(callNames(place)).toEqual(["w/a~1 a 1", "w/b~1 b 1", "w/b~1 b 1"]);
  });

  test("an owner that froze before one of its writes keeps the run until it is taken over; what it still writes is refused", async () => {
    const expected = await undisturbed(start, makePlace(), "fails");
    const wrong: unknown[] = [];
    await inParallel([3, 6, 9, 12, 15, 18, 21, 24], async (number) => {
      const place = makePlace();
      const first = startWorkload(start, place, "fails", { fault: `stop-before-write:${number}` });
      await frozen(first.child.pid);
      const problems: string[] = [];
      const refused = await start(["resume", "w"], place).end;
      if (refused.code !== 2 || !refused.stderr.includes(`driven by process ${first.child.pid} on`))
        problems.push(`a frozen owner lost the run: ${refused.code} ${refused.stderr}`);
      const second = await start(["resume", "w", "--take-over", "--quiet", "--output", "none"], place).end;
      if (second.code !== 1) problems.push(`the run that was taken over ended with ${second.code}: ${second.stderr}`);
      const calls = callsOf(place).length;
      first.child.kill("SIGCONT");
      const { code, stderr } = await first.end;
      if (code !== 74 || !/^agentflow: the run w was taken over by process \d+ on/.test(stderr))
        problems.push(`it thawed, and ended with ${code}: ${stderr}`);
      if (callsOf(place).length !== calls) problems.push(`it thawed, and called ${callsOf(place).slice(calls).join(", ")}`);
      problems.push(...(await differences(place, expected)), ...(await eventProblems(place)));
      if (problems.length > 0) wrong.push({ write: number, problems });
    });
    expect(wrong).toEqual([]);
  });
});

test("fault 7: eight processes on one store, each with runs one after the other: none is kept from anything, and nothing is lost", async () => {
  const place = makePlace();
  const problems: string[] = [];
  const RUNS = 3;
  await Promise.all(
    Array.from({ length: 8 }, async (_, number) => {
      for (let index = 0; index < RUNS; index += 1) {
        const args = ["run", WORKLOAD, "--run-id", `${number}-${index}`, "--quiet", "--output", "none", "--input", "fails=false"];
        const { code, stderr } = await start(args, place).end;
        if (code !== 0) problems.push(`${number}-${index} ended with ${code}: ${stderr}`);
      }
    }),
  );
  const runs = await lookInto(place.store, async (store) => {
    const summaries = await store.list();
    return Promise.all(summaries.map(async ({ run_id, status }) => ({ status, entries: (await store.read(run_id))?.entries.length })));
  });
  expect(problems).toEqual([]);
  expect(runs).toHaveLength(8 * RUNS);
  expect(new Set(runs?.map((run) => JSON.stringify(run)))).toEqual(new Set([JSON.stringify({ status: "succeeded", entries: 18 })]));
});

test("fault 7: four runs in one store are killed and gone on with at the same time, and none notices the others", async () => {
  const expected = await undisturbed(start, makePlace(), "succeeds");
  const shared = makePlace();
  const wrong: unknown[] = [];
  await inParallel(
    [3, 7, 11, 15],
    async (number) => {
      const place: Place = { ...shared, calls: join(shared.folder, `calls-${number}`), runId: `w${number}` };
      const { problems } = await untilEnded(start, place, "succeeds", (process) =>
        process < 2 ? { fault: `kill-after-commit:${number}` } : {},
      );
      const all = [...problems, ...(await differences(place, expected))];
      if (all.length > 0) wrong.push({ run: number, problems: all });
    },
    4,
  );
  expect(wrong).toEqual([]);
});

/** Waits until a call has begun, in another process than `before`; resolves to its pid. */
async function called(place: Place, call: string, before?: number): Promise<number> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const pids = callsOf(place).flatMap((line) => (line.startsWith(`+ ${call} `) ? [Number(line.slice(line.lastIndexOf(" ") + 1))] : []));
    const pid = pids.find((each) => each !== before);
    // Its owner notes it just after it was started, and may be slower than it.
    if (pid !== undefined && isNoted(place, pid)) return pid;
    await delay(10);
  }
  throw new Error(`${call} was not called: ${callsOf(place).join("\n")}`);
}

function isNoted(place: Place, pid: number): boolean {
  const folder = join(place.folder, ".agentflow/runs/w");
  const notes = readdirSync(folder).filter((name) => name.startsWith("processes."));
  return notes.some((name) => readFileSync(join(folder, name), "utf8").includes(`"pid":${pid},`));
}

async function frozen(pid: number | undefined): Promise<void> {
  for (let tries = 0; tries < 1000; tries += 1) {
    if (stateOf(pid) === "T") return;
    await delay(10);
  }
  throw new Error(`process ${pid} did not freeze`);
}

/** Whether a process is there, and has not ended. */
function isThere(pid: number): boolean {
  return !["", "Z", "X"].includes(stateOf(pid));
}

function stateOf(pid: number | undefined): string {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return "";
  try {
    const status = readFileSync(path, "latin1");
    return status.slice(status.lastIndexOf(")") + 2, status.lastIndexOf(")") + 3);
  } catch {
    return "";
  }
}

/** Events are whole lines with numbers that grow by one. */
async function eventProblems(place: Place): Promise<string[]> {
  const numbers = await lookInto(place.store, async (store) => {
    const found: number[] = [];
    for await (const event of store.events("w")) found.push(event.seq);
    return found;
  });
  const expected = numbers?.map((_, index) => index + 1);
  return JSON.stringify(numbers) === JSON.stringify(expected) ? [] : [`the events are ${JSON.stringify(numbers)}`];
}
