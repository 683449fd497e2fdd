import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Diagnostic, Path } from "../../src/spec/diagnostic.ts";
import type { Json } from "../../src/spec/json.ts";
import { locate } from "../../src/spec/positions.ts";
import { checkDefinition, readSpec, SPEC_CODES } from "../../src/spec/read.ts";
import { decodeText, parseToml } from "../../src/spec/toml.ts";

const SAMPLE = `name = "sample" # a comment
[secrets]
env = ["TOKEN"]
[inputs.source]
type = "string"
enum = ["a", "b"]
[defaults]
timeout = "1m30s"
retry_on = ["timeout", "exit"]
[agents.fetch]
type = "script"
command = ["node", "fetch.mjs", "\${{ source }}"]
env = { HOME = '/tmp', "X Y" = "é😀\\u00fc" }
output = { rows = "result.rows" }
[agents.think]
type = "llm"
prompt = """
Say \\
   it: \${{ rows }}"""
temperature = 0.4
stop = ["a", 'b']
[agents.fake]
type = "canned"
replies = [1, [2.5e3, { when = 1979-05-27T07:32:00Z }], true]
[providers.local]
base_url = "http://localhost:8080/v1"
[orchestration]
mode = "sequential"
[orchestration.sequential]
agents = ["fetch", "both"]
[orchestration.sequential.parallel.both]
agents = ["think", "fake"]
[[orchestration.sequential.branches]]
from_agent = "fetch"
end = true
[[hooks]]
on = ["retry", "after_run"]
command = ["notify"]
`;

/** Reads a text, and holds what the reader promises of any text. */
async function read(text: string): Promise<void> {
  const { spec, diagnostics } = readSpec(text);
  expect(spec === null).toBe(diagnostics.some(({ severity }) => severity === "error"));
  for (const { code } of diagnostics) expect(SPEC_CODES).toHaveProperty(code);
  for (const { place } of await locate(text, diagnostics)) {
    expect(place).not.toBeNull();
    expect(0 <= (place?.start ?? -1) && (place?.start ?? 0) <= (place?.end ?? -1) && (place?.end ?? 0) <= text.length).toBe(true);
  }
}

describe("no text makes the reader throw:", () => {
  test("the sample has nothing wrong", () => expect(readSpec(SAMPLE).diagnostics).toEqual([]));

  test("the sample with pieces taken out, doubled and replaced", async () => {
    const pieces = [
      "[",
      "]",
      "{",
      "}",
      "=",
      '"',
      "'",
      '"""',
      "\n",
      "\\",
      "#",
      ".",
      ",",
      "[[",
      "__proto__",
      "constructor",
      "nan",
      "1e999",
      "99999999999999999999",
      "\0",
      "\ufeff",
      "\ud800",
      "07:32",
      "[agents.fetch]\n",
      "[orchestration.sequential.agents.x]\n",
    ];
    const edit = fc.record({
      at: fc.nat(SAMPLE.length),
      length: fc.nat(30),
      piece: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "grapheme", maxLength: 5 })),
    });
    const mutated = fc
      .array(edit, { minLength: 1, maxLength: 4 })
      .map((edits) => edits.reduce((text, { at, length, piece }) => text.slice(0, at) + piece + text.slice(at + length), SAMPLE));
    await fc.assert(fc.asyncProperty(mutated, read), { numRuns: 400 });
  });

  test("lines of the sample in any order", async () => {
    const lines = SAMPLE.split("\n");
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(lines), (some) => read(some.join("\n"))),
      { numRuns: 150 },
    );
  });

  test("random bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        const { text, diagnostic } = decodeText(bytes);
        if (diagnostic === undefined) await read(text);
        else expect((await locate(text, [diagnostic]))[0]?.place).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});

describe("no definition makes the check throw:", () => {
  test("any value at all", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true, withSparseArray: true }), check),
      { numRuns: 300 },
    );
  });

  test("the sample with any value anywhere", () => {
    const { data } = parseToml(SAMPLE);
    const paths = leaves(data).flatMap(({ path }) => path.map((_, index) => path.slice(0, index + 1)));
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.anything(), (path, value) => {
        const definition = structuredClone(data) as Record<string | number, unknown>;
        const parent = path.slice(0, -1).reduce((part, key) => part[key] as Record<string | number, unknown>, definition);
        parent[path.at(-1) ?? ""] = value;
        check(definition);
      }),
      { numRuns: 500 },
    );
  });
});

function check(value: unknown): void {
  const { spec, diagnostics } = checkDefinition(value);
  expect(spec === null).toBe(diagnostics.length > 0);
  for (const { code } of diagnostics) expect(SPEC_CODES).toHaveProperty(code);
}

