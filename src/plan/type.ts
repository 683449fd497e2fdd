import { isJsonObject, type Json } from "../spec/json.ts";
import type { InputSpec } from "../spec/spec.ts";

const KINDS = ["boolean", "number", "string", "list", "object", "null"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * What is known of a value before the run. Immutable.
 *
 * Contract: never narrower than the truth. `values` are all that it may be, where there are few; then none of them is a list or
 * an object. `members` and `items` say more of an object and a list, where it may be one.
 */
export interface Type {
  readonly kinds: ReadonlySet<Kind>;
  readonly values: readonly Scalar[] | null;
  /** Those that are known. */
  readonly members: ReadonlyMap<string, Type> | null;
  /** Whether it can have members besides those. */
  readonly open: boolean;
  readonly items: Type | null;
}

export type Scalar = null | boolean | number | string;

/** Nothing is known. */
export const ANY: Type = { kinds: new Set(KINDS), values: null, members: null, open: true, items: null };

export const BOOLEAN = kindOnly("boolean");
export const NUMBER = kindOnly("number");
export const STRING = kindOnly("string");
export const LIST = kindOnly("list");
export const OBJECT = kindOnly("object");

export function listOf(items: Type): Type {
  return { ...LIST, items };
}

export function objectOf(members: ReadonlyMap<string, Type>, open: boolean): Type {
  return { ...OBJECT, members, open };
}

/** Exactly this value. */
export function constant(value: Scalar): Type {
  return { kinds: new Set([kindOf(value)]), values: [value], members: null, open: true, items: null };
}

export function isAny({ kinds, values }: Type): boolean {
  return kinds.size === KINDS.length && values === null;
}

/** A value of one or the other. */
export function union(types: readonly Type[]): Type {
  const [first = ANY, ...others] = types;
  return others.reduce(either, first);
}

/** The type of a value that stands for others of its form: its kinds, and not the value itself. */
export function typeOfSample(sample: Json): Type {
  if (Array.isArray(sample)) return sample.length === 0 ? LIST : listOf(union(sample.map(typeOfSample)));
  if (!isJsonObject(sample)) return kindOnly(kindOf(sample as Scalar));
  return objectOf(new Map(Object.entries(sample).map(([key, value]) => [key, typeOfSample(value)])), false);
}

/** What a declared input may be. */
export function typeOfInput({ type, enum: choices }: InputSpec): Type {
  const kinds: Type = type === undefined ? ANY : kindOnly(type === "integer" ? "number" : type);
  const scalars = choices?.filter((choice): choice is Scalar => typeof choice !== "object" || choice === null);
  if (scalars === undefined || scalars.length !== choices?.length) return kinds;
  return { ...kinds, kinds: new Set(scalars.map(kindOf)), values: scalars };
}

/** In words, with an article: `a string`, `a number or null`; `a value` where nothing is known. */
export function describeType({ kinds }: Type): string {
  if (kinds.size > 3 || kinds.size === 0) return "a value";
  const words = KINDS.filter((kind) => kinds.has(kind)).map((kind) => WORDS[kind]);
  return words.join(", ").replace(/, ([^,]*)$/, " or $1");
}

const WORDS: Readonly<Record<Kind, string>> = {
  boolean: "a boolean",
  number: "a number",
  string: "a string",
  list: "a list",
  object: "an object",
  null: "null",
};

/** Only those of its kinds that are among these. */
export function narrowed(type: Type, kinds: readonly Kind[]): Type {
  const left = new Set(kinds.filter((kind) => type.kinds.has(kind)));
  return { ...type, kinds: left, values: type.values?.filter((value) => left.has(kindOf(value))) ?? null };
}

function kindOf(value: Scalar): Kind {
  return value === null ? "null" : (typeof value as "boolean" | "number" | "string");
}

function kindOnly(kind: Kind): Type {
  return { kinds: new Set([kind]), values: null, members: null, open: true, items: null };
}

/** More values than this are as good as any. */
const MOST_VALUES = 50;

function either(one: Type, other: Type): Type {
  if (one === other || isAny(one)) return one;
  if (isAny(other)) return other;
  const values = one.values !== null && other.values !== null ? [...new Set([...one.values, ...other.values])] : null;
  return {
    kinds: new Set([...one.kinds, ...other.kinds]),
    values: values !== null && values.length <= MOST_VALUES ? values : null,
    ...objectPart(one, other),
    items: partOf(
      "list",
      one,
      other,
      ({ items }) => items,
      (a, b) => (a === null || b === null ? null : either(a, b)),
    ),
  };
}

function objectPart(one: Type, other: Type): Pick<Type, "members" | "open"> {
  const [a, b] = [one.kinds.has("object"), other.kinds.has("object")];
  if (!a || !b) return a ? { members: one.members, open: one.open } : { members: other.members, open: other.open };
  if (one.members === null || other.members === null) return { members: null, open: true };
  const names = new Set([...one.members.keys(), ...other.members.keys()]);
  const memberOf = ({ members, open }: Type, name: string): Type | undefined => members?.get(name) ?? (open ? ANY : undefined);
  const members = [...names].map((name) => {
    const types = [memberOf(one, name), memberOf(other, name)].filter((type) => type !== undefined);
    return [name, union(types)] as const;
  });
  return { members: new Map(members), open: one.open || other.open };
}

/** A part that only values of one kind have: that of the type that may be of the kind, or what both make. */
function partOf<Part>(kind: Kind, one: Type, other: Type, part: (type: Type) => Part, both: (a: Part, b: Part) => Part): Part {
  if (!one.kinds.has(kind)) return part(other);
  return other.kinds.has(kind) ? both(part(one), part(other)) : part(one);
}
