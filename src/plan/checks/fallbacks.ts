import type { EffectiveAgent } from "../effective.ts";
import type { Report } from "./report.ts";

/** A chain of fallbacks must end. Each circle is told once, at its first agent in the file. */
export function checkFallbackCycles(agents: ReadonlyMap<string, EffectiveAgent>, report: Report): void {
  const told = new Set<string>();
  for (const start of agents.keys()) {
    const chain: string[] = [];
    let current: string | undefined = start;
    while (current !== undefined && !chain.includes(current) && !told.has(current)) {
      chain.push(current);
      current = agents.get(current)?.keys.fallback;
    }
    if (current !== start || told.has(start)) continue;
    for (const name of chain) told.add(name);
    const path = agents.get(start)?.pathOf("fallback") ?? ["agents", start];
    report.error(
      "fallback-cycle",
      path,
      `these fallbacks lead back to where they began: ${[...chain, start].map((name) => `\`${name}\``).join(" → ")}`,
      {
        help: "the last agent of a chain has no fallback",
      },
    );
  }
}
