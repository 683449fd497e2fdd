import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { chanceOf } from "../engine/simulation/chance.ts";
import type { CommandEnd } from "../support/command.ts";
import { agentflowStarter, callsOf, inParallel, makePlace, orphansIn } from "./support/agentflow.ts";
import { recordedEnd } from "./support/recorded.ts";
import { callNames, startWorkload, undisturbed } from "./support/workload.ts";

const start = agentflowStarter();

test("fault 13: bytes of the database or its log are changed: what is left is a beginning, or it is refused as damaged; never a wrong end", async () => {
  const expected = await undisturbed(start, makePlace(), "succeeds");
  const killed = makePlace();
  await startWorkload(start, killed, "succeeds", { fault: "kill-after-commit:16" }).end;
  const closed = makePlace();
  cpSync(killed.folder, closed.folder, { recursive: true });
  expect((await start(["resume", "nobody"], closed).end).code).toBe(2);
  const chance = chanceOf(13);
  const seen = new Set<string>();
  const wrong: unknown[] = [];
  await inParallel(
    Array.from({ length: 48 }, (_, index) => index),
    async (index) => {
      const place = makePlace();
      // Every other one is in the database: its log was taken over when it was closed.
      cpSync((index % 2 === 0 ? closed : killed).folder, place.folder, { recursive: true });
      const file = join(place.store, index % 2 === 0 ? "agentflow.db" : "agentflow.db-wal");
      const bytes = readFileSync(file);
      const offset = chance.below(bytes.length);
      bytes.writeUInt8((bytes[offset] as number) ^ (1 << chance.below(8)), offset);
      writeFileSync(file, bytes);
      const { code, stdout, stderr } = await start(["resume", "w", "--quiet", "--output", "none"], place).end;
      const end = `${code} ${code === 74 ? stderr.replace(/^agentflow: the store \S+ is damaged: .*\n$/s, "damaged") : ""}`;
      seen.add(end);
      const calledMore = callNames(place).length > callNames(killed).length;
      const isRight =
        (code === 0 && isDeepStrictEqual((await recordedEnd(place, "w"))?.end, expected.recorded?.end)) ||
        (end === "74 damaged" && !calledMore) ||
        // The log's first part is gone, and the run with it.
        (code === 2 && /^agentflow: (there is no run|there is no store)/.test(stderr) && !calledMore);
      if (!isRight || stdout !== "") wrong.push({ file, offset, code, stdout, stderr });
    },
  );
  expect(wrong).toEqual([]);
  expect([...seen].toSorted()).toEqual(expect.arrayContaining(["0 ", "74 damaged"]));
});

test("fault 15: the file has changed since: refused with what changed, nothing is run; --force goes on with what was recorded", async () => {
  const file = (b: string): string => `[agents.a]
type = "script"
shell = 'echo a >> "$CALLS"'
[agents.b]
type = "script"
shell = 'echo ${b} >> "$CALLS"; [ -e "$PLACE/go" ]'
[orchestration.sequential]
agents = ["a", "b"]
`;
  const place = makePlace({ "p.toml": file("b") });
  expect((await start(["run", "p.toml", "--run-id", "w", "--quiet"], place).end).code).toBe(1);
  writeFileSync(join(place.folder, "p.toml"), file("other"));
  writeFileSync(join(place.folder, "go"), "");
  expect(await start(["resume", "w"], place).end).toEqual({
    code: 2,
    stdout: "",
    stderr: `agentflow: the pipeline ${place.folder}/p.toml has changed since the run w was started:
  agents.b.shell
\`agentflow resume w --force\` goes on with the recorded plan; \`agentflow rerun w --from STAGE\` starts a new run with the file as it is
`,
  });
  expect(callsOf(place)).toEqual(["a", "b"]);
  expect((await start(["resume", "w", "--force", "--quiet"], place).end).code).toBe(0);
  expect(callsOf(place)).toEqual(["a", "b", "b"]);
});

/** JavaScript that writes an output, and the value that it means. */
const OUTPUTS: Readonly<
  Record<string, { readonly writes: string; readonly stdout?: string; readonly value?: () => unknown; readonly problem?: RegExp }>
