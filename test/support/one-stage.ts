/** The text of a pipeline with one stage: the agent `a`, which has these keys. Other tables may follow them, and it. */
export function oneStage(keys: string, more = ""): string {
  return `[agents.a]\n${keys}\n[orchestration.sequential]\nagents = ["a"]\n${more}`;
}
