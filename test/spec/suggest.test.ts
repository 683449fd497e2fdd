import { expect, test } from "vitest";
import { nearest } from "../../src/spec/suggest.ts";

test.each<[sentence: string, name: string, candidates: string[], expected: string | undefined]>([
  ["finds a name with a letter missing", "colector", ["formatter", "collector"], "collector"],
  ["finds a name with two letters swapped", "tiemout", ["timeout", "retries"], "timeout"],
  ["finds a short name with two letters swapped", "rwos", ["tows", "rows"], "rows"],
  ["does not swap letters that are apart", "swor", ["rows"], undefined],
  ["finds a short name in capitals", "DB", ["ab", "db"], "db"],
  ["finds a name in the other spelling", "systemPrompt", ["prompt", "system_prompt"], "system_prompt"],
  ["finds a name with - for _", "max-tokens", ["max_tokens"], "max_tokens"],
  ["takes the nearest", "retry", ["retries", "retry_on"], "retry_on"],
  ["takes the first of two that are as near", "agent1", ["agent2", "agent3"], "agent2"],
  ["finds nothing where nothing is near", "banana", ["timeout", "retries"], undefined],
  ["does not guess at names of two letters", "ab", ["cd", "xy"], undefined],
  ["finds nothing among no candidates", "x", [], undefined],
  ["measures names of a hundred letters", "x".repeat(100), ["x".repeat(99)], "x".repeat(99)],
  ["does not measure names of absurd length", "x".repeat(200), ["x".repeat(199)], undefined],
])("%s", (_sentence, name, candidates, expected) => expect(nearest(name, candidates)).toBe(expected));
