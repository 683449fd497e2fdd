import { effectContext } from "../flow.ts";
import { nearest } from "../../spec/suggest.ts";
import type { Reader } from "../readers.ts";
import type { Read } from "../scope.ts";
import type { StateFlow } from "../state-flow.ts";
import { resultOf } from "../writes.ts";
import type { Mention } from "./mentions.ts";
import { listed } from "./report.ts";

/** A name that no key has; `readBy`: where it is read, and not only pruned. */
interface Unknown extends Mention {
  readonly readBy: { readonly read: Read; readonly reader: Reader } | null;
}

/** What to do about a name that nothing writes. */
export function helpForUnknown({ name, place, purpose, readBy }: Unknown, state: StateFlow): string {
  const near = nearest(name, state.keys);
  const reader = readBy?.reader;
  const text = reader === undefined || !isTextAlone(name, reader) ? "" : `; for the text itself write ${JSON.stringify(`'${name}'`)}`;
  const given = reader === undefined ? undefined : ofResult(name, reader, state);
  if (given?.isCertain === true) return `${given.help}${text}`;
  if (near !== undefined) return `did you mean \`${near}\`?`;
  if (given !== undefined) return `${given.help}${text}`;
  const group = groupCalled(name, state);
  if (group !== undefined) return group;
  if (name === "result" && !("file" in place)) return "`result` is what an agent gives out, and is known in its `output` table only";
  const elsewise = purpose === "" ? `an input needs a table [inputs.${name}]` : `or give it another value: input = { ${name} = "…" }`;
  return `known: ${listed(state.keys)}; ${elsewise}${text}`;
}

/** Whether a bare word is the whole of an entry of an `input` or `output` table: it may be meant as a text. */
function isTextAlone(name: string, { place, parts }: Reader): boolean {
  return !("file" in place) && (place.at(-2) === "input" || place.at(-2) === "output") && parts[0]?.expression.text.trim() === name;
}

/** In an `output` table: what the agent gave out has to be named. */
function ofResult(
  name: string,
  { result }: Reader,
  { texts }: StateFlow,
): { readonly help: string; readonly isCertain: boolean } | undefined {
  if (result === null) return undefined;
  const { kinds, members } = resultOf(result, effectContext(texts.agents));
  const isText = !kinds.has("object");
  const help = `write \`${isText ? "result" : `result.${name}`}\` for what the agent gave out`;
  return { help, isCertain: members?.has(name) === true };
}

/** A group is no key: what its members write is. */
function groupCalled(name: string, { texts, flow }: StateFlow): string | undefined {
  const element = texts.structure.elements.get(name);
  if (element?.kind !== "group") return undefined;
  const written = flow.effects.get(name)?.writes.map(({ key }) => key) ?? [];
  return `\`${name}\` is a group; ${written.length === 0 ? "its members write nothing that is known" : `its members write ${listed(written)}`}`;
}
