/** A pipeline of a thousand agents, as a program might write one: each reads what the one before has written, some branch. */
export function thousandAgents(): string {
  const numbers = Array.from({ length: 1000 }, (_, index) => index + 1);
  const inputs = '[inputs.part_0]\ntype = "string"\n';
  return [inputs, ...numbers.map(agent), sequence(numbers), ...numbers.filter((number) => number % 20 === 0).map(detour)].join("\n");
}

function agent(number: number): string {
  const before = `part_${number - 1}`;
  if (number % 5 === 0)
    return `[agents.write-${number}]
type = "llm"
model = "gpt-5-mini"
prompt = "Write about \${{ ${before} }}, in the tone of part ${number}."
output = "part_${number}"
timeout = "60s"
`;
  return `[agents.step-${number}]
type = "script"
command = ["node", "--eval", "0", "\${{ ${before} }}"]
writes = ["part_${number}", "rest_${number}"]
timeout = "30s"
retries = 2
retry_delay = "1s"
`;
}

function nameOf(number: number): string {
  return number % 5 === 0 ? `write-${number}` : `step-${number}`;
}

function sequence(numbers: readonly number[]): string {
  return `[orchestration.sequential]\nagents = [\n${numbers.map((number) => `  "${nameOf(number)}",\n`).join("")}]\n`;
}

function detour(number: number): string {
  return `[agents.mend-${number}]
type = "script"
command = ["node", "--eval", "0", "\${{ part_${number} }}"]
writes = []

[[orchestration.sequential.branches]]
from_agent = "${nameOf(number)}"
condition = "part_${number} == 'broken' && size(part_${number}) > 3"
to_agent = "mend-${number}"
`;
}
