import { quote } from "./expression-words.ts";
import type { ExpressionProblem } from "./scope.ts";

type Fix = NonNullable<ExpressionProblem["fix"]>;

/**
 * The problems of an expression, each with a fix after which it is gone and no other has come.
 *
 * What a problem knows is one step. Where that is not all (`a = 1 and b = 2`), the steps of what is found then follow; where
 * they lead to nothing that is right, there is no fix.
 */
export function withWholeFixes(
  text: string,
  problems: readonly ExpressionProblem[],
  problemsOf: (text: string) => readonly ExpressionProblem[],
): ExpressionProblem[] {
  return problems.map(({ fix, ...problem }) => {
    const mended = fix === undefined ? undefined : follow(text, fix, problems.length, problemsOf);
    return fix === undefined || mended === undefined ? problem : { ...problem, ...describe(text, fix, mended, problem.help) };
  });
}

interface Mended {
  readonly text: string;
  readonly safe: boolean;
  readonly steps: number;
}

const MOST_STEPS = 10;

function follow(text: string, first: Fix, count: number, problemsOf: (text: string) => readonly ExpressionProblem[]): Mended | undefined {
  let mended: Mended = { text: applied(text, first), safe: first.safe, steps: 1 };
  while (mended.steps <= MOST_STEPS) {
    const left = problemsOf(mended.text);
    if (left.length === 0 || (mended.steps === 1 && left.length < count)) return mended;
    const next = left.find(({ fix }) => fix !== undefined)?.fix;
    if (next === undefined) return undefined;
    mended = { text: applied(mended.text, next), safe: mended.safe && next.safe, steps: mended.steps + 1 };
  }
  return undefined;
}

function applied(text: string, fix: Fix): string {
  return text.slice(0, fix.start) + fix.text + text.slice(fix.end);
}

function describe(text: string, first: Fix, mended: Mended, help = ""): Pick<ExpressionProblem, "help" | "fix"> {
  if (mended.steps > 1) return { help: `write ${quote(mended.text)}`, fix: { safe: mended.safe, ...difference(text, mended.text) } };
  const [before, after] = [text.slice(first.start, first.end), first.text];
  if (after === "") return { help: `remove \`${before}\``, fix: first };
  const isSaid = help.includes(after) && !help.startsWith("did you mean");
  return { help: isSaid ? help : `replace \`${before}\` with \`${after}\``, fix: first };
}

/** What has to be put where, to get from one text to another. */
function difference(before: string, after: string): Omit<Fix, "safe"> {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start += 1;
  let same = 0;
  while (same < most - start && before.at(-1 - same) === after.at(-1 - same)) same += 1;
  return { start, end: before.length - same, text: after.slice(start, after.length - same) };
}
