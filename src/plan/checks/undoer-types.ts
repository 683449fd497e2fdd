import type { Related } from "../../spec/diagnostic.ts";
import { inferType, type TypeFinding, type TypeNames, withTable } from "../expression-type.ts";
import { effectContext } from "../flow.ts";
import type { AgentPlan, StagePlan } from "../plan.ts";
import type { AgentReader, Texts } from "../readers.ts";
import type { StateFlow } from "../state-flow.ts";
import { ANY, constant, listOf, NUMBER, OBJECT, objectOf, STRING, type Type, union } from "../type.ts";
import { agentWrites, servingAgents } from "../writes.ts";
import { hidesReads } from "./doubt.ts";

/** Values of types that do not go together in what undoes stages, as far as the file says what these have and write. */
export function checkUndoerTypes({ texts, undoers, flow }: StateFlow): void {
  if (texts.report.doubts.some(hidesReads)) return;
  const undone = undoneBy(texts);
  const told = new Set<string>();
  for (const reader of undoers) {
    const stages = (undone.get(reader.agent) ?? []).filter(({ element }) => flow.isReached(element));
    if (stages.length === 0) continue;
    const names = withTable(reader.table, namesOf(stages, { texts, flow }));
    for (const { expression, start } of reader.parts) {
      const tree = expression.tree();
      const findings = tree === null ? [] : inferType(tree, expression.text, names).findings;
      for (const finding of findings) tellOnce(finding, start, reader, stages, told, texts);
    }
  }
}

/** A stage as one agent serves it. */
interface Undone {
  /** In which it stands. */
  readonly element: string;
  readonly stage: StagePlan;
  readonly agent: AgentPlan;
}

/** By agent: what it may have to undo. */
function undoneBy({ structure, agents }: Texts): ReadonlyMap<string, Undone[]> {
  const undone = new Map<string, Undone[]>();
  for (const element of structure.elements.values()) {
    for (const stage of element.kind === "group" ? element.members : [element]) {
      for (const agent of servingAgents(stage.agent, agents)) {
        const handler = agents.get(agent.rollback ?? "");
        for (const { name } of handler === undefined ? [] : servingAgents(handler, agents))
          undone.set(name, [...(undone.get(name) ?? []), { element: element.name, stage, agent }]);
      }
    }
  }
  return undone;
}

/** What expressions see that undo one of these stages. */
function namesOf(stages: readonly Undone[], context: Pick<StateFlow, "texts" | "flow">): TypeNames {
  const known = new Map([
    ["stage", STRING],
    ["input", union(stages.map(({ agent }) => inputOf(agent)))],
    ["output", union(stages.map((undone) => outputOf(undone, context)))],
    ["error", union([FAILURE, constant(null)])],
  ]);
  const key = (name: string): Type => known.get(name) ?? ANY;
  return { bare: key, key, stages: ANY, result: null };
}

const FAILURE: Type = objectOf(
  new Map([
    ["kind", STRING],
    ["message", STRING],
    ["detail", STRING],
    ["cause", listOf(STRING)],
    ["retry_after_ms", NUMBER],
  ]),
  false,
);

/** Without an `input` table that is the whole state. */
function inputOf({ input }: AgentPlan): Type {
  return input === null ? OBJECT : objectOf(new Map(input.map(({ key }) => [key, ANY])), false);
}

function outputOf({ element, stage, agent }: Undone, { texts, flow }: Pick<StateFlow, "texts" | "flow">): Type {
  const written = agentWrites(agent, stage, effectContext(texts.agents));
  if (written === null) return OBJECT;
  const names = (result: Type): TypeNames => flow.namesAt({ element, after: false }, result);
  return objectOf(new Map([...written].map(([key, { type }]) => [key, type(names)])), false);
}

/** A text that is inherited is read by several. */
function tellOnce(
  { kind, message, help, ...finding }: TypeFinding,
  start: number,
  { place }: AgentReader,
  stages: readonly Undone[],
  told: Set<string>,
  { report }: Texts,
): void {
  const at = { start: finding.start + start, end: finding.end + start };
  const identity = JSON.stringify([place, at, message]);
  if (kind !== "mismatch" || told.has(identity)) return;
  told.add(identity);
  report.error("type-mismatch", place, message, { at, related: undoneHere(stages), ...(help === undefined ? {} : { help }) });
}

function undoneHere(stages: readonly Undone[]): Related[] {
  const names = new Set(stages.map(({ agent }) => agent.name));
  return [...names].slice(0, 2).map((name) => ({ path: ["agents", name], at: "key", label: "what it undoes" }));
}
