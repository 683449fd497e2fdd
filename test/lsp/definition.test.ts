import { describe, expect, test } from "vitest";
import { definitionAt, referencesAt } from "../../src/lsp/definition.ts";
import { symbolsIn } from "../../src/lsp/symbols.ts";
import { cursorIn } from "./cursor.ts";

const DEFINED = `[agents.fetch.env]
A = "b"
[agents.fetch]
type = "script"
[agents.other]
cwd = "work"
[orchestration.sequential.parallel.both]
agents = ["fetch"]
[providers.mine]
`;

describe("where something is defined", () => {
  const rows: readonly [sentence: string, text: string, there: string | readonly string[] | null][] = [
    ["an agent in the sequence, by its first header", `[orchestration.sequential]\nagents = ["fe|tch"]`, "fetch"],
    ["a group in the sequence", `[orchestration.sequential]\nagents = ["bo|th"]`, "both"],
    ["where a branch leads", `[[orchestration.sequential.branches]]\nto_agent = 'fetch|'`, "fetch"],
    ["a fallback", `[agents.x]\nfallback = "|fetch"`, "fetch"],
    ["a provider", `[defaults]\nprovider = "min|e"`, "mine"],
    ["a stage in a condition", `[[orchestration.sequential.branches]]\ncondition = "stages.fet|ch.visits > 1"`, "fetch"],
    ["a stage in brackets", `[agents.x]\ninput = { a = "stages['fe|tch'].visits" }`, "fetch"],
    ["a name that nothing has", `[agents.x]\nfallback = "fe|tchh"`, []],
    ["a built-in provider, which is not in the file", `[defaults]\nprovider = "open|ai"`, []],
    ["a prompt", `[agents.x]\nprompt_file = "pro|mpts/x.md"`, ["/home/prompts/x.md"]],
    ["a module", `[[hooks]]\nmodule = "./ho|ok.ts"`, ["/home/hook.ts"]],
    ["a nested pipeline", `[agents.x]\nfile = "../in|ner.toml"`, ["/inner.toml"]],
    ["a script among the arguments of a program", `[agents.x]\ncommand = ["node", "x|.mjs"]`, ["/home/x.mjs"]],
    ["the same where the program runs elsewhere", `[agents.y]\ncwd = "in"\ncommand = ["node", "x|.mjs"]`, ["/home/in/x.mjs"]],
    ["an absolute path", `[agents.x]\ncommand = ["/usr/bin/|true"]`, ["/usr/bin/true"]],
    ["nothing for a template", `[agents.x]\ncommand = ["node", "\${{ |x }}"]`, null],
    ["nothing for any other text", `[agents.x]\ndescription = "fet|ch"`, null],
    ["nothing for a key", `[agents.x]\nfall|back = "fetch"`, null],
  ];

  test.each(rows)("%s", (_sentence, marked, there) => {
    const { text, offset } = cursorIn(DEFINED + marked);
    const found = definitionAt(text, offset, "/home");
    const shown =
      found === null ? null : "here" in found ? (found.here.map(({ start, end }) => text.slice(start, end))[0] ?? []) : found.files;
    expect(shown).toEqual(there);
    if (found !== null && "here" in found && there === "fetch") expect(found.here[0]?.start).toBe(8);
  });
});

describe("where something is named", () => {
  const text = `[agents."fetch"]
type = "canned"
[agents.fetch.input]
a = "stages.fetch.visits + stages['fetch'].visits + fetch"
[agents.b]
description = "fetch"
fallback = 'fetch'
[orchestration.sequential]
agents = ["fetch", "b"]
`;
  const lines = (spans: ReturnType<typeof referencesAt>): string[] =>
    spans.map(({ start, end }) => `${text.slice(0, start).split("\n").length} ${text.slice(start, end)}`);

  test("in headers, texts and expressions, but not in a key of the state or a description", () => {
    const all = ["1 fetch", "3 fetch", "4 fetch", "4 fetch", "7 fetch", "9 fetch"];
    expect(lines(referencesAt(text, text.indexOf('"fetch", "b"') + 2, true))).toEqual(all);
    expect(lines(referencesAt(text, 10, false))).toEqual(all.slice(2));
    expect(referencesAt(text, text.indexOf("canned"), true)).toEqual([]);
  });

  test("a list of what is in the file", () => {
    expect(symbolsIn(`${DEFINED}[[hooks]]\non = "retry"\n`).map(({ title, detail, kind }) => `${kind} ${title} (${detail})`)).toEqual([
      "table agents.fetch.env ()",
      "agent fetch (script)",
      "agent other (agent)",
      "group both (group)",
      "table providers.mine ()",
      "table hooks 1 ()",
    ]);
    const [first, second] = symbolsIn("[a]\nb = 1\n[c]");
    expect([first, second]).toEqual([
      { title: "a", detail: "", kind: "table", start: 0, end: 10, header: { start: 0, end: 3 } },
      { title: "c", detail: "", kind: "table", start: 10, end: 13, header: { start: 10, end: 13 } },
    ]);
  });
});
