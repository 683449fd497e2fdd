import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { AgentError } from "../engine/failure.ts";
import { abortError } from "./abort.ts";

export interface ProcessRequest {
  /** The program and its arguments; no shell. */
  readonly command: readonly string[];
  readonly cwd: string;
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What it is given to read; null: nothing (`/dev/null`). */
  readonly stdin: string | null;
  /** Bytes of stdout; a process that writes more is ended. null: what it writes is thrown away. */
  readonly maxOutput: number | null;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** Ends the group with SIGKILL, at once. */
  readonly kill?: AbortSignal | undefined;
  /** Gets each line of stderr as it comes. */
  readonly onLine?: (line: string) => void;
  /** Takes secrets out of a text before it is cut: of half a secret nobody could tell that it is one. */
  readonly mask?: ((text: string) => string) | undefined;
  /** Hears of the process as soon as it is there. */
  readonly onProcess?: ((process: StartedProcess) => void) | undefined;
}

/** A process that leads a group of its own. */
export interface StartedProcess {
  readonly pid: number;
  /** When it started, in the words of the system, which tell it from a later process with the same pid. */
  readonly started: string;
}

export interface ProcessResult {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  /** Why its signal stopped it; null where that did not happen. */
  readonly stopped: AgentError | null;
  /** It wrote more than `maxOutput` and was ended for that. */
  readonly overflowed: boolean;
  /** The last lines of stderr. */
  readonly stderrTail: readonly string[];
  /** It had ended, but processes that it started had not; they were ended. */
  readonly leftovers: boolean;
}

/** How long a killed process may take to disappear. */
const KILL_MS = 300;
/** Longer lines are passed on in pieces, so that a stream without line ends does not fill the memory. */
const LONGEST_LINE = 65_536;
/** Of such a piece this much waits for the next one: a secret may have begun there. Few secrets are as long. */
const KEPT_BACK = 4_096;
const TAIL_LINES = 20;
const TAIL_LINE_LENGTH = 2_000;

/** What Node says of NUL in a variable; in an argument it is looked for here, since its own message shows the argument. */
const NUL = { code: "ERR_INVALID_ARG_VALUE", message: "an argument holds a NUL character" };

/**
 * Runs one process in a process group of its own, and settles when the whole group has ended.
 *
 * Contract: the output is complete when both pipes are closed, so a background process that holds one is waited for (until
 * the signal aborts) where the program itself exited with 0, and ended at once where it failed. Whatever of the group is
 * left after that is ended: SIGTERM, and SIGKILL after `graceMs`. On an abort the same happens at once, and the promise
 * resolves within `graceMs` and half a second, also when a process that left the group holds a pipe.
 * These waits are in real time, since processes are.
 *
 * @throws AgentError `spawn` when it cannot be started; the reason of an abort that was there before it.
 */
export async function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  if (request.signal.aborted) throw abortError(request.signal);
  return follow(await start(request), request);
}

/** Groups that are alive, by the pid of their first process; they end with agentflow, however it ends. */
const groups = new Set<number>();

async function start(request: ProcessRequest): Promise<Child> {
  const [file = "", ...args] = request.command;
  if (request.command.some((part) => part.includes("\0"))) throw await spawnError(request, NUL);
  let started: ChildProcess;
  try {
    started = spawn(file, args, {
      cwd: request.cwd,
      env: { ...request.env },
      stdio: [request.stdin === null ? "ignore" : "pipe", "pipe", "pipe"],
      // A process group of its own, so that all of it can be ended.
      detached: true,
    });
  } catch (error) {
    throw await spawnError(request, error);
  }
  const { pid, stdin, stdout, stderr } = started;
  if (pid === undefined || stdout === null || stderr === null) {
    throw await spawnError(request, await new Promise((resolve) => started.once("error", resolve)));
  }
  if (groups.size === 0) process.once("exit", killGroups);
  groups.add(pid);
  try {
    request.onProcess?.({ pid, started: startOf(pid) ?? "" });
  } catch (error) {
    // Nobody would follow it.
    signalGroup(pid, "SIGKILL");
    groups.delete(pid);
    throw error;
  }
  return { pid, stdin, stdout, stderr, nodeChildProcess: started };
}

