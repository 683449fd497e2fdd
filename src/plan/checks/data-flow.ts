import type { Path, Related } from "../../spec/diagnostic.ts";
import { nearest } from "../../spec/suggest.ts";
import type { PlanCode } from "../codes.ts";
import type { FlowPlace, Lack } from "../flow.ts";
import type { BranchPlan } from "../plan.ts";
import { isAskedFor, isGuarded } from "../expression-guards.ts";
import type { Reader, Texts } from "../readers.ts";
import type { Read } from "../scope.ts";
import type { StateFlow } from "../state-flow.ts";
import { checkHyphens } from "./hyphens.ts";
import { alsoAt, distinct, type Mention, mentionOf } from "./mentions.ts";
import { hidesReads } from "./doubt.ts";
import { editTo, meantElsewhere } from "./meant-keys.ts";
import { listed, type More, type Report } from "./report.ts";
import { type MissedWrites, missedWrites } from "./missed-writes.ts";
import { helpForUnknown } from "./unknown-keys.ts";
import { tellUnreached, type Unreached } from "./reachability.ts";
import { checkMetadata } from "./metadata.ts";
import { checkStageNames, checkStageOrder } from "./stage-names.ts";
import { checkUndoers } from "./undoers.ts";

/**
 * Finds keys that are read where they are not there: that nobody writes, that are written only later, that were dropped, or
 * that some way through the pipeline leaves out.
 *
 * Where inputs are declared, and everything before a reader says what it writes, that is an error. Where an agent before it does
 * not say so, it is asked to. Where no input is declared, a key that nobody writes is taken to be one: these are returned. Each
 * key is told once for each reason, at its first place. What only an agent would write that no run comes to is told there.
 */
export function checkDataFlow(state: StateFlow, unreached: readonly Unreached[]): string[] {
  const { texts, readers, undoers, keys, isCertain, isSound, isOpen } = state;
  checkStageOrder(state);
  if (isCertain) checkStageNames([...readers, ...undoers], texts.structure, texts.report);
  // What cannot be read may take the place of a text that is inherited from a stage.
  if (isCertain && !texts.report.doubts.some(hidesReads)) checkUndoers(undoers, keys, texts.report);
  checkMetadata([...readers, ...undoers], texts.report);
  checkTables(readers, keys, texts.report);
  const isHalf = isCertain ? checkHyphens(state) : () => false;
  const troubles = [...readers.flatMap((reader) => troublesOf(reader, isHalf, state)), ...prunedByNobody(state)];
  const missed = tellMissed(unreached, isSound ? troubles : [], state);
  const rest = troubles.filter((trouble) => !missed.has(trouble));
  if (isSound) tellTroubles(rest, state);
  if (!isOpen) return [];
  const assumed = troubles.filter(({ kind, isPruned }) => !isPruned && (kind === "nobody" || kind === "later"));
  return [...new Set(assumed.map(({ name }) => name))];
}

/** A key that may not be there where it is read, and why. `open`: an agent may write it that does not say what it writes. */
interface Trouble extends Mention {
  readonly kind: "nobody" | "open" | "later" | "dropped" | "sometimes";
  readonly at: Pick<More, "at">;
  /** Where it is not there; null for what is only pruned. */
  readonly where: FlowPlace | null;
  readonly isPruned: boolean;
  /** Where it is read; null for what is only pruned. */
  readonly readBy: { readonly read: Read; readonly reader: Reader } | null;
}

/** What agents read that their own `input` tables do not have: each name of a table once. */
function checkTables(readers: readonly Reader[], keys: ReadonlySet<string>, report: Report): void {
  for (const [table, served] of Map.groupBy(readers, (reader) => reader.table)) {
    if (table === null) continue;
    const names = new Set(table.map(({ key }) => key));
    const unknown = served.flatMap(({ reads, place }) =>
      reads.keys.filter((read) => !read.tested && !read.viaState && !names.has(read.name)).map((read) => mentionOf(read, place)),
    );
    for (const mentions of Map.groupBy(distinct(unknown), ({ name }) => name).values()) tellOutsideOfTable(mentions, names, keys, report);
  }
}

