import type { Diagnostic, Edit, Path } from "./diagnostic.ts";
import { stripByteOrderMark } from "./toml.ts";
import { type Statement, statementsOf } from "./toml-statements.ts";

/** The fix of a header that has one bracket too many or too few, which only the text shows; what has another fix, or none, stays as it is. */
export function withBrackets(diagnostic: Diagnostic, text: string): Diagnostic {
  const { code, path = [], help = "" } = diagnostic;
  const wanted = /^write (\[.*?\]+), in (?:single|two) brackets/.exec(help)?.[1];
  if (code !== "wrong-type" || wanted === undefined) return diagnostic;
  const headers = statementsOf(stripByteOrderMark(text)).filter((statement) => isHeaderOf(statement, path));
  const [header, another] = headers;
  if (header === undefined || another !== undefined) return diagnostic;
  const edit: Edit = { span: { start: header.start, end: header.end }, text: wanted };
  return { ...diagnostic, fix: { safe: true, edits: [edit] } };
}

function isHeaderOf({ kind, keys }: Statement, path: Path): boolean {
  return kind !== "pair" && keys.length === path.length && keys.every(({ name }, index) => name === path[index]);
}
