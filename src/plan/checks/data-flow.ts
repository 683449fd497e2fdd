import { basename, resolve } from "node:path";
import type { Path, Related } from "../../spec/diagnostic.ts";
import type { Handlers } from "../../spec/handlers.ts";
import { nearest } from "../../spec/suggest.ts";
import type { EffectiveAgent } from "../effective.ts";
import { isRequired } from "../inputs.ts";
import type { AgentPlan, BranchPlan, Plan, PlanSource } from "../plan.ts";
import type { Read, Reads } from "../scope.ts";
import type { Structure } from "../structure.ts";
import { keysWritten } from "../writes.ts";
import { hidesFlow } from "./doubt.ts";
import { listed, type More, type Place, type Report } from "./report.ts";

export interface DataFlow {
  readonly source: PlanSource;
  readonly structure: Structure;
  readonly branches: ReadonlyMap<string, readonly BranchPlan[]>;
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly reached: ReadonlySet<string>;
  readonly handlers: Handlers;
  readonly report: Report;
}

/** Where a text with expressions stands, and what it reads. */
interface Reader {
  readonly reads: Reads;
  readonly place: Place;
  /** What its bare names are, where they are not the state: the keys of an `input` table. */
  readonly names: ReadonlySet<string> | null;
  /** What it is read for, where the text does not show it: `, which inner.toml takes as an input`. */
  readonly purpose?: string;
}

/** One place that names a key of the state. */
interface Mention {
  readonly name: string;
  readonly place: Place;
  readonly at: Pick<More, "at">;
  readonly purpose?: string;
}

/**
 * Finds keys that are read and that nobody writes.
 *
 * Where all writers are visible (inputs are declared, and every script says what it writes) that is an error. Where no
 * input is declared but all writers are visible, such a key is taken to be an input: these are returned. Otherwise only a
 * near miss is told. Each key is told once, at its first place.
 */
export function checkDataFlow(flow: DataFlow): string[] {
  const { source, handlers, report } = flow;
  const inputs = Object.keys(source.spec.inputs ?? {});
  const written = writtenKeys(flow);
  const keys = new Set([...inputs, ...written.keys]);
  const isCertain = !report.hasUnknownNames && !report.doubts.some(hidesFlow);
  // What stands in for an agent with errors could have written anything.
  const isSound = isCertain && (written.visible || !report.hasErrors);
  const readers = [...agentReaders(flow, (name) => !handlers.alone.has(name), ["input", "output"]), ...branchReaders(flow)];
  const undoers = agentReaders(flow, (name) => handlers.all.has(name), ["input"]);
  const stages = stageNames(flow);
  if (isCertain) for (const reader of [...readers, ...undoers]) checkStageNames(reader, stages, report);
  if (isCertain) checkUndoers(undoers, keys, report);
  const reads = readers.flatMap((reader) => unknownReads(reader, keys, report));
  const isClosed = inputs.length > 0 && written.visible;
  for (const mentions of Map.groupBy([...reads, ...unknownPruned(flow, keys)], ({ name }) => name).values()) {
    if (isSound) tellUnknown(distinct(mentions), keys, isClosed, report);
  }
  return inputs.length === 0 && written.visible ? [...new Set(reads.map(({ name }) => name))] : [];
}

/** An agent and the one that extends it read the same text. */
function distinct(mentions: readonly Mention[]): Mention[] {
  return [...new Map(mentions.map((mention) => [JSON.stringify(mention), mention])).values()];
}

function tellUnknown(mentions: readonly Mention[], keys: ReadonlySet<string>, isClosed: boolean, report: Report): void {
  const [first, ...others] = mentions;
  if (first === undefined) return;
  const { name, place, at, purpose = "" } = first;
  const near = nearest(name, keys);
  const related = relatedTo(others);
  if (isClosed) {
    const elsewise = purpose === "" ? `an input needs a table [inputs.${name}]` : `or give it another value: input = { ${name} = "…" }`;
    const help = near === undefined ? `known: ${listed(keys)}; ${elsewise}` : `did you mean \`${near}\`?`;
    report.error("unknown-variable", place, `nothing writes \`${name}\`${purpose}`, { ...at, ...related, help });
  } else if (near !== undefined) {
    report.warning("unknown-variable", place, `nothing is known to write \`${name}\`${purpose}`, {
      ...at,
      ...related,
      help: `did you mean \`${near}\`?`,
    });
  }
}

function relatedTo(others: readonly Mention[]): Pick<More, "related"> {
  const related = others.flatMap((other): Related[] =>
    "file" in other.place ? [] : [{ path: other.place, ...other.at, label: "read here as well" }],
  );
  return related.length === 0 ? {} : { related };
}

/** What an agent that undoes a stage sees instead of the state. */
const UNDOER_SEES: ReadonlySet<string> = new Set(["stage", "input", "output", "error"]);

function checkUndoers(undoers: readonly Reader[], keys: ReadonlySet<string>, report: Report): void {
  const mentions = undoers.flatMap((reader) => unknownReads(reader, UNDOER_SEES, report));
  for (const [first, ...others] of Map.groupBy(distinct(mentions), ({ name }) => name).values()) {
    if (first === undefined) continue;
    const { name, place, at, purpose = "" } = first;
    const near = nearest(name, UNDOER_SEES);
    report.error("unknown-variable", place, `a rollback sees ${listed(UNDOER_SEES)}, but not \`${name}\`${purpose}`, {
      ...at,
      ...relatedTo(others),
      help:
        near !== undefined && !keys.has(name)
          ? `did you mean \`${near}\`?`
          : `what the stage had is in \`input\`, and what came of it in \`output\`: write \`input.${name}\` or \`output.${name}\``,
    });
  }
}

