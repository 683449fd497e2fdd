import { describe, expect, test } from "vitest";
import type { CodeAction, CompletionItem, Hover, Location, WorkspaceEdit } from "vscode-languageserver/node";
import { folderWith } from "../support/folder.ts";
import { edited, startEditor } from "./client.ts";

const RIGHT = `[agents.fetch]
type = "canned"
reply = { rows = 3 }

[orchestration.sequential]
agents = ["fetch"]
`;

describe("the language server, as an editor starts it", { timeout: 60_000 }, () => {
  test("answers from the first word to the last", async () => {
    const editor = await startEditor(folderWith({}));
    const wrong = RIGHT.replace("reply", "repyl");
    editor.open("pipeline.toml", wrong);
    const diagnostics = await editor.shows("pipeline.toml", (found) => found.length > 0);
    expect(diagnostics).toEqual([
      {
        range: { start: { line: 2, character: 0 }, end: { line: 2, character: 5 } },
        severity: 1,
        code: "unknown-key",
        source: "agentflow",
        message: "unknown key `repyl` in [agents.fetch]\nhelp: replace `repyl` with `reply`",
      },
    ]);

    const actions: CodeAction[] = await editor.connection.sendRequest("textDocument/codeAction", {
      textDocument: { uri: editor.uri("pipeline.toml") },
      range: diagnostics[0]?.range,
      context: { diagnostics },
    });
    expect(actions.map(({ title, kind, isPreferred }) => [title, kind, isPreferred])).toEqual([
      ["Replace `repyl` with `reply`", "quickfix", true],
      ["Fix all safe problems", "source.fixAll.agentflow", undefined],
    ]);
    const mended = edited(wrong, actions[0]?.edit?.changes?.[editor.uri("pipeline.toml")] ?? []);
    expect(mended).toBe(RIGHT);
    editor.type("pipeline.toml", mended);
    await editor.shows("pipeline.toml", (found) => found.length === 0);

    const there = editor.at("pipeline.toml", RIGHT.replace('["fetch', '["fe|tch'));
    const hover: Hover = await editor.connection.sendRequest("textDocument/hover", there);
    expect(hover).toEqual({
      contents: {
        kind: "markdown",
        value: '```toml\n[agents.fetch]\ntype = "canned"\nreply = { rows = 3 }\n```\n\nIt is number 1 of the sequence.',
      },
      range: { start: { line: 5, character: 11 }, end: { line: 5, character: 16 } },
    });
    const definition: Location[] = await editor.connection.sendRequest("textDocument/definition", there);
    expect(definition).toEqual([
      { uri: editor.uri("pipeline.toml"), range: { start: { line: 0, character: 8 }, end: { line: 0, character: 13 } } },
    ]);
    const references: Location[] = await editor.connection.sendRequest("textDocument/references", {
      ...there,
      context: { includeDeclaration: true },
    });
    expect(references.map(({ range }) => range.start)).toEqual([
      { line: 0, character: 8 },
      { line: 5, character: 11 },
    ]);
    const rename: WorkspaceEdit = await editor.connection.sendRequest("textDocument/rename", { ...there, newName: "load" });
    const renamed = edited(RIGHT, rename.changes?.[editor.uri("pipeline.toml")] ?? []);
    expect(renamed).toBe(RIGHT.replaceAll("fetch", "load"));
    await expect(editor.connection.sendRequest("textDocument/rename", { ...there, newName: "1st" })).rejects.toThrow(
      '"1st" cannot be a name; a name is a letter, then letters, digits, - and _',
    );

    editor.type("pipeline.toml", `${RIGHT}\n[agents.fetch.cir`);
    const completions: CompletionItem[] = await editor.connection.sendRequest(
      "textDocument/completion",
      editor.at("pipeline.toml", `${RIGHT}\n[agents.fetch.cir|`),
    );
    expect(completions.map(({ label }) => label).filter((label) => label.startsWith("[agents.fetch."))).toEqual([
      "[agents.fetch.input]",
      "[agents.fetch.output]",
      "[agents.fetch.circuit_breaker]",
      "[agents.fetch.env]",
    ]);

    await editor.connection.sendRequest("shutdown");
    await editor.connection.sendNotification("exit");
    expect(await editor.end).toEqual({ code: 0, stderr: "" });
    expect(editor.told).toEqual([]);
  });
});