function tellOutsideOfTable([first, ...others]: readonly Mention[], names: Set<string>, keys: ReadonlySet<string>, report: Report): void {
  if (first === undefined) return;
  const { name, place, at } = first;
  const near = nearest(name, names);
  const help = keys.has(name)
    ? `the whole state is still there as \`state\`: write \`state.${name}\`, or add \`${name}\` to the table`
    : near === undefined
      ? `the table has ${listed(names)}; add what is needed to it`
      : `did you mean \`${near}\`?`;
  const related = others.length === 0 ? {} : { related: alsoAt(others) };
  report.error("unknown-variable", place, `\`${name}\` is not in this agent's input table`, { ...at, help, ...related });
}

function troublesOf(reader: Reader, isHalf: ReturnType<typeof checkHyphens>, state: StateFlow): Trouble[] {
  const { reads, place, at, table, purpose } = reader;
  const places = at.filter(({ element }) => state.flow.isReached(element));
  return reads.keys.flatMap((read): Trouble[] => {
    if (read.tested || (table !== null && !read.viaState) || isHalf(reader, read) || isAskedFor(read, reader.parts)) return [];
    for (const where of places) {
      const kind = troubleAt(read, where, reader, state);
      if (kind !== null) return [{ ...mentionOf(read, place, purpose), kind, where, isPruned: false, readBy: { read, reader } }];
    }
    return [];
  });
}

function troubleAt(read: Read, where: FlowPlace, reader: Reader, { flow, keys }: StateFlow): Trouble["kind"] | null {
  if (!flow.mayLack(where, read.name)) return null;
  const kinds = new Set(flow.originsAt(where, read.name).map(({ kind }) => kind));
  if (kinds.has("input") || kinds.has("write")) {
    // A condition that does not find its key does not hold, as it is meant to be.
    return kinds.has("open") || reader.isCondition || isGuarded(read, reader.parts) ? null : "sometimes";
  }
  if (kinds.has("open")) return keys.has(read.name) ? null : "open";
  if (kinds.has("dropped") && !kinds.has("absent")) return "dropped";
  return keys.has(read.name) ? "later" : "nobody";
}

/** Tells what no run comes to; of the troubles, those that come of it are returned. */
function tellMissed(unreached: readonly Unreached[], troubles: readonly Trouble[], state: StateFlow): Set<Trouble> {
  const { structure, report } = state.texts;
  const all = new Set<Trouble>();
  for (const one of unreached) {
    const writes = missedWrites(one, state.texts);
    // A key that may be an input is missed by nobody.
    const missed = state.isOpen ? [] : troubles.filter((trouble) => isMissed(trouble, writes, state));
    tellUnreached(one, structure.apart.has(one.name), distinct(missed.filter(({ kind }) => kind !== "open")), report);
    for (const trouble of missed) all.add(trouble);
  }
  return all;
}

/** Whether a key is not there since no run comes to an agent. */
function isMissed({ kind, name }: Trouble, writes: MissedWrites, { keys }: StateFlow): boolean {
  if (kind !== "nobody" && kind !== "open") return false;
  return writes.keys.has(name) || (kind === "nobody" && !writes.isClosed && nearest(name, keys) === undefined);
}

/** `keep` and `drop` name keys too. */
function prunedByNobody({ texts, flow, keys }: StateFlow): Trouble[] {
  const { agents, effective, reached, handlers } = texts;
  const kind = flow.isClosed ? "nobody" : "open";
  return [...effective.values()].flatMap(({ name, pathOf }) =>
    (["keep", "drop"] as const).flatMap((which) => {
      const pruned = (reached.has(name) && !handlers.alone.has(name) ? agents.get(name)?.[which] : null) ?? [];
      return pruned.flatMap((key, index): Trouble[] =>
        keys.has(key)
          ? []
          : [{ name: key, place: [...pathOf(which), index], at: {}, purpose: "", kind, where: null, isPruned: true, readBy: null }],
      );
    }),
  );
}

function tellTroubles(troubles: readonly Trouble[], state: StateFlow): void {
  const groups = Map.groupBy(distinct(troubles), ({ kind, name }) => `${kind} ${name}`);
  const undeclared: Trouble[] = [];
  // An agent that does not say what it writes may write a key with a name near another's.
  const isDeclared = [...groups.values()].every(([first]) => first?.kind !== "open" || nearest(first.name, state.keys) !== undefined);
  const misspelt = state.isOpen ? [] : troubles.filter(({ isPruned }) => isPruned).map(({ name }) => name);
  const missing: (readonly Trouble[])[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    // What `keep` was to name, and names wrongly, is told there.
    if (first === undefined || (first.kind === "dropped" && nearest(first.name, misspelt) !== undefined)) continue;
    if (!state.isOpen && tellMeant(group, state)) continue;
    if (first.kind === "open" && !isDeclared) undeclared.push(first);
    else if (first.kind === "open" || first.kind === "nobody") tellUnknown(group, state);
    else missing.push(group);
  }
  for (const group of withoutCommonDrop(missing, state)) tellMissing(group, state);
  tellUndeclared(undeclared, state);
}

