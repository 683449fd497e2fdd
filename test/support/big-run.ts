import { expect } from "vitest";
import { folderWith } from "./folder.ts";
import { oneStage } from "./one-stage.ts";
import { type ProgramEnd, type ProgramWorld, runProgram } from "./program.ts";

/** A group, a nested pipeline with another one, a loop, an element that is skipped, and a failure at the end. */
const BIG = `name = "big"
[agents.first]
type = "canned"
reply = { a = 1 }
rollback = "undo"
[agents.undo]
type = "canned"
[agents.x]
type = "canned"
reply = { x = 1 }
[agents.y]
type = "script"
command = ["false"]
on_error = "continue"
[agents.inner]
type = "pipeline"
file = "inner.toml"
[agents.loop]
type = "module"
module = "count.mjs"
[agents.skipped]
type = "canned"
[agents.last]
type = "script"
command = ["sh", "-c", "echo first line >&2; echo no >&2; exit 3"]
retries = 1
retry_delay = "10ms"
retry_jitter = false
fallback = "spare"
[agents.spare]
type = "script"
command = ["sh", "-c", "echo worse >&2; exit 4"]
[orchestration.sequential]
agents = ["first", "g", "inner", "loop", "skipped", "last"]
[orchestration.sequential.parallel.g]
agents = ["x", "y"]
[[orchestration.sequential.branches]]
from_agent = "loop"
condition = "n < 2"
to_agent = "loop"
max_times = 3
[[orchestration.sequential.branches]]
from_agent = "loop"
to_agent = "last"
[orchestration.sequential.pipeline]
rollback = "manual"
`;

const INNER = `[agents.deep]
type = "canned"
reply = { deep = true }
[agents.p]
type = "canned"
reply = { p = 1 }
[agents.q]
type = "canned"
reply = { q = 1 }
[orchestration.sequential]
agents = ["deep", "h"]
[orchestration.sequential.parallel.h]
agents = ["p", "q"]
`;

const FILES = {
  "big.toml": BIG,
  "inner.toml": INNER,
  "count.mjs": "export default ({ n = 0 }) => ({ n: n + 1 });\n",
  "good.toml": oneStage('type = "canned"\nreply = { a = 1 }'),
  "only.toml": oneStage('type = "canned"\nreply = { a = 1 }', "[orchestration.sequential.pipeline]\nsave_intermediate_results = false"),
  "undone.toml": BIG.replace('rollback = "manual"', 'rollback = "auto"'),
  "tolerated.toml": oneStage('type = "script"\ncommand = ["false"]\non_error = "continue"'),
  "hooked.toml": oneStage('type = "canned"', '[[hooks]]\nname = "h"\non = "after_stage"\ncommand = ["false"]'),
};

const TZ = { TZ: "UTC" };

/** The program, where it is always UTC. */
export function program(cwd: string, args: readonly string[], world: Partial<ProgramWorld> = {}): Promise<ProgramEnd> {
  return runProgram(args, { cwd, env: TZ, ...world });
}

/** A folder in which this was run, as `r`. */
export async function ran(file: string, flags: readonly string[] = []): Promise<{ folder: string; end: ProgramEnd }> {
  const folder = folderWith(FILES);
  return { folder, end: await program(folder, ["run", file, "--run-id", "r", "--session", "s", "--output", "result", ...flags]) };
}

/** What `show r` prints there. */
export async function shown(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await program(folder, ["show", "r", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The lines of a head that are the same for all runs that have ended. */
export const HEAD = ["Session    s", "Started    2030-01-01 00:00:00", "Ended      2030-01-01 00:00:00", "Took       0ms", "Size       9B"];
/** The lines; how much is in the store is measured in another test. */
export const unsized = (text: string): string[] => text.replaceAll(/(Size +)\S+/g, "$19B").split("\n");

/** What is shown of the stages of `big.toml`. */
export const BIG_STAGES = [
  "#  stage                              took  wrote",
  "1  first           ✔ succeeded        0ms   a",
  "2  g               ✔ succeeded        0ms   x",
  "     x             ✔ succeeded        0ms   x",
  "     y             ⚠ tolerated        0ms",
  "      attempt 1 by y, 0ms: exit: exited with code 1",
  "3  inner           ✔ succeeded        0ms   deep, p, q",
  "     inner/deep    ✔ succeeded        0ms   deep",
  "     inner/h       ✔ succeeded        0ms   p, q",
  "       inner/p     ✔ succeeded        0ms   p",
  "       inner/q     ✔ succeeded        0ms   q",
  "4  loop            ✔ succeeded        0ms   n",
  "4  loop (visit 2)  ✔ succeeded        0ms   n",
  "5  skipped         – skipped",
  "6  last            ✖ failed by spare  10ms",
  "      attempt 1 by last, 0ms: exit: exited with code 3",
  "      attempt 2 by last, 0ms: exit: exited with code 3",
  "      attempt 1 by spare, 0ms: exit: exited with code 4",
];
