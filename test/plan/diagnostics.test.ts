import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PLAN_CODES } from "../../src/plan/codes.ts";
import { SPEC_CODES } from "../../src/spec/read.ts";
import { runProgram } from "../support/program.ts";

/**
 * The files of cases/diagnostics, each with one mistake, or with none where its name begins with `right-`; and beside each
 * what `agentflow validate` says (`vitest run test/plan/diagnostics.test.ts -u` rewrites it).
 */
const cwd = join(import.meta.dirname, "../cases/diagnostics");
const files = readdirSync(cwd).filter((file) => file.endsWith(".toml"));
const wrong = files.filter((file) => !file.startsWith("right-"));
const right = files.filter((file) => file.startsWith("right-"));

async function validate(file: string): Promise<{ code: number; told: string; findings: string[] }> {
  const { code, stdout, stderr } = await runProgram(["validate", file], { cwd });
  return { code, told: stderr + stdout, findings: stderr.split("\n").filter((line) => /^(error|warning)\[/.test(line)) };
}

describe("one mistake is one message:", () => {
  test.each(wrong)("%s", async (file) => {
    const { code, told, findings } = await validate(file);
    expect(findings).toHaveLength(1);
    expect(code).toBe(findings[0]?.startsWith("error") === true ? 1 : 0);
    await expect(told).toMatchFileSnapshot(join(cwd, file.replace(".toml", ".expected.txt")));
  });
});

describe("nothing is said of what is right:", () => {
  test("there are ten such files", () => expect(right.length).toBeGreaterThanOrEqual(10));
  test.each(right)("%s", async (file) => expect(await validate(file)).toEqual({ code: 0, told: `${file}: valid\n`, findings: [] }));
});

describe("the cases are complete:", () => {
  const known = Object.keys({ ...SPEC_CODES, ...PLAN_CODES });

  test("every code has one", () => {
    const shown = readdirSync(cwd)
      .filter((file) => file.endsWith(".expected.txt"))
      .map((file) => /^\w+\[([a-z-]+)\]/.exec(readFileSync(join(cwd, file), "utf8"))?.[1]);
    expect(known.filter((code) => !shown.includes(code))).toEqual([]);
  });

  test("every code of an expression is a known one", () => {
    const folder = join(import.meta.dirname, "../../src/plan");
    const sources = readdirSync(folder).filter((file) => /^(expression|template|pattern)/.test(file));
    const codes = sources.flatMap((file) =>
      [...readFileSync(join(folder, file), "utf8").matchAll(/\bcode: "([a-z-]+)"/g)].map(([, code]) => code),
    );
    expect(codes).not.toEqual([]);
    expect(codes.filter((code) => !known.includes(code ?? ""))).toEqual([]);
  });

  test("every code has a meaning in a few words", () => {
    for (const [code, meaning] of Object.entries(PLAN_CODES)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(meaning).toMatch(/^\S.{10,90}[^.]$/);
    }
  });

  test("each expectation has its file", () => {
    const orphans = readdirSync(cwd).filter(
      (file) => file.endsWith(".expected.txt") && !files.includes(file.replace(".expected.txt", ".toml")),
    );
    expect(orphans).toEqual([]);
  });
});
