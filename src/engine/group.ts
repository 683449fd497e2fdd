import type { JsonObject } from "../spec/json.ts";
import { ExpressionError } from "../plan/expression-error.ts";
import type { GroupPlan, StagePlan } from "../plan/plan.ts";
import { isCheckpoint } from "./checkpoint.ts";
import { type Decided, decideAfter, decideOnPast, type Ended, UNDECIDED } from "./decide.ts";
import type { ChildResult, Durable, Outcome, Stop } from "./durable.ts";
import type { BranchEvent, StageRef } from "./event.ts";
import { type Failure, toFailure } from "./failure.ts";
import {
  commit,
  countVisit,
  type Frame,
  hindrance,
  notBegun,
  noteFacts,
  reusable,
  runError,
  stageRef,
  stopOf,
  type Visit,
} from "./frame.ts";
import { mergeMembers } from "./merge.ts";
import type { PastVisit } from "./history.ts";
import { noteUndoable } from "./undoable.ts";
import { runStage } from "./stage.ts";

/**
 * One visit to a group: its members as child runs on the state as it was before, then one step that merges what they
 * wrote, in the order of the list, and decides where the run goes on. A group that fails merges nothing.
 */
export async function runGroup(frame: Frame, group: GroupPlan, number: number): Promise<Visit> {
  const visit = countVisit(frame, group.name);
  const ref = stageRef(frame, group.name, number, visit, null);
  const visitKey = `${frame.keyPrefix}${group.name}~${visit}`;
  const key = `${visitKey}!${frame.round}#1`;
  const found = reusable(frame, visitKey);
  const taken = found === undefined ? null : decideOnPast(frame, ref, group.name, found, { keep: null, drop: null });
  const past = taken === null ? undefined : found;
  const stopped = past === undefined ? hindrance(frame, key) : undefined;
  if (stopped !== undefined) return notBegun(ref, stopped);

  const told = await frame.durable.emit(
    { type: "group-start", stage: ref, members: group.members.map((member) => member.name) },
    past === undefined ? { unlessRecorded: key } : { isPast: true },
  );
  const startedMs = await frame.durable.now(`${key}/start`);
  const members = await runMembers(frame, group, { number, visit, key, past });
  const durationMs = Math.max(0, (await frame.durable.now(`${key}/end`)) - startedMs);
  const settle: { branch: BranchEvent | null } = { branch: null };
  const outcome =
    taken ??
    (await frame.durable.step(
      key,
      async (context) => {
        // That a failing member stops the others is the group's own way to end; what else stops them stops the group.
        const stop = members.find(({ stopped }) => stopped !== null && stopped.by !== key)?.stopped;
        const settled =
          stop === null || stop === undefined ? settleGroup(frame, group, ref, members, durationMs) : settleStopped(stop, durationMs);
        settle.branch = settled.branch;
        return { ...settled.outcome, ended_at: context.now() };
      },
      (made) => isCheckpoint(frame, made, true, false),
    ));
  if (frame.keyPrefix !== "" && past === undefined) frame.run.history.add(key, outcome);
  return finish(frame, ref, outcome, members, told ? settle : null);
}

interface MemberRun extends ChildResult {
  readonly stage: StagePlan;
  readonly frame: Frame;
  readonly visit: Visit;
}

async function runMembers(
  frame: Frame,
  group: GroupPlan,
  place: { number: number; visit: number; key: string; past: PastVisit | undefined },
): Promise<MemberRun[]> {
  const takenOver = frame.takenOver;
  const children = group.members.map((member) => ({
    name: member.name,
    run: async (durable: Durable): Promise<MemberRun> => {
      const memberFrame: Frame = {
        ...frame,
        durable,
        facts: { ...frame.facts },
        visits: new Map(),
        stages: [],
        path: [],
        undoable: [],
        takenOver,
        isPast: place.past !== undefined,
      };
      const visit = await runStage(memberFrame, member, { number: place.number, group: { name: group.name, visit: place.visit } });
      return {
        stage: member,
        frame: memberFrame,
        visit,
        failed: visit.status === "failed",
        stopped: visit.stopped,
      };
    },
  }));
  const members = await frame.durable.all(`${place.key}/members`, children, {
    followedBy: place.key,
    maxConcurrency: group.maxConcurrency,
    stopOnFailure: group.onError === "fail",
    timeoutMs: null,
  });
  frame.takenOver =
    place.past === undefined
      ? frame.run.history.position
      : Math.max(place.past.position, ...members.map((member) => member.frame.takenOver));
  for (const { stage, frame: memberFrame } of members) {
    const facts = memberFrame.facts[stage.name];
    if (facts !== undefined) frame.facts[stage.name] = facts;
    for (const undoable of memberFrame.undoable) noteUndoable(frame.undoable, undoable);
  }
  return members;
}

type Settled = { outcome: Omit<Outcome, "ended_at">; branch: BranchEvent | null };

function settleStopped({ failure, by }: Stop, durationMs: number): Settled {
  const { outcome, branch } = settledAs("cancelled", durationMs, failure, {}, UNDECIDED);
  return { outcome: { ...outcome, stopped_by: by }, branch };
}

