import type { Outcome } from "../engine/durable.ts";
import type { RunResult } from "../engine/result.ts";
import type { PlanSource } from "../plan/plan.ts";
import { type Json, type JsonObject, setOwn } from "../spec/json.ts";
import { formNamed, formsOf, type Secret, SHORTEST_SECRET } from "../spec/secret-forms.ts";
import { chain } from "./codec.ts";
import type { Journal } from "./journal.ts";
import type { OwnedRun, RunRecord } from "./store.ts";

/** Begins a reference, and stands for itself where it is doubled. No text that people write has it: SUBSTITUTE, U+001A. */
const MARK = "\u001A";
/** Begins a text that was a number. */
const NUMBER = `${MARK}#`;

/**
 * Replaces secrets by references to their variables, in every string, key and number, so that they can be stored. They are
 * found in the forms in which they are masked as well; where two overlap, what is left over of the second one stays.
 *
 * Contract: `reveal` gives exactly what was concealed, as long as the variables hold what they held. Where one has changed, it
 * gives the same form of what it holds now; a part of something in base64 need not be a part of the same thing then.
 */
export function conceal<Value extends Json>(value: Value, secrets: readonly Secret[]): Value {
  return concealer(secrets)(value);
}

function concealer(secrets: readonly Secret[]): Hide {
  const forms = secrets.flatMap((secret) =>
    [...formsOf(secret)].map(([form, text]) => [text, `${MARK}{${secret.name}${form === "" ? "" : `:${form}`}}`] as const),
  );
  const known = new Map(forms.toReversed());
  // The longest first: one may be a part of another. The mark comes last: a secret may begin with it.
  const references = [...[...known].toSorted(([a], [b]) => b.length - a.length), [MARK, MARK + MARK] as const];
  const concealText = (text: string): string =>
    text.length < SHORTEST_SECRET && !text.includes(MARK) ? text : replaceEach(text, references);
  const concealNumber = (number: number): Json => {
    const text = String(number);
    const concealed = concealText(text);
    return concealed === text ? number : NUMBER + concealed;
  };
  return (value) => mapStrings(value as Json, { text: concealText, key: concealText, number: concealNumber }) as typeof value;
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

/** What was concealed, with what `valueOf` says that each variable holds; null: it is masked. */
export function reveal<Value extends Json>(value: Value, valueOf: (name: string) => string | null): Value {
  const revealKey = (text: string): string =>
    text.includes(MARK)
      ? text.replace(/\u001A(?:\u001A|\{([^:}]*)(?::(\w+))?\})/g, (_, name?: string, form = "") =>
          name === undefined ? MARK : written(valueOf(name), form),
        )
      : text;
  const revealText = (text: string): Json => (text.startsWith(NUMBER) ? numberOf(revealKey(text.slice(NUMBER.length))) : revealKey(text));
  return mapStrings(value, { text: revealText, key: revealKey, number: (number) => number }) as Value;
}

/** A form that the value of now does not have, such as its fifth line, is masked. */
function written(secret: string | null, form: string): string {
  if (secret === null) return "***";
  return form === "" ? secret : (formNamed(form, { value: secret }) ?? "***");
}

/** The text where it is no number any more. */
function numberOf(text: string): Json {
  const number = Number(text);
  return String(number) === text && Number.isFinite(number) ? number : text;
}

/** What is recorded of a run that this process drives, as it is outside of the store: secrets are references only in there. */
export interface Recording extends Journal {
  end(end: Parameters<OwnedRun["end"]>[0]): Promise<void>;
}

/**
 * The journal of a run, whose store does not see the secrets in what agents made.
 *
 * @param entries what is recorded already, revealed
 */
export function recordingOf(
  run: Pick<OwnedRun, "append" | "confirm" | "end">,
  entries: Iterable<readonly [key: string, outcome: Outcome]>,
  secrets: readonly Secret[],
): Recording {
  const outcomes = new Map(entries);
  const hide = concealer(secrets);
  return {
    get: (key) => outcomes.get(key),
    entries: () => outcomes.entries(),
    confirm: () => run.confirm(),
    append(key, outcome, options) {
      outcomes.set(key, outcome);
      return run.append(key, hideInOutcome(outcome, hide), options);
    },
    end: (end) => run.end({ ...end, result: end.result === null ? null : hideInResult(end.result, hide) }),
  };
}

