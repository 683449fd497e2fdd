import type { Path } from "../../spec/diagnostic.ts";
import type { StateFlow } from "../state-flow.ts";
import { listed } from "./report.ts";

const SEQUENCE: Path = ["orchestration", "sequential", "agents"];

/** Warns of stages that stand in the sequence, and that a branch before them leads past in every run. */
export function checkUnreachableStages({ texts, flow, isCertain }: StateFlow): void {
  const { structure, branches, source, report } = texts;
  // A branch with a mistake may be meant to lead elsewhere.
  if (!isCertain || report.hasErrors) return;
  const list = source.spec.orchestration.sequential.agents;
  const placeOf = (name: string): Path => [...SEQUENCE, list.indexOf(name)];
  const passedBy = new Map<string, string[]>();
  let last = "";
  for (const { name } of structure.sequence) {
    if (flow.isReached(name)) last = name;
    else passedBy.set(last, [...(passedBy.get(last) ?? []), name]);
  }
  for (const [before, stages] of passedBy) {
    const [first, ...others] = stages;
    if (first === undefined) continue;
    const always = branches.get(before)?.find(({ condition }) => condition === null);
    const names = listed([first, ...others]);
    report.warning(
      "unreachable-stage",
      placeOf(first),
      `no run comes to ${names}: a branch always leads past ${others.length === 0 ? "it" : "them"}`,
      {
        related: [
          ...(always === undefined
            ? []
            : [{ path: ["orchestration", "sequential", "branches", always.index], at: "key" as const, label: "always taken" }]),
          ...others.map((name) => ({ path: placeOf(name), label: "nor to this one" })),
        ],
        help: `give the branch from \`${before}\` a condition, or remove ${names} from the sequence`,
      },
    );
  }
}
