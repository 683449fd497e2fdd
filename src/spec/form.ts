import { AGENT_KEYS_BY_TYPE } from "./agent-keys.ts";
import type { Diagnostic, Fix, Path } from "./diagnostic.ts";
import { parseDuration } from "./duration.ts";
import type { Json, JsonObject } from "./json.ts";
import { isJsonObject } from "./json.ts";
import { tableKeys } from "./schema.ts";
import type { FormCode, Violation } from "./schema.ts";
import { AGENT_TYPES, NEVER_RETRIED_KINDS } from "./spec.ts";
import { isCertain, nearest } from "./suggest.ts";

/** Codes of the diagnostics about a single key or value. */
export const FORM_CODES = {
  "unknown-key": "a key that the file does not know",
  "missing-key": "a key that is needed is not there",
  "wrong-type": "a value is not of the type that the key takes",
  "invalid-value": "a value is not one of those that the key takes",
  "out-of-range": "a number is too small or too large",
  "unsupported-mode": "a mode other than sequential",
  "empty-sequence": "the sequence names no agent",
  "too-few": "a list has too few entries",
  "empty-text": "a text is empty",
  "invalid-duration": "a text is not a duration, or not one that makes sense there",
  "invalid-size": "a text is not a size",
  "invalid-url": "a text is not an http or https address",
  "invalid-variable": "a text cannot be the name of an environment variable",
  "never-retried": "`retry_on` names a kind of failure that is never retried",
  "control-character": "a text holds a character that it cannot hold",
} as const satisfies Record<FormCode, string> & Record<string, string>;

/** A violation of the schema as a diagnostic that says what was expected, what is there, and what to do. */
export function explainViolation(violation: Violation, data: JsonObject): Diagnostic {
  const { path, expected } = violation;
  const value = valueAt(data, path);
  switch (violation.kind) {
    case "unknown-key":
      return unknownKey(path, violation.known, data);
    case "choice":
      return wrongChoice(path, expected, choicesAt(path, violation.choices), value);
    case "type":
      return value === undefined ? missingKey(path) : wrongType(path, expected, value);
    case "rule":
      return brokenRule(violation, value, data);
  }
}

/** Whether a key is missing only since it is misspelt, or a table that it stands in, or stands elsewhere, which is told. */
export function isMisspelt({ path }: Violation, all: readonly Violation[], data: JsonObject): boolean {
  if (valueAt(data, path) !== undefined) return false;
  return all.some((other) => {
    if (other.kind !== "unknown-key") return false;
    const home = homeOf(other.path, valueAt(data, other.path));
    if (home !== undefined && path.every((part, index) => part === home[index])) return true;
    const depth = other.path.length - 1;
    const isBeside = depth < path.length && other.path.slice(0, -1).every((part, index) => part === path[index]);
    if (!isBeside) return false;
    const rest = path.slice(depth + 1);
    const value = valueAt(data, other.path);
    if (meantKey(other.path, other.known) === path[depth]) return value !== undefined && valueAt(value, rest) !== undefined;
    // In a small table, whatever it was to be stands for what is needed there.
    return rest.length === 0 && depth >= SMALL_TABLES_AT && !isJsonObject(value);
  });
}

/** Circuit breakers, groups, branches. */
const SMALL_TABLES_AT = 3;

/** The key that was probably meant by one that is not known. */
export function meantKey(path: Path, known: readonly string[]): string | undefined {
  const name = String(path.at(-1));
  const near = nearest(name, known);
  if (near !== undefined) return near;
  const other = known.find((key) => SYNONYMS.get(name.toLowerCase())?.includes(key) === true);
  const longer = known.filter((key) => key.startsWith(`${name}_`));
  return other ?? (longer.length === 1 ? longer[0] : undefined);
}

/** Where something belongs that stands, whole, in a table that does not know it; undefined where that is not certain. */
export function homeOf(path: Path, value: Json | undefined): readonly string[] | undefined {
  const name = String(path.at(-1));
  const table = path.slice(0, -1).join(".");
  const isFlow = table === "" || table === "orchestration" || /^orchestration\.sequential\.branches\.\d+$/.test(table);
  if (name === "agents" && isJsonObject(value)) return table === "orchestration" ? ["agents"] : undefined;
  if (name === "agents" && Array.isArray(value)) return isFlow && table !== "" ? [...SEQUENTIAL, "agents"] : undefined;
  if (table !== "" && table !== "orchestration") return undefined;
  if ((name === "parallel" && isJsonObject(value)) || (name === "branches" && Array.isArray(value))) return [...SEQUENTIAL, name];
  return name === "sequential" && isJsonObject(value) ? SEQUENTIAL : undefined;
}

