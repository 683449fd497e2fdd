import { nearest } from "../../spec/suggest.ts";
import type { Reader } from "../readers.ts";
import { alsoAt, distinct, mentionOf } from "./mentions.ts";
import { listed, type Report } from "./report.ts";

/** What an agent that undoes a stage sees instead of the state. */
const UNDOER_SEES: ReadonlySet<string> = new Set(["stage", "input", "output", "error"]);

/** Tells what agents read that undo a stage and that these are not given. `keys`: those of the state. */
export function checkUndoers(undoers: readonly Reader[], keys: ReadonlySet<string>, report: Report): void {
  const mentions = undoers.flatMap(({ reads, place, table, purpose }) => {
    const names = table === null ? null : new Set(table.map(({ key }) => key));
    const unknown = reads.keys.filter(({ name, tested, viaState }) => !tested && (names === null || viaState) && !UNDOER_SEES.has(name));
    return unknown.map((read) => mentionOf(read, place, purpose));
  });
  for (const [first, ...others] of Map.groupBy(distinct(mentions), ({ name }) => name).values()) {
    if (first === undefined) continue;
    const { name, place, at, purpose } = first;
    const near = nearest(name, UNDOER_SEES);
    const related = alsoAt(others);
    report.error("unknown-variable", place, `a rollback sees ${listed(UNDOER_SEES)}, but not \`${name}\`${purpose}`, {
      ...at,
      ...(related.length === 0 ? {} : { related }),
      help:
        near !== undefined && !keys.has(name)
          ? `did you mean \`${near}\`?`
          : `what the stage had is in \`input\`, and what came of it in \`output\`: write \`input.${name}\` or \`output.${name}\``,
    });
  }
}
