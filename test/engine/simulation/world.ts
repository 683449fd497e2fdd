import type { FailureKind, PipelineDefinition } from "../../../src/spec/spec.ts";
import { type Chance, chanceOf } from "./chance.ts";

/**
 * A random pipeline and what its agents do, from a seed.
 *
 * It is kept as plain data of its own kind, so that the model in `model.ts` needs nothing of what it is compared with.
 */
export interface SimWorld {
  readonly seed: number;
  readonly main: SimPipeline;
  readonly input: Readonly<Record<string, number>>;
  /** Every function, also those of nested pipelines. */
  readonly scripts: ReadonlyMap<string, Script>;
}

export interface SimPipeline {
  readonly name: string;
  readonly timeoutMs: number | null;
  readonly failFast: boolean;
  readonly sequence: readonly string[];
  readonly agents: ReadonlyMap<string, SimAgent>;
  readonly groups: ReadonlyMap<string, SimGroup>;
  readonly branches: readonly SimBranch[];
  /** Agents that undo those above. */
  readonly handlers: ReadonlyMap<string, SimAgent>;
  readonly rollback: "auto" | "manual";
  readonly checkpointFrequency: number;
}

export interface SimAgent {
  readonly name: string;
  /** null: a function. */
  readonly nested: SimPipeline | null;
  readonly timeoutMs: number | null;
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly backoff: number;
  readonly maxDelayMs: number;
  readonly jitter: boolean;
  readonly retryOn: readonly FailureKind[] | null;
  readonly onError: "fail" | "continue";
  readonly fallback: string | null;
  readonly rollback: string | null;
  readonly keep: readonly string[] | null;
  readonly drop: readonly string[] | null;
  /** Name → key of the state. */
  readonly input: Readonly<Record<string, string>> | null;
  /** A key for the whole result; or key → key of the result. */
  readonly output: string | Readonly<Record<string, string>> | null;
}

export interface SimGroup {
  readonly name: string;
  readonly members: readonly string[];
  readonly merge: "flat" | "namespace" | "prefix";
  readonly onError: "fail" | "continue";
  readonly minSuccess: number;
  readonly maxConcurrency: number;
  /** The only member that may fail, and so stop the others; null: any may, or none. */
  readonly bad: string | null;
}

export interface SimBranch {
  readonly from: string;
  /** null: the run ends. */
  readonly to: string | null;
  readonly condition: SimCondition | null;
  readonly maxTimes: number | null;
}

export interface SimCondition {
  readonly text: string;
  /** What it comes to; `error`: it cannot be evaluated, for another reason than a missing key. */
  readonly holds: (state: SimState, facts: SimFacts) => boolean | "error";
}

export type SimState = Readonly<Record<string, unknown>>;
export type SimFacts = ReadonlyMap<string, { readonly status: string; readonly attempts: number; readonly visits: number }>;

/** What a function does: the first calls at a visit may go wrong, then (unless `forever`) it succeeds. */
export interface Script {
  readonly name: string;
  readonly delayMs: number;
  readonly mishaps: readonly Mishap[];
  readonly forever: boolean;
  readonly gives: "keys" | "echo" | "nothing";
  readonly sets: readonly string[];
  readonly ignoresAbort: boolean;
}

export type Mishap = { readonly kind: FailureKind; readonly retryAfterMs?: number } | "hang";

/** What the worlds of a test are like. */
export interface Climate {
  /** Every stage succeeds in the end, whatever is stopped and resumed: mishaps are fewer than retries. */
  readonly fair: boolean;
}

/** The largest number that a function writes, plus one. */
const VALUES = 5;
const NUMBER_KEYS = ["k0", "k1", "k2", "k3", "k4"];
const PASSING: readonly FailureKind[] = ["exit", "rate_limit", "server_error", "connection", "invalid_output"];
const LASTING: readonly FailureKind[] = ["auth", "quota", "spawn", "truncated"];

export function makeWorld(seed: number, climate: Climate): SimWorld {
  const chance = chanceOf(seed);
  const maker = new Maker(chance);
  const main = maker.pipeline("main", { fair: climate.fair, sure: climate.fair, takesTime: false, depth: 0, limited: false });
  const input = Object.fromEntries(NUMBER_KEYS.slice(0, climate.fair ? 5 : chance.between(1, 5)).map((key) => [key, chance.below(VALUES)]));
  return { seed, main, input, scripts: maker.scripts };
}

