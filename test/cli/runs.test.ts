import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { outcomeOf, recordOf } from "../../src/store/contract-samples.ts";
import { folderWith } from "../support/folder.ts";
import { clockAt, keep, type Kept, storeIn, withStoreIn } from "../support/kept.ts";
import { type ProgramEnd, type ProgramWorld, runProgram } from "../support/program.ts";

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 2, 1, 12);

const RUNS: readonly Kept[] = [
  { id: "aaaaaaaa-1111-4000", startedAt: NOON, end: { status: "succeeded", ended_at: NOON + 9_300 } },
  {
    id: "aaaaaaaa-1122-4000",
    startedAt: NOON + 60_000,
    pipeline: "a-pipeline-with-a-long-name",
    end: { status: "failed", ended_at: NOON + 3_720_000, stopped_at: "analyzer" },
  },
  {
    id: "bbbbbbbb-1111-4000",
    startedAt: NOON + 120_000,
    parent: { run_id: "aaaaaaaa-1122-4000", from: "analyzer" },
    end: { status: "timed_out", ended_at: NOON + 720_000, stopped_at: "checks/spelling" },
  },
  { id: "nightly-2026-03-01", startedAt: NOON + DAY_MS },
];

async function kept(runs: readonly Kept[] = RUNS): Promise<string> {
  const folder = folderWith({});
  await withStoreIn(folder, async (store) => {
    for (const run of runs) await keep(store, run);
  });
  return folder;
}

