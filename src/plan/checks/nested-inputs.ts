import { relative } from "node:path";
import { isCertain, nearest } from "../../spec/suggest.ts";
import type { EffectiveAgent } from "../effective.ts";
import { isRequired } from "../inputs.ts";
import type { AgentPlan, PlanSource } from "../plan.ts";
import { listed, type Report } from "./report.ts";

/** The `input` table of an agent that is a pipeline gives the inputs that the pipeline declares: all of them, and no others. */
export function checkNestedInputs(agent: EffectiveAgent, { input, call }: AgentPlan, source: PlanSource, report: Report): void {
  if (call.type !== "pipeline" || input === null) return;
  const { inputs, assumedInputs, file, pipelineId } = call.plan;
  const inner = file === null ? pipelineId : relative(source.directory, file);
  const path = agent.pathOf("input");
  const missing = new Set([...[...inputs].filter(([, spec]) => isRequired(spec)).map(([name]) => name), ...assumedInputs]);
  for (const { key } of input) missing.delete(key);
  for (const { key } of input) {
    if (inputs.has(key) || inputs.size === 0) continue;
    const near = nearest(key, inputs.keys());
    // What is misspelt here is not missing as well.
    if (near !== undefined) missing.delete(near);
    const isFree = near !== undefined && !input.some((entry) => entry.key === near);
    report.error("unknown-input", [...path, key], `${inner} declares no input called \`${key}\``, {
      at: "key",
      help:
        near === undefined
          ? `it declares ${listed(inputs.keys())}; remove \`${key}\`, or declare it there: [inputs.${key}]`
          : `replace \`${key}\` with \`${near}\``,
      ...(isFree ? { fix: { safe: isCertain(key, near, inputs.keys()), edits: [{ path: [...path, key], at: "key", text: near }] } } : {}),
    });
  }
  if (missing.size === 0) return;
  // What it does not declare, it may do without: a stage may fail, or another may stand in.
  const tell = inputs.size === 0 ? report.warning.bind(report) : report.error.bind(report);
  tell("missing-input", path, `${inner} needs ${listed(missing)}, and this table does not give ${missing.size === 1 ? "it" : "them"}`, {
    at: "key",
    help: `add ${[...missing][0]} = "…", with an expression over the state`,
  });
}
