import { setFlagsFromString } from "node:v8";

const MAX_PATTERN_LENGTH = 1000;
const MAX_CACHED = 100;

/**
 * A regular expression that runs in linear time, or why the pattern is refused. `size` is about the number of its
 * states: what it takes to match is in proportion to the text's length × `size`.
 */
export type Pattern = { readonly regex: RegExp; readonly size: number } | { readonly reason: string; readonly help?: string };

/**
 * Compiles a regular expression of the author or of the state.
 *
 * Contract: no text makes it take longer than {@link Pattern} says. What cannot be matched so (back-references, look-around, counted groups
 * beyond 16 repetitions) is refused.
 */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source);
  if (known !== undefined) return known;
  const pattern = compile(source);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(source, pattern);
  return pattern;
}

const LINEAR = "l";
const cache = new Map<string, Pattern>();
let engineReady = false;

/**
 * V8's own flag `l` chooses the engine without backtracking, and throws where that engine cannot be used. The engine that
 * only takes over after many backtracks is no substitute: `.*x.*y.*z` on a megabyte still took minutes with it.
 * The switch belongs to the whole process and must stay on while such a regular expression is used.
 */
function compile(source: string): Pattern {
  if (source.length > MAX_PATTERN_LENGTH) return { reason: `it is longer than ${MAX_PATTERN_LENGTH} characters` };
  if (!engineReady) setFlagsFromString("--enable-experimental-regexp-engine");
  engineReady = true;
  try {
    const split = splitCounts(source);
    const regex = new RegExp(split, LINEAR);
    return feature(source) ?? { regex, size: sizeOf(split) };
  } catch (error) {
    return feature(source) ?? { reason: reasonOf(error as Error) };
  }
}

const ATOM = String.raw`\\(?:c[A-Za-z]|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|[^])|\[(?:\\[^]|[^\]\\])*\]`;
const COUNTED = new RegExp(String.raw`(${ATOM}|[^\\()[\]{}^$|?*+])\{(\d+)(,?)(\d*)\}\??|${ATOM}|[^]`, "g");
/** The engine repeats a part at most so often. */
const MAX_REPEAT = 16;
const MAX_COUNT = 1000;

/** Writes `[0-9a-f]{40}` as `[0-9a-f]{16}[0-9a-f]{16}[0-9a-f]{8}`: the same language, and the engine takes it. */
function splitCounts(source: string): string {
  return source.replaceAll(COUNTED, (whole: string, atom: string | undefined, from: string, comma: string, to: string) => {
    if (atom === undefined) return whole;
    const least = Number(from);
    const most = comma === "" ? least : to === "" ? least : Number(to);
    if (most <= MAX_REPEAT || most > MAX_COUNT || most < least) return whole;
    return repeat(atom, least, "") + (comma !== "" && to === "" ? `${atom}*` : repeat(atom, most - least, "0,"));
  });
}

function repeat(atom: string, count: number, prefix: string): string {
  const rest = count % MAX_REPEAT;
  return `${atom}{${prefix}${MAX_REPEAT}}`.repeat(Math.floor(count / MAX_REPEAT)) + (rest === 0 ? "" : `${atom}{${prefix}${rest}}`);
}

const COUNTED_PART = new RegExp(String.raw`(${ATOM}|[^])(?:\{(\d+)(?:,(\d*))?\})?`, "g");

/** The number of states, which repetition multiplies. */
function sizeOf(source: string): number {
  const open = [0];
  for (const [, part, least = "1", most] of source.matchAll(COUNTED_PART)) {
    if (part === "(") open.push(0);
    else open.push((part === ")" ? (open.pop() ?? 0) : 1) * Number(most || least) + (open.pop() ?? 0));
  }
  return open[0] ?? 0;
}

/** What the pattern asks for that no expression may, even where V8's engine could do it. */
function feature(source: string): Pattern | undefined {
  const bare = source.replaceAll(new RegExp(ATOM, "g"), (atom) => (/^\\[1-9k]/.test(atom) ? "\\1" : ""));
  if (/\(\?<?[=!]/.test(bare))
    return { reason: "look-around such as (?=…) is not supported", help: "ask in two steps: `text.matches('…') && !text.matches('…')`" };
  if (bare.includes("\\1")) return { reason: "back-references such as \\1 are not supported", help: "let a script look for it" };
  if (/\(\?[a-z]*i/.test(bare)) return { reason: "(?i) is not supported", help: "write `text.lowerAscii().matches('…')`" };
  return undefined;
}

function reasonOf(error: Error): string {
  const said = error.message.slice(error.message.lastIndexOf(": ") + 2);
  if (said !== "Cannot be executed in linear time") return said.charAt(0).toLowerCase() + said.slice(1);
  return `a count is too large: a group can be repeated at most ${MAX_REPEAT} times, one character at most ${MAX_COUNT} times`;
}
