import * as z from "zod/mini";
import type { Path } from "./diagnostic.ts";
import { parseDuration } from "./duration.ts";
import type { DurationRules, Meant } from "./duration.ts";
import type { Json, JsonObject } from "./json.ts";
import { parseSize } from "./size.ts";
import { AGENT_TYPES, FAILURE_KINDS, HOOK_EVENTS, INPUT_TYPES, NEVER_RETRIED_KINDS } from "./spec.ts";
import type { FailureKind, PipelineDefinition, PipelineSpec } from "./spec.ts";

/**
 * The form of the pipeline file: every key, what it takes and what it means.
 *
 * What one value cannot show by itself (keys that exclude one another, keys of another agent type, names) is in `rules.ts`.
 */

/** One place that does not have the form of a pipeline file. `expected` is a phrase such as "a whole number". */
export type Violation = { readonly path: Path; readonly expected: string } & (
  | { readonly kind: "type" }
  | { readonly kind: "choice"; readonly choices: readonly Json[] }
  | { readonly kind: "unknown-key"; readonly known: readonly string[] }
  | { readonly kind: "rule"; readonly code: FormCode; readonly meant?: Meant | undefined }
);

/** Codes of the rules that a value has to keep besides its type. */
export type FormCode =
  | "wrong-type"
  | "out-of-range"
  | "too-few"
  | "empty-text"
  | "control-character"
  | "invalid-duration"
  | "invalid-size"
  | "invalid-url"
  | "invalid-variable"
  | "never-retried";

/** Data as a spec, or every violation of its form. What is returned is not frozen yet. */
export function checkForm(data: JsonObject): { readonly spec: PipelineSpec } | { readonly violations: readonly Violation[] } {
  // To write functions for a schema takes longer than to check a hundred agents without them.
  const jitless = Object.keys(data.agents ?? {}).length < 200;
  const result = pipelineSchema.safeParse(data, { jitless });
  return result.success ? { spec: result.data } : { violations: result.error.issues.flatMap((issue) => violations(issue, [])) };
}

/** The keys of every table of the file, with what they mean, by the table's header: `""`, `[agents.NAME]`, `[[hooks]]`. */
export function tableKeys(): ReadonlyMap<string, Readonly<Record<string, string>>> {
  keysOfTables ??= collectTables(pipelineSchema, "", new Map());
  return keysOfTables;
}

/** Made when it is first asked for: few starts need it, and a file with many unknown keys asks for each. */
let keysOfTables: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;

// ---- how keys and tables are written down ----
//
// Every start of the program builds this schema, and a schema object takes its time. So keys that take the same share one, and
// descriptions stand beside the objects; zod's own `describe` would copy them.

interface Key<S> {
  readonly value: S;
  readonly description: string;
}

function key<S extends z.core.$ZodType>(value: S, description: string): Key<z.ZodMiniOptional<S>> {
  let optional = optionals.get(value);
  if (optional === undefined) {
    optional = z.optional(value);
    optionals.set(value, optional);
  }
  return { value: optional as z.ZodMiniOptional<S>, description };
}

function needed<S extends z.core.$ZodType>(value: S, description: string): Key<S> {
  return { value, description };
}

function table<K extends Readonly<Record<string, Key<z.core.$ZodType>>>>(keys: K) {
  const shape = Object.fromEntries(Object.entries(keys).map(([name, { value }]) => [name, value]));
  const schema = z.strictObject(shape as { -readonly [Name in keyof K]: K[Name]["value"] }, "a table");
  tables.set(schema, keys);
  return schema;
}

function named<S extends z.core.$ZodType>(value: S, expected: string) {
  const schema = z.record(z.string(), value, expected);
  docs.add(schema, { propertyNames: { pattern: "^[A-Za-z][A-Za-z0-9_-]*$" } });
  return schema;
}

/** The schema with rules that its value has to keep; `doc` says the same in JSON Schema. The first broken rule is told. */
function ruled<S extends z.ZodMiniType>(schema: S, doc: Doc, ...rules: Rule<z.output<S>>[]): S {
  const result = schema.check(({ value, issues }) => {
    const broken = rules.find(([holds]) => !holds(value));
    if (broken !== undefined) issues.push({ code: "custom", input: value, message: broken[2], params: { code: broken[1] } });
  });
  docs.add(result, doc);
  return result;
}

