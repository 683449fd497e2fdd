import type { Machine } from "../plan/environment.ts";
import type { ReadFile } from "../plan/source.ts";
import { applyEdits, type LocatedFix } from "../spec/places/edits.ts";
import { type Located, locateAll } from "../spec/positions.ts";
import { MOST_ERRORS } from "../spec/recover.ts";
import { decodeText, TOML_CODES } from "../spec/toml.ts";
import { checkFile } from "./check.ts";

/** A text after its safe fixes. */
export interface FixedText {
  readonly text: string;
  /** How many problems were mended. */
  readonly count: number;
  /** Whether a fix would have done harm, so that the text stays as it was. It is a bug of the fix. */
  readonly refused: boolean;
}

/**
 * Makes the safe fixes of a pipeline file, but not those of files that it names.
 *
 * Contract: writes nothing. Bytes outside of the fixes stay as they are. null for what is not UTF-8, which a text cannot hold.
 */
export async function fixFile(file: string, bytes: Uint8Array, env: Machine["env"], readFile: ReadFile): Promise<FixedText | null> {
  const { text, diagnostic } = decodeText(bytes);
  if (diagnostic !== undefined) return null;
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? "\ufeff" : "";
  const fixed = await fixText(text, async (current) => {
    const { diagnostics, documents } = await checkFile(file, new TextEncoder().encode(current), env, readFile);
    return (await locateAll(diagnostics, documents)).filter((located) => located.file === file);
  });
  return { ...fixed, text: mark + fixed.text };
}

/**
 * Makes the safe fixes of what `check` finds in a text, then those of what it finds after them, until there are none.
 *
 * Contract: where a fix leaves its problem, or a text that cannot be read any more, or leads in a circle, nothing is fixed. A problem that was hidden
 * by one that was mended does no harm: it is there to be told. Of a text with very many problems some are left, each of which was there before.
 */
export async function fixText(text: string, check: (text: string) => Promise<readonly Located[]>): Promise<FixedText> {
  let state: State = { text, found: await check(text) };
  let count = 0;
  const seen = new Set([text]);
  for (let rounds = 0, cutOff = 0; rounds < MOST_ROUNDS && cutOff < MOST_CUT_OFF; ) {
    if (isCutOff(state.found)) cutOff += state.text.length;
    else rounds += 1;
    const chosen = withoutOverlap(state.found.filter(isFixable));
    if (chosen.length === 0) break;
    const next = await firstGood(state, [chosen, ...(chosen.length > 1 ? chosen.map((one) => [one]) : [])], check);
    if (next === null || seen.has(next.text)) return { text, count: 0, refused: true };
    seen.add(next.text);
    count += next.count;
    state = next;
  }
  return { text: state.text, count, refused: false };
}

/** Each round mends something, and few problems hide others. */
const MOST_ROUNDS = 10;

/** How much text is gone through for those that were not told since there were too many before them: what is left waits for another `--fix`. */
const MOST_CUT_OFF = 100_000;

interface State {
  readonly text: string;
  readonly found: readonly Located[];
}

/** What has a safe fix. */
type Fixable = Located & { readonly fix: LocatedFix };

export function isFixable(located: Located): located is Fixable {
  return located.fix?.safe === true;
}

/** Of fixes that overlap or meet, the first; the others are found again after it, where there is still something to fix. */
export function withoutOverlap(fixable: readonly Fixable[]): Fixable[] {
  const chosen: Fixable[] = [];
  for (const one of fixable) {
    if (!chosen.some((other) => meets(one.fix, other.fix))) chosen.push(one);
  }
  return chosen;
}

function meets(one: LocatedFix, other: LocatedFix): boolean {
  return one.edits.some(({ place }) => other.edits.some(({ place: taken }) => place.start <= taken.end && taken.start <= place.end));
}

/** The first of several selections of fixes that does no harm: two that are right alone may be wrong together. */
async function firstGood(
  { text, found }: State,
  selections: readonly (readonly Fixable[])[],
  check: (text: string) => Promise<readonly Located[]>,
): Promise<(State & { readonly count: number }) | null> {
  for (const chosen of selections) {
    const edits = chosen.flatMap(({ fix }) => fix.edits).toSorted((a, b) => a.place.start - b.place.start);
    const next = applyEdits(text, edits);
    const left = await check(next);
    if (!isHarmful(chosen, found, left)) return { text: next, found: left, count: chosen.length };
  }
  return null;
}

function isHarmful(chosen: readonly Fixable[], found: readonly Located[], after: readonly Located[]): boolean {
  const left = isCutOff(found) ? upTo(horizonOf(chosen, found), after) : after;
  if (left.filter(cannotBeRead).length > found.filter(cannotBeRead).length) return true;
  const times = (all: readonly Located[], one: Located): number => all.filter((other) => isSame(one, other)).length;
  return chosen.some((one) => times(left, one) > times(found, one) - times(chosen, one));
}

function cannotBeRead({ code }: Located): boolean {
  return Object.hasOwn(TOML_CODES, code);
}

/** Whether there may be more of them, behind the last, than were told. */
function isCutOff(found: readonly Located[]): boolean {
  return found.filter(cannotBeRead).length >= MOST_ERRORS;
}

/** Where the last of what was told ends after the fixes. What is behind it was not looked at before. */
function horizonOf(chosen: readonly Fixable[], found: readonly Located[]): number {
  const horizon = Math.max(...found.map(({ place }) => place?.end ?? 0));
  const edits = chosen.flatMap(({ fix }) => fix.edits).filter(({ place }) => place.start <= horizon);
  return edits.reduce((end, { place, text }) => end + text.length - (place.end - place.start), horizon);
}

function upTo(horizon: number, found: readonly Located[]): Located[] {
  return found.filter(({ place }) => (place?.end ?? 0) <= horizon);
}

/** As far as that can be said of two texts, in which places differ. */
function isSame(one: Located, other: Located): boolean {
  return one.code === other.code && one.message === other.message;
}
