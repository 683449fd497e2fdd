import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { checkFile } from "../src/pipeline/check.ts";
import { PLAN_CODES } from "../src/plan/codes.ts";
import { groupsOf } from "../src/report/explain.ts";
import { SPEC_CODES } from "../src/spec/read.ts";
import { folderWith } from "./support/folder.ts";
import { type Block, blocksOf, headingsOf, sectionOf } from "./support/markdown.ts";
import { programPath, runProgram } from "./support/program.ts";

/**
 * docs/diagnostics.md has a section for each code, and its examples behave as it says.
 *
 * The words behind the language of a block say what the block is:
 *
 *     ```toml wrong            a file with one problem, that of the section
 *     ```toml wrong latin1     the same, saved in another encoding
 *     ```toml                  a file without a problem
 *     ```toml NAME=set         the same, where the environment has a variable
 *     ```md NAME.md            a file for the examples of the page
 */
const page = readFileSync(fileURLToPath(new URL("../docs/diagnostics.md", import.meta.url)), "utf8");
const meanings: Readonly<Record<string, string>> = { ...SPEC_CODES, ...PLAN_CODES };
const codes = Object.keys(meanings);
const fileName = ({ words }: Block): string | undefined => words.find((word) => /\.[a-z]+$/.test(word));
const folder = folderWith(
  Object.fromEntries(blocksOf(page).flatMap((block) => (fileName(block) === undefined ? [] : [[fileName(block), block.text]]))),
);

/** What an example cannot show: a text that is nested so deeply. */
const WITHOUT_EXAMPLE = ["too-deep"];
/** What is not on the machine of this test, but is on the reader's. */
const OF_THE_MACHINE = ["missing-program", "unset-variable", "missing-file"];

const titles = headingsOf(page).map(({ title }) => title);
const sections = codes
  .filter((code) => titles.includes(code) && !WITHOUT_EXAMPLE.includes(code))
  .map((code) => ({ code, blocks: blocksOf(sectionOf(page, code)).filter(({ language }) => language === "toml") }));
const isWrong = ({ words }: Block): boolean => words.includes("wrong");

async function check(block: Block, code: string): Promise<string[]> {
  const bytes = Buffer.from(block.text, block.words.includes("latin1") ? "latin1" : "utf8");
  const set = Object.fromEntries(block.words.filter((word) => word.includes("=")).map((word) => word.split("=") as [string, string]));
  const env = { PATH: programPath(), OPENAI_API_KEY: "set", ...set };
  const { diagnostics } = await checkFile(join(folder, fileName(block) ?? "example.toml"), bytes, env);
  return diagnostics.map((diagnostic) => diagnostic.code).filter((found) => found === code || !OF_THE_MACHINE.includes(found));
}

describe("docs/diagnostics.md", () => {
  test("has a section for every code, in a group, and none for another", () => {
    expect(
      groupsOf(page)
        .flatMap((group) => group.codes)
        .toSorted(),
    ).toEqual(codes.toSorted());
  });

  test.each(sections)("$code has a wrong and a right example", ({ blocks }) => {
    expect([blocks.some(isWrong), blocks.some((block) => !isWrong(block))]).toEqual([true, true]);
  });

  test.each(sections.flatMap(({ code, blocks }) => blocks.filter(isWrong).map((block) => ({ code, block }))))(
    "$code: the wrong example has that problem, and no other",
    async ({ code, block }) => expect(await check(block, code)).toEqual([code]),
  );

  test.each(sections.flatMap(({ code, blocks }) => blocks.filter((block) => !isWrong(block)).map((block) => ({ code, block }))))(
    "$code: the right example has no problem",
    async ({ code, block }) => expect(await check(block, code)).toEqual([]),
  );
});

describe("agentflow explain", () => {
  const cwd = folderWith({});
  const explain = (...args: string[]) => runProgram(["explain", ...args], { cwd });

  test("prints the section of a code, without the marks of the page", async () => {
    expect(await explain("never-retried")).toEqual({
      code: 0,
      stderr: "",
      stdout: `never-retried

retry_on names a kind of failure after which another attempt is never made, since it would fail in the same way: a wrong
key, an account without credit, a request that the server refuses. Take it out of the list. What helps in such a case is a
fallback.

Wrong:

    [agents.draft]
    type = "llm"
    model = "gpt-5-mini"
    retries = 2
    retry_on = ["rate_limit", "auth"]

    [orchestration.sequential]
    agents = ["draft"]

Right:

    [agents.draft]
    type = "llm"
    model = "gpt-5-mini"
    retries = 2
    retry_on = ["rate_limit", "server_error"]

    [orchestration.sequential]
    agents = ["draft"]
`,
    });
  });

  test("colours headings and words of the file on a terminal, and does not where that is not wanted", async () => {
    const { stdout } = await runProgram(["explain", "never-retried"], { cwd, isTTY: true });
    expect(stdout.split("\n").filter((line) => line.includes("\u001B"))).toEqual([
      "\u001B[1mnever-retried\u001B[22m",
      "\u001B[36mretry_on\u001B[39m names a kind of failure after which another attempt is never made, since it would fail in the same way: a wrong",
      "\u001B[36mfallback\u001B[39m.",
      "\u001B[1mWrong:\u001B[22m",
      "\u001B[1mRight:\u001B[22m",
    ]);
    const plain = await runProgram(["explain", "never-retried", "--no-color"], { cwd, isTTY: true });
    expect(plain.stdout).toBe((await explain("never-retried")).stdout);
  });

  test("lists every code with its meaning, by group", async () => {
    const { code, stdout, stderr } = await explain();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines.filter((line) => /^\w/.test(line))).toEqual([
      ...groupsOf(page).map(({ title }) => title),
      "agentflow explain CODE says more about one of them.",
    ]);
    const listed = lines.filter((line) => line.startsWith("  ")).map((line) => line.trim().split(/ {2,}/));
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(Object.entries(meanings).map(([name, meaning]) => [name, meaning.replaceAll("`", "")])),
    );
  });

  test.each([
    "error[unknown-agent]",
    "error[unknown-agent]: there is no agent called `a`",
    "unknown_agent",
    "Unknown-Agent",
    "[unknown-agent]",
  ])("understands what was pasted: %s", async (pasted) => expect(await explain(pasted)).toEqual(await explain("unknown-agent")));

  test.each([
    ["one that is nearly a code, with that", "unkown-agnet", "there is no code `unkown-agnet`; did you mean `unknown-agent`?"],
    ["one that is like no other", "E0308", "there is no code `E0308`; `agentflow explain` lists all"],
    ["nothing in brackets", "error[]", "there is no code ``; `agentflow explain` lists all"],
  ])("refuses %s", async (_, given, message) => {
    expect(await explain(given)).toEqual({ code: 2, stdout: "", stderr: `agentflow: ${message}\n` });
  });
});