type Rule<Value> = readonly [holds: (value: Value) => boolean, code: FormCode, phrase: string];
type Doc = z.core.JSONSchema.BaseSchema;

/** What the JSON Schema of a value says besides its type. With `expected`, that is said of a text without the `pattern`. */
export const docs = z.registry<Record<string, unknown>>();
const optionals = new Map<z.core.$ZodType, z.core.$ZodType>();
const tables = new Map<z.core.$ZodType, Readonly<Record<string, Key<z.core.$ZodType>>>>();

// ---- what keys take ----

const filled: Rule<string> = [(value) => value !== "", "empty-text", "is empty"];
const withoutNul: Rule<string> = [(value) => !value.includes("\0"), "control-character", "cannot hold a NUL character"];
const oneLine: Rule<string> = [(value) => !/\p{Cc}/u.test(value), "control-character", "cannot hold line breaks or control characters"];
const nonEmpty = (least: number, phrase = `needs at least ${least} entries`): Rule<readonly unknown[]> => [
  (list) => list.length >= least,
  "too-few",
  phrase,
];
const whole: Rule<number> = [Number.isSafeInteger, "wrong-type", "a whole number"];
const atLeast = (least: number): Rule<number> => [(value) => value >= least, "out-of-range", `${least} or more`];

const json = z.unknown() as unknown as z.ZodMiniType<Json, Json>;
const flag = z.boolean("true or false");
const text = z.string("text");
const filledText = ruled(text, { minLength: 1 }, filled);
const systemText = ruled(text, {}, withoutNul);
const systemName = ruled(text, { minLength: 1 }, filled, withoutNul);
const title = ruled(text, { minLength: 1 }, filled, oneLine);
const number = z.number("a number");
const integer = z.number("a whole number");
const notNegative = ruled(number, { minimum: 0 }, atLeast(0));
const count = ruled(integer, { type: "integer", minimum: 0 }, whole, atLeast(0));
const countFromOne = ruled(integer, { type: "integer", minimum: 1 }, whole, atLeast(1));
const names = z.array(text, "a list of agent names");
const stateKeys = z.array(filledText, "a list of keys of the state");
const expressions = z.record(z.string(), text, "a table of CEL expressions");
const failureKind = z.enum(FAILURE_KINDS, "a kind of failure");
const onError = z.enum(["fail", "continue"], "a choice");
const timeLimit = duration({});
const pause = duration({ none: false, zero: true });
const command = ruled(z.array(systemText, "a list of strings, the program and its arguments"), { minItems: 1 }, nonEmpty(1, "is empty"), [
  (words) => words[0] !== "",
  "empty-text",
  "must begin with the name of a program",
]);
const variableName = ruled(z.string("the name of an environment variable"), { pattern: "^[A-Za-z_][A-Za-z0-9_]*$" }, [
  (name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name),
  "invalid-variable",
  "must be the name of an environment variable: letters, digits and _",
]);

// ---- [agents.NAME] and [defaults] ----

const neverRetried: ReadonlySet<FailureKind> = new Set(NEVER_RETRIED_KINDS);
const retryKind = ruled(failureKind, { enum: FAILURE_KINDS.filter((kind) => !neverRetried.has(kind)) }, [
  (kind) => !neverRetried.has(kind),
  "never-retried",
  "is never retried, since another attempt cannot mend it",
]);

const retryShape = {
  timeout: key(
    timeLimit,
    'Time for one attempt; what takes longer is stopped. Default: "10m" for llm, "1h" for script, module and pipeline. "none" is no limit.',
  ),
  retries: key(count, "How many attempts are made after the first has failed. Default: 0."),
  retry_delay: key(pause, 'Wait before the first retry. Default: "1s".'),
  retry_backoff: key(ruled(number, { minimum: 1 }, atLeast(1)), "Factor by which the wait grows with each further retry. Default: 2."),
  retry_max_delay: key(timeLimit, 'The longest wait between attempts. Default: "60s". "none" is no limit.'),
  retry_jitter: key(
    flag,
    "Whether each wait is a random part of its full length, so that many clients do not retry at once. Default: true.",
  ),
  retry_on: key(
    ruled(z.array(retryKind, "a list of kinds of failure"), { minItems: 1 }, nonEmpty(1, "is empty")),
    "Kinds of failure after which another attempt is made. Default: timeout, exit, signal, invalid_output, rate_limit, server_error, connection.",
  ),
  on_error: key(
    onError,
    'What a failure does that is left after retries and fallback. "fail" ends the run; "continue" records it, and the sequence goes on. Default: "fail".',
  ),
};

