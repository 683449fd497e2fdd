import type { ExpressionProblem, Read } from "./scope.ts";

/**
 * A key with a hyphen that is written as a bare name, so that the expression subtracts one key from another.
 *
 * `read` is one that nothing writes, in the expression `text`; `keys` are those that are written. Undefined where no written
 * key with a hyphen stands there. Both halves of a name give the same problem, at the whole name.
 */
export function hyphenated(read: Read, text: string, keys: ReadonlySet<string>): ExpressionProblem | undefined {
  for (const { 0: chain, index, groups = {} } of text.matchAll(CHAIN)) {
    if (read.start < index || read.end > index + chain.length) continue;
    const names = namesIn(text, index, chain, groups.state ?? "").filter(({ from, end }) => from <= read.start && read.end <= end);
    const meant = names.find(({ name }) => keys.has(name) && !name.split("-").every((part) => keys.has(part)));
    return meant === undefined ? undefined : problemOf(meant);
  }
  return undefined;
}

/**
 * The same for a member: `order.ship-to`, where nothing writes `to`. What members there are is not known, so this is said only
 * where the subtraction cannot be meant.
 */
export function hyphenatedMember(read: Read, text: string, keys: ReadonlySet<string>): ExpressionProblem | undefined {
  for (const { 0: chain, index } of text.matchAll(MEMBER)) {
    const end = index + chain.length;
    const [, ...taken] = chain.split("-");
    if (read.start < index || read.end > end || taken.some((part) => keys.has(part))) continue;
    const written = `['${chain}']`;
    const help = `for the member \`${chain}\`, write \`${written}\` in place of \`.${chain}\``;
    return { ...readAs(chain), start: index, end, help, fix: { safe: false, start: index - 1, end, text: written } };
  }
  return undefined;
}

const MEMBER = /(?<=(?<!\bstate)\.)[A-Za-z_]\w*(?:-\w+)+/g;

/** Names with nothing but a minus between them, the first one perhaps as a member of the state. */
const CHAIN = /(?:(?<state>(?<![\w.])state\s*\.\s*)|(?<=\.\s*)|(?<![\w.]))[A-Za-z_]\w*(?:-\w+)+/g;

/** A part of a chain that may be the name of a key. */
interface Named {
  readonly name: string;
  /** Where it begins; with `state.` in `start`, without in `from`. */
  readonly start: number;
  readonly from: number;
  readonly end: number;
}

/** The longest first. */
function namesIn(text: string, index: number, chain: string, state: string): Named[] {
  const parts = chain.slice(state.length).split("-");
  // What stands after the dot of something else is no key of the state.
  const isMember = state === "" && /\.\s*$/.test(text.slice(0, index));
  const offsets = parts.map((_, place) => index + state.length + parts.slice(0, place).join("-").length + (place === 0 ? 0 : 1));
  const names: Named[] = [];
  for (let first = isMember ? 1 : 0; first < parts.length; first += 1) {
    for (let last = first + 1; last < parts.length; last += 1) {
      const name = parts.slice(first, last + 1).join("-");
      const from = offsets[first] ?? 0;
      names.push({ name, from, start: first === 0 ? index : from, end: from + name.length });
    }
  }
  return names.toSorted((a, b) => b.name.length - a.name.length);
}

function problemOf({ name, start, end }: Named): ExpressionProblem {
  return {
    ...readAs(name),
    start,
    end,
    help: `for the key \`${name}\`, write \`state['${name}']\``,
    fix: { safe: true, start, end, text: `state['${name}']` },
  };
}

function readAs(name: string): Pick<ExpressionProblem, "code" | "message"> {
  const parts = name.split("-").map((part) => `\`${part}\``);
  return { code: "hyphenated-name", message: `\`${name}\` is read here as ${parts.join(" minus ")}` };
}
