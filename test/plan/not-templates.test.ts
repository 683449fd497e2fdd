import { describe, expect, test } from "vitest";
import type { AgentDefinition, PipelineDefinition } from "../../src/spec/spec.ts";
import { build, pipeline, problemsOf, type World } from "./plans.ts";

const inputs = { topic: {} };
const model = (keys: AgentDefinition): AgentDefinition => ({ type: "llm", provider: "ollama", model: "m", ...keys });
const script = (keys: AgentDefinition): AgentDefinition => ({ type: "script", command: ["x"], ...keys });
const one = (agent: AgentDefinition, rest: Partial<PipelineDefinition> = {}): PipelineDefinition =>
  pipeline({ agents: ["a"] }, { a: agent }, { inputs, ...rest });

/** The places and texts of what is told, and what a fix writes. */
async function told(definition: PipelineDefinition, world: World = {}): Promise<string[]> {
  const { diagnostics, loaded } = await build(definition, world);
  return [...loaded.diagnostics, ...diagnostics].map(({ code, path, file, at, span, message, fix }) => {
    const place = typeof at === "object" ? at : span;
    return `${code} ${file ?? path?.join(".")} ${place?.start}-${place?.end}: ${/`.*?`/.exec(message)?.[0]} → ${fix?.edits[0]?.text}`;
  });
}

describe("text like templates of another language", () => {
  test.each<[sentence: string, agent: AgentDefinition, expected: string[]]>([
    ["in a prompt", model({ prompt: "On {{topic}}." }), ["not-a-template agents.a.prompt 3-12: `{{topic}}` → ${{ topic }}"]],
    ["with a dollar", model({ prompt: "On ${topic}." }), ["not-a-template agents.a.prompt 3-11: `${topic}` → ${{ topic }}"]],
    [
      "in a system prompt, with a member",
      model({ system_prompt: "{{ topic.name }}" }),
      ["not-a-template agents.a.system_prompt 0-16: `{{ topic.name }}` → ${{ topic.name }}"],
    ],
    [
      "by the state",
      model({ prompt: "{{ state.topic }}" }),
      ["not-a-template agents.a.prompt 0-17: `{{ state.topic }}` → ${{ state.topic }}"],
    ],
    ["in a file", model({ prompt_file: "a.md" }), ["not-a-template /p/a.md 1-12: `{{ topic }}` → ${{ topic }}"]],
    ["in an argument", script({ command: ["x", "{{ topic }}"] }), ["not-a-template agents.a.command.1 0-11: `{{ topic }}` → ${{ topic }}"]],
    ["in a variable", script({ env: { A: "{{ topic }}" } }), ["not-a-template agents.a.env.A 0-11: `{{ topic }}` → ${{ topic }}"]],
    ["that names no key", model({ prompt: "{{ name }} ${name} ${{ topic }}" }), []],
    ["in a template", model({ prompt: "${{ topic + '{{ topic }} ${topic}' }}" }), []],
    ["that is escaped", model({ prompt: "$${{ topic }} $${topic} {{{ topic }}} ${{ topic }}" }), []],
    ["with a dollar in an argument, which a shell may read", script({ command: ["x", "${topic}"] }), []],
    ["that is no key of an input table", model({ input: { t: "topic" }, prompt: "{{ topic }}${{ t }}" }), []],
  ])("%s", async (_sentence, agent, expected) => expect(await told(one(agent), { files: { "a.md": "#{{ topic }}" } })).toEqual(expected));
});

describe("a template where none are read", () => {
  const hard = (key: string): string => `agents.a.${key} not-a-template: templates are not read in \`${key}\`, so this is ordinary text`;
  const text = "x${{ topic }}";
  test.each<[sentence: string, definition: PipelineDefinition, expected: string[]]>([
    ["in `cwd`", one(script({ cwd: text, stdin: "none" })), [hard("cwd")]],
    ["in `module`", one({ type: "module", module: text }), [hard("module")]],
    ["in `file`", one({ type: "pipeline", file: text }), [hard("file")]],
    ["in `prompt_file`", one(model({ prompt_file: text })), [hard("prompt_file")]],
    ["in `provider`", one({ type: "llm", provider: text, model: "m", prompt: "" }), [hard("provider")]],
    ["in `model`", one(model({ model: text, prompt: "p" })), [`~ ${hard("model")}`]],
    ["in `description`", one(model({ description: text, prompt: "p" })), [`~ ${hard("description")}`]],
    ["in `output`", one(model({ output: text, prompt: "p" })), [`~ ${hard("output")}`]],
    ["in a reply", one({ type: "canned", reply: { x: [text] } }), [`~ ${hard("reply").replace("reply", "reply.x.0")}`]],
    [
      "in the command of a hook",
      one(script({}), { hooks: [{ on: "after_run", command: ["x", text] }] }),
      ["~ hooks.0.command.1 not-a-template: templates are not read in the `command` of a hook, so this is ordinary text"],
    ],
    [
      "in a default",
      one(script({}), { inputs: { topic: {}, other: { default: text } } }),
      ["~ inputs.other.default not-a-template: templates are not read in the `default` of an input, so this is ordinary text"],
    ],
    ["with two dollars", one({ type: "canned", reply: { x: "$${{ topic }} ${{" } }), []],
    ["in a table of `output`", one(script({ output: { x: "'$${{ topic }}'" } })), []],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));
});
