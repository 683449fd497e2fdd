import type { Metadata } from "../engine/agent.ts";
import type { Outcome } from "../engine/durable.ts";
import type { Stamped } from "../engine/event.ts";
import { FOREIGN_ROUND } from "../engine/history.ts";
import type { RunResult, StageResult } from "../engine/result.ts";
import { problemsOfIds, secretsNamed, withSecrets } from "./listener.ts";
import { changesOfElement } from "../plan/compare.ts";
import { checkInputs } from "../plan/inputs.ts";
import type { GroupPlan, Plan } from "../plan/plan.ts";
import { type RecordedRun, readRun, recordedPlan, refuseMissingFunctions, ResumeError } from "./resume.ts";
import { replay } from "./replay.ts";
import { checkOptions } from "./run-input.ts";
import { type Remembered, type Run, type RunWorld, startRun } from "./run.ts";
import { concealRecord, recordingOf } from "../store/references.ts";
import type { RunRecord, Store } from "../store/store.ts";

type Entries = readonly (readonly [key: string, outcome: Outcome])[];

export interface RerunOptions {
  readonly store: Store;
  /** The element of the sequence, or the detour, that runs again first. */
  readonly from: string;
  readonly runId?: string;
  /** That of the recorded run unless given. */
  readonly sessionId?: string;
  /** Over that of the recorded run. */
  readonly meta?: Metadata;
  /** Cancels the run. */
  readonly signal?: AbortSignal;
  /** Instead of the file's `orchestration.timeout`; null for no limit. */
  readonly timeoutMs?: number | null;
  /** Hears every event, in order; must not throw. */
  readonly onEvent?: (event: Stamped) => void;
}

/** A rerun before anything of it runs, or is stored. */
export interface PreparedRerun extends Omit<RerunPlan, "entries"> {
  readonly id: string;
  /** The run whose recorded outcomes are reused. */
  readonly parent: string;
  readonly from: string;
  start(onEvent?: (event: Stamped) => void): Run;
}

/**
 * Prepares a new run that begins with what another had recorded. Its input is that of the other.
 *
 * @throws InputError, ResumeError, StoreError
 */
export async function prepareRerun(
  { plan, world, newId }: { readonly plan: Plan; readonly world: RunWorld; readonly newId: () => string },
  parent: string,
  options: RerunOptions,
): Promise<PreparedRerun> {
  checkOptions(options);
  const { store, from, signal, timeoutMs = plan.timeoutMs, onEvent, runId = newId() } = options;
  const recorded = await readRun(store, parent, world.env);
  refuseMissingFunctions(recorded.record, world);
  const input = checkInputs(plan.inputs, recorded.record.input);
  if (input.problems.length > 0)
    throw new ResumeError(`the input of the run ${parent} does not fit the pipeline as it is now: ${input.problems.join("; ")}`);
  const { entries, ...planned } = await planRerun(plan, recorded, from);
  const record: RunRecord = {
    ...recorded.record,
    run_id: runId,
    pipeline_id: plan.pipelineId,
    session_id: options.sessionId ?? recorded.record.session_id,
    started_at: world.clock.now(),
    source: plan.source,
    input: input.values,
    meta: { ...recorded.record.meta, ...options.meta },
    functions: [...world.functions.keys()],
    secrets: [...new Set([...plan.secrets, ...recorded.record.secrets])],
    parent: { run_id: parent, from },
  };
  const secrets = secretsNamed(record.secrets, world.env);
  for (const problem of problemsOfIds(options, secrets)) throw new ResumeError(problem);
  const open = async (): Promise<Remembered> => {
    const kept = await store.create(concealRecord(record, secrets));
    const recording = recordingOf(kept, [], secrets);
    // All of it becomes durable at once, before anything of this run begins: else a death would let it be paid again.
    for (const [index, [key, outcome]] of entries.entries())
      await recording.append(key, outcome, { checkpoint: index === entries.length - 1 });
    return { recording, kept };
  };
  const { session_id: sessionId, meta, started_at: startedAt } = record;
  const task = {
    plan: withSecrets(plan, record.secrets),
    runId,
    sessionId,
    input: input.values,
    meta,
    startedAt,
    purpose: "resume" as const,
    timeoutMs,
    store,
    signal,
    open,
  };
  return { id: runId, parent, from, ...planned, start: (listener = onEvent) => startRun({ ...task, onEvent: listener }, world) };
}

