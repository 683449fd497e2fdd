import { execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import type { WriteStream as TerminalStream } from "node:tty";
import { afterEach, describe, expect, it } from "vitest";
import { plainPalette } from "../../src/report/palette.ts";
import { colourWorks, liveDisplay, liveDisplayWorks, makePalette } from "../../src/report/terminal.ts";
import { folderWith } from "../support/folder.ts";
import { at, attemptEnd, attemptStart, branch, failed, groupEnd, groupStart, stageEnd, stageStart } from "./build.ts";
import type { Steering } from "./fixtures/live-display.ts";

const terminal = { isTTY: true, columns: 80 };

describe("whether lines can be redrawn in place", () => {
  it.each([
    { does: "on a terminal", stream: terminal, env: {}, works: true },
    { does: "not in a pipe", stream: {}, env: {}, works: false },
    { does: "not where the terminal reports no columns", stream: { isTTY: true, columns: 0 }, env: {}, works: false },
    { does: "not where the width is unknown", stream: { isTTY: true }, env: {}, works: false },
    { does: "not in CI", stream: terminal, env: { CI: "true" }, works: false },
    { does: "but where CI says that it is none", stream: terminal, env: { CI: "false" }, works: true },
    { does: "and where CI is empty", stream: terminal, env: { CI: "" }, works: true },
    { does: "not on a dumb terminal", stream: terminal, env: { TERM: "dumb" }, works: false },
    { does: "without colours all the same", stream: terminal, env: { NO_COLOR: "1" }, works: true },
  ])("$does", ({ stream, env, works }) => {
    expect(liveDisplayWorks(stream, env)).toBe(works);
  });
});

describe("whether there are colours", () => {
  it.each([
    { does: "on a terminal", stream: terminal, env: {}, flag: true, works: true },
    { does: "also on one without columns", stream: { isTTY: true, columns: 0 }, env: {}, flag: true, works: true },
    { does: "not in a pipe", stream: {}, env: {}, flag: true, works: false },
    { does: "not in CI", stream: terminal, env: { CI: "1" }, flag: true, works: false },
    { does: "not on a dumb terminal", stream: terminal, env: { TERM: "dumb" }, flag: true, works: false },
    { does: "not with NO_COLOR", stream: terminal, env: { NO_COLOR: "1" }, flag: true, works: false },
    { does: "an empty NO_COLOR says nothing", stream: terminal, env: { NO_COLOR: "" }, flag: true, works: true },
    { does: "not with --no-color", stream: terminal, env: {}, flag: false, works: false },
    { does: "FORCE_COLOR in a pipe and in CI", stream: {}, env: { FORCE_COLOR: "1", CI: "1" }, flag: true, works: true },
    { does: "an empty FORCE_COLOR", stream: {}, env: { FORCE_COLOR: "" }, flag: true, works: true },
    { does: "FORCE_COLOR=0 on a terminal", stream: terminal, env: { FORCE_COLOR: "0" }, flag: true, works: false },
    { does: "NO_COLOR is stronger than FORCE_COLOR", stream: terminal, env: { FORCE_COLOR: "1", NO_COLOR: "1" }, flag: true, works: false },
    { does: "--no-color is stronger than FORCE_COLOR", stream: terminal, env: { FORCE_COLOR: "1" }, flag: false, works: false },
  ])("$does", ({ stream, env, flag, works }) => {
    expect(colourWorks(stream, env, flag)).toBe(works);
  });

  it("makes escape codes or nothing", async () => {
    expect((await makePalette(true)).red("x")).toBe("\u001b[31mx\u001b[39m");
    expect(await makePalette(false)).toBe(plainPalette);
  });
});

/** A terminal that keeps what is written to it. */
class FakeTerminal extends EventEmitter {
  readonly isTTY = true;
  columns = 60;
  rows = 24;
  written = "";
  write(text: string): boolean {
    this.written += text;
    return true;
  }
  cursorTo(): boolean {
    return true;
  }
  moveCursor(): boolean {
    this.written += "\u001b[A";
    return true;
  }
  clearLine(): boolean {
    return true;
  }
}

describe("a terminal that changes while it is used", () => {
  async function display(stream: FakeTerminal) {
    return liveDisplay({ stream: stream as unknown as TerminalStream, palette: plainPalette, verbose: false, now: () => 0 });
  }

  it("goes on without live lines where the columns are lost, and with them when they are back", async () => {
    const stream = new FakeTerminal();
    const live = await display(stream);
    live.event(stageStart(at("1/2", "collector")));
    stream.columns = 0;
    stream.emit("resize");
    expect(stream.write).toBe(FakeTerminal.prototype.write);
    stream.written = "";
    live.event(stageEnd(at("1/2", "collector")));
    expect(stream.written).toBe("✔ [1/2] collector 1.2s\n");
    stream.columns = 60;
    live.event(stageStart(at("2/2", "formatter")));
    expect(stream.written).toContain("⠋ [2/2] formatter 0.0s");
    live.stop();
  });

  it("leaves nothing behind: no listener, no timer, no cursor hidden; stopping twice is once", async () => {
    const stream = new FakeTerminal();
    const live = await display(stream);
    const write = FakeTerminal.prototype.write;
    live.event(stageStart(at("1/2", "collector")));
    expect(stream.write).not.toBe(write);
    live.stop();
    const { written } = stream;
    live.stop();
    live.event(stageStart(at("2/2", "formatter")));
    stream.emit("resize");
    expect(stream.written).toBe(written);
    expect(stream.write).toBe(write);
    expect(stream.listenerCount("resize")).toBe(0);
    expect(written.endsWith("– [1/2] collector not finished, 0ms\n")).toBe(true);
    expect(written).not.toContain("\u001b[?25l");
  });

  it("counts the tokens of all attempts, and says which attempt is under way or waited for", async () => {
    const stream = new FakeTerminal();
    const live = await display(stream);
    const stage = at("1/1", "a");
    const frameAfter = (...events: Parameters<typeof live.event>[0][]): string[] => {
      for (const event of events) live.event(event);
      stream.written = "";
      live.event(branch(at("1/1", "x"), { taken: true, end: true }));
      return drawn(stream);
    };
    const usage = { input_tokens: 1000, output_tokens: 1, cost: null };
    const lost = { attempts: 3, failure: failed("busy"), retry_in_ms: 1500, usage };
    expect(frameAfter(stageStart(stage), attemptStart(stage, 1, 3))).toEqual(["⠋ [1/1] a 0.0s"]);
    expect(frameAfter(attemptEnd(stage, lost))).toEqual(["⠋ [1/1] a 0.0s, attempt 2/3 in 2s, 1,001 tokens"]);
    expect(frameAfter(attemptStart(stage, 2, 3))).toEqual(["⠋ [1/1] a 0.0s, attempt 2/3, 1,001 tokens"]);
    expect(frameAfter(attemptEnd(stage, { ...lost, attempt: 2 }))).toEqual(["⠋ [1/1] a 0.0s, attempt 3/3 in 2s, 2,002 tokens"]);
    live.stop();
  });

  it("draws no more lines than there are rows; members that have ended give way first", async () => {
    const stream = new FakeTerminal();
    stream.rows = 5;
    const live = await display(stream);
    const member = (name: string) => at("1/1", name, { group: "all" });
    live.event(groupStart(at("1/1", "all"), ["a", "b", "c", "d"]));
    for (const name of ["a", "b", "c", "d"]) live.event(stageStart(member(name)));
    live.event(stageEnd(member("a")));
    stream.written = "";
    live.event(branch(at("1/1", "x"), { taken: true, end: true }));
    expect(drawn(stream)).toEqual(["⠋ [1/1] all 0.0s", "  ⠋ [1/1] b 0.0s", "  ⠋ [1/1] c 0.0s", "  ⠋ [1/1] d 0.0s"]);
    stream.rows = 4;
    stream.written = "";
    live.event(branch(at("1/1", "x"), { taken: true, end: true }));
    expect(drawn(stream)).toEqual(["⠋ [1/1] all 0.0s", "  ⠋ [1/1] b 0.0s", "… and 2 more"]);
    live.stop();
  });

  /** The lines of the last frame. */
  function drawn(stream: FakeTerminal): string[] {
    const frame = stream.written.split("\u001b[?2026h").at(-1) ?? "";
    return frame.replaceAll("\u001b[A", "").replaceAll("\u001b[?2026l", "").trimEnd().split("\n");
  }
});

const hasTmux = spawnSync("tmux", ["-V"]).status === 0;
const fixture = join(import.meta.dirname, "fixtures", "live-display.ts");

describe.skipIf(!hasTmux)("on a real terminal", () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** A terminal of 44 columns with the program in it, which does what it is told. */
  async function open() {
    const directory = folderWith({});
    const socket = join(directory, "tmux");
    const steering = join(directory, "steering");
    const tmux = (...args: string[]) => execFileSync("tmux", ["-S", socket, "-u", "-f", "/dev/null", ...args], { encoding: "utf8" });
    execFileSync("mkfifo", [steering]);
    tmux("new-session", "-d", "-x", "44", "-y", "12", `${process.execPath} ${fixture} ${steering}; exec cat`);
    // For reading as well, so that nobody waits for the other end.
    const pipe = openSync(steering, "r+");
    closing.push(() => tmux("kill-server"));
    const screen = () =>
      tmux("capture-pane", "-p", "-S", "-")
        .trimEnd()
        .split("\n")
        .map((line) => line.trimEnd());
    return {
      tmux,
      tell: (...told: Steering[]) => writeSync(pipe, told.map((one) => `${JSON.stringify(one)}\n`).join("")),
      end: () => closeSync(pipe),
      /** The screen, once it is as expected or after ten seconds. */
      async shows(expected: readonly string[]): Promise<string[]> {
        const until = Date.now() + 10_000;
        while (JSON.stringify(screen()) !== JSON.stringify(expected) && Date.now() < until)
          await new Promise((resolve) => setTimeout(resolve, 20));
        return screen();
      },
    };
  }

  it("row 12: redraws what is under way, keeps what has ended above, cuts to the width", { timeout: 45_000 }, async () => {
    const { tell, shows, end, tmux } = await open();
    const collector = at("1/3", "collector");
    const checks = at("2/3", "checks");
    const licences = at("2/3", "licences", { group: "checks" });
    const sizes = at("2/3", "sizes", { group: "checks" });
    const writer = at("3/3", "a-writer-with-a-rather-long-name-for-this");
    const limit = failed("429 rate limit", { kind: "rate_limit" });

    tell({ event: stageStart(collector) }, { now: 1200 });
    const first = ["⠹ [1/3] collector 1.2s"];
    expect(await shows(first)).toEqual(first);
    // Not in raw mode: Ctrl-C and Ctrl-Z are still the terminal's.
    const terminalFd = openSync(tmux("display-message", "-p", "#{pane_tty}").trim(), "r");
    expect(execFileSync("stty", ["-a"], { stdio: [terminalFd, "pipe", "inherit"], encoding: "utf8" })).toMatch(/\sisig icanon\s/);
    closeSync(terminalFd);

    const usage = { input_tokens: 1000, output_tokens: 234, cost: null };
    tell(
      { event: stageEnd(collector) },
      { event: groupStart(checks, ["licences", "sizes"]) },
      { event: stageStart(licences) },
      { event: stageStart(sizes) },
    );
    tell(
      { event: stageEnd(licences, { duration_ms: 900 }) },
      { event: attemptEnd(sizes, { attempts: 3, failure: limit, retry_in_ms: 4000, usage }) },
      { now: 2200 },
    );
    const second = [
      "✔ [1/3] collector 1.2s",
      "  ✖ [2/3] sizes attempt 1/3: 429 rate limit;",
      " again in 4s",
      "⠹ [2/3] checks 1.0s",
      "  ✔ [2/3] licences 900ms",
      "  ⠹ [2/3] sizes 1.0s, attempt 2/3 in 3s,…",
    ];
    expect(await shows(second)).toEqual(second);

    tell(
      { stdout: "from outside\n" },
      { event: attemptStart(sizes, 2, 3) },
      { event: stageEnd(sizes, { attempt: 2, usage }) },
      { event: groupEnd(checks) },
    );
    tell({ event: stageStart(writer) }, { now: 3200 });
    const third = [
      ...second.slice(0, 3),
      "from outside",
      "✔ [2/3] checks 1.2s",
      "  ✔ [2/3] licences 900ms",
      "  ✔ [2/3] sizes 1.2s, attempt 2, 1,234 token",
      "s",
      "⠹ [3/3] a-writer-with-a-rather-long-name…",
    ];
    expect(await shows(third)).toEqual(third);

    tell({ event: stageEnd(writer, { failure: failed("exit code 1") }) }, { stop: true });
    end();
    const last = [...third.slice(0, -1), "✖ [3/3] a-writer-with-a-rather-long-name-for", "-this 1.2s: exit code 1"];
    expect(await shows(last)).toEqual(last);
    expect(tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}")).toBe("1 0\n");
  });
});

/** util-linux's `script` gives its child a terminal, with no columns where its own stdin is none. */
const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

describe.skipIf(!hasScript)("on a terminal that reports 0 columns", () => {
  async function run(guard: string) {
    const steering = join(folderWith({ steering: `${JSON.stringify({ event: stageStart(at("1/1", "collector")) })}\n` }), "steering");
    const child = spawn("script", ["-qec", `${process.execPath} ${fixture} ${steering} ${guard}`, "/dev/null"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const [code] = await once(child, "close");
    clearTimeout(timer);
    return { code: code as number | null, output };
  }

  it("is recognised as one where live lines do not work", { timeout: 20_000 }, async () => {
    expect(await run("guarded")).toEqual({ code: 3, output: "no live display\r\n" });
  });

  it("does not hang although nobody asked", { timeout: 20_000 }, async () => {
    expect(await run("unguarded")).toEqual({
      code: 0,
      output: "\u001b[2m–\u001b[22m \u001b[2m[1/1]\u001b[22m collector not finished, 0ms\r\n",
    });
  });
});
