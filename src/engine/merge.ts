import { type Json, type JsonObject, setOwn } from "../spec/json.ts";
import type { GroupPlan } from "../plan/plan.ts";
import { keyOf } from "../plan/writes.ts";

/** What a member of a group wrote. */
export interface MemberOutput {
  readonly name: string;
  readonly wrote: JsonObject;
  /** A model's text without an `output` key; it lies directly under the member. */
  readonly bare: boolean;
}

/** Two members that write one key. */
export interface MergeConflict {
  readonly key: string;
  readonly members: readonly [string, string];
}

/** Puts the outputs of a group's members together, in the order of the list, under the group's rule. */
export function mergeMembers(
  rule: GroupPlan["merge"],
  members: readonly MemberOutput[],
): { merged: JsonObject } | { conflict: MergeConflict } {
  const merged = {};
  const writers = new Map<string, string>();
  for (const member of members) {
    for (const [key, value] of memberEntries(rule, member)) {
      const other = writers.get(key);
      if (other !== undefined) return { conflict: { key, members: [other, member.name] } };
      writers.set(key, member.name);
      setOwn(merged, key, value);
    }
  }
  return { merged };
}

function memberEntries(rule: GroupPlan["merge"], member: MemberOutput): [string, Json][] {
  const entries = Object.entries(member.wrote);
  if (rule === "flat" || entries.length === 0) return entries;
  const name = keyOf(member.name);
  if (member.bare) return entries.map(([, value]) => [name, value]);
  if (rule === "prefix") return entries.map(([key, value]) => [`${name}_${key}`, value]);
  return [[name, Object.freeze({ ...member.wrote })]];
}
