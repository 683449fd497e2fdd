import { isJsonObject, type Json, setOwn } from "../spec/json.ts";

/** A value that must not be shown, under the name of the variable that it comes from. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** Takes secrets out of what is shown. */
export interface Masker {
  /** The text with every secret replaced by `***`. Texts are looked at one by one: a secret must not be split over two. */
  maskText(text: string): string;
  /** The value with every secret replaced in its strings, keys and numbers; the same object where there was none. */
  maskJson<Value>(value: Value): Value;
  /** Names of the secrets that are too short to be masked: whatever they stand in would become unreadable. */
  readonly tooShort: readonly string[];
}

/** Shorter values are not masked. */
export const SHORTEST_SECRET = 8;

/**
 * A masker for these secrets.
 *
 * Besides the value itself, its forms as a JSON string, in a URL and in base64 (at any offset, as in an
 * `Authorization: Basic` header) are replaced, and each line of a value of several lines, since logs are read line by
 * line. Where occurrences overlap, all of them are covered.
 */
export function createMasker(secrets: readonly Secret[]): Masker {
  const isShort = (secret: Secret): boolean => secret.value.trim().length < SHORTEST_SECRET;
  const tooShort = secrets.filter((secret) => secret.value !== "" && isShort(secret)).map((secret) => secret.name);
  const forms = [...new Set(secrets.filter((secret) => !isShort(secret)).flatMap((secret) => formsOf(secret.value.trim())))];
  if (forms.length === 0) return { maskText: (text) => text, maskJson: (value) => value, tooShort };
  const maskText = (text: string): string => (text.length < SHORTEST_SECRET ? text : cover(text, occurrences(text, forms)));
  return { maskText, maskJson: <Value>(value: Value) => maskValue(value as Json, maskText) as Value, tooShort };
}

function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  const forms = [value, ...lines, ...jsonForms(value), ...urlForms(value), ...base64Forms(value)];
  return forms.filter((form) => form.length >= SHORTEST_SECRET);
}

/** Inside the quotes, as JavaScript writes it and as those do that keep to ASCII. */
function jsonForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const ascii = json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [json, ascii, json.replaceAll("/", "\\/")];
}

/** In a path or query; with `+` for a space; and with the hexadecimal digits in lower case. */
function urlForms(value: string): string[] {
  const encoded = encodeURIComponent(value.toWellFormed());
  const strict = encoded.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  return [encoded, strict].flatMap((form) => [form, form.replaceAll("%20", "+"), form.replace(/%../g, (byte) => byte.toLowerCase())]);
}

/**
 * Alone, and as a part of something longer: base64 encodes three bytes as four characters, so the same bytes look
 * different at each of three offsets. Characters that also depend on neighbouring bytes are not part of those forms.
 */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value);
  const whole = bytes.toString("base64");
  const forms = [whole, whole.replace(/=+$/, "")];
  for (let offset = 0; offset < 3; offset++) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    forms.push(encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)));
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** Where the forms stand in the text: start and end, by start. */
function occurrences(text: string, forms: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  for (const form of forms) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) found.push([at, at + form.length]);
  }
  return found.toSorted((a, b) => a[0] - b[0]);
}

/** Occurrences that overlap become one `***`. */
function cover(text: string, found: readonly [number, number][]): string {
  if (found.length === 0) return text;
  let masked = "";
  let coveredTo = 0;
  for (const [start, end] of found) {
    if (start >= coveredTo) masked += `${text.slice(coveredTo, start)}***`;
    coveredTo = Math.max(coveredTo, end);
  }
  return masked + text.slice(coveredTo);
}

function maskValue(value: Json, maskText: (text: string) => string): Json {
  if (typeof value === "string") return maskText(value);
  if (typeof value === "number") return maskText(String(value)) === String(value) ? value : "***";
  if (Array.isArray(value)) {
    const masked = value.map((item: Json) => maskValue(item, maskText));
    return masked.some((item, index) => item !== value[index]) ? masked : value;
  }
  if (!isJsonObject(value)) return value;
  let changed = false;
  const masked = {};
  for (const [key, item] of Object.entries(value)) {
    let shownKey = maskText(key);
    const shown = maskValue(item, maskText);
    changed ||= shownKey !== key || shown !== item;
    while (Object.hasOwn(masked, shownKey)) shownKey += "*";
    setOwn(masked, shownKey, shown);
  }
  return changed ? masked : value;
}
