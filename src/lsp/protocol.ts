import {
  type CodeAction,
  CodeActionKind,
  type CompletionItem,
  CompletionItemKind,
  type Diagnostic,
  DiagnosticSeverity,
  DiagnosticTag,
  type DocumentSymbol,
  InsertTextFormat,
  MarkupKind,
  SymbolKind,
  type TextEdit,
} from "vscode-languageserver";
import type { Located } from "../spec/positions.ts";
import type { Action } from "./actions.ts";
import type { Completion } from "./completion.ts";
import type { Page } from "./page.ts";
import type { Replacement } from "./rename.ts";
import type { TableSymbol } from "./symbols.ts";

/** Finds the page of another file, and its address. */
export type Elsewhere = (file: string) => { readonly uri: string; readonly page: Page } | null;

/** A diagnostic for an editor, which shows nothing but the message: so what to do stands in it as well. */
export function toDiagnostic(located: Located, page: Page, elsewhere: Elsewhere): Diagnostic {
  const { severity, code, place, related, file } = located;
  const others = related.flatMap(({ file: other = file, place: at, label }) => {
    const found = other === null ? null : elsewhere(other);
    return found === null ? [] : [{ location: { uri: found.uri, range: found.page.rangeOf(at) }, message: label }];
  });
  return {
    range: page.rangeOf(place ?? { start: 0, end: 0 }),
    severity: severity === "error" ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code,
    source: "agentflow",
    message: messageOf(located),
    ...(DOES_NOTHING.test(code) ? { tags: [DiagnosticTag.Unnecessary] } : {}),
    ...(others.length === 0 ? {} : { relatedInformation: others }),
  };
}

/** What is there for nothing: editors show it in grey. */
const DOES_NOTHING = /^(?:un(?:used|reached|reachable)-|no-effect$|branch-after-otherwise$)/;

function messageOf({ message, label, help }: Located): string {
  const more = help ?? label;
  return more === null ? message : `${message}\n${help === null ? "" : "help: "}${more}`;
}

export function toEdits(replacements: readonly Replacement[], page: Page): TextEdit[] {
  return replacements.map(({ text, ...span }) => ({ range: page.rangeOf(span), newText: text }));
}

export function toAction(action: Action, page: Page, diagnostics: ReadonlyMap<Located, Diagnostic>): CodeAction {
  return {
    title: action.title,
    kind: action.kind,
    ...(action.kind === CodeActionKind.QuickFix ? { isPreferred: action.isSafe } : {}),
    diagnostics: action.diagnostics.flatMap((one) => diagnostics.get(one) ?? []),
    edit: { changes: { [page.uri]: toEdits(action.edits, page) } },
  };
}

/** In the order in which they were found, which editors would otherwise replace by that of the alphabet. */
export function toCompletion(completion: Completion, index: number, page: Page, withSnippets: boolean): CompletionItem {
  const { label, kind, detail, documentation, text, snippet } = completion;
  const isSnippet = withSnippets && snippet !== null;
  return {
    label,
    kind: COMPLETION_KINDS[kind],
    ...(detail === null ? {} : { detail }),
    ...(documentation === null ? {} : { documentation: { kind: MarkupKind.PlainText, value: documentation } }),
    sortText: String(index).padStart(4, "0"),
    textEdit: { range: page.rangeOf(completion), newText: isSnippet ? snippet : text },
    ...(isSnippet ? { insertTextFormat: InsertTextFormat.Snippet } : {}),
  };
}

const COMPLETION_KINDS: Readonly<Record<Completion["kind"], CompletionItemKind>> = {
  table: CompletionItemKind.Module,
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  name: CompletionItemKind.Reference,
  code: CompletionItemKind.Constant,
};

export function toSymbol({ title, detail, kind, header, ...span }: TableSymbol, page: Page): DocumentSymbol {
  return { name: title, detail, kind: SYMBOL_KINDS[kind], range: page.rangeOf(span), selectionRange: page.rangeOf(header) };
}

const SYMBOL_KINDS: Readonly<Record<TableSymbol["kind"], SymbolKind>> = {
  agent: SymbolKind.Function,
  group: SymbolKind.Class,
  table: SymbolKind.Namespace,
};
