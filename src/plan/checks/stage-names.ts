import { nearest } from "../../spec/suggest.ts";
import type { Reader } from "../readers.ts";
import type { Structure } from "../structure.ts";
import { rangeOf } from "./mentions.ts";
import { listed, type Report } from "./report.ts";

/** `stages.NAME` names elements of the pipeline and members of groups. */
export function checkStageNames(readers: readonly Reader[], { elements }: Structure, report: Report): void {
  const members = [...elements.values()].flatMap((element) => (element.kind === "group" ? element.members : []));
  const names = new Set([...elements.values(), ...members].map(({ name }) => name));
  for (const { reads, place } of readers) {
    for (const read of reads.stages) {
      if (names.has(read.name)) continue;
      const near = nearest(read.name, names);
      report.error("unknown-agent", place, `there is no stage called \`${read.name}\``, {
        ...rangeOf(read),
        help: near === undefined ? `known: ${listed(names)}` : `did you mean \`${near}\`?`,
      });
    }
  }
}
