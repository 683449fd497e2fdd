import { resolve } from "node:path";
import { listed } from "./checks/report.ts";
import type { HookPlan } from "./plan.ts";
import { groupsOf, type Names } from "./structure.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

/** Resolves the hooks of the file, in their order. */
export function planHooks(directory: string, names: Names): HookPlan[] {
  const places = new Map<string, number>();
  return (names.spec.hooks ?? []).map((hook, index) => {
    const name = hook.name ?? `hooks[${index}]`;
    const first = places.get(name);
    if (first === undefined) places.set(name, index);
    else
      names.report.error("duplicate-name", ["hooks", index, "name"], `there are two hooks called \`${name}\``, {
        related: [{ path: ["hooks", first, "name"], label: "the first one" }],
        help: "give one of them another name",
      });
    for (const [place, agent] of (hook.agents ?? []).entries()) checkAgent(agent, ["hooks", index, "agents", place], names);
    return {
      name,
      on: typeof hook.on === "string" ? [hook.on] : hook.on,
      agents: hook.agents ?? null,
      call:
        hook.module === undefined
          ? { type: "command", command: hook.command ?? [], cwd: directory }
          : { type: "module", module: resolve(directory, hook.module) },
      timeoutMs: hook.timeout === undefined ? DEFAULT_TIMEOUT_MS : hook.timeout,
    };
  });
}

function checkAgent(name: string, path: readonly (string | number)[], names: Names): void {
  const { agents, report } = names;
  if (agents.has(name)) return;
  const group = groupsOf(names).get(name);
  if (group === undefined) report.unknownAgent(name, path, agents.keys());
  else
    report.error("unknown-agent", path, `\`${name}\` is a group, and hooks are called for agents`, {
      help: `name agents, such as its members: ${listed(group.agents.filter((member) => agents.has(member)))}`,
    });
}
