import type { Edit } from "../../spec/diagnostic.ts";
import { effectContext } from "../flow.ts";
import type { GroupPlan, StagePlan } from "../plan.ts";
import { isWhole, type Reader } from "../readers.ts";
import type { Read } from "../scope.ts";
import type { StateFlow } from "../state-flow.ts";
import { keyOf, memberEffect } from "../writes.ts";
import type { Place } from "./report.ts";

/** How a key of the state is written that was looked for in the wrong place. */
export interface MeantKey {
  /** What was written, from the name on: `inputs.topic`. */
  readonly written: string;
  /** Each way to write it that may be meant. */
  readonly meant: readonly [string, ...string[]];
  readonly why: string;
  readonly isSafe: boolean;
}

/**
 * What is meant by a name that no key has, where it is where other tools keep such a key: `inputs.topic`, the name of an agent or
 * of a group before the key, or the name that a member's key has under another rule for merging.
 */
export function meantElsewhere(read: Read, reader: Reader, state: StateFlow): MeantKey | undefined {
  const written = isWhole(read) ? undefined : memberPath(read, reader);
  if (written === undefined) return undefined;
  return byRoot(read.name, written, state) ?? byGroup(written, state) ?? byAgent(read.name, written, state);
}

/** The edit that writes what is meant, where the name is read. */
export function editTo({ written, meant: [text] }: MeantKey, { start }: Read, place: Place): Edit {
  const part = { start, end: start + written.length };
  return "file" in place ? { span: part, text } : { path: place, at: part, text };
}

/** The name and the members after it, as they are written; undefined where the name is in brackets. */
function memberPath({ start, end }: Read, { parts }: Reader): string | undefined {
  const part = parts.find(({ expression, start: from }) => start >= from && end <= from + expression.text.length);
  return /^\w+(?:\.\w+)*/.exec(part?.expression.text.slice(start - part.start) ?? "")?.[0];
}

/** What other tools keep inputs and variables in. */
const ROOTS: ReadonlySet<string> = new Set(["inputs", "input", "ctx", "context", "vars", "variables", "params", "args", "agents", "steps"]);

function byRoot(root: string, written: string, { keys, texts }: StateFlow): MeantKey | undefined {
  const key = written.split(".")[1] ?? "";
  if (!ROOTS.has(root) || !keys.has(key)) return undefined;
  const isInput = Object.hasOwn(texts.source.spec.inputs ?? {}, key);
  const why = isInput ? "inputs are keys of the state" : "what agents write are keys of the state";
  return { written: `${root}.${key}`, meant: [key], why, isSafe: isInput && root.startsWith("input") };
}

/** Of several members that write such a key, each. */
function byGroup(written: string, state: StateFlow): MeantKey | undefined {
  for (const element of state.texts.structure.elements.values()) {
    if (element.kind !== "group") continue;
    const [first, ...others] = element.members.flatMap((member) =>
      keysOf(element, member, state).flatMap((key) => misread(written, key, element, member) ?? []),
    );
    if (first !== undefined) return { ...first, meant: [first.meant[0], ...others.map(({ meant }) => meant[0])] };
  }
  return undefined;
}

/** What a member writes by itself, before it is merged. */
function keysOf(group: GroupPlan, member: StagePlan, { texts }: StateFlow): string[] {
  const flat = memberEffect({ ...group, merge: "flat" }, member, effectContext(texts.agents));
  return flat.writes.map(({ key }) => key);
}

function misread(written: string, key: string, group: GroupPlan, member: StagePlan): MeantKey | undefined {
  const own = keyOf(member.name);
  const isBare = key === own && member.agent.call.type === "llm" && member.agent.output === null;
  const forms = { flat: key, prefix: `${own}_${key}`, namespace: `${own}.${key}` };
  const meant = isBare ? key : forms[group.merge];
  const inGroup = [...Object.values(forms), key].map((form) => `${keyOf(group.name)}.${form}`);
  const form = [...inGroup, ...Object.values(forms)].find((one) => one !== meant && `${written}.`.startsWith(`${one}.`));
  if (form === undefined) return undefined;
  return { written: form, meant: [meant], why: `the group \`${group.name}\` has merge = "${group.merge}"`, isSafe: false };
}

function byAgent(root: string, written: string, { flow }: StateFlow): MeantKey | undefined {
  const key = written.split(".")[1] ?? "";
  for (const [element, { writes }] of flow.effects) {
    if (keyOf(element) !== root || !writes.some((write) => write.key === key)) continue;
    return { written: `${root}.${key}`, meant: [key], why: `what \`${element}\` writes are keys of the state`, isSafe: false };
  }
  return undefined;
}