/** What a function writes, from what it sees. */
export function outputOf(script: Script, input: SimState): SimState | null {
  if (script.gives === "nothing") return null;
  if (script.gives === "echo") return input;
  const salt = digest(script.name);
  return Object.fromEntries(script.sets.map((key, index) => [key, (digest(canonical(input)) + salt + index) % VALUES]));
}

interface Setting {
  /** Nothing in it fails for good. */
  readonly fair: boolean;
  /** Every key that an adapter may ask for is there. */
  readonly sure: boolean;
  /** Nothing fails before any time has passed, so that of two members of a group one is always faster. */
  readonly takesTime: boolean;
  readonly depth: number;
  /** Something around it has a timeout, so that a stage need not have one of its own. */
  readonly limited: boolean;
}

/** Timeouts of whole pipelines by depth: each far beyond what everything in it can take, nested timeouts included. */
const PIPELINE_TIMEOUT_MS = [2 * 10 ** 12, 6 * 10 ** 10, 2 * 10 ** 9];

class Maker {
  readonly scripts = new Map<string, Script>();
  readonly #chance: Chance;
  #names = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  pipeline(name: string, around: Setting): SimPipeline {
    const chance = this.#chance;
    const timeoutMs = chance.oneIn(4) ? (PIPELINE_TIMEOUT_MS[around.depth] ?? null) : null;
    const setting = { ...around, limited: around.limited || timeoutMs !== null };
    const agents = new Map<string, SimAgent>();
    const groups = new Map<string, SimGroup>();
    const element = (): string => (chance.oneIn(4) ? this.#group(agents, groups, setting) : this.#stage(agents, setting));
    const sequence = Array.from({ length: chance.between(1, setting.depth === 0 ? 4 : 3) }, element);
    const detours = Array.from({ length: chance.oneIn(2) ? chance.between(1, 2) : 0 }, element);
    const branches = this.#branches(sequence, detours, setting);
    const failFast = setting.fair || !chance.oneIn(3);
    const plain = { handlers: new Map(), rollback: "auto", checkpointFrequency: 1 } as const;
    return { name, timeoutMs, failFast, sequence, agents, groups, branches, ...plain };
  }

