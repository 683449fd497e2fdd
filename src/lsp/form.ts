import type { Path } from "../spec/diagnostic.ts";
import { jsonSchema } from "../spec/json-schema.ts";

/** What may stand at a path of the file. */
export interface Form {
  readonly description: string | null;
  /** Of a table with fixed keys: what may stand at each. */
  readonly keys: ReadonlyMap<string, Form>;
  readonly takes: readonly Kind[];
  /** The values of which it takes one, as they are written. */
  readonly choices: readonly string[];
  /** Right values, as they are written; tables are left out. */
  readonly examples: readonly string[];
  /** Of a table whose keys are the author's names: what may stand at each. */
  readonly named: Form | null;
  /** Of a list: what may stand at each of its places. */
  readonly items: Form | null;
}

export type Kind = "text" | "number" | "flag" | "list" | "table" | "anything";

/** The form at a path; null where the file knows nothing there. */
export function formAt(path: Path): Form | null {
  let form: Form | null = (root ??= formOf(jsonSchema()));
  for (const part of path) form = (typeof part === "number" ? form?.items : (form?.keys.get(part) ?? form?.named)) ?? null;
  return form;
}

/** The headers of all tables of the file, by what they are for: `agents.NAME`, `hooks`. */
export function headers(): readonly Header[] {
  return (allHeaders ??= headersIn(formAt([]) as Form, []));
}

export interface Header {
  /** `NAME` stands for a name of the author. */
  readonly words: readonly string[];
  readonly isList: boolean;
  readonly description: string | null;
}

let root: Form | undefined;
let allHeaders: readonly Header[] | undefined;

/** As far as it is looked at. */
interface Schema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly examples?: readonly unknown[];
  /** What holds for a value of one type where it may be of several. */
  readonly if?: Schema;
  readonly then?: Schema;
}

function formOf(schema: Schema): Form {
  const { description = null, properties = {}, additionalProperties: named, items, type = [], examples = [] } = schema;
  const takes = [type].flat().map((one) => KINDS[one] ?? "anything");
  return {
    description,
    keys: new Map(Object.entries(properties).map(([name, one]) => [name, formOf(one)])),
    takes: takes.length === 0 ? ["anything"] : takes,
    choices: choicesOf(schema),
    examples: examples.filter(isSaidAlike).map((example) => JSON.stringify(example)),
    named: typeof named === "object" ? formOf(named) : null,
    items: items === undefined ? null : formOf(items),
  };
}

function choicesOf(schema: Schema): string[] {
  const own = schema.enum ?? (schema.if?.type === "string" ? schema.then?.enum : undefined);
  const choices = own ?? (schema.const !== undefined ? [schema.const] : schema.type === "boolean" ? [true, false] : []);
  return choices.map((choice) => JSON.stringify(choice));
}

/** Whether a value is written in TOML as it is in JSON. */
function isSaidAlike(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isSaidAlike) : typeof value !== "object";
}

const KINDS: Readonly<Record<string, Kind>> = {
  string: "text",
  number: "number",
  integer: "number",
  boolean: "flag",
  array: "list",
  object: "table",
};

function headersIn(form: Form, words: readonly string[]): Header[] {
  const isTable = form.keys.size > 0 || form.named?.takes.includes("text") === true;
  const own = words.length > 0 && isTable ? [{ words, isList: false, description: form.description }] : [];
  const lists = form.items === null || form.items.keys.size === 0 ? [] : [{ words, isList: true, description: form.description }];
  return [
    ...own,
    ...lists,
    ...[...form.keys].flatMap(([name, one]) => headersIn(one, [...words, name])),
    ...(form.named === null ? [] : headersIn(form.named, [...words, "NAME"]).map((header) => describedBy(header, words, form))),
  ];
}

/** `[agents.NAME]` is described where `agents` is. */
function describedBy(header: Header, words: readonly string[], { description }: Form): Header {
  return header.words.length === words.length + 1 ? { ...header, description } : header;
}
