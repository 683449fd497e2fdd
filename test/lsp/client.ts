import { type ChildProcess, spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { afterAll } from "vitest";
import {
  createProtocolConnection,
  type Diagnostic,
  type InitializeParams,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type TextEdit,
} from "vscode-languageserver/node";
import { Page } from "../../src/lsp/page.ts";
import { COMMAND_ENV, commandScript } from "../support/command.ts";
import { folderWith } from "../support/folder.ts";

/** An editor that talks to the real program over its pipes. */
export interface Editor {
  readonly child: ChildProcess;
  readonly connection: ProtocolConnection;
  /** The address of a file in the editor's folder. */
  uri(name: string): string;
  open(name: string, text: string): void;
  /** Replaces the whole text. */
  type(name: string, text: string): void;
  /** Resolves to the diagnostics of a file as soon as they are like that. */
  shows(name: string, isWanted: (diagnostics: readonly Diagnostic[]) => boolean): Promise<readonly Diagnostic[]>;
  /** The parameters of a question about the place where `|` stands. */
  at(name: string, textWithCursor: string): { textDocument: { uri: string }; position: { line: number; character: number } };
  /** What the server has told in its log and in windows. */
  readonly told: string[];
  /** Resolves to the exit code, and what was written on stderr. */
  readonly end: Promise<{ code: number | null; stderr: string }>;
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts the server in a folder and says hello. */
export async function startEditor(folder: string, options: Partial<InitializeParams> = {}): Promise<Editor> {
  const child = spawn(process.execPath, [commandScript(folderWith({})), "lsp", "--stdio"], {
    cwd: folder,
    env: COMMAND_ENV,
    stdio: "pipe",
  });
  running.add(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const end = new Promise<{ code: number | null; stderr: string }>((resolve) => child.once("close", (code) => resolve({ code, stderr })));
  const connection = createProtocolConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin));
  const uri = (name: string): string => pathToFileURL(join(folder, name)).href;
  const shown = new Map<string, readonly Diagnostic[]>();
  const waiting = new Set<() => void>();
  const told: string[] = [];
  connection.onNotification("textDocument/publishDiagnostics", (params: { uri: string; diagnostics: Diagnostic[] }) => {
    shown.set(params.uri, params.diagnostics);
    for (const look of waiting) look();
  });
  connection.onNotification("window/logMessage", ({ message }: { message: string }) => void told.push(message));
  connection.onNotification("window/showMessage", ({ message }: { message: string }) => void told.push(message));
  connection.listen();
  await connection.sendRequest("initialize", { processId: process.pid, rootUri: null, capabilities: {}, ...options });
  void connection.sendNotification("initialized", {});
  let version = 1;
  return {
    child,
    connection,
    uri,
    told,
    end,
    open(name, text) {
      void connection.sendNotification("textDocument/didOpen", { textDocument: { uri: uri(name), languageId: "toml", version: 1, text } });
    },
    type(name, text) {
      version += 1;
      void connection.sendNotification("textDocument/didChange", { textDocument: { uri: uri(name), version }, contentChanges: [{ text }] });
    },
    shows: (name, isWanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          const diagnostics = shown.get(uri(name));
          if (diagnostics === undefined || !isWanted(diagnostics)) return;
          waiting.delete(look);
          resolve(diagnostics);
        };
        waiting.add(look);
        look();
      }),
    at(name, textWithCursor) {
      const before = textWithCursor.slice(0, textWithCursor.indexOf("|")).split("\n");
      return { textDocument: { uri: uri(name) }, position: { line: before.length - 1, character: before.at(-1)?.length ?? 0 } };
    },
  };
}

/** A text after edits, as an editor makes them. */
export function edited(text: string, edits: readonly TextEdit[]): string {
  const page = Page.create("", "toml", 0, text);
  return edits
    .map(({ range, newText }) => ({ ...page.spanOf(range), newText }))
    .toSorted((one, other) => other.start - one.start)
    .reduce((result, { start, end, newText }) => result.slice(0, start) + newText + result.slice(end), text);
}
