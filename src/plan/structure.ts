import type { Path } from "../spec/diagnostic.ts";
import type { GroupSpec, PipelineSpec } from "../spec/spec.ts";
import { planFunction } from "./agents.ts";
import type { Report } from "./checks/report.ts";
import type { EffectiveAgent } from "./effective.ts";
import type { AgentPlan, Element, GroupPlan, StagePlan } from "./plan.ts";

/** The elements of a pipeline: its sequence, its groups, and the detours that branches lead to. */
export interface Structure {
  readonly sequence: readonly Element[];
  readonly elements: ReadonlyMap<string, Element>;
  /** Groups that are no elements, since nothing leads to them. */
  readonly apart: ReadonlyMap<string, GroupPlan>;
}

const SEQUENCE: Path = ["orchestration", "sequential", "agents"];
const GROUPS: Path = ["orchestration", "sequential", "parallel"];
const BRANCHES: Path = ["orchestration", "sequential", "branches"];

/** What names are resolved with. */
export interface Names {
  readonly spec: PipelineSpec;
  /** Every agent, those included that are functions. */
  readonly agents: ReadonlyMap<string, AgentPlan>;
  readonly effective: ReadonlyMap<string, EffectiveAgent>;
  readonly report: Report;
}

/**
 * Resolves the names in the sequence, in the groups, and of the branches' targets.
 *
 * An agent that is not known is told, and stands there as a function, so that the rest of the file can be checked.
 */
export function planStructure(names: Names): Structure {
  const { sequential } = names.spec.orchestration;
  checkSharedNames(names);
  const places = new Map<string, Path>();
  const sequence: Element[] = [];
  for (const [index, name] of sequential.agents.entries()) {
    const path = [...SEQUENCE, index];
    if (claim(name, path, places, names.report)) sequence.push(planElement(name, sequence.length + 1, path, names));
  }
  const elements = new Map(sequence.map((element) => [element.name, element]));
  const groupOf = groupsByMember(names);
  for (const [index, { to_agent: name }] of (sequential.branches ?? []).entries()) {
    if (name === undefined || elements.has(name)) continue;
    const path = [...BRANCHES, index, "to_agent"];
    const group = groupOf.get(name);
    if (group === undefined) elements.set(name, planElement(name, null, path, names));
    else tellMember(names.report, path, name, group, "leads to");
  }
  checkMembers(elements, names);
  // What no run comes to is checked all the same.
  const rest = [...groupsOf(names)].filter(([name]) => !elements.has(name));
  const apart = new Map(rest.map(([name, group]) => [name, planGroup(name, group, null, names)]));
  return { sequence, elements, apart };
}

/** A branch starts from a group and leads to a group, not to one of its members. */
export function tellMember(report: Report, path: Path, name: string, group: string, verb: "starts from" | "leads to"): void {
  report.doubtful("branch-in-group", path, `\`${name}\` is a member of the group \`${group}\`; a branch ${verb} the whole group`, {
    related: [{ path: [...GROUPS, group], at: "key", label: "the group" }],
    help: `write ${path.at(-1)} = "${group}"`,
    // Another stage may be meant; and to lead back to a group needs a bound, where leading nowhere needed none.
    fix: { safe: false, edits: [{ path, text: `"${group}"` }] },
  });
}

/** The group that each member stands in, of the groups that are used. */
export function groupsByMember(names: Names): Map<string, string> {
  const { agents, branches = [] } = names.spec.orchestration.sequential;
  const used = new Set([...agents, ...branches.map(({ to_agent: name }) => name)]);
  const groups = [...groupsOf(names)].filter(([name]) => used.has(name));
  return new Map(groups.flatMap(([name, group]) => group.agents.map((member) => [member, name] as const)));
}

export function groupsOf({ spec }: Names): ReadonlyMap<string, GroupSpec> {
  return new Map(Object.entries(spec.orchestration.sequential.parallel ?? {}));
}

function planElement(name: string, number: number | null, path: Path, names: Names): Element {
  const groups = groupsOf(names);
  const group = groups.get(name);
  return group === undefined ? planStage(name, number, path, names, groups.keys()) : planGroup(name, group, number, names);
}

