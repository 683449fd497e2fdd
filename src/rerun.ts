import type { Outcome } from "./engine/durable.ts";
import { FOREIGN_ROUND } from "./engine/history.ts";
import type { StageResult } from "./engine/result.ts";
import { changesBetween } from "./plan/compare.ts";
import type { Plan } from "./plan/plan.ts";
import { type RecordedRun, recordedPlan, replay, ResumeError } from "./resume.ts";
import type { RunRecord } from "./store/store.ts";

type Entries = readonly (readonly [key: string, outcome: Outcome])[];

/** What a rerun takes from a run, and what it will run. */
export interface RerunPlan {
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
export async function planRerun(plan: Plan, recorded: RecordedRun, from: string): Promise<RerunPlan> {
  const { run_id: id } = recorded.record;
  if (recorded.result !== null)
    throw new ResumeError(`only the result of the run ${id} was kept (save_intermediate_results = false), so nothing of it can be reused`);
  checkElement(plan, from);
  const { result } = await replay(recordedPlan(recorded.record), recorded, "look");
  const before = stagesBefore(result.stages, plan, from);
  const entries = takenFrom(recorded.entries, new Set(before.map(visitKey)));
  const record: RunRecord = { ...recorded.record, source: plan.source };
  const { result: preview } = await replay(plan, { record, entries }, "resume");
  const first = preview.error?.before ?? preview.error?.stage ?? null;
  if (first === null)
    throw new ResumeError(`the run ${id} would end before it comes to ${from}; \`--from\` an earlier stage runs those again`);
  const isNew = !recordedPlan(recorded.record).elements.has(first);
  if (first !== from && !isNew)
    throw new ResumeError(`${first}, which comes before ${from}, has not succeeded in the run ${id}; start from there: --from ${first}`);
  const changes = changesBetween(recorded.record.source, plan.source);
  const reused = preview.stages
    .filter(({ status }) => status === "succeeded" || status === "tolerated")
    .map((stage) => ({ stage, changes: changes.filter((change) => change.startsWith(`agents.${stage.name}.`)) }));
  return { entries, reused, first, reason: first === from ? "as asked for" : "new in the file" };
}

function checkElement(plan: Plan, from: string): void {
  if (plan.elements.has(from)) return;
  const group = [...plan.elements.values()].find(
    (element) => element.kind === "group" && element.members.some(({ name }) => name === from),
  );
  if (group !== undefined)
    throw new ResumeError(`${from} is a member of the group ${group.name}, which runs as a whole: --from ${group.name}`);
  throw new ResumeError(`the pipeline has no stage ${from}; it has ${[...plan.elements.keys()].join(", ")}`);
}

/** What ran before the first visit to an element; before a new one, what ran before its place in the sequence. */
function stagesBefore(stages: readonly StageResult[], plan: Plan, from: string): StageResult[] {
  const own = stages.filter(({ name, status }) => !name.includes("/") && status !== "skipped");
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
