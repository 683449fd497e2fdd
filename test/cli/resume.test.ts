import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, runProgram, startProgram } from "../support/program.ts";

/** `pay` fails as long as there is no file `open`. */
const ORDER = `
[agents.quote]
type = "canned"
reply = { price = 40 }
[agents.pay]
type = "script"
command = ["test", "-e", "open"]
[agents.extra]
type = "canned"
[orchestration.sequential]
agents = ["quote", "pay", "both"]
[orchestration.sequential.parallel.both]
agents = ["extra", "more"]
[agents.more]
type = "canned"
`;

const RESUMED = "↻ run order-1 goes on\n  reused: quote\n  will run: pay, and what follows it\n";

/** A folder in which the run order-1 has failed at its second stage. */
async function failedOrder(): Promise<{ folder: string; program: (...args: string[]) => Promise<ProgramEnd> }> {
  const folder = folderWith({ "order.toml": ORDER });
  const program = async (...args: string[]): Promise<ProgramEnd> => {
    const end = await runProgram(args, { cwd: folder });
    return { ...end, stderr: end.stderr.replaceAll(folder, "FOLDER") };
  };
  expect((await program("run", "order.toml", "--run-id", "order-1", "--quiet")).code).toBe(1);
  return { folder, program };
}

/** A usage error: nothing was run, and nothing is on stdout. */
const refused = (...lines: string[]): ProgramEnd => ({ code: 2, stdout: "", stderr: `agentflow: ${lines.join("\n")}\n` });

describe("agentflow resume", () => {
  test.each([[["latest"]], [["order-1"]], [["ord"]], [[]]])("goes on with the run that is meant by %j, after saying how", async (run) => {
    const { folder, program } = await failedOrder();
    writeFileSync(join(folder, "open"), "");
    const { code, stdout, stderr } = await program("resume", ...run);
    expect({ code, stdout, told: stderr.slice(0, RESUMED.length) }).toEqual({ code: 0, stdout: '{\n  "price": 40\n}\n', told: RESUMED });
    expect(stderr).not.toContain("quote …");
    expect(await program("resume", "order-1")).toEqual(refused("the run order-1 succeeded: there is nothing to go on with"));
  });

  test("says nothing of it with --quiet, and takes the flags of run for what comes out", async () => {
    const { folder, program } = await failedOrder();
    writeFileSync(join(folder, "open"), "");
    const { code, stdout, stderr } = await program("resume", "--quiet", "--output", "result");
    expect({ code, stderr, path: (JSON.parse(stdout) as { path: unknown }).path }).toEqual({
      code: 0,
      stderr: "",
      path: ["quote", "pay", "both"],
    });
  });

  test("fails again where nothing has changed, and can be tried again", async () => {
    const { program } = await failedOrder();
    const { code, stderr } = await program("resume");
    expect([code, stderr.split("\n").at(-2)]).toEqual([1, "    agentflow resume order-1"]);
  });

  test("refuses where the file has changed, and goes on with the recorded plan when it is forced to", async () => {
    const { folder, program } = await failedOrder();
    writeFileSync(join(folder, "order.toml"), `# a comment is no change\n${ORDER.replace('"open"]', '"opened"]')}`);
    const how = "`agentflow resume order-1 --force` goes on with the recorded plan";
    expect(await program("resume")).toEqual(
      refused(
        "the pipeline FOLDER/order.toml has changed since the run order-1 was started:",
        "  agents.pay.command",
        `${how}; \`agentflow rerun order-1 --from STAGE\` starts a new run with the file as it is`,
      ),
    );
    writeFileSync(join(folder, "order.toml"), "nonsense");
    expect(await program("resume")).toEqual(refused(`FOLDER/order.toml is not valid any more; \`agentflow validate\` says why. ${how}`));
    rmSync(join(folder, "order.toml"));
    expect((await program("resume")).code).toBe(2);
    writeFileSync(join(folder, "open"), "");
    expect((await program("resume", "--force")).code).toBe(0);
  });

  test("refuses a run that is not there, that several could be, or that is in no store", async () => {
    const { program } = await failedOrder();
    await program("run", "order.toml", "--run-id", "order-2", "--quiet");
    const runs = ["  order-2  order, started 2030-01-01T00:00:00.000Z", "  order-1  order, started 2030-01-01T00:00:00.000Z"];
    expect(await program("resume", "x")).toEqual(refused("there is no run whose id begins with `x`; the latest are", ...runs));
    expect(await program("resume", "order")).toEqual(refused("2 runs have an id that begins with `order`; write more of it", ...runs));
    expect(await runProgram(["resume"], { cwd: folderWith({}) })).toEqual(
      refused("there is no store at .agentflow; `agentflow run` makes one, and --state-dir names another one"),
    );
  });

  test("refuses where a secret that is needed is not set", async () => {
    const agents = `[agents.a]\ntype = "canned"\nreply = { ok = 1 }\n[agents.b]\ntype = "canned"\nfail = "exit"\n`;
    const text = `[secrets]\nenv = ["TOKEN"]\n${agents}[orchestration.sequential]\nagents = ["a", "b"]\n`;
    const cwd = folderWith({ "secret.toml": text });
    const args = ["run", "secret.toml", "--run-id", "s", "--input", "key=a-long-secret", "--quiet"];
    expect((await runProgram(args, { cwd, env: { TOKEN: "a-long-secret" } })).code).toBe(1);
    expect(await runProgram(["resume"], { cwd })).toEqual(
      refused("the run s refers to the secret in TOKEN, which is not set; set it as it was: export TOKEN=…"),
    );
  });

  test("refuses a run that a process drives, unless it is taken over: then that one ends with 74", async () => {
    const cwd = folderWith({ "waits.toml": oneStage(`type = "script"\nshell = "test -e open || exec sleep 1"`) });
    const owner = startProgram(["run", "waits.toml", "--run-id", "w"], { cwd });
    await owner.says("…\n");
    expect(await runProgram(["resume", "w"], { cwd })).toEqual(
      refused(
        "the run w is driven by process 1000 on here: wait for it, stop it, or take the run over; --take-over does that where it does not answer",
      ),
    );
    writeFileSync(join(cwd, "open"), "");
    expect((await runProgram(["resume", "w", "--take-over"], { cwd })).code).toBe(0);
    const { code, stdout, stderr } = await owner.end;
    expect({ code, stdout, last: stderr.trimEnd().split("\n").at(-1) }).toEqual({
      code: 74,
      stdout: "",
      last: "agentflow: the run w was taken over by process 1000 on here: nothing more of it is recorded by this process",
    });
  });
});