function planStage(name: string, number: number | null, path: Path, names: Names, groups: Iterable<string> = []): StagePlan {
  const agent = names.agents.get(name);
  if (agent === undefined) names.report.unknownAgent(name, path, names.agents.keys(), groups);
  return { kind: "stage", name, number, agent: agent ?? planFunction(name, names.spec) };
}

function planGroup(name: string, group: GroupSpec, number: number | null, names: Names): GroupPlan {
  const members: StagePlan[] = [];
  const places = new Map<string, Path>();
  for (const [index, member] of group.agents.entries()) {
    const path = [...GROUPS, name, "agents", index];
    if (!claim(member, path, places, names.report)) continue;
    if (groupsOf(names).has(member)) {
      names.report.doubtful("group-in-group", path, `\`${member}\` is a group, and a group cannot be a member of another`, {
        related: [{ path: [...GROUPS, member], at: "key", label: "the group" }],
        help: 'to nest, make it a pipeline of its own, and here an agent with type = "pipeline"',
      });
      continue;
    }
    members.push(planStage(member, number, path, names));
    // A list that names a group may be meant for the sequence.
    if (!group.agents.some((other) => groupsOf(names).has(other))) checkPruning(member, name, path, names);
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

function checkPruning(member: string, group: string, path: Path, { effective, report }: Names): void {
  const agent = effective.get(member);
  for (const key of ["keep", "drop"] as const) {
    if (agent?.keys[key] === undefined) continue;
    report.error(
      "prune-in-group",
      agent.pathOf(key),
      `\`${key}\` does nothing here: \`${member}\` is a member of the group \`${group}\`, and prunes no state of its own`,
      { at: "key", related: [{ path, label: "the member" }], help: `put \`${key}\` into the stage after the group` },
    );
  }
}

/** Each name stands at most once in a list. */
function claim(name: string, path: Path, places: Map<string, Path>, report: Report): boolean {
  const first = places.get(name);
  if (first === undefined) {
    places.set(name, path);
    return true;
  }
  report.doubtful("duplicate-name", path, `\`${name}\` stands here twice`, {
    label: "the second time",
    related: [{ path: first, label: "the first time" }],
    help: `for a second stage that does the same, define an agent with extends = "${name}"; to come back to it, write a branch with max_times`,
  });
  return false;
}

function checkSharedNames(names: Names): void {
  for (const name of groupsOf(names).keys()) {
    if (!names.agents.has(name)) continue;
    names.report.error("duplicate-name", [...GROUPS, name], `\`${name}\` is the name of a group and of an agent`, {
      at: "key",
      related: [{ path: ["agents", name], at: "key", label: "the agent" }],
      help: "give one of them another name",
    });
  }
}

/** A member of a group is neither an element of the sequence nor a member of a second group. */
function checkMembers(elements: ReadonlyMap<string, Element>, { spec, report }: Names): void {
  const places = new Map<string, { readonly path: Path; readonly group: string }>();
  for (const element of elements.values()) {
    if (element.kind !== "group") continue;
    const list = spec.orchestration.sequential.parallel?.[element.name]?.agents ?? [];
    for (const { name } of element.members) {
      const path = [...GROUPS, element.name, "agents", list.indexOf(name)];
      const other = places.get(name);
      const help = `for a second stage that does the same, define an agent with extends = "${name}"`;
      if (elements.has(name)) {
        const stage = [...SEQUENCE, spec.orchestration.sequential.agents.indexOf(name)];
        report.error("duplicate-name", path, `\`${name}\` is a member of \`${element.name}\`, and a stage of its own as well`, {
          related: [{ path: stage, label: "the stage" }],
          help,
        });
      } else if (other !== undefined) {
        report.error("duplicate-name", path, `\`${name}\` is a member of \`${other.group}\` already`, {
          related: [{ path: other.path, label: "the first time" }],
          help,
        });
      }
      places.set(name, { path, group: element.name });
    }
  }
}