/** A key that is looked for in the wrong place, by the same name each time. */
function tellMeant(group: readonly Trouble[], state: StateFlow): boolean {
  const found = group.map(({ readBy }) => (readBy === null ? undefined : meantElsewhere(readBy.read, readBy.reader, state)));
  const [first] = group;
  const [meant] = found;
  if (first === undefined || meant === undefined || (first.kind !== "nobody" && first.kind !== "open")) return false;
  const edits = group.flatMap(({ readBy, place }, index) => {
    const one = found[index];
    return one === undefined || readBy === null ? [] : [editTo(one, readBy.read, place)];
  });
  const related = alsoAt(group.slice(1));
  state.texts.report.error("unknown-variable", first.place, `nothing writes \`${first.name}\`${first.purpose}`, {
    ...first.at,
    ...(related.length === 0 ? {} : { related }),
    help: `write ${meant.meant.map((one) => `\`${one}\``).join(" or ")}: ${meant.why}`,
    ...(edits.length < group.length || found.some((one) => one?.meant.length !== 1)
      ? {}
      : { fix: { safe: found.every((one) => one?.isSafe === true), edits } }),
  });
  return true;
}

function tellUnknown([first, ...others]: readonly Trouble[], state: StateFlow): void {
  if (first === undefined) return;
  const { kind, name, place, at, purpose } = first;
  const { texts, keys, isOpen } = state;
  const near = nearest(name, keys);
  const related = alsoAt(others);
  const more: More = { ...at, ...(related.length === 0 ? {} : { related }) };
  if (kind === "nobody" && !isOpen) {
    const help = helpForUnknown(first, state);
    texts.report.error("unknown-variable", place, `nothing writes \`${name}\`${purpose}`, { ...more, help });
  } else if (near !== undefined) {
    texts.report.warning("unknown-variable", place, `nothing is known to write \`${name}\`${purpose}`, {
      ...more,
      help: `did you mean \`${near}\`?`,
    });
  }
}

/** One message for each set of agents that do not say what they write. */
function tellUndeclared(troubles: readonly Trouble[], { texts, flow, isOpen }: StateFlow): void {
  if (isOpen) return;
  const openBy = ({ where }: Trouble): string[] =>
    where === null ? [] : elementsUntil(where, flow).flatMap((element) => flow.effects.get(element)?.openBy ?? []);
  const groups = Map.groupBy(
    troubles.filter(({ isPruned }) => !isPruned),
    (trouble) => openBy(trouble).join(" "),
  );
  for (const [names, group] of groups) {
    const agents = names.split(" ");
    const last = agents.at(-1) ?? "";
    // What a function writes, only the code that gives it can say.
    if (agents.some((name) => texts.agents.get(name)?.call.type === "function")) continue;
    const keys = listed(group.map(({ name }) => name));
    const who = agents.length === 1 ? `\`${last}\` does not say what it writes` : `${listed(agents)} do not say what they write`;
    const list = group.map(({ name }) => JSON.stringify(name)).join(", ");
    const table: Path = ["agents", last];
    texts.report.warning("undeclared-writes", table, `${who}, and nothing else writes ${keys}`, {
      at: "key",
      related: group.flatMap((trouble): Related[] =>
        "file" in trouble.place ? [] : [{ path: trouble.place, ...trouble.at, label: "read here" }],
      ),
      help: `say it where it is written: writes = [${list}]`,
      fix: { safe: false, edits: [{ path: table, at: "end", text: `writes = [${list}]\n` }] },
    });
  }
}

/** What has run at a place. */
function elementsUntil({ element, after }: FlowPlace, flow: StateFlow["flow"]): readonly string[] {
  const before = flow.elementsBefore(element);
  return after && !before.includes(element) ? [...before, element] : before;
}