> = {
  "0 bytes": { writes: `""`, stdout: "text", value: () => "" },
  "1 MB": { writes: `JSON.stringify("ä".repeat(500000))`, value: () => "ä".repeat(500_000) },
  "30 MB": {
    writes: `JSON.stringify(Array.from({ length: 30 }, (_, i) => String(i % 10).repeat(1e6)))`,
    value: () => Array.from({ length: 30 }, (_, i) => String(i % 10).repeat(1e6)),
  },
  "bytes that are no UTF-8": { writes: `Buffer.from([34, 0xff, 0xfe, 34])`, problem: /UTF-8/ },
  NUL: { writes: `JSON.stringify("a\\0b\\u2028\\ud83d\\ude00")`, value: () => "a\0b\u2028\u{1f600}" },
  "half of a surrogate pair": { writes: `'"\\\\ud800"'`, value: () => "\ud800" },
  "keys that mean something to JavaScript": {
    writes: `'{"__proto__": {"a": 1}, "constructor": 2, "toString": null, "": 3}'`,
    value: () => JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": null, "": 3}') as unknown,
  },
  "keys that are numbers, in their order": { writes: `'{"10": 1, "9": 2, "a": 0}'`, value: () => ({ 10: 1, 9: 2, a: 0 }) },
  "deep nesting": { writes: `"[".repeat(90) + "]".repeat(90)`, value: () => JSON.parse("[".repeat(90) + "]".repeat(90)) as unknown },
  "nesting without an end": { writes: `"[".repeat(1e5) + "]".repeat(1e5)`, problem: /nested|deep/ },
  "the largest numbers, and the smallest": {
    writes: `"[1.7976931348623157e308, 5e-324, 9007199254740991]"`,
    value: () => [1.7976931348623157e308, 5e-324, 9007199254740991],
  },
  "a number that no double can hold": { writes: `"123456789012345678901234567890"`, problem: /number|integer|exact/ },
};

test("fault 16: outputs of every sort come through a run, its store and a resume as they were, or are refused with a reason", async () => {
  const wrong: unknown[] = [];
  await inParallel(Object.entries(OUTPUTS), async ([name, { writes, stdout = "json", value, problem }]) => {
    const place = makePlace({ "p.toml": outputPipeline(stdout), "writes.mjs": `process.stdout.write(${writes});` });
    const first = await start(["run", "p.toml", "--run-id", "w", "--quiet"], place).end;
    if (problem !== undefined) {
      if (first.code !== 1 || !/stage 1 \(big\) failed/.test(first.stderr) || !problem.test(first.stderr))
        wrong.push({ name, ...short(first) });
      return;
    }
    writeFileSync(join(place.folder, "go"), "");
    const second = await start(["resume", "w", "--quiet"], place).end;
    const found: unknown = second.code === 0 ? (JSON.parse(second.stdout) as { out: unknown; echo: unknown }) : null;
    const expected = value?.();
    if (first.code !== 1 || second.code !== 0 || !isDeepStrictEqual(found, { out: expected, echo: expected })) {
      wrong.push({ name, first: short(first), second: short(second) });
    }
    if (existsSync(place.calls) && callsOf(place).join() !== "big,echo,echo") wrong.push({ name, calls: callsOf(place) });
    if ((await orphansIn(place.folder)).length > 0) wrong.push({ name, orphans: true });
  });
  expect(wrong).toEqual([]);
});

/** `echo` says what it was given; without a file that says go it fails. */
function outputPipeline(stdout: string): string {
  return `[agents.big]
type = "script"
shell = 'echo big >> "$CALLS"; node writes.mjs'
stdout = "${stdout}"
output = "out"
max_output = "40MB"
[agents.echo]
type = "script"
shell = 'echo echo >> "$CALLS"; [ -e "$PLACE/go" ] && cat'
input = { echo = "out" }
max_output = "40MB"
[orchestration.sequential]
agents = ["big", "echo"]
`;
}

function short({ code, stdout, stderr }: CommandEnd): CommandEnd {
  return { code, stdout: stdout.slice(0, 200), stderr: stderr.slice(0, 500) };
}
