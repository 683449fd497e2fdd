import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DiagnosticsReport } from "../../src/report/diagnostics-json.ts";
import { runProgram } from "../support/program.ts";
import { ENVIRONMENT, RIGHT } from "./corpus.ts";

/**
 * Each single slip in a right file gives a valid file, or diagnostics whose places are in the text. test/cli/fuzz.test.ts makes
 * several at once, and breaks bytes; here every line of every file has its turn.
 */
const PIPELINES = fileURLToPath(new URL("../../pipelines", import.meta.url));
const FILES = [PIPELINES, RIGHT].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".toml"))
    .map((file) => join(folder, file)),
);
/** Each of so many lines has its turn; for all of them, set it to 1. */
const EVERY = Number(process.env.MUTATIONS_EVERY ?? 32);
const SEED = Number(process.env.MUTATIONS_SEED ?? 1);

interface Line {
  readonly file: string;
  readonly lines: readonly string[];
  readonly at: number;
}

const places: readonly Line[] = FILES.flatMap((file) => {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.map((_, at) => ({ file, lines, at }));
});
const chosen = places.filter((_, index) => index % EVERY === SEED % EVERY);

/** What a slip of the hand does to one line; `chance` is a whole number. */
const SLIPS: Readonly<Record<string, (line: Line, chance: number) => readonly string[]>> = {
  "is deleted": ({ lines, at }) => lines.toSpliced(at, 1),
  "stands twice": ({ lines, at }) => lines.toSpliced(at, 0, lines[at] ?? ""),
  "changes places with the next": ({ lines, at }) => lines.toSpliced(at, 2, ...lines.slice(at, at + 2).toReversed()),
  "changes places with another": ({ lines, at }, chance) => {
    const other = chance % lines.length;
    return lines.with(at, lines[other] ?? "").with(other, lines[at] ?? "");
  },
  "has a character flipped": ({ lines, at }, chance) => {
    const line = lines[at] ?? "";
    const where = chance % (line.length + 1);
    const flipped = String.fromCharCode(line.charCodeAt(where) ^ (1 << (chance % 7)));
    return lines.with(at, line.slice(0, where) + (where < line.length ? flipped : "#") + line.slice(where + 1));
  },
};

const chances = fc.sample(fc.nat(), { seed: SEED, numRuns: chosen.length });

describe("a right file in which one line", () => {
  test.each(Object.entries(SLIPS))("%s is valid, or is told where it is not", async (_, slip) => {
    expect(chosen.length).toBeGreaterThan(80);
    for (const [index, line] of chosen.entries()) {
      const text = slip(line, chances[index] ?? 0).join("\n");
      await checkTold(line.file, text);
    }
  });
});

/** @throws where `validate` breaks its promise, with the text that it broke it for */
async function checkTold(file: string, text: string): Promise<void> {
  const { code, stdout, stderr } = await runProgram(["validate", "--format", "json", "--stdin-filename", file, "-"], {
    cwd: dirname(file),
    env: { ...ENVIRONMENT },
    stdin: text,
  });
  const report = JSON.parse(stdout) as DiagnosticsReport;
  const wrong = report.diagnostics.flatMap(({ message, file: where, ...range }) =>
    where !== null && isWithin(range, where === file ? text : readFileSync(where, "utf8")) ? [] : [message],
  );
  const told = { code, stderr, wrong };
  expect({ ...told, text }).toEqual({ code: report.errors > 0 ? 1 : 0, stderr: "", wrong: [], text });
}

type Range = Pick<DiagnosticsReport["diagnostics"][number], "line" | "column" | "end_line" | "end_column">;

/** Columns count code points, and the end may stand one after the last of them. */
function isWithin({ line, column, end_line: endLine, end_column: endColumn }: Range, text: string): boolean {
  const lines = text.split("\n");
  const isPlace = (row: number, place: number): boolean => {
    const source = lines[row - 1];
    return source !== undefined && place >= 1 && place <= [...source].length + 1;
  };
  if (line === null || column === null || endLine === null || endColumn === null) return false;
  return isPlace(line, column) && isPlace(endLine, endColumn) && (endLine > line || (endLine === line && endColumn >= column));
}