/** Those left when keys that one agent drops, all of them always, are told in one message. */
function withoutCommonDrop(groups: readonly (readonly Trouble[])[], state: StateFlow): (readonly Trouble[])[] {
  const dropperOf = ([first]: readonly Trouble[]): string | null => {
    if (first === undefined || first.kind !== "dropped" || first.where === null) return null;
    return state.flow.wayWithout(first.where, first.name)?.droppedBy ?? null;
  };
  const byDropper = Map.groupBy(groups, dropperOf);
  return [...byDropper].flatMap(([dropper, dropped]) => {
    if (dropper === null || dropped.length < 2) return dropped;
    tellDropped(dropper, dropped.flat(), state);
    return [];
  });
}

function tellDropped(dropper: string, [first, ...others]: readonly Trouble[], { texts }: StateFlow): void {
  if (first === undefined) return;
  const names = [...new Set([first, ...others].map(({ name }) => name))];
  const { which, path } = dropOf(dropper, texts);
  const how = which === "drop" ? "drops them" : "keeps only other keys";
  const quoted = names.map((name) => `"${name}"`).join(", ");
  texts.report.error("dropped-variable", first.place, `${listed(names)} are not there any more: the agent \`${dropper}\` ${how}`, {
    ...first.at,
    related: [{ path, at: "key", label: "here" }, ...alsoAt(others, "read here")],
    help: which === "drop" ? `remove ${quoted} from the \`drop\` of \`${dropper}\`` : `add ${quoted} to the \`keep\` of \`${dropper}\``,
  });
}

function dropOf(name: string | null, { effective }: Texts): { readonly which: "keep" | "drop"; readonly path: Path } {
  const agent = effective.get(name ?? "");
  const which = agent?.keys.keep === undefined ? "drop" : "keep";
  return { which, path: agent?.pathOf(which) ?? [] };
}

function tellMissing([first, ...others]: readonly Trouble[], state: StateFlow): void {
  if (first === undefined) return;
  const { name, place, at, purpose, where } = first;
  const lack = where === null ? null : state.flow.wayWithout(where, name);
  if (lack === null) return;
  const { code, message, related, help } = reasonFor(first, lack, state);
  const more: More = { ...at, related: [...related, ...alsoAt(others)], help };
  if (state.isOpen && first.kind !== "dropped") state.texts.report.warning(code, place, `${message}${purpose}`, more);
  else state.texts.report.error(code, place, `${message}${purpose}`, more);
}

type Reason = { readonly code: PlanCode; readonly message: string; readonly related: Related[]; readonly help: string };

function reasonFor({ kind, name }: Trouble, lack: Lack, state: StateFlow): Reason {
  const ask = `or ask for it first: has(state.${name}) ? state.${name} : …`;
  if (lack.droppedBy !== null) return reasonDropped(kind, name, lack, state);
  if (kind === "later" || isLater(name, lack, state)) {
    const help = state.isOpen
      ? `move the stage that writes it, or declare it as an input: [inputs.${name}]; ${ask}`
      : `move the stage that writes it, ${ask}`;
    return {
      code: "written-later",
      message: `\`${name}\` is not written yet when a run comes to \`${lack.way.at(-1)}\` for the first time`,
      related: writersOf(name, state),
      help,
    };
  }
  const input = state.texts.source.spec.inputs?.[name];
  if (input !== undefined && lack.doubts.length === 0) {
    const related = [{ path: ["inputs", name], at: "key" as const, label: "it is not required, and has no default" }];
    return { code: "missing-on-path", message: `the input \`${name}\` may not be given`, related, help: `give it a default, ${ask}` };
  }
  const doubt = lack.doubts[0];
  if (doubt !== undefined) return { ...reasonOfDoubt(name, doubt, state), help: HELP_FOR[doubt.kind](doubt.agent, name, ask) };
  const message = `\`${name}\` is missing on the way ${wayText(lack.way)}`;
  return {
    code: "missing-on-path",
    message,
    related: [...branchesOf(lack.branches), ...writersOf(name, state)],
    help: `let every way come to a stage that writes it${passedText(lack)}, ${ask}`,
  };
}

/** A run passes by conditions of which one always holds only as far as the file shows. */
function passedText({ passed }: Lack): string {
  const last = passed.at(-1);
  return last === undefined ? "" : `; if one of the branches from \`${last}\` is always taken, leave out the condition of the last one`;
}

/** Whether the way to a reader is the plain sequence, and those that write the key come after it. */
function isLater(key: string, { way, branches, doubts }: Lack, { flow }: StateFlow): boolean {
  const writers = [...flow.effects].flatMap(([element, { writes }]) => (writes.some((write) => write.key === key) ? [element] : []));
  const reader = way.at(-1) ?? "";
  if (branches.length > 0 || doubts.length > 0 || writers.length === 0) return false;
  return writers.every((writer) => flow.elementsBefore(writer).includes(reader));
}

