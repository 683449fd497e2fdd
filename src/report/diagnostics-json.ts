import type { LocatedEdit, LocatedFix } from "../spec/places/edits.ts";
import type { Place } from "../spec/places/place.ts";
import type { Located } from "../spec/positions.ts";

/** Diagnostics for programs. Lines and columns as in {@link Place}; null where there is no text. */
export interface DiagnosticsReport {
  readonly version: 1;
  readonly files: readonly { readonly file: string; readonly valid: boolean }[];
  readonly diagnostics: readonly ReportedDiagnostic[];
  readonly errors: number;
  readonly warnings: number;
}

interface ReportedDiagnostic extends Range {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  /** Keys and list indexes from the root of the document. */
  readonly path: readonly (string | number)[];
  readonly label: string | null;
  readonly help: string | null;
  readonly related: readonly (Range & { readonly message: string; readonly file: string | null })[];
  readonly fix: { readonly safe: boolean; readonly edits: readonly ReportedEdit[] } | null;
}

interface Range {
  readonly line: number | null;
  readonly column: number | null;
  readonly end_line: number | null;
  readonly end_column: number | null;
}

/** Offsets count UTF-16 code units, from behind a byte order mark. */
interface ReportedEdit extends Range {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Diagnostics as plain data, to be written as JSON. `files` are all that were checked, with or without problems. */
export function diagnosticsReport(files: DiagnosticsReport["files"], diagnostics: readonly Located[]): DiagnosticsReport {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  return { version: 1, files, diagnostics: diagnostics.map(reported), errors, warnings: diagnostics.length - errors };
}

function reported({ severity, code, message, file, path, place, label, help, related, fix }: Located): ReportedDiagnostic {
  return {
    severity,
    code,
    message,
    file,
    ...range(place),
    path,
    label,
    help,
    related: related.map((other) => ({ message: other.label, file: other.file ?? file, ...range(other.place) })),
    fix: fix === null ? null : reportedFix(fix),
  };
}

function reportedFix({ safe, edits }: LocatedFix): ReportedDiagnostic["fix"] {
  return { safe, edits: edits.map(reportedEdit) };
}

function reportedEdit({ place, text }: LocatedEdit): ReportedEdit {
  return { ...range(place), start: place.start, end: place.end, text };
}

function range(place: Place | null): Range {
  return {
    line: place?.line ?? null,
    column: place?.column ?? null,
    end_line: place?.endLine ?? null,
    end_column: place?.endColumn ?? null,
  };
}
