/** Every code of a diagnostic that only the whole file shows, with its meaning. */
export const PLAN_CODES = {
  "unknown-agent": "a name that no agent, group or stage has",
  "unknown-provider": "a name that no provider has",
  "unknown-variable": "an expression reads a key that nothing writes",
  "hyphenated-name": "a key with a hyphen that an expression reads as a subtraction",
  "written-later": "a key is read before anything has written it",
  "missing-on-path": "a key is read that some way through the pipeline leaves out",
  "dropped-variable": "a key is read that was dropped before",
  "undeclared-writes": "a key is read that only an agent can write which does not say what it writes",
  "never-written": "a key in `writes` that the agent can never write",
  "unused-input": "an input that nothing reads",
  "constant-condition": "a condition, or a part of one, that always comes out the same",
  "duplicate-name": "a name that stands twice where it can stand once",
  "missing-key": "a key that is needed is not there",
  "wrong-type-key": "a key that belongs to another type of agent",
  "no-effect": "a key that does nothing beside the others",
  "extends-cycle": "agents that extend each other in a circle",
  "fallback-cycle": "agents that are each other's fallback in a circle",
  "rollback-cycle": "agents that undo themselves or each other",
  "group-conflict": "members of a group that write one key",
  "group-in-group": "a group that is a member of a group",
  "prune-in-group": "`keep` or `drop` on a member of a group",
  "branch-in-group": "a branch from or to a member of a group",
  "branch-after-otherwise": "a branch that stands after one without a condition",
  "unreached-branch": "a branch from an agent that no run comes to",
  "unreachable-stage": "a stage that every run leaves out",
  "unreached-agent": "an agent or a group that no run comes to",
  "missing-max-times": "a branch that closes a circle without a bound",
  "unknown-input": "an input that a nested pipeline does not declare",
  "missing-input": "an input that a nested pipeline needs",
  "unreadable-file": "a prompt file or a nested pipeline cannot be read",
  "pipeline-cycle": "a pipeline that contains itself",
  "template-in-shell": "a template in a line for the shell, or in other code",
  "not-a-template": "a text that looks like a template, and is none",
  "unterminated-template": "a template that does not end",
  "empty-expression": "an expression without anything in it",
  "invalid-expression": "a text that is not an expression",
  "expression-too-large": "an expression with too many parts, or nested too deeply",
  "invalid-pattern": "a regular expression that cannot be used",
  "type-mismatch": "values of types that do not go together",
  "unknown-function": "a function that expressions do not have",
  "reserved-name": "a word of the expression language that stands as a name",
  "env-not-allowed": "`env` where the environment cannot be read",
  "invalid-env": "`env` as a whole, where it can only be read by name",
  "pointless-retry": "`retry_on` names a kind of failure that an agent of this type never has",
  "capped-delay": "a wait before a retry that is longer than the longest wait",
  "timeout-above-pipeline": "a timeout that never fires, since the pipeline's own ends the run before",
  "worst-case-above-timeout": "a stage or a run that can take longer than the pipeline's timeout",
  "invalid-ignore": "a comment that is to silence something, and cannot",
  "unused-ignore": "a comment that silences nothing",
  "unset-variable": "an environment variable that is not set",
  "missing-file": "a module or a directory that is not there",
  "missing-program": "a program that is not there or cannot be started",
} as const;

export type PlanCode = keyof typeof PLAN_CODES;

/**
 * Errors that rest on a judgement: on all ways through a file, some of which its author may know not to happen, and on how a text
 * looks. There is a plan all the same, and they can be silenced.
 */
const JUDGEMENTS: ReadonlySet<string> = new Set(["missing-on-path", "written-later", "dropped-variable", "secret-in-file"]);

export function isJudgement(code: string): boolean {
  return JUDGEMENTS.has(code);
}

/** What begins a comment that silences a diagnostic: `# agentflow-ignore CODE: reason`. */
export const IGNORE = "agentflow-ignore";

/** Whether a text may hold such a comment, which is one in capital letters as well. */
export function holdsIgnore(text: string): boolean {
  return text.includes(IGNORE) || ANY_CASE.test(text);
}

const ANY_CASE = new RegExp(IGNORE, "i");
