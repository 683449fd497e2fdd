import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkFile } from "../../src/pipeline/check.ts";
import { locateAll } from "../../src/spec/positions.ts";
import { parseToml } from "../../src/spec/toml.ts";
import { statementsOf } from "../../src/spec/toml-statements.ts";
import { problemsIn } from "../plan/plans.ts";
import { fixed } from "./problems.ts";

const START = `[agents.one]
type = "canned"
reply = { rows = 1 }
[agents.two]
type = "script"
command = ["echo", "\${{ rows }}"]
writes = []
`;
const ORDER = `[orchestration.sequential]
agents = ["one", "two"]
`;

describe("the rest of a file is checked after a syntax error:", () => {
  test.each<[sentence: string, text: string, told: string[]]>([
    [
      "several in one file, each at its place",
      `${START}timeout = 30s\nretries 2\n${ORDER.replace('"two"]', '"two"')}[[hooks]]\non = “retry”\ncommand = ["x"]\n`,
      [
        "8:11 syntax: this is not valid TOML: `30s` is not a value",
        "9:9 syntax: this is not valid TOML: `=` is missing between `retries` and its value",
        "11:10 syntax: this is not valid TOML: the list that begins here does not end",
        "13:6 syntax: this is not valid TOML: `“` is no quotation mark of TOML",
      ],
    ],
    [
      "a key that is unknown, in the same table and in another",
      `${START}timeout = 30s\nretrys = 2\n[defaults]\nretrys = 1\n${ORDER}`,
      [
        "8:11 syntax: this is not valid TOML: `30s` is not a value",
        "9:1 unknown-key: unknown key `retrys` in [agents.two]",
        "11:1 unknown-key: unknown key `retrys` in [defaults]",
      ],
    ],
    [
      "an agent that is unknown, and an expression",
      `${START}timeout = 30s\n${ORDER}[[orchestration.sequential.branches]]\nfrom_agent = "one"\ncondition = "rows >"\nto_agent = "thre"\n`,
      [
        "8:11 syntax: this is not valid TOML: `30s` is not a value",
        "13:20 invalid-expression: this expression ends too early",
        "14:12 unknown-agent: there is no agent called `thre`",
      ],
    ],
    [
      "what is in the table of a header that is broken",
      `${START.replace("[agents.two]", "[agents.two")}retrys = 1\n${ORDER}`,
      ["4:1 syntax: this is not valid TOML: `[agents.two` is no header", "8:1 unknown-key: unknown key `retrys` in [agents.two]"],
    ],
    [
      "behind a text that took in what followed",
      `[agents.one]\ntype = "llm"\nmodel = "m"\nprompt = """\nSay it.\n\n${START.replace("[agents.one]", "[agents.three]").replace("rows }", "rowz }")}prompt = """\nSay\n"""\n${ORDER.replace('"two"', '"three", "two"')}`,
      [
        "4:10 syntax: this is not valid TOML: the text that begins here does not end",
        "~ 12:25 unknown-variable: nothing is known to write `rowz`",
        "14:1 wrong-type-key: `prompt` is a key of llm agents, and `two` is a script",
      ],
    ],
    [
      "with a key twice",
      `${START}timeout = "1s"\ntimeout = "2s"\nretrys = 2\n${ORDER}`,
      ["9:1 duplicate-key: `timeout` is defined a second time", "10:1 unknown-key: unknown key `retrys` in [agents.two]"],
    ],
    [
      "with a table twice, whose own tables are not told as well",
      `${START}[agents.two.env]\nA = "1"\n[agents.two]\ntimeout = "1s"\n[agents.two.env]\nB = "1"\n[defaults]\nretrys = 2\n${ORDER}`,
      ["10:1 duplicate-key: [agents.two] is defined a second time", "15:1 unknown-key: unknown key `retrys` in [defaults]"],
    ],
    [
      "with a key three times",
      `${START}timeout = "1s"\ntimeout = "1s"\ntimeout = "1s"\n${ORDER}`,
      ["9:1 duplicate-key: `timeout` is defined a second time", "10:1 duplicate-key: `timeout` is defined a second time"],
    ],
    [
      "with tables below the list of agents, which are taken as if they stood where they belong",
      `${START.replace("[agents.two]", "[orchestration.sequential.agents.two]")}retrys = 1\n${ORDER}`,
      [
        "4:1 agents-list-and-table: `agents` in [orchestration.sequential] is a list of names, so there cannot be tables below it as well",
        "8:1 unknown-key: unknown key `retrys` in [agents.two]",
      ],
    ],
    [
      "not where nothing is known of what stands there",
      `${START}[oops\ntimeout = 3\n${ORDER.replace("two", "three")}`,
      ["8:1 syntax: this is not valid TOML: `[oops` is no header"],
    ],
    [
      "and no more than ten are told",
      `${START}${Array.from({ length: 20 }, (_, index) => `key${index} = x${index}\n`).join("")}retrys = 1\n${ORDER}`,
      Array.from(
        { length: 10 },
        (_, index) => `${index + 8}:${index < 10 ? 8 : 9} syntax: this is not valid TOML: \`x${index}\` is not a value`,
      ),
    ],
  ])("%s", async (_sentence, text, told) => expect(await problemsIn(text)).toEqual(told));
});