function killGroups(): void {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
}

/** To the whole group; false when there is nobody left. 0 only asks. */
function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** What is used here of a process that was started. */
interface Child {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly nodeChildProcess: ChildProcess;
}

async function follow(child: Child, request: ProcessRequest): Promise<ProcessResult> {
  const exit: { code: number | null; signal: string | null } = { code: null, signal: null };
  const exited = new Promise<void>((resolve) => {
    child.nodeChildProcess.once("exit", (code, signal) => {
      Object.assign(exit, { code, signal });
      resolve();
    });
  });
  const ended = Promise.all([exited, closed(child.stdout), closed(child.stderr)]).then(() => "ended" as const);
  const stdout = collect(child.stdout, request.maxOutput);
  const stderr = readLines(child.stderr, request);
  const kill = (): boolean => signalGroup(child.pid, "SIGKILL");
  request.kill?.addEventListener("abort", kill, { once: true });
  if (request.kill?.aborted === true) kill();
  // A program need not read its input: that it closes the pipe early is no failure.
  child.stdin?.on("error", () => {});
  child.stdin?.end(request.stdin);

  const why = await Promise.race([
    exited.then(() => (exit.code === 0 ? ended : ("failed" as const))),
    stdout.overflow.then(() => "overflow" as const),
    aborted(request.signal, ended).then(() => "aborted" as const),
  ]);
  const leftovers = await endGroup(child, request.graceMs);
  if (why !== "ended") await readRest();
  request.kill?.removeEventListener("abort", kill);
  child.stdout.destroy();
  child.stderr.destroy();
  groups.delete(child.pid);
  if (groups.size === 0) process.off("exit", killGroups);
  return {
    exitCode: exit.code,
    signal: exit.signal,
    stdout: stdout.bytes(),
    stopped: why === "aborted" ? abortError(request.signal) : null,
    overflowed: why === "overflow",
    stderrTail: stderr.tail(),
    leftovers: leftovers && (why === "ended" || why === "failed"),
  };
}

/** Resolves when the signal aborts; the listener goes when `ended` does. */
function aborted(signal: AbortSignal, ended: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const listener = (): void => resolve();
    signal.addEventListener("abort", listener, { once: true });
    void ended.then(() => signal.removeEventListener("abort", listener));
  });
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve);
  });
}

function collect(stream: Readable, limit: number | null): { bytes(): Buffer; overflow: Promise<void> } {
  const chunks: Buffer[] = [];
  let size = 0;
  const overflow = new Promise<void>((resolve) => {
    stream.on("data", (chunk: Buffer) => {
      if (limit === null) return;
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else resolve();
    });
  });
  return { overflow, bytes: () => (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)) };
}

function readLines(
  stream: Readable,
  { onLine, mask = (text) => text }: Pick<ProcessRequest, "onLine" | "mask">,
): { tail(): readonly string[] } {
  const decoder = new StringDecoder("utf8");
  const tail: string[] = [];
  let rest = "";
  const take = (line: string): void => {
    const text = mask(line.endsWith("\r") ? line.slice(0, -1) : line);
    onLine?.(text);
    tail.push(text.length > TAIL_LINE_LENGTH ? `${text.slice(0, TAIL_LINE_LENGTH)}…` : text);
    if (tail.length > TAIL_LINES) tail.shift();
  };
  const takeRest = (): void => {
    rest += decoder.end();
    if (rest !== "") take(rest);
    rest = "";
  };
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    if (rest.length > LONGEST_LINE + KEPT_BACK) {
      rest = mask(rest);
      if (rest.length > KEPT_BACK) take(rest.slice(0, -KEPT_BACK));
      rest = rest.slice(-KEPT_BACK);
    }
  });
  stream.once("close", takeRest);
  return {
    tail: () => {
      takeRest();
      return tail;
    },
  };
}