/** What a rerun takes from a run, and what it will run. */
interface RerunPlan {
  /** The recorded outcomes that it begins with. */
  readonly entries: Entries;
  /** In the order of the run; each with what changed in its definition since, which does not keep it from being reused. */
  readonly reused: readonly { readonly stage: StageResult; readonly changes: readonly string[] }[];
  /** The first stage that will run, and why that one. */
  readonly first: string;
  readonly reason: string;
}

/**
 * Plans a new run of `plan` that begins with what `recorded` had finished before it first came to the element `from`.
 *
 * @throws ResumeError where that is not possible
 */
async function planRerun(plan: Plan, recorded: RecordedRun, from: string): Promise<RerunPlan> {
  const { run_id: id } = recorded.record;
  if (recorded.result !== null)
    throw new ResumeError(`only the result of the run ${id} was kept (save_intermediate_results = false), so nothing of it can be reused`);
  checkElement(plan, from);
  const before = recordedPlan(recorded.record);
  const { result } = await replay(before, recorded, "look");
  const own = result.stages.filter(({ name, status }) => !name.includes("/") && status !== "skipped");
  refuseUnvisitedDetour(own, plan, from, id);
  const taken = stagesBefore(own, plan, from);
  const changed = taken.find((stage) => membersChanged(before, plan, elementOf(before, stage.name)));
  const kept = changed === undefined ? taken : taken.slice(0, taken.indexOf(changed));
  const entries = takenFrom(recorded.entries, new Set(kept.map(visitKey)));
  const record: RunRecord = { ...recorded.record, source: plan.source };
  const { result: preview } = await replay(plan, { record, entries }, "resume");
  const reused = preview.stages.filter(({ status }) => status === "succeeded" || status === "tolerated");
  refuseUndone(result, reused, plan, id);
  const first = preview.error?.before ?? preview.error?.stage ?? null;
  if (first === null)
    throw new ResumeError(`the run ${id} would end before it comes to ${from}; \`--from\` an earlier stage runs those again`);
  const reason = reasonFor(first, { from, before, changed: changed === undefined ? null : elementOf(before, changed.name) });
  if (reason === null) refuseFirst(first, from, { plan, own, id });
  return {
    entries,
    reused: reused.map((stage) => ({ stage, changes: changesOfElement(stage.name, recorded.record.source, plan.source) })),
    first,
    reason,
  };
}

/** Why a rerun may begin with this stage; null where it may not. */
function reasonFor(first: string, { from, before, changed }: { from: string; before: Plan; changed: string | null }): string | null {
  if (first === from) return "as asked for";
  if (first === changed) return "its members have changed";
  return before.elements.has(first) ? null : "new in the file";
}

/** @throws ResumeError: what was recorded does not lead to where the rerun is to begin */
function refuseFirst(first: string, from: string, run: { plan: Plan; own: readonly StageResult[]; id: string }): never {
  const { plan, own, id } = run;
  const status = own.findLast(({ name }) => name === first)?.status;
  const place = (name: string): number => plan.elements.get(name)?.number ?? Infinity;
  const isMissing = status === undefined ? place(first) < place(from) : status !== "succeeded" && status !== "tolerated";
  if (!isMissing)
    throw new ResumeError(`with what the run ${id} had recorded, a new one comes to ${first} and not to ${from}: --from ${first}`);
  throw new ResumeError(`${first}, which comes before ${from}, has not succeeded in the run ${id}; start from there: --from ${first}`);
}

/** @throws ResumeError where it is a detour that the run did not take: nothing tells where it would begin */
function refuseUnvisitedDetour(own: readonly StageResult[], plan: Plan, from: string, id: string): void {
  if (plan.sequence.some(({ name }) => name === from) || own.some(({ name }) => name === from)) return;
  const places = [...new Set(own.map(({ name }) => name))].filter((name) => plan.elements.has(name));
  const start = places.length === 0 ? plan.sequence.slice(0, 1).map(({ name }) => name) : places;
  throw new ResumeError(
    `the run ${id} did not come to ${from}, a detour; start from a stage that it came to: --from ${start.join(" or ")}`,
  );
}

