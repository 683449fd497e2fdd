import { isCertain, nearest } from "../../spec/suggest.ts";
import { fixAt } from "../compile.ts";
import type { Reader } from "../readers.ts";
import { type Read, STAGE_META } from "../scope.ts";
import { alsoAt, distinct, type Mention, mentionOf } from "./mentions.ts";
import type { More, Report } from "./report.ts";
import { rewritten } from "./stage-names.ts";

/** Tells misspelt names of metadata. A run may be given others, so only what leaves no doubt is told. */
export function checkMetadata(readers: readonly Reader[], report: Report): void {
  const mentions = distinct(readers.flatMap(misspeltIn));
  for (const [first, ...others] of Map.groupBy(mentions, ({ name }) => name).values()) {
    if (first === undefined) continue;
    const { name, place, at, meant, fix } = first;
    const related = alsoAt(others);
    report.warning("unknown-variable", place, `metadata has no \`${name}\`, unless a run is given it with --meta`, {
      ...at,
      ...(related.length === 0 ? {} : { related }),
      help: `did you mean \`${meant}\`?`,
      ...fix,
    });
  }
}

interface Misspelt extends Mention {
  readonly meant: string;
  readonly fix: Pick<More, "fix">;
}

function misspeltIn({ reads, place, parts }: Reader): Misspelt[] {
  const tested = new Set(reads.meta.filter((read) => read.tested).map(({ name }) => name));
  return reads.meta.flatMap((read): Misspelt[] => {
    const meant = tested.has(read.name) ? undefined : meantBy(read);
    if (meant === undefined) return [];
    const text = rewritten(meant, read, parts);
    const fix = text === undefined ? {} : { fix: fixAt(place, { safe: false, start: read.start, end: read.end, text }) };
    return [{ ...mentionOf(read, place), meant, fix }];
  });
}

function meantBy({ name }: Read): string | undefined {
  const near = nearest(name, STAGE_META);
  return near !== undefined && near !== name && isCertain(name, near, STAGE_META) ? near : undefined;
}
