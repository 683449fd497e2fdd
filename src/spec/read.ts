import type { Diagnostic, Path } from "./diagnostic.ts";
import { explainViolation, FORM_CODES } from "./form.ts";
import type { Json, JsonObject } from "./json.ts";
import { isJsonObject, NotJsonError, toJson } from "./json.ts";
import { checkRules, RULE_CODES } from "./rules.ts";
import { checkForm } from "./schema.ts";
import type { PipelineSpec } from "./spec.ts";
import { parseToml, TOML_CODES } from "./toml.ts";

/** Every code of a diagnostic about the form of a file, with its meaning. */
export const SPEC_CODES: Readonly<Record<string, string>> = { ...TOML_CODES, ...FORM_CODES, ...RULE_CODES };

/** A spec, deeply frozen; null where there is an error. The diagnostics are all that were found at once, in no order. */
export interface ReadResult {
  readonly spec: PipelineSpec | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads the text of a pipeline file. `file` is its absolute path, for the diagnostics; absent for a text without one. */
export function readSpec(text: string, file?: string): ReadResult {
  const parsed = parseToml(text);
  const place = (diagnostic: Diagnostic): Diagnostic => (file === undefined ? diagnostic : { ...diagnostic, file });
  if (parsed.data === null) return { spec: null, diagnostics: parsed.diagnostics.map(place) };
  const { spec, diagnostics } = check(parsed.data);
  // What was refused before stands as null in the data; that null is not the author's.
  const refused = new Set(parsed.diagnostics.map(({ path }) => pathKey(path)));
  const others = diagnostics.filter(({ path }) => path === undefined || !refused.has(pathKey(path)));
  return { spec: parsed.diagnostics.length > 0 ? null : spec, diagnostics: [...parsed.diagnostics, ...others].map(place) };
}

/** Checks a definition that was given in code: the same as the file's, as plain data. */
export function checkDefinition(value: unknown): ReadResult {
  let data: Json;
  try {
    data = toJson(value);
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    return refuse("not-json", error.message);
  }
  return isJsonObject(data) ? check(data) : refuse("wrong-type", "a pipeline's definition is an object");
}

function check(data: JsonObject): ReadResult {
  const form = checkForm(data);
  const diagnostics = [
    ...("spec" in form ? [] : form.violations.map((violation) => explainViolation(violation, data))),
    ...checkRules(data),
  ];
  return { spec: "spec" in form && diagnostics.length === 0 ? (toJson(form.spec) as unknown as PipelineSpec) : null, diagnostics };
}

function refuse(code: keyof typeof TOML_CODES | keyof typeof FORM_CODES, message: string): ReadResult {
  return { spec: null, diagnostics: [{ severity: "error", code, message }] };
}

function pathKey(path: Path | undefined): string {
  return JSON.stringify(path ?? null);
}
