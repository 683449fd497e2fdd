import type { GroupSpec, PipelineSpec } from "../spec/spec.ts";
import { type Report, unknownName } from "./checks/report.ts";
import type { AgentPlan, Element, GroupPlan, StagePlan } from "./plan.ts";
import type { Path } from "../spec/diagnostic.ts";

/** The elements of a pipeline: its sequence, its groups, and the detours that branches lead to. */
export interface Structure {
  readonly sequence: readonly Element[];
  readonly elements: ReadonlyMap<string, Element>;
}

const SEQUENCE: Path = ["orchestration", "sequential", "agents"];
const GROUPS: Path = ["orchestration", "sequential", "parallel"];
const BRANCHES: Path = ["orchestration", "sequential", "branches"];

/**
 * Resolves the names in the sequence, in the groups and in the branches.
 *
 * @param known every name that is an agent, also those that could not be planned (their problem is told already)
 */
export function planStructure(
  spec: PipelineSpec,
  agents: ReadonlyMap<string, AgentPlan>,
  known: ReadonlySet<string>,
  report: Report,
): Structure {
  const { sequential } = spec.orchestration;
  const groups = new Map(Object.entries(sequential.parallel ?? {}));
  const names: Names = { agents, known, groups, report };
  checkSharedNames(names);
  const places = new Map<string, Path>();
  const sequence: Element[] = [];
  for (const [index, name] of sequential.agents.entries()) {
    const path = [...SEQUENCE, index];
    if (!claim(name, path, places, report)) continue;
    const element = planElement(name, sequence.length + 1, path, names);
    if (element !== null) sequence.push(element);
  }
  const elements = new Map(sequence.map((element) => [element.name, element]));
  for (const [index, branch] of (sequential.branches ?? []).entries()) {
    const name = branch.to_agent;
    if (name === undefined || elements.has(name) || sequential.agents.includes(name)) continue;
    const element = planElement(name, null, [...BRANCHES, index, "to_agent"], names);
    if (element !== null) elements.set(name, element);
  }
  checkMembers(elements, sequential.agents, names);
  return { sequence, elements };
}

interface Names {
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly known: ReadonlySet<string>;
  readonly groups: ReadonlyMap<string, GroupSpec>;
  readonly report: Report;
}

function planElement(name: string, number: number | null, path: Path, names: Names): Element | null {
  const group = names.groups.get(name);
  if (group !== undefined) return planGroup(name, group, number, names);
  return planStage(name, number, path, names);
}

function planStage(name: string, number: number | null, path: Path, { agents, known, groups, report }: Names): StagePlan | null {
  const agent = agents.get(name);
  if (agent !== undefined) return { kind: "stage", name, number, agent };
  if (!known.has(name)) {
    const all = [...known, ...groups.keys()];
    report.error(
      "unknown-agent",
      path,
      `there is no agent called \`${name}\``,
      unknownName(name, all, (near) => (groups.has(near) ? [...GROUPS, near] : ["agents", near])),
    );
  }
  return null;
}

function planGroup(name: string, group: GroupSpec, number: number | null, names: Names): GroupPlan {
  const { report } = names;
  const path = [...GROUPS, name];
  const members: StagePlan[] = [];
  const places = new Map<string, Path>();
  for (const [index, member] of group.agents.entries()) {
    const memberPath = [...path, "agents", index];
    if (!claim(member, memberPath, places, report)) continue;
    if (names.groups.has(member)) {
      report.error("group-in-group", memberPath, `\`${member}\` is a group, and a group cannot be a member of another`, {
        help: 'to nest, make it a pipeline of its own and use an agent with type = "pipeline"',
      });
      continue;
    }
    const stage = planStage(member, number, memberPath, names);
    if (stage === null) continue;
    members.push(stage);
    for (const key of ["keep", "drop"] as const) {
      if (stage.agent[key] !== null) {
        report.error(
          "prune-in-group",
          ["agents", member, key],
          `\`${key}\` has no meaning in a group: its members see and change no common state`,
          {
            related: [{ path: memberPath, label: `a member of \`${name}\` here` }],
            help: "prune in the stage after the group",
          },
        );
      }
    }
  }
  if (group.min_success !== undefined && group.on_error !== "continue") {
    report.error("no-effect", [...path, "min_success"], 'min_success has an effect only with on_error = "continue"', { at: "key" });
  }
  if (group.min_success !== undefined && group.min_success > group.agents.length) {
    report.error(
      "invalid-value",
      [...path, "min_success"],
      `min_success is ${group.min_success}, but the group has only ${group.agents.length} members`,
    );
  }
  return {
    kind: "group",
    name,
    number,
    members,
    maxConcurrency: group.max_concurrency ?? Math.max(1, group.agents.length),
    merge: group.merge ?? "flat",
    onError: group.on_error ?? "fail",
    minSuccess: group.min_success ?? 1,
  };
}

/** Each name stands at most once in a list. */
function claim(name: string, path: Path, places: Map<string, Path>, report: Report): boolean {
  const first = places.get(name);
  if (first === undefined) {
    places.set(name, path);
    return true;
  }
  report.error("duplicate-name", path, `\`${name}\` stands here twice`, {
    related: [{ path: first, label: "the first time" }],
    help: `to run it twice, define a second agent with extends = "${name}"; to run it again, use a branch with max_times`,
  });
  return false;
}

function checkSharedNames({ known, groups, report }: Names): void {
  for (const name of groups.keys()) {
    if (known.has(name)) {
      report.error("duplicate-name", [...GROUPS, name], `\`${name}\` is the name of a group and of an agent`, {
        at: "key",
        related: [{ path: ["agents", name], at: "key", label: "the agent" }],
      });
    }
  }
}

/** A member of a group is neither an element of the sequence, nor a branch's target, nor a member of a second group. */
function checkMembers(elements: ReadonlyMap<string, Element>, sequence: readonly string[], { report }: Names): void {
  const groupOf = new Map<string, string>();
  for (const element of elements.values()) {
    if (element.kind !== "group") continue;
    for (const [index, member] of element.members.entries()) {
      const path = [...GROUPS, element.name, "agents", index];
      const other = groupOf.get(member.name);
      if (elements.has(member.name)) {
        const place = sequence.indexOf(member.name);
        report.error("duplicate-name", path, `\`${member.name}\` is a member of \`${element.name}\` and a stage of its own`, {
          ...(place === -1 ? {} : { related: [{ path: [...SEQUENCE, place], label: "the stage" }] }),
          help: `define a second agent with extends = "${member.name}"`,
        });
      } else if (other !== undefined) {
        report.error("duplicate-name", path, `\`${member.name}\` is a member of \`${other}\` already`, {
          help: `define a second agent with extends = "${member.name}"`,
        });
      }
      groupOf.set(member.name, element.name);
    }
  }
}
