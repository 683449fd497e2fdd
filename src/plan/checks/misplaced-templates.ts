import type { Path } from "../../spec/diagnostic.ts";
import { isJsonObject, type Json } from "../../spec/json.ts";
import type { PipelineSpec } from "../../spec/spec.ts";
import { templateIn, tellingOf } from "../misplaced.ts";
import type { Report } from "./report.ts";

/**
 * Finds templates where none are read. It is an error where nothing can be meant by the text as it stands, such as the name of a
 * directory.
 *
 * @returns the keys that they were to read
 */
export function checkMisplacedTemplates(spec: PipelineSpec, report: Report): Set<string> {
  const names = new Set<string>();
  for (const { text, path, key } of textsOf(spec)) {
    const found = templateIn(text);
    if (found === null) continue;
    for (const name of found.names) names.add(name);
    const { message, help } = tellingOf(key);
    const isHard = HARD.has(key) || (key === "hook" && path.at(-1) === 0);
    report[isHard ? "error" : "warning"]("not-a-template", path, message, { at: found.at, help });
  }
  return names;
}

const HARD: ReadonlySet<string> = new Set(["provider", "cwd", "file", "module", "prompt_file"]);
const AGENT_KEYS = ["description", "provider", "model", "cwd", "file", "module", "prompt_file", "output", "reply", "replies"] as const;

/** A text that is no template; `key` is what {@link tellingOf} names. */
interface Text {
  readonly text: string;
  readonly path: Path;
  readonly key: string;
}

function textsOf({ name, description, defaults, agents = {}, inputs = {}, hooks = [] }: PipelineSpec): Text[] {
  return [
    ...textsIn(name, ["name"], "name"),
    ...textsIn(description, ["description"], "description"),
    ...(["provider", "model"] as const).flatMap((key) => textsIn(defaults?.[key], ["defaults", key], key)),
    ...Object.entries(agents).flatMap(([agent, keys]) => AGENT_KEYS.flatMap((key) => textsOfAgent(keys[key], ["agents", agent, key], key))),
    ...Object.entries(inputs).flatMap(([input, { default: value }]) => textsIn(value, ["inputs", input, "default"], "default")),
    ...hooks.flatMap(({ command }, index) => textsIn(command as Json | undefined, ["hooks", index, "command"], "hook")),
  ];
}

/** A table of `output` holds expressions, which tell of it themselves. */
function textsOfAgent(value: unknown, path: Path, key: string): Text[] {
  return key === "output" && typeof value !== "string" ? [] : textsIn(value as Json | undefined, path, key);
}

function textsIn(value: Json | undefined, path: Path, key: string): Text[] {
  if (typeof value === "string") return value.includes("${{") ? [{ text: value, path, key }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, [...path, index], key));
  return isJsonObject(value) ? Object.entries(value).flatMap(([name, item]) => textsIn(item, [...path, name], key)) : [];
}
