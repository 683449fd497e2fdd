import type { Path } from "../../spec/diagnostic.ts";
import type { PipelineSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { Structure } from "../structure.ts";
import type { Report } from "./report.ts";

/** Who could make something of a key. */
export interface Users {
  readonly spec: PipelineSpec;
  readonly structure: Structure;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly report: Report;
}

/** Finds keys that change nothing since there is nobody whom they are for. */
export function checkIdleKeys(users: Users): void {
  checkModelDefaults(users);
  checkConcurrency(users);
}

const MODEL_KEYS = ["provider", "model", "temperature", "max_tokens"] as const;

/** What [defaults] says of models, where no agent asks one. */
function checkModelDefaults({ spec, effective, report }: Users): void {
  const agents = [...effective.values()];
  const isCertain =
    !report.hasUnknownNames && agents.every(({ keys, isWhole }) => isWhole && keys.type !== undefined && keys.type !== "llm");
  if (!isCertain || agents.length === 0 || report.doubts.some(([table]) => table === "agents")) return;
  const keys = MODEL_KEYS.filter((key) => spec.defaults?.[key] !== undefined);
  const [first, ...others] = keys.map((key): Path => ["defaults", key]);
  if (first === undefined) return;
  const names = keys.map((key) => `\`${key}\``).join(", ");
  report.error("no-effect", first, `${names} ${others.length === 0 ? "does" : "do"} nothing here: no agent asks a model`, {
    at: "key",
    ...(others.length === 0 ? {} : { related: others.map((path) => ({ path, at: "key", label: "nor does this" })) }),
    help: `remove ${others.length === 0 ? "it" : "them"}`,
    fix: { safe: true, edits: [first, ...others].map((path) => ({ path, at: "entry", text: "" })) },
  });
}

/** A group runs all of its members at once unless it is held back. */
function checkConcurrency({ spec, structure, report }: Users): void {
  // An agent that stands nowhere may be the member for which there is a bound.
  if (report.has("unreached-agent")) return;
  for (const [name, { agents, max_concurrency: most }] of Object.entries(spec.orchestration.sequential.parallel ?? {})) {
    const path: Path = ["orchestration", "sequential", "parallel", name, "max_concurrency"];
    const isKnown = !report.doubtsIn(path.slice(0, -1)) && structure.elements.has(name);
    if (most === undefined || !isKnown || most < agents.length) continue;
    report.warning(
      "no-effect",
      path,
      `\`max_concurrency\` does nothing here: \`${name}\` has ${agents.length} members, and all may run at once`,
      {
        at: "key",
        help: "remove it",
        fix: { safe: true, edits: [{ path, at: "entry", text: "" }] },
      },
    );
  }
}
