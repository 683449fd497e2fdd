import { describe, expect, test } from "vitest";
import type { RunResult } from "../../src/index.ts";
import { BIG_STAGES, HEAD, program, ran, shown, unsized } from "../support/big-run.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";

describe("show: the whole of a run", () => {
  test("that failed: every stage, its attempts, and what can be done", async () => {
    const { folder } = await ran("big.toml");
    expect(unsized(await shown(folder))).toEqual([
      "big: failed",
      "  ✖ stage 6 (last) failed after 3 attempts: exited with code 4",
      "",
      "Run        r",
      "File       big.toml",
      ...HEAD,
      "Path       first → g → inner → inner/deep → inner/h → loop → loop → last",
      "",
      ...BIG_STAGES,
      "",
      "Next       agentflow resume r",
      "           agentflow rollback r",
      "",
    ]);
  });

  test("that was rolled back, and has nothing left to do", async () => {
    const { folder } = await ran("undone.toml");
    const lines = unsized(await shown(folder));
    expect(lines[0]).toBe("big: rolled_back");
    expect(lines.slice(lines.indexOf(BIG_STAGES[0] ?? ""))).toEqual([...BIG_STAGES, "", "Rollback   ↩ first undone by undo, 0ms", ""]);
  });

  test("that succeeded, with a warning", async () => {
    const { folder } = await ran("hooked.toml");
    expect(unsized(await shown(folder))).toEqual([
      "hooked: succeeded",
      "",
      "Run        r",
      "File       hooked.toml",
      ...HEAD,
      "Path       a",
      "",
      "#  stage               took",
      "1  a      ✔ succeeded  0ms",
      "",
      "Warnings   ⚠ hook h (after_stage) failed: exited with code 1",
      "",
    ]);
  });

  test("of which only the result is kept", async () => {
    const { folder } = await ran("only.toml");
    expect(unsized(await shown(folder)).slice(-6)).toEqual([
      "",
      "#  stage               took  wrote",
      "1  a      ✔ succeeded  0ms   a",
      "",
      "Only the result is kept (save_intermediate_results = false).",
      "",
    ]);
  });

  test("on a terminal its tables are no wider, and coloured", async () => {
    const { folder } = await ran("big.toml");
    const { stdout } = await program(folder, ["show", "r"], { isTTY: true, columns: 40 });
    const table = stdout.slice(stdout.indexOf("\u001b[2m#")).split("\n");
    expect(table.slice(0, 4)).toEqual([
      "\u001b[2m#\u001b[22m  \u001b[2mstage\u001b[22m                        \u001b[2mtook\u001b[22m",
      "1  first     \u001b[32m✔\u001b[39m succeeded        0ms",
      "2  g         \u001b[32m✔\u001b[39m succeeded        0ms",
      "     x       \u001b[32m✔\u001b[39m succeeded        0ms",
    ]);
  });

  test("the commands name the store where it was named", async () => {
    const { folder } = await ran("big.toml", ["--state-dir", "a b"]);
    const { stdout } = await program(folder, ["show", "r", "--state-dir", "a b", "--json"]);
    expect((JSON.parse(stdout) as { next: unknown }).next).toEqual({
      resume: "agentflow resume r --state-dir 'a b'",
      rollback: "agentflow rollback r --state-dir 'a b'",
    });
  });
});

describe("show --json", () => {
  test.each(["good.toml", "big.toml", "undone.toml", "only.toml", "tolerated.toml", "hooked.toml"])(
    "%s: the result as it was printed, and what the store knows",
    async (file) => {
      const { folder, end } = await ran(file, file === "good.toml" ? ["--input", "topic=tea"] : []);
      const { input, rounds, owner, parent, bytes, only_result, problem, next, ...result } = JSON.parse(await shown(folder, "--json"));
      const printed = JSON.parse(end.stdout) as RunResult;
      expect(result).toEqual(printed);
      expect(bytes).toBeGreaterThan(500);
      const canGoOn = file === "big.toml";
      expect({ input, rounds, owner, parent, only_result, problem, next }).toEqual({
        input: file === "good.toml" ? { topic: "tea" } : {},
        rounds: [{ started_at: "2030-01-01T00:00:00.000Z", duration_ms: 0, status: printed.status }],
        owner: null,
        parent: null,
        only_result: file === "only.toml",
        problem: null,
        next: { resume: canGoOn ? "agentflow resume r" : null, rollback: canGoOn ? "agentflow rollback r" : null },
      });
    },
  );

  test("a rerun names its parent", async () => {
    const { folder } = await ran("big.toml");
    await program(folder, ["rerun", "r", "--from", "loop", "--run-id", "again"]);
    const { stdout } = await program(folder, ["show", "again"]);
    expect(stdout.split("\n")).toContain("Rerun of   r, from loop");
    const json = JSON.parse((await program(folder, ["show", "again", "--json"])).stdout) as { parent: unknown; path: unknown };
    expect(json.parent).toEqual({ run_id: "r", from: "loop" });
    expect(json.path).toEqual(["first", "g", "inner", "inner/deep", "inner/h", "loop", "loop", "last"]);
  });

  test("after a resume there are two rounds", async () => {
    const { folder } = await ran("big.toml");
    await program(folder, ["resume", "r"]);
    const { rounds } = JSON.parse(await shown(folder, "--json")) as { rounds: { status: string }[] };
    expect(rounds.map(({ status }) => status)).toEqual(["failed", "failed"]);
    expect(unsized(await shown(folder))).toContain("Took       0ms in 2 rounds: failed after 0ms, failed after 0ms");
  });
});