describe("a merge conflict that is not resolved", () => {
  const TOLD = "this is not valid TOML: this is a merge conflict that is not resolved";
  const conflict = (ours: string, theirs: string): string => `<<<<<<< HEAD\n${ours}=======\n${theirs}>>>>>>> other\n`;
  const prompt = (text: string): string => `${START}[agents.three]\ntype = "llm"\nmodel = "m"\nprompt = """\n${text}"""\n`;

  test.each<[sentence: string, text: string, told: string[]]>([
    ["is one message, for a value", `${START}${conflict("retries = 1\n", "retries = 2\n")}${ORDER}`, [`8:1 syntax: ${TOLD}`]],
    ["for tables", `${conflict(START, `${START}[agents.three]\n`)}${ORDER}`, [`1:1 syntax: ${TOLD}`]],
    [
      "with the ends of lines of Windows",
      `${START}${conflict("", "retries = 2\n")}${ORDER}`.replaceAll("\n", "\r\n"),
      [`8:1 syntax: ${TOLD}`],
    ],
    [
      "of which there are two, besides another mistake",
      `${conflict("", "")}${START}timeout = 30s\n${conflict("", "x = 1\n")}${ORDER}`,
      [`1:1 syntax: ${TOLD}`, "11:11 syntax: this is not valid TOML: `30s` is not a value", `12:1 syntax: ${TOLD}`],
    ],
    [
      "is none in a text",
      `${prompt(conflict("a\n", "b\n"))}timeout = 30s\n${ORDER.replace('"two"', '"two", "three"')}`,
      ["18:11 syntax: this is not valid TOML: `30s` is not a value"],
    ],
  ])("%s", async (_sentence, text, told) => expect(await problemsIn(text)).toEqual(told));
});

describe("a key that is defined twice", () => {
  test.each<[sentence: string, text: string, second: string, first: string, fix: string | undefined]>([
    ["is marked, with the first one", "a = 1\nb = 2\na = 3", "a", "a", undefined],
    ["is removed where it says the same", "a = 1\nb = 2\na = 1 \nc = 3", "a", "a", "a = 1 \n"],
    ["is found in quotes", '"a b" = 1\n"a b" = 3', '"a b"', '"a b"', undefined],
    ["is found in a dotted key", "a.b = 1\n[a]\nc = 1", "[a]", "a.b", undefined],
    ["is found in an inline table", "a = [{ b = { c = 1 }, c = 1, c = 2 }]", "c", "c", undefined],
    ["may be a value and a table", "[a]\nb = 1\n[a.b]", "[a.b]", "b", undefined],
    ["may be a table", "[a]\n[b]\n[ a ]", "[ a ]", "[a]", undefined],
    ["may be a table and a list of tables", "[[a]]\n[a]", "[a]", "[[a]]", undefined],
  ])("%s", (_sentence, text, second, first, removed) => {
    const { diagnostics } = parseToml(text);
    const told = diagnostics.map(({ code, span, related, fix }) => ({
      code,
      second: text.slice(span?.start, span?.end),
      isLast: (span?.start ?? 0) > (related?.[0]?.span?.start ?? 0),
      first: text.slice(related?.[0]?.span?.start, related?.[0]?.span?.end),
      removed: text.slice(fix?.edits[0]?.span?.start ?? 0, fix?.edits[0]?.span?.end ?? 0) || undefined,
    }));
    expect(told).toEqual([{ code: "duplicate-key", second, isLast: true, first, removed }]);
  });
});

