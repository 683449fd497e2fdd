import { isCertain, nearest } from "../../spec/suggest.ts";
import { fixAt } from "../compile.ts";
import type { Reader } from "../readers.ts";
import type { Element } from "../plan.ts";
import type { Read } from "../scope.ts";
import type { StateFlow } from "../state-flow.ts";
import type { Structure } from "../structure.ts";
import { rangeOf } from "./mentions.ts";
import { listed, type More, type Place, type Report } from "./report.ts";

/** Stages of which something is read that have not run then: `stages` has only those that have. */
export function checkStageOrder({ texts, readers, flow, isSound }: StateFlow): void {
  if (!isSound) return;
  const elementOf = new Map(
    [...texts.structure.elements.values()].flatMap((element) => namesOf(element).map((name) => [name, element.name])),
  );
  for (const { reads, place, at, isCondition } of readers) {
    // A condition that does not find its stage does not hold.
    if (isCondition) continue;
    const places = at.filter(({ element }) => flow.isReached(element));
    if (places.length === 0) continue;
    for (const read of reads.stages) {
      const stage = elementOf.get(read.name);
      if (stage === undefined || reads.stages.some(({ name, tested }) => tested && name === read.name)) continue;
      const mayHaveRun = places.some(({ element, after }) => (after && element === stage) || flow.elementsBefore(element).includes(stage));
      if (mayHaveRun) continue;
      texts.report.error("written-later", place, `the stage \`${read.name}\` has not run when this is read`, {
        ...rangeOf(read),
        help: `read it after that stage, or ask for it first: has(stages.${read.name}) ? … : …`,
      });
    }
  }
}

function namesOf(element: Element): string[] {
  return element.kind === "group" ? [element.name, ...element.members.map(({ name }) => name)] : [element.name];
}

/** `stages.NAME` names elements of the pipeline and members of groups. */
export function checkStageNames(readers: readonly Reader[], { elements }: Structure, report: Report): void {
  const names = new Set([...elements.values()].flatMap(namesOf));
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
