import { effectContext } from "../flow.ts";
import type { Element } from "../plan.ts";
import type { Texts } from "../readers.ts";
import { effectOf, keyOf } from "../writes.ts";
import type { Unreached } from "./reachability.ts";

/** What would be written if a run came to an agent. */
export interface MissedWrites {
  readonly keys: ReadonlySet<string>;
  /** Whether all of it is known. */
  readonly isClosed: boolean;
}

/** What an agent or a group that no run comes to would write, with all that hangs together with it. */
export function missedWrites({ others }: Unreached, texts: Texts): MissedWrites {
  const context = effectContext(texts.agents);
  const effects = [...others]
    .flatMap((name) => elementsOf(name, texts))
    .map((element) => ({ name: element.name, ...effectOf(element, context) }));
  return {
    // As a member of a group, an agent may write under its own name.
    keys: new Set(effects.flatMap(({ name, writes }) => [keyOf(name), ...writes.flatMap(({ key }) => [key, `${keyOf(name)}_${key}`])])),
    isClosed: effects.every(({ openBy }) => openBy.length === 0),
  };
}

function elementsOf(name: string, { agents, structure }: Texts): Element[] {
  const group = structure.apart.get(name);
  if (group !== undefined) return [group];
  const agent = agents.get(name);
  return agent === undefined ? [] : [{ kind: "stage", name, number: null, agent }];
}