describe("show --stage", () => {
  const big = ran("big.toml");
  const stage = async (...args: string[]): Promise<string[]> => (await shown((await big).folder, "--stage", ...args)).split("\n");

  test("every attempt with what it failed of, and what the stage was given", async () => {
    const lines = await stage("last");
    expect(lines.slice(0, 11)).toEqual([
      "✖ stage 6 (last): failed by spare, 10ms",
      "  attempt 1 by last, 0ms: exit: exited with code 3; again after 10ms",
      "    │ first line",
      "    │ no",
      "  attempt 2 by last, 0ms: exit: exited with code 3; spare took over",
      "    │ first line",
      "    │ no",
      "  attempt 1 by spare, 0ms: exit: exited with code 4",
      "    │ worse",
      "",
      "Input",
    ]);
    const state = ["{", '  "a": 1,', '  "x": 1,', '  "deep": true,', '  "p": 1,', '  "q": 1,', '  "n": 2', "}"];
    expect(lines.slice(10)).toEqual(["Input", ...state, "", "Output", "{}", "", "State after it", ...state, ""]);
  });

  test("every visit, and where the run went from there", async () => {
    const lines = await stage("loop");
    expect(lines.filter((line) => /^[^ {}"]|↳/.test(line))).toEqual([
      "✔ stage 4 (loop): succeeded, 0ms",
      "  ↳ loop (n < 2)",
      "Input",
      "Output",
      "State after it",
      "✔ stage 4 (loop (visit 2)): succeeded, 0ms",
      "  ↳ last (otherwise)",
      "Input",
      "Output",
      "State after it",
    ]);
  });

  interface Visit {
    readonly name: string;
    readonly visit: number;
    readonly input: unknown;
    readonly output: unknown;
    readonly state: unknown;
  }
  test.each([
    ["a stage", [{ name: "first", visit: 1, input: {}, output: { a: 1 }, state: { a: 1 } }], "first"],
    ["a group", [{ name: "g", visit: 1, input: null, output: { x: 1 }, state: { a: 1, x: 1 } }], "g"],
    ["a member", [{ name: "x", visit: 1, input: { a: 1 }, output: { x: 1 }, state: null }], "x"],
    ["a member, with its group", [{ name: "x", visit: 1, input: { a: 1 }, output: { x: 1 }, state: null }], "g/x"],
    [
      "a nested stage",
      [{ name: "inner/deep", visit: 1, input: { a: 1, x: 1 }, output: { deep: true }, state: { a: 1, x: 1, deep: true } }],
      "inner/deep",
    ],
    [
      "a nested stage by its own name",
      [{ name: "inner/deep", visit: 1, input: { a: 1, x: 1 }, output: { deep: true }, state: { a: 1, x: 1, deep: true } }],
      "deep",
    ],
    [
      "a nested member with its group",
      [{ name: "inner/q", visit: 1, input: { a: 1, x: 1, deep: true }, output: { q: 1 }, state: null }],
      "h/q",
    ],
    [
      "a nested group",
      [{ name: "inner/h", visit: 1, input: null, output: { p: 1, q: 1 }, state: { a: 1, x: 1, deep: true, p: 1, q: 1 } }],
      "h",
    ],
    ["one that was skipped", [{ name: "skipped", visit: 0, input: null, output: null, state: null }], "skipped"],
  ] as const)("%s", async (_sentence, visits, name) => {
    const json = JSON.parse((await stage(name, "--json")).join("\n")) as { version: number; run_id: string; visits: Visit[] };
    expect({ version: json.version, run_id: json.run_id }).toEqual({ version: 1, run_id: "r" });
    expect(json.visits.map(({ name, visit, input, output, state }) => ({ name, visit, input, output, state }))).toEqual(visits);
  });

  test("as JSON, whole", async () => {
    const json = JSON.parse((await stage("y", "--json")).join("\n")) as object;
    const failure = { kind: "exit", message: "exited with code 1" };
    expect(json).toEqual({
      version: 1,
      run_id: "r",
      visits: [
        {
          name: "y",
          number: 2,
          visit: 1,
          group: "g",
          status: "tolerated",
          served_by: "y",
          duration_ms: 0,
          attempts: [{ agent: "y", attempt: 1, status: "failed", duration_ms: 0, failure, retry_in_ms: null, fallback: null, usage: null }],
          input: { a: 1 },
          output: {},
          state: null,
          usage: null,
          error: failure,
          branch: null,
          undone: null,
        },
      ],
    });
  });

  test("one that was undone says so", async () => {
    const { folder } = await ran("undone.toml");
    expect((await shown(folder, "--stage", "first")).split("\n").slice(0, 3)).toEqual([
      "✔ stage 1 (first): succeeded, 0ms",
      "  attempt 1 by first, 0ms: succeeded",
      "  ↩ first undone by undo, 0ms",
    ]);
  });

  test("of a run of which only the result is kept", async () => {
    const { folder } = await ran("only.toml");
    expect(await shown(folder, "--stage", "a")).toBe(
      "✔ stage 1 (a): succeeded, 0ms\n  attempt 1 by a, 0ms: succeeded\n\nIts data is not kept (save_intermediate_results = false).\n",
    );
  });

  test("one to which the run did not come", async () => {
    const { folder } = await big;
    expect(await program(folder, ["show", "r", "--stage", "fist"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "agentflow: the run r has not come to a stage called `fist`; it came to first, g, x, y, inner, inner/deep, inner/h, inner/p, inner/q, loop, last, skipped\n",
    });
  });

  test("after a resume, what was reused is there with its data", async () => {
    const { folder } = await ran("big.toml");
    await program(folder, ["resume", "r"]);
    const json = JSON.parse(await shown(folder, "--stage", "first", "--json")) as { visits: (Visit & { attempts: unknown[] })[] };
    expect(json.visits).toMatchObject([{ input: {}, output: { a: 1 }, attempts: [{ agent: "first", attempt: 1, status: "succeeded" }] }]);
  });
});

describe("show --logs", () => {
  const LOG = [
    "last, attempt 1",
    "  00:00:00 first line",
    "  00:00:00 no",
    "",
    "last, attempt 2",
    "  00:00:00 first line",
    "  00:00:00 no",
    "",
    "last, attempt 1",
    "  00:00:00 worse",
    "",
  ];
  test("what was printed, by stage and attempt", async () => {
    const { folder } = await ran("big.toml");
    expect((await shown(folder, "--logs")).split("\n")).toEqual(LOG);
    expect((await shown(folder, "--logs", "--stage", "last")).split("\n")).toEqual(LOG);
    const json = JSON.parse(await shown(folder, "--logs", "--json")) as { version: number; run_id: string; logs: object[] };
    expect({ ...json, logs: json.logs.slice(0, 2) }).toEqual({
      version: 1,
      run_id: "r",
      logs: [
        { stage: "last", attempt: 1, at: "2030-01-01T00:00:00.000Z", text: "first line" },
        { stage: "last", attempt: 1, at: "2030-01-01T00:00:00.000Z", text: "no" },
      ],
    });
  });

  test("none of a stage, or of the run", async () => {
    const { folder } = await ran("big.toml");
    expect(await program(folder, ["show", "r", "--logs", "--stage", "first"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "agentflow: no line of a log is kept of `first` in the run r\n",
    });
    const other = await ran("good.toml");
    expect((await program(other.folder, ["show", "r", "--logs"])).stderr).toBe("agentflow: no line of a log is kept of the run r\n");
  });

  test("what agents print cannot steer the terminal", async () => {
    const folder = folderWith({
      "loud.toml": oneStage(String.raw`type = "script"
command = ["sh", "-c", "printf '\\033[31mred\\007\\n' >&2; exit 1"]`),
    });
    await program(folder, ["run", "loud.toml", "--run-id", "r"]);
    expect(await shown(folder, "--logs")).toBe("a, attempt 1\n  00:00:00 red\n");
  });
});

describe("secrets", () => {
  test("show in nothing that is shown", async () => {
    const secret = "hunter2-hunter2";
    const keys = `type = "script"\ncommand = ["sh", "-c", "echo $TOKEN >&2; echo {\\\\\\"got\\\\\\":\\\\\\"$TOKEN\\\\\\"}; exit $CODE"]`;
    const folder = folderWith({ "s.toml": `secrets = { env = ["TOKEN"] }\n${oneStage(keys)}` });
    for (const [id, code] of [
      ["good", "0"],
      ["bad", "7"],
    ] as const) {
      const end = await program(folder, ["run", "s.toml", "--run-id", id, "--input", `key=${secret}`], {
        env: { TOKEN: secret, CODE: code },
      });
      expect(end.code).toBe(code === "0" ? 0 : 1);
      for (const flags of [[], ["--json"], ["--stage", "a"], ["--stage", "a", "--json"], ["--logs"]]) {
        const { stdout, stderr, code: shownCode } = await program(folder, ["show", id, ...flags]);
        expect(shownCode).toBe(0);
        expect(stdout + stderr).not.toContain("hunter2");
        if (flags.includes("--json")) expect(stdout).toContain('"key": "***"');
      }
      expect((await program(folder, ["events", id])).stdout).not.toContain("hunter2");
    }
  });
});
