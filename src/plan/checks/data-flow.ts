import type { Path } from "../../spec/diagnostic.ts";
import type { PipelineSpec } from "../../spec/spec.ts";
import { nearest } from "../../spec/suggest.ts";
import type { EffectiveAgent } from "../effective.ts";
import type { Read, Reads } from "../scope.ts";
import type { AgentPlan, BranchPlan } from "../plan.ts";
import type { Structure } from "../structure.ts";
import { keysWritten } from "../writes.ts";
import type { Report } from "./report.ts";

export interface DataFlow {
  readonly spec: PipelineSpec;
  readonly structure: Structure;
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly reached: ReadonlySet<string>;
  readonly report: Report;
}

/** Where a string with expressions stands, and what it reads. */
interface Reader {
  readonly reads: Reads;
  readonly path: Path;
  /** What its bare names are, where they are not the state: the keys of an `input` table. */
  readonly names: ReadonlySet<string> | null;
}

/**
 * Finds keys that are read and that nobody writes.
 *
 * Where all writers are visible (inputs are declared, and every script says what it writes) that is an error. Where no
 * input is declared but all writers are visible, such a key is taken to be an input: these are returned. Otherwise only a
 * near miss is told.
 */
export function checkDataFlow(flow: DataFlow): string[] {
  const inputs = Object.keys(flow.spec.inputs ?? {});
  const written = writtenKeys(flow);
  const keys = new Set([...inputs, ...written.keys]);
  const assumed = new Set<string>();
  for (const reader of [...agentReaders(flow), ...branchReaders(flow)]) {
    checkStageNames(reader, flow);
    for (const read of reader.reads.keys) {
      if (read.tested) continue;
      const at = { at: { start: read.start, end: read.end } };
      if (reader.names !== null && !read.viaState) {
        if (reader.names.has(read.name)) continue;
        const help = keys.has(read.name)
          ? `the whole state is still there: write state.${read.name}, or add it to the input table`
          : didYouMean(read.name, reader.names);
        flow.report.error("unknown-variable", reader.path, `\`${read.name}\` is not in this agent's input table`, { ...at, help });
      } else if (!keys.has(read.name)) {
        tellUnknown(read, reader.path, { keys, closed: written.visible && inputs.length > 0 }, flow.report);
        if (inputs.length === 0 && written.visible) assumed.add(read.name);
      }
    }
  }
  checkPruning(flow, keys, written.visible && inputs.length > 0);
  return [...assumed];
}

function tellUnknown(read: Read, path: Path, known: { keys: ReadonlySet<string>; closed: boolean }, report: Report): void {
  const at = { at: { start: read.start, end: read.end } };
  if (known.closed)
    report.error("unknown-variable", path, `nothing writes \`${read.name}\``, { ...at, help: didYouMean(read.name, known.keys) });
  else if (nearest(read.name, known.keys) !== undefined) {
    report.warning("unknown-variable", path, `nothing is known to write \`${read.name}\``, {
      ...at,
      help: didYouMean(read.name, known.keys),
    });
  }
}

/** `keep` and `drop` name keys too. */
function checkPruning({ agents, effective, reached, report }: DataFlow, keys: ReadonlySet<string>, closed: boolean): void {
  for (const agent of agents.values()) {
    if (!reached.has(agent.name)) continue;
    for (const which of ["keep", "drop"] as const) {
      for (const [index, key] of (agent[which] ?? []).entries()) {
        const path = [...(effective.get(agent.name)?.pathOf(which) ?? ["agents", agent.name, which]), index];
        if (keys.has(key) || (!closed && nearest(key, keys) === undefined)) continue;
        report[closed ? "error" : "warning"](
          "unknown-variable",
          path,
          `nothing ${closed ? "" : "is known to "}write${closed ? "s" : ""} \`${key}\``,
          { help: didYouMean(key, keys) },
        );
      }
    }
  }
}

function checkStageNames({ reads, path }: Reader, { structure, report }: DataFlow): void {
  const names = [...structure.elements.values()].flatMap((element) => [
    element.name,
    ...(element.kind === "group" ? element.members.map(({ name }) => name) : []),
  ]);
  for (const read of reads.stages) {
    if (names.includes(read.name)) continue;
    report.error("unknown-agent", path, `there is no stage called \`${read.name}\``, {
      at: { start: read.start, end: read.end },
      help: didYouMean(read.name, names),
    });
  }
}

function writtenKeys({ structure, agents }: DataFlow): { keys: Set<string>; visible: boolean } {
  const keys = new Set<string>();
  let visible = true;
  for (const element of structure.elements.values()) {
    const written = keysWritten(element, agents);
    if (written === null) visible = false;
    else for (const key of written) keys.add(key);
  }
  return { keys, visible };
}

function agentReaders({ agents, effective, reached }: DataFlow): Reader[] {
  return [...agents.values()].flatMap((agent) => {
    const keys = effective.get(agent.name);
    if (keys === undefined || !reached.has(agent.name)) return [];
    const at = (key: string, ...more: (string | number)[]): Path => [...keys.pathOf(key), ...more];
    const names = agent.input === null ? null : new Set(agent.input.map(({ key }) => key));
    const adapters = (["input", "output"] as const).flatMap((which) => {
      const table = agent[which];
      return table === null || typeof table === "string"
        ? []
        : table.map(({ key, value }) => ({ reads: value.reads, path: at(which, key), names: null }));
    });
    return [...adapters, ...callReaders(agent, at).map((reader) => ({ ...reader, names }))];
  });
}

function callReaders({ call }: AgentPlan, at: (key: string, ...more: (string | number)[]) => Path): Omit<Reader, "names">[] {
  if (call.type === "script") {
    const command =
      typeof call.command === "string"
        ? []
        : call.command.map((template, index) => ({ reads: template.reads, path: at("command", index) }));
    return [...command, ...call.env.map(({ name, value }) => ({ reads: value.reads, path: at("env", name) }))];
  }
  if (call.type !== "llm") return [];
  const prompts = [
    { key: "system_prompt", template: call.systemPrompt },
    { key: "prompt", template: call.prompt },
  ];
  return prompts.flatMap(({ key, template }) => (template === null ? [] : [{ reads: template.reads, path: at(key) }]));
}

function branchReaders({ branches }: DataFlow): Reader[] {
  return [...branches.values()].flat().flatMap(({ condition, index }) => {
    return condition === null
      ? []
      : [{ reads: condition.reads, path: ["orchestration", "sequential", "branches", index, "condition"], names: null }];
  });
}

function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  const names = [...known].slice(0, 12).map((key) => `\`${key}\``);
  return names.length === 0 ? "there are no keys at all" : `there are ${names.join(", ")}`;
}
