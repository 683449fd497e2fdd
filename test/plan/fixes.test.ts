import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkFile } from "../../src/pipeline/check.ts";
import type { LocatedFix } from "../../src/spec/places/edits.ts";
import { type Located, locateAll } from "../../src/spec/positions.ts";
import { programPath } from "../support/program.ts";

const folder = join(import.meta.dirname, "../cases/diagnostics");
const cases = readdirSync(folder).filter((file) => file.endsWith(".toml") && !file.startsWith("right-"));

async function diagnosticsIn(text: string, name = "fixes.toml"): Promise<Located[]> {
  const file = join(folder, name);
  const { diagnostics, documents } = await checkFile(file, new TextEncoder().encode(text), { PATH: programPath(), OPENAI_API_KEY: "none" });
  return locateAll(diagnostics, documents);
}

/** The text with the edits of a fix. */
function edited(text: string, { edits }: LocatedFix): string {
  return edits
    .toSorted((a, b) => b.place.start - a.place.start)
    .reduce((result, { place, text: by }) => result.slice(0, place.start) + by + result.slice(place.end), text);
}

const summary = ({ code, message }: Located): string => `${code}: ${message}`;

describe("every fix of the cases leaves nothing behind:", () => {
  test.each(cases)("%s", async (name) => {
    const text = readFileSync(join(folder, name), "utf8");
    const fixes = (await diagnosticsIn(text, name)).flatMap(({ fix, file }) => (file === join(folder, name) ? (fix ?? []) : []));
    const left = await Promise.all(fixes.map((fix) => diagnosticsIn(edited(text, fix), name)));
    expect(left.flat().map(summary)).toEqual([]);
  });
});

describe("a fix is exact:", () => {
  const agent = (...lines: string[]): string => ["[agents.a]", ...lines, "", "[orchestration.sequential]", 'agents = ["a"]', ""].join("\n");
  const script = (...lines: string[]): string => agent('type = "script"', 'command = ["echo"] # says it', ...lines);
  const when = (line: string): string =>
    [agent('type = "canned"', 'reply = { n = 1, ok = true, items = [], loop = 1, text = "" }'), "[[orchestration.sequential.branches]]"]
      .concat('from_agent = "a"', line, "end = true", "")
      .join("\n");

  const SAFE: readonly (readonly [sentence: string, before: string, after: string])[] = [
    ["a duration with a space and a capital", script('timeout = "30 S"'), script('timeout = "30s"')],
    ["a duration in words", script('timeout = "5 minutes" # long'), script('timeout = "5m" # long')],
    ["a size in small letters", script('max_output = "10 mb"'), script('max_output = "10MB"')],
    ["a size in KiB", script("max_output = '8 KiB'"), script('max_output = "8KB"')],
    ["a kind that is never retried", script("retries = 1", 'retry_on = ["auth", "exit"]'), script("retries = 1", 'retry_on = ["exit"]')],
    ["the last of a list", script("retries = 1", 'retry_on = ["exit", "auth"]'), script("retries = 1", 'retry_on = ["exit"]')],
    [
      "a kind on a line of its own",
      script("retries = 1", "retry_on = [", '  "auth",', '  "exit", # often', "]"),
      script("retries = 1", "retry_on = [", '  "exit", # often', "]"),
    ],
    ["a key that does nothing, with its comment", script("retries = 1", "retry_backoff = 3 # grow"), script("retries = 1")],
    ["a word for an operator", when('condition = "n = 1 and ok"'), when('condition = "n == 1 && ok"')],
    ["a word for another", when('condition = "not ok or n > 1"'), when('condition = "!ok || n > 1"')],
    ["a bracket behind `not`", when('condition = "not (ok || n > 1)"'), when('condition = "!(ok || n > 1)"')],
    ["three signs", when('condition = "n === 1"'), when('condition = "n == 1"')],
    ["`is not`", when('condition = "n is not 1"'), when('condition = "n != 1"')],
    ["`<>` behind an escape", when("condition = \"text == '\\u00e9' || n <> 1\""), when("condition = \"text == '\\u00e9' || n != 1\"")],
    ["a function under another name", when('condition = "len(items) > 1"'), when('condition = "size(items) > 1"')],
    ["a method under another name", when("condition = \"text.includes('tea')\""), when("condition = \"text.contains('tea')\"")],
    ["a misspelt function", when("condition = \"text.startsWth('tea')\""), when("condition = \"text.startsWith('tea')\"")],
    ["a word of the language", when('condition = "loop > 1"'), when('condition = "state.loop > 1"')],
    ["`has` without the state", when('condition = "has(ok)"'), when('condition = "has(state.ok)"')],
    ["a template where an expression stands", when('condition = "${{ n > 1 }}"'), when('condition = "n > 1"')],
    ["the mode in capitals", when("").replace("[orchestration.seq", '[orchestration]\nmode = "Sequential"\n\n[orchestration.seq'), ""],
  ];
  test.each(SAFE)("%s", async (_sentence, before, after) => {
    const [{ fix } = { fix: null }, ...others] = await diagnosticsIn(before);
    expect(others.map(summary)).toEqual([]);
    expect(fix?.safe).toBe(true);
    if (fix !== null) expect(edited(before, fix)).toBe(after === "" ? before.replace("Sequential", "sequential") : after);
  });

  const DOUBTFUL: readonly (readonly [sentence: string, before: string, after: string])[] = [
    ["a duration without a unit", script('timeout = "30"'), script('timeout = "30s"')],
    ["a number for a duration", script("timeout = 30"), script('timeout = "30s"')],
    ["a command in one text", agent('type = "script"', 'command = "node x.mjs"'), agent('type = "script"', 'command = ["node", "x.mjs"]')],
    ["a script whose text goes nowhere", script('stdout = "text"'), script('stdout = "text"', 'output = "a"')],
    ["waits without retries, which may have been forgotten", script('retry_delay = "1s" # wait', "retry_jitter = false"), script()],
    ["failures that are counted, of no kind", agent('type = "canned"', "fail_times = 2"), agent('type = "canned"')],
    [
      "a canned text that goes nowhere",
      agent('type = "canned"', 'reply = "tea"'),
      agent('type = "canned"', 'reply = "tea"', 'output = "a"'),
    ],
  ];
  test.each(DOUBTFUL)("%s: only suggested", async (_sentence, before, after) => {
    const [{ fix } = { fix: null }] = await diagnosticsIn(before);
    expect(fix?.safe).toBe(false);
    if (fix !== null) expect(edited(before, fix)).toBe(after);
  });

  test.each([
    ["all kinds of a list are never retried", script("retries = 1", 'retry_on = ["auth", "quota"]')],
    ["what `not` negates is in doubt", when('condition = "not n == 1"')],
    [
      "a word of the language is a name in an input table",
      agent('type = "script"', 'command = ["echo", "${{ loop }}"]', 'input = { loop = "1" }'),
    ],
    ["the text stands in quotes that cannot hold the fix", when("condition = 'loop in [`x`]'")],
    ["the rest of the expression is wrong as well", when('condition = "n = 1 and and ok"')],
  ])("none where %s", async (_sentence, text) => {
    const [first] = await diagnosticsIn(text);
    expect(first).toBeDefined();
    expect(first?.fix).toBe(null);
  });
});
