import { delimiter, isAbsolute, relative, resolve } from "node:path";
import type { Diagnostic, Path } from "../spec/diagnostic.ts";
import { valueAt } from "../spec/form.ts";
import type { JsonObject } from "../spec/json.ts";
import type { PlanCode } from "./codes.ts";
import { helpForEscapes } from "./escaped-path.ts";
import { type ListNames, nearFile } from "./near-file.ts";
import type { AgentPlan, HookPlan, Plan } from "./plan.ts";
import { startedBy } from "./started.ts";
import type { Template } from "./template.ts";

/** What a plan needs from the machine that it runs on. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is there: nothing, a file that can be executed, a file, or a directory. */
  look(path: string): Promise<"missing" | "program" | "file" | "directory">;
  readonly list: ListNames;
}

/**
 * Variables that are not set, and files and programs that are not there; of nested pipelines too, each in its own file.
 *
 * They are warnings where a file is only checked (another machine may have them), errors before a run.
 */
export async function checkEnvironment(plan: Plan, machine: Machine, severity: Diagnostic["severity"]): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  const missing = new Set(missingVariables(plan, machine));
  const plans = new Set([plan]);
  for (const one of plans) {
    const file = one.file === null ? {} : { file: one.file };
    const tell: Tell = (code, path, message, more) => void found.push({ severity, code, message, ...file, path, ...more });
    for (const name of missing) if (tellVariable(one, name, tell)) missing.delete(name);
    const agents = usedAgents(one);
    // A stage before may make a script: before a run that counts, unless the name is near to one that is there.
    const first = new Set(one === plan ? firstAgents(plan) : []);
    const tellLater: Tell = (code, path, message, more) => {
      if (severity === "warning" || more.fix !== undefined) tell(code, path, message, more);
    };
    for (const agent of agents) await checkCall(agent, one, machine, tell, first.has(agent.name) ? tell : tellLater);
    for (const [index, hook] of one.hooks.entries()) await checkHook(hook, index, one, machine, tell);
    for (const { call } of agents) if (call.type === "pipeline") plans.add(call.plan);
  }
  return found;
}

/** Names of variables that the plan needs and that are not set; an empty value counts as not set. */
export function missingVariables(plan: Plan, machine: Pick<Machine, "env">): string[] {
  return plan.variables.filter((name) => (machine.env[name] ?? "") === "");
}

type Tell = (code: PlanCode, path: Path, message: string, more: Pick<Diagnostic, "at" | "label" | "help" | "fix">) => void;

/** Whether this file is one that refers to the variable. */
function tellVariable(plan: Plan, name: string, tell: Tell): boolean {
  const place = variablePlace(plan, name);
  if (place === null) return false;
  const { path, ...more } = place;
  tell("unset-variable", path, `the environment variable ${name} is not set`, { ...more, help: `set it, for example: export ${name}=…` });
  return true;
}

function variablePlace(plan: Plan, name: string): (Pick<Diagnostic, "at" | "label"> & { readonly path: Path }) | null {
  const placeIn = (texts: readonly { readonly name: string; readonly value: Template }[], path: Path) => {
    for (const { name: key, value } of texts) {
      const read = value.reads.env.find((one) => one.name === name);
      if (read !== undefined) return { path: [...path, key], at: { start: read.start, end: read.end } };
    }
    return null;
  };
  for (const agent of usedAgents(plan)) {
    const { call } = agent;
    if (call.type === "script") {
      const place = placeIn(call.env, pathOf(plan, agent.name, "env"));
      if (place !== null) return place;
    }
    if (call.type !== "llm") continue;
    const { provider } = call;
    const header = placeIn(provider.headers, ["providers", provider.name, "headers"]);
    if (header !== null) return header;
    if (provider.apiKeyEnv !== name) continue;
    const own = new Map(Object.entries(plan.source.spec.providers ?? {})).get(provider.name);
    if (own?.api_key_env !== undefined) return { path: ["providers", provider.name, "api_key_env"] };
    return { path: ["agents", agent.name], label: `its provider, ${provider.name}, takes the key from there` };
  }
  return null;
}

