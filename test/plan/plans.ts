import { buildPlan, type BuiltPlan } from "../../src/plan/build.ts";
import { type LoadedSource, loadDefinition, loadText } from "../../src/plan/source.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { locateAll } from "../../src/spec/positions.ts";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";

type Sequential = PipelineDefinition["orchestration"]["sequential"];

/** A definition whose agents are canned unless they are given. */
export function pipeline(
  sequential: Sequential,
  agents: Readonly<Record<string, AgentDefinition>> = {},
  rest: Partial<PipelineDefinition> = {},
): PipelineDefinition {
  return { ...rest, agents, orchestration: { sequential } };
}

/** Canned agents that write nothing, by name. */
export function canned(...names: string[]): Record<string, AgentDefinition> {
  return Object.fromEntries(names.map((name) => [name, { type: "canned" }]));
}

export interface World {
  /** Names of agents that are given as functions. */
  readonly functions?: readonly string[];
  /** By path below /p. */
  readonly files?: Readonly<Record<string, string>>;
}

export async function build(definition: PipelineDefinition, world: World = {}): Promise<BuiltPlan & { loaded: LoadedSource }> {
  return finish(await loadDefinition(definition, "/p", reader(world)), world);
}

/** @throws Error with every problem where there is no plan */
export async function planOf(definition: PipelineDefinition, world: World = {}): Promise<Plan> {
  const { plan, diagnostics, loaded } = await build(definition, world);
  if (plan === null) throw new Error([...loaded.diagnostics, ...diagnostics].map(({ message }) => message).join("\n"));
  return plan;
}

/** Every problem: `agents.one.timeout code: message`; warnings begin with `~`. */
export async function problemsOf(definition: PipelineDefinition, world: World = {}): Promise<string[]> {
  const { diagnostics, loaded } = await build(definition, world);
  return [...loaded.diagnostics, ...diagnostics].map(
    ({ severity, file, path = [], code, message }) =>
      `${severity === "warning" ? "~ " : ""}${file === undefined ? "" : `${file}: `}${path.join(".")} ${code}: ${message}`,
  );
}

/** Every problem of the file /p/main.toml, in the order in which it is shown: `line:column code: message`. */
export async function problemsIn(text: string, world: World = {}): Promise<string[]> {
  const loaded = await loadText(new TextEncoder().encode(text), "/p/main.toml", reader(world));
  const built = finish(loaded, world);
  const located = await locateAll([...loaded.diagnostics, ...built.diagnostics], loaded.documents);
  return located.map(
    ({ severity, file, place, code, message }) =>
      `${severity === "warning" ? "~ " : ""}${file === "/p/main.toml" ? "" : `${file}:`}${place?.line}:${place?.column} ${code}: ${message}`,
  );
}

function finish(loaded: LoadedSource, { functions = [] }: World): BuiltPlan & { loaded: LoadedSource } {
  const { source, doubts } = loaded;
  const built = source === null ? { plan: null, diagnostics: [] } : buildPlan(source, { doubts, functions: new Set(functions) });
  return { ...built, loaded };
}

function reader({ files = {} }: World): (path: string) => Promise<Uint8Array> {
  return async (path) => {
    const text = files[path.slice("/p/".length)];
    if (text === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
    return new TextEncoder().encode(text);
  };
}
