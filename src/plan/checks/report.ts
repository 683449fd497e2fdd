import type { Diagnostic, Path, Related } from "../../spec/diagnostic.ts";
import { NAME } from "../../spec/rules.ts";
import { NAMELESS } from "../../spec/salvage.ts";
import { isCertain, nearest } from "../../spec/suggest.ts";
import type { PlanCode } from "../codes.ts";
import { hidesFlow, hidesHandlers, hidesReads } from "./doubt.ts";

/** Where something stands: a value of the pipeline file, or a text in a file of its own, such as a prompt. */
export type Place = Path | { readonly file: string };

/** What a diagnostic says besides its message. */
export type More = Pick<Diagnostic, "at" | "label" | "related" | "help" | "fix">;

/**
 * Collects the problems of one pipeline file.
 *
 * `doubts` are the places where the file could not be taken as it is written. They have been told; what follows from them is
 * not, so that one mistake is one message.
 */
export class Report {
  readonly #file: string | null;
  readonly #doubts: Path[];
  readonly #found: Diagnostic[] = [];
  readonly #unknown = new Map<string, UnknownName>();

  constructor(file: string | null, doubts: readonly Path[] = []) {
    this.#file = file;
    this.#doubts = [...doubts];
  }

  error(code: PlanCode, place: Place, message: string, more: More = {}): void {
    this.#add("error", code, place, message, more);
  }

  warning(code: PlanCode, place: Place, message: string, more: More = {}): void {
    this.#add("warning", code, place, message, more);
  }

  /** An error about something that may be meant to be another: what follows from it is not told. */
  doubtful(code: PlanCode, path: Path, message: string, more: More = {}): void {
    this.error(code, path, message, more);
    this.#doubts.push(path);
  }

  /** A key that is needed, told at `place`; what follows from its absence is not told. */
  lacks(key: Path, place: Path, message: string, more: More = {}): void {
    this.error("missing-key", place, message, more);
    this.#doubts.push(key);
  }

  /** One that was found elsewhere. */
  problem({ severity, code, path = [], message, at, label, related, help, fix }: Diagnostic): void {
    const more = { at, label, related, help, fix };
    this.#add(severity, code as PlanCode, path, message, more);
  }