const SEQUENTIAL = ["orchestration", "sequential"];

/** A value in words: `the number 30`, `the text "abc"`, `a list`. */
export function describe(value: Json | undefined): string {
  if (typeof value === "string") return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  if (typeof value === "number") return `the number ${value}`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return isJsonObject(value) ? "a table" : JSON.stringify(value ?? null);
}

/** A table as it stands in a file: `[agents.fetch]`, `[[hooks]]`, `the file` for the top level. */
export function tableName(path: Path): string {
  if (path.length === 0) return "the file";
  const header = path
    .filter((part) => typeof part === "string")
    .map((part) => (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part)))
    .join(".");
  return typeof path.at(-1) === "number" ? `[[${header}]]` : `[${header}]`;
}

function problem(code: keyof typeof FORM_CODES, path: Path, message: string, rest: Partial<Diagnostic> = {}): Diagnostic {
  return { severity: "error", code, message, path, ...rest };
}

function unknownKey(path: Path, known: readonly string[], data: JsonObject): Diagnostic {
  const name = String(path.at(-1));
  const table = path.slice(0, -1);
  const value = valueAt(data, path);
  const what =
    isJsonObject(value) && table.length === 0
      ? `unknown table [${name}]`
      : `unknown key \`${name}\`${table.length === 0 ? "" : ` in ${tableName(table)}`}`;
  if (table[0] === "providers" && SECRET_KEY.test(name)) {
    return problem("unknown-key", path, what, {
      at: "key",
      label: "a key never stands in the file",
      help: `name the environment variable that holds it: api_key_env = "${String(table[1]).toUpperCase().replaceAll(/\W/g, "_")}_API_KEY"`,
    });
  }
  const home = homeOf(path, value);
  if (home !== undefined) return problem("unknown-key", path, what, { at: "key", label: "not known here", help: helpToMove(home, value) });
  const meant = meantKey(path, known);
  const isMistyped = meant !== undefined && isCertain(name, meant, known);
  // What is a key elsewhere was not mistyped, but misplaced.
  const homes = isMistyped ? [] : homesOf(name);
  if (homes.length > 0)
    return problem("unknown-key", path, what, { at: "key", label: "not known here", help: `\`${name}\` stands in ${eitherOf(homes)}` });
  if (meant === undefined) {
    const help = `known keys: ${knownKeys(table, known, data).join(", ")}`;
    return problem("unknown-key", path, what, { at: "key", label: "not known here", help });
  }
  return problem("unknown-key", path, what, {
    at: "key",
    label: `did you mean \`${meant}\`?`,
    help: `replace \`${name}\` with \`${meant}\``,
    fix: {
      safe: isCertain(name, meant, known) && valueAt(data, [...table, meant]) === undefined,
      edits: [{ path, at: "key", text: meant }],
    },
  });
}

function helpToMove(home: readonly string[], value: Json | undefined): string {
  const table = tableName(home.slice(0, -1));
  if (Array.isArray(value))
    return home.at(-1) === "agents"
      ? `a key belongs to the header above it: put \`agents\` right below ${table}`
      : `write [[${home.join(".")}]]`;
  const names = home.at(-1) === "sequential" || !isJsonObject(value) ? [] : Object.keys(value).slice(0, 3);
  const headers = names.length === 0 ? [tableName(home)] : names.map((name) => tableName([...home, name]));
  return `write ${headers.join(", ")}`;
}

/** What other tools call a key. */
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map([
  ["args", ["command"]],
  ["cmd", ["command"]],
  ["run", ["shell"]],
  ["script", ["shell"]],
  ["workdir", ["cwd"]],
  ["working_directory", ["cwd"]],
  ["environment", ["env"]],
  ["system", ["system_prompt"]],
  ["instructions", ["system_prompt"]],
  ["user_prompt", ["prompt"]],
  ["id", ["name"]],
  ["when", ["condition"]],
  ["if", ["condition"]],
  ["from", ["from_agent"]],
  ["to", ["to_agent"]],
  ["event", ["on"]],
  ["events", ["on"]],
  ["steps", ["agents"]],
  ["stages", ["agents"]],
  ["members", ["agents"]],
  ["group", ["parallel"]],
  ["groups", ["parallel"]],
  ["parallel_groups", ["parallel"]],
  ["timeout", ["reset_after"]],
  ["cooldown", ["reset_after"]],
  ["threshold", ["max_failures"]],
]);

