/** A duration that was read, in whole milliseconds (`null`: no limit), or why it could not be read. */
export type ParsedDuration = { readonly ms: number | null } | { readonly problem: string; readonly meant?: Meant };

/** What a text that could not be read may have been meant to say; certain, where it differs in spaces, case and the words for units. */
export interface Meant {
  readonly text: string;
  readonly isCertain: boolean;
}

/** What a duration may be besides a positive one. */
export interface DurationRules {
  /** Whether `"none"` (no limit) is accepted; true when absent. */
  readonly none?: boolean;
  /** Whether zero is accepted; false when absent. */
  readonly zero?: boolean;
}

/**
 * Reads a duration such as `"500ms"`, `"30s"`, `"2m"`, `"1h30m"`, `"1.5s"`, `"2d"`, or `"none"`.
 *
 * Contract: numbers with the units d, h, m, s, ms, from large to small, each at most once, without spaces; the last number may
 * have a decimal fraction. The result is a whole number of milliseconds, at most 100 years. Never throws; a problem is one clause
 * that starts with the text in quotes.
 */
export function parseDuration(text: string, rules: DurationRules = {}): ParsedDuration {
  if (text === "none" && rules.none !== false) return { ms: null };
  const ms = measure(text);
  if (ms === undefined) return { problem: `${quote(text)} ${explain(text, rules)}`, ...meantBy(text, rules) };
  if (ms === 0 && rules.zero !== true) return { problem: `${quote(text)} is no time at all; it must be longer than zero` };
  if (ms > LONGEST_MS) {
    return { problem: `${quote(text)} is longer than 100 years${rules.none === false ? "" : '; write "none" for no limit'}` };
  }
  if (!Number.isInteger(ms)) return { problem: `${quote(text)} is finer than a millisecond` };
  return { ms };
}

/** For people: `850ms`, `1.2s`, `30s`, `2m 05s`, `1h 30m`, `3d 04h`. */
export function formatDuration(ms: number): string {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded < SECOND) return `${rounded}ms`;
  const tenths = Math.round(rounded / 100);
  if (tenths < 600) return `${tenths / 10}s`;
  const seconds = Math.round(rounded / SECOND);
  if (seconds < 3600) return pair(seconds, 60, "m", "s");
  const minutes = Math.round(rounded / MINUTE);
  if (minutes < 1440) return pair(minutes, 60, "h", "m");
  return pair(Math.round(rounded / HOUR), 24, "d", "h");
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LONGEST_MS = 36_525 * DAY;
/** The unit of each group of {@link FORM}. */
const UNITS = [DAY, HOUR, MINUTE, SECOND, 1] as const;
const FORM = new RegExp(`^${["d", "h", "m", "s", "ms"].map((unit) => String.raw`(?:(\d+(?:\.\d+)?)${unit})?`).join("")}$`);

/** Milliseconds, or undefined where the text does not have the form of a duration. */
function measure(text: string): number | undefined {
  const amounts = FORM.exec(text)?.slice(1) as (string | undefined)[] | undefined;
  const last = amounts?.findLastIndex((amount) => amount !== undefined);
  if (amounts === undefined || last === -1) return undefined;
  if (amounts.some((amount, index) => index !== last && amount?.includes("."))) return undefined;
  // Counted in thousandths and rounded, since 1.1 × 1000 is not 1100 in binary.
  return UNITS.reduce((sum, unit, index) => sum + Math.round(Number(amounts[index] ?? 0) * unit * 1000), 0) / 1000;
}

function meantBy(text: string, rules: DurationRules): { meant?: Meant } {
  const isCertain = !BARE_NUMBER.test(text);
  const meant = isCertain ? tidied(text) : `${text}s`;
  return meant !== text && "ms" in parseDuration(meant, rules) ? { meant: { text: meant, isCertain } } : {};
}

function tidied(text: string): string {
  return WORDS.reduce((tidy, [word, unit]) => tidy.replace(word, unit), text.toLowerCase().replace(/\s+/g, ""));
}

const BARE_NUMBER = /^\d+(?:\.\d+)?$/;
const WORDS = [
  [/(?<=\d)(?:milliseconds?|msecs?)/, "ms"],
  [/(?<=\d)(?:seconds?|secs?)/, "s"],
  [/(?<=\d)(?:minutes?|mins?)/, "m"],
  [/(?<=\d)(?:hours?|hrs?)/, "h"],
  [/(?<=\d)days?/, "d"],
] as const;

function explain(text: string, rules: DurationRules): string {
  const { zero = false } = rules;
  if (text === "none")
    return `(no limit) makes no sense here; write ${zero ? '"0s" for no time at all' : 'how long, such as "30s" or "5m"'}`;
  if (text.startsWith("-")) return "is negative; a duration is not";
  if (BARE_NUMBER.test(text)) return `has no unit; write "${text}s" for seconds or "${text}ms" for milliseconds`;
  const { meant } = meantBy(text, rules);
  if (meant !== undefined) return `is not a duration; write "${meant.text}"`;
  if (/^(?:\d+(?:\.\d+)?(?:d|h|ms|m|s))+$/.test(text)) {
    return 'is not a duration; units go from large to small, each once, and only the last number may have a fraction, as in "1h30m"';
  }
  return 'is not a duration; write it like "500ms", "30s", "2m", "1h30m" or "1d"';
}

function pair(total: number, per: number, large: string, small: string): string {
  const rest = total % per;
  return rest === 0 ? `${total / per}${large}` : `${Math.floor(total / per)}${large} ${String(rest).padStart(2, "0")}${small}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