describe("agentflow rerun", () => {
  const PLAN = `↻ a new run from pay, with what run order-1 had recorded
  – quote  reused: recorded as succeeded, visit 1
  ↻ pay    run: as asked for
  ↻ both   run: comes later
`;

  test("only shows its plan with --plan, for people and for programs", async () => {
    const { program } = await failedOrder();
    expect(await program("rerun", "latest", "--from", "pay", "--plan")).toEqual({ code: 0, stdout: PLAN, stderr: "" });
    const { stdout } = await program("rerun", "latest", "--from", "pay", "--plan", "--json");
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      run_id: "order-1",
      from: "pay",
      stages: [
        { name: "quote", action: "reused", reason: "recorded as succeeded, visit 1" },
        { name: "pay", action: "run", reason: "as asked for" },
        { name: "both", action: "run", reason: "comes later" },
      ],
    });
  });

  test("starts a run of its own with the file as it is now, after saying how", async () => {
    const { folder, program } = await failedOrder();
    writeFileSync(join(folder, "order.toml"), ORDER.replace('["test", "-e", "open"]', '["true"]').replace("price = 40", "price = 50"));
    const { code, stdout, stderr } = await program("rerun", "order-1", "--from", "pay", "--run-id", "order-2", "--output", "result");
    const { run_id, status, state } = JSON.parse(stdout) as Record<string, unknown>;
    const told = PLAN.replace("visit 1", "visit 1; its definition has changed since: agents.quote.reply");
    expect({ code, run_id, status, state, told: stderr.slice(0, told.length) }).toEqual({
      code: 0,
      run_id: "order-2",
      status: "succeeded",
      state: { price: 40 },
      told,
    });
  });

  test.each<[sentence: string, args: readonly string[], message: string]>([
    ["a stage that is not there", ["--from", "x"], "the pipeline has no stage x; it has quote, pay, both"],
    ["a member of a group", ["--from", "more"], "more is a member of the group both, which runs as a whole: --from both"],
    [
      "a stage that the run had not come to",
      ["--from", "both"],
      "pay, which comes before both, has not succeeded in the run order-1; start from there: --from pay",
    ],
    ["metadata of agentflow's own", ["--from", "pay", "--meta", "run_id=x"], "the metadata `run_id` is set by agentflow itself"],
    ["JSON of a run", ["--from", "pay", "--json"], "--json goes with --plan; the result of a run as JSON is --output result"],
  ])("refuses %s", async (_sentence, args, message) => {
    const { program } = await failedOrder();
    expect(await program("rerun", "order-1", ...args)).toEqual(refused(message));
  });

  test("refuses a run of which only the result was kept", async () => {
    const cwd = folderWith({
      "slim.toml": `${oneStage(`type = "canned"\nreply = { x = 1 }`)}[orchestration.sequential.pipeline]\nsave_intermediate_results = false\n`,
    });
    expect((await runProgram(["run", "slim.toml", "--run-id", "r"], { cwd })).code).toBe(0);
    expect(await runProgram(["rerun", "r", "--from", "a"], { cwd })).toEqual(
      refused("only the result of the run r was kept (save_intermediate_results = false), so nothing of it can be reused"),
    );
  });
});
