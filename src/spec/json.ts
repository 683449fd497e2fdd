/** What the state is made of. Everything that flows between stages is JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object. Frozen wherever it is handed out. */
export type JsonObject = { readonly [key: string]: Json };

/** Nesting beyond this many levels is refused: it would overflow the stack of whoever reads it recursively. */
export const MAX_DEPTH = 500;

/** Thrown by {@link toJson}: the value cannot be JSON. The message says what and where, for example `items[3].at is a function`. */
export class NotJsonError extends Error {
  override name = "NotJsonError";
}

/**
 * A deeply frozen copy of a value as JSON.
 *
 * Contract: what is returned shares nothing mutable with `value`, so whoever made it cannot change it afterwards.
 * Values that are already frozen copies of this function are returned as they are. `undefined` in an object is left
 * out, as JSON.stringify does; an object with `toJSON` (a Date) is asked for it. Functions, symbols, bigints, NaN,
 * infinities, cycles, class instances without `toJSON` and nesting beyond {@link MAX_DEPTH} throw {@link NotJsonError}.
 */
export function toJson(value: unknown): Json {
  return copy(value, "", 0);
}

/** Freezes a value that nobody else holds and that is JSON, with all that is in it; nothing is copied. */
export function freezeJson<Value extends Json>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) freezeJson(item);
  return Object.freeze(value);
}

/**
 * The value that a JSON text says: exactly, or not at all.
 *
 * @throws NotJsonError for a number that would come out as another one, and for too much nesting; SyntaxError for what is not JSON
 */
export function parseJson(text: string): Json {
  try {
    // Asking for each number's source is slow, and most texts have no number that could be too long for a double.
    return toJson(/\d{16}|[eE]\+?\d{3}/.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text));
  } catch (error) {
    if (error instanceof RangeError) throw new NotJsonError(`the value is nested deeper than ${MAX_DEPTH} levels`);
    throw error;
  }
}

/** Whether a value is a plain JSON object: not null, not a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Structural equality of JSON values; the order of an object's keys does not count. */
export function jsonEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => jsonEqual(item, b[index]));
  }
  const left = a as JsonObject;
  const right = b as JsonObject;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && jsonEqual(left[key], right[key]));
}

/** Sets an own property whatever its name: `__proto__` is data, never a prototype. */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else (target as Record<string, unknown>)[key] = value;
}

function keepExact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined) return value;
  if (Number.isFinite(value) && (!/^-?\d+$/.test(source) || BigInt(source) === BigInt(value))) return value;
  const shown = source.length > 40 ? `${source.slice(0, 37)}…` : source;
  throw new NotJsonError(`the number ${shown} would come out as ${value}; as a string it would be kept`);
}

const copies = new WeakSet<object>();

function copy(value: unknown, place: string, depth: number): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw new NotJsonError(`${where(place)} is ${value}, which JSON cannot say`);
    case "object":
      return value === null ? null : copyObject(value, place, depth);
    default:
      throw new NotJsonError(`${where(place)} is ${value === undefined ? "undefined" : `a ${typeof value}`}, which JSON cannot say`);
  }
}

function copyObject(value: object, place: string, depth: number): Json {
  if (copies.has(value)) return value as Json;
  if (depth > MAX_DEPTH) throw new NotJsonError(`${where(`${place.slice(0, 60)}…`)} is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    const list = Array.from(value, (item, index) => (item === undefined ? null : copy(item, `${place}[${index}]`, depth + 1)));
    return seal(list);
  }
  const toJSON = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJSON === "function") return copy(toJSON.call(value), place, depth + 1);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null) {
    throw new NotJsonError(`${where(place)} is a ${value.constructor.name}, not a plain object`);
  }
  const result = {};
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) setOwn(result, key, copy(item, place === "" ? key : `${place}.${key}`, depth + 1));
  }
  return seal(result as JsonObject);
}

function seal<T extends JsonObject | Json[]>(value: T): T {
  copies.add(value);
  return Object.freeze(value);
}

function where(place: string): string {
  return place === "" ? "the value" : place;
}
