import { dirname, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import {
  type CodeAction,
  CodeActionKind,
  type CodeActionParams,
  type Connection,
  createConnection,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type Location,
  LSPErrorCodes,
  MarkupKind,
  ResponseError,
  type ServerCapabilities,
  type TextDocumentPositionParams,
  TextDocumentSyncKind,
  TextDocuments,
  type WatchDog,
  type WorkspaceEdit,
} from "vscode-languageserver";
import { createProtocolConnection, StreamMessageReader, StreamMessageWriter } from "vscode-languageserver/node";
import type { Clock } from "../engine/clock.ts";
import { checkFile } from "../pipeline/check.ts";
import type { Machine } from "../plan/environment.ts";
import { locateAll } from "../spec/positions.ts";
import { actionsIn } from "./actions.ts";
import { Buffers, isPipeline } from "./buffers.ts";
import { type Checked, Checks } from "./checks.ts";
import { completionsAt } from "./completion.ts";
import { definitionAt, referencesAt } from "./definition.ts";
import { hoverAt } from "./hover.ts";
import { outlineOf } from "./outline.ts";
import { Page } from "./page.ts";
import { toAction, toCompletion, toDiagnostic, toEdits, toSymbol } from "./protocol.ts";
import { promptFilesIn, renamableAt, renameAt } from "./rename.ts";
import { symbolsIn } from "./symbols.ts";

/** What the server is started with. */
export interface ServerWorld {
  readonly input: Readable;
  readonly output: Writable;
  readonly env: Machine["env"];
  readonly cwd: string;
  readonly clock: Clock;
  readonly version: string;
  isAlive(pid: number): boolean;
}

/** A server that has been started. */
export interface RunningServer {
  /** Resolves to the exit code that the protocol asks for, once the client has ended it or is gone. */
  readonly end: Promise<number>;
  /** Tells the client of something that went wrong; the server goes on. */
  report(message: string): void;
}

/**
 * The language server: what the protocol asks for, answered by the functions beside it.
 *
 * Contract: nothing but the protocol goes to `output`. What goes wrong in an answer is told to the client, which gets none.
 */
export function serve(world: ServerWorld): RunningServer {
  const ending = Promise.withResolvers<number>();
  const watchDog = watchDogFor(world, ending.resolve);
  const connection = createConnection((logger) => {
    const protocol = createProtocolConnection(new StreamMessageReader(world.input), new StreamMessageWriter(world.output), logger);
    protocol.onError(([error]) => logger.error(`agentflow: a message could not be read: ${error.message}`));
    return protocol;
  }, watchDog);
  world.input.once("close", () => ending.resolve(watchDog.shutdownReceived ? 0 : 1));
  new Server(connection, world).listen();
  return { end: ending.promise, report: (message) => connection.console.error(message) };
}

/** How often a client is asked whether it is still there: one that was killed may leave its end of the pipe to others. */
const LOOK_AFTER_MS = 3000;

function watchDogFor({ clock, isAlive }: ServerWorld, end: (code: number) => void): WatchDog {
  const look = (pid: number): void => {
    clock.after(LOOK_AFTER_MS, () => {
      if (isAlive(pid)) look(pid);
      else end(1);
    });
  };
  return {
    shutdownReceived: false,
    initialize: ({ processId }) => {
      if (processId !== null) look(processId);
    },
    exit: end,
  };
}

class Server {
  readonly #connection: Connection;
  readonly #world: ServerWorld;
  readonly #buffers: Buffers;
  readonly #documents = new TextDocuments(Page);
  readonly #checks: Checks;
  #client: InitializeParams["capabilities"] = {};

  constructor(connection: Connection, world: ServerWorld) {
    this.#connection = connection;
    this.#world = world;
    this.#buffers = new Buffers(world.cwd);
    this.#checks = new Checks({
      clock: world.clock,
      check: (file) => this.#check(file),
      publish: (file, text, diagnostics) => this.#publish(file, text, diagnostics),
      failed: (file, error) => connection.console.error(`agentflow: ${file} could not be checked: ${reasonOf(error)}`),
    });
  }

  listen(): void {
    this.#connection.onInitialize(({ capabilities }) => {
      this.#client = capabilities;
      return { capabilities: CAPABILITIES, serverInfo: { name: "agentflow", version: this.#world.version } };
    });
    this.#connection.onInitialized(() => this.#watchFiles());
    this.#followDocuments();
    this.#answerQuestions();
    this.#answerChanges();
    this.#documents.listen(this.#connection);
    this.#connection.listen();
  }

  /** What the files refer to changes outside of the editor, too: scripts, modules, nested pipelines. */
  #watchFiles(): void {
    if (this.#client.workspace?.didChangeWatchedFiles?.dynamicRegistration !== true) return;
    this.#connection.client
      .register(DidChangeWatchedFilesNotification.type, { watchers: [{ globPattern: "**/*" }] })
      .catch((error: unknown) => this.#connection.console.warn(`agentflow: files are not watched: ${reasonOf(error)}`));
  }

  #followDocuments(): void {
    this.#documents.onDidChangeContent(({ document }) => {
      const file = this.#buffers.fileOf(document.uri);
      this.#buffers.put(document);
      this.#checks.changed(file);
      if (isPipeline(file, document.text)) this.#checks.open(file);
      else this.#checks.close(file);
    });
    this.#documents.onDidClose(({ document }) => {
      const file = this.#buffers.fileOf(document.uri);
      this.#buffers.remove(document.uri);
      this.#checks.close(file);
      this.#checks.changed(file);
    });
    this.#documents.onDidSave(() => this.#checks.changedSomewhere());
    this.#connection.onDidChangeWatchedFiles(() => this.#checks.changedSomewhere());
  }

  #answerQuestions(): void {
    this.#connection.onHover((params) =>
      this.#answer(params, null, (page, offset) => {
        const hover = hoverAt(page.text, offset);
        return hover && { contents: { kind: MarkupKind.Markdown, value: hover.markdown }, range: page.rangeOf(hover) };
      }),
    );
    this.#connection.onCompletion((params) =>
      this.#answer(params, [], (page, offset) => {
        const withSnippets = this.#client.textDocument?.completion?.completionItem?.snippetSupport === true;
        return completionsAt(page.text, offset).map((one, index) => toCompletion(one, index, page, withSnippets));
      }),
    );
    this.#connection.onDefinition((params) => this.#answer(params, [], (page, offset) => this.#definition(page, offset)));
    this.#connection.onReferences((params) =>
      this.#answer(params, [], (page, offset) =>
        referencesAt(page.text, offset, params.context.includeDeclaration).map((span) => ({ uri: page.uri, range: page.rangeOf(span) })),
      ),
    );
    this.#connection.onDocumentSymbol((params) =>
      this.#answer({ ...params, position: { line: 0, character: 0 } }, [], (page) =>
        symbolsIn(page.text).map((one) => toSymbol(one, page)),
      ),
    );
  }

  #answerChanges(): void {
    this.#connection.onPrepareRename((params) =>
      this.#answer(params, null, (page, offset) => {
        const found = renamableAt(page.text, offset);
        return found && { range: page.rangeOf(found), placeholder: found.name };
      }),
    );
    this.#connection.onRenameRequest((params) => this.#answer(params, null, (page, offset) => this.#rename(page, offset, params.newName)));
    this.#connection.onCodeAction((params) => this.#actions(params));
  }

  /** An answer about a place in a pipeline; `nothing` where there is none. What goes wrong is told, and is nothing as well. */
  #answer<T>({ textDocument, position }: TextDocumentPositionParams, nothing: T, find: (page: Page, offset: number) => T): T {
    const page = this.#documents.get(textDocument.uri);
    if (page === undefined || !this.#isAsked(page)) return nothing;
    try {
      return find(page, page.offsetAt(position));
    } catch (error) {
      if (error instanceof ResponseError) throw error;
      this.#connection.console.error(`agentflow: no answer about ${textDocument.uri}: ${reasonOf(error)}`);
      return nothing;
    }
  }

  /** A file in which there is nothing yet may become a pipeline. */
  #isAsked(page: Page): boolean {
    return isPipeline(this.#buffers.fileOf(page.uri), page.text) || /^(?:[ \t]*(?:#.*|\[*)\r?\n?)*$/.test(page.text);
  }

  async #check(file: string): Promise<Checked> {
    const texts = new Map<string, string | null>([[file, null]]);
    const read = (path: string): Promise<Uint8Array> => {
      texts.set(path, null);
      return this.#buffers.read(path);
    };
    const checked = await checkFile(file, await read(file), this.#world.env, read);
    for (const [path, text] of checked.documents) texts.set(path, text);
    return { diagnostics: await locateAll(checked.diagnostics, checked.documents), texts };
  }

  #publish(file: string, text: string, diagnostics: Checked["diagnostics"]): void {
    const page = Page.create("", "", 0, text);
    const open = this.#buffers.open(file);
    void this.#connection.sendDiagnostics({
      uri: this.#buffers.uriOf(file),
      ...(open?.text === text ? { version: open.version } : {}),
      diagnostics: diagnostics.map((one) => toDiagnostic(one, open?.text === text ? open : page, (other) => this.#elsewhere(other))),
    });
  }

  #elsewhere(file: string): { uri: string; page: Page } | null {
    const page = this.#buffers.page(file);
    return page === null ? null : { uri: this.#buffers.uriOf(file), page };
  }

  #definition(page: Page, offset: number): Location[] {
    const found = definitionAt(page.text, offset, dirname(this.#buffers.fileOf(page.uri)));
    if (found === null) return [];
    if ("here" in found) return found.here.map((span) => ({ uri: page.uri, range: page.rangeOf(span) }));
    const file = found.files.find((one) => this.#buffers.page(one) !== null);
    const start = { line: 0, character: 0 };
    return file === undefined ? [] : [{ uri: this.#buffers.uriOf(file), range: { start, end: start } }];
  }

  #rename(page: Page, offset: number, name: string): WorkspaceEdit {
    const directory = dirname(this.#buffers.fileOf(page.uri));
    const prompts = new Map<string, Page>();
    for (const written of promptFilesIn(outlineOf(page.text))) {
      const prompt = this.#buffers.page(resolve(directory, written));
      if (prompt !== null) prompts.set(resolve(directory, written), prompt);
    }
    const renaming = renameAt(page.text, offset, name, new Map([...prompts].map(([file, prompt]) => [file, prompt.text])));
    if ("problem" in renaming) throw new ResponseError(LSPErrorCodes.RequestFailed, renaming.problem);
    if (renaming.warning !== null) this.#connection.window.showWarningMessage(`agentflow: ${renaming.warning}`);
    const inPrompts = [...renaming.prompts].flatMap(([file, edits]) => {
      const prompt = prompts.get(file);
      return prompt === undefined || edits.length === 0 ? [] : [[this.#buffers.uriOf(file), toEdits(edits, prompt)] as const];
    });
    return { changes: { [page.uri]: toEdits(renaming.edits, page), ...Object.fromEntries(inPrompts) } };
  }

  /** What is asked for while a check waits is answered with what that check finds. */
  async #actions({ textDocument, range, context }: CodeActionParams): Promise<CodeAction[]> {
    const file = this.#buffers.fileOf(textDocument.uri);
    const found = await this.#checks.current(file);
    return this.#answer({ textDocument, position: range.start }, [], (page) => {
      const shown = new Map(found.map((one) => [one, toDiagnostic(one, page, (other) => this.#elsewhere(other))]));
      return actionsIn(page.text, page.spanOf(range), found)
        .filter(({ kind }) => context.only?.some((wanted) => kind === wanted || kind.startsWith(`${wanted}.`)) ?? true)
        .map((action) => toAction(action, page, shown));
    });
  }
}

const CAPABILITIES: ServerCapabilities = {
  textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: { includeText: false } },
  hoverProvider: true,
  completionProvider: { triggerCharacters: ["[", ".", '"', "'"] },
  definitionProvider: true,
  referencesProvider: true,
  renameProvider: { prepareProvider: true },
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix, `${CodeActionKind.SourceFixAll}.agentflow`] },
  documentSymbolProvider: true,
};

function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