/** @throws ResumeError where something that would be reused was undone since */
function refuseUndone({ rollback }: RunResult, reused: readonly StageResult[], plan: Plan, id: string): void {
  const undone = rollback?.stages.filter(({ status }) => status === "succeeded").map(({ name }) => name) ?? [];
  const elements = new Set(undone.map((name) => elementOf(plan, name)));
  const stage = reused.find(({ name }) => elements.has(elementOf(plan, name)));
  if (stage === undefined) return;
  const element = elementOf(plan, stage.name);
  throw new ResumeError(
    `what ${element} had done in the run ${id} was undone, so it cannot be reused; start from there: --from ${element}`,
  );
}

/** The element that a stage stands in: `outer/inner` → `outer`, a member → its group. */
function elementOf(plan: Plan, stage: string): string {
  const outer = stage.split("/", 1)[0] ?? stage;
  return groupOf(plan, outer)?.name ?? outer;
}

function groupOf(plan: Plan, member: string): GroupPlan | undefined {
  const groups = [...plan.elements.values()].filter((element) => element.kind === "group");
  return groups.find(({ members }) => members.some(({ name }) => name === member));
}

/** Whether an element has other members than before; a stage has none. */
function membersChanged(before: Plan, after: Plan, name: string): boolean {
  const [old, now] = [membersOf(before, name), membersOf(after, name)];
  return old !== null && now !== null && (old.length !== now.length || old.some((member) => !now.includes(member)));
}

/** null: there is no such element. */
function membersOf(plan: Plan, name: string): string[] | null {
  const element = plan.elements.get(name);
  if (element === undefined) return null;
  return element.kind === "group" ? element.members.map((member) => member.name) : [];
}

function checkElement(plan: Plan, from: string): void {
  if (plan.elements.has(from)) return;
  const group = groupOf(plan, from);
  if (group !== undefined)
    throw new ResumeError(`${from} is a member of the group ${group.name}, which runs as a whole: --from ${group.name}`);
  throw new ResumeError(`the pipeline has no stage ${from}; it has ${[...plan.elements.keys()].join(", ")}`);
}

/** What ran before the first visit to an element; before a new one, what ran before its place in the sequence. */
function stagesBefore(own: readonly StageResult[], plan: Plan, from: string): StageResult[] {
  const end = own.findIndex(({ name }) => name === from);
  if (end !== -1) return own.slice(0, end);
  const position = plan.sequence.findIndex(({ name }) => name === from);
  const earlier = new Set(plan.sequence.slice(0, Math.max(0, position)).map(({ name }) => name));
  const last = own.findLastIndex(({ name, group }) => earlier.has(group ?? name));
  return own.slice(0, last + 1);
}

/** `group/member~1` */
function visitKey({ name, group, visit }: StageResult): string {
  return `${group === undefined ? "" : `${group}/`}${name}~${visit}`;
}

/** The entries of these visits and of everything inside of them, from the round that settled each, as those of another run. */
function takenFrom(entries: Entries, visits: ReadonlySet<string>): Entries {
  const settledIn = new Map<string, number>();
  for (const [key, { settled }] of entries) if (settled !== null) settledIn.set(visitOf(key), roundOf(key));
  return entries
    .filter(([key]) => visits.has(outerVisit(visitOf(key))) && settledIn.get(visitOf(key)) === roundOf(key))
    .map(([key, outcome]) => {
      const visit = visitOf(key);
      return [`${visit}!${key.slice(visit.length + 1).replace(/^\d+/, String(FOREIGN_ROUND))}`, outcome];
    });
}

/** `group/member~1!2.1#1` → `group/member~1` */
function visitOf(key: string): string {
  return key.slice(0, key.lastIndexOf("!"));
}

function roundOf(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf("!") + 1), 10);
}

/** `outer~1@backup/inner~2` → `outer~1`; `group/outer~1/inner~1` → `group/outer~1` */
function outerVisit(visit: string): string {
  return /^(?:[^/~]+\/)?[^/~]+~\d+/.exec(visit)?.[0] ?? visit;
}
