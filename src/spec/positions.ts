import type { Diagnostic, Path, Related, Span } from "./diagnostic.ts";
import { type LocatedFix, locateFix } from "./places/edits.ts";
import { EMPTY, type Entry, entryAt, readEntries, spanOf } from "./places/entries.ts";
import { type Lines, linesOf, type Place, placeOf } from "./places/place.ts";
import { stripByteOrderMark } from "./toml.ts";

/** A diagnostic with its place in the text. */
export interface Located {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  /** Absolute; null for a definition that was given in code. */
  readonly file: string | null;
  readonly path: Path;
  /** null where there is no text. */
  readonly place: Place | null;
  readonly label: string | null;
  readonly help: string | null;
  /** `file`: where it is in another one than the diagnostic. */
  readonly related: readonly { readonly file?: string; readonly place: Place; readonly label: string }[];
  readonly fix: LocatedFix | null;
}

/**
 * Where the diagnostics of one text are: sorted by their place, without exact repetitions.
 *
 * Contract: a path that is not in the text (a missing key) is placed at the nearest table or key that is. The parser that
 * knows positions is loaded only when there is a path to look up. Never throws. `text` is null for a definition given in code.
 */
export async function locate(text: string | null, diagnostics: readonly Diagnostic[]): Promise<Located[]> {
  return locateIn(text === null ? null : await openDocument(text, diagnostics.some(isByPath)), diagnostics, new Map());
}

/** The same for diagnostics of several files, whose texts are found by the files' paths. */
export async function locateAll(diagnostics: readonly Diagnostic[], texts: ReadonlyMap<string, string>): Promise<Located[]> {
  const byFile = Map.groupBy(diagnostics, ({ file }) => file);
  const elsewhere = new Set(diagnostics.flatMap(({ related = [] }) => related.flatMap(({ file }) => file ?? [])));
  const documents = new Map<string, Document>();
  for (const file of new Set([...byFile.keys(), ...elsewhere])) {
    const text = file === undefined ? undefined : texts.get(file);
    if (file === undefined || text === undefined) continue;
    documents.set(file, await openDocument(text, elsewhere.has(file) || byFile.get(file)?.some(isByPath) === true));
  }
  return sortLocated([...byFile].flatMap(([file, group]) => locateIn(documents.get(file ?? "") ?? null, group, documents)));
}

/** The range of each diagnostic of a text; null for one without a place. */
export async function spansIn(text: string, diagnostics: readonly Diagnostic[]): Promise<(Span | null)[]> {
  const document = await openDocument(text, diagnostics.some(isByPath));
  return diagnostics.map((diagnostic) => spanIn(document, diagnostic));
}

/** A text in which paths can be looked up. */
interface Document {
  readonly lines: Lines;
  readonly root: Entry;
}

function isByPath({ span, path, related = [], fix }: Diagnostic): boolean {
  return (span === undefined && path !== undefined) || related.length > 0 || fix?.edits.some((edit) => edit.path !== undefined) === true;
}

async function openDocument(text: string, withPaths: boolean): Promise<Document> {
  const source = stripByteOrderMark(text);
  return { lines: linesOf(source), root: withPaths ? await readEntries(source) : EMPTY };
}

function locateIn(document: Document | null, diagnostics: readonly Diagnostic[], others: ReadonlyMap<string, Document>): Located[] {
  return sortLocated(
    diagnostics.map((diagnostic): Located => {
      const { severity, code, message, file = null, path = [], label = null, help = null } = diagnostic;
      const related = (diagnostic.related ?? []).flatMap((other) => {
        const found = other.file === undefined || other.file === file ? document : (others.get(other.file) ?? null);
        return found === null ? [] : locateRelated(other, found);
      });
      const fix = document === null || diagnostic.fix === undefined ? null : locateFix(diagnostic.fix, document.root, document.lines);
      return { severity, code, message, file, path, place: placeIn(document, diagnostic), label, help, related, fix };
    }),
  );
}

function placeIn(document: Document | null, diagnostic: Diagnostic): Place | null {
  const span = document === null ? null : spanIn(document, diagnostic);
  return document === null || span === null ? null : placeOf(span, document.lines);
}

function spanIn({ root, lines }: Document, { path, span, at = "value" }: Diagnostic): Span | null {
  return span ?? (path === undefined ? null : spanOf(root, path, at, lines.source));
}

function locateRelated({ file, path, span, at = "value", label }: Related, { root, lines }: Document): Located["related"] {
  if (span === undefined && entryAt(root, path) === undefined) return [];
  return [{ ...(file === undefined ? {} : { file }), place: placeOf(span ?? spanOf(root, path, at, lines.source), lines), label }];
}

function sortLocated(diagnostics: readonly Located[]): Located[] {
  const seen = new Set<string>();
  return diagnostics
    .toSorted(
      (a, b) =>
        compare(a.file ?? "", b.file ?? "") || (a.place?.start ?? 0) - (b.place?.start ?? 0) || (a.place?.end ?? 0) - (b.place?.end ?? 0),
    )
    .filter(({ file, place, path, code, message }) => {
      const identity = JSON.stringify([file, place === null ? path : [place.start, place.end], code, message]);
      return !seen.has(identity) && seen.add(identity);
    });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
