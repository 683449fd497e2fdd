import type { EffectiveAgent } from "../effective.ts";
import type { Report } from "./report.ts";

/** A chain of fallbacks must end. Each circle is told once, at its first agent in the file. */
export function checkFallbackCycles(agents: ReadonlyMap<string, EffectiveAgent>, report: Report): void {
  const told = new Set<string>();
  for (const [start, { pathOf }] of agents) {
    if (told.has(start)) continue;
    const chain: string[] = [];
    let current: string | undefined = start;
    while (current !== undefined && !chain.includes(current)) {
      chain.push(current);
      current = agents.get(current)?.keys.fallback;
    }
    if (current !== start) continue;
    for (const name of chain) told.add(name);
    const circle = [...chain, start].map((name) => `\`${name}\``).join(" → ");
    report.error("fallback-cycle", pathOf("fallback"), `these fallbacks lead back to where they began: ${circle}`, {
      related: chain.slice(1).map((name) => ({ path: agents.get(name)?.pathOf("fallback") ?? [], label: "and then this one" })),
      help: "the last agent of a chain has no fallback",
    });
  }
}
