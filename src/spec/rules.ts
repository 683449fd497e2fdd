import { AGENT_KEYS_BY_TYPE, EXCLUSIVE_AGENT_KEYS } from "./agent-keys.ts";
import type { Diagnostic, Fix, Path } from "./diagnostic.ts";
import { describe, tableName, typeHelp } from "./form.ts";
import { handlersIn } from "./handlers.ts";
import type { Json, JsonObject } from "./json.ts";
import { isJsonObject, jsonEqual } from "./json.ts";
import { AGENT_TYPES } from "./spec.ts";
import type { AgentSpec, AgentType, InputType } from "./spec.ts";

/** Codes of the diagnostics about keys that do not go together, and about names. */
export const RULE_CODES = {
  "exclusive-keys": "two keys of which there can be one",
  "wrong-type-key": "a key that belongs to another type of agent",
  "missing-key": "a key that is needed is not there",
  "no-effect": "a key that does nothing beside the others",
  "out-of-range": "a number is too small or too large",
  "wrong-type": "a value is not of the type that the key takes",
  "invalid-value": "a value is not one of those that the key takes",
  "invalid-name": "something cannot be a name",
  "invalid-variable": "a text cannot be the name of an environment variable",
  "invalid-header": "a text cannot be the name of an HTTP header",
} as const;

/** The keys of which an agent of a type needs one. */
export const NEEDED_KEYS: Readonly<Record<AgentType, readonly string[]>> = {
  script: ["command", "shell"],
  llm: [],
  module: ["module"],
  canned: [],
  pipeline: ["file"],
};

/** What the author can call an agent, a group, an input or a provider. */
export const NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/**
 * What the keys of a file say together, besides the form of each.
 *
 * Contract: takes any data, also where its form is wrong, and then says only what is certain.
 */
export function checkRules(data: JsonObject): Diagnostic[] {
  const sequential = field(field(data, "orchestration"), "sequential");
  const extended = new Set(entries(data.agents).map(([, agent]) => field(agent, "extends")));
  const { serving } = handlersIn(data);
  return [
    ...NAMED_TABLES.flatMap(([path, what]) => checkNames(path, what, path.reduce<Json | undefined>(field, data))),
    ...entries(data.agents).flatMap(([name, agent]) => checkAgent(name, agent, extended.has(name), serving.has(name))),
    ...entries(data.inputs).flatMap(([name, input]) => checkInput(name, input)),
    ...entries(data.providers).flatMap(([name, provider]) =>
      checkKeys(
        ["providers", name, "headers"],
        field(provider, "headers"),
        "invalid-header",
        HEADER_NAME,
        "the name of an HTTP header",
        HEADER_HELP,
      ),
    ),
    ...entries(field(sequential, "parallel")).flatMap(([name, group]) => checkGroup(name, group)),
    ...items(field(sequential, "branches")).flatMap((branch, index) =>
      oneOf(["orchestration", "sequential", "branches", index], branch, "to_agent", "end", " = true"),
    ),
    ...items(data.hooks).flatMap((hook, index) => checkHook(index, hook)),
  ];
}

/**
 * What is wrong with the keys of one agent: keys that exclude one another, keys of another type, keys that are missing for
 * its type. An agent that still has `extends` is judged by what it says itself; without a type, nothing is said about keys of types.
 * Only what serves a stage needs a place for its output.
 */
export function agentProblems(name: string, agent: AgentSpec | JsonObject, isServing = true): Diagnostic[] {
  const has = (key: string): boolean => Object.hasOwn(agent, key) && (agent as Record<string, unknown>)[key] !== undefined;
  const path: Path = ["agents", name];
  const type = AGENT_TYPES.find((known) => known === agent.type);
  return [
    ...EXCLUSIVE_AGENT_KEYS.filter(([one, other]) => has(one) && has(other)).map(([one, other]) => exclusive(path, one, other)),
    ...(type === undefined ? [] : foreignKeys(name, type, has)),
    ...(type === undefined || has("extends") ? [] : missingForType(name, type, agent, has, isServing)),
  ];
}

const NAMED_TABLES: readonly (readonly [readonly string[], string])[] = [
  [["agents"], "an agent"],
  [["inputs"], "an input"],
  [["providers"], "a provider"],
  [["orchestration", "sequential", "parallel"], "a group"],
];
const HEADER_HELP = "letters, digits and -, without spaces or a colon, as in X-Team";
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VARIABLE = /^[^=\0]+$/;

type RuleCode = keyof typeof RULE_CODES;

function problem(code: RuleCode, path: Path, message: string, rest: Partial<Diagnostic> = {}): Diagnostic {
  return { severity: "error", code, message, path, ...rest };
}

/** Without what does nothing, nothing changes. It is not safe where another key may have been forgotten that it waits for. */
function removal(path: Path, safe = true): Fix {
  return { safe, edits: [{ path, at: "entry", text: "" }] };
}

