import { type Json, type JsonObject, jsonEqual, NotJsonError, parseJson, setOwn, toJson } from "../spec/json.ts";
import type { InputSpec } from "../spec/spec.ts";
import { nearest } from "../spec/suggest.ts";

/**
 * Checks what a run is given against the declared inputs, and fills in defaults.
 *
 * If any input is declared, an undeclared or missing one is a problem; if none is, anything is taken. `values` is frozen
 * and complete when there is no problem.
 */
export function checkInputs(
  inputs: ReadonlyMap<string, InputSpec>,
  given: JsonObject,
): { values: JsonObject; problems: readonly string[] } {
  if (inputs.size === 0) return { values: given, problems: [] };
  const values = {};
  const problems: string[] = [];
  for (const key of Object.keys(given)) {
    if (!inputs.has(key)) problems.push(unknownInput(key, [...inputs.keys()]));
  }
  for (const [name, spec] of inputs) {
    const value = Object.hasOwn(given, name) ? given[name] : spec.default;
    if (value === undefined) {
      if (isRequired(spec)) problems.push(missingInput(name, spec));
      continue;
    }
    const problem = checkValue(name, spec, value);
    if (problem !== null) problems.push(problem);
    setOwn(values, name, value);
  }
  return { values: toJson(values) as JsonObject, problems };
}

/** Whether a run cannot start without it. */
export function isRequired(spec: InputSpec): boolean {
  return spec.required ?? spec.default === undefined;
}

/** Whether a value is of an input's declared type; null: it is, otherwise what is wrong. */
function checkValue(name: string, spec: InputSpec, value: Json): string | null {
  if (spec.type !== undefined && !isOfType(value, spec.type)) {
    return `the input \`${name}\` must be ${ARTICLE[spec.type]}, but is ${shorten(JSON.stringify(value))}`;
  }
  if (spec.enum !== undefined && !spec.enum.some((allowed) => jsonEqual(allowed, value))) {
    return `the input \`${name}\` must be one of ${spec.enum.map((allowed) => JSON.stringify(allowed)).join(", ")}, but is ${shorten(JSON.stringify(value))}`;
  }
  return null;
}

/** Turns the text of `--input key=value` into a value of the declared type; without a type it stays a string. */
export function convertInput(
  name: string,
  spec: InputSpec | undefined,
  text: string,
): { readonly value: Json } | { readonly problem: string } {
  const type = spec?.type ?? "string";
  if (type === "string") return { value: text };
  try {
    const value = parseJson(text);
    if (isOfType(value, type)) return { value };
  } catch (error) {
    if (error instanceof NotJsonError) return { problem: `the input \`${name}\` cannot be taken as it is: ${error.message}` };
  }
  return { problem: `the input \`${name}\` must be ${ARTICLE[type]}, but is \`${shorten(text)}\`` };
}

const ARTICLE = {
  string: "a string",
  number: "a number",
  integer: "an integer",
  boolean: "true or false",
  list: "a list",
  object: "an object",
} as const;

function unknownInput(name: string, declared: readonly string[]): string {
  const near = nearest(name, declared);
  const known = near === undefined ? `declared are ${declared.map((one) => `\`${one}\``).join(", ")}` : `did you mean \`${near}\`?`;
  return `there is no input called \`${name}\`; ${known}`;
}

function missingInput(name: string, spec: InputSpec): string {
  const about = spec.description === undefined ? "" : ` (${spec.description})`;
  return `the input \`${name}\`${about} is missing; give it with --input ${name}=…`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function isOfType(value: Json, type: NonNullable<InputSpec["type"]>): boolean {
  switch (type) {
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    case "integer":
      return Number.isInteger(value);
    case "list":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}
