import { isJsonObject, type Json, setOwn } from "../spec/json.ts";
import { formsOf, isTooShort, type Secret, SHORTEST_SECRET } from "../spec/secret-forms.ts";

/** Takes secrets out of what is shown. */
export interface Masker {
  /** The text with every secret replaced by `***`. Texts are looked at one by one: a secret must not be split over two. */
  maskText(text: string): string;
  /** The value with every secret replaced in its strings, keys and numbers; the same object where there was none. */
  maskJson<Value>(value: Value): Value;
  /** Names of the secrets that are too short to be masked: whatever they stand in would become unreadable. */
  readonly tooShort: readonly string[];
}

/** A masker for these secrets, in each of their forms. Where occurrences overlap, all of them are covered. */
export function createMasker(secrets: readonly Secret[]): Masker {
  const tooShort = secrets.filter((secret) => secret.value !== "" && isTooShort(secret)).map((secret) => secret.name);
  const forms = [...new Set(secrets.flatMap((secret) => [...formsOf(secret).values()]))];
  if (forms.length === 0) return { maskText: (text) => text, maskJson: (value) => value, tooShort };
  const maskText = (text: string): string => (text.length < SHORTEST_SECRET ? text : cover(text, occurrences(text, forms)));
  return { maskText, maskJson: <Value>(value: Value) => maskValue(value as Json, maskText) as Value, tooShort };
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
