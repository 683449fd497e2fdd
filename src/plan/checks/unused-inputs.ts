import { nearest } from "../../spec/suggest.ts";
import type { AgentPlan } from "../plan.ts";
import { type Reader, stageReaders } from "../readers.ts";
import type { StateFlow } from "../state-flow.ts";

/**
 * Warns of inputs that nothing reads. Whoever is given the whole state reads all of them, and so do hooks; agents that no run
 * comes to are told by themselves, and so are mistakes, which may be why nothing reads it.
 *
 * @param meant what was to be read by texts that are no templates
 */
export function checkUnusedInputs({ texts, keys, isSound }: StateFlow, meant: ReadonlySet<string>): void {
  const { source, agents, report } = texts;
  if (!isSound || report.hasErrors || report.doubts.length > 0) return;
  const inputs = Object.keys(source.spec.inputs ?? {});
  if (inputs.length === 0 || source.spec.hooks !== undefined || [...agents.values()].some(seesState)) return;
  const readers = stageReaders({ ...texts, reached: new Set(agents.keys()) });
  if (readers.some(({ reads }) => reads.wholeState)) return;
  const read = new Set([...readers.flatMap(keysRead), ...[...agents.values()].flatMap(takenOver)]);
  const unknown = [...read].filter((name) => !keys.has(name));
  for (const name of inputs) {
    if (read.has(name) || meant.has(name) || unknown.some((one) => nearest(one, [name]) !== undefined)) continue;
    report.warning("unused-input", ["inputs", name], `nothing reads the input \`${name}\``, {
      at: "key",
      help: `read it, for example as \${{ ${name} }}, or remove it`,
    });
  }
}

function keysRead({ reads, table }: Reader): string[] {
  return reads.keys.filter(({ viaState }) => viaState || table === null).map(({ name }) => name);
}

/** Whether an agent is given the whole state, and may read any of it. */
function seesState({ call, input }: AgentPlan): boolean {
  if (input !== null) return false;
  switch (call.type) {
    case "script":
      return call.stdin === "json";
    case "llm":
      return call.prompt === null;
    case "pipeline":
      return call.plan.inputs.size === 0;
    // A canned one stands in for another that would see it.
    case "canned":
    case "module":
    case "function":
      return true;
  }
}

/** Inputs of a nested pipeline that are taken from the state of the same name. */
function takenOver({ call, input }: AgentPlan): string[] {
  return call.type === "pipeline" && input === null ? [...call.plan.inputs.keys()] : [];
}
