import { describe, expect, test } from "vitest";
import { problemsIn } from "./plans.ts";

const told = (expression: string): Promise<string[]> =>
  problemsIn(`[agents.log]
type = "script"
command = ["echo", "\${{ ${expression} }}"]
[orchestration.sequential]
agents = ["log"]
[[orchestration.sequential.branches]]
from_agent = "log"
condition = "meta.attempt == '2'"
end = true
`);

describe("a name of metadata", () => {
  test.each<[sentence: string, expression: string, problem: string]>([
    [
      "with a letter too few",
      "meta.sesion_id",
      "~ 3:30 unknown-variable: metadata has no `sesion_id`, unless a run is given it with --meta",
    ],
    ["in another case", "meta.stageName", "~ 3:30 unknown-variable: metadata has no `stageName`, unless a run is given it with --meta"],
    ["in quotes", "meta['runid']", "~ 3:30 unknown-variable: metadata has no `runid`, unless a run is given it with --meta"],
  ])("%s is told", async (_sentence, expression, problem) => expect(await told(expression)).toEqual([problem]));

  test.each([
    ["that is known", "meta.session_id"],
    ["that is another's", "meta.team"],
    ["that is not much like one", "meta.session"],
    ["that is asked for", "has(meta.attempts) ? meta.attempts : ''"],
  ])("%s is not", async (_sentence, expression) => expect(await told(expression)).toEqual([]));
});