function checkNames(path: Path, what: string, table: Json | undefined): Diagnostic[] {
  return entries(table)
    .filter(([name]) => !NAME.test(name))
    .map(([name]) =>
      problem("invalid-name", [...path, name], `${JSON.stringify(name)} cannot be the name of ${what}`, {
        at: "key",
        help: "a name is a letter, then letters, digits, - and _",
      }),
    );
}

/** Keys of a table whose names are the author's. `__proto__` would not survive in an object. */
function checkKeys(path: Path, table: Json | undefined, code: RuleCode, pattern: RegExp, what: string, help?: string): Diagnostic[] {
  return entries(table)
    .filter(([key]) => !pattern.test(key) || key === "__proto__")
    .map(([key]) =>
      problem(code, [...path, key], `${JSON.stringify(key)} cannot be ${what}`, { at: "key", ...(help === undefined ? {} : { help }) }),
    );
}

/** What an agent lacks that others extend, these may bring; only the whole file shows whether it is run itself. */
function checkAgent(name: string, agent: Json, isExtended: boolean, isServing: boolean): Diagnostic[] {
  if (!isJsonObject(agent)) return [];
  const path: Path = ["agents", name];
  return [
    ...agentProblems(name, agent, isServing).filter(({ code }) => code !== "missing-key" || !isExtended),
    ...checkKeys([...path, "input"], agent.input, "invalid-name", /^./su, "a name in `input`"),
    ...checkKeys([...path, "output"], agent.output, "invalid-name", /^./su, "a key of the state"),
    ...checkKeys(
      [...path, "env"],
      agent.env,
      "invalid-variable",
      VARIABLE,
      "the name of an environment variable",
      'the value stands on the other side: NAME = "value"',
    ),
  ];
}

/** Keys of other types: one message for each of these types, since where several stand the type is wrong rather than the keys. */
function foreignKeys(name: string, type: AgentType, has: (key: string) => boolean): Diagnostic[] {
  const own: readonly string[] = AGENT_KEYS_BY_TYPE[type];
  return AGENT_TYPES.flatMap((other) => {
    const keys = AGENT_KEYS_BY_TYPE[other].filter((key) => has(key) && !own.includes(key));
    const [first, ...others] = keys;
    if (first === undefined) return [];
    const names = keys.map((key) => `\`${key}\``).join(", ");
    const what = others.length === 0 ? "is a key" : "are keys";
    return [
      problem("wrong-type-key", ["agents", name, first], `${names} ${what} of ${other} agents, and \`${name}\` is ${A_TYPE[type]}`, {
        at: "key",
        label: `not for ${A_TYPE[type]}`,
        related: [
          { path: ["agents", name, "type"], label: `${A_TYPE[type]} takes ${own.join(", ")}` },
          ...others.map((key) => ({ path: ["agents", name, key], at: "key" as const, label: "nor is this" })),
        ],
        help: `remove ${names}${neededInstead(type, has)}, or make it type = "${other}"`,
      }),
    ];
  });
}

/** What is missing beside keys of another type is no mistake of its own. */
function neededInstead(type: AgentType, has: (key: string) => boolean): string {
  return lacksNeeded(type, has) && !has("extends") ? ` and write ${EXAMPLE[type]}` : "";
}

function lacksNeeded(type: AgentType, has: (key: string) => boolean): boolean {
  const needed = NEEDED_KEYS[type];
  return needed.length > 0 && !needed.some(has);
}

const A_TYPE: Record<AgentType, string> = {
  script: "a script",
  llm: "an llm agent",
  module: "a module",
  canned: "a canned agent",
  pipeline: "a pipeline",
};

function missingForType(
  name: string,
  type: AgentType,
  agent: AgentSpec | JsonObject,
  has: (key: string) => boolean,
  isServing: boolean,
): Diagnostic[] {
  const path: Path = ["agents", name];
  const needed = NEEDED_KEYS[type];
  const problems: Diagnostic[] = [];
  if (lacksNeeded(type, has) && foreignKeys(name, type, has).length === 0) {
    const keys = needed.map((key) => `\`${key}\``).join(" or ");
    problems.push(
      problem("missing-key", path, `\`${name}\` is ${A_TYPE[type]}, so it needs ${keys}`, {
        at: "key",
        label: `needs ${keys}`,
        help: `for example ${EXAMPLE[type]}`,
      }),
    );
  }
  if (type === "script" && (agent.stdout === "text" || agent.stdout === "lines") && !has("output") && isServing) {
    const message = `with stdout = "${agent.stdout}", \`${name}\` needs \`output\`: the key of the state that gets it`;
    const line = `output = ${JSON.stringify(name.replaceAll("-", "_"))}`;
    const fix: Fix = { safe: false, edits: [{ path, at: "end", text: `${line}\n` }] };
    problems.push(problem("missing-key", [...path, "stdout"], message, { label: "needs `output`", help: `add ${line}`, fix }));
  }
  if (type === "canned" && has("fail_times") && !has("fail")) {
    problems.push(
      problem("no-effect", [...path, "fail_times"], "`fail_times` does nothing without `fail`", {
        at: "key",
        help: 'remove it, or add fail = "exit" or another kind of failure',
        fix: removal([...path, "fail_times"], false),
      }),
    );
  }
  return problems;
}

