import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/engine/durable.ts";
import { History } from "../../src/engine/history.ts";
import { State } from "../../src/engine/state.ts";
import { type JsonObject, toJson } from "../../src/spec/json.ts";

function stateOf(values: object): State {
  return new State(toJson(values) as JsonObject);
}

describe("row 29-33: the state", () => {
  test("what a snapshot shows never changes afterwards", () => {
    const state = stateOf({ a: 1 });
    const before = state.snapshot();
    state.commit({ a: 2, b: 3 });
    const between = state.snapshot();
    state.prune(["b"], null);
    expect([before, between, state.snapshot()]).toEqual([{ a: 1 }, { a: 2, b: 3 }, { b: 3 }]);
    expect([before, between, state.snapshot()].every((snapshot) => Object.isFrozen(snapshot))).toBe(true);
  });

  test("a snapshot is made at most once between two changes", () => {
    const state = stateOf({ a: 1 });
    const first = state.snapshot();
    state.commit({});
    state.prune(null, null);
    expect(state.snapshot()).toBe(first);
    state.commit({ a: 2 });
    expect(state.snapshot()).toBe(state.snapshot());
    expect(state.snapshot()).not.toBe(first);
  });

  test("row 30: absent is told from null", () => {
    const state = stateOf({ a: null });
    expect(["a", "b"].map((key) => Object.hasOwn(state.snapshot(), key))).toEqual([true, false]);
  });

  test.each<[string, object, object]>([
    ["a new key", { b: 1 }, { b: 1 }],
    ["a changed value", { n: 2 }, { n: 2 }],
    ["not what was there already", { n: 1, deep: { x: [1, 2] } }, {}],
    ["only what differs", { n: 1, b: 2, deep: { x: [2, 1] } }, { b: 2, deep: { x: [2, 1] } }],
    ["null for a value", { n: null }, { n: null }],
    ["a number for its text", { n: "1" }, { n: "1" }],
    ["an inherited name is no key of the state", { toString: 1 }, { toString: 1 }],
  ])("changes are %s", (_, output, changes) => {
    expect(stateOf({ n: 1, deep: { x: [1, 2] } }).changesOf(output as JsonObject)).toEqual(changes);
  });

  test("changes are those against what was committed last", () => {
    const state = stateOf({ n: 1 });
    state.commit({ n: 2 });
    expect([state.changesOf({ n: 1 }), state.changesOf({ n: 2 })]).toEqual([{ n: 1 }, {}]);
  });

  test("`__proto__` is a key like any other", () => {
    const state = stateOf({});
    const wrote = JSON.parse('{"__proto__": {"x": 1}}') as JsonObject;
    state.commit(state.changesOf(wrote));
    expect(JSON.stringify(state.snapshot())).toBe('{"__proto__":{"x":1}}');
    expect(state.changesOf(wrote)).toEqual({});
    state.prune(null, ["__proto__"]);
    expect(JSON.stringify(state.snapshot())).toBe("{}");
  });
});

describe("the history of earlier rounds", () => {
  const outcome = (settled: Outcome["settled"], attempt = 1): Outcome => ({
    status: settled === "succeeded" ? "succeeded" : "failed",
    settled,
    agent: "a",
    attempt,
    ended_at: 0,
    duration_ms: 0,
    wrote: {},
    bare: false,
    failure: null,
    stopped_by: null,
    retry_in_ms: null,
    decision: null,
    usage: null,
    answers: 0,
  });

  test.each<[string, [string, Outcome][], string, object | undefined]>([
    ["knows nothing of a visit that was not recorded", [["a~1!1#1", outcome("succeeded")]], "a~2", undefined],
    ["nor of one that was not settled", [["a~1!1#1", outcome(null)]], "a~1", undefined],
    [
      "gathers the attempts of a visit",
      [
        ["a~1!1#1", outcome(null)],
        ["a~1!1#2", outcome("succeeded", 2)],
      ],
      "a~1",
      { position: 2, attempts: [1, 2], settled: "succeeded" },
    ],
    [
      "those of a fallback too",
      [
        ["a~1!1#1", outcome(null)],
        ["a~1!1@b#1", outcome(null)],
        ["a~1!1@b#2", outcome("tolerated", 2)],
      ],
      "a~1",
      { position: 3, attempts: [1, 1, 2], settled: "tolerated" },
    ],
    [
      "of the round that settled it alone",
      [
        ["a~1!1#1", outcome(null)],
        ["a~1!2#1", outcome("failed")],
        ["a~1!3#1", outcome(null)],
        ["a~1!3#2", outcome("succeeded", 2)],
      ],
      "a~1",
      { position: 4, attempts: [1, 2], settled: "succeeded" },
    ],
    [
      "knows the latest settlement only",
      [
        ["a~1!1#1", outcome("succeeded")],
        ["a~1!2#1", outcome("failed")],
      ],
      "a~1",
      { position: 2, attempts: [1], settled: "failed" },
    ],
    [
      "tells the rounds of a nested pipeline apart",
      [
        ["n~1/a~1!1.1#1", outcome(null)],
        ["n~1/a~1!1.2#1", outcome("succeeded")],
        ["b~1!1#1", outcome("succeeded")],
      ],
      "n~1/a~1",
      { position: 2, attempts: [1], settled: "succeeded" },
    ],
    [
      "tells members of groups apart",
      [
        ["g/a~1!1#1", outcome("failed")],
        ["h/a~1!1#1", outcome("succeeded")],
      ],
      "g/a~1",
      { position: 1, attempts: [1], settled: "failed" },
    ],
  ])("%s", (_, entries, visit, expected) => {
    const past = new History(entries).get(visit);
    expect(
      past === undefined
        ? undefined
        : { position: past.position, attempts: past.outcomes.map(({ attempt }) => attempt), settled: past.settled.settled },
    ).toEqual(expected);
  });

  test("its position counts every record, settled or not", () => {
    const history = new History([["a~1!1#1", outcome(null)]]);
    history.add("a~1!1#2", outcome("failed"));
    expect(history.position).toBe(2);
  });
});