/** A record as it is stored. */
export function concealRecord(outside: RunRecord, secrets: readonly Secret[]): RunRecord {
  // That of the run that a rerun comes from, if any, is of another source.
  const { source_checksum, ...record } = outside;
  void source_checksum;
  const concealed = hideInRecord(record, concealer(secrets));
  return concealed.source === record.source ? concealed : { ...concealed, source_checksum: checksumOf(record.source) };
}

/** Of a source as it is outside of the store: tells whether a secret that stands in it has changed. */
export function checksumOf(source: PlanSource): number {
  return chain(0, [JSON.stringify(source)]);
}

/** Where texts may be that hide secrets: all that is in a place, or these places in it; `*`: in each of a list or table. */
type Places = true | { readonly [key: string]: Places };

const FAILURE: Places = { message: true, detail: true, cause: true };
/** What agents made; never a name or a word of agentflow's own, which may be the same as a secret by coincidence. */
const OUTCOME: Places = { wrote: true, failure: FAILURE };
const RESULT: Places = {
  state: true,
  meta: true,
  warnings: true,
  stages: { "*": { wrote: true, error: FAILURE, attempts: { "*": { message: true } } } },
  error: { message: true, failure: FAILURE },
  rollback: { stages: { "*": { error: FAILURE } } },
};
/** Texts that people write; never a name, a path, or a word that the file has from a list. */
const SOURCE: Places = {
  spec: {
    description: true,
    inputs: { "*": { description: true, default: true, enum: true } },
    agents: {
      "*": {
        description: true,
        input: { "*": true },
        output: true,
        command: true,
        shell: true,
        env: { "*": true },
        system_prompt: true,
        prompt: true,
        stop: true,
        reply: true,
        replies: true,
      },
    },
    providers: { "*": { base_url: true, headers: { "*": true } } },
    orchestration: { sequential: { branches: { "*": { condition: true } } } },
    hooks: { "*": { command: true } },
  },
  texts: { "*": true },
  pipelines: {
    get "*"() {
      return SOURCE;
    },
  },
};

type Hide = <Value>(value: Value) => Value;

/** An outcome with its secrets hidden, wherever there may be any. */
export function hideInOutcome(outcome: Outcome, hide: Hide): Outcome {
  return hideIn(outcome, OUTCOME, hide);
}

/** The same for a result. */
export function hideInResult(result: RunResult, hide: Hide): RunResult {
  return hideIn(result, RESULT, hide);
}

/** The same for a record. */
function hideInRecord(record: RunRecord, hide: Hide): RunRecord {
  return hideIn(record, { source: SOURCE, input: true, meta: true }, hide);
}

/** A copy only where something changes. */
function hideIn<Value>(value: Value, places: Places | undefined, hide: Hide): Value {
  if (places === undefined || typeof value === "boolean") return value;
  if (places === true) return hide(value);
  if (typeof value !== "object" || value === null) return value;
  const items = Object.entries(value).map(([key, item]) => [key, item, hideIn(item as unknown, places[key] ?? places["*"], hide)] as const);
  if (items.every(([, item, hidden]) => Object.is(item, hidden))) return value;
  if (Array.isArray(value)) return items.map(([, , hidden]) => hidden) as Value;
  const result = {};
  for (const [key, , hidden] of items) setOwn(result, key, hidden);
  return result as Value;
}

interface Mapping {
  text(text: string): Json;
  key(key: string): string;
  number(number: number): Json;
}

/** A copy only where something changes. */
function mapStrings(value: Json, map: Mapping): Json {
  if (typeof value === "string") return map.text(value);
  if (typeof value === "number") return map.number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const list = value.map((item: Json) => mapStrings(item, map));
    return list.every((item, index) => Object.is(item, value[index])) ? value : list;
  }
  const result = {};
  let isSame = true;
  for (const [key, item] of Object.entries(value as JsonObject)) {
    let newKey = map.key(key);
    const newItem = mapStrings(item, map);
    if (newKey !== key || !Object.is(newItem, item)) isSame = false;
    // Where secrets are masked, or have changed, two keys may become one.
    while (Object.hasOwn(result, newKey)) newKey += "*";
    setOwn(result, newKey, newItem);
  }
  return isSame ? value : result;
}
