import type { Place } from "../spec/places/place.ts";
import type { Located } from "../spec/positions.ts";
import { oneLine } from "./sanitise.ts";

/** Of each kind, a step shows so many annotations and drops the others without a word. */
const MOST_OF_A_KIND = 10;

/**
 * Diagnostics as workflow commands of GitHub Actions, which become annotations of the files: errors, then warnings; and a notice
 * that says how many were left out.
 *
 *     ::error file=pipeline.toml,line=9,col=1,endLine=9,endColumn=7,title=unknown-key::unknown key `timout` in [agents.fetch]
 *
 * Contract: each command is one line, and nothing of a message ends it early. `shown` gives the path from the root of the checkout.
 */
export function githubCommands(diagnostics: readonly Located[], shown: (file: string) => string): string[] {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const warnings = diagnostics.filter(({ severity }) => severity === "warning");
  const commands = [errors, warnings].flatMap((kind) => kind.slice(0, MOST_OF_A_KIND).map((one) => annotation(one, shown)));
  return [...commands, ...leftOut(errors.length - MOST_OF_A_KIND, warnings.length - MOST_OF_A_KIND)];
}

function annotation({ severity, code, message, file, place, help, fix }: Located, shown: (file: string) => string): string {
  const properties = { ...(file === null ? {} : { file: shown(file) }), ...rangeOf(place), title: code };
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(value)}`);
  const more = help === null ? "" : `\n${fix?.safe === true ? "fix" : "help"}: ${oneLine(help)}`;
  return `::${severity} ${list.join(",")}::${escapeMessage(oneLine(message) + more)}`;
}

/** Columns count only within one line. */
function rangeOf(place: Place | null): Readonly<Record<string, string>> {
  if (place === null) return {};
  const lines = { line: `${place.line}`, endLine: `${place.endLine}` };
  if (place.line !== place.endLine) return lines;
  return { line: lines.line, col: `${place.column}`, endLine: lines.endLine, endColumn: `${place.endColumn}` };
}

function leftOut(errors: number, warnings: number): string[] {
  const parts = [errors > 0 ? more(errors, "error") : "", warnings > 0 ? more(warnings, "warning") : ""].filter((part) => part !== "");
  if (parts.length === 0) return [];
  const count = Math.max(0, errors) + Math.max(0, warnings);
  const verb = count === 1 ? "is" : "are";
  return [
    `::notice title=agentflow::${parts.join(" and ")} ${verb} left out here, where ${MOST_OF_A_KIND} of a kind are shown; agentflow validate tells all of them`,
  ];
}

function more(count: number, word: string): string {
  return `${count} more ${word}${count === 1 ? "" : "s"}`;
}

function escapeMessage(text: string): string {
  return text.toWellFormed().replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
