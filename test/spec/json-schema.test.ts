import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { EXAMPLES } from "../../src/spec/examples.ts";
import { jsonSchema } from "../../src/spec/json-schema.ts";
import type { Json, JsonObject } from "../../src/spec/json.ts";
import { checkDefinition } from "../../src/spec/read.ts";
import { tableKeys } from "../../src/spec/schema.ts";
import { FAILURE_KINDS, NEVER_RETRIED_KINDS } from "../../src/spec/spec.ts";
import { parseToml } from "../../src/spec/toml.ts";
import { fileWith } from "./problems.ts";

interface Schema {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const schema = jsonSchema() as Schema;
const at = (...path: string[]): Schema => path.reduce((part, key) => part[key] as Schema, schema);
const ajv = new Ajv({ allowUnionTypes: true, strictRequired: false, formats: { uri: (text: string) => URL.canParse(text) } });
const fits = ajv.compile(schema);

/** The schema of every table, by its header. */
const tables = tablesIn(schema, "");
const keys = [...tables].flatMap(([header, { properties = {} }]) =>
  Object.entries(properties).map(([key, property]) => ({ header, key, property, named: `${header} ${key}`.trim() })),
);

test("the file that the samples refer to is up to date (`-u` rewrites it)", async () =>
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(join(root, "pipelines/agentflow.schema.json")));

describe("the JSON Schema", () => {
  test("is of draft 7 and can be written as JSON", () => {
    expect(schema.$schema).toBe("http://json-schema.org/draft-07/schema#");
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  test("has every table and every key of the validator, and no other", () => {
    const found = [...tables].map(([header, { properties = {} }]) => [header, Object.keys(properties)]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries([...tableKeys()].map(([header, of]) => [header, Object.keys(of)])));
  });

  test.each(keys.map(({ named, property }) => [named, property] as const))("says what %s is, with an example", (_named, property) => {
    expect(property.description).toMatch(/^\S.{20,}[.)]$/s);
    expect(property.examples).toEqual(expect.arrayContaining([expect.anything()]));
  });

  test("has no examples of keys that are not there", () => {
    const known = new Set(keys.map(({ named }) => named));
    const named = Object.entries(EXAMPLES).flatMap(([header, of]) => Object.keys(of).map((key) => `${header} ${key}`.trim()));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test("has the defaults that are one value", () => {
    const defaults = keys.flatMap(({ named, property }) => ("default" in property ? [[named, property.default]] : []));
    expect(Object.fromEntries(defaults.filter(([named]) => !String(named).startsWith("[defaults]")))).toEqual({
      "[agents.NAME] delay": "0s",
      "[agents.NAME] max_output": "10MB",
      "[agents.NAME] on_error": "fail",
      "[agents.NAME] provider": "openai",
      "[agents.NAME] retries": 0,
      "[agents.NAME] retry_backoff": 2,
      "[agents.NAME] retry_delay": "1s",
      "[agents.NAME] retry_jitter": true,
      "[agents.NAME] retry_max_delay": "60s",
      "[agents.NAME] stdin": "json",
      "[agents.NAME] stdout": "json",
      "[[hooks]] timeout": "10s",
      "[orchestration] timeout": "none",
      "[orchestration.sequential.parallel.NAME] merge": "flat",
      "[orchestration.sequential.parallel.NAME] min_success": 1,
      "[orchestration.sequential.parallel.NAME] on_error": "fail",
      "[orchestration.sequential.pipeline] checkpoint_frequency": 1,
      "[orchestration.sequential.pipeline] compress_above": "8KB",
      "[orchestration.sequential.pipeline] fail_fast": true,
      "[orchestration.sequential.pipeline] rollback": "auto",
      "[orchestration.sequential.pipeline] save_intermediate_results": true,
    });
  });

  test("says what values look like", () => {
    const ofDefaults = (key: string): Schema => at("properties", "defaults", "properties", key);
    expect(ofDefaults("timeout")).toMatchObject({ type: "string", else: { const: "a duration such as '30s' or '1h30m', or 'none'" } });
    expect(ofDefaults("retry_delay")).toMatchObject({ type: "string", else: { const: "a duration such as '30s' or '1h30m'" } });
    expect(ofDefaults("retries")).toMatchObject({ type: "integer", minimum: 0 });
    expect(ofDefaults("max_tokens")).toMatchObject({ type: "integer", minimum: 1 });
    expect(at("properties", "agents", "propertyNames")).toEqual({ pattern: "^[A-Za-z][A-Za-z0-9_-]*$" });
    expect((ofDefaults("retry_on").items as Schema).enum).toEqual(
      FAILURE_KINDS.filter((kind) => !(NEVER_RETRIED_KINDS as readonly string[]).includes(kind)),
    );
  });

  test("has nothing that keeps Taplo from offering keys, or from saying what was expected", () => {
    const words = new Set<string>();
    JSON.stringify(schema, (key, value: unknown) => {
      words.add(key);
      return value;
    });
    expect(["allOf", "anyOf", "oneOf", "not", "$ref", "expected"].filter((word) => words.has(word))).toEqual([]);
  });

  test("has a type for every choice, without which Taplo offers the key as the header of a table", () => {
    const untyped = keys.filter(({ property }) => property.type === undefined).map(({ named }) => named);
    expect(untyped).toEqual(["[inputs.NAME] default", "[agents.NAME] reply"]);
  });
});

describe("an example or a default", () => {
  const values = keys.flatMap(({ header, key, property }) =>
    [...((property.examples ?? []) as Json[]), ...("default" in property ? [property.default as Json] : [])].map((value) => ({
      named: `${header} ${key} = ${JSON.stringify(value)}`.trim(),
      file: fileHolding(header, key, value),
    })),
  );

  test.each(values.map(({ named, file }) => [named, file] as const))("%s is right", (_named, file) => {
    expect(checkDefinition(file).diagnostics).toEqual([]);
    expect(problemsIn(file)).toEqual([]);
  });
});

describe("the JSON Schema and the validator", () => {
  test("agree on every file of this repository that the validator takes", () => {
    const files = globSync(["pipelines/**/*.toml", "test/cases/**/*.toml", "bench/*.toml"], { cwd: root });
    const taken = files.flatMap((file) => {
      const { data } = parseToml(readFileSync(join(root, file), "utf8"));
      return data !== null && checkDefinition(data).diagnostics.length === 0 ? [{ file, data }] : [];
    });
    expect(taken.length).toBeGreaterThan(100);
    expect(taken.flatMap(({ file, data }) => (fits(data) ? [] : [`${file}: ${ajv.errorsText(fits.errors)}`]))).toEqual([]);
  });

  const agent = (...lines: string[]): string => fileWith("[agents.one]", ...lines);
  test.each<[sentence: string, text: string]>([
    ["an unknown key", agent("retrys = 1")],
    ["a duration without a unit", agent('timeout = "30"')],
    ["no time at all", agent('timeout = "0s"')],
    ["units from small to large", agent('timeout = "30m1h"')],
    ["no limit where there is none", agent('retry_delay = "none"')],
    ["an empty duration", agent('timeout = ""')],
    ["a number as a duration", agent("timeout = 30")],
    ["a size without a unit", agent('max_output = "10"')],
    ["half a retry", agent("retries = 1.5")],
    ["an output that is a list", agent('output = ["a"]')],
    ["an output that is empty", agent('output = ""')],
    ["an output that is not an expression", agent("output = { a = 1 }")],
    ["both of two keys", agent('type = "script"', 'command = ["a"]', 'shell = "a"')],
    ["the same without a type", agent('keep = ["a"]', 'drop = ["b"]')],
    ["a key of another type", agent('type = "pipeline"', 'file = "a.toml"', 'prompt = "b"')],
    ["fail_times without fail", agent('type = "canned"', "fail_times = 1")],
    ["a kind that is never retried", agent('retry_on = ["auth"]')],
    ["half a circuit breaker", agent("circuit_breaker = { max_failures = 1 }")],
    ["a name with a space", fileWith('[agents."a b"]', 'type = "canned"')],
    ["a rule that leads nowhere", fileWith("[[orchestration.sequential.branches]]", 'from_agent = "one"')],
    [
      "a rule that leads to two places",
      fileWith("[[orchestration.sequential.branches]]", 'from_agent = "one"', 'to_agent = "b"', "end = true"),
    ],
    ["a rule that does not end", fileWith("[[orchestration.sequential.branches]]", 'from_agent = "one"', "end = false")],
    ["a group of one", fileWith("[orchestration.sequential.parallel.g]", 'agents = ["a"]')],
    ["min_success without continue", fileWith("[orchestration.sequential.parallel.g]", 'agents = ["a", "b"]', "min_success = 1")],
    ["an event that there is not", fileWith("[[hooks]]", 'on = "never"', 'command = ["a"]')],
    ["a list with such an event", fileWith("[[hooks]]", 'on = ["retry", "never"]', 'command = ["a"]')],
    ["no event", fileWith("[[hooks]]", "on = []", 'command = ["a"]')],
    ["a hook that calls nothing", fileWith("[[hooks]]", 'on = "retry"')],
    ["a hook that calls two things", fileWith("[[hooks]]", 'on = "retry"', 'command = ["a"]', 'module = "b.ts"')],
    ["a base_url that is none", fileWith("[providers.p]", 'base_url = "localhost"')],
    ["a key in the place of a variable", fileWith("[providers.p]", 'api_key_env = "not-a-name"')],
    ["no sequence", "[orchestration]\n"],
  ])("both refuse %s", (_sentence, text) => {
    const { data } = parseToml(text);
    expect([fits(data), checkDefinition(data).diagnostics.length]).toEqual([false, 1]);
  });
});

function tablesIn(part: Schema, name: string): Map<string, Schema> {
  const found = new Map(part.properties === undefined ? [] : [[name === "" ? "" : `[${name}]`, part] as const]);
  const below: [Schema, string][] = Object.entries(part.properties ?? {}).map(([key, child]) => [
    child,
    name === "" ? key : `${name}.${key}`,
  ]);
  if (typeof part.additionalProperties === "object") below.push([part.additionalProperties as Schema, `${name}.NAME`]);
  if (typeof part.items === "object") below.push([part.items as Schema, `[${name}]`]);
  return new Map([...found, ...below.flatMap(([child, path]) => [...tablesIn(child, path)])]);
}

/** A right file in which the key of a table has that value. */
function fileHolding(header: string, key: string, value: Json): JsonObject {
  const table: Record<string, Json> = { ...beside(header, key), [key]: value };
  const path = /[^[\]]+/.exec(header)?.[0].replace("NAME", "one").split(".") ?? [];
  const inner = path.reduceRight<Json>((below, part) => ({ [part]: below }), header.startsWith("[[") ? [table] : table);
  const file = { orchestration: { sequential: { agents: ["one"] } } };
  return merged(file, inner as JsonObject);
}

/** What else a right table has. */
function beside(header: string, key: string): JsonObject {
  if (header === "[agents.NAME]" && key === "fail_times") return { fail: "exit" };
  if (header === "[agents.NAME]" && key === "type") return { extends: "base" };
  const tablesWith: Record<string, JsonObject> = {
    "[agents.NAME.circuit_breaker]": { max_failures: 1, reset_after: "1s" },
    "[orchestration.sequential.parallel.NAME]": { agents: ["a", "b"], on_error: "continue" },
    "[[orchestration.sequential.branches]]": key === "end" ? { from_agent: "a" } : { from_agent: "a", to_agent: "b" },
    "[[hooks]]": key === "module" ? { on: "retry" } : { on: "retry", command: ["a"] },
  };
  return tablesWith[header] ?? {};
}

function merged(one: JsonObject, other: JsonObject): JsonObject {
  const both = Object.entries(other).map(([key, value]) => {
    const before = one[key];
    const areTables = [before, value].every((side) => typeof side === "object" && side !== null && !Array.isArray(side));
    return [key, areTables ? merged(before as JsonObject, value as JsonObject) : value];
  });
  return { ...one, ...(Object.fromEntries(both) as JsonObject) };
}

function problemsIn(data: JsonObject): string[] {
  return fits(data) ? [] : (fits.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
