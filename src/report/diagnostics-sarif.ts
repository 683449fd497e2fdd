import { PLAN_CODES } from "../plan/codes.ts";
import type { LocatedEdit } from "../spec/places/edits.ts";
import type { Place } from "../spec/places/place.ts";
import type { Located } from "../spec/positions.ts";
import { SPEC_CODES } from "../spec/read.ts";

export interface SarifOptions {
  /** Of agentflow. */
  readonly version: string;
  /** The path from the root of the checkout; absolute for what lies elsewhere. */
  readonly shown: (file: string) => string;
}

/**
 * Diagnostics as a log in the Static Analysis Results Interchange Format, 2.1.0, which code scanning services take.
 *
 * Contract: plain data, valid against the format's schema. Every result has a place, a rule and a fingerprint that stays the same
 * where lines move.
 */
export function sarifLog(diagnostics: readonly Located[], { version, shown }: SarifOptions): object {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].toSorted();
  const seen = new Map<string, number>();
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "agentflow", version, rules: codes.map((code) => rule(code, diagnostics)) } },
        columnKind: "utf16CodeUnits",
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          ruleIndex: codes.indexOf(diagnostic.code),
          ...result(diagnostic, shown),
          partialFingerprints: { "agentflow/v1": fingerprint(diagnostic, shown, seen) },
        })),
      },
    ],
  };
}

const MEANINGS: Readonly<Record<string, string>> = { ...SPEC_CODES, ...PLAN_CODES };

function rule(code: string, diagnostics: readonly Located[]): object {
  const meaning = { text: MEANINGS[code] ?? code };
  return {
    id: code,
    shortDescription: meaning,
    fullDescription: meaning,
    help: { text: `\`agentflow explain ${code}\` says more, with a wrong and a right example.` },
    defaultConfiguration: { level: diagnostics.find((one) => one.code === code)?.severity },
  };
}

function result({ severity, message, file, place, help, related, fix }: Located, shown: SarifOptions["shown"]): object {
  const artifact = artifactLocation(file, shown);
  return {
    level: severity,
    message: { text: help === null ? message : `${message}\n${help}` },
    locations: [{ physicalLocation: { artifactLocation: artifact, region: region(place) } }],
    ...(related.length === 0 ? {} : { relatedLocations: related.map((other, id) => relatedLocation(other, id, file, shown)) }),
    ...(fix === null
      ? {}
      : {
          fixes: [
            {
              ...(help === null ? {} : { description: { text: help } }),
              artifactChanges: [{ artifactLocation: artifact, replacements: fix.edits.map(replacement) }],
            },
          ],
        }),
  };
}

function relatedLocation(other: Located["related"][number], id: number, file: string | null, shown: SarifOptions["shown"]): object {
  const artifact = artifactLocation(other.file ?? file, shown);
  return { id, physicalLocation: { artifactLocation: artifact, region: region(other.place) }, message: { text: other.label } };
}

function replacement({ place, text }: LocatedEdit): object {
  return { deletedRegion: region(place), insertedContent: { text } };
}

function artifactLocation(file: string | null, shown: SarifOptions["shown"]): object {
  const path = file === null ? "" : shown(file);
  const uri = path.split("/").map(encodeURIComponent).join("/");
  return path.startsWith("/") ? { uri: `file://${uri}` } : { uri, uriBaseId: "%SRCROOT%" };
}

/** What has no place in its file stands at its beginning, since services drop a result without one. */
function region(place: Place | null): object {
  if (place === null) return { startLine: 1, startColumn: 1, endLine: 1, endColumn: 1 };
  return { startLine: place.line, startColumn: place.unitColumn, endLine: place.endLine, endColumn: place.endUnitColumn };
}

/** What is wrong where: the path in the document, or else what the line says; and which of several. */
function fingerprint({ code, file, path, place }: Located, shown: SarifOptions["shown"], seen: Map<string, number>): string {
  const where = path.length > 0 ? path.join(".") : (place?.source.trim().slice(0, 200) ?? "");
  const text = `${code}:${file === null ? "" : shown(file)}:${where}`.toWellFormed();
  const count = (seen.get(text) ?? 0) + 1;
  seen.set(text, count);
  return `${text}:${count}`;
}
