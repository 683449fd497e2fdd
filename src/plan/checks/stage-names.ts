import { isCertain, nearest } from "../../spec/suggest.ts";
import { fixAt } from "../compile.ts";
import type { Reader } from "../readers.ts";
import type { Read } from "../scope.ts";
import type { Structure } from "../structure.ts";
import { rangeOf } from "./mentions.ts";
import { listed, type More, type Place, type Report } from "./report.ts";

/** `stages.NAME` names elements of the pipeline and members of groups. */
export function checkStageNames(readers: readonly Reader[], { elements }: Structure, report: Report): void {
  const members = [...elements.values()].flatMap((element) => (element.kind === "group" ? element.members : []));
  const names = new Set([...elements.values(), ...members].map(({ name }) => name));
  for (const { reads, place, parts } of readers) {
    for (const read of reads.stages) {
      if (names.has(read.name)) continue;
      const near = nearest(read.name, names);
      report.error("unknown-agent", place, `there is no stage called \`${read.name}\``, {
        ...rangeOf(read),
        ...(near === undefined ? { help: `known: ${listed(names)}` } : renamedTo(near, read, place, parts, names)),
      });
    }
  }
}

/** The fix, where there is one. */
function renamedTo(near: string, read: Read, place: Place, parts: Reader["parts"], names: Iterable<string>): Pick<More, "help" | "fix"> {
  const text = rewritten(near, read, parts);
  if (text === undefined) return { help: `did you mean \`${near}\`?` };
  const help = `replace \`${read.name}\` with \`${near}\``;
  return { help, fix: fixAt(place, { safe: isCertain(read.name, near, names), start: read.start, end: read.end, text }) };
}

/** What to write for a name where it stands, with its quotes where it has some; undefined where the right one would need some. */
export function rewritten(near: string, { name, start, end }: Read, parts: Reader["parts"]): string | undefined {
  const part = parts.find(({ expression, start: from }) => from <= start && end <= from + expression.text.length);
  const written = part?.expression.text.slice(start - part.start, end - part.start) ?? "";
  if (!written.includes(name) || (written === name && !/^\w+$/.test(near))) return undefined;
  return written.replace(name, () => near);
}
