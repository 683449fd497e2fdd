import type { Metadata } from "../engine/agent.ts";
import { RESERVED_META } from "../engine/interpreter.ts";
import { checkInputs } from "../plan/inputs.ts";
import type { Plan } from "../plan/plan.ts";
import { problemsOfIds } from "./listener.ts";
import type { Secret } from "../spec/secret-forms.ts";
import { isJsonObject, type JsonObject, NotJsonError, toJson } from "../spec/json.ts";

const LONGEST_ID = 200;

/** What a run was given does not fit: nothing was run. */
export class InputError extends Error {
  override name = "InputError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** What a caller may choose of any run, unchecked. */
export interface ChosenOptions {
  readonly runId?: string;
  readonly sessionId?: string;
  readonly meta?: Metadata;
  readonly timeoutMs?: number | null;
}

/** The input of a run that begins, with defaults filled in. @throws InputError for all that does not fit, options too */
export function checkRunInput(plan: Plan, options: ChosenOptions & { readonly input?: unknown }, secrets: readonly Secret[]): JsonObject {
  const problems = [...problemsOfIds(options, secrets), ...optionProblems(options)];
  let given: JsonObject = {};
  try {
    const input = toJson(options.input ?? {});
    if (isJsonObject(input)) given = input;
    else problems.push("the input must be an object");
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    problems.push(`the input is not JSON: ${error.message}`);
  }
  const checked = checkInputs(plan.inputs, given);
  problems.push(...checked.problems);
  if (problems.length > 0) throw new InputError(problems);
  return checked.values;
}

/** The same where the input is there already. @throws InputError */
export function checkOptions(options: ChosenOptions): void {
  const problems = optionProblems(options);
  if (problems.length > 0) throw new InputError(problems);
}

function optionProblems({ runId, meta, timeoutMs }: ChosenOptions): string[] {
  const problems: string[] = [];
  // It becomes a part of idempotency keys, and so of HTTP headers.
  if (runId !== undefined && !/^[\w.:-]+$/.test(runId))
    problems.push(`a run's id is made of letters, digits, \`.\`, \`_\`, \`:\` and \`-\`; \`${runId}\` is not`);
  // On a command line it stands where a flag could, and the word for the latest of all.
  else if (runId !== undefined && (runId === "latest" || runId.length > LONGEST_ID || !/^[A-Za-z0-9]/.test(runId)))
    problems.push(`a run's id begins with a letter or a digit, has at most ${LONGEST_ID} characters, and is not \`latest\``);
  for (const [key, value] of Object.entries(meta ?? {})) {
    if ((RESERVED_META as readonly string[]).includes(key)) problems.push(`the metadata \`${key}\` is set by agentflow itself`);
    else if (typeof value !== "string") problems.push(`the metadata \`${key}\` must be a string`);
  }
  if (timeoutMs !== undefined && timeoutMs !== null && !(typeof timeoutMs === "number" && timeoutMs > 0))
    problems.push("timeoutMs must be a number of milliseconds, or null for no limit");
  return problems;
}
