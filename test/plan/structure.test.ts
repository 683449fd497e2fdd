import { describe, expect, test } from "vitest";
import { build, canned, pipeline, planOf, problemsOf } from "./plans.ts";

describe("the sequence", () => {
  test("rows 1, 21, 64: is stages and groups in the order of the file, numbered from 1", async () => {
    const plan = await planOf(pipeline({ agents: ["a", "g", "d"], parallel: { g: { agents: ["b", "c"] } } }, canned("a", "b", "c", "d")));
    const shape = plan.sequence.map((element) =>
      element.kind === "group"
        ? [element.number, element.name, element.members.map(({ number, name }) => [number, name])]
        : [element.number, element.name],
    );
    expect(shape).toEqual([
      [1, "a"],
      [
        2,
        "g",
        [
          [2, "b"],
          [2, "c"],
        ],
      ],
      [3, "d"],
    ]);
    expect([...plan.elements.keys()]).toEqual(["a", "g", "d"]);
  });

  test("leaves detours to branches: they have no number, and a group may be one", async () => {
    const plan = await planOf(
      pipeline(
        {
          agents: ["a", "b"],
          parallel: { g: { agents: ["x", "y"] } },
          branches: [
            { from_agent: "a", condition: "1 > 2", to_agent: "z" },
            { from_agent: "z", condition: "1 > 2", to_agent: "g" },
            { from_agent: "g", to_agent: "b" },
          ],
        },
        canned("a", "b", "x", "y", "z"),
      ),
    );
    expect([...plan.elements.values()].map(({ name, number }) => [name, number])).toEqual([
      ["a", 1],
      ["b", 2],
      ["z", null],
      ["g", null],
    ]);
  });
});

describe("rows 60 to 62: a group", () => {
  const group = (more: object) => pipeline({ agents: ["g"], parallel: { g: { agents: ["a", "b"], ...more } } }, canned("a", "b"));

  test.each<[sentence: string, more: object, expected: object]>([
    [
      "runs all members at the same time, merges flat and fails with the first failure",
      {},
      { maxConcurrency: 2, merge: "flat", onError: "fail", minSuccess: 1 },
    ],
    [
      "does what the file says",
      { max_concurrency: 1, merge: "prefix", on_error: "continue", min_success: 2 },
      { maxConcurrency: 1, merge: "prefix", onError: "continue", minSuccess: 2 },
    ],
  ])("%s", async (_sentence, more, expected) => expect((await planOf(group(more))).sequence[0]).toMatchObject(expected));

  test.each<[sentence: string, more: object, expected: string[]]>([
    [
      "min_success without on_error = continue",
      { min_success: 1 },
      ['orchestration.sequential.parallel.g.min_success no-effect: `min_success` does nothing without on_error = "continue"'],
    ],
    [
      "min_success above the number of members",
      { on_error: "continue", min_success: 3 },
      ["orchestration.sequential.parallel.g.min_success out-of-range: `min_success`: expected at most 2, the number of members, got 3"],
    ],
  ])("cannot have %s", async (_sentence, more, expected) => expect(await problemsOf(group(more))).toEqual(expected));

  const SEQUENTIAL = "orchestration.sequential";
  const agents = canned("a", "b", "c");
  test.each<[sentence: string, definition: ReturnType<typeof pipeline>, expected: string[]]>([
    [
      "that is not used is checked all the same",
      pipeline({ agents: ["a"], parallel: { g: { agents: ["b", "x"] } } }, canned("a", "b")),
      [`${SEQUENTIAL}.parallel.g.agents.1 unknown-agent: there is no agent called \`x\``],
    ],
    [
      "in which an agent stands twice",
      pipeline({ agents: ["g"], parallel: { g: { agents: ["a", "a"] } } }, canned("a")),
      [`${SEQUENTIAL}.parallel.g.agents.1 duplicate-name: \`a\` stands here twice`],
    ],
    [
      "with a member that is a stage as well, after one that is not there",
      pipeline({ agents: ["a", "g"], parallel: { g: { agents: ["x", "a"] } } }, canned("a")),
      [
        `${SEQUENTIAL}.parallel.g.agents.1 duplicate-name: \`a\` is a member of \`g\`, and a stage of its own as well`,
        `${SEQUENTIAL}.parallel.g.agents.0 unknown-agent: there is no agent called \`x\``,
      ],
    ],
    [
      "with a member that is a stage as well, after a group",
      pipeline({ agents: ["a", "g"], parallel: { g: { agents: ["h", "a"] }, h: { agents: ["b", "c"] } } }, agents),
      [
        `${SEQUENTIAL}.parallel.g.agents.0 group-in-group: \`h\` is a group, and a group cannot be a member of another`,
        `${SEQUENTIAL}.parallel.g.agents.1 duplicate-name: \`a\` is a member of \`g\`, and a stage of its own as well`,
      ],
    ],
    [
      "with a member of another one that is a detour",
      pipeline(
        {
          agents: ["g"],
          parallel: { g: { agents: ["a", "b"] }, h: { agents: ["b", "c"] } },
          branches: [{ from_agent: "g", to_agent: "h" }],
        },
        agents,
      ),
      [`${SEQUENTIAL}.parallel.h.agents.0 duplicate-name: \`b\` is a member of \`g\` already`],
    ],
    [
      "with a member of another one that is not used is right, but for that other one",
      pipeline({ agents: ["g"], parallel: { g: { agents: ["a", "b"] }, h: { agents: ["b", "c"] } } }, agents),
      [`~ ${SEQUENTIAL}.parallel.h unreached-agent: no run comes to the group \`h\``],
    ],
    [
      "in a group",
      pipeline({ agents: ["g"], parallel: { g: { agents: ["a", "h"] }, h: { agents: ["b", "c"] } } }, agents),
      [`${SEQUENTIAL}.parallel.g.agents.1 group-in-group: \`h\` is a group, and a group cannot be a member of another`],
    ],
    [
      "in itself",
      pipeline({ agents: ["g"], parallel: { g: { agents: ["a", "g"] } } }, canned("a")),
      [`${SEQUENTIAL}.parallel.g.agents.1 group-in-group: \`g\` is a group, and a group cannot be a member of another`],
    ],
    [
      "with the name of an agent",
      pipeline({ agents: ["a"], parallel: { a: { agents: ["b", "c"] } } }, agents),
      [`${SEQUENTIAL}.parallel.a duplicate-name: \`a\` is the name of a group and of an agent`],
    ],
    [
      "whose members prune, by a key of their own and by one that they take over",
      pipeline(
        { agents: ["g"], parallel: { g: { agents: ["a", "b"] } } },
        { a: { type: "canned", reply: { k: 1 }, drop: ["k"] }, base: { keep: ["k"] }, b: { type: "canned", extends: "base" } },
      ),
      [
        "agents.a.drop prune-in-group: `drop` does nothing here: `a` is a member of the group `g`, and prunes no state of its own",
        "agents.base.keep prune-in-group: `keep` does nothing here: `b` is a member of the group `g`, and prunes no state of its own",
      ],
    ],
  ])("%s", async (_sentence, definition, expected) => expect(await problemsOf(definition)).toEqual(expected));
});

