import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import type { RunResult } from "../../src/index.ts";
import type { PlanSource } from "../../src/plan/plan.ts";
import { END, recordOf } from "../../src/store/contract-samples.ts";
import { program, ran, shown, unsized } from "../support/big-run.ts";
import { folderWith } from "../support/folder.ts";
import { earlier, withStoreIn } from "../support/kept.ts";
import { oneStage } from "../support/one-stage.ts";
import { startProgram } from "../support/program.ts";

describe("a run that has not ended", () => {
  interface View {
    readonly status: string;
    readonly ended_at: null;
    readonly error: null;
    readonly path: readonly string[];
    readonly stages: readonly { readonly name: string; readonly status: string; readonly error: unknown }[];
    readonly state: object;
  }

  test("whatever is recorded of it: what had ended is as it is in the end, and what had begun is running", async () => {
    const { folder, end } = await ran("big.toml");
    const whole = JSON.parse(end.stdout) as RunResult;
    const count = await withStoreIn(folder, async (store) => (await store.read("r"))?.entries.length ?? 0);
    expect(count).toBe(15);
    for (let entries = 0; entries < count; entries += 1) {
      await withStoreIn(folder, async (store) => (await earlier(store, "r", `part-${entries}`, { entries, events: 0 })).release());
      const { code, stdout } = await program(folder, ["show", `part-${entries}`, "--json"]);
      const view = JSON.parse(stdout) as View;
      expect({ code, status: view.status, ended: view.ended_at, error: view.error }).toEqual({
        code: 0,
        status: "running",
        ended: null,
        error: null,
      });
      expect(whole.path.slice(0, view.path.length)).toEqual(view.path);
      const ended = view.stages.filter(({ status }) => status !== "running");
      for (const stage of ended) expect(whole.stages).toContainEqual(stage);
      for (const { error } of view.stages.filter(({ status }) => status === "running")) expect(error).toBeNull();
      expect(stdout).not.toContain("not come here");
      const text = await program(folder, ["show", `part-${entries}`]);
      expect({ code: text.code, first: text.stdout.split("\n")[0] }).toEqual({ code: 0, first: "big: interrupted" });
      expect(text.stdout).not.toContain("not come here");
    }
  });

  test("what was under way is known from the events; nobody drives it", async () => {
    const { folder } = await ran("big.toml");
    // The first attempt of `last` is recorded, and the second one has begun.
    await withStoreIn(folder, async (store) => {
      const { entries = [] } = (await store.read("r")) ?? {};
      const first = entries.findIndex(([key]) => key === "last~1!1#1") + 1;
      const types: string[] = [];
      for await (const event of store.events("r")) types.push(`${event.type} ${"attempt" in event ? `${event.attempt}` : ""}`);
      const events = types.lastIndexOf("attempt-start 2") + 1;
      await (await earlier(store, "r", "cut", { entries: first, events })).release();
      await (await earlier(store, "r", "early", { entries: 0, events: types.indexOf("attempt-start 1") + 1 })).release();
    });
    const { stdout } = await program(folder, ["show", "cut"]);
    expect(unsized(stdout).slice(-7)).toEqual([
      "5  skipped         – skipped",
      "6  last            ⚠ interrupted  0ms",
      "      attempt 1 by last, 0ms: exit: exited with code 3",
      "",
      "Next       agentflow resume cut",
      "           agentflow rollback cut",
      "",
    ]);
    const { stdout: visit } = await program(folder, ["show", "cut", "--stage", "last"]);
    expect(visit.split("\n").filter((line) => /^[^ {}"]|attempt/.test(line))).toEqual([
      "⚠ stage 6 (last): interrupted, 0ms",
      "  attempt 1 by last, 0ms: exit: exited with code 3; again after 10ms",
      "Input",
    ]);
    const early = await program(folder, ["show", "early"]);
    expect(unsized(early.stdout)).toEqual([
      "big: interrupted",
      "",
      "Run        early",
      "File       big.toml",
      "Session    s",
      "Started    2030-01-01 00:00:00",
      "Took       0ms",
      "Size       9B",
      "Path       first",
      "",
      "#  stage                 took",
      "1  first  ⚠ interrupted  0ms",
      "",
      "Next       agentflow resume early",
      "",
    ]);
    const stage = await program(folder, ["show", "early", "--stage", "first"]);
    expect(stage.stdout).toBe("⚠ stage 1 (first): interrupted, 0ms\n");
  });

  test("one that a process drives", async () => {
    const folder = folderWith({ "waits.toml": oneStage('type = "module"\nmodule = "waits.mjs"'), "waits.mjs": WAITS });
    const running = startProgram(["run", "waits.toml", "--run-id", "r", "--session", "s"], { cwd: folder });
    await running.says("a …");
    const text = await shown(folder);
    const json = JSON.parse(await shown(folder, "--json")) as View & { owner: unknown; next: unknown };
    running.stop("SIGINT");
    await running.end;
    expect(unsized(text)).toEqual([
      "waits: running",
      "",
      "Run        r",
      "File       waits.toml",
      "Session    s",
      "Started    2030-01-01 00:00:00",
      "Took       0ms",
      "Driven by  process 1000 on here",
      "Size       9B",
      "Path       a",
      "",
      "#  stage             took",
      "1  a      … running  0ms",
      "",
    ]);
    expect({ status: json.status, owner: json.owner, next: json.next, stages: json.stages }).toEqual({
      status: "running",
      owner: { pid: 1000, host: "here" },
      next: { resume: null, rollback: null },
      stages: [
        {
          name: "a",
          number: 1,
          status: "running",
          visit: 1,
          served_by: "a",
          attempts: [],
          duration_ms: 0,
          wrote: [],
          usage: null,
          error: null,
        },
      ],
    });
    expect(unsized(await shown(folder)).slice(0, 2)).toEqual(["waits: cancelled", "  ✖ stage 1 (a) failed: the run was stopped by SIGINT"]);
  });

  test("a rollback that was interrupted: what is undone, and what is not yet", async () => {
    const undoable = (name: string): string => `[agents.${name}]\ntype = "canned"\nrollback = "undo"\n`;
    const folder = folderWith({
      "undo.toml": `${["a", "b", "c"].map(undoable).join("")}[agents.undo]\ntype = "canned"\n[agents.bad]\ntype = "script"\ncommand = ["false"]
[orchestration.sequential]\nagents = ["a", "b", "c", "bad"]\n`,
    });
    await program(folder, ["run", "undo.toml", "--run-id", "r"]);
    await withStoreIn(folder, async (store) => {
      const { entries = [] } = (await store.read("r")) ?? {};
      const first = entries.findIndex(([key]) => key.startsWith("rollback:c")) + 1;
      await (await earlier(store, "r", "cut", { entries: first, events: 0 })).release();
    });
    const { stdout } = await program(folder, ["show", "cut"]);
    expect(stdout.split("\n").slice(-7)).toEqual([
      "Rollback   ↩ c undone by undo, 0ms",
      "           – b not undone yet",
      "           – a not undone yet",
      "",
      "Next       agentflow resume cut",
      "           agentflow rollback cut",
      "",
    ]);
    const json = JSON.parse((await program(folder, ["show", "cut", "--json"])).stdout) as { rollback: { stages: { status: string }[] } };
    expect(json.rollback).toMatchObject({
      status: "running",
      stages: [{ status: "succeeded" }, { status: "pending" }, { status: "pending" }],
    });
  });
});

const WAITS =
  "export default (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));\n";

describe("what cannot be read is said, and the rest is shown", () => {
  test("a plan that this version does not take", async () => {
    const folder = folderWith({});
    const spec = { orchestration: { sequential: { agents: ["ghost"] } } } as unknown as PlanSource["spec"];
    const source: PlanSource = { file: null, directory: "/", spec, texts: {}, pipelines: {} };
    await withStoreIn(folder, async (store) => {
      const run = await store.create(recordOf("r", { source, pipeline_id: "report", functions: [] }));
      await run.end({ ...END, status: "failed" });
    });
    const { code, stdout } = await program(folder, ["show", "r"]);
    const lines = unsized(stdout);
    expect({ code, head: lines.slice(0, 3), problem: lines.at(-2)?.slice(0, 75) }).toEqual({
      code: 2,
      head: ["report: failed", "", "Run        r"],
      problem: "⚠ the recorded plan of the run r is not valid for this version of agentflow",
    });
    const json = JSON.parse((await program(folder, ["show", "r", "--json"])).stdout) as { problem: string; stages: unknown[] };
    expect({ begins: json.problem.slice(0, 32), stages: json.stages }).toEqual({ begins: "the recorded plan of the run r i", stages: [] });
  });

  test("a run whose journal is damaged", async () => {
    const { folder } = await ran("big.toml");
    const database = new DatabaseSync(join(folder, ".agentflow/agentflow.db"));
    database.exec("UPDATE entries SET checksum = checksum + 1 WHERE key LIKE '%inner%'");
    database.close();
    const { code, stdout, stderr } = await program(folder, ["show", "r"]);
    const lines = unsized(stdout);
    expect({ code, stderr, first: lines[0], last: lines.slice(-2) }).toEqual({
      code: 74,
      stderr: "",
      first: "big: failed",
      last: [
        `⚠ the store ${folder}/.agentflow is damaged: what it keeps of the run r was changed; put a backup in its place, or move it away and begin with a new one`,
        "",
      ],
    });
    expect((await program(folder, ["show", "r", "--stage", "first"])).code).toBe(2);
    expect((await program(folder, ["show", "r", "--logs"])).stdout.split("\n")[0]).toBe("last, attempt 1");
  });

  test("a run whose events are damaged: its stages are there all the same", async () => {
    const { folder } = await ran("good.toml");
    writeFileSync(join(folder, ".agentflow/runs/r/events.ndjson"), "{ this is no event }\n");
    const { code, stdout } = await program(folder, ["show", "r"]);
    expect({ code, last: unsized(stdout).slice(-4) }).toEqual({
      code: 74,
      last: [
        `⚠ the store ${folder}/.agentflow is damaged: line 1 of ${folder}/.agentflow/runs/r/events.ndjson is no event; put a backup in its place, or move it away and begin with a new one`,
        "#  stage               took  wrote",
        "1  a      ✔ succeeded  0ms   a",
        "",
      ],
    });
    const events = await program(folder, ["events", "r"]);
    expect({ code: events.code, stdout: events.stdout }).toEqual({ code: 74, stdout: "" });
  });
});
