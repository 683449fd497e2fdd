import { relative } from "node:path";
import { isJsonObject, type Json, jsonEqual } from "../spec/json.ts";
import type { PlanSource } from "./plan.ts";

/**
 * What differs between two sources of a plan, in the words of the file: `agents.fetch.timeout`; empty where they mean the
 * same. How a file is written (comments, order of tables, quotes) is no difference.
 */
export function changesBetween(before: PlanSource, after: PlanSource): string[] {
  return [
    ...changesOf(before.spec as unknown as Json, after.spec as unknown as Json, []),
    ...filesChanged(before.texts, after.texts, before.directory),
    ...nestedChanges(before, after),
  ];
}

/** How deep a place is named: `agents.NAME.key`, `orchestration.sequential.branches`. */
const DEPTH = 3;

function changesOf(before: Json | undefined, after: Json | undefined, path: readonly string[]): string[] {
  if (jsonEqual(before, after)) return [];
  if (path.length === DEPTH || !isJsonObject(before) || !isJsonObject(after)) return [path.join(".")];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changesOf(own(before, key), own(after, key), [...path, key]));
}

function own(value: Readonly<Record<string, Json>>, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function filesChanged(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>, directory: string): string[] {
  const files = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...files].filter((file) => before[file] !== after[file]).map((file) => relative(directory, file));
}

function nestedChanges(before: PlanSource, after: PlanSource): string[] {
  const files = new Set([...Object.keys(before.pipelines), ...Object.keys(after.pipelines)]);
  return [...files].flatMap((file) => {
    const [old, now] = [before.pipelines[file], after.pipelines[file]];
    const name = relative(before.directory, file);
    // A file that is named no more, or for the first time, shows as a change of the agent that names it.
    return old === undefined || now === undefined ? [] : changesBetween(old, now).map((change) => `${name}: ${change}`);
  });
}