const modelShape = {
  provider: key(
    filledText,
    'The model server: a name from [providers] or one of openai, openrouter, ollama, vllm, llamacpp, lmstudio. Default: "openai".',
  ),
  model: key(filledText, "The model's name, as the server knows it. Required for llm agents, here or in [defaults]."),
  temperature: key(notNegative, "Sampling temperature; 0 is sent as 0. Default: not sent."),
  max_tokens: key(countFromOne, "The most tokens that an answer may have. Default: not sent."),
};

const defaultsSchema = table({ ...retryShape, ...modelShape });

const scriptShape = {
  command: key(
    command,
    "The program and its arguments, started without a shell. Arguments may hold ${{ templates }}; each stays one argument.",
  ),
  shell: key(systemName, "Instead of command: one line for sh -c. It cannot hold templates; values come by stdin or env."),
  cwd: key(systemName, "Working directory, relative to the pipeline file. Default: the pipeline file's directory."),
  env: key(
    z.record(z.string(), systemText, "a table of environment variables"),
    "Environment variables for the script, added to those of agentflow. Values may hold ${{ templates }}, which also see env.",
  ),
  stdin: key(
    z.enum(["json", "none"], "a choice"),
    'What the script reads: "json" (the input as one JSON object) or "none". Default: "json".',
  ),
  stdout: key(
    z.enum(["json", "text", "lines"], "a choice"),
    'How the script\'s output is read: "json" (merged into the state, or stored under output), "text" or "lines" (stored under output). Default: "json".',
  ),
  max_output: key(size(), 'The largest output; a script that writes more is stopped. 1KB is 1024 bytes. Default: "10MB".'),
};

const promptShape = {
  system_prompt: key(text, "The system message; a ${{ template }} over the input. Default: none."),
  prompt: key(text, "The user message; a ${{ template }} over the input. Default: the input as JSON."),
  prompt_file: key(systemName, "Instead of prompt: a file that holds it, relative to the pipeline file."),
  top_p: key(
    ruled(number, { minimum: 0, maximum: 1 }, [(value) => value >= 0 && value <= 1, "out-of-range", "from 0 to 1"]),
    "Nucleus sampling. Default: not sent.",
  ),
  seed: key(ruled(integer, { type: "integer" }, whole), "Seed for sampling, where the server knows it. Default: not sent."),
  stop: key(
    ruled(z.array(filledText, "a list of texts"), { minItems: 1 }, nonEmpty(1, "is empty")),
    "Texts at which the answer ends. Default: not sent.",
  ),
};

const cannedShape = {
  reply: key(json, "The canned agent's answer to every call. Default: nothing."),
  replies: key(
    ruled(z.array(json, "a list of answers"), { minItems: 1 }, nonEmpty(1, "is empty")),
    "Instead of reply: one answer for each call; the last one repeats.",
  ),
  delay: key(pause, 'How long the canned agent takes for a call. Default: "0s".'),
  fail: key(failureKind, "The kind of failure that the canned agent produces. Default: it does not fail."),
  fail_times: key(countFromOne, "How many of the first calls fail with `fail`. Default: all."),
};

