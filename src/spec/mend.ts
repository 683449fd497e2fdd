import type { Path } from "./diagnostic.ts";
import { homeOf, isMisspelt, meantKey, valueAt } from "./form.ts";
import type { Json, JsonObject } from "./json.ts";
import { isJsonObject, setOwn } from "./json.ts";
import { checkForm, type Violation } from "./schema.ts";
import type { PipelineSpec } from "./spec.ts";
import { nearest } from "./suggest.ts";

/** What can be made of data that does not have the form of a pipeline file. */
export interface Mended {
  readonly data: JsonObject;
  /** Not frozen; null where the data does not say which agents run, so that there is nothing to check. */
  readonly spec: PipelineSpec | null;
  /** The places where it differs from what is written. */
  readonly doubtful: readonly Path[];
}

/**
 * What the author may have meant, so that the rest of the file can be checked.
 *
 * A misspelt key or word is taken to be the near one. What else is wrong is left out; where it cannot be left out, something
 * that names nothing takes its place. `refused` are places that are doubtful already.
 */
export function mend(data: JsonObject, violations: readonly Violation[], refused: readonly Path[] = []): Mended {
  const doubtful = [...refused];
  const mended: Table = structuredClone(data);
  let left = violations;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    doubtful.push(...left.map(({ path }) => path));
    const missing = new Set(left.filter((violation) => isMisspelt(violation, left, mended)));
    const changed = left.map((violation) => (missing.has(violation) ? [] : mendOne(mended, violation)));
    if (changed.includes(null)) break;
    doubtful.push(...changed.flatMap((paths) => paths ?? []));
    const form = checkForm(mended);
    if ("spec" in form) return { data: mended, spec: form.spec, doubtful };
    left = form.violations;
  }
  return { data, spec: null, doubtful };
}

/** A misspelt key may hold something wrong, and that something wrong again. */
const MOST_ROUNDS = 5;

type Table = { [key: string | number]: Json };

/** The places that were changed. */
function mendOne(data: Table, violation: Violation): Path[] | null {
  const { path } = violation;
  const parent = tableAt(data, path.slice(0, -1));
  const key = path.at(-1) ?? "";
  // It lies in something that another violation has left out.
  if (parent === undefined) return [];
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined;
  if (violation.kind === "unknown-key") {
    delete parent[key];
    const home = homeOf(path, value);
    if (home !== undefined && value !== undefined) return moveTo(home, value, data);
    const meant = meantKey(path, violation.known);
    return meant === undefined || value === undefined ? [] : putAs(meant, value, parent, path.slice(0, -1));
  }
  if (violation.kind === "choice" && typeof value === "string") {
    const meant = nearest(
      value,
      violation.choices.filter((choice) => typeof choice === "string"),
    );
    if (meant !== undefined) {
      parent[key] = meant;
      return [];
    }
  }
  return leaveOut(data, path);
}

/** A value under the key that was meant; what stands there already stays. */
function putAs(meant: string, value: Json, parent: Table, table: Path): Path[] {
  const place = [...table, meant];
  if (!Object.hasOwn(parent, meant)) {
    setOwn(parent, meant, value);
    return [place];
  }
  const present = parent[meant];
  if (Array.isArray(present) && Array.isArray(value)) {
    (present as Json[]).push(...value);
    return value.map((_, index) => [...place, present.length - value.length + index]);
  }
  if (!isJsonObject(present) || !isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => putAs(key, inner, present, place));
}

/** What stands in the wrong table, where it belongs. */
function moveTo(home: readonly string[], value: Json, data: Table): Path[] {
  let table = data;
  for (const part of home.slice(0, -1)) {
    if (!Object.hasOwn(table, part)) setOwn(table, part, {});
    const inner = table[part];
    if (!isJsonObject(inner)) return [];
    table = inner;
  }
  return putAs(home.at(-1) ?? "", value, table, home.slice(0, -1));
}

/** Leaves out the smallest part that the file can do without. */
function leaveOut(data: Table, path: Path): Path[] | null {
  const parent = tableAt(data, path.slice(0, -1));
  const key = path.at(-1);
  if (key === undefined || parent === undefined) return key === undefined ? null : [];
  const filling = fillingFor(path);
  if (filling === null) return null;
  if (filling !== undefined) parent[key] = filling;
  else if (Array.isArray(parent) || !Object.hasOwn(parent, key)) return leaveOut(data, path.slice(0, -1));
  else delete parent[key];
  return [path];
}

/** A name that nothing can have. */
const NOBODY = "?";
/** A condition that may hold or not. */
const UNDECIDED = "has(meta.undecided)";
const FILLINGS: readonly (readonly [pattern: RegExp, filling: Json | null])[] = [
  [/^orchestration(?: sequential(?: agents)?)?$/, null],
  [/^orchestration sequential agents \d+$/, NOBODY],
  [/^orchestration sequential parallel \S+$/, { agents: [NOBODY, NOBODY] }],
  [/^orchestration sequential parallel \S+ agents$/, [NOBODY, NOBODY]],
  [/^orchestration sequential parallel \S+ agents \d+$/, NOBODY],
  [/^orchestration sequential branches \d+$/, { from_agent: NOBODY }],
  [/^orchestration sequential branches \d+ from_agent$/, NOBODY],
  [/^orchestration sequential branches \d+ condition$/, UNDECIDED],
  [/^hooks \d+$/, { on: "before_stage" }],
  [/^hooks \d+ on$/, "before_stage"],
  [/^(?:agents|inputs|providers) \S+$/, {}],
];

/** What stands for something that cannot be left out; null: there is nothing. A list's entries keep their places. */
function fillingFor(path: Path): Json | null | undefined {
  const place = path.map((part) => String(part).replaceAll(/\s/g, "_")).join(" ");
  return FILLINGS.find(([pattern]) => pattern.test(place))?.[1];
}

function tableAt(data: Table, path: Path): Table | undefined {
  const value = valueAt(data, path);
  return isJsonObject(value) || Array.isArray(value) ? (value as Table) : undefined;
}