  /** A name that is no agent's. Each is told once, however often it stands. `groups`: where a group could be meant as well. */
  unknownAgent(name: string, path: Path, agents: Iterable<string>, groups: Iterable<string> = []): void {
    if (this.#followsFromDoubt("unknown-agent", path) || this.#hidesName(["agents"], name) || this.#hidesName(GROUPS, name)) return;
    const known = this.#unknown.get(name);
    if (known === undefined) this.#unknown.set(name, { name, path, agents: new Set(agents), groups: new Set(groups), others: [] });
    else known.others.push(path);
  }

  /** Whether something at this place, or in it, could not be taken as it is written. */
  doubtsIn(path: Path): boolean {
    return this.#doubts.some((doubt) => isWithin(doubt, path));
  }

  get doubts(): readonly Path[] {
    return this.#doubts;
  }

  has(code: PlanCode): boolean {
    return this.#found.some((diagnostic) => diagnostic.code === code);
  }

  get hasErrors(): boolean {
    return this.#unknown.size > 0 || this.#found.some(({ severity }) => severity === "error");
  }

  get hasUnknownNames(): boolean {
    return this.#unknown.size > 0;
  }

  get diagnostics(): Diagnostic[] {
    const unknown = [...this.#unknown.values()].map((name): Diagnostic => ({ ...describeUnknown(name), ...this.#place(name.path) }));
    return [...this.#found, ...unknown];
  }

  #add(severity: Diagnostic["severity"], code: PlanCode, place: Place, message: string, { at, ...given }: More): void {
    const more = given.related === undefined ? given : { ...given, related: firstRelated(given.related) };
    if ("file" in place) {
      this.#found.push({ severity, code, message, file: place.file, ...(typeof at === "object" ? { span: at } : {}), ...more });
    } else if (!this.#followsFromDoubt(code, place)) {
      this.#found.push({ severity, code, message, ...this.#place(place), ...(at === undefined ? {} : { at }), ...more });
    }
  }

  #place(path: Path): Pick<Diagnostic, "file" | "path"> {
    return this.#file === null ? { path } : { path, file: this.#file };
  }

  /** What stands in a doubtful place; and what is missing, or does nothing, in a table that has one. */
  #followsFromDoubt(code: PlanCode, path: Path): boolean {
    if (this.#doubts.some((doubt) => isWithin(path, doubt))) return true;
    if (FLOW_CODES.has(code) && this.#doubts.some(hidesFlow)) return true;
    if (code === "unused-input" && this.#doubts.some(hidesReads)) return true;
    if (code.startsWith("missing-")) return this.doubtsIn(tableOf(path)) || this.doubtsIn(["defaults"]) || this.#doubts.some(hidesHandlers);
    return code === "no-effect" && this.doubtsIn(path.slice(0, -1));
  }

  /** Whether a name may be that of a table whose header cannot be read. */
  #hidesName(table: Path, name: string): boolean {
    return this.#doubts.some((doubt) => isWithin([...table, name], doubt) || isWithin([...table, NAMELESS], doubt));
  }
}

/** What is right or wrong by who runs, or by which keys there are. */
const FLOW_CODES: ReadonlySet<PlanCode> = new Set(["unreached-branch", "unreachable-stage", "group-conflict"]);
const GROUPS: Path = ["orchestration", "sequential", "parallel"];

/** The table that lacks something: an agent's, or the one in which a key stands. */
function tableOf(path: Path): Path {
  if (path[0] === "agents") return path.slice(0, 2);
  return path.length > 2 ? path.slice(0, -1) : path;
}

/** Whether a place is another one, or in it. */
function isWithin(place: Path, whole: Path): boolean {
  return whole.every((part, index) => place[index] === part);
}

interface UnknownName {
  readonly name: string;
  readonly path: Path;
  readonly agents: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly others: Path[];
}

/** What is near to it, and where that stands; or what there is. */
function describeUnknown({ name, path, agents, groups, others }: UnknownName): Diagnostic {
  const names = [...agents, ...groups];
  const near = nearest(name, names);
  const related = firstRelated(others.map((path) => ({ path, label: "here as well" })));
  if (near !== undefined)
    related.push({
      path: agents.has(near) ? ["agents", near] : ["orchestration", "sequential", "parallel", near],
      at: "key",
      label: "did you mean this one?",
    });
  return {
    severity: "error",
    code: "unknown-agent",
    message: `there is no agent called \`${name}\``,
    label: "not defined",
    ...(related.length === 0 ? {} : { related }),
    ...(near === undefined
      ? { help: `known: ${listed(names)}${NAME.test(name) ? `; another one needs a table [agents.${name}]` : ""}` }
      : renaming([path, ...others], name, near, names)),
  };
}

/** What mends a name that is misspelt at some places. */
export function renaming(paths: readonly Path[], name: string, meant: string, candidates: Iterable<string>): Pick<More, "help" | "fix"> {
  const edits = paths.map((path) => ({ path, text: JSON.stringify(meant) }));
  return { help: `replace \`${name}\` with \`${meant}\``, fix: { safe: isCertain(name, meant, candidates), edits } };
}

/** How many other places are shown with a problem. */
const MOST_RELATED = 20;

/** Other places that explain a problem, as far as they are shown; the label of the last one says how many more there are. */
function firstRelated(all: readonly Related[]): Related[] {
  const left = all.length - MOST_RELATED;
  const shown = all.slice(0, MOST_RELATED);
  const last = shown.at(-1);
  return left <= 0 || last === undefined ? shown : [...shown.slice(0, -1), { ...last, label: `${last.label}, and at ${left} more places` }];
}

/** Agents of which each leads to the next, and the last to the first; of many only both ends. */
export function circleOf(names: readonly string[]): string {
  const all = [...names, names[0] ?? ""].map((name) => `\`${name}\``);
  const left = all.length - MOST_RELATED;
  return (left <= 1 ? all : [...all.slice(0, MOST_RELATED - 2), `${left + 1} more`, all.at(-1)]).join(" → ");
}

/** Names in a row, the first dozen of them. */
export function listed(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return "none";
  const first = all.slice(0, 12).map((name) => `\`${name}\``);
  return `${first.join(", ")}${all.length > first.length ? ", …" : ""}`;
}