function reasonDropped(kind: Trouble["kind"], name: string, { droppedBy, way, branches }: Lack, { texts }: StateFlow): Reason {
  const { which, path } = dropOf(droppedBy, texts);
  const how = which === "drop" ? "drops it" : "keeps only other keys";
  const onWay = kind === "dropped" ? "" : ` on the way ${wayText(way)}`;
  return {
    code: "dropped-variable",
    message: `\`${name}\` is not there any more${onWay}: the agent \`${droppedBy}\` ${how}`,
    related: [{ path, at: "key", label: "here" }, ...branchesOf(kind === "dropped" ? [] : branches)],
    help: which === "drop" ? `remove "${name}" from the \`drop\` of \`${droppedBy}\`` : `add "${name}" to the \`keep\` of \`${droppedBy}\``,
  };
}

const HELP_FOR: Readonly<Record<Lack["doubts"][number]["kind"], (agent: string, key: string, ask: string) => string>> = {
  tolerated: (agent, key, ask) => `give \`${agent}\` a fallback that writes \`${key}\`, ${ask}`,
  own: (agent, key, ask) => `let \`${agent}\` write \`${key}\` too, ${ask}`,
  fallback: (agent, key, ask) => `let \`${agent}\` write \`${key}\` too, ${ask}`,
  answer: (agent, key, ask) => `let all that \`${agent}\` gives out have \`${key}\`, ${ask}`,
};

function reasonOfDoubt(name: string, { kind, agent }: Lack["doubts"][number], { texts }: StateFlow): Omit<Reason, "help"> {
  const code = "missing-on-path";
  switch (kind) {
    case "tolerated": {
      const related = [{ path: placeOfTolerance(agent, texts), label: "a run goes on all the same" }];
      return { code, message: `\`${name}\` is missing when the agent \`${agent}\` has failed`, related };
    }
    case "fallback": {
      const related = [{ path: ["agents", agent], at: "key" as const, label: `does not write \`${name}\`` }];
      return { code, message: `\`${name}\` is missing when the agent \`${agent}\` has stood in as the fallback`, related };
    }
    case "own": {
      const related = [{ path: ["agents", agent], at: "key" as const, label: `does not write \`${name}\`` }];
      return { code, message: `\`${name}\` is missing unless a fallback of the agent \`${agent}\` has stood in`, related };
    }
    case "answer": {
      const related = [{ path: ["agents", agent], at: "key" as const, label: `not all that it gives out has \`${name}\`` }];
      return { code, message: `\`${name}\` may be missing: the agent \`${agent}\` does not always write it`, related };
    }
  }
}

/** Where it is said that a run goes on without an agent: its own `on_error`, the default, or that of its group. */
function placeOfTolerance(name: string, { source, effective }: Texts): Path {
  const agent = effective.get(name);
  if (agent?.keys.on_error !== undefined) return agent.pathOf("on_error");
  const groups = Object.entries(source.spec.orchestration.sequential.parallel ?? {});
  const group = groups.find(([, { agents, on_error }]) => on_error === "continue" && agents.includes(name))?.[0];
  return group === undefined ? ["defaults", "on_error"] : ["orchestration", "sequential", "parallel", group, "on_error"];
}

/** The first two writers of a key. */
function writersOf(key: string, { texts, flow }: StateFlow): Related[] {
  const writers = [...flow.effects].filter(([, { writes }]) => writes.some((write) => write.key === key)).map(([element]) => element);
  return writers.slice(0, 2).map((element) => {
    const isGroup = !texts.effective.has(element);
    return { path: isGroup ? ["orchestration", "sequential", "parallel", element] : ["agents", element], at: "key", label: "written here" };
  });
}

function branchesOf(branches: readonly BranchPlan[]): Related[] {
  return branches.slice(-2).map(({ index, to }) => ({
    path: ["orchestration", "sequential", "branches", index, to === null ? "end" : "to_agent"],
    label: "taken on this way",
  }));
}

const NAMES_SHOWN = 8;

function wayText(way: readonly string[]): string {
  const names = way.map((name) => `\`${name}\``);
  const shown = names.length <= NAMES_SHOWN ? names : [names[0], "…", ...names.slice(2 - NAMES_SHOWN)];
  return shown.join(" → ");
}
