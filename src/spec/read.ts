import { withBrackets } from "./brackets.ts";
import type { Diagnostic, Path } from "./diagnostic.ts";
import { explainViolation, FORM_CODES, isMisspelt, valueAt } from "./form.ts";
import type { Json, JsonObject } from "./json.ts";
import { freezeJson, isJsonObject, NotJsonError, toJson } from "./json.ts";
import { checkRules, NEEDED_KEYS, RULE_CODES } from "./rules.ts";
import { mend } from "./mend.ts";
import { checkForm, type Violation } from "./schema.ts";
import { checkSecrets, mayHoldSecret, SECRET_CODES } from "./secrets.ts";
import { AGENT_TYPES, type PipelineSpec } from "./spec.ts";
import { parseToml, TOML_CODES } from "./toml.ts";

/** Every code of a diagnostic about the form of a file, with its meaning. */
export const SPEC_CODES: Readonly<Record<string, string>> = { ...TOML_CODES, ...FORM_CODES, ...RULE_CODES, ...SECRET_CODES };

/** A spec, deeply frozen; null where there is an error. Warnings leave it as it is. The diagnostics are all that were found at once, in no order. */
export interface ReadResult {
  readonly spec: PipelineSpec | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Where there is an error, and the file says all the same which agents run. */
  readonly draft?: Draft;
}

/** What can be made of a file with errors, so that the rest of it can be checked. It is not what its author wrote. */
export interface Draft {
  readonly spec: PipelineSpec;
  /** The places that could not be taken as they are written. */
  readonly doubtful: readonly Path[];
}

/** Reads the text of a pipeline file. `file` is its absolute path, for the diagnostics; absent for a text without one. */
export function readSpec(text: string, file?: string): ReadResult {
  const parsed = parseToml(text);
  const place = (diagnostic: Diagnostic): Diagnostic => (file === undefined ? diagnostic : { ...diagnostic, file });
  if (parsed.data === null) return { spec: null, diagnostics: parsed.diagnostics.map(place) };
  const secrets = mayHoldSecret(text) ? checkSecrets(parsed.data) : [];
  const result = check(parsed.data, { before: parsed.diagnostics, unread: parsed.doubtful, secrets });
  return { ...result, diagnostics: result.diagnostics.map((diagnostic) => place(withBrackets(diagnostic, text))) };
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

/** What is known of a text besides its data. */
interface Beside {
  /** What was found in it already. What was refused there stands as null in the data, and that null is not the author's. */
  readonly before: readonly Diagnostic[];
  /** Places where it was no TOML: something may be missing there. */
  readonly unread: readonly Path[];
  readonly secrets: readonly Diagnostic[];
}

const NOTHING_BESIDE: Beside = { before: [], unread: [], secrets: [] };

function check(data: JsonObject, { before, unread, secrets }: Beside = NOTHING_BESIDE): ReadResult {
  const refused = [...before.flatMap(({ path }) => (path === undefined ? [] : [path])), ...unread];
  const form = checkForm(data);
  const best = "spec" in form ? { data, spec: form.spec, doubtful: refused } : mend(data, form.violations, refused);
  const violations = "spec" in form ? [] : form.violations.filter((violation) => !isRefused(violation, refused, unread, data));
  const rules = checkRules(best.data).filter((diagnostic) => !followsFrom(diagnostic, best.doubtful, unread, data));
  const diagnostics = [
    ...before,
    ...violations.filter((one) => !isMisspelt(one, violations, data)).map((violation) => explainViolation(violation, data)),
    ...secrets.filter(({ path = [] }) => !violations.some((violation) => isWithin(path, violation.path))),
    ...rules,
  ];
  const spec = best.spec === null ? null : (freezeJson(best.spec as unknown as Json) as unknown as PipelineSpec);
  if (spec === null || diagnostics.every(leavesSpec)) return { spec, diagnostics };
  return {
    spec: null,
    diagnostics,
    draft: { spec, doubtful: [...best.doubtful, ...rules.flatMap((rule) => leftOpenBy(rule, best.data))] },
  };
}

/** The places of which a rule leaves open what stands there: of what is missing (of several that could, the first), and of keys of which one has to go. */
function leftOpenBy({ code, path = [], related = [] }: Diagnostic, data: JsonObject): Path[] {
  if (code === "exclusive-keys") return [path, ...related.map((other) => other.path)];
  const type = path[0] === "agents" ? AGENT_TYPES.find((one) => one === valueAt(data, [...path.slice(0, 2), "type"])) : undefined;
  if (code === "wrong-type-key" && type !== undefined) {
    const needed = NEEDED_KEYS[type].map((key) => [...path.slice(0, 2), key]);
    return needed.some((key) => valueAt(data, key) !== undefined) ? [] : needed.slice(0, 1);
  }
  if (code !== "missing-key") return [];
  return [[...path, ...(type === undefined || path.length !== 2 ? [] : NEEDED_KEYS[type].slice(0, 1))]];
}

/** Whether a file is read as it is all the same: with a warning, and with a secret in it, which its author may know to be none. */
function leavesSpec({ severity, code }: Diagnostic): boolean {
  return severity === "warning" || Object.hasOwn(SECRET_CODES, code);
}

/** What was told already, and what may stand in a part of the text that cannot be read. */
function isRefused({ path, kind }: Violation, refused: readonly Path[], unread: readonly Path[], data: JsonObject): boolean {
  if (refused.some((other) => isSame(path, other)) || unread.some((other) => isWithin(path, other))) return true;
  if (kind === "unknown-key") return unread.some((other) => isWithin(other, path));
  return valueAt(data, path) === undefined && unread.some((other) => isWithin(other, path.slice(0, -1)));
}

/** What stands in a doubtful place; and what is missing in a table where something else stands that could not be taken. */
function followsFrom({ code, path = [] }: Diagnostic, doubtful: readonly Path[], unread: readonly Path[], data: JsonObject): boolean {
  if (doubtful.some((doubt) => isWithin(path, doubt))) return true;
  if (code === "missing-key") {
    const table = path[0] === "agents" && path.length > 2 ? path.slice(0, -1) : path;
    return doubtful.some((doubt) => isWithin(doubt, table) && (unread.includes(doubt) || valueAt(data, doubt) !== undefined));
  }
  return (code === "no-effect" || code === "invalid-value") && doubtful.some((doubt) => isWithin(doubt, path.slice(0, -1)));
}

function isSame(one: Path, other: Path): boolean {
  return one.length === other.length && isWithin(one, other);
}

function isWithin(place: Path, whole: Path): boolean {
  return whole.every((part, index) => place[index] === part);
}

function refuse(code: keyof typeof TOML_CODES | keyof typeof FORM_CODES, message: string): ReadResult {
  return { spec: null, diagnostics: [{ severity: "error", code, message }] };
}
