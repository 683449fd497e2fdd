import { resolve } from "node:path";
import type { PipelineSpec } from "../spec/spec.ts";
import { type Report, unknownName } from "./checks/report.ts";
import type { HookPlan } from "./plan.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

/** Resolves the hooks of the file, in their order. */
export function planHooks(spec: PipelineSpec, directory: string, known: ReadonlySet<string>, report: Report): HookPlan[] {
  const names = new Map<string, number>();
  return (spec.hooks ?? []).map((hook, index) => {
    const name = hook.name ?? `hooks[${index}]`;
    const first = names.get(name);
    if (first !== undefined) {
      report.error("duplicate-name", ["hooks", index, "name"], `there are two hooks called \`${name}\``, {
        related: [{ path: ["hooks", first, "name"], label: "the first one" }],
      });
    }
    names.set(name, index);
    for (const [place, agent] of (hook.agents ?? []).entries()) {
      if (known.has(agent)) continue;
      report.error(
        "unknown-agent",
        ["hooks", index, "agents", place],
        `there is no agent called \`${agent}\``,
        unknownName(agent, known, (near) => ["agents", near]),
      );
    }
    const on = typeof hook.on === "string" ? [hook.on] : hook.on;
    if (hook.agents !== undefined && on.every((event) => event === "before_run" || event === "after_run")) {
      report.error("no-effect", ["hooks", index, "agents"], "`agents` has no effect on hooks of the whole run", { at: "key" });
    }
    return {
      name,
      on,
      agents: hook.agents ?? null,
      call:
        hook.module === undefined
          ? { type: "command" as const, command: hook.command ?? [], cwd: directory }
          : { type: "module" as const, module: resolve(directory, hook.module) },
      timeoutMs: hook.timeout === undefined ? DEFAULT_TIMEOUT_MS : hook.timeout,
    };
  });
}