function settleGroup(frame: Frame, group: GroupPlan, ref: StageRef, members: readonly MemberRun[], durationMs: number): Settled {
  const failure = groupFailure(group, members);
  if (failure !== null) return settleFailed(frame, group, ref, failure, durationMs);
  const succeeded = members.filter((member) => member.visit.status === "succeeded");
  const result = mergeMembers(
    group.merge,
    succeeded.map(({ stage, visit }) => ({ name: stage.name, wrote: visit.wrote, bare: visit.bare })),
  );
  if ("conflict" in result) {
    const { key, members: both } = result.conflict;
    const message = `the members \`${both[0]}\` and \`${both[1]}\` both write \`${key}\`; use merge = "namespace" or "prefix", or give one of them an output key of its own`;
    return settleFailed(frame, group, ref, { kind: "conflict", message }, durationMs);
  }
  const wrote = frame.state.changesOf(result.merged);
  try {
    return settledAs("succeeded", durationMs, null, wrote, decideAfter(frame, ref, group.name, ended("succeeded", wrote, durationMs)));
  } catch (error) {
    if (error instanceof ExpressionError) return settleFailed(frame, group, ref, toFailure(error), durationMs);
    throw error;
  }
}

function settleFailed(frame: Frame, group: GroupPlan, ref: StageRef, failure: Failure, durationMs: number): Settled {
  if (frame.plan.failFast) return settledAs("failed", durationMs, failure, {}, UNDECIDED);
  try {
    return settledAs("failed", durationMs, failure, {}, decideAfter(frame, ref, group.name, ended("failed", {}, durationMs)));
  } catch (error) {
    if (error instanceof ExpressionError) return settledAs("failed", durationMs, toFailure(error), {}, UNDECIDED);
    throw error;
  }
}

function settledAs(
  settled: "succeeded" | "failed" | "cancelled",
  durationMs: number,
  failure: Failure | null,
  wrote: JsonObject,
  { decision, branch }: Decided,
): Settled {
  const status = settled === "succeeded" ? "succeeded" : "failed";
  return {
    outcome: {
      status,
      settled,
      agent: null,
      attempt: 1,
      duration_ms: durationMs,
      wrote,
      bare: false,
      failure,
      stopped_by: null,
      retry_in_ms: null,
      decision,
      usage: null,
      answers: 0,
    },
    branch,
  };
}

function ended(status: "succeeded" | "failed", wrote: JsonObject, durationMs: number): Ended {
  return { status, attempts: 1, durationMs, wrote, keep: null, drop: null };
}

/** Why the group as a whole failed, if it did. The first failed member of the list stands for it. */
function groupFailure(group: GroupPlan, members: readonly MemberRun[]): Failure | null {
  const first = members.find((member) => member.failed) ?? members.find((member) => member.visit.failure !== null);
  if (group.onError === "fail") return first?.failed === true ? memberFailure(first) : null;
  const succeeded = members.filter((member) => member.visit.status === "succeeded").length;
  if (succeeded >= group.minSuccess) return null;
  const kind = first?.visit.failure?.kind ?? "exit";
  const causes = members.filter((member) => member.visit.failure !== null).map((member) => memberFailure(member).message);
  return {
    kind,
    message: `${succeeded} of ${members.length} members succeeded, and min_success is ${group.minSuccess}${causes[0] === undefined ? "" : `; ${causes[0]}`}`,
    ...(causes.length > 1 ? { cause: causes } : {}),
  };
}

function memberFailure({ stage, visit }: MemberRun): Failure {
  const failure = visit.failure ?? { kind: "internal" as const, message: "it failed without a reason" };
  return { ...failure, message: `member ${stage.name} failed: ${failure.message}` };
}

async function finish(
  frame: Frame,
  ref: StageRef,
  outcome: Outcome,
  members: readonly MemberRun[],
  live: { branch: BranchEvent | null } | null,
): Promise<Visit> {
  const status = outcome.settled ?? "failed";
  const name = ref.name.slice(frame.namePrefix.length);
  noteFacts(frame, name, status, 1, outcome.duration_ms, ref.visit);
  frame.path.push(ref.name);
  frame.stages.push({
    name: ref.name,
    number: ref.number,
    status,
    visit: ref.visit,
    served_by: null,
    attempts: [],
    duration_ms: outcome.duration_ms,
    wrote: Object.keys(outcome.wrote),
    usage: null,
    error: outcome.failure,
  });
  for (const member of members) frame.stages.push(...member.frame.stages);
  await commit(frame, ref, outcome.wrote, null);
  const hooks = frame.plan.hooks;
  if (live !== null) {
    await frame.durable.emit(
      { type: "group-end", stage: ref, status, duration_ms: outcome.duration_ms, output: outcome.wrote, failure: outcome.failure },
      { hooks },
    );
    if (live.branch !== null) await frame.durable.emit(live.branch, { hooks });
  }
  return {
    status,
    wrote: outcome.wrote,
    bare: false,
    failure: outcome.failure,
    stopped: stopOf(outcome),
    error: outcome.failure === null ? null : runError(ref, 1, outcome.failure),
    decision: outcome.decision,
    live: live !== null,
  };
}
