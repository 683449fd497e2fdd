import type { Related } from "../../spec/diagnostic.ts";
import { isWhole } from "../readers.ts";
import type { Read } from "../scope.ts";
import type { More, Place } from "./report.ts";

/** One place that names a key of the state. */
export interface Mention {
  readonly name: string;
  readonly place: Place;
  readonly at: Pick<More, "at">;
  readonly purpose: string;
}

export function mentionOf(read: Read, place: Place, purpose = ""): Mention {
  return { name: read.name, place, at: rangeOf(read), purpose };
}

export function rangeOf(read: Read): Pick<More, "at"> {
  return isWhole(read) ? {} : { at: { start: read.start, end: read.end } };
}

/** An agent and the one that extends it read the same text. */
export function distinct<One extends Mention>(mentions: readonly One[]): One[] {
  const identity = ({ name, place, at, purpose }: Mention): string => JSON.stringify([name, place, at, purpose]);
  return [...new Map(mentions.map((mention) => [identity(mention), mention])).values()];
}

/** The other places that name what is told at the first. */
export function alsoAt(others: readonly Mention[], label = "read here as well"): Related[] {
  return others.flatMap((other): Related[] => ("file" in other.place ? [] : [{ path: other.place, ...other.at, label }]));
}
