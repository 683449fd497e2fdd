import type { Path } from "../../spec/diagnostic.ts";
import type { EffectiveAgent } from "../effective.ts";
import { circleOf, type Report } from "./report.ts";

/** A chain of fallbacks must end, and nothing undoes itself. Each circle is told once, at its first agent in the file. */
export function checkCircles(agents: ReadonlyMap<string, EffectiveAgent>, report: Report): void {
  for (const { start, chain, key } of circlesOf(agents)) {
    const others = chain.slice(1);
    report.doubtful(`${key}-cycle`, placeOf(start, key, agents), `${MESSAGES[key]}: ${circleOf(chain)}`, {
      related: others.map((name) => ({ path: placeOf(name, key, agents), label: "and then this one" })),
      help: HELP[key],
    });
  }
}

/** The agents of which each is undone by the next, and the last by the first. */
export function undoneInCircles(agents: ReadonlyMap<string, EffectiveAgent>): Set<string> {
  return new Set([...circlesOf(agents)].flatMap(({ key, chain }) => (key === "rollback" ? chain : [])));
}

type Key = "fallback" | "rollback";

interface Circle {
  readonly key: Key;
  readonly start: string;
  readonly chain: readonly string[];
}

const MESSAGES: Record<Key, string> = {
  fallback: "these fallbacks lead back to where they began",
  rollback: "these rollbacks lead back to where they began",
};

const HELP: Record<Key, string> = {
  fallback: "remove `fallback` from one of these agents: the last of a chain has none",
  rollback: "name an agent that has no `rollback` of its own, or remove that one",
};

function* circlesOf(agents: ReadonlyMap<string, EffectiveAgent>): Generator<Circle> {
  for (const key of ["fallback", "rollback"] as const) {
    const told = new Set<string>();
    for (const start of agents.keys()) {
      if (told.has(start)) continue;
      const chain = new Set<string>();
      let current: string | undefined = start;
      while (current !== undefined && !chain.has(current)) {
        chain.add(current);
        current = agents.get(current)?.keys[key];
      }
      if (current !== start) continue;
      for (const name of chain) told.add(name);
      yield { key, start, chain: [...chain] };
    }
  }
}

function placeOf(name: string, key: Key, agents: ReadonlyMap<string, EffectiveAgent>): Path {
  return agents.get(name)?.pathOf(key) ?? [];
}