test("every character of a string is found in its source, however it is written", async () => {
  const escapes: Record<string, string> = { "\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
  const character = fc.oneof(
    fc.constantFrom("a", " ", "\n", "\t", '"', "\\", "'", "é", "😀"),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
  );
  const written = fc.tuple(character, fc.constantFrom("plain", "escape", "line")).map(([value, style]) => {
    const code = [...value].map((one) => `\\U${one.codePointAt(0)?.toString(16).padStart(8, "0")}`).join("");
    if (style === "escape" || /[\0-\x08\x0b-\x1f\x7f]/.test(value)) return { value, source: escapes[value] ?? code };
    const plain = value === '"' || value === "\\" ? (escapes[value] ?? value) : value;
    return { value, source: style === "line" && !/^\s/.test(value) ? `\\\n  ${plain}` : plain };
  });
  await fc.assert(
    fc.asyncProperty(fc.array(written, { minLength: 1, maxLength: 12 }), async (parts) => {
      const text = `key = """\n${parts.map(({ source }) => source).join("")}"""\n`;
      const whole = parts.map(({ value }) => value).join("");
      expect(parseToml(text).data).toEqual({ key: whole });
      let offset = 0;
      for (const { value } of parts) {
        const at = { start: offset, end: offset + value.length };
        const [located] = await locate(text, [{ severity: "error", code: "x", message: "x", path: ["key"], at }]);
        const source = text.slice(located?.place?.start, located?.place?.end);
        expect(parseToml(`key = """\n${source}"""`).data).toEqual({ key: value });
        offset += value.length;
      }
    }),
    { numRuns: 150 },
  );
});

/** A checkout of the toml-test corpus; without it, these are skipped. */
const corpus = process.env.TOML_TEST_DIR ?? "";

describe.skipIf(!existsSync(join(corpus, "valid")))("the toml-test corpus", () => {
  test("is read where it is valid, and every value in it is found", async () => {
    for (const file of tomlFiles("valid")) {
      const { text } = decodeText(readFileSync(join(corpus, file)));
      const { data, diagnostics } = parseToml(text);
      const told = diagnostics.filter(({ code }) => code !== "not-json" && code !== "inexact-integer" && code !== "newer-toml");
      expect([file, told]).toEqual([file, []]);
      for (const { path, value } of leaves(data)) {
        const [located] = await locate(text, [{ severity: "error", code: "x", message: "x", path }]);
        const source = text.slice(located?.place?.start, located?.place?.end);
        // A moment that the file writes in two ways is given in its normal form, which begins the same.
        const isDate = typeof value === "string" && /^\d/.test(source);
        const [found, expected] = isDate ? [source.slice(0, 5), value.slice(0, 5)] : [parseToml(`key = ${source}`).data?.key, value];
        expect([file, path, found]).toEqual([file, path, expected]);
      }
    }
  });

  test("is refused with a place where it is invalid in TOML 1.1", async () => {
    const invalid = new Set(readFileSync(join(corpus, "files-toml-1.1.0"), "utf8").split("\n"));
    for (const file of tomlFiles("invalid").filter((name) => invalid.has(name))) {
      const { text, diagnostic } = decodeText(readFileSync(join(corpus, file)));
      const diagnostics: readonly Diagnostic[] = diagnostic === undefined ? parseToml(text).diagnostics : [diagnostic];
      const located = await locate(text, diagnostics);
      expect([file, located.some(({ severity }) => severity === "error"), located.every(({ place }) => place !== null)]).toEqual([
        file,
        true,
        true,
      ]);
    }
  });

  test("gets a warning where it is TOML 1.1 and no TOML 1.0, and nowhere else", () => {
    const list = (name: string): Set<string> => new Set(readFileSync(join(corpus, name), "utf8").split("\n"));
    const [older, newer] = [list("files-toml-1.0.0"), list("files-toml-1.1.0")];
    // Each version of TOML has its own examples, which are also in the list of one version where they are the same in both.
    const files = [...older, ...newer].filter((file) => file.endsWith(".toml") && !/\/spec-1/.test(file));
    const isNewer = (file: string): boolean => (file.startsWith("valid") ? !older.has(file) : !newer.has(file));
    for (const file of files.filter((name) => name.startsWith("valid") || isNewer(name))) {
      const codes = parseToml(decodeText(readFileSync(join(corpus, file))).text).diagnostics.map(({ code }) => code);
      expect([file, codes.includes("newer-toml")]).toEqual([file, isNewer(file)]);
    }
  });
});

function tomlFiles(folder: string): string[] {
  return (readdirSync(join(corpus, folder), { recursive: true }) as string[])
    .filter((name) => name.endsWith(".toml"))
    .map((name) => join(folder, name));
}

function leaves(value: Json, path: Path = []): { path: Path; value: Json }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, Array.isArray(value) ? Number(key) : key]));
}
