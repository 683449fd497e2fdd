import { expect, test } from "vitest";
import { buildPlan } from "../../src/plan/build.ts";
import type { PlanSource } from "../../src/plan/plan.ts";
import { checkDefinition } from "../../src/spec/read.ts";
import type { AgentDefinition } from "../../src/spec/spec.ts";

function planOf(agents: Record<string, AgentDefinition>, sequence: string[]) {
  const { spec, diagnostics } = checkDefinition({ agents, orchestration: { sequential: { agents: sequence } } });
  if (spec === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const source: PlanSource = { file: null, directory: "/", spec, texts: {}, pipelines: {} };
  return buildPlan(source);
}

const base = { type: "script", command: ["true"], timeout: "5s", keep: ["a"] } as const;

test.each([
  ["takes over every key", { extends: "base" }, { command: ["true"], timeoutMs: 5000, keep: ["a"], drop: null }],
  ["lets own keys win", { extends: "base", timeout: "7s" }, { command: ["true"], timeoutMs: 7000, keep: ["a"], drop: null }],
  ["lets `shell` displace `command`", { extends: "base", shell: "false" }, { command: "false", timeoutMs: 5000, keep: ["a"], drop: null }],
  ["lets `drop` displace `keep`", { extends: "base", drop: ["b"] }, { command: ["true"], timeoutMs: 5000, keep: null, drop: ["b"] }],
] as const)("extends %s", (_, own, expected) => {
  const { plan, diagnostics } = planOf({ base, own: own as AgentDefinition }, ["own"]);
  expect(diagnostics).toEqual([]);
  const agent = plan?.agents.get("own");
  const command =
    agent?.call.type === "script" &&
    (typeof agent.call.command === "string" ? agent.call.command : agent.call.command.map(({ text }) => text));
  expect({ command, timeoutMs: agent?.timeoutMs, keep: agent?.keep, drop: agent?.drop }).toEqual(expected);
});

test("extends with a type of its own leaves the other type's keys behind", () => {
  const { plan, diagnostics } = planOf({ base, own: { extends: "base", type: "canned", reply: { a: 1 } } }, ["own"]);
  expect(diagnostics).toEqual([]);
  expect(plan?.agents.get("own")?.call).toEqual({ type: "canned", replies: [{ a: 1 }], delayMs: 0, fail: null, failTimes: null });
});

test("an agent that extends the one it is the fallback of does not become its own fallback", () => {
  const { plan, diagnostics } = planOf(
    { first: { ...base, keep: [], fallback: "second" }, second: { extends: "first", command: ["false"] } },
    ["first"],
  );
  expect(diagnostics).toEqual([]);
  expect(plan?.agents.get("second")?.fallback).toBeNull();
});