/** Where a key of an agent is written: in its own table, or in that of the nearest agent that it extends. */
function pathOf(plan: Plan, agent: string, key: "cwd" | "command" | "env" | "module"): Path {
  const { agents = {} } = plan.source.spec;
  let name = agent;
  for (let table = agents[name]; table?.[key] === undefined && table?.extends !== undefined; table = agents[name]) name = table.extends;
  return ["agents", name, key];
}

/** The agents that some stage calls, or that undo one; fallbacks included. */
function usedAgents(plan: Plan): AgentPlan[] {
  const used = new Map<string, AgentPlan>();
  const add = (agent: AgentPlan | undefined): void => {
    if (agent === undefined || used.has(agent.name)) return;
    used.set(agent.name, agent);
    add(plan.agents.get(agent.fallback ?? ""));
    add(plan.agents.get(agent.rollback ?? ""));
  };
  for (const element of plan.elements.values()) {
    for (const stage of element.kind === "group" ? element.members : [element]) add(stage.agent);
  }
  return [...used.values()];
}

/** Those that run when nothing has run yet. */
function firstAgents({ sequence: [first] }: Plan): string[] {
  if (first === undefined) return [];
  return (first.kind === "group" ? first.members : [first]).map(({ agent }) => agent.name);
}

/** `tellScript`: for a script that an interpreter is to run. */
async function checkCall({ name, call }: AgentPlan, plan: Plan, machine: Machine, tell: Tell, tellScript: Tell): Promise<void> {
  if (call.type === "module") await checkModule(call.module, pathOf(plan, name, "module"), plan, machine, tell);
  if (call.type !== "script") return;
  const cwd = pathOf(plan, name, "cwd");
  const seen = await machine.look(call.cwd);
  if (seen !== "directory") {
    const message =
      seen === "missing" ? `there is no directory ${shown(call.cwd, plan)}` : `${shown(call.cwd, plan)} is a file, not a directory`;
    const near = seen === "missing" ? await nearFile(writtenAt(cwd, plan), cwd, plan.directory, machine.list) : null;
    tell("missing-file", cwd, message, helpForEscapes(writtenAt(cwd, plan)) ?? near ?? { help: "cwd is relative to the pipeline file" });
    return;
  }
  if (typeof call.command === "string") return;
  const path = pathOf(plan, name, "command");
  const [program] = call.command;
  if (program?.constant !== true) return;
  await checkProgram(program.text, call.cwd, [...path, 0], plan, machine, tell);
  const command = call.command.map(({ text, constant }) => (constant ? text : null));
  await checkScript(command, call.cwd, path, plan, machine, tellScript);
}

async function checkHook({ call }: HookPlan, index: number, plan: Plan, machine: Machine, tell: Tell): Promise<void> {
  if (call.type === "module") await checkModule(call.module, ["hooks", index, "module"], plan, machine, tell);
  else {
    const path = ["hooks", index, "command"];
    await checkProgram(call.command[0] ?? "", call.cwd, [...path, 0], plan, machine, tell);
    await checkScript(call.command, call.cwd, path, plan, machine, tell);
  }
}

/** The file that an interpreter is to run. */
async function checkScript(
  command: readonly (string | null)[],
  cwd: string,
  path: Path,
  plan: Plan,
  machine: Machine,
  tell: Tell,
): Promise<void> {
  const started = startedBy(command);
  const script = started?.kind === "script" ? (command[started.index] ?? "") : "";
  if (started === null || !SCRIPT.test(script)) return;
  const at = [...path, started.index];
  const file = resolve(cwd, script);
  if ((await machine.look(file)) !== "missing") return;
  const near = await nearFile(script, at, cwd, machine.list);
  tell(
    "missing-file",
    at,
    `there is no file ${shown(file, plan)}`,
    near ?? { help: "the path of a script is relative to the directory that it runs in" },
  );
}

