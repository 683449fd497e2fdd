import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LocatedEdit } from "../../src/spec/places/edits.ts";
import type { Located } from "../../src/spec/positions.ts";
import { diagnose, type Mistake, shown, withMistake } from "./corpus.ts";
import { CASCADES } from "./cascades.ts";
import { DATA_FLOW, DATA_FLOW_LATER } from "./data-flow.ts";
import { ENVIRONMENT_LATER, ENVIRONMENT_MISTAKES } from "./environment.ts";
import { EXPRESSIONS, EXPRESSIONS_LATER } from "./expressions.ts";
import { FLOW, FLOW_LATER } from "./flow.ts";
import { FORM, FORM_LATER } from "./form.ts";
import { NAMES, NAMES_LATER } from "./names.ts";
import { TIME, TIME_LATER } from "./time.ts";

/**
 * One mistake in a file that was right is one message, at its exact place. All messages of a theme are in `messages/`, so that they
 * can be read as those read them who get them (`vitest run test/corpus/wrong.test.ts -u` rewrites them).
 */
const THEMES: readonly { readonly theme: string; readonly mistakes: readonly Mistake[] }[] = [
  { theme: "form", mistakes: FORM },
  { theme: "names", mistakes: NAMES },
  { theme: "flow", mistakes: FLOW },
  { theme: "expressions", mistakes: EXPRESSIONS },
  { theme: "data-flow", mistakes: DATA_FLOW },
  { theme: "time", mistakes: TIME },
  { theme: "environment", mistakes: ENVIRONMENT_MISTAKES },
  { theme: "cascades", mistakes: CASCADES },
];
const EXPECTED_LATER = [FORM_LATER, NAMES_LATER, FLOW_LATER, EXPRESSIONS_LATER, DATA_FLOW_LATER, TIME_LATER, ENVIRONMENT_LATER].flat();

async function check(mistake: Mistake): Promise<void> {
  const { text, start, end } = withMistake(mistake);
  const found = await told(mistake);
  const places = found.map(({ code, place }) => ({
    code,
    ...placeIn(text, place?.start ?? -1, place?.end ?? -1),
    by: lineAndColumn(place),
  }));
  const place = placeIn(text, start, end);
  expect(places).toEqual([{ code: mistake.code, ...place, by: { from: place.from, to: place.to } }]);
}

test("there are enough mistakes", () => expect(THEMES.flatMap(({ mistakes }) => mistakes).length).toBeGreaterThanOrEqual(180));

describe.each(THEMES.filter(({ mistakes }) => mistakes.length > 0))("$theme", ({ theme, mistakes }) => {
  test.each(mistakes)("$code in $file: $by", check);

  test("a safe fix mends its file, and leaves nothing else to tell", async () => {
    const left: string[] = [];
    for (const mistake of mistakes) {
      const { text } = withMistake(mistake);
      const [found] = await told(mistake);
      if (found?.fix?.safe === true) left.push(shown(await diagnose(mistake.file, edited(text, found.fix.edits))));
    }
    expect(left.filter((rest) => rest !== "")).toEqual([]);
  });

  test("the messages", async () => {
    const messages: string[] = [];
    for (const mistake of mistakes) messages.push(shown(await told(mistake)));
    await expect(`${messages.join(`\n\n${"-".repeat(80)}\n\n`)}\n`).toMatchFileSnapshot(join(import.meta.dirname, `messages/${theme}.txt`));
  });
});

/** `EXPECTED_LATER=1 vitest run test/corpus/wrong.test.ts` shows which of these are found by now, and can move to the others. */
describe.skipIf(process.env.EXPECTED_LATER === undefined)("expected later", () => {
  test.each(EXPECTED_LATER)("$code in $file: $by", check);
});

/** What is told of a mistake; each file is checked once. */
function told(mistake: Mistake): Promise<readonly Located[]> {
  const found = TOLD.get(mistake) ?? diagnose(mistake.file, withMistake(mistake).text);
  TOLD.set(mistake, found);
  return found;
}

const TOLD = new Map<Mistake, Promise<readonly Located[]>>();

function edited(text: string, edits: readonly LocatedEdit[]): string {
  const fromTheEnd = edits.toSorted((one, other) => other.place.start - one.place.start);
  return fromTheEnd.reduce((result, edit) => result.slice(0, edit.place.start) + edit.text + result.slice(edit.place.end), text);
}

/** What is marked, as text, line and column: worked out from the text alone. */
function placeIn(text: string, start: number, end: number): { marked: string; from: string; to: string } {
  const position = (offset: number): string => {
    const before = text.slice(0, offset).split("\n");
    return `${before.length}:${[...(before.at(-1) ?? "")].length + 1}`;
  };
  return { marked: text.slice(start, end), from: position(start), to: position(end) };
}

/** The same as the diagnostic says it. */
function lineAndColumn(place: Located["place"]): { from: string; to: string } | null {
  return place === null ? null : { from: `${place.line}:${place.column}`, to: `${place.endLine}:${place.endColumn}` };
}
