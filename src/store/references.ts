import type { Outcome } from "../engine/durable.ts";
import type { RunResult } from "../engine/result.ts";
import { type Json, type JsonObject, setOwn, toJson } from "../spec/json.ts";
import type { Journal } from "./journal.ts";
import type { OwnedRun, RunRecord } from "./store.ts";

/** A secret of which only the reference is kept. */
export interface Secret {
  /** The variable that holds it. */
  readonly name: string;
  readonly value: string;
}

/** Begins a reference, and stands for itself where it is doubled. No text that people write has it: SUBSTITUTE, U+001A. */
const MARK = "\u001A";

/**
 * Replaces secrets by references to their variables, in every string and every key, so that they can be stored.
 *
 * Contract: `reveal` gives exactly what was concealed, as long as the variables hold what they held; and what the variables
 * hold now where that has changed.
 */
export function conceal<Value extends Json>(value: Value, secrets: readonly Secret[]): Value {
  const forms = secrets.flatMap(({ name, value: secret }) =>
    FORMS.map(([form, write]) => [write(secret), `${MARK}{${name}${form}}`] as const),
  );
  const known = new Map(forms.filter(([written]) => written.length >= SHORTEST_SECRET).toReversed());
  // The longest first: one may be a part of another. The mark comes last: a secret may begin with it.
  const references = [...known].toSorted(([a], [b]) => b.length - a.length);
  return mapStrings(value, (text) => replaceEach(text, [...references, [MARK, MARK + MARK]])) as Value;
}

/** Replaces what is found first, and of several at one place the first of the list. A pattern could not be as long as secrets can. */
function replaceEach(text: string, replacements: readonly (readonly [found: string, by: string])[]): string {
  const places = replacements.map(([found]) => text.indexOf(found));
  let result = "";
  let from = 0;
  for (;;) {
    let first = -1;
    for (const [index, [found]] of replacements.entries()) {
      if ((places[index] ?? -1) !== -1 && (places[index] ?? -1) < from) places[index] = text.indexOf(found, from);
      const place = places[index] ?? -1;
      if (place !== -1 && (first === -1 || place < (places[first] ?? -1))) first = index;
    }
    const [found, by] = replacements[first] ?? ["", ""];
    if (found === "") return from === 0 ? text : result + text.slice(from);
    const place = places[first] ?? 0;
    result += text.slice(from, place) + by;
    from = place + found.length;
  }
}

/** The forms in which a secret is found, and how a reference names them. */
const FORMS: readonly (readonly [form: string, write: (secret: string) => string])[] = [
  ["", (secret) => secret],
  [":json", (secret) => JSON.stringify(secret).slice(1, -1)],
  [":url", (secret) => encodeURIComponent(secret.toWellFormed())],
  [":base64", (secret) => Buffer.from(secret).toString("base64")],
];

/** Shorter values would be found in everything; they are not masked either. */
const SHORTEST_SECRET = 8;

/** What was concealed, with what `valueOf` says that each variable holds; null: it is masked. */
export function reveal<Value extends Json>(value: Value, valueOf: (name: string) => string | null): Value {
  return mapStrings(value, (text) =>
    text.includes(MARK)
      ? text.replace(/\u001A(?:\u001A|\{([^:}]*)(:\w+)?\})/g, (_, name?: string, form = "") =>
          name === undefined ? MARK : written(valueOf(name), form),
        )
      : text,
  ) as Value;
}

function written(secret: string | null, form: string): string {
  if (secret === null) return "***";
  return FORMS.find(([known]) => known === form)?.[1](secret) ?? secret;
}

/** What is recorded of a run that this process drives, as it is outside of the store: secrets are references only in there. */
export interface Recording extends Journal {
  end(end: Parameters<OwnedRun["end"]>[0]): Promise<void>;
}

/**
 * The journal of a run, whose store never sees the secrets.
 *
 * @param entries what is recorded already, revealed
 */
export function recordingOf(
  run: Pick<OwnedRun, "append" | "confirm" | "end">,
  entries: Iterable<readonly [key: string, outcome: Outcome]>,
  secrets: readonly Secret[],
): Recording {
  const outcomes = new Map(entries);
  return {
    get: (key) => outcomes.get(key),
    entries: () => outcomes.entries(),
    confirm: () => run.confirm(),
    append(key, outcome, options) {
      outcomes.set(key, outcome);
      return run.append(key, conceal(outcome as unknown as Json, secrets) as unknown as Outcome, options);
    },
    end: (end) => run.end({ ...end, result: conceal(end.result as unknown as Json, secrets) as unknown as RunResult | null }),
  };
}

/** A record as it is stored. */
export function concealRecord(record: RunRecord, secrets: readonly Secret[]): RunRecord {
  const { source, input, meta } = record;
  const hidden = conceal(toJson({ source, input, meta }), secrets) as unknown as Pick<RunRecord, "source" | "input" | "meta">;
  return { ...record, ...hidden };
}

/** A copy only where something changes. */
function mapStrings(value: Json, map: (text: string) => string): Json {
  if (typeof value === "string") return map(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const list = value.map((item: Json) => mapStrings(item, map));
    return list.every((item, index) => item === value[index]) ? value : list;
  }
  const result = {};
  let isSame = true;
  for (const [key, item] of Object.entries(value as JsonObject)) {
    const newKey = map(key);
    const newItem = mapStrings(item, map);
    if (newKey !== key || newItem !== item) isSame = false;
    setOwn(result, newKey, newItem);
  }
  return isSame ? value : result;
}
