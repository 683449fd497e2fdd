import type { Json } from "../spec/json.ts";

/** Values by name that all processes on the store see at once. */
export interface SharedValues {
  /**
   * Reads a value (null: there is none), and writes what `change` makes of it, as one step that no other process comes
   * between. A value that is returned as it was is not written; null removes it.
   */
  update<Result>(name: string, change: (value: Json) => { readonly value: Json; readonly result: Result }): Promise<Result>;
  /** By name, in alphabetical order. */
  list(): Promise<readonly (readonly [name: string, value: Json])[]>;
}
