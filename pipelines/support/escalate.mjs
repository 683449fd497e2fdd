// Calls a person in; the stage `escalate` of agentflow.toml calls it. A real one would send a message.

const ON_DUTY = { Streaming: "Emil", Pictures: "Fatima", Editors: "Goran" };

export default function escalate({ id, team }, { log }) {
  const person = ON_DUTY[team] ?? "Hana";
  log(`ticket ${id} goes to ${person}`);
  return { escalated_to: person };
}
