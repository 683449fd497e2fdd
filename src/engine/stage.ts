import type { JsonObject } from "../spec/json.ts";
import type { FailureKind } from "../spec/spec.ts";
import { ExpressionError } from "../plan/expression-error.ts";
import type { AgentPlan, StagePlan } from "../plan/plan.ts";
import { adaptInput, adaptOutput, defaultTextKey } from "./adapt.ts";
import type { AgentReply, Metadata } from "./agent.ts";
import { backoffDelayMs } from "./backoff.ts";
import { isCheckpoint } from "./checkpoint.ts";
import { admissionOutcome, type Circuit, circuitOf } from "./circuit.ts";
import { type Decided, decideAfter, decideOnPast, UNDECIDED } from "./decide.ts";
import type { Outcome, StepContext, Stop } from "./durable.ts";
import type { BranchEvent, StageRef } from "./event.ts";
import { AgentError, type Failure, toFailure, type Usage } from "./failure.ts";
import {
  commit,
  countVisit,
  type Frame,
  hindrance,
  notBegun,
  noteFacts,
  reusable,
  runError,
  stageMeta,
  stageRef,
  stateScope,
  stopOf,
  type Visit,
} from "./frame.ts";
import type { PastVisit } from "./history.ts";
import { type NestedRun, runNested } from "./nested.ts";
import { noteUndoable } from "./undoable.ts";
import { type AttemptResult, type StageStatus, sumUsage } from "./result.ts";

/** Where a stage stands: in the sequence (or a detour from it), or in a group. */
export interface StagePlace {
  readonly number: number;
  /** The group and its visit; null outside. */
  readonly group: { readonly name: string; readonly visit: number } | null;
  /** Instead of a stage of the sequence, this undoes a visit to one. */
  readonly undoes?: { readonly key: string; readonly visit: number };
}

/**
 * One visit to a stage: its attempts, the waits between them, and its fallbacks, until it is settled.
 *
 *     attempt 1 ─fail─ wait ─ attempt 2 ─fail─ … ─ fallback's attempt 1 ─ …
 *         └ success: settled                              └ success: settled, or failed, or tolerated
 *
 * A member of a group leaves the state alone: the group merges what its members wrote.
 */
export async function runStage(frame: Frame, stage: StagePlan, place: StagePlace): Promise<Visit> {
  const visit = new StageVisit(frame, stage, place);
  return visit.run();
}

/** What a body found out besides its outcome; only there when it ran just now. */
interface LiveAttempt {
  readonly branch: BranchEvent | null;
}

class StageVisit {
  readonly #frame: Frame;
  readonly #stage: StagePlan;
  readonly #ref: StageRef;
  /** `stage~1`, `group/member~1`, `outer~1/inner~1`. */
  readonly #key: string;
  readonly #outcomes: Outcome[] = [];
  #begun = false;
  #takenOverFrom: "this-run" | "another-run" | null = null;
  /** What was left of the wait in which the run was stopped. */
  #notWaitedMs = 0;
  #live: LiveAttempt | null = null;
  /** Of the latest attempt. */
  #input: JsonObject | null = null;
  readonly #takenOver: number;
  /** Where this visit's entries in the result begin: those of a nested pipeline stand after its own. */
  readonly #firstResult: number;
  readonly #firstPath: number;
  readonly #place: StagePlace;

  constructor(frame: Frame, stage: StagePlan, place: StagePlace) {
    this.#frame = frame;
    this.#stage = stage;
    this.#place = place;
    const visit = (place.group ?? place.undoes)?.visit ?? countVisit(frame, stage.name);
    this.#ref = stageRef(frame, stage.name, place.number, visit, place.group?.name ?? null);
    this.#takenOver = frame.takenOver;
    this.#firstResult = frame.stages.length;
    this.#firstPath = frame.path.length;
    this.#key =
      place.undoes === undefined
        ? `${frame.keyPrefix}${place.group === null ? "" : `${place.group.name}/`}${stage.name}~${visit}`
        : `rollback:${place.undoes.key}`;
  }