const agentSchema = table({
  type: key(
    z.enum(AGENT_TYPES, "a choice"),
    "What the agent is: script (a program), llm (a model call), module (a JavaScript or TypeScript function), canned (fixed answers, for tests), pipeline (another pipeline file). Required, except where a base or the library brings it.",
  ),
  description: key(text, "What the agent does; shown by run --dry-run."),
  extends: key(filledText, "Another agent, all of whose keys this one takes over; its own keys win."),
  input: key(expressions, "What the agent sees: names, each with a CEL expression over the state. Default: the whole state."),
  output: key(
    z.union([filledText, expressions], "a key of the state, or a table of CEL expressions over `result`"),
    "Where the result goes: a key for the whole result, or keys, each with a CEL expression over `result`. Default: an object is merged into the state; a model's text goes under the agent's name.",
  ),
  writes: key(
    stateKeys,
    "Keys that the agent adds to the state. A success that lacks one is a failure of kind invalid_output. Default: not declared.",
  ),
  keep: key(stateKeys, "After the stage, only these keys of the state are kept. Default: all."),
  drop: key(stateKeys, "Instead of keep: these keys are removed from the state after the stage. Default: none."),
  ...retryShape,
  fallback: key(filledText, "Agent that serves the stage when this one has finally failed. Default: none."),
  rollback: key(
    filledText,
    "Agent that undoes the stage when the run is rolled back. It sees stage, input, output and error, and its output is ignored. Default: none.",
  ),
  circuit_breaker: key(
    table({
      max_failures: needed(countFromOne, "How many failed attempts in a row open the circuit. While it is open, the stage fails at once."),
      reset_after: needed(duration({ none: false }), "How long the circuit stays open before one attempt is let through, to see."),
    }),
    "Spares an agent that keeps failing, for all runs on the same store. Default: it is always called.",
  ),
  ...scriptShape,
  ...modelShape,
  ...promptShape,
  module: key(
    systemName,
    "A JavaScript or TypeScript file whose default export is (input, context) => output; relative to the pipeline file.",
  ),
  ...cannedShape,
  file: key(systemName, "The pipeline file that runs as this stage, relative to this one."),
});

// ---- the other tables ----

const inputSchema = table({
  type: key(z.enum(INPUT_TYPES, "a choice"), "What the input's value must be. Default: anything."),
  required: key(flag, "Whether a run needs the input. Default: true, unless default is given."),
  default: key(json, "The value where a run is not given one. Default: none."),
  enum: key(
    ruled(z.array(json, "a list of values"), { minItems: 1 }, nonEmpty(1, "is empty")),
    "The values that are accepted. Default: any.",
  ),
  description: key(text, "What the input is; shown where it is missing."),
});

const providerSchema = table({
  base_url: key(
    ruled(text, { format: "uri" }, [isWebAddress, "invalid-url", 'must be an address such as "http://localhost:8080/v1"']),
    "Address of an OpenAI-compatible server, up to and including /v1. Default for the built-in providers: their usual address.",
  ),
  api_key_env: key(
    variableName,
    "The name of the environment variable that holds the key; never the key itself. Default: the server needs no key.",
  ),
  headers: key(
    z.record(z.string(), ruled(text, {}, oneLine), "a table of HTTP headers"),
    "HTTP headers of every request. Values may hold ${{ templates }} over env. Default: none.",
  ),
  max_tokens_field: key(
    z.enum(["max_tokens", "max_completion_tokens"], "a choice"),
    "The name under which max_tokens is sent. Default: max_completion_tokens for the reasoning models of openai, max_tokens otherwise.",
  ),
});

const groupSchema = table({
  agents: needed(ruled(names, { minItems: 2 }, nonEmpty(2)), "The group's members, two or more. Their outputs are merged in this order."),
  max_concurrency: key(countFromOne, "How many members run at the same time. Default: all."),
  merge: key(
    z.enum(["flat", "namespace", "prefix"], "a choice"),
    'How outputs enter the state: "flat" (as they are), "namespace" (under the member\'s name), "prefix" (as member_key). Default: "flat".',
  ),
  on_error: key(onError, '"fail": the first failure stops the other members and fails the group. "continue": all finish. Default: "fail".'),
  min_success: key(countFromOne, 'With on_error = "continue": how many members must succeed. Default: 1.'),
});

const branchSchema = table({
  from_agent: needed(z.string("the name of an agent or a group"), "The agent or group after which this rule is looked at."),
  condition: key(text, "CEL expression over the state after the stage; the first rule that holds is taken. Default: it holds always."),
  to_agent: key(filledText, "The agent or group to go on with."),
  end: key(z.literal(true, "true"), "Instead of to_agent: the run ends here, successfully."),
  max_times: key(countFromOne, "How often in a run the rule may be taken. Required where it closes a cycle. Default: any number of times."),
});

const hookEvent = z.enum(HOOK_EVENTS, "an event");
const hookSchema = table({
  name: key(title, "Name of the hook, for messages. Default: its position."),
  on: needed(
    z.union([hookEvent, ruled(z.array(hookEvent), { minItems: 1 }, nonEmpty(1, "is empty"))], "an event or a list of events"),
    "When the hook is called: before_run, before_stage, after_stage, stage_error, retry, branch, rollback, after_run; one or a list.",
  ),
  agents: key(ruled(names, { minItems: 1 }, nonEmpty(1, "is empty")), "Only for these agents. Default: all."),
  command: key(command, "A program that gets the event as JSON on stdin. This or module."),
  module: key(systemName, "A file whose default export is called with the event; relative to the pipeline file. This or command."),
  timeout: key(timeLimit, 'Time for one call. Default: "10s".'),
});

