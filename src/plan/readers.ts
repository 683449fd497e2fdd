import { basename, resolve } from "node:path";
import type { Path } from "../spec/diagnostic.ts";
import type { Handlers } from "../spec/handlers.ts";
import type { Place, Report } from "./checks/report.ts";
import type { EffectiveAgent } from "./effective.ts";
import type { Expression } from "./expression.ts";
import type { FlowPlace } from "./flow.ts";
import { isRequired } from "./inputs.ts";
import type { AdapterEntry, AgentPlan, BranchPlan, Element, Plan, PlanSource } from "./plan.ts";
import type { Read, Reads } from "./scope.ts";
import type { Structure } from "./structure.ts";
import type { Template, TemplatePart } from "./template.ts";
import { servingAgents } from "./writes.ts";

/** A text with expressions: where it stands, when it is evaluated, and what it sees. */
export interface Reader {
  readonly parts: readonly TemplatePart[];
  readonly reads: Reads;
  readonly place: Place;
  /** When it is evaluated; of an agent that serves several stages, for each of them. */
  readonly at: readonly FlowPlace[];
  /** What its bare names are, where they are not the state: the entries of an `input` table. */
  readonly table: readonly AdapterEntry[] | null;
  readonly isCondition: boolean;
  /** Whose result it sees. */
  readonly result: AgentPlan | null;
  /** What it is read for, where the text does not show it: `, which inner.toml takes as an input`. */
  readonly purpose: string;
}

/** What readers are found in. */
export interface Texts {
  readonly source: PlanSource;
  readonly structure: Structure;
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly reached: ReadonlySet<string>;
  readonly handlers: Handlers;
  readonly report: Report;
}

/** All that read the state when a stage runs, and after it. */
export function stageReaders(texts: Texts): Reader[] {
  const serving = servedBy(texts);
  const agents = agentReaders(texts, (name) => !texts.handlers.alone.has(name), ["input", "output"]);
  return [...agents.map((reader) => ({ ...reader, at: serving.get(reader.agent) ?? [] })), ...branchReaders(texts)];
}

/** All that read what an agent is told that undoes a stage. */
export function undoerReaders(texts: Texts): AgentReader[] {
  return agentReaders(texts, (name) => texts.handlers.all.has(name), ["input"]);
}

/** The elements that an agent may serve, as places before them. */
function servedBy({ structure, agents }: Texts): ReadonlyMap<string, readonly FlowPlace[]> {
  const served = new Map<string, FlowPlace[]>();
  for (const element of structure.elements.values()) {
    const place = { element: element.name, after: false };
    for (const stage of stagesOf(element))
      for (const { name } of servingAgents(stage.agent, agents)) {
        const places = served.get(name);
        if (places === undefined) served.set(name, [place]);
        else places.push(place);
      }
  }
  return served;
}

function stagesOf(element: Element): readonly { readonly agent: AgentPlan }[] {
  return element.kind === "group" ? element.members : [element];
}

/** `agent`: whose text it is. */
export type AgentReader = Reader & { readonly agent: string };

/** What the reached agents with these names read. `adapters`: which of their tables. */
function agentReaders(
  { source, agents, effective, reached, report }: Texts,
  isMeant: (name: string) => boolean,
  adapters: readonly ("input" | "output")[],
): AgentReader[] {
  return [...effective.values()].flatMap(({ name, keys, bases, pathOf }) => {
    const agent = agents.get(name);
    if (agent === undefined || !reached.has(name) || !isMeant(name)) return [];
    const at: PathTo = (key, ...more) => [...pathOf(key), ...more];
    const rest = { agent: name, at: [], isCondition: false, purpose: "" };
    const adapted = adapters.flatMap((which) => {
      const table = agent[which];
      const result = which === "output" ? agent : null;
      return table === null || typeof table === "string"
        ? []
        : table.map(({ key, value }) => ({ ...textOf(value), place: at(which, key), table: null, result, ...rest }));
    });
    // An input table that could not be read as it is written may have held any name.
    if ([name, ...bases].some((one) => report.doubtsIn(["agents", one, "input"]))) return adapted;
    const file = keys.prompt_file;
    const prompt = (): Place => (file === undefined ? at("prompt") : { file: resolve(source.directory, file) });
    return [...adapted, ...callReaders(agent, at, prompt).map((text) => ({ ...rest, table: agent.input, result: null, ...text }))];
  });
}

function textOf(text: Expression | Template): Pick<Reader, "parts" | "reads"> {
  return { parts: "parts" in text ? text.parts : [{ expression: text, start: 0 }], reads: text.reads };
}

type CallReader = Pick<Reader, "parts" | "reads" | "place"> & Partial<Pick<Reader, "purpose">>;
type PathTo = (key: string, ...more: (string | number)[]) => Path;

function callReaders({ call, input }: AgentPlan, at: PathTo, prompt: () => Place): CallReader[] {
  if (call.type === "script") {
    const command = typeof call.command === "string" ? [] : call.command;
    return [
      ...command.flatMap((template, index) => textReader(template, () => at("command", index))),
      ...call.env.flatMap(({ name, value }) => textReader(value, () => at("env", name))),
    ];
  }
  if (call.type === "pipeline" && input === null) {
    const does = call.plan.inputs.size === 0 ? "reads" : "takes as an input";
    const purpose = `, which ${basename(call.plan.file ?? call.plan.pipelineId)} ${does}`;
    return [{ place: at("file"), parts: [], reads: neededBy(call.plan), purpose }];
  }
  if (call.type !== "llm") return [];
  return [...textReader(call.systemPrompt, () => at("system_prompt")), ...textReader(call.prompt, prompt)];
}

/** None of a text that holds no expression. */
function textReader(template: Template | null, place: () => Place): CallReader[] {
  return template === null || template.constant ? [] : [{ ...textOf(template), place: place() }];
}

/** The range of what is not in the text: the whole is meant. */
const NOWHERE = { start: 0, end: 0 };

/** Whether a read has no range of its own. */
export function isWhole({ end }: Read): boolean {
  return end === NOWHERE.end;
}

/** Without an `input` table, a nested pipeline takes from the state the inputs that it declares; if none, what it needs is seen in it. */
function neededBy({ inputs, assumedInputs }: Plan): Reads {
  const required = [...inputs].filter(([, spec]) => isRequired(spec)).map(([name]) => name);
  const keys = [...required, ...assumedInputs].map((name): Read => ({ name, viaState: false, tested: false, ...NOWHERE }));
  return { keys, env: [], stages: [], meta: [], wholeState: false };
}

function branchReaders({ branches }: Texts): Reader[] {
  return [...branches.values()].flat().flatMap(({ from, condition, index }) => {
    if (condition === null) return [];
    const place = ["orchestration", "sequential", "branches", index, "condition"];
    const at = [{ element: from, after: true }];
    return [{ ...textOf(condition), place, at, table: null, isCondition: true, result: null, purpose: "" }];
  });
}