/** Ends what is left of the process group, and waits for it. Returns whether anything was left. */
async function endGroup(child: Pick<Child, "pid">, graceMs: number): Promise<boolean> {
  if (!(await groupLives(child))) return false;
  signalGroup(child.pid, "SIGTERM");
  if (await groupEnds(child, graceMs)) return true;
  signalGroup(child.pid, "SIGKILL");
  await groupEnds(child, KILL_MS);
  return true;
}

async function groupEnds(child: Pick<Child, "pid">, limitMs: number): Promise<boolean> {
  const limit = AbortSignal.timeout(limitMs);
  for (let pauseMs = 5; await groupLives(child); pauseMs = Math.min(2 * pauseMs, 50)) {
    if (limit.aborted) return false;
    await delay(pauseMs);
  }
  return true;
}

/**
 * Whether a process of the group is running. One that has ended and that nobody collects does not count: in a container
 * whose first process does not do that, such a group would live for ever.
 */
async function groupLives(child: Pick<Child, "pid">): Promise<boolean> {
  if (!signalGroup(child.pid, 0)) return false;
  const entries = await readdir("/proc").catch(() => []);
  const pids = entries.filter((entry) => /^\d+$/.test(entry));
  if (pids.length === 0) return true; // not Linux
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // "pid (name) state parent group …", where the name may hold anything
    const [state, , group] = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (group === String(child.pid) && state !== "Z" && state !== "X") return true;
  }
  return false;
}

/**
 * Ends groups of processes that outlived the agentflow that had started them: SIGTERM, and SIGKILL after `graceMs`.
 *
 * A pid that means another process by now is left alone.
 */
export async function endSurvivors(processes: readonly StartedProcess[], graceMs: number): Promise<void> {
  await Promise.all(
    processes.map(async ({ pid, started }) => {
      const now = startOf(pid);
      // Where the first process of a group has ended, nobody else can get its pid as long as the group lives.
      if (now === null || now === started) await endGroup({ pid }, graceMs);
    }),
  );
}

/** When a process started, as the system counts it; null where there is none. */
function startOf(pid: number): string | null {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "latin1");
    return status.slice(status.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return existsSync("/proc/self/stat") ? null : startElsewhere(pid);
  }
}

/** Where there is no /proc. */
function startElsewhere(pid: number): string | null {
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  return stdout?.trim() || null;
}

/** What the processes had written is read in the next turn of the event loop; whoever else holds a pipe is not waited for. */
async function readRest(): Promise<void> {
  await nextTurn(); // the end of this turn
  await nextTurn();
}

async function spawnError({ command, cwd }: ProcessRequest, cause: unknown): Promise<AgentError> {
  const file = (command[0] ?? "").replaceAll("\0", "\\0");
  return new AgentError("spawn", `cannot start \`${file}\`: ${await spawnReason(file, cwd, cause)}`, { cause });
}

async function spawnReason(file: string, cwd: string, cause: unknown): Promise<string> {
  const { code, message } = cause as { code?: string; message: string };
  if (file === "") return "the name of the program is empty";
  const directory = await stat(cwd).catch(() => null);
  if (directory === null) return `its working directory ${cwd} does not exist`;
  if (!directory.isDirectory()) return `its working directory ${cwd} is not a directory`;
  const target = file.includes("/") ? await stat(resolve(cwd, file)).catch(() => null) : undefined;
  switch (code) {
    case "ENOENT":
      if (target === undefined) return "there is no such program on the PATH";
      return target === null ? `there is no such file in ${cwd}` : "the interpreter that its first line names was not found";
    case "EACCES":
      if (target?.isDirectory()) return "it is a directory";
      return `it is not an executable file${target === undefined ? "" : `; \`chmod +x ${file}\` makes it one`}`;
    case "E2BIG":
      return "its arguments and environment are larger than the system allows; pass large values by stdin";
    case "ERR_INVALID_ARG_VALUE":
      return "an argument or a variable holds a NUL character";
    case "EAGAIN":
    case "EMFILE":
    case "ENFILE":
      return `the system has too many processes or open files (${code})`;
    default:
      return message;
  }
}
