import { toJSONSchema } from "zod/mini";
import type { core } from "zod/mini";
import { AGENT_KEYS_BY_TYPE, EXCLUSIVE_AGENT_KEYS } from "./agent-keys.ts";
import { EXAMPLES } from "./examples.ts";
import type { Json } from "./json.ts";
import { docs, keysOf, pipelineSchema, unwrap } from "./schema.ts";
import { AGENT_TYPES } from "./spec.ts";
import type { AgentType } from "./spec.ts";

/**
 * The file's form for editors: a JSON Schema, draft 7, in which every key has a description, examples and, where it is one
 * value, its default.
 *
 * Contract: what it refuses, the validator refuses. What only the whole file shows is left to the validator: what an agent
 * lacks may come from the one that it extends, or be brought by one that extends it.
 *
 * It is written for what Taplo makes of it, which prints the keyword that a value breaks. So there is no `anyOf` or `false`, of
 * which nobody learns what was expected; no `allOf` in a table, beside which Taplo does not offer the table's keys; and a type
 * beside every list of choices, since Taplo would offer the key as the header of a table.
 */
export function jsonSchema(): object {
  const result = toJSONSchema(pipelineSchema, {
    io: "input",
    target: "draft-7",
    metadata: docs,
    override: ({ jsonSchema: schema }) => speakPlainly(schema),
  });
  document(result, pipelineSchema, "");
  return result;
}

type Schema = core.JSONSchema.BaseSchema;

// ---- one value ----

function speakPlainly(schema: Schema): void {
  const { anyOf, expected, pattern } = schema;
  if (anyOf !== undefined) {
    delete schema.anyOf;
    Object.assign(schema, eitherOf(anyOf));
  }
  if (expected !== undefined) {
    delete schema.expected;
    delete schema.pattern;
    Object.assign(schema, { if: { type: "string", pattern }, else: only(expected as string) });
  }
}

/** Schemas of different types as one. What is said about values of another type holds for a value, but not a list of choices. */
function eitherOf(schemas: readonly Schema[]): Schema {
  const { enum: choices, ...rest } = Object.assign({}, ...schemas) as Schema;
  const either = { ...rest, type: schemas.map(({ type }) => type) as unknown as "string" };
  return choices === undefined ? either : { ...either, if: { type: "string" }, then: { enum: choices } };
}

/** A schema that no value keeps. It has no words for a message, but what a constant should be is printed. */
function only(phrase: string): Schema {
  return { const: phrase };
}

// ---- tables ----

/** Puts descriptions, examples, defaults and what keys say together into the JSON Schema of a table and of the tables in it. */
function document(result: Schema, schema: core.$ZodType, name: string): void {
  const { def } = unwrap(schema)._zod as core.$ZodTypes["_zod"];
  if (def.type === "record") document(result.additionalProperties as Schema, def.valueType, `${name}.NAME`);
  if (def.type === "array") document(result.items as Schema, def.element, `[${name}]`);
  const keys = keysOf(schema);
  if (keys === undefined) return;
  const header = name === "" ? "" : `[${name}]`;
  Object.assign(result, TOGETHER[header]);
  for (const [key, { value, description }] of Object.entries(keys)) {
    const property = result.properties?.[key] as Schema;
    Object.assign(property, { description, ...defaultIn(description), examples: EXAMPLES[header]?.[key] });
    document(property, value, name === "" ? key : `${name}.${key}`);
  }
}

/** Descriptions say what holds where a key is absent; where that is one value, it is the default. */
function defaultIn(description: string): { readonly default?: Json } {
  const literal = /\bDefault: ("[^"]*"|\d+|true|false)\./.exec(description)?.[1];
  return literal === undefined ? {} : { default: JSON.parse(literal) as Json };
}

/** What the keys of a table say together, by its header. */
const TOGETHER: Readonly<Record<string, Schema>> = {
  "[agents.NAME]": {
    ...AGENT_TYPES.reduceRight<Schema>((others, type) => onlyKeysOf(type, others), {}),
    dependencies: {
      ...Object.fromEntries(EXCLUSIVE_AGENT_KEYS.map(([one, other]) => [one, without(other, one)])),
      fail_times: { if: { required: ["extends"] }, else: { required: ["fail"] } },
    },
  },
  "[orchestration.sequential.parallel.NAME]": {
    dependencies: { min_success: { properties: { on_error: { const: "continue" } }, required: ["on_error"] } },
  },
  "[[orchestration.sequential.branches]]": oneOf("to_agent", "end"),
  "[[hooks]]": oneOf("command", "module"),
};

/** An agent of this type has no key of another type. */
function onlyKeysOf(type: AgentType, others: Schema): Schema {
  const foreign = AGENT_TYPES.filter((other) => other !== type).flatMap((other) =>
    AGENT_KEYS_BY_TYPE[other].map((key) => [
      key,
      only(`no \`${key}\`, since the agent is of type ${type} and that is a key of type ${other}`),
    ]),
  );
  return {
    if: { properties: { type: { const: type } }, required: ["type"] },
    then: { properties: Object.fromEntries(foreign) as Record<string, Schema> },
    else: others,
  };
}

function oneOf(one: string, other: string): Schema {
  return { if: { required: [other] }, then: without(one, other), else: { required: [one] } };
}

function without(key: string, other: string): Schema {
  return { properties: { [key]: only(`no \`${key}\` beside \`${other}\``) } };
}
