import { expect, test } from "vitest";
import { buildPlan } from "../../src/plan/build.ts";
import { checkDefinition } from "../../src/spec/read.ts";

function problems(agents: Record<string, object>, group: object): string[] {
  const orchestration = { sequential: { agents: ["g"], parallel: { g: { agents: Object.keys(agents), ...group } } } };
  const { spec, diagnostics } = checkDefinition({ agents, orchestration });
  if (spec === null) return diagnostics.map(({ message }) => message);
  return buildPlan({ file: null, directory: "/", spec, texts: {}, pipelines: {} }).diagnostics.map(({ message }) => message);
}

const x = { type: "canned", reply: { x: 1 } };
const hidden = { type: "script", command: ["true"] };
const conflict = "the members `a` and `b` both write `x`";

test.each([
  ["two members that write one key", { a: x, b: x }, {}, [conflict]],
  ["nothing where a namespace keeps them apart", { a: x, b: x }, { merge: "namespace" }, []],
  ["nothing where a prefix keeps them apart", { a: x, b: x }, { merge: "prefix" }, []],
  ["what an output key makes equal", { a: x, b: { ...hidden, output: "x" } }, {}, [conflict]],
  ["what a fallback would write", { a: x, b: { ...hidden, writes: ["y"], fallback: "a2" } }, {}, ["there is no agent called `a2`"]],
  ["nothing of a script that does not say what it writes", { a: x, b: hidden }, {}, []],
] as const)("row 62: finds %s", (_, agents, group, expected) => {
  expect(problems(agents, group)).toEqual(expected);
});

test.each([
  ["text", "some text"],
  ["a list", [1]],
  ["a number", 0],
])("a canned reply that is %s needs an output key", (_, reply) => {
  const agents = { a: { type: "canned", reply }, b: hidden };
  expect(problems(agents, {})).toEqual(["a reply that is no table needs `output`: the key of the state that gets it"]);
  expect(problems({ ...agents, a: { ...agents.a, output: "x" } }, {})).toEqual([]);
});

test("a canned reply may be text where it stands in for a model", () => {
  const model = { type: "llm", model: "m", provider: "ollama", fallback: "b" };
  const orchestration = { sequential: { agents: ["a"] } };
  const { spec } = checkDefinition({ agents: { a: model, b: { type: "canned", reply: "some text" } }, orchestration });
  if (spec === null) throw new Error("refused");
  expect(buildPlan({ file: null, directory: "/", spec, texts: {}, pipelines: {} }).diagnostics).toEqual([]);
});