function program(cwd: string, args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> {
  const { env = {}, ...rest } = world;
  return runProgram(args, { cwd, env: { TZ: "Europe/Paris", ...env }, clock: clockAt(NOON + 2 * DAY_MS), ...rest });
}

const lines = (text: string): string[] => text.split("\n");

/** What is in the store is measured in another test. */
const unsized = (text: string): string => text.replaceAll(/\d+(\.\d)?K?B/g, "9B");

describe("runs", () => {
  test("lists them, newest first, with ids as short as they are unique", async () => {
    const { code, stdout, stderr } = await program(await kept(), ["runs"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lines(unsized(stdout))).toEqual([
      "run           pipeline                     status       started           took    stopped at       size  rerun of",
      "nightly-      report                       interrupted  2026-03-02 13:00                           9B",
      "bbbbbbbb      report                       timed_out    2026-03-01 13:02  10m     checks/spelling  9B  aaaaaaaa-112",
      "aaaaaaaa-112  a-pipeline-with-a-long-name  failed       2026-03-01 13:01  1h 01m  analyzer         9B",
      "aaaaaaaa-111  report                       succeeded    2026-03-01 13:00  9.3s                     9B",
      "",
    ]);
  });

  test("is never wider than the terminal, and coloured there", async () => {
    const { stdout } = await program(await kept(), ["runs"], { isTTY: true, columns: 70 });
    expect(lines(unsized(stdout)).slice(0, 3)).toEqual([
      "\u001b[2mrun\u001b[22m       \u001b[2mpipeline\u001b[22m  \u001b[2mstatus\u001b[22m       \u001b[2mstarted\u001b[22m           \u001b[2mtook\u001b[22m    \u001b[2mstopped…\u001b[22m",
      "nightly-  report    \u001b[33minterrupted\u001b[39m  2026-03-02 13:00",
      "bbbbbbbb  report    \u001b[31mtimed_out\u001b[39m    2026-03-01 13:02  10m     checks/…",
    ]);
  });

  test("one that a process drives is running, and has been for as long", async () => {
    const folder = await kept([]);
    const store = await storeIn(folder);
    await keep(store, { id: "done", startedAt: NOON, end: { stopped_at: null } });
    const run = await store.create(recordOf("going", { started_at: NOON + 2 * DAY_MS - 5_000, pipeline_id: "report" }));
    await run.append("collect~1!1#1", outcomeOf({}));
    const text = await program(folder, ["runs"]);
    const running = await program(folder, ["runs", "--status", "running", "--json"]);
    const interrupted = await program(folder, ["runs", "--status", "interrupted", "--json"]);
    await store.close();
    expect(lines(unsized(text.stdout)).slice(0, 2)).toEqual([
      "run    pipeline  status     started           took  stopped at     size",
      "going  report    running    2026-03-03 12:59  5s    after collect  9B",
    ]);
    expect(JSON.parse(running.stdout)).toMatchObject([{ run_id: "going", status: "running", owner: { pid: 4242, host: "there" } }]);
    expect(JSON.parse(interrupted.stdout)).toEqual([]);
  });

  test("--json gives what the store knows", async () => {
    const { code, stdout } = await program(await kept(), ["runs", "--json", "--limit", "2"]);
    const list = JSON.parse(stdout) as { bytes: number }[];
    expect(code).toBe(0);
    expect(list.map(({ bytes, ...rest }) => ({ ...rest, measured: bytes > 100 }))).toEqual([
      {
        run_id: "nightly-2026-03-01",
        pipeline_id: "report",
        session_id: "s",
        status: "running",
        started_at: "2026-03-02T12:00:00.000Z",
        ended_at: null,
        stopped_at: null,
        parent: null,
        owner: null,
        measured: true,
      },
      {
        run_id: "bbbbbbbb-1111-4000",
        pipeline_id: "report",
        session_id: "s",
        status: "timed_out",
        started_at: "2026-03-01T12:02:00.000Z",
        ended_at: "2026-03-01T12:12:00.000Z",
        stopped_at: "checks/spelling",
        parent: { run_id: "aaaaaaaa-1122-4000", from: "analyzer" },
        owner: null,
        measured: true,
      },
    ]);
  });

  test.each([
    [["--status", "failed"], ["aaaaaaaa-1122-4000"]],
    [["--status", "running"], []],
    [["--status", "interrupted"], ["nightly-2026-03-01"]],
    [["--limit", "1"], ["nightly-2026-03-01"]],
    [["--limit", "99"], RUNS.map(({ id }) => id).toReversed()],
  ])("%j", async (flags, ids) => {
    const { stdout } = await program(await kept(), ["runs", "--json", ...flags]);
    expect((JSON.parse(stdout) as { run_id: string }[]).map(({ run_id }) => run_id)).toEqual(ids);
  });

  test("none of them stands like this", async () => {
    const end = await program(await kept(), ["runs", "--status", "cancelled"]);
    expect(end).toEqual({ code: 0, stdout: "", stderr: "agentflow: none of the 4 runs is cancelled\n" });
  });

  test.each([
    [["--limit", "0"], "--limit takes a whole number from 1 on, not `0`"],
    [["--limit", "1.5"], "--limit takes a whole number from 1 on, not `1.5`"],
    [["--limit", "-1"], "--limit takes a whole number from 1 on, not `-1`"],
  ])("%j is refused", async (flags, message) => {
    expect(await program(await kept(), ["runs", ...flags])).toEqual({ code: 2, stdout: "", stderr: `agentflow: ${message}\n` });
  });

  test("a time zone that nobody knows is that of the machine", async () => {
    const { code, stdout } = await program(await kept(), ["runs"], { env: { TZ: "Nowhere/At-All" } });
    expect({ code, lines: lines(stdout).length }).toEqual({ code: 0, lines: 6 });
  });
});

describe("where there is no store, none is made", () => {
  const HINT = "`agentflow run` makes one, and --state-dir names another one";
  test.each([
    [["runs"], 0, "", "no run is kept in .agentflow yet; `agentflow run FILE` keeps what it does there"],
    [["runs", "--state-dir", "x/y"], 0, "", "no run is kept in x/y yet; `agentflow run FILE` keeps what it does there"],
    [["runs", "--json"], 0, "[]\n", null],
    [["breakers"], 0, "", "no circuit breaker has counted a failure yet; an agent gets one by `circuit_breaker`"],
    [["breakers", "--json"], 0, "[]\n", null],
    [["breakers", "reset", "a/b"], 2, "", `there is no store at .agentflow; ${HINT}`],
    [["runs", "rm", "latest"], 2, "", `there is no store at .agentflow; ${HINT}`],
    [["runs", "prune", "--keep", "1"], 2, "", `there is no store at .agentflow; ${HINT}`],
    [["show", "latest"], 2, "", `there is no store at .agentflow; ${HINT}`],
    [["events", "latest", "--state-dir", "x"], 2, "", `there is no store at x; ${HINT}`],
  ])("%j", async (args, code, stdout, message) => {
    const folder = folderWith({});
    const end = await program(folder, args);
    expect(end).toEqual({ code, stdout, stderr: message === null ? "" : `agentflow: ${message}\n` });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a store in which no run is kept any more", async () => {
    const folder = await kept([]);
    expect(await program(folder, ["show", "latest"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: there is no run in the store yet\n",
    });
    expect((await program(folder, ["runs"])).code).toBe(0);
  });
});

describe("which store", () => {
  test.each([
    ["the one in the working directory", {}, [], "here"],
    ["AGENTFLOW_STATE_DIR", { AGENTFLOW_STATE_DIR: "elsewhere" }, [], "there"],
    ["an empty AGENTFLOW_STATE_DIR is none", { AGENTFLOW_STATE_DIR: "" }, [], "here"],
    ["--state-dir is stronger", { AGENTFLOW_STATE_DIR: "nowhere" }, ["--state-dir", "elsewhere"], "there"],
  ])("%s", async (_sentence, env, flags, id) => {
    const folder = await kept([{ id: "here", startedAt: NOON }]);
    const other = await kept([{ id: "there", startedAt: NOON }]);
    renameSync(join(other, ".agentflow"), join(folder, "elsewhere"));
    const { stdout } = await program(folder, ["runs", "--json", ...flags], { env });
    expect((JSON.parse(stdout) as { run_id: string }[]).map(({ run_id }) => run_id)).toEqual([id]);
  });
});

describe("which run", () => {
  const started = (id: string): string => `  ${id}  report, started 2026-03-01T12:00:00.000Z`;
  const ids = ["abc", "abcd-1", "abcd-2", "x~y"];
  const folder = kept(ids.map((id) => ({ id, startedAt: NOON })));
  const which = async (given: string): Promise<unknown> => {
    const { code, stdout, stderr } = await program(await folder, ["show", given, "--json"]);
    return code === 0 ? (JSON.parse(stdout) as { run_id: string }).run_id : { code, stdout, stderr };
  };
  const refused = (message: string): object => ({ code: 2, stdout: "", stderr: `agentflow: ${message}\n` });
  test.each([
    ["its id, although others begin with it", "abc", "abc"],
    ["the only one that begins so", "x", "x~y"],
    ["the latest", "latest", "x~y"],
    [
      "several begin so",
      "abcd",
      refused(`2 runs have an id that begins with \`abcd\`; write more of it\n${["abcd-2", "abcd-1"].map(started).join("\n")}`),
    ],
    [
      "none begins so",
      "y\u001b[31m",
      refused(`there is no run whose id begins with \`y\`; the latest are\n${ids.toReversed().map(started).join("\n")}`),
    ],
    [
      "an empty one is none",
      "",
      refused(`there is no run whose id begins with \`\`; the latest are\n${ids.toReversed().map(started).join("\n")}`),
    ],
  ])("%s", async (_sentence, given, expected) => {
    const end = await which(given);
    if (typeof expected === "string") expect(end).toBe(expected);
    else expect(end).toEqual(expected);
  });

  test("of many candidates, ten are named", async () => {
    const many = await kept(Array.from({ length: 12 }, (_, index) => ({ id: `run-${index + 10}`, startedAt: NOON })));
    const { stderr } = await program(many, ["show", "run"]);
    expect(lines(stderr)).toEqual([
      "agentflow: 12 runs have an id that begins with `run`; write more of it",
      ...Array.from({ length: 10 }, (_, index) => started(`run-${21 - index}`)),
      "  and 2 more",
      "",
    ]);
  });
});

describe("runs rm", () => {
  const left = async (folder: string): Promise<string[]> =>
    withStoreIn(folder, async (store) => (await store.list()).map(({ run_id }) => run_id));

  test("removes what it is told, each once, and says what", async () => {
    const folder = await kept();
    const { code, stdout } = await program(folder, ["runs", "rm", "latest", "aaaaaaaa-112", "latest"]);
    expect({ code, stdout: unsized(stdout) }).toEqual({
      code: 0,
      stdout:
        "removed nightly-2026-03-01 (report, interrupted, 9B)\nremoved aaaaaaaa-1122-4000 (a-pipeline-with-a-long-name, failed, 9B)\n",
    });
    expect(await left(folder)).toEqual(["bbbbbbbb-1111-4000", "aaaaaaaa-1111-4000"]);
  });

  test("removes nothing where one of them is not there", async () => {
    const folder = await kept();
    expect((await program(folder, ["runs", "rm", "bbbb", "cccc"])).code).toBe(2);
    expect(await left(folder)).toHaveLength(4);
  });

  test("removes nothing where a process drives one of them", async () => {
    const folder = await kept();
    const store = await storeIn(folder);
    const run = await store.acquire("nightly-2026-03-01");
    const end = await program(folder, ["runs", "rm", "bbbb", "nightly"]);
    await run.release();
    await store.close();
    expect(end).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: the run nightly-2026-03-01 is driven by process 4242 on there; stop it first. Nothing was removed\n",
    });
    expect(await left(folder)).toHaveLength(4);
  });

  test("the flag may stand on either side", async () => {
    const folder = await kept();
    const elsewhere = folderWith({});
    const dir = join(folder, ".agentflow");
    expect((await program(elsewhere, ["runs", "rm", "bbbb", "--state-dir", dir])).code).toBe(0);
    expect((await program(elsewhere, ["runs", "--state-dir", dir, "rm", "nightly"])).code).toBe(0);
    expect(await left(folder)).toEqual(["aaaaaaaa-1122-4000", "aaaaaaaa-1111-4000"]);
  });
});

describe("runs prune", () => {
  /** They ended 1, 2, 3, 4 and 5 days ago; the one that was interrupted began 3 days ago. */
  const runs = [5, 4, 3, 2, 1].map(
    (days): Kept => ({
      id: `day-${days}`,
      startedAt: NOON - days * DAY_MS - (days === 3 ? 0 : 1000),
      ...(days === 3 ? {} : { end: { ended_at: NOON - days * DAY_MS } }),
    }),
  );
  const prune = async (...flags: string[]): Promise<{ end: ProgramEnd; left: string[] }> => {
    const folder = await kept(runs);
    const end = await program(folder, ["runs", "prune", ...flags], { clock: clockAt(NOON) });
    return { end, left: await withStoreIn(folder, async (store) => (await store.list()).map(({ run_id }) => run_id)) };
  };

  test.each([
    [
      ["--older-than", "60h"],
      ["day-1", "day-2"],
    ],
    [
      ["--older-than", "3d"],
      ["day-1", "day-2", "day-3"],
    ],
    [
      ["--older-than", "30d"],
      ["day-1", "day-2", "day-3", "day-4", "day-5"],
    ],
    [
      ["--keep", "2"],
      ["day-1", "day-2"],
    ],
    [["--keep", "0"], []],
    [
      ["--keep", "9"],
      ["day-1", "day-2", "day-3", "day-4", "day-5"],
    ],
    [
      ["--older-than", "12h", "--keep", "2"],
      ["day-1", "day-2"],
    ],
    [
      ["--older-than", "84h", "--keep", "2"],
      ["day-1", "day-2", "day-3"],
    ],
  ])("%j leaves %j", async (flags, ids) => expect((await prune(...flags)).left).toEqual(ids));

  test("counts from the end, not from the start", async () => {
    const folder = await kept([{ id: "long", startedAt: NOON - 5 * DAY_MS, end: { ended_at: NOON - DAY_MS } }]);
    const prune = (age: string) => program(folder, ["runs", "prune", "--older-than", age], { clock: clockAt(NOON) });
    expect((await prune("2d")).stdout).toBe("");
    expect((await prune("23h")).stdout).toMatch(/^removed long /);
  });

  test("says what it removed", async () => {
    const { end } = await prune("--older-than", "60h");
    expect({ ...end, stdout: unsized(end.stdout), stderr: unsized(end.stderr) }).toEqual({
      code: 0,
      stdout: [
        "removed day-3 (report, interrupted, 9B), started 2026-02-26T12:00:00.000Z",
        "removed day-4 (report, succeeded, 9B), started 2026-02-25T11:59:59.000Z",
        "removed day-5 (report, succeeded, 9B), started 2026-02-24T11:59:59.000Z",
        "",
      ].join("\n"),
      stderr: "agentflow: removed 3 of 5 runs, 9B\n",
    });
  });

  test("says so where it removed nothing", async () => {
    expect((await prune("--keep", "9")).end).toEqual({ code: 0, stdout: "", stderr: "agentflow: removed nothing\n" });
  });

  test("--dry-run only shows it", async () => {
    const { end, left } = await prune("--keep", "4", "--dry-run");
    expect({ ...end, stdout: unsized(end.stdout), stderr: unsized(end.stderr), left: left.length }).toEqual({
      code: 0,
      stdout: "would remove day-5 (report, succeeded, 9B), started 2026-02-24T11:59:59.000Z\n",
      stderr: "agentflow: would remove 1 of 5 runs, 9B\n",
      left: 5,
    });
  });

  test("never removes one that a process drives", async () => {
    const folder = await kept(runs);
    const store = await storeIn(folder);
    const run = await store.acquire("day-4");
    const dry = await program(folder, ["runs", "prune", "--keep", "0", "--dry-run"]);
    const { code } = await program(folder, ["runs", "prune", "--keep", "0"]);
    const left = await store.list();
    await run.release();
    await store.close();
    expect({ code, left: left.map(({ run_id }) => run_id) }).toEqual({ code: 0, left: ["day-4"] });
    expect(dry.stdout.match(/day-\d/g)).toEqual(["day-1", "day-2", "day-3", "day-5"]);
  });

  test.each([
    [[], "say what to remove: --older-than 30d, --keep 100, or both"],
    [["--older-than", "30"], '--older-than: "30" has no unit; write "30s" for seconds or "30ms" for milliseconds'],
    [["--older-than", "none"], '--older-than: "none" (no limit) makes no sense here; write how long, such as "30s" or "5m"'],
    [["--keep", "many"], "--keep takes a whole number from 0 on, not `many`"],
    [["--keep", "-1"], "--keep takes a whole number from 0 on, not `-1`"],
  ])("%j is refused, and removes nothing", async (flags, message) => {
    const { end, left } = await prune(...flags);
    expect({ end, left: left.length }).toEqual({ end: { code: 2, stdout: "", stderr: `agentflow: ${message}\n` }, left: 5 });
  });
});

describe("a store that cannot be used", () => {
  test("a damaged one is 74, with what to do", async () => {
    const folder = folderWith({ ".agentflow/agentflow.db": "this is no database, and never was one; it is only some text".repeat(100) });
    const { code, stdout, stderr } = await program(folder, ["runs"]);
    expect({ code, stdout, begins: stderr.startsWith(`agentflow: the store ${folder}/.agentflow is damaged: `) }).toEqual({
      code: 74,
      stdout: "",
      begins: true,
    });
  });

  test("one of a newer version is 2", async () => {
    const folder = await kept([]);
    const database = new DatabaseSync(join(folder, ".agentflow/agentflow.db"));
    database.exec(`PRAGMA user_version = ${99 * 0x10001}`);
    database.close();
    const { code, stderr } = await program(folder, ["runs"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `agentflow: the store ${folder}/.agentflow has format 99, and this agentflow knows format 1: use the agentflow that made it, or a newer one, or another directory\n`,
    });
  });
});