  async run(): Promise<Visit> {
    const past = reusable(this.#frame, this.#key);
    const settled = past === undefined ? null : decideOnPast(this.#frame, this.#ref, this.#stage.name, past, this.#stage.agent);
    if (past !== undefined && settled !== null) return this.#takeOver(past, settled);
    let agent: AgentPlan | undefined = this.#stage.agent;
    let attempt = 1;
    const stopped = hindrance(this.#frame, this.#attemptKey(agent, attempt));
    if (stopped !== undefined) return notBegun(this.#ref, stopped);
    this.#frame.takenOver = this.#frame.run.history.position;
    for (;;) {
      const outcome = await this.#attempt(agent, attempt);
      this.#outcomes.push(outcome);
      if (outcome.settled !== null) return this.#settle(outcome);
      if (outcome.retry_in_ms !== null) {
        attempt += 1;
        const stop = await this.#frame.durable.sleep(this.#attemptKey(agent, attempt), outcome.retry_in_ms, outcome.ended_at);
        if (stop !== undefined) {
          const waitedMs = Math.max(0, (await this.#frame.durable.now(`${this.#attemptKey(agent, attempt)}/stopped`)) - outcome.ended_at);
          this.#notWaitedMs = Math.max(0, outcome.retry_in_ms - waitedMs);
          return this.#settleStopped(outcome, stop);
        }
      } else {
        agent = fallbackOf(this.#frame, agent);
        attempt = 1;
        if (agent === undefined) throw new Error(`an unsettled outcome of ${this.#key} has neither retry nor fallback`);
        const stop = this.#frame.durable.interruption(this.#attemptKey(agent, attempt));
        if (stop !== undefined) return this.#settleStopped(outcome, stop);
      }
    }
  }

  /** It was stopped between two attempts, of which the second did not come about. */
  #settleStopped(last: Outcome, { failure, by }: Stop): Promise<Visit> {
    return this.#settle({ ...last, settled: "cancelled", failure, stopped_by: by });
  }

  /** Every attempt at this visit by this agent in this round has its own key; `what` comes before it. */
  #attemptKey(agent: AgentPlan, attempt: number, what = ""): string {
    return `${this.#key}${what}!${this.#frame.round}${agent === this.#stage.agent ? "" : `@${agent.name}`}#${attempt}`;
  }

  async #attempt(agent: AgentPlan, attempt: number): Promise<Outcome> {
    const { durable, plan } = this.#frame;
    const key = this.#attemptKey(agent, attempt);
    const attempts = agent.retry.retries + 1;
    const state = this.#frame.state.snapshot();
    const meta = stageMeta(this.#frame, this.#ref, attempt);
    const input = safely(() => adaptInput(agent, stateScope(this.#frame, state, meta)));
    const shownInput = input.ok ? input.value : state;
    const options = { hooks: plan.hooks, unlessRecorded: key };
    if (!this.#begun)
      this.#begun = await durable.emit({ type: "stage-start", stage: this.#ref, agent: agent.name, input: shownInput, state }, options);
    await durable.emit({ type: "attempt-start", stage: this.#ref, agent: agent.name, attempt, attempts }, options);
    // Of several attempts, the result shows what was inside of the last one.
    this.#frame.stages.length = this.#firstResult;
    this.#frame.path.length = this.#firstPath;
    const isNested = agent.call.type === "pipeline" && input.ok;
    const refused = isNested && agent.breaker !== null ? await this.#admitNested(agent, attempt) : null;
    const nested = isNested && refused === null ? await this.#nested(agent, attempt, input.value, false) : null;
    let live: LiveAttempt | null = null;
    const outcome = await durable.step(
      key,
      async (context) => {
        const circuit = this.#circuit(agent, attempt, context);
        const barred = isNested ? refused : await circuit.admit();
        const body = await this.#body(agent, attempt, { state, meta, input, nested, barred, circuit }, context);
        if (body.outcome.status === "succeeded") await circuit.succeeded();
        live = { branch: body.branch };
        return body.outcome;
      },
      (made) => isCheckpoint(this.#frame, made, this.#ref.group === null, agent.rollback !== null),
    );
    this.#input = shownInput;
    if (this.#frame.keyPrefix !== "") this.#frame.run.history.add(key, outcome);
    this.#live = live;
    await this.#tellAttemptEnd(agent, outcome, live === null);
    return outcome;
  }

  async #tellAttemptEnd(agent: AgentPlan, outcome: Outcome, isPast: boolean): Promise<void> {
    const fallback = outcome.settled === null && outcome.retry_in_ms === null ? (fallbackOf(this.#frame, agent)?.name ?? null) : null;
    await this.#frame.durable.emit(
      {
        type: "attempt-end",
        stage: this.#ref,
        agent: agent.name,
        attempt: outcome.attempt,
        attempts: agent.retry.retries + 1,
        status: outcome.status,
        duration_ms: outcome.duration_ms,
        failure: outcome.failure,
        retry_in_ms: outcome.retry_in_ms,
        fallback,
        usage: outcome.usage,
      },
      { hooks: this.#frame.plan.hooks, isPast },
    );
  }

  #circuit(agent: AgentPlan, attempt: number, context: StepContext): Circuit {
    const { run, plan } = this.#frame;
    return circuitOf(agent, plan.pipelineId, `${run.runId}/${this.#attemptKey(agent, attempt)}`, context);
  }

  /** A nested pipeline has steps of its own, so that whether it may begin is recorded before them. */
  async #admitNested(agent: AgentPlan, attempt: number): Promise<string | null> {
    const key = this.#attemptKey(agent, attempt, "/admission");
    const { failure } = await this.#frame.durable.step(key, async (context) =>
      admissionOutcome(agent, attempt, await this.#circuit(agent, attempt, context).admit(), context),
    );
    return failure?.message ?? null;
  }

  #nested(agent: AgentPlan, attempt: number, input: JsonObject, isPast: boolean): Promise<NestedRun> {
    this.#frame.path.push(this.#ref.name);
    // What undoes a pipeline has other stages than what undoes the stages in it.
    const served = agent === this.#stage.agent && this.#place.undoes === undefined ? "" : `@${agent.name}`;
    return runNested(this.#frame, agent, input, {
      namePrefix: `${this.#ref.name}/`,
      keyPrefix: `${this.#key}${served}/`,
      round: `${this.#frame.round}.${attempt}`,
      key: this.#attemptKey(agent, attempt),
      outer: this.#ref.name,
      takenOver: this.#takenOver,
      isPast,
    });
  }

  /** One attempt: what is recorded, and where the run goes from here. */
  async #body(
    agent: AgentPlan,
    attempt: number,
    given: Given,
    context: StepContext,
  ): Promise<{ outcome: Outcome; branch: BranchEvent | null }> {
    const startedMs = context.elapsed();
    const common = () => ({
      agent: agent.name,
      attempt,
      ended_at: context.now(),
      duration_ms: Math.round(context.elapsed() - startedMs + (given.nested?.durationMs ?? 0)),
    });
    let reply: AgentReply | null = null;
    try {
      if (given.barred !== null) throw new AgentError("circuit_open", given.barred);
      reply = await this.#call(agent, attempt, given, context);
      const adapted =
        this.#place.undoes === undefined
          ? adaptOutput(agent, reply.output, this.#textKey(agent), stateScope(this.#frame, given.state, given.meta))
          : { values: {}, bare: false };
      const wrote = this.#frame.state.changesOf(adapted.values);
      const made = common();
      const decided = this.#decide("succeeded", wrote, made.duration_ms);
      return {
        outcome: {
          ...made,
          status: "succeeded",
          settled: "succeeded",
          wrote,
          bare: adapted.bare,
          failure: null,
          stopped_by: null,
          retry_in_ms: null,
          decision: decided.decision,
          ...spent(agent, reply),
        },
        branch: decided.branch,
      };
    } catch (thrown) {
      const stop = given.nested?.stopped ?? this.#frame.durable.interruption();
      const next =
        stop === undefined
          ? this.#afterFailure(agent, attempt, await given.circuit.failed(toFailure(thrown)), common().duration_ms, context)
          : stoppedBy(stop);
      if (stop !== undefined) await given.circuit.stopped();
      return {
        outcome: {
          ...common(),
          status: "failed",
          settled: next.settled,
          wrote: {},
          bare: false,
          failure: next.failure,
          stopped_by: stop?.by ?? null,
          retry_in_ms: next.retryInMs,
          decision: next.decision,
          ...(reply === null ? spentInVain(thrown) : spent(agent, reply)),
        },
        branch: next.branch,
      };
    }
  }

  async #call(agent: AgentPlan, attempt: number, given: Given, context: StepContext): Promise<AgentReply> {
    if (!given.input.ok) throw given.input.error;
    if (given.nested !== null) return given.nested.reply();
    const input = given.input.value;
    const { run, plan, facts } = this.#frame;
    return context.limit(agent.timeoutMs, (signal) =>
      run.agents.call({
        agent,
        input,
        scope: { names: input, state: given.state, meta: given.meta, stages: facts },
        outputIgnored: this.#place.undoes !== undefined,
        answers: this.#outcomes.reduce((sum, outcome) => sum + outcome.answers, 0),
        context: Object.freeze({
          runId: run.runId,
          pipelineId: plan.pipelineId,
          sessionId: run.sessionId,
          stage: this.#ref.name,
          stageNumber: this.#ref.number,
          totalStages: this.#ref.total,
          attempt,
          idempotencyKey: `${run.runId}/${this.#key}`,
          meta: given.meta,
          signal,
          log: (text: string) => void this.#frame.durable.emit({ type: "log", stage: this.#ref.name, attempt, text }),
        }),
      }),
    );
  }

  /** A failed attempt is followed by another one, by a fallback, or by the end of the visit. */
  #afterFailure(
    agent: AgentPlan,
    attempt: number,
    { failure, isOpen }: { readonly failure: Failure; readonly isOpen: boolean },
    durationMs: number,
    context: StepContext,
  ): AfterFailure {
    let last = failure;
    if (!isOpen && attempt <= agent.retry.retries && agent.retry.on.has(failure.kind)) {
      const delayMs = Math.max(backoffDelayMs(agent.retry, attempt, context.random()), failure.retry_after_ms ?? 0);
      if (failure.retry_after_ms === undefined || delayMs < context.remainingMs()) {
        return { settled: null, failure, retryInMs: delayMs, ...UNDECIDED };
      }
      last = {
        ...failure,
        message: `${failure.message}; the server asks to wait ${Math.ceil(delayMs / 1000)} s, longer than the pipeline has left`,
      };
    }
    if (fallbackOf(this.#frame, agent) !== undefined && !STOPPED.has(failure.kind))
      return { settled: null, failure: last, retryInMs: null, ...UNDECIDED };
    const settled = this.#stage.agent.onError === "continue" ? "tolerated" : "failed";
    const decided = this.#decideAfterFailure(settled, durationMs);
    return { settled, failure: decided.failure ?? last, retryInMs: null, decision: decided.decision, branch: decided.branch };
  }

  /** Branches after a failure that the run survives are looked at with the unchanged state. */
  #decideAfterFailure(settled: "failed" | "tolerated", durationMs: number): Decided & { failure?: Failure } {
    if (settled === "failed" && this.#frame.plan.failFast) return UNDECIDED;
    try {
      return this.#decide(settled, {}, durationMs);
    } catch (error) {
      if (error instanceof ExpressionError) return { ...UNDECIDED, failure: toFailure(error) };
      throw error;
    }
  }

  #decide(status: StageStatus, wrote: JsonObject, durationMs: number): Decided {
    const { keep, drop } = status === "succeeded" ? this.#stage.agent : { keep: null, drop: null };
    const attempts = this.#outcomes.length + 1;
    return decideAfter(this.#frame, this.#ref, this.#stage.name, {
      status,
      attempts,
      durationMs: this.#durationMs() + durationMs,
      wrote,
      keep,
      drop,
    });
  }

  /** The served agent's own rule for text, else the stage's. */
  #textKey(agent: AgentPlan): string | null {
    const own = defaultTextKey(this.#stage.agent);
    if (own !== null) return own;
    return agent.call.type === "llm" ? defaultTextKey({ ...agent, name: this.#stage.name }) : null;
  }

  async #settle(last: Outcome): Promise<Visit> {
    const status: Exclude<StageStatus, "skipped"> = last.settled ?? "failed";
    this.#noteFacts(status, this.#outcomes.length, this.#durationMs());
    const usage = sumUsage(this.#outcomes);
    const attempts = this.#outcomes.map(attemptResult);
    this.#noteUndoable(last);
    if (this.#frame.path.length === this.#firstPath) this.#frame.path.push(this.#ref.name);
    this.#frame.stages.splice(this.#firstResult, 0, {
      name: this.#ref.name,
      number: this.#ref.number,
      status,
      visit: this.#ref.visit,
      ...(this.#ref.group === null ? {} : { group: this.#ref.group }),
      served_by: last.agent,
      attempts,
      duration_ms: this.#durationMs(),
      wrote: Object.keys(last.wrote),
      usage,
      error: last.failure,
    });
    if (this.#ref.group === null) {
      await commit(this.#frame, this.#ref, last.wrote, last.settled === "succeeded" ? this.#stage.agent : null);
    }
    if (this.#begun) await this.#tellEnd(last, status, usage);
    return {
      status,
      wrote: last.wrote,
      bare: last.bare,
      failure: last.failure,
      stopped: stopOf(last),
      error: last.failure === null ? null : runError(this.#ref, attempts.length, last.failure),
      decision: last.decision,
      live: this.#begun,
    };
  }

  /** What the serving agent did can be undone from now on. */
  #noteUndoable({ settled, agent, wrote }: Outcome): void {
    const { plan, meta, undoable } = this.#frame;
    const handler = plan.agents.get(plan.agents.get(agent ?? "")?.rollback ?? "");
    if (settled !== "succeeded" || handler === undefined || this.#input === null || this.#place.undoes !== undefined) return;
    // What another run did is that run's to undo.
    if (this.#takenOverFrom === "another-run") return;
    const isTakenOver = this.#takenOverFrom !== null;
    noteUndoable(undoable, { key: this.#key, ref: this.#ref, handler, plan, meta, input: this.#input, output: wrote, isTakenOver });
  }

  async #tellEnd(last: Outcome, status: Exclude<StageStatus, "skipped">, usage: Usage | null): Promise<void> {
    const hooks = this.#frame.plan.hooks;
    const state = this.#frame.state.snapshot();
    const input = this.#input ?? state;
    await this.#frame.durable.emit(
      {
        type: "stage-end",
        stage: this.#ref,
        agent: last.agent ?? this.#stage.agent.name,
        attempt: last.attempt,
        status,
        duration_ms: this.#durationMs(),
        input,
        output: last.wrote,
        state,
        failure: last.failure,
        usage,
      },
      { hooks },
    );
    const branch = this.#live?.branch;
    if (branch !== null && branch !== undefined) await this.#frame.durable.emit(branch, { hooks });
  }

  async #takeOver(past: PastVisit, last: Outcome): Promise<Visit> {
    this.#frame.takenOver = past.position;
    this.#takenOverFrom = past.isForeign ? "another-run" : "this-run";
    this.#outcomes.push(...past.outcomes);
    const agent = this.#frame.plan.agents.get(last.agent ?? "") ?? this.#stage.agent;
    const state = this.#frame.state.snapshot();
    const input = safely(() => adaptInput(agent, stateScope(this.#frame, state, stageMeta(this.#frame, this.#ref, last.attempt))));
    this.#input = input.ok ? input.value : state;
    const event = { type: "stage-start", stage: this.#ref, agent: this.#stage.agent.name, input: this.#input, state } as const;
    this.#begun = await this.#frame.durable.emit(event, { isPast: true });
    if (agent.call.type === "pipeline" && input.ok) await this.#nested(agent, last.attempt, input.value, true);
    for (const outcome of past.outcomes)
      await this.#tellAttemptEnd(this.#frame.plan.agents.get(outcome.agent ?? "") ?? this.#stage.agent, outcome, true);
    return this.#settle(last);
  }

  #durationMs(): number {
    return this.#outcomes.reduce((sum, outcome) => sum + outcome.duration_ms + (outcome.retry_in_ms ?? 0), -this.#notWaitedMs);
  }

  #noteFacts(status: StageStatus, attempts: number, durationMs: number): void {
    noteFacts(this.#frame, this.#stage.name, status, attempts, durationMs, this.#ref.visit);
  }
}

/** What an attempt starts from. */
interface Given {
  readonly state: JsonObject;
  readonly meta: Metadata;
  readonly input: Tried<JsonObject>;
  readonly nested: NestedRun | null;
  /** Why the agent is not called; null: it is. */
  readonly barred: string | null;
  readonly circuit: Circuit;
}

interface AfterFailure extends Decided {
  readonly settled: Outcome["settled"];
  readonly failure: Failure;
  readonly retryInMs: number | null;
}

function stoppedBy({ failure }: Stop): AfterFailure {
  return { settled: "cancelled", failure, retryInMs: null, ...UNDECIDED };
}

type Tried<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Kinds that no fallback follows. */
const STOPPED: ReadonlySet<FailureKind> = new Set(["cancelled", "deadline"]);

/** What a reply cost, whatever became of it afterwards. */
function spent(agent: AgentPlan, reply: AgentReply): Pick<Outcome, "usage" | "answers"> {
  return { usage: reply.usage ?? null, answers: agent.call.type === "llm" ? 1 : 0 };
}

function spentInVain(thrown: unknown): Pick<Outcome, "usage" | "answers"> {
  return thrown instanceof AgentError ? { usage: thrown.usage ?? null, answers: thrown.answers } : { usage: null, answers: 0 };
}

/** The agent that takes over from one that has finally failed. */
function fallbackOf(frame: Frame, agent: AgentPlan): AgentPlan | undefined {
  return agent.fallback === null ? undefined : frame.plan.agents.get(agent.fallback);
}

function attemptResult(outcome: Outcome): AttemptResult {
  return {
    number: outcome.attempt,
    agent: outcome.agent ?? "",
    status: outcome.status,
    kind: outcome.failure?.kind ?? null,
    message: outcome.failure?.message ?? null,
    duration_ms: outcome.duration_ms,
  };
}

function safely<T>(make: () => T): Tried<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    return { ok: false, error };
  }
}