const EXAMPLE: Record<AgentType, string> = {
  script: 'command = ["node", "script.mjs"]',
  llm: "",
  module: 'module = "agent.mjs"',
  canned: "",
  pipeline: 'file = "inner.toml"',
};

function checkInput(name: string, input: Json): Diagnostic[] {
  if (!isJsonObject(input)) return [];
  const path: Path = ["inputs", name];
  const { type, default: fallback } = input;
  const choices = items(input.enum);
  const fits = typeof type === "string" && Object.hasOwn(IS_OF_TYPE, type) ? IS_OF_TYPE[type as InputType] : () => true;
  const mismatch = (value: Json, place: Path, key: string): Diagnostic => {
    const help = typeHelp(place, WORDS[type as InputType], value);
    const message = `\`${key}\`: expected a value of type ${JSON.stringify(type)}, got ${describe(value)}`;
    return problem("wrong-type", place, message, help === undefined ? {} : { help });
  };
  const problems = choices.flatMap((choice, index) => (fits(choice) ? [] : [mismatch(choice, [...path, "enum", index], `enum[${index}]`)]));
  if (fallback === undefined) return problems;
  if (input.required === true) {
    const message = "`required = true` does nothing beside a `default`, which stands in for what is missing";
    problems.push(
      problem("no-effect", [...path, "required"], message, { at: "key", help: "remove `required`", fix: removal([...path, "required"]) }),
    );
  }
  if (!fits(fallback)) {
    problems.push(mismatch(fallback, [...path, "default"], "default"));
  } else if (choices.length > 0 && !choices.some((choice) => jsonEqual(choice, fallback))) {
    const related = [{ path: [...path, "enum"], label: "these are accepted" }];
    problems.push(problem("invalid-value", [...path, "default"], "`default` is not one of the values in `enum`", { related }));
  }
  return problems;
}

const IS_OF_TYPE: Record<InputType, (value: Json) => boolean> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  list: Array.isArray,
  object: isJsonObject,
};

/** The types in the words of {@link typeHelp}. */
const WORDS: Record<InputType, string> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  list: "a list of values",
  object: "a table",
};

function checkGroup(name: string, group: Json): Diagnostic[] {
  if (!isJsonObject(group) || group.min_success === undefined) return [];
  const path: Path = ["orchestration", "sequential", "parallel", name, "min_success"];
  if (group.on_error !== "continue") {
    return [
      problem("no-effect", path, '`min_success` does nothing without on_error = "continue"', {
        at: "key",
        help: 'remove it, or add on_error = "continue"',
        fix: removal(path, false),
      }),
    ];
  }
  const members = items(group.agents).length;
  if (typeof group.min_success !== "number" || group.min_success <= members || members === 0) return [];
  return [problem("out-of-range", path, `\`min_success\`: expected at most ${members}, the number of members, got ${group.min_success}`)];
}

function checkHook(index: number, hook: Json): Diagnostic[] {
  if (!isJsonObject(hook)) return [];
  const path: Path = ["hooks", index];
  const problems = oneOf(path, hook, "command", "module");
  const events = Array.isArray(hook.on) ? hook.on : [hook.on];
  if (hook.agents !== undefined && events.length > 0 && events.every((event) => event === "before_run" || event === "after_run")) {
    problems.push(
      problem("no-effect", [...path, "agents"], "`agents` does nothing here: before_run and after_run belong to no agent", {
        at: "key",
        help: "remove `agents`",
        fix: removal([...path, "agents"]),
      }),
    );
  }
  return problems;
}

/** Exactly one of two keys has to be there. */
function oneOf(path: Path, table: Json, one: string, other: string, suffix = ""): Diagnostic[] {
  if (!isJsonObject(table)) return [];
  if (Object.hasOwn(table, one) && Object.hasOwn(table, other)) return [exclusive(path, one, other)];
  if (Object.hasOwn(table, one) || Object.hasOwn(table, other)) return [];
  const keys = `\`${one}\` or \`${other}${suffix}\``;
  return [problem("missing-key", path, `${tableName(path)} needs ${keys}`, { at: "key", label: `needs ${keys}` })];
}

function exclusive(path: Path, one: string, other: string): Diagnostic {
  return problem("exclusive-keys", [...path, other], `\`${one}\` and \`${other}\` exclude each other`, {
    at: "key",
    label: `not beside \`${one}\``,
    related: [{ path: [...path, one], at: "key", label: "one of them has to go" }],
  });
}

function field(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function entries(value: Json | undefined): [string, Json][] {
  return isJsonObject(value) ? Object.entries(value) : [];
}

function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
