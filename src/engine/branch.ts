import { ExpressionError } from "../plan/expression-error.ts";
import type { BranchPlan } from "../plan/plan.ts";
import type { Scope } from "../plan/scope.ts";
import type { BranchRuleResult } from "./event.ts";

/** The branch that was taken. */
export interface Decision {
  /** Index in the file's list of branches. */
  readonly branch: number;
  /** The element to go on with; null: the run ends here. */
  readonly to: string | null;
}

/**
 * The first rule, in file order, whose condition holds and that is not used up.
 *
 * A missing key makes a condition not hold. @throws ExpressionError for any other error in a condition.
 */
export function chooseBranch(
  rules: readonly BranchPlan[],
  scope: Scope,
  timesTaken: (branch: number) => number,
): { decision: Decision | null; rules: readonly BranchRuleResult[] } {
  const looked: BranchRuleResult[] = [];
  for (const rule of rules) {
    const { holds, missing } = conditionHolds(rule, scope);
    const usedUp = holds && rule.maxTimes !== null && timesTaken(rule.index) >= rule.maxTimes;
    looked.push({ condition: rule.condition?.text ?? null, holds, missing, used_up: usedUp });
    if (holds && !usedUp) return { decision: { branch: rule.index, to: rule.to }, rules: looked };
  }
  return { decision: null, rules: looked };
}

function conditionHolds(rule: BranchPlan, scope: Scope): { holds: boolean; missing: string | null } {
  if (rule.condition === null) return { holds: true, missing: null };
  try {
    const value = rule.condition.evaluate(scope);
    if (typeof value === "boolean") return { holds: value, missing: null };
    throw new ExpressionError(
      `the condition \`${rule.condition.text}\` must be true or false, but is ${JSON.stringify(value).slice(0, 60)}`,
    );
  } catch (error) {
    if (error instanceof ExpressionError && error.missing !== null) return { holds: false, missing: error.missing };
    if (error instanceof ExpressionError) throw new ExpressionError(`branch from \`${rule.from}\`: ${error.message}`);
    throw error;
  }
}
