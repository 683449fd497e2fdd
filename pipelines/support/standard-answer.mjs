// Answers without a model; the agent `standard_answer` of agentflow.toml, the fallback of `answer`, calls it.

export default function standardAnswer({ from, team, checklist }) {
  return `Dear ${from}, thank you for your message. Our team ${team} will do the following: ${checklist.join("; ")}.`;
}
