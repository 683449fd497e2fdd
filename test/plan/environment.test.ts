import { basename, dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { checkEnvironment, type Machine, missingVariables } from "../../src/plan/environment.ts";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { canned, pipeline, planOf, type World } from "./plans.ts";

/** What is on the machine, by path: the rest is missing. */
const THERE: Readonly<Record<string, Awaited<ReturnType<Machine["look"]>>>> = {
  "/p": "directory",
  "/p/sub": "directory",
  "/p/run.sh": "program",
  "/p/sub/run.sh": "program",
  "/p/plain.sh": "file",
  "/p/agent.mjs": "file",
  "/bin/tool": "program",
  "/bin/sh": "program",
  "/bin/node": "program",
  "/bin/deno": "program",
  "/usr/bin/other": "program",
  "/usr/bin/plain": "file",
};
const ENV = { PATH: "/bin::/usr/bin", KEY: "a-key", EMPTY: "" };

function machine(env: Machine["env"] = ENV): Machine & { readonly looked: string[] } {
  const looked: string[] = [];
  return {
    env,
    looked,
    list: async (directory) => Object.keys(THERE).flatMap((path) => (dirname(path) === directory ? [basename(path)] : [])),
    look: async (path) => {
      looked.push(path);
      return THERE[path] ?? "missing";
    },
  };
}

/** `path code: message (help)` of what is found. */
async function findings(definition: PipelineDefinition, world: World = {}, env: Machine["env"] = ENV): Promise<string[]> {
  const found = await checkEnvironment(await planOf(definition, world), machine(env), "warning");
  return found.map(
    ({ file, path = [], code, message, help }) => `${file === undefined ? "" : `${file}: `}${path.join(".")} ${code}: ${message} (${help})`,
  );
}

const one = (agent: AgentDefinition): PipelineDefinition => pipeline({ agents: ["a"] }, { a: agent });
const script = (...command: string[]): AgentDefinition => ({ type: "script", command });

describe("programs", () => {
  const RELATIVE = "the path of a program is relative to the directory that it runs in";

  test.each<[sentence: string, agent: AgentDefinition, found: string[]]>([
    ["on the PATH", script("tool"), []],
    ["in a later directory of the PATH", script("other"), []],
    [
      "that are not on the PATH",
      script("nothing"),
      ['agents.a.command.0 missing-program: there is no program `nothing` on the PATH (install it, or write a path such as "./nothing")'],
    ],
    [
      "that are on the PATH and cannot be executed",
      script("plain"),
      ['agents.a.command.0 missing-program: there is no program `plain` on the PATH (install it, or write a path such as "./plain")'],
    ],
    ["by a path", script("./run.sh"), []],
    ["by an absolute path", script("/bin/tool"), []],
    ["by a path from `cwd`", { ...script("./run.sh"), cwd: "sub" }, []],
    ["by a path that is not there", script("sub/x"), [`agents.a.command.0 missing-program: there is no program sub/x (${RELATIVE})`]],
    ["by a path outside", script("../../x/y"), [`agents.a.command.0 missing-program: there is no program ../x/y (${RELATIVE})`]],
    [
      "by a path that is a directory",
      script("./sub"),
      [`agents.a.command.0 missing-program: sub is a directory, not a program (${RELATIVE})`],
    ],
    [
      "that cannot be executed",
      script("./plain.sh"),
      ["agents.a.command.0 missing-program: plain.sh cannot be executed (run: chmod +x plain.sh)"],
    ],
    [
      "by a path that is misspelt",
      script("./rnu.sh"),
      ["agents.a.command.0 missing-program: there is no program rnu.sh (did you mean `./run.sh`?)"],
    ],
    [
      "in a directory that is misspelt",
      { ...script("./run.sh"), cwd: "./sbu" },
      ["agents.a.cwd missing-file: there is no directory sbu (did you mean `./sub`?)"],
    ],
    [
      "that run a script whose name is misspelt",
      { ...script("node", "../agnet.mjs", "x"), cwd: "sub" },
      ["agents.a.command.1 missing-file: there is no file agnet.mjs (did you mean `../agent.mjs`?)"],
    ],
    [
      "that run a script which is not there",
      script("/bin/sh", "-e", "other.sh"),
      ["agents.a.command.2 missing-file: there is no file other.sh (the path of a script is relative to the directory that it runs in)"],
    ],
    ["that run a script which is there", { ...script("/bin/sh", "-e", "../plain.sh"), cwd: "sub" }, []],
    ["that run a script which is only known in the run", script("/bin/sh", "${{ name }}.sh"), []],
    ["that may run a script behind a flag", script("/bin/node", "--title", "other.mjs"), []],
    ["that run the script of an address", script("/bin/deno", "run", "https://example.org/other.ts"), []],
    ["that run what has another ending", script("/bin/sh", "other"), []],
    ["that are no interpreters", script("/bin/tool", "other.mjs"), []],
    ["that are only known in the run", script("${{ program }}"), []],
    ["of a shell", { type: "script", shell: "nothing" }, []],
    [
      "in a directory that is not there: only that is told",
      { ...script("./run.sh"), cwd: "none" },
      ["agents.a.cwd missing-file: there is no directory none (cwd is relative to the pipeline file)"],
    ],
    [
      "in a directory that is a file",
      { ...script("tool"), cwd: "agent.mjs" },
      ["agents.a.cwd missing-file: agent.mjs is a file, not a directory (cwd is relative to the pipeline file)"],
    ],
  ])("%s", async (_sentence, agent, found) => expect(await findings(one(agent))).toEqual(found));

  test("are told where the command is written", async () => {
    const agents = { base: { ...script("nothing") }, middle: { extends: "base" }, a: { extends: "middle", timeout: "1s" } };
    expect((await findings(pipeline({ agents: ["a"] }, agents)))[0]).toMatch(/^agents\.base\.command\.0 /);
  });

  test("of fallbacks, members and detours are looked for, of unreached agents not", async () => {
    const definition = pipeline(
      { agents: ["a", "g"], parallel: { g: { agents: ["b", "c"] } }, branches: [{ from_agent: "g", to_agent: "d" }] },
      {
        a: { type: "canned", fallback: "f" },
        f: script("x-f"),
        b: script("x-b"),
        ...canned("c"),
        d: script("x-d"),
        unused: script("x-unused"),
      },
    );
    expect((await findings(definition)).map((line) => /`(.+)`/.exec(line)?.[1])).toEqual(["x-f", "x-b", "x-d"]);
  });

  test("on a PATH with empty and relative directories are looked for from where they run", async () => {
    const agents = { a: { ...script("run.sh"), cwd: "sub" } };
    const found = (path: string) => findings(pipeline({ agents: ["a"] }, agents), {}, { PATH: path });
    expect([await found("/none:"), await found("../sub"), (await found("/none")).length, (await found("none")).length]).toEqual([
      [],
      [],
      1,
      1,
    ]);
  });

  test("before a run, a script that a stage before may make is only told where a near name is there", async () => {
    const definition = pipeline(
      { agents: ["a", "b", "c"] },
      { a: script("sh", "one.sh"), b: script("sh", "two.sh"), c: script("sh", "rnu.sh") },
    );
    const found = await checkEnvironment(await planOf(definition), machine(), "error");
    expect(found.map(({ message }) => message)).toEqual(["there is no file one.sh", "there is no file rnu.sh"]);
    expect(await findings(definition)).toHaveLength(3);
  });

  test("without a PATH there are none", async () => expect(await findings(one(script("tool")), {}, {})).toHaveLength(1));
});

describe("modules and hooks", () => {
  test.each<[sentence: string, definition: PipelineDefinition, found: string[]]>([
    ["a module that is there, executable or not", one({ type: "module", module: "agent.mjs" }), []],
    [
      "a module that is not there",
      one({ type: "module", module: "lib/x.mjs" }),
      ["agents.a.module missing-file: there is no file lib/x.mjs (a module's path is relative to the pipeline file)"],
    ],
    [
      "a module whose ending is another",
      one({ type: "module", module: "agent.ts" }),
      ["agents.a.module missing-file: there is no file agent.ts (did you mean `agent.mjs`?)"],
    ],
    [
      "a module in a directory that is misspelt",
      one({ type: "module", module: "sbu/run.sh" }),
      ["agents.a.module missing-file: there is no file sbu/run.sh (did you mean `sub/run.sh`?)"],
    ],
    [
      "a module that is a directory",
      one({ type: "module", module: "sub" }),
      ["agents.a.module missing-file: sub is a directory, not a file (name the JavaScript or TypeScript file in it)"],
    ],
    [
      "hooks",
      pipeline({ agents: ["a"] }, canned("a"), {
        hooks: [
          { on: "retry", command: ["tool"] },
          { on: "retry", command: ["./run.sh"] },
          { on: "retry", module: "agent.mjs" },
          { on: "retry", command: ["nothing"] },
          { on: "retry", module: "sub" },
          { on: "retry", module: "x.mjs" },
          { on: "retry", command: ["sh", "x.sh"] },
        ],
      }),
      [
        'hooks.3.command.0 missing-program: there is no program `nothing` on the PATH (install it, or write a path such as "./nothing")',
        "hooks.4.module missing-file: sub is a directory, not a file (name the JavaScript or TypeScript file in it)",
        "hooks.5.module missing-file: there is no file x.mjs (a module's path is relative to the pipeline file)",
        "hooks.6.command.1 missing-file: there is no file x.sh (the path of a script is relative to the directory that it runs in)",
      ],
    ],
    ["an agent that is a function needs nothing", one({}), []],
  ])("%s", async (_sentence, definition, found) =>
    expect(await findings(definition, { functions: ["a"].filter(() => definition.agents?.a?.type === undefined) })).toEqual(found),
  );
});

describe("variables that are not set", () => {
  const unset = (path: string, name: string): string =>
    `${path} unset-variable: the environment variable ${name} is not set (set it, for example: export ${name}=…)`;
  const llm: AgentDefinition = { type: "llm", model: "m" };

  test.each<[sentence: string, definition: PipelineDefinition, found: string[]]>([
    [
      "in a script's environment",
      one({ ...script("tool"), env: { A: "${{ env.KEY }}", B: "${{ env.NONE }}" } }),
      [unset("agents.a.env.B", "NONE")],
    ],
    ["that are empty", one({ ...script("tool"), env: { A: "${{ env.EMPTY }}" } }), [unset("agents.a.env.A", "EMPTY")]],
    ["for a built-in provider", one(llm), [unset("agents.a", "OPENAI_API_KEY")]],
    [
      "for a provider of the file",
      pipeline(
        { agents: ["a"] },
        { a: { ...llm, provider: "own" } },
        { providers: { own: { base_url: "http://x/v1", api_key_env: "NONE" } } },
      ),
      [unset("providers.own.api_key_env", "NONE")],
    ],
    [
      "in its headers",
      pipeline(
        { agents: ["a"] },
        { a: { ...llm, provider: "own" } },
        { providers: { own: { base_url: "http://x/v1", headers: { H: "${{ env.NONE }}" } } } },
      ),
      [unset("providers.own.headers.H", "NONE")],
    ],
    [
      "of a provider that nobody asks are not needed",
      pipeline({ agents: ["a"] }, canned("a"), { providers: { own: { base_url: "http://x/v1", api_key_env: "NONE" } } }),
      [],
    ],
    ["of several agents are told once", pipeline({ agents: ["a", "b"] }, { a: llm, b: llm }), [unset("agents.a", "OPENAI_API_KEY")]],
    [
      "in an environment that is taken over, where it is written",
      pipeline({ agents: ["a"] }, { base: { env: { B: "${{ env.NONE }}" } }, a: { ...script("tool"), extends: "base" } }),
      [unset("agents.base.env.B", "NONE")],
    ],
  ])("%s", async (_sentence, definition, found) => expect(await findings(definition)).toEqual(found));

  test("are named for run and dry run", async () => {
    const plan = await planOf(one({ ...script("tool"), env: { A: "${{ env.KEY }} ${{ env.NONE }} ${{ env.EMPTY }}" } }));
    expect(missingVariables(plan, { env: ENV })).toEqual(["NONE", "EMPTY"]);
  });

  test("are marked inside the text", async () => {
    const plan = await planOf(one({ ...script("tool"), env: { A: "x ${{ env.NONE }}" } }));
    expect((await checkEnvironment(plan, machine(), "error")).map(({ severity, at }) => [severity, at])).toEqual([
      ["error", { start: 10, end: 14 }],
    ]);
  });
});

describe("a nested pipeline", () => {
  const inner = `
[agents.one]
type = "script"
command = ["nothing"]
env = { A = "\${{ env.NONE }}" }
[orchestration.sequential]
agents = ["one"]
`;
  const nested = { type: "pipeline", file: "in/inner.toml" } as const;
  const found = async (agents: Record<string, AgentDefinition>) => {
    const plan = await planOf(pipeline({ agents: Object.keys(agents) }, agents), { files: { "in/inner.toml": inner } });
    const there: Machine = {
      ...machine(),
      look: async (path) => (path === "/p/in" ? "directory" : path === "/bin/tool" ? "program" : "missing"),
    };
    return (await checkEnvironment(plan, there, "warning")).map(({ file, path, code }) => [file, path?.join("."), code]);
  };
  const program = ["/p/in/inner.toml", "agents.one.command.0", "missing-program"];

  test("lacks what it lacks in its own file, and that is told once", async () => {
    const variable = ["/p/in/inner.toml", "agents.one.env.A", "unset-variable"];
    expect(await found({ a: nested, b: { extends: "a" } })).toEqual([variable, program]);
  });

  test("lacks no variable that the outer one lacks already", async () => {
    const outer: AgentDefinition = { ...script("tool"), cwd: "in", env: { B: "${{ env.NONE }}" } };
    expect(await found({ a: nested, b: outer })).toEqual([[undefined, "agents.b.env.B", "unset-variable"], program]);
  });
});
