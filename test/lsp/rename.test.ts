import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { outlineOf } from "../../src/lsp/outline.ts";
import { promptFilesIn, renamableAt, renameAt, type Replacement } from "../../src/lsp/rename.ts";
import { sitesOf } from "../../src/lsp/sites.ts";
import { checkFile } from "../../src/pipeline/check.ts";
import { cursorIn } from "./cursor.ts";

describe("another name", () => {
  const rows: readonly [sentence: string, text: string, name: string, renamed: string][] = [
    [
      "wherever the agent is named",
      `[agents.fe|tch]\n[agents.fetch.env]\n[agents.b]\nextends = "fetch"\n[orchestration.sequential]\nagents = ['fetch', "b"]\n`,
      "load",
      `[agents.load]\n[agents.load.env]\n[agents.b]\nextends = "load"\n[orchestration.sequential]\nagents = ['load', "b"]\n`,
    ],
    [
      "from a place that uses it",
      `[agents."fetch"]\n[[hooks]]\nagents = ["|fetch"]\n`,
      "load",
      `[agents."load"]\n[[hooks]]\nagents = ["load"]\n`,
    ],
    [
      "with dotted keys",
      `agents.fetch.type = "canned"\nagents.fetch.fallback = "b|"\nagents.b.type = "canned"\n`,
      "c",
      `agents.fetch.type = "canned"\nagents.fetch.fallback = "c"\nagents.c.type = "canned"\n`,
    ],
    [
      "in expressions",
      `[agents.fet|ch]\n[agents.b]\ninput = { a = "stages.fetch.visits", b = "stages['fetch'].visits", c = "'stages.fetch'" }\nprompt = "stages.fetch \${{ stages.fetch.status }}"\n`,
      "load",
      `[agents.load]\n[agents.b]\ninput = { a = "stages.load.visits", b = "stages['load'].visits", c = "'stages.fetch'" }\nprompt = "stages.fetch \${{ stages.load.status }}"\n`,
    ],
    [
      "in brackets where the new name cannot stand after a dot",
      `[agents.fet|ch]\n[agents.b]\ninput.a = "stages.fetch.visits"\ninput.b = 'stages.fetch.visits'\n`,
      "load-it",
      `[agents.load-it]\n[agents.b]\ninput.a = "stages['load-it'].visits"\ninput.b = 'stages["load-it"].visits'\n`,
    ],
    [
      "behind escapes and wide characters, over several lines",
      `[agents.fet|ch]\n[agents.b]\nprompt = """\n"\\t\\U0001F600" 😀 \${{ stages.fetch.status }}\\\n   \${{ stages.fetch.visits }}"""\n`,
      "load",
      `[agents.load]\n[agents.b]\nprompt = """\n"\\t\\U0001F600" 😀 \${{ stages.load.status }}\\\n   \${{ stages.load.visits }}"""\n`,
    ],
    [
      "of a group",
      `[agents.a]\n[orchestration.sequential]\nagents = ["both"]\n[orchestration.sequential.parallel.bo|th]\nagents = ["a"]\n`,
      "all",
      `[agents.a]\n[orchestration.sequential]\nagents = ["all"]\n[orchestration.sequential.parallel.all]\nagents = ["a"]\n`,
    ],
    [
      "of a provider",
      `[providers.mi|ne]\n[defaults]\nprovider = "mine"\n[agents.mine]\nprovider = "mine"\n`,
      "ours",
      `[providers.ours]\n[defaults]\nprovider = "ours"\n[agents.mine]\nprovider = "ours"\n`,
    ],
    [
      "in a file that is not valid at the moment",
      `[agents.fet|ch]\ntype = \n[agents.b\nfallback = "fetch"`,
      "load",
      `[agents.load]\ntype = \n[agents.b\nfallback = "load"`,
    ],
  ];

  test.each(rows)("%s", (_sentence, marked, name, renamed) => {
    const { text, offset } = cursorIn(marked);
    const renaming = renameAt(text, offset, name, new Map());
    expect("problem" in renaming ? renaming : { text: changed(text, renaming.edits), warning: renaming.warning }).toEqual({
      text: renamed,
      warning: null,
    });
  });

  const refusals: readonly [sentence: string, text: string, name: string, problem: string][] = [
    ["what is no name", `[agents.fet|ch]`, "a b", '"a b" cannot be a name; a name is a letter, then letters, digits, - and _'],
    ["the name of an agent", `[agents.fet|ch]\n[agents.b]`, "b", "there is an agent called `b` already; choose another name"],
    [
      "the name of a group",
      `[agents.fet|ch]\n[orchestration.sequential.parallel.b]`,
      "b",
      "there is a group called `b` already; choose another name",
    ],
    [
      "the name of a provider",
      `[providers.|a]\n[providers.b]\n[agents.c]`,
      "b",
      "there is a provider called `b` already; choose another name",
    ],
    [
      "what is not defined here",
      `[agents.a]\nfallback = "|b"`,
      "c",
      "only an agent, a group or a provider that this file defines can be renamed",
    ],
    [
      "a built-in provider",
      `[defaults]\nprovider = "|openai"`,
      "c",
      "only an agent, a group or a provider that this file defines can be renamed",
    ],
    ["a key", `[agents.a]\nty|pe = "llm"`, "c", "only an agent, a group or a provider that this file defines can be renamed"],
  ];

  test.each(refusals)("is refused where it would be %s", (_sentence, marked, name, problem) => {
    const { text, offset } = cursorIn(marked);
    expect(renameAt(text, offset, name, new Map())).toEqual({ problem });
  });

  test("is asked for with the name as it is", () => {
    const { text, offset } = cursorIn(`[agents."fet|ch"]`);
    expect(renamableAt(text, offset)).toEqual({ start: 9, end: 14, name: "fetch" });
    expect(renamableAt(text, 2)).toBe(null);
  });

  test("in the prompts of the file, where it is a stage", () => {
    const { text, offset } = cursorIn(`[agents.fet|ch]\nprompt_file = "a.md"\n[agents.b]\nprompt_file = "a.md"\n`);
    expect(promptFilesIn(outlineOf(text))).toEqual(["a.md"]);
    const prompt = "The fetch, ${{ stages.fetch.status }}, stages.fetch.";
    const renaming = renameAt(text, offset, "load-it", new Map([["a.md", prompt]]));
    if ("problem" in renaming) throw new Error(renaming.problem);
    expect(changed(prompt, renaming.prompts.get("a.md") ?? [])).toBe("The fetch, ${{ stages['load-it'].status }}, stages.fetch.");
  });

  test("leaves keys of the state as they are, and says where they are read", () => {
    const { text, offset } = cursorIn(
      `[agents.dra|ft]\ntype = "llm"\n[agents.b]\nprompt = "\${{ draft }}"\n[agents.c]\ninput.a = "state.draft"\nprompt_file = "c.md"\n`,
    );
    const warning = (count: string): string =>
      `${count} \`draft\` as a key of the state, which was not renamed; if that is what the agent writes under its own name, change it as well`;
    expect(renameAt(text, offset, "write", new Map())).toEqual({
      edits: [{ start: 8, end: 13, text: "write" }],
      prompts: new Map(),
      warning: warning("2 places read"),
    });
    expect(renameAt(text, offset, "write", new Map([["c.md", "${{ draft }}"]]))).toMatchObject({ warning: warning("3 places read") });
    expect(renameAt(text.replace("${{ draft }}", ""), offset, "write", new Map())).toMatchObject({
      warning: warning("one place reads"),
    });
  });

  test("every agent and group of the samples can be renamed, and what was valid stays so", async () => {
    const folder = fileURLToPath(new URL("../../pipelines", import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".toml"));
    let count = 0;
    for (const file of files.map((name) => join(folder, name))) {
      const text = readFileSync(file, "utf8");
      const names = new Map(
        sitesOf(text, outlineOf(text)).flatMap((site) => (site.isDefinition && site.subject !== "provider" ? [[site.name, site]] : [])),
      );
      for (const [name, site] of names) {
        const prompts = new Map(
          promptFilesIn(outlineOf(text)).map((written) => [
            resolve(dirname(file), written),
            readFileSync(resolve(dirname(file), written), "utf8"),
          ]),
        );
        const renaming = renameAt(text, site.start, `${name}-renamed`, prompts);
        if ("problem" in renaming) throw new Error(renaming.problem);
        if (renaming.warning !== null) continue;
        count += 1;
        const read = async (path: string): Promise<Uint8Array> => {
          const prompt = prompts.get(path);
          return prompt === undefined ? readFileSync(path) : new TextEncoder().encode(changed(prompt, renaming.prompts.get(path) ?? []));
        };
        const env = { PATH: process.env.PATH };
        const codes = async (bytes: string, readFile?: typeof read): Promise<string[]> =>
          (await checkFile(file, new TextEncoder().encode(bytes), env, readFile)).diagnostics.map(({ code }) => code);
        expect(await codes(changed(text, renaming.edits), read), `${file}: ${name}`).toEqual(await codes(text));
      }
    }
    expect(count).toBeGreaterThan(20);
  });
});

function changed(text: string, edits: readonly Replacement[]): string {
  return edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((result, { start, end, text: written }) => result.slice(0, start) + written + result.slice(end), text);
}