/** What a text reads that is not there; what is missing in the agent's own `input` table is told at once. */
function unknownReads({ reads, place, names, purpose = "" }: Reader, keys: ReadonlySet<string>, report: Report): Mention[] {
  return reads.keys.flatMap((read) => {
    if (read.tested) return [];
    const isState = names === null || read.viaState;
    if (isState) return keys.has(read.name) ? [] : [{ name: read.name, place, at: rangeOf(read), purpose }];
    if (!names.has(read.name)) {
      const near = nearest(read.name, names);
      const help = keys.has(read.name)
        ? `the whole state is still there as \`state\`: write \`state.${read.name}\`, or add \`${read.name}\` to the table`
        : near === undefined
          ? `the table has ${listed(names)}`
          : `did you mean \`${near}\`?`;
      report.error("unknown-variable", place, `\`${read.name}\` is not in this agent's input table`, { ...rangeOf(read), help });
    }
    return [];
  });
}

/** `keep` and `drop` name keys too. */
function unknownPruned({ agents, effective, reached, handlers }: DataFlow, keys: ReadonlySet<string>): Mention[] {
  return [...effective.values()].flatMap(({ name, pathOf }) =>
    (["keep", "drop"] as const).flatMap((which) => {
      const pruned = (reached.has(name) && !handlers.alone.has(name) ? agents.get(name)?.[which] : null) ?? [];
      return pruned.flatMap((key, index) => (keys.has(key) ? [] : [{ name: key, place: [...pathOf(which), index], at: {} }]));
    }),
  );
}

/** Elements and members: all that `stages` has. */
function stageNames({ structure }: DataFlow): ReadonlySet<string> {
  const elements = [...structure.elements.values()];
  const members = elements.flatMap((element) => (element.kind === "group" ? element.members : []));
  return new Set([...elements, ...members].map(({ name }) => name));
}

function checkStageNames({ reads, place }: Reader, names: ReadonlySet<string>, report: Report): void {
  for (const read of reads.stages) {
    if (names.has(read.name)) continue;
    const near = nearest(read.name, names);
    report.error("unknown-agent", place, `there is no stage called \`${read.name}\``, {
      ...rangeOf(read),
      help: near === undefined ? `known: ${listed(names)}` : `did you mean \`${near}\`?`,
    });
  }
}

/** The range of what is not in the text: the whole is meant. */
const NOWHERE = { start: 0, end: 0 };

function rangeOf({ start, end }: Read): Pick<More, "at"> {
  return end === NOWHERE.end ? {} : { at: { start, end } };
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

/** What the reached agents with these names read. `adapters`: which of their tables. */
function agentReaders(
  { source, agents, effective, reached, report }: DataFlow,
  isMeant: (name: string) => boolean,
  adapters: readonly ("input" | "output")[],
): Reader[] {
  return [...effective.values()].flatMap(({ name, keys, bases, pathOf }) => {
    const agent = agents.get(name);
    if (agent === undefined || !reached.has(name) || !isMeant(name)) return [];
    const at = (key: string, ...more: (string | number)[]): Path => [...pathOf(key), ...more];
    const adapted = adapters.flatMap((which) => {
      const table = agent[which];
      return table === null || typeof table === "string"
        ? []
        : table.map(({ key, value }) => ({ reads: value.reads, place: at(which, key), names: null }));
    });
    // An input table that could not be read as it is written may have held any name.
    if ([name, ...bases].some((one) => report.doubtsIn(["agents", one, "input"]))) return adapted;
    const names = agent.input === null ? null : new Set(agent.input.map(({ key }) => key));
    const file = keys.prompt_file;
    const prompt = file === undefined ? at("prompt") : { file: resolve(source.directory, file) };
    return [...adapted, ...callReaders(agent, at, prompt).map((reader) => ({ ...reader, names }))];
  });
}

function callReaders(
  { call, input }: AgentPlan,
  at: (key: string, ...more: (string | number)[]) => Path,
  prompt: Place,
): Omit<Reader, "names">[] {
  if (call.type === "script") {
    const command =
      typeof call.command === "string"
        ? []
        : call.command.map((template, index) => ({ reads: template.reads, place: at("command", index) }));
    return [...command, ...call.env.map(({ name, value }) => ({ reads: value.reads, place: at("env", name) }))];
  }
  if (call.type === "pipeline" && input === null) {
    const purpose = `, which ${basename(call.plan.file ?? call.plan.pipelineId)} takes as an input`;
    return [{ place: at("file"), reads: inputsOf(call.plan), purpose }];
  }
  if (call.type !== "llm") return [];
  const prompts = [
    { place: at("system_prompt"), template: call.systemPrompt },
    { place: prompt, template: call.prompt },
  ];
  return prompts.flatMap(({ place, template }) => (template === null ? [] : [{ reads: template.reads, place }]));
}

/** Without an `input` table, a nested pipeline takes the inputs that it declares from the state. */
function inputsOf({ inputs }: Plan): Reads {
  const required = [...inputs].filter(([, spec]) => isRequired(spec));
  const keys = required.map(([name]): Read => ({ name, viaState: false, tested: false, ...NOWHERE }));
  return { keys, env: [], stages: [], meta: [], wholeState: false };
}

function branchReaders({ branches }: DataFlow): Reader[] {
  return [...branches.values()].flat().flatMap(({ condition, index }) => {
    return condition === null
      ? []
      : [{ reads: condition.reads, place: ["orchestration", "sequential", "branches", index, "condition"], names: null }];
  });
}
