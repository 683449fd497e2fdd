import { describe, expect, test } from "vitest";
import { buildPlan } from "../../src/plan/build.ts";
import { Report } from "../../src/plan/checks/report.ts";
import { changesOfElement } from "../../src/plan/compare.ts";
import { type EffectiveAgent, effectiveAgents } from "../../src/plan/effective.ts";
import type { PlanSource } from "../../src/plan/plan.ts";
import { checkDefinition } from "../../src/spec/read.ts";
import type { AgentDefinition, AgentSpec } from "../../src/spec/spec.ts";

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

describe("chains that are longer than the stack is deep", () => {
  const LENGTH = 5000;
  /** Each extends the next; the last one, `last`. */
  const chained = (last: AgentSpec): [agents: Map<string, EffectiveAgent>, report: Report] => {
    const links = Array.from({ length: LENGTH }, (_, index) => [`a${index}`, { extends: `a${index + 1}` }] as const);
    const report = new Report(null);
    const agents = Object.fromEntries<AgentSpec>([...links, [`a${LENGTH}`, last]]);
    return [effectiveAgents({ agents, orchestration: { sequential: { agents: ["a0"] } } }, report), report];
  };

  test("are resolved", () => {
    const [agents, report] = chained({ type: "canned" });
    expect(report.diagnostics).toEqual([]);
    expect([agents.get("a0")?.keys, agents.get("a0")?.bases.length]).toEqual([{ type: "canned", extends: "a1" }, LENGTH]);
  });

  test("are one message where they are a circle, which shows both ends and says how many more there are", () => {
    const [, report] = chained({ extends: "a0" });
    const first = Array.from({ length: 18 }, (_, index) => `\`a${index}\``).join(" → ");
    expect(report.diagnostics.map(({ message }) => message)).toEqual([
      `these agents extend each other in a circle: ${first} → 4983 more → \`a0\``,
    ]);
    const labels = report.diagnostics.flatMap(({ related = [] }) => related.map(({ label }) => label));
    expect([labels.length, labels[0], labels.at(-1)]).toEqual([20, "and then this one", "and then this one, and at 4980 more places"]);
  });

  test("are compared", () => {
    const length = 20_000;
    const agents = Object.fromEntries(Array.from({ length }, (_, index) => [`a${index}`, { extends: `a${index + 1}` }]));
    const sourceOf = (timeout: number): PlanSource => {
      const spec = { agents: { ...agents, [`a${length}`]: { timeout } }, orchestration: { sequential: { agents: ["a0"] } } };
      return { file: null, directory: "/", spec, texts: {}, pipelines: {} };
    };
    expect(changesOfElement("a0", sourceOf(1), sourceOf(2))).toEqual([`agents.a${length}.timeout`]);
  });
});

test("a name that is unknown in very many places shows the first twenty", () => {
  const agents = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`a${index}`, { ...base, keep: [], fallback: "nobody" }]));
  const { diagnostics } = planOf(agents, Object.keys(agents));
  const labels = diagnostics.flatMap(({ related = [] }) => related.map(({ label }) => label));
  expect([diagnostics.length, labels.length, labels[0], labels.at(-1)]).toEqual([
    1,
    20,
    "here as well",
    "here as well, and at 179 more places",
  ]);
});