export const pipelineSchema = table({
  name: key(title, "The pipeline's id. Default: the file's name without .toml."),
  description: key(text, "What the pipeline does; shown by run --dry-run."),
  secrets: key(
    table({
      env: key(
        z.array(variableName, "a list of variable names"),
        "Environment variables whose values are masked wherever something is shown.",
      ),
    }),
    "Which values are secret, besides the keys named in api_key_env.",
  ),
  inputs: key(
    named(inputSchema, "a table of inputs, as in [inputs.NAME]"),
    "What a run is given. If any input is declared, an undeclared one is an error. Default: any input is taken.",
  ),
  defaults: key(defaultsSchema, "Values for all agents; an agent's own key wins."),
  agents: key(
    named(agentSchema, "a table of agents, as in [agents.NAME]"),
    "What each stage calls and how it is run. The order stands in [orchestration.sequential].",
  ),
  providers: key(named(providerSchema, "a table of providers, as in [providers.NAME]"), "Model servers, besides the built-in ones."),
  orchestration: needed(
    table({
      mode: key(z.enum(["sequential"], "a choice"), 'How agents follow one another. Only "sequential", which is the default.'),
      timeout: key(timeLimit, 'Wall clock of a whole run, retries and waits included. Default: "none".'),
      sequential: needed(
        table({
          agents: needed(
            ruled(z.array(text, "a list of names of agents and groups"), { minItems: 1 }, nonEmpty(1, "is empty")),
            "Agents and groups in the order in which they run, each once.",
          ),
          pipeline: key(
            table({
              fail_fast: key(
                flag,
                "Whether the first failure ends the run. false: the sequence goes on, and the run fails at its end. Default: true.",
              ),
              checkpoint_frequency: key(
                count,
                "Progress is durable after every n-th stage, and always at a failure and at the end. 0: only then. Default: 1.",
              ),
              save_intermediate_results: key(
                flag,
                "Whether what each stage wrote is kept once a run has succeeded. false: only its final state and timings. Default: true.",
              ),
              compress_above: key(size(), 'Values from this size on are compressed where they are stored. Default: "8KB".'),
              rollback: key(
                z.enum(["auto", "manual"], "a choice"),
                '"auto": a run that has failed or timed out is rolled back at once. "manual": only by agentflow rollback. Default: "auto".',
              ),
            }),
            "Settings for the whole sequence.",
          ),
          parallel: key(
            named(groupSchema, "a table of groups, as in [orchestration.sequential.parallel.NAME]"),
            "Groups of agents that run at the same time, each one element of the sequence.",
          ),
          branches: key(
            z.array(branchSchema, "a list of rules, as in [[orchestration.sequential.branches]]"),
            "Rules for leaving the order, looked at in this order.",
          ),
        }),
        "The sequence of agents.",
      ),
    }),
    "How the agents are run.",
  ),
  hooks: key(z.array(hookSchema, "a list of hooks, as in [[hooks]]"), "Commands or functions that are told what happens in a run."),
});

// ---- helpers ----

/** A duration: text on the outside, milliseconds on the inside. */
function duration(rules: DurationRules) {
  const schema = z.pipe(
    z.string('a duration such as "30s"'),
    z.transform((written: string, context): number | null => {
      const parsed = parseDuration(written, rules);
      if ("ms" in parsed) return parsed.ms;
      context.issues.push({
        code: "custom",
        input: written,
        message: parsed.problem,
        params: { code: "invalid-duration", meant: parsed.meant },
      });
      return z.NEVER;
    }),
  );
  const amounts = ["d", "h", "m", "s", "ms"].map((unit) => String.raw`(\d+(\.\d+)?${unit})?`).join("");
  const pattern = `^(${rules.none === false ? "" : "none|"}(?=.*${rules.zero === true ? "\\d" : "[1-9]"})${amounts})$`;
  docs.add(schema, { pattern, expected: `a duration such as '30s' or '1h30m'${rules.none === false ? "" : ", or 'none'"}` });
  return schema;
}

