import type { Path } from "../../spec/diagnostic.ts";
import type { PipelineSpec } from "../../spec/spec.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { Report } from "./report.ts";

/** Who could make something of a key. */
export interface Users {
  readonly spec: PipelineSpec;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly report: Report;
}

/** Finds what [defaults] says of models, where no agent asks one. */
export function checkIdleKeys({ spec, effective, report }: Users): void {
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

const MODEL_KEYS = ["provider", "model", "temperature", "max_tokens"] as const;
