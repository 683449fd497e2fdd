import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DiagnosticsReport } from "../../src/report/diagnostics-json.ts";
import { runProgram } from "../support/program.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const FILES = ["pipelines", "test/fixtures", "bench"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".toml"))
    .map((file) => join(root, folder, file)),
);
const ALL_LINES = FILES.flatMap((file) => readFileSync(file, "utf8").split("\n"));
/** What is quick; for a longer search, raise it. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 100);

type Mutation = (lines: string[], at: number, other: number, character: string) => void;

/** What a slip of the hand does to a file. `at` and `other` are lines of it. */
const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "a line is deleted": (lines, at) => void lines.splice(at, 1),
  "a line stands twice": (lines, at) => void lines.splice(at, 0, lines[at] ?? ""),
  "two lines are swapped": (lines, at, other) => {
    [lines[at], lines[other]] = [lines[other] ?? "", lines[at] ?? ""];
  },
  "a line stands in another place": (lines, at, other) => void lines.splice(other, 0, ...lines.splice(at, 1)),
  "a line comes from another file": (lines, at, other) => void lines.splice(at, 0, ALL_LINES[other % ALL_LINES.length] ?? ""),
  "a character is another": (lines, at, other, character) => change(lines, at, other, 1, character),
  "a character is left out": (lines, at, other) => change(lines, at, other, 1, ""),
  "a character is added": (lines, at, other, character) => change(lines, at, other, 0, character),
  "the file breaks off": (lines, at, other) => {
    lines.splice(at + 1);
    lines[at] = (lines[at] ?? "").slice(0, other % 80);
  },
};

function change(lines: string[], at: number, where: number, length: number, text: string): void {
  const line = lines[at] ?? "";
  const start = where % (line.length + 1);
  lines[at] = line.slice(0, start) + text + line.slice(start + length);
}

const slip = fc.record({
  name: fc.constantFrom(...Object.keys(MUTATIONS)),
  at: fc.nat({ max: 10_000 }),
  other: fc.nat({ max: 10_000 }),
  character: fc.oneof(
    fc.constantFrom(..."\"'[]{}=.,#$\\-_0aZ\n\r\t\0é😀\uFEFF\uD800"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 2 }),
  ),
});

function slipped(text: string, slips: readonly { name: string; at: number; other: number; character: string }[]): string {
  const lines = text.split("\n");
  for (const { name, at, other, character } of slips) {
    if (lines.length > 0) MUTATIONS[name]?.(lines, at % lines.length, other % lines.length, character);
  }
  return lines.join("\n");
}

/** What `validate` says of a text that stands where the file does. @throws where it breaks its promise */
async function check(file: string, text: string | Uint8Array): Promise<DiagnosticsReport> {
  const { code, stdout, stderr } = await runProgram(["validate", "--format", "json", "--stdin-filename", file, "-"], {
    cwd: dirname(file),
    env: { OPENAI_API_KEY: "set" },
    stdin: text,
  });
  const report = JSON.parse(stdout) as DiagnosticsReport;
  expect({ code, stderr, valid: report.files.map(({ valid }) => valid) }).toEqual(
    report.errors > 0 ? { code: 1, stderr: "", valid: [false] } : { code: 0, stderr: "", valid: [true] },
  );
  expect(report.errors).toBe(report.diagnostics.filter(({ severity }) => severity === "error").length);
  for (const { line, column, end_line, end_column, message, file: where } of report.diagnostics) {
    if (line === null || column === null || end_line === null || end_column === null || where === null)
      throw new Error(`no place: ${message}`);
    if (line < 1 || column < 1 || end_line < line || (end_line === line && end_column < column))
      throw new Error(`no such place: ${message}`);
    if (message === "" || message.includes("\n")) throw new Error(`not one line: ${message}`);
  }
  return report;
}

describe("validate finds every file valid, or says where it is not; it never breaks:", () => {
  test("the files as they are", async () => {
    for (const file of FILES) expect({ file, ...(await check(file, readFileSync(file))) }).toMatchObject({ file, errors: 0 });
  });

  test("a slip of the hand, or a few", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...FILES), fc.array(slip, { minLength: 1, maxLength: 4 }), async (file, slips) => {
        await check(file, slipped(readFileSync(file, "utf8"), slips));
      }),
      { numRuns: RUNS },
    );
  });

  test("bytes that are flipped", async () => {
    const flips = fc.array(fc.record({ at: fc.nat({ max: 100_000 }), byte: fc.nat({ max: 255 }) }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...FILES), flips, async (file, places) => {
        const bytes = Uint8Array.from(readFileSync(file));
        for (const { at, byte } of places) bytes[at % bytes.length] = byte;
        await check(file, bytes);
      }),
      { numRuns: RUNS },
    );
  });
});
