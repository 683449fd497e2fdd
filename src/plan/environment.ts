import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { Diagnostic, Path } from "../spec/diagnostic.ts";
import type { AgentPlan, HookPlan, Plan } from "./plan.ts";

/** What a plan needs from the machine that it runs on. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is there: nothing, a file that can be executed, a file, or a directory. */
  look(path: string): Promise<"missing" | "program" | "file" | "directory">;
}

/**
 * Variables that are not set, and files and programs that are not there.
 *
 * They are warnings where a file is only checked (another machine may have them), errors before a run.
 */
export async function checkEnvironment(plan: Plan, machine: Machine, severity: Diagnostic["severity"]): Promise<Diagnostic[]> {
  const found: Diagnostic[] = [];
  const tell = (code: string, path: Path, message: string, help: string): void => {
    found.push({ severity, code, message, path, help, ...(plan.file === null ? {} : { file: plan.file }) });
  };
  for (const name of missingVariables(plan, machine)) {
    tell(
      "unset-variable",
      variablePath(plan, name),
      `the environment variable ${name} is not set`,
      `set it, for example: export ${name}=…`,
    );
  }
  for (const agent of usedAgents(plan)) await checkCall(agent, machine, tell);
  for (const [index, hook] of plan.hooks.entries()) await checkHook(hook, index, machine, tell);
  const nested = new Set(usedAgents(plan).flatMap(({ call }) => (call.type === "pipeline" ? [call.plan] : [])));
  for (const inner of nested) found.push(...(await checkEnvironment({ ...inner, variables: [] }, machine, severity)));
  return found;
}

/** Names of variables that the plan needs and that are not set; an empty value counts as not set. */
export function missingVariables(plan: Plan, machine: Pick<Machine, "env">): string[] {
  return plan.variables.filter((name) => (machine.env[name] ?? "") === "");
}

type Tell = (code: string, path: Path, message: string, help: string) => void;

/** The agents that some stage calls, fallbacks included. */
function usedAgents(plan: Plan): AgentPlan[] {
  const used = new Map<string, AgentPlan>();
  const add = (agent: AgentPlan | undefined): void => {
    if (agent === undefined || used.has(agent.name)) return;
    used.set(agent.name, agent);
    add(plan.agents.get(agent.fallback ?? ""));
  };
  for (const element of plan.elements.values()) {
    for (const stage of element.kind === "group" ? element.members : [element]) add(stage.agent);
  }
  return [...used.values()];
}

async function checkCall({ name, call }: AgentPlan, machine: Machine, tell: Tell): Promise<void> {
  if (call.type === "module") {
    const seen = await machine.look(call.module);
    if (seen === "missing" || seen === "directory")
      tell(
        "missing-file",
        ["agents", name, "module"],
        `there is no file ${call.module}`,
        "a module's path is relative to the pipeline file",
      );
  }
  if (call.type !== "script") return;
  if ((await machine.look(call.cwd)) !== "directory") {
    tell("missing-file", ["agents", name, "cwd"], `there is no directory ${call.cwd}`, "cwd is relative to the pipeline file");
    return;
  }
  const program = typeof call.command === "string" ? undefined : call.command[0];
  if (program?.constant === true) await checkProgram(program.text, call.cwd, ["agents", name, "command", 0], machine, tell);
}

async function checkHook({ call }: HookPlan, index: number, machine: Machine, tell: Tell): Promise<void> {
  if (call.type === "module") {
    if ((await machine.look(call.module)) === "missing")
      tell(
        "missing-file",
        ["hooks", index, "module"],
        `there is no file ${call.module}`,
        "a module's path is relative to the pipeline file",
      );
  } else if (call.command[0] !== undefined) {
    await checkProgram(call.command[0], call.cwd, ["hooks", index, "command", 0], machine, tell);
  }
}

async function checkProgram(program: string, cwd: string, path: Path, machine: Machine, tell: Tell): Promise<void> {
  if (program.includes("/")) {
    const file = isAbsolute(program) ? program : resolve(cwd, program);
    const seen = await machine.look(file);
    if (seen === "missing" || seen === "directory")
      tell(
        "missing-program",
        path,
        `there is no program ${file}`,
        "a path to a program is relative to the directory that the script runs in",
      );
    if (seen === "file") tell("missing-program", path, `${file} is not executable`, `run: chmod +x ${program}`);
    return;
  }
  for (const directory of (machine.env.PATH ?? "").split(delimiter)) {
    if (directory !== "" && (await machine.look(join(directory, program))) === "program") return;
  }
  tell("missing-program", path, `there is no program \`${program}\` on the PATH`, `install it, or write a path such as "./${program}"`);
}

/** Where the file refers to a variable. */
function variablePath(plan: Plan, name: string): Path {
  for (const provider of plan.providers.values()) {
    if (provider.apiKeyEnv === name && plan.source.spec.providers?.[provider.name]?.api_key_env !== undefined)
      return ["providers", provider.name, "api_key_env"];
    const header = provider.headers.find(({ value }) => value.reads.env.some((read) => read.name === name));
    if (header !== undefined) return ["providers", provider.name, "headers", header.name];
  }
  for (const agent of plan.agents.values()) {
    const { call } = agent;
    if (call.type === "script") {
      const entry = call.env.find(({ value }) => value.reads.env.some((read) => read.name === name));
      if (entry !== undefined) return ["agents", agent.name, "env", entry.name];
    }
    if (call.type === "llm" && call.provider.apiKeyEnv === name) return ["agents", agent.name];
  }
  return [];
}