/** The name of a file, and no address. */
const SCRIPT = /^(?![a-z]{2,}:).*\.(?:[cm]?[jt]s|py|sh|rb|pl)$/;

/** A path as it stands in the file. */
function writtenAt(path: Path, plan: Plan): string {
  const value = valueAt(plan.source.spec as unknown as JsonObject, path);
  return typeof value === "string" ? value : "";
}

async function checkModule(file: string, path: Path, plan: Plan, machine: Machine, tell: Tell): Promise<void> {
  const seen = await machine.look(file);
  if (seen === "missing") {
    const near = await nearFile(writtenAt(path, plan), path, plan.directory, machine.list);
    tell(
      "missing-file",
      path,
      `there is no file ${shown(file, plan)}`,
      helpForEscapes(writtenAt(path, plan)) ?? near ?? { help: "a module's path is relative to the pipeline file" },
    );
  } else if (seen === "directory") {
    tell("missing-file", path, `${shown(file, plan)} is a directory, not a file`, { help: "name the JavaScript or TypeScript file in it" });
  }
}

async function checkProgram(program: string, cwd: string, path: Path, plan: Plan, machine: Machine, tell: Tell): Promise<void> {
  if (!program.includes("/")) {
    if (await isOnPath(program, cwd, machine)) return;
    tell(
      "missing-program",
      path,
      `there is no program \`${program}\` on the PATH`,
      helpForEscapes(program) ?? { help: helpForProgram(program) },
    );
    return;
  }
  const file = isAbsolute(program) ? program : resolve(cwd, program);
  const seen = await machine.look(file);
  if (seen === "file") {
    tell("missing-program", path, `${shown(file, plan)} cannot be executed`, { help: `run: chmod +x ${shown(file, plan)}` });
  } else if (seen !== "program") {
    const message =
      seen === "directory" ? `${shown(file, plan)} is a directory, not a program` : `there is no program ${shown(file, plan)}`;
    const near = seen === "missing" ? await nearFile(program, path, cwd, machine.list) : null;
    tell("missing-program", path, message, near ?? { help: "the path of a program is relative to the directory that it runs in" });
  }
}

/** What is no program may be meant for a shell, or be several entries in one. */
function helpForProgram(program: string): string {
  const words = program.trim().split(/\s+/);
  if (words.length > 1)
    return `a program and its arguments are entries of their own: command = [${words.map((word) => JSON.stringify(word)).join(", ")}]`;
  if (OF_SHELLS.has(program))
    return `\`${program}\` is a command of the shell, and no program: write the line as \`shell\`${program === "cd" ? ", or the directory as `cwd`" : ""}`;
  return `install it, or write a path such as "./${program}"`;
}

/** What a shell knows by itself, and what is seldom a program beside it. */
const OF_SHELLS: ReadonlySet<string> = new Set([
  "cd",
  "export",
  "source",
  ".",
  "set",
  "unset",
  "alias",
  "eval",
  "exec",
  "if",
  "for",
  "while",
]);

const found = new WeakMap<Machine, Map<string, boolean>>();

/** Looked for once on a machine, however many agents start it. */
async function isOnPath(program: string, cwd: string, machine: Machine): Promise<boolean> {
  const known = found.get(machine) ?? new Map<string, boolean>();
  found.set(machine, known);
  const key = `${program} ${cwd}`;
  const answer = known.get(key) ?? (await lookOnPath(program, cwd, machine));
  known.set(key, answer);
  return answer;
}

async function lookOnPath(program: string, cwd: string, machine: Machine): Promise<boolean> {
  // An empty directory is the working directory.
  for (const directory of machine.env.PATH?.split(delimiter) ?? []) {
    const file = directory.startsWith("/") ? `${directory}/${program}` : resolve(cwd, directory, program);
    if ((await machine.look(file)) === "program") return true;
  }
  return false;
}

/** A path as the author of the file would write it. */
function shown(path: string, { directory }: Plan): string {
  const written = relative(directory, path);
  return written.startsWith("../../") ? path : written;
}
