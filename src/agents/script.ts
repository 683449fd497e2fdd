import type { AgentCall, AgentContext, AgentReply } from "../engine/agent.ts";
import { AgentError } from "../engine/failure.ts";
import type { ScriptCallPlan } from "../plan/plan.ts";
import { type ProcessResult, runProcess, type StartedProcess } from "./process.ts";
import { readStdout } from "./stdout.ts";

export interface ScriptOptions {
  /** What the script inherits, and what `env` templates see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** Ends it without grace. */
  readonly kill: AbortSignal;
  readonly onProcess: ((process: StartedProcess) => void) | undefined;
  /** Takes secrets out of what is told of a failure. */
  readonly mask: (text: string) => string;
}

/**
 * Runs a script and reads its stdout.
 *
 * @throws AgentError `spawn`, `exit`, `signal`, `invalid_output`, or the reason of an abort; ExpressionError from a template.
 */
export async function callScript(call: AgentCall, plan: ScriptCallPlan, options: ScriptOptions): Promise<AgentReply> {
  const scope = { ...call.scope, env: options.env };
  const env: Record<string, string | undefined> = { ...options.env, ...contextVariables(call.context) };
  for (const { name, value } of plan.env) env[name] = value.renderText(scope);
  const result = await runProcess({
    command: typeof plan.command === "string" ? ["sh", "-c", plan.command] : plan.command.map((part) => part.renderText(call.scope)),
    cwd: plan.cwd,
    env,
    stdin: plan.stdin === "json" ? `${JSON.stringify(call.input)}\n` : null,
    maxOutput: call.outputIgnored ? null : plan.maxOutput,
    graceMs: options.graceMs,
    signal: options.signal,
    kill: options.kill,
    onProcess: options.onProcess,
    onLine: call.context.log,
    mask: options.mask,
  });
  const { stopped } = result;
  const failure = (kind: AgentError["kind"], message: string, cause?: unknown): AgentError =>
    new AgentError(kind, message, { ...detailOf(result, options.mask), cause });
  // One that was cancelled did nothing wrong; one that took too long has perhaps said why.
  if (stopped !== null) throw stopped.kind === "cancelled" ? stopped : failure(stopped.kind, stopped.message, stopped.cause);
  if (result.leftovers) call.context.log("processes that the script had left running were ended");
  if (result.overflowed)
    throw failure("invalid_output", `stdout is larger than max_output (${plan.maxOutput} bytes); the script was ended`);
  if (result.signal !== null) throw failure("signal", `was ended by ${result.signal}`);
  if (result.exitCode !== 0) throw failure("exit", `exited with code ${result.exitCode}`);
  try {
    return { output: call.outputIgnored ? undefined : readStdout(result.stdout, plan.stdout, options.mask) };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw failure(error.kind, error.message, error.cause);
  }
}

function contextVariables(context: AgentContext): Record<string, string> {
  return {
    AGENTFLOW_RUN_ID: context.runId,
    AGENTFLOW_PIPELINE_ID: context.pipelineId,
    AGENTFLOW_SESSION_ID: context.sessionId,
    AGENTFLOW_STAGE: context.stage,
    AGENTFLOW_STAGE_NUMBER: String(context.stageNumber),
    AGENTFLOW_TOTAL_STAGES: String(context.totalStages),
    AGENTFLOW_ATTEMPT: String(context.attempt),
    AGENTFLOW_IDEMPOTENCY_KEY: context.idempotencyKey,
  };
}

function detailOf({ stderrTail, stdout }: ProcessResult, mask: (text: string) => string): { detail?: string } {
  const detail = (stderrTail.length > 0 ? stderrTail : lastLines(mask(stdout.toString("utf8")))).join("\n");
  return detail === "" ? {} : { detail };
}

/** Programs that print their errors to stdout are common enough. */
function lastLines(stdout: string): readonly string[] {
  return stdout.slice(-4_000).trimEnd().split("\n").slice(-20);
}