describe("rows 8 and 59: a name that no agent has", () => {
  test("is told once, with all its places and what is near", async () => {
    const { diagnostics } = await build(
      pipeline(
        {
          agents: ["one", "twoo"],
          parallel: { g: { agents: ["three", "twoo"] } },
          branches: [{ from_agent: "one", to_agent: "g" }],
        },
        { ...canned("two", "three"), one: { type: "canned", fallback: "twoo" } },
        { hooks: [{ on: "retry", agents: ["twoo"], command: ["x"] }] },
      ),
    );
    const unknown = diagnostics.filter(({ code }) => code === "unknown-agent");
    expect(unknown).toEqual([
      {
        severity: "error",
        code: "unknown-agent",
        message: "there is no agent called `twoo`",
        path: ["agents", "one", "fallback"],
        label: "not defined",
        related: [
          { path: ["orchestration", "sequential", "agents", 1], label: "here as well" },
          { path: ["orchestration", "sequential", "parallel", "g", "agents", 1], label: "here as well" },
          { path: ["hooks", 0, "agents", 0], label: "here as well" },
          { path: ["agents", "two"], at: "key", label: "did you mean this one?" },
        ],
        help: "replace `twoo` with `two`",
        fix: {
          safe: false,
          edits: [
            { path: ["agents", "one", "fallback"], text: '"two"' },
            { path: ["orchestration", "sequential", "agents", 1], text: '"two"' },
            { path: ["orchestration", "sequential", "parallel", "g", "agents", 1], text: '"two"' },
            { path: ["hooks", 0, "agents", 0], text: '"two"' },
          ],
        },
      },
    ]);
  });

  test("may be that of a group, where a group can stand", async () => {
    const { diagnostics } = await build(pipeline({ agents: ["chekcs"], parallel: { checks: { agents: ["a", "b"] } } }, canned("a", "b")));
    expect(diagnostics.map(({ help }) => help)).toEqual(["replace `chekcs` with `checks`"]);
  });

  test("is followed by the names that there are, the first dozen", async () => {
    const names = Array.from({ length: 14 }, (_, index) => `agent-number-${index}`);
    const { diagnostics } = await build(pipeline({ agents: [...names, "z"] }, canned(...names)));
    const listed = names.slice(0, 12).map((name) => `\`${name}\``);
    expect(diagnostics.map(({ help }) => help)).toEqual([`known: ${listed.join(", ")}, …; another one needs a table [agents.z]`]);
  });

  test("does not make its branches wrong, nor what they lead to unreached", async () => {
    const branches = [
      { from_agent: "missing", condition: "state.k == 1", to_agent: "b" },
      { from_agent: "missing", to_agent: "also-missing" },
    ];
    expect(await problemsOf(pipeline({ agents: ["a", "missing"], branches }, canned("a", "b")))).toEqual([
      "orchestration.sequential.agents.1 unknown-agent: there is no agent called `missing`",
      "orchestration.sequential.branches.1.to_agent unknown-agent: there is no agent called `also-missing`",
    ]);
  });

  test("may be one of Object's own", async () => {
    expect(await problemsOf(pipeline({ agents: ["constructor", "__proto__"] }, { a: { type: "canned", fallback: "toString" } }))).toEqual([
      "agents.a.fallback unknown-agent: there is no agent called `toString`",
      "orchestration.sequential.agents.0 unknown-agent: there is no agent called `constructor`",
      "orchestration.sequential.agents.1 unknown-agent: there is no agent called `__proto__`",
    ]);
  });
});

test("an agent that stands in the sequence twice is told at the second place, with the first", async () => {
  const { diagnostics } = await build(pipeline({ agents: ["a", "b", "a"] }, canned("a", "b")));
  expect(diagnostics).toMatchObject([
    {
      code: "duplicate-name",
      path: ["orchestration", "sequential", "agents", 2],
      related: [{ path: ["orchestration", "sequential", "agents", 0], label: "the first time" }],
    },
  ]);
});