  #name(letter: string): string {
    this.#names += 1;
    return `${letter}${this.#names}`;
  }

  #stage(agents: Map<string, SimAgent>, setting: Setting, inGroup = false): string {
    const chance = this.#chance;
    const name = this.#name("a");
    const fallback = chance.oneIn(5) ? this.#stage(agents, setting, true) : null;
    const retries = chance.oneIn(2) ? chance.between(1, 2) : 0;
    const retryOn = !setting.fair && chance.oneIn(6) ? chance.some(PASSING, 2) : null;
    const nested = setting.depth < 2 && chance.oneIn(6) ? this.pipeline(this.#name("p"), { ...setting, depth: setting.depth + 1 }) : null;
    const pruning = chance.below(inGroup ? 1 : 8);
    agents.set(name, {
      name,
      nested,
      timeoutMs: nested !== null || (setting.limited && !setting.fair && chance.oneIn(4)) ? null : 200_000 + this.#odd(),
      retries,
      retryDelayMs: this.#odd(),
      backoff: chance.between(1, 3),
      maxDelayMs: 2 * this.#odd() + 1,
      jitter: chance.oneIn(2),
      retryOn,
      onError: chance.oneIn(5) ? "continue" : "fail",
      fallback,
      rollback: null,
      keep: pruning === 1 && !setting.fair ? chance.some(NUMBER_KEYS, 3) : null,
      drop: pruning === 2 && !setting.fair ? chance.some(NUMBER_KEYS, 1) : null,
      input: chance.oneIn(6) && (setting.sure || !setting.takesTime) ? { x: chance.pick(NUMBER_KEYS), k0: chance.pick(NUMBER_KEYS) } : null,
      output: chance.oneIn(8) ? `o_${name}` : chance.oneIn(8) ? { [`r_${name}`]: "k1" } : null,
    });
    if (nested === null) this.scripts.set(name, this.#script(name, retries, setting));
    const made = agents.get(name) as SimAgent;
    if (setting.fair) agents.set(name, fairAgent(made, setting));
    return name;
  }

  #script(name: string, retries: number, setting: Setting): Script {
    const chance = this.#chance;
    const forever = !setting.fair && chance.oneIn(10);
    const count = forever ? 1 : chance.oneIn(2) ? 0 : chance.between(0, setting.fair ? retries : retries + 2);
    return {
      name,
      delayMs: this.#odd(),
      mishaps: Array.from({ length: count }, () => this.#mishap(setting)),
      forever,
      gives: chance.oneIn(8) ? "echo" : chance.oneIn(8) ? "nothing" : "keys",
      sets: chance.some(NUMBER_KEYS, chance.between(1, 2)),
      ignoresAbort: chance.oneIn(3),
    };
  }

  #mishap(setting: Setting): Mishap {
    const chance = this.#chance;
    if (chance.oneIn(5)) return "hang";
    if (chance.oneIn(6)) return { kind: "rate_limit", retryAfterMs: this.#odd() };
    return { kind: chance.pick(!setting.fair && chance.oneIn(4) ? LASTING : PASSING) };
  }

  /** A delay that hardly any other one is equal to, alone or in sums: nothing shall happen at the same moment by chance. */
  #odd(): number {
    return this.#chance.between(1, 1000) * 64 + (this.#names % 64);
  }

  /** Of a group that one failure stops, one member at most may fail: then what becomes of the group does not depend on who is faster. */
  #group(agents: Map<string, SimAgent>, groups: Map<string, SimGroup>, setting: Setting): string {
    const chance = this.#chance;
    const name = this.#name("g");
    const onError = chance.oneIn(2) ? "fail" : "continue";
    const bad = chance.below(3);
    const members = Array.from({ length: chance.between(2, 3) }, (_, index) =>
      this.#stage(
        agents,
        { ...setting, fair: setting.fair || (onError === "fail" && index !== bad), takesTime: setting.takesTime || onError === "fail" },
        true,
      ),
    );
    groups.set(name, {
      name,
      members,
      merge: setting.fair ? chance.pick(["namespace", "prefix"]) : chance.pick(["flat", "flat", "namespace", "prefix"]),
      onError,
      minSuccess: onError === "continue" && !setting.fair ? chance.between(1, members.length) : 1,
      maxConcurrency: chance.between(1, members.length),
      bad: onError === "fail" && !setting.fair ? (members[bad] ?? null) : null,
    });
    return name;
  }

  #branches(sequence: readonly string[], detours: readonly string[], setting: Setting): SimBranch[] {
    const chance = this.#chance;
    const branches: SimBranch[] = [];
    const leave = (from: string, to: string | null): void => {
      const forward = sequence.indexOf(from) !== -1 && sequence.indexOf(to ?? "") > sequence.indexOf(from);
      const needed = to !== null && !forward;
      const last = branches.find((branch) => branch.from === from && branch.condition === null);
      if (last !== undefined) return;
      const condition = chance.oneIn(4) ? null : this.#condition(sequence, setting);
      branches.push({ from, to, condition, maxTimes: needed || chance.oneIn(4) ? chance.between(1, 2) : null });
    };
    for (const detour of detours) leave(chance.pick(sequence), detour);
    // A detour that no branch leads to would not be an element at all.
    const reached = [...sequence, ...detours.filter((detour) => branches.some(({ to }) => to === detour))];
    for (let left = chance.below(4); left > 0; left -= 1) leave(chance.pick(reached), chance.oneIn(5) ? null : chance.pick(reached));
    return branches;
  }

  #condition(names: readonly string[], setting: Setting): SimCondition {
    const chance = this.#chance;
    const key = chance.pick(NUMBER_KEYS);
    const limit = chance.below(VALUES);
    const stage = chance.pick(names);
    const fair: SimCondition[] = [
      { text: `${key} > ${limit}`, holds: (state) => number(state, key, (value) => value > limit) },
      { text: `${key} != ${limit}`, holds: (state) => number(state, key, (value) => value !== limit) },
      { text: `stages.${stage}.visits < 2`, holds: (_, facts) => (facts.get(stage)?.visits ?? 9) < 2 },
      { text: "nowhere == 1", holds: () => false },
      { text: "nowhere == 1 || true", holds: () => true },
    ];
    const unfair: SimCondition[] = [
      { text: `stages.${stage}.status == 'succeeded'`, holds: (_, facts) => facts.get(stage)?.status === "succeeded" },
      { text: `stages.${stage}.attempts > 1`, holds: (_, facts) => (facts.get(stage)?.attempts ?? 0) > 1 },
      { text: key, holds: (state) => (Object.hasOwn(state, key) ? "error" : false) },
    ];
    return chance.pick(setting.fair ? fair : [...fair, ...fair, ...unfair]);
  }
}

