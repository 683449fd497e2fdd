import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  type CodeAction,
  type CompletionItem,
  createProtocolConnection,
  type Diagnostic,
  type Hover,
  type Location,
  type Range,
  StreamMessageReader,
  StreamMessageWriter,
  type WorkspaceEdit,
} from "vscode-languageserver/node";
import { Page } from "../../src/lsp/page.ts";
import { serve } from "../../src/lsp/server.ts";
import { folderWith } from "../support/folder.ts";
import { oneStage } from "../support/one-stage.ts";
import { runProgram } from "../support/program.ts";
import { virtualClock } from "../support/virtual-clock.ts";
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

  test("reads what is open in the editor before what is on the disk, and takes back what is mended elsewhere", async () => {
    const folder = folderWith({
      "outer.toml": pipelineWith(
        `[agents.a]\ntype = "pipeline"\nfile = "inner.toml"\n\n[agents.b]\ntype = "llm"\nmodel = "m"\nprovider = "ollama"\nprompt_file = "b.md"\n`,
        "a",
        "b",
      ),
      "inner.toml": RIGHT,
      "b.md": "${{ rows }}",
    });
    const outer = pipelineWith(
      `[agents.a]\ntype = "pipeline"\nfile = "inner.toml"\n\n[agents.b]\ntype = "llm"\nmodel = "m"\nprovider = "ollama"\nprompt_file = "b.md"\n`,
      "a",
      "b",
    );
    const editor = await startEditor(folder);
    editor.open("outer.toml", outer);
    await editor.shows("outer.toml", (found) => found.length === 0);
    writeFileSync(join(folder, "inner.toml"), RIGHT.replace("reply", "repyl"));
    void editor.connection.sendNotification("workspace/didChangeWatchedFiles", { changes: [{ uri: editor.uri("inner.toml"), type: 2 }] });
    expect(codes(await editor.shows("inner.toml", (found) => found.length > 0))).toEqual(["unknown-key"]);
    writeFileSync(join(folder, "inner.toml"), RIGHT);
    void editor.connection.sendNotification("textDocument/didSave", { textDocument: { uri: editor.uri("outer.toml") } });
    await editor.shows("inner.toml", (found) => found.length === 0);
    editor.open("b.md", "${{ rows + }}");
    expect(codes(await editor.shows("b.md", (found) => found.length > 0))).toEqual(["invalid-expression"]);
    editor.type("b.md", "${{ rows }}");
    await editor.shows("b.md", (found) => found.length === 0);
    editor.open("inner.toml", RIGHT.replace("canned", "caned"));
    expect(codes(await editor.shows("inner.toml", (found) => found.length > 0))).toEqual(["invalid-value"]);
    void editor.connection.sendNotification("textDocument/didClose", { textDocument: { uri: editor.uri("inner.toml") } });
    await editor.shows("inner.toml", (found) => found.length === 0);
    editor.connection.end();
    editor.child.stdin?.end();
    expect(await editor.end).toEqual({ code: 1, stderr: "" });
  });

  test("says nothing about other files in TOML", async () => {
    const editor = await startEditor(folderWith({}));
    editor.open("Cargo.toml", `[package]\nname = "x"\n`);
    const there = { textDocument: { uri: editor.uri("Cargo.toml") }, position: { line: 1, character: 1 } };
    expect(await editor.connection.sendRequest("textDocument/hover", there)).toBe(null);
    expect(await editor.connection.sendRequest("textDocument/completion", there)).toEqual([]);
    editor.open("new.toml", "\n\n");
    const labels: CompletionItem[] = await editor.connection.sendRequest("textDocument/completion", editor.at("new.toml", "\n|\n"));
    expect(labels.map(({ label }) => label)).toContain("[agents.NAME]");
    // It comes to be one: its diagnostics are the first that were published at all.
    editor.type("Cargo.toml", `[package]\n[orchestration.sequential]\nagents = ["x"]\n`);
    expect(codes(await editor.shows("Cargo.toml", () => true))).toEqual(["unknown-key", "unknown-agent"]);
    editor.type("Cargo.toml", `[package]\n`);
    expect(await editor.shows("Cargo.toml", (found) => found.length === 0)).toEqual([]);
  });

  test("marks places as editors count them, tells what is related, and greys out what nothing reaches", async () => {
    const editor = await startEditor(folderWith({}));
    const text = `[agents.a]\ntype = "canned"\nreply = {}\nreplies = [{}]\ninput = { "😀" = "1", b = "\\t\\U0001F600 + '😀' +" }\n\n[orchestration.sequential]\nagents = ["a"]\n`;
    editor.open("agentflow.toml", `\ufeff${text}`);
    const found = await editor.shows("agentflow.toml", (all) => all.length > 0);
    const uri = editor.uri("agentflow.toml");
    expect(
      found.map(({ code, range, tags, relatedInformation }) => [
        code,
        text.split("\n")[range.start.line]?.slice(range.start.character, range.end.character),
        tags,
        relatedInformation,
      ]),
    ).toEqual([
      ["exclusive-keys", "replies", undefined, [{ location: { uri, range: rangeIn(text, "reply") }, message: "one of them has to go" }]],
      ["invalid-expression", "\\U0001F600", undefined, undefined],
    ]);
    editor.open("b.toml", oneStage('type = "canned"\n\n[agents.a-b]\ntype = "canned"'));
    const grey = await editor.shows("b.toml", (all) => all.length > 0);
    expect(grey.map(({ code, range, tags }) => [code, range.start.line, tags])).toEqual([["unreached-agent", 3, [1]]]);
  });

  test("goes on after messages that are none, questions about nothing, and texts that are nonsense", async () => {
    const editor = await startEditor(folderWith({}));
    await expect(editor.connection.sendRequest("agentflow/nothing")).rejects.toThrow("Unhandled method agentflow/nothing");
    expect(await editor.connection.sendRequest("textDocument/hover", editor.at("nothing.toml", "|"))).toBe(null);
    const json = "{ this is no JSON";
    editor.child.stdin?.write(`Content-Length: ${json.length}\r\n\r\n${json}`);
    editor.open("agentflow.toml", '[[[\u0000\ud800"""');
    await editor.shows("agentflow.toml", (found) => found.length > 0);
    const symbols = await editor.connection.sendRequest("textDocument/documentSymbol", {
      textDocument: { uri: editor.uri("agentflow.toml") },
    });
    expect(symbols).toHaveLength(1);
    void editor.connection.sendNotification("exit");
    expect(await editor.end).toEqual({ code: 1, stderr: "" });
  });

  test("looks every three seconds whether its client is there, and ends when it is not, although somebody holds the pipe", async () => {
    const clock = virtualClock();
    const [input, output] = [new PassThrough(), new PassThrough()];
    const asked: number[] = [];
    const isAlive = (pid: number): boolean => asked.push(pid) < 3;
    const server = serve({ input, output, env: {}, cwd: "/", clock, version: "1", isAlive });
    const connection = createProtocolConnection(new StreamMessageReader(output), new StreamMessageWriter(input));
    const told = new Promise((resolve) => connection.onNotification("window/logMessage", resolve));
    connection.listen();
    await connection.sendRequest("initialize", { processId: 42, rootUri: null, capabilities: {} });
    expect(await clock.run(server.end)).toBe(1);
    expect([asked, clock.elapsed()]).toEqual([[42, 42, 42], 9000]);
    server.report("what somebody printed");
    expect(await told).toEqual({ type: 1, message: "what somebody printed" });
    connection.dispose();
  });

  test("ends as it was told to by a signal", async () => {
    const editor = await startEditor(folderWith({}));
    editor.child.kill("SIGTERM");
    expect(await editor.end).toEqual({ code: 143, stderr: "" });
  });

  test("says what it is for where a person starts it", async () => {
    const end = await runProgram(["lsp"], { cwd: folderWith({}), isTTY: true });
    expect(end).toEqual({
      code: 2,
      stdout: "",
      stderr: "agentflow: `agentflow lsp` is started by an editor, which talks to it over stdin and stdout; docs/editors.md says how\n",
    });
  });
});

function pipelineWith(agents: string, ...names: readonly string[]): string {
  return `${agents}\n[orchestration.sequential]\nagents = ${JSON.stringify(names)}\n`;
}

/** Of the first place where a word stands. */
function rangeIn(text: string, word: string): Range {
  const start = text.indexOf(word);
  return Page.create("", "toml", 0, text).rangeOf({ start, end: start + word.length });
}

function codes(diagnostics: readonly Diagnostic[]): unknown[] {
  return diagnostics.map(({ code }) => code);
}
