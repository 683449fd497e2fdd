import { describe, expect, test } from "vitest";
import type { BreakerState } from "../../src/engine/breaker.ts";
import { folderWith } from "../support/folder.ts";
import { clockAt, withStoreIn } from "../support/kept.ts";
import { oneStage } from "../support/one-stage.ts";
import { type ProgramEnd, type ProgramWorld, runProgram } from "../support/program.ts";

const NOON = Date.UTC(2026, 2, 1, 12);
const SETTINGS = { max_failures: 5, reset_after_ms: 30_000 };
const CLOSED: BreakerState = { status: "closed", failures: 2, ...SETTINGS, opened_at: null, last_failure: "429 rate\nlimit", probe: null };
const OPEN: BreakerState = { ...CLOSED, status: "open", failures: 5, opened_at: NOON - 10_000 };
const PROBE = { holder: "r1/write~1!1#1", began_at: NOON - 4_000, lease_ms: 10_000 };

const STATES: Readonly<Record<string, BreakerState>> = {
  "p/closed": CLOSED,
  "p/due": { ...OPEN, opened_at: NOON - 31_000, last_failure: null },
  "p/half": { ...OPEN, status: "half_open", opened_at: NOON - 40_000, probe: PROBE },
  "p/lost": { ...OPEN, status: "half_open", opened_at: NOON - 40_000, probe: { ...PROBE, began_at: NOON - 11_000 } },
  "p/open": OPEN,
};

async function kept(): Promise<string> {
  const folder = folderWith({});
  await withStoreIn(folder, async ({ shared }) => {
    for (const [name, value] of Object.entries(STATES)) await shared.update(`breaker/${name}`, () => ({ value, result: null }));
    await shared.update("breaker/p/strange", () => ({ value: "what is this", result: null }));
    await shared.update("other/p/a", () => ({ value: CLOSED, result: null }));
  });
  return folder;
}

function program(cwd: string, args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> {
  return runProgram(["breakers", ...args], { cwd, env: { TZ: "UTC" }, clock: clockAt(NOON), ...world });
}

describe("breakers", () => {
  test("lists them with what they count, and when the agent is called again", async () => {
    const { code, stdout, stderr } = await program(await kept(), []);
    expect({ code, stderr, lines: stdout.split("\n") }).toEqual({
      code: 0,
      stderr: "",
      lines: [
        "breaker   state      failures  open since           next probe        last failure",
        "p/closed  closed     2 of 5                                           429 rate limit",
        "p/due     open       5 of 5    2026-03-01 11:59:29  at the next call",
        "p/half    half-open  5 of 5    2026-03-01 11:59:20  under way         429 rate limit",
        "p/lost    half-open  5 of 5    2026-03-01 11:59:20  at the next call  429 rate limit",
        "p/open    open       5 of 5    2026-03-01 11:59:50  in 20s            429 rate limit",
        "",
      ],
    });
  });

  test("fits the terminal", async () => {
    const { stdout } = await program(await kept(), [], { isTTY: true, columns: 72 });
    expect(stdout.split("\n").slice(1, 3)).toEqual([
      "p/closed  \u001b[32mclosed\u001b[39m     2 of 5",
      "p/due     \u001b[31mopen\u001b[39m       5 of 5    2026-03-01 11:59:29  at the next call",
    ]);
  });

  test("--json", async () => {
    const list = JSON.parse((await program(await kept(), ["--json"])).stdout) as { name: string }[];
    expect(list.map(({ name }) => name)).toEqual(Object.keys(STATES));
    const common = { ...SETTINGS, last_failure: "429 rate\nlimit" };
    expect([list[0], list[2], list[4]]).toEqual([
      { name: "p/closed", status: "closed", failures: 2, ...common, opened_at: null, next_probe_in_ms: null, probe: null },
      {
        name: "p/half",
        status: "half_open",
        failures: 5,
        ...common,
        opened_at: "2026-03-01T11:59:20.000Z",
        next_probe_in_ms: 6_000,
        probe: { holder: "r1/write~1!1#1", began_at: "2026-03-01T11:59:56.000Z", lease_ms: 10_000 },
      },
      {
        name: "p/open",
        status: "open",
        failures: 5,
        ...common,
        opened_at: "2026-03-01T11:59:50.000Z",
        next_probe_in_ms: 20_000,
        probe: null,
      },
    ]);
  });

  test("what runs leave behind is found, and reset", async () => {
    const keys = 'type = "script"\ncommand = ["false"]\ncircuit_breaker = { max_failures = 1, reset_after = "30s" }';
    const cwd = folderWith({ "p.toml": oneStage(keys) });
    await runProgram(["run", "p.toml"], { cwd });
    const states = async (): Promise<unknown> => JSON.parse((await runProgram(["breakers", "--json"], { cwd })).stdout);
    expect(await states()).toMatchObject([{ name: "p/a", status: "open", failures: 1, max_failures: 1, next_probe_in_ms: 30_000 }]);
    expect(await runProgram(["breakers", "reset", "p/a"], { cwd })).toEqual({ code: 0, stdout: "reset p/a\n", stderr: "" });
    expect(await states()).toEqual([]);
  });
});

describe("breakers reset", () => {
  const names = async (folder: string): Promise<string[]> =>
    withStoreIn(folder, async ({ shared }) => (await shared.list()).map(([name]) => name));

  test("closes what it is told, each once, and leaves the others", async () => {
    const folder = await kept();
    const end = await program(folder, ["reset", "p/open", "p/half", "p/open"]);
    expect(end).toEqual({ code: 0, stdout: "reset p/open\nreset p/half\n", stderr: "" });
    expect(await names(folder)).toEqual(["breaker/p/closed", "breaker/p/due", "breaker/p/lost", "breaker/p/strange", "other/p/a"]);
  });

  test("resets nothing where one of them is not there", async () => {
    const folder = await kept();
    expect(await program(folder, ["reset", "p/open", "p/opne"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: there is no circuit breaker `p/opne`; there are\n  p/closed\n  p/due\n  p/half\n  p/lost\n  p/open\n",
    });
    expect(await names(folder)).toHaveLength(7);
  });

  test("where none has counted anything", async () => {
    const folder = folderWith({});
    await withStoreIn(folder, async () => {});
    expect(await program(folder, ["reset", "p/a"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: there is no circuit breaker `p/a`; none has counted a failure yet\n",
    });
  });
});