/** Of an agent, those of its type. */
function knownKeys(table: Path, known: readonly string[], data: JsonObject): readonly string[] {
  const type = table.length === 2 && table[0] === "agents" ? valueAt(data, [...table, "type"]) : undefined;
  const own = AGENT_TYPES.find((one) => one === type);
  if (own === undefined) return known;
  const others: readonly string[] = AGENT_TYPES.flatMap((one) => AGENT_KEYS_BY_TYPE[one]);
  const ofType: readonly string[] = AGENT_KEYS_BY_TYPE[own];
  return known.filter((key) => ofType.includes(key) || !others.includes(key));
}

const SECRET_KEY = /^(?:api[-_]?)?(?:key|token|secret|password)$/i;

/** The tables where a key would be right, where they are few: those with a fixed name, or else all. */
function homesOf(name: string): string[] {
  const tables = tableKeys();
  const homes = [...tables]
    .filter(([header, keys]) => header !== "" && Object.hasOwn(keys, name) && !tables.has(`${header.slice(0, -1)}.${name}]`))
    .map(([header]) => header);
  const fixed = homes.filter((header) => !/NAME|\[\[/.test(header));
  if (fixed.length === 0) return homes.length <= 2 ? homes : [];
  // What is a default of agents is a key of an agent first.
  return fixed.length <= 2
    ? homes.filter((header) => fixed.includes(header) || (header === "[agents.NAME]" && fixed.includes("[defaults]")))
    : [];
}

function eitherOf(names: readonly string[]): string {
  return names.length < 3 ? names.join(" or ") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function wrongChoice(path: Path, kind: string, choices: readonly Json[], value: Json | undefined): Diagnostic {
  if (value === undefined) return missingKey(path);
  if (path.length === 2 && path[0] === "orchestration" && path[1] === "mode" && typeof value === "string")
    return unsupportedMode(path, value);
  const expected = choices.map((choice) => JSON.stringify(choice)).join(", ");
  if (!choices.some((choice) => typeof choice === typeof value))
    return wrongType(path, choices.length > 1 ? `one of ${expected}` : expected, value);
  const meant = typeof value === "string" ? nearest(value, choices as string[]) : undefined;
  // A long list helps nobody who has only mistyped.
  const message = `${subject(path)}: expected ${meant !== undefined && choices.length > 8 ? kind : expected}; got ${JSON.stringify(value)}`;
  if (meant === undefined) return problem("invalid-value", path, message);
  return problem("invalid-value", path, message, {
    label: `did you mean "${meant}"?`,
    help: `replace ${JSON.stringify(value)} with "${meant}"`,
    fix: {
      safe: isCertain(value as string, meant, choices as string[]),
      edits: [{ path, text: JSON.stringify(meant) }],
    },
  });
}

/** What is never retried is a kind of failure all the same, but no choice. */
function choicesAt(path: Path, choices: readonly Json[]): readonly Json[] {
  const never: readonly Json[] = NEVER_RETRIED_KINDS;
  return path.at(-2) === "retry_on" ? choices.filter((choice) => !never.includes(choice)) : choices;
}

function unsupportedMode(path: Path, mode: string): Diagnostic {
  const fix: Fix = { safe: true, edits: [{ path, text: '"sequential"' }] };
  const help = MODE_HELP[mode.toLowerCase()] ?? 'write mode = "sequential", or leave it out';
  return problem(
    "unsupported-mode",
    path,
    `there is no mode ${JSON.stringify(mode)}; agents run as a sequence, with branches and parallel groups`,
    { help, ...(isCertain(mode, "sequential", []) ? { fix } : {}) },
  );
}

const MODE_HELP: Readonly<Record<string, string>> = {
  loop: "for a loop, write a branch back to an earlier agent, with max_times",
  route: "to choose the next agent by what the state holds, write [[orchestration.sequential.branches]]",
  parallel: "to run agents at the same time, put them in a group: [orchestration.sequential.parallel.NAME]",
  mixed: "to mix agents one by one with agents at the same time, put groups, [orchestration.sequential.parallel.NAME], into the sequence",
};

function missingKey(path: Path): Diagnostic {
  const name = path.at(-1);
  const table = path.slice(0, -1);
  if (name === "orchestration" || name === "sequential") {
    return problem("missing-key", path, "the file does not say which agents run, and in which order", {
      help: 'write [orchestration.sequential] and below it agents = ["first", "second"]',
    });
  }
  const example = EXAMPLES[String(name)];
  return problem("missing-key", path, `${tableName(table)} needs \`${name}\``, {
    label: `needs \`${name}\``,
    ...(example === undefined ? {} : { help: `for example ${name} = ${example}` }),
  });
}

/** Values of the keys that are needed wherever their table stands. */
const EXAMPLES: Readonly<Record<string, string>> = {
  max_failures: "5",
  reset_after: '"1m"',
  agents: '["first", "second"]',
  from_agent: '"NAME"',
  on: '"after_run"',
};

function wrongType(path: Path, expected: string, value: Json): Diagnostic {
  const message = `${subject(path)}: expected ${expected}, got ${describe(value)}`;
  const help = typeHelp(path, expected, value);
  const text = typeText(path, expected, value);
  return problem("wrong-type", path, message, {
    ...(help === undefined ? {} : { help }),
    ...(text === undefined ? {} : { fix: { safe: false, edits: [{ path, text }] } }),
  });
}

/** What may be written instead. */
function typeText(path: Path, expected: string, value: Json): string | undefined {
  if (typeof value === "number" && value > 0 && expected.startsWith("a duration")) {
    return "ms" in parseDuration(`${value}s`) ? `"${value}s"` : undefined;
  }
  // A group needs a second member.
  if (typeof value !== "string" || !expected.startsWith("a list of") || path.includes("parallel")) return undefined;
  return listText(path, value);
}

function listText(path: Path, value: string): string {
  const list = path.at(-1) === "command" ? (value.match(WORD) ?? []) : [value];
  return JSON.stringify(list).replaceAll('","', '", "');
}

/** A word of a command; a template is one, whatever is in it. */
const WORD = /(?:\$\{\{.*?\}\}|\S)+/gs;

/** What to write instead, where that can be seen. */
export function typeHelp(path: Path, expected: string, value: Json): string | undefined {
  if (typeof value === "number" && value > 0) {
    if (expected.startsWith("a duration")) return `write "${value}s" for seconds or "${value}ms" for milliseconds`;
    if (expected.startsWith("a size")) return `write "${value}B" for bytes or "${value}KB"`;
  }
  if (typeof value === "string" && expected.startsWith("a list of")) {
    return `write ${String(path.at(-1))} = ${listText(path, value)}`;
  }
  if (expected === "text" && (typeof value === "number" || typeof value === "boolean")) return `write "${value}"`;
  if (typeof value === "string" && expected.endsWith("number") && /^-?\d+(\.\d+)?$/.test(value)) return `write ${value}, without quotes`;
  if (typeof value === "string" && expected.startsWith("true") && /^(?:true|false)$/.test(value)) return `write ${value}, without quotes`;
  if (path.join(".") === "orchestration.sequential.branches" && isJsonObject(value))
    return `write [[${path.join(".")}]], in two brackets, since there can be several`;
  if (expected === "a table" && Array.isArray(value) && value.every(isJsonObject)) return `write ${tableName(path)}, in single brackets`;
  if (isJsonObject(value) && path.join(".") === "orchestration.sequential.agents") {
    const tables = Object.keys(value).map((name) => tableName(["agents", name]));
    return `here stands the order, agents = ["first", "second"]; what an agent is stands in ${tables.length === 0 ? "[agents.NAME]" : tables.join(", ")}`;
  }
  return undefined;
}

function brokenRule({ path, code, expected: phrase, meant }: Rule, value: Json | undefined, data: JsonObject): Diagnostic {
  if (code === "wrong-type" && value !== undefined) return wrongType(path, phrase, value);
  if (code === "out-of-range") return problem(code, path, `${subject(path)}: expected ${phrase}, got ${JSON.stringify(value)}`);
  if (code === "too-few" && path.join(".") === "orchestration.sequential.agents") {
    return problem("empty-sequence", path, "the sequence is empty, so there is nothing to run", {
      help: 'name agents in their order: agents = ["first", "second"]',
    });
  }
  const message =
    code === "never-retried" ? `${JSON.stringify(value)} ${phrase}` : `${subject(path)}${phrase.startsWith('"') ? ":" : ""} ${phrase}`;
  if (meant !== undefined) {
    const fix: Fix = { safe: meant.isCertain, edits: [{ path, text: JSON.stringify(meant.text) }] };
    return problem(code, path, message, {
      ...(meant.isCertain ? { help: `replace ${JSON.stringify(value)} with "${meant.text}"` } : {}),
      fix,
    });
  }
  const help = ruleHelp(path, code, value);
  const fix = code === "never-retried" ? removedFrom(path, data) : {};
  return problem(code, path, message, { ...(help === undefined ? {} : { help }), ...fix });
}

function ruleHelp(path: Path, code: FormCode, value: Json | undefined): string | undefined {
  const key = path.findLast((part) => typeof part === "string") ?? "";
  switch (code) {
    case "never-retried":
      return "remove it from the list; a `fallback` follows any failure";
    case "too-few":
      return TOO_FEW_HELP[path[0] === "hooks" ? `hooks.${key}` : key] ?? `name something, or remove \`${key}\``;
    case "empty-text":
      return key === "command"
        ? 'for example command = ["node", "script.mjs"]'
        : `write something between the quotes${NEEDED_TEXTS.has(key) ? "" : `, or remove ${typeof path.at(-1) === "number" ? "the entry" : `\`${key}\``}`}`;
    case "control-character":
      return key === "name" ? "a name is one line; longer text stands in `description`" : "take it out, or write it in another way";
    case "invalid-variable":
      return variableHelp(key, value);
    case "invalid-url":
      return addressHelp(value);
    default:
      return undefined;
  }
}

/** What cannot be left out, or only for something else. */
const NEEDED_TEXTS: ReadonlySet<string> = new Set(["file", "module", "shell", "from_agent", "to_agent", "base_url"]);

const TOO_FEW_HELP: Readonly<Record<string, string>> = {
  agents: "a group has two members or more; a single agent stands in the sequence itself",
  command: 'for example command = ["node", "script.mjs"]',
  retry_on: "for no retries at all, remove it and `retries`",
  "hooks.agents": "for all agents, remove it",
  "hooks.on": 'for example on = "after_run"',
  "hooks.command": 'for example command = ["node", "notify.mjs"]',
};

/** An address that only lacks its protocol. */
function addressHelp(value: Json | undefined): string | undefined {
  if (typeof value !== "string" || !/^[\w.-]+(?::\d+)?(?:\/\S*)?$/.test(value)) return undefined;
  return `write "${/^(?:localhost|[\d.]+)\b/.test(value) ? "http" : "https"}://${value}"`;
}

/** `$NAME` and `${NAME}` are how a shell reads the variable. */
function variableHelp(key: string, value: Json | undefined): string | undefined {
  const name = typeof value === "string" ? /^(?:\$\{?|%)([A-Za-z_]\w*)(?:\}|%)?$/.exec(value)?.[1] : undefined;
  if (name !== undefined) return `write "${name}"`;
  return key === "api_key_env" ? "the key itself never stands in the file, only the name of the variable that holds it" : undefined;
}

type Rule = Extract<Violation, { kind: "rule" }>;

/** An entry of `retry_on` can go where another one stays. */
function removedFrom(path: Path, data: JsonObject): Pick<Diagnostic, "fix"> {
  const list = valueAt(data, path.slice(0, -1));
  const stays = (kind: Json): boolean => typeof kind === "string" && !(NEVER_RETRIED_KINDS as readonly string[]).includes(kind);
  if (!Array.isArray(list) || !list.some(stays)) return {};
  return { fix: { safe: true, edits: [{ path, at: "entry", text: "" }] } };
}

/** What a message is about: the key, or the entry of a list. */
function subject(path: Path): string {
  const parts: string[] = [];
  for (const part of path.toReversed()) {
    parts.unshift(typeof part === "number" ? `[${part}]` : part);
    if (typeof part === "string") break;
  }
  return `\`${parts.join("")}\``;
}

/** What stands at a path; undefined for nothing. */
export function valueAt(data: Json, path: Path): Json | undefined {
  let current: Json | undefined = data;
  for (const part of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Readonly<Record<string | number, Json>>)[part];
  }
  return current;
}