const original = process.env.ORIGINAL_SAMPLE ?? "";

test.skipIf(!existsSync(original))("the original sample is mended by its fix, whose three headers are all that it changes", () => {
  const text = readFileSync(original, "utf8");
  const found = parseToml(text).diagnostics;
  expect(found.map(({ code }) => code)).toEqual(["agents-list-and-table"]);
  const after = fixed(text, found[0]?.fix) ?? "";
  expect(after).toBe(text.replaceAll("[orchestration.sequential.agents.", "[agents."));
  expect(after.length).toBe(text.length - 3 * "orchestration.sequential.".length);
  expect(parseToml(after).diagnostics).toEqual([]);
});

/** Ways in which a line is broken. */
const MANGLINGS: Readonly<Record<string, (line: string) => string>> = {
  "without its last quote": (line) => line.replace(/(["'])([^"']*)$/, "$2"),
  "without its first quote": (line) => line.replace(/["']/, ""),
  "without quotes": (line) => line.replaceAll(/["']/g, ""),
  "without its last ]": (line) => line.replace(/\]([^\]]*)$/, "$1"),
  "without its first [": (line) => line.replace("[", ""),
  "without =": (line) => line.replace("=", ""),
  "with : for =": (line) => line.replace("=", ":"),
  "with = twice": (line) => line.replace("=", "=="),
  "with a stray character before it": (line) => `@${line}`,
  "with a word behind it": (line) => `${line.replace(/\s*#.*$/, "")} garbage`,
  "without its first comma": (line) => line.replace(",", ""),
  "without its last }": (line) => line.replace(/\}([^}]*)$/, "$1"),
  "without its first {": (line) => line.replace("{", ""),
  "cut in half": (line) => line.slice(0, line.length / 2),
  "with a quote in it": (line) => `${line.slice(0, line.length / 2)}"${line.slice(line.length / 2)}`,
  "without a value": (line) => line.replace(/=.*/, "="),
  "without a key": (line) => line.replace(/^[^=]*=/, "="),
  "without its three quotes": (line) => line.replace(/"""|'''/, ""),
  "with typographic quotes": (line) => line.replace(/"([^"]*)"/, "“$1”"),
  "replaced by a word": () => "oops",
  "with a stray ]": (line) => line.replace(/[^[]$/, "$&]"),
  "with a stray {": (line) => `{${line}`,
};

/** The samples, and the right ones of the cases. */
const FOLDERS = [join(import.meta.dirname, "../../pipelines"), join(import.meta.dirname, "../cases/diagnostics")];
const SAMPLES = FOLDERS.flatMap((folder) =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.endsWith(".toml") && (folder === FOLDERS[0] || name.startsWith("right-")))
    .map((name) => join(folder, name)),
);

const BROKEN = SAMPLES.flatMap((file) => {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.flatMap((line, index) => (line.trim() === "" ? [] : Object.keys(MANGLINGS).map((way) => ({ file, lines, index, way }))));
});

test("one broken line is one message, not before its statement, and soon", async () => {
  // All of them would take minutes.
  await fc.assert(fc.asyncProperty(fc.constantFrom(...BROKEN), isToldOnce), { numRuns: 150 });
});

async function isToldOnce({ file, lines, index, way }: (typeof BROKEN)[number]): Promise<void> {
  const text = lines.with(index, MANGLINGS[way]?.(lines[index] ?? "") ?? "").join("\n");
  if (parseToml(text).patches.length === 0) return;
  const told = await toldOf(file, text);
  const lineStart = lines.slice(0, index).join("\n").length;
  const first = statementsOf(lines.join("\n")).findLast(({ start }) => start <= lineStart + 1)?.start ?? 0;
  const firstLine = lines.join("\n").slice(0, first).split("\n").length;
  expect({ told, isNear: told.every(({ line = 0 }) => firstLine <= line && line <= index + 12) }).toEqual({
    told: [told[0]],
    isNear: true,
  });
}

async function toldOf(file: string, text: string): Promise<{ line: number | undefined; message: string }[]> {
  const { diagnostics, documents } = await checkFile(file, new TextEncoder().encode(text), {});
  const located = await locateAll(
    diagnostics.filter(({ code }) => code !== "unset-variable" && code !== "missing-program"),
    documents,
  );
  return located.map(({ place, message }) => ({ line: place?.line, message }));
}
