import type { AgentFunction, JsonObject } from "../../src/index.ts";

/** An agent that always gives the same. */
export function gives(output: unknown): AgentFunction {
  return () => output;
}

/** An agent that fails with each of these in turn, and then gives the output. */
export function failsThen(errors: readonly unknown[], output: unknown = {}): AgentFunction {
  let calls = 0;
  return () => {
    const error = errors[calls];
    calls += 1;
    if (error !== undefined) throw error;
    return output;
  };
}

/** An agent that fails whenever it is called. */
export function fails(message = "boom"): AgentFunction {
  return () => {
    throw new Error(message);
  };
}

/** What an agent was given, in the order of the calls, and the agent. */
export function recorder(output: unknown = {}): { readonly inputs: JsonObject[]; readonly agent: AgentFunction } {
  const inputs: JsonObject[] = [];
  return {
    inputs,
    agent: (input) => {
      inputs.push(input);
      return output;
    },
  };
}