/** A size: text on the outside, bytes on the inside. */
function size() {
  const schema = z.pipe(
    z.string('a size such as "10MB"'),
    z.transform((written: string, context): number => {
      const parsed = parseSize(written);
      if ("bytes" in parsed) return parsed.bytes;
      context.issues.push({
        code: "custom",
        input: written,
        message: parsed.problem,
        params: { code: "invalid-size", meant: parsed.meant },
      });
      return z.NEVER;
    }),
  );
  docs.add(schema, { pattern: "^\\d+(\\.\\d+)?(B|KB|MB|GB)$", expected: "a size such as '512KB' or '10MB'" });
  return schema;
}

function isWebAddress(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
}

function violations(issue: z.core.$ZodIssue, parent: Path): Violation[] {
  const path = [...parent, ...(issue.path as (string | number)[])];
  const expected = issue.message;
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(path);
      return issue.keys.map((name) => ({ path: [...path, name], kind: "unknown-key", expected, known }));
    }
    case "invalid_value":
      return [{ path, kind: "choice", expected, choices: issue.values as Json[] }];
    case "invalid_union": {
      // The alternative that the value comes closest to knows what is wrong with it.
      const alternative = fitting(issue.errors, ["invalid_type", "invalid_value"]) ?? fitting(issue.errors, ["invalid_type"]);
      return alternative === undefined ? [{ path, kind: "type", expected }] : alternative.flatMap((inner) => violations(inner, path));
    }
    case "custom":
      return [{ path, kind: "rule", expected, code: issue.params?.code as FormCode, meant: issue.params?.meant as Meant | undefined }];
    default:
      return [{ path, kind: "type", expected }];
  }
}

/** The alternative of a union in which nothing is wrong with the value as a whole, in one of these ways. */
function fitting(alternatives: readonly z.core.$ZodIssue[][], ways: readonly string[]): z.core.$ZodIssue[] | undefined {
  return alternatives.find((issues) => issues.every(({ path, code }) => path.length > 0 || !ways.includes(code)));
}

/** The keys of the table at a path of the data. */
function keysAt(path: Path): string[] {
  let current: z.core.$ZodType | undefined = pipelineSchema;
  for (const part of path) current = current && child(current, part);
  return Object.keys((current && keysOf(current)) ?? {});
}

function child(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  const table = unwrap(schema);
  const { def } = table._zod as z.core.$ZodTypes["_zod"];
  if (def.type === "record") return def.valueType;
  return def.type === "array" ? def.element : tables.get(table)?.[part]?.value;
}

/** The keys of a table; undefined for what is none. */
export function keysOf(schema: z.core.$ZodType): Readonly<Record<string, Key<z.core.$ZodType>>> | undefined {
  return tables.get(unwrap(schema));
}

/** What a key takes where it is there. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = schema._zod as z.core.$ZodTypes["_zod"];
  return def.type === "optional" ? unwrap(def.innerType) : schema;
}

function collectTables(
  schema: z.core.$ZodType,
  name: string,
  found: Map<string, Readonly<Record<string, string>>>,
): Map<string, Readonly<Record<string, string>>> {
  const { def } = unwrap(schema)._zod as z.core.$ZodTypes["_zod"];
  if (def.type === "record") collectTables(def.valueType, `${name}.NAME`, found);
  if (def.type === "array") collectTables(def.element, `[${name}]`, found);
  const keys = keysOf(schema);
  if (keys === undefined) return found;
  found.set(name === "" ? "" : `[${name}]`, Object.fromEntries(Object.entries(keys).map(([key, { description }]) => [key, description])));
  for (const [key, { value }] of Object.entries(keys)) collectTables(value, name === "" ? key : `${name}.${key}`, found);
  return found;
}

// ---- the compiler's check that the schema and the types of spec.ts say the same ----

type Loose<T> = T extends readonly (infer Item)[]
  ? readonly Loose<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Loose<T[Key]> }
    : T;
/** With every key required, so that a key which only one side knows is seen. */
type Full<T> = T extends readonly (infer Item)[]
  ? readonly Full<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]-?: Full<T[Key]> }
    : T;
type Fits<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

void (true satisfies Fits<Loose<z.input<typeof pipelineSchema>>, Loose<PipelineDefinition>>);
void (true satisfies Fits<Full<z.input<typeof pipelineSchema>>, Full<PipelineDefinition>>);
