import { type Json, type JsonObject, isJsonObject, NotJsonError, setOwn, toJson } from "../spec/json.ts";
import { ExpressionError } from "../plan/expression-error.ts";
import type { AdapterEntry, AgentPlan } from "../plan/plan.ts";
import type { Scope } from "../plan/scope.ts";
import { AgentError } from "./failure.ts";
import { keyOf } from "../plan/writes.ts";

/** What the agent sees: the whole state, or what its `input` table makes of it. @throws ExpressionError */
export function adaptInput(agent: AgentPlan, scope: Scope): JsonObject {
  return agent.input === null ? scope.state : Object.freeze(evaluateEntries(agent.input, scope));
}

/**
 * What an agent's output sets in the state.
 *
 * Nothing (null, undefined) sets nothing. `textKey` is where text goes that has no `output` key; null: it is refused.
 * @throws AgentError of kind `invalid_output`
 */
export function adaptOutput(
  agent: AgentPlan,
  output: unknown,
  textKey: string | null,
  before: Scope,
): { values: JsonObject; bare: boolean } {
  const adapted =
    output === null || output === undefined ? { values: {}, bare: false } : place(agent, asJson(agent, output), textKey, before);
  const missing = agent.writes?.filter((key) => !Object.hasOwn(adapted.values, key)) ?? [];
  if (missing.length > 0) {
    const wrote = Object.keys(adapted.values);
    const got =
      wrote.length === 0
        ? "nothing"
        : `only ${wrote
            .slice(0, 10)
            .map((key) => `\`${key}\``)
            .join(", ")}`;
    throw new AgentError(
      "invalid_output",
      `\`${agent.name}\` declares that it writes ${missing.map((key) => `\`${key}\``).join(", ")}, but it wrote ${got}`,
    );
  }
  return adapted;
}

/** The stage's own key for a model's text; null where the stage's agent has none. */
export function defaultTextKey(agent: AgentPlan): string | null {
  return agent.call.type === "llm" && agent.output === null ? keyOf(agent.name) : null;
}

function place(agent: AgentPlan, value: Json, textKey: string | null, before: Scope): { values: JsonObject; bare: boolean } {
  if (typeof agent.output === "string") return { values: { [agent.output]: value }, bare: false };
  if (agent.output !== null) {
    try {
      return { values: evaluateEntries(agent.output, { ...before, result: value }), bare: false };
    } catch (error) {
      if (error instanceof ExpressionError)
        throw new AgentError("invalid_output", `the \`output\` of \`${agent.name}\` cannot be made: ${error.message}`);
      throw error;
    }
  }
  if (isJsonObject(value)) return { values: value, bare: false };
  if (typeof value === "string" && textKey !== null) return { values: { [textKey]: value }, bare: true };
  throw new AgentError(
    "invalid_output",
    `\`${agent.name}\` gave ${describe(value)}, but only an object can be merged into the state; to keep it under a key of its own, write output = "some_key"`,
  );
}

function evaluateEntries(entries: readonly AdapterEntry[], scope: Scope): JsonObject {
  const values = {};
  for (const { key, value } of entries) setOwn(values, key, value.evaluate(scope));
  return toJson(values) as JsonObject;
}

function asJson(agent: AgentPlan, output: unknown): Json {
  try {
    return toJson(output);
  } catch (error) {
    if (error instanceof NotJsonError)
      throw new AgentError("invalid_output", `the output of \`${agent.name}\` is not JSON: ${error.message}`);
    throw error;
  }
}

function describe(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const text = JSON.stringify(value);
  return `the ${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}