/** Without what could make it fail for ever, or leave keys out that others need. */
function fairAgent(agent: SimAgent, { sure }: Setting): SimAgent {
  const output = typeof agent.output === "string" ? agent.output : null;
  return { ...agent, retryOn: null, keep: null, drop: null, output, input: agent.nested === null && sure ? agent.input : null };
}

function number(state: SimState, key: string, holds: (value: number) => boolean): boolean | "error" {
  if (!Object.hasOwn(state, key)) return false;
  const value = state[key];
  return typeof value === "number" ? holds(value) : "error";
}

/** JSON in which the order of keys does not count. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function digest(text: string): number {
  let sum = 7;
  for (const character of text) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_003;
  return sum;
}

/** The pipeline as the library takes it; nested pipelines are files beside it, called by their name. */
export function definitionOf(pipeline: SimPipeline): PipelineDefinition {
  const { sequence, groups, branches, failFast, handlers, rollback, checkpointFrequency } = pipeline;
  const agents = [...pipeline.agents.values(), ...handlers.values()];
  const definition = {
    name: pipeline.name,
    agents: Object.fromEntries(agents.map((agent) => [agent.name, agentDefinition(agent)])),
    orchestration: {
      timeout: pipeline.timeoutMs === null ? undefined : duration(pipeline.timeoutMs),
      sequential: {
        agents: sequence,
        pipeline: {
          fail_fast: failFast,
          checkpoint_frequency: checkpointFrequency,
          rollback: rollback === "auto" ? undefined : rollback,
        },
        parallel: Object.fromEntries([...groups.values()].map((group) => [group.name, groupDefinition(group)])),
        branches: branches.map(({ from, to, condition, maxTimes }) => ({
          from_agent: from,
          condition: condition?.text,
          ...(to === null ? { end: true } : { to_agent: to }),
          max_times: maxTimes ?? undefined,
        })),
      },
    },
  };
  return JSON.parse(JSON.stringify(definition)) as PipelineDefinition;
}

function agentDefinition(agent: SimAgent): object {
  const { output } = agent;
  return {
    ...(agent.nested === null ? {} : { type: "pipeline", file: `${agent.nested.name}.toml` }),
    timeout: agent.timeoutMs === null ? "none" : duration(agent.timeoutMs),
    retries: agent.retries,
    retry_delay: duration(agent.retryDelayMs),
    retry_backoff: agent.backoff,
    retry_max_delay: duration(agent.maxDelayMs),
    retry_jitter: agent.jitter,
    retry_on: agent.retryOn ?? undefined,
    on_error: agent.onError === "fail" ? undefined : agent.onError,
    fallback: agent.fallback ?? undefined,
    rollback: agent.rollback ?? undefined,
    keep: agent.keep ?? undefined,
    drop: agent.drop ?? undefined,
    input: agent.input ?? undefined,
    output: output === null || typeof output === "string" ? (output ?? undefined) : mapValues(output, (key) => `result.${key}`),
  };
}

function groupDefinition(group: SimGroup): object {
  return {
    agents: group.members,
    merge: group.merge,
    on_error: group.onError,
    min_success: group.onError === "continue" ? group.minSuccess : undefined,
    max_concurrency: group.maxConcurrency,
  };
}

function mapValues(table: Readonly<Record<string, string>>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, change(value)]));
}

function duration(ms: number): string {
  return `${ms}ms`;
}
