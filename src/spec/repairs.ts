import type { Diagnostic, Path } from "./diagnostic.ts";
import type { Patch } from "./patch.ts";

/** Where a parser gave up, and why. */
export interface Failure {
  readonly offset: number;
  readonly reason: string;
}

/** Parses a text, or says where it cannot. */
export type Attempt<Table> = (text: string) => { readonly table: Table } | { readonly failure: Failure };

/** What was found in a text that is no TOML, and done about it. */
export interface Repairs {
  /** What is wrong with the text, with places in the source. */
  readonly diagnostics: readonly Diagnostic[];
  /** The places of the document about which nothing certain can be said. */
  readonly doubtful: readonly Path[];
  /** What is defined more than once. */
  readonly duplicates: readonly Path[];
  /** What makes it TOML. */
  readonly patches: readonly Patch[];
}

/** What is there of a text that is no TOML. */
export interface Recovered<Table> extends Repairs {
  /** null where too much is wrong. */
  readonly table: Table | null;
}

/** A text under repair. */
export interface Repairing {
  readonly source: string;
  readonly attempt: Attempt<unknown>;
  readonly repairs: Repairs;
}

/** A header for what stands below one that cannot be kept, so that it does not fall to the table before. */
export function dropping(offset: number): string {
  return `["${DROPPED}${offset}"]`;
}

/** A table without what was dropped. */
export function withoutDropped<Table extends Record<string, unknown>>(table: Table): Table {
  for (const key of Object.keys(table)) if (key.startsWith(DROPPED)) delete table[key];
  return table;
}

const DROPPED = "dropped from ";
