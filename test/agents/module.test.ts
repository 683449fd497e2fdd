import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AgentError, toFailure } from "../../src/engine/failure.ts";
import type { AgentContext, AgentFunction } from "../../src/engine/agent.ts";
import { folderWith } from "../support/folder.ts";
import { callOf, failureOf, PROGRAMS, testRunner } from "./calls.ts";

const directory = folderWith({});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("a module", () => {
  const rows: readonly [sentence: string, name: string, text: string | null, result: object][] = [
    ["in JavaScript", "a.mjs", "export default (input) => ({ b: input.a + 1 });", { returned: { b: 2 } }],
    ["in TypeScript", "b.ts", "export default (input: { a: number }): { b: number } => ({ b: input.a + 1 });", { returned: { b: 2 } }],
    ["of the older kind", "c.cjs", "module.exports = (input) => ({ b: input.a + 1 });", { returned: { b: 2 } }],
    ["that is not there", "gone.mjs", null, { kind: "spawn", message: "cannot load the module FILE: there is no such file" }],
    [
      "without a default export",
      "d.mjs",
      "export const run = () => {};",
      { kind: "spawn", message: "cannot load the module FILE: it has no default export; expected a function (input, context) => output" },
    ],
    [
      "whose default export is no function",
      "e.mjs",
      "export default [1];",
      {
        kind: "spawn",
        message: "cannot load the module FILE: its default export is a list; expected a function (input, context) => output",
      },
    ],
    [
      "with a syntax error",
      "f.mjs",
      "export default () => { } };",
      { kind: "spawn", message: "cannot load the module FILE: syntax error: Unexpected token '}'; `node --check FILE` shows where" },
    ],
    [
      "with TypeScript that has no meaning without its types",
      "g.ts",
      "\nenum A { B }\nexport default () => A.B;",
      {
        kind: "spawn",
        message: "cannot load the module FILE: syntax error at FILE:2: TypeScript enum is not supported in strip-only mode",
      },
    ],
    [
      "that imports what is not installed",
      "h.mjs",
      'import x from "no-such-package";\nexport default x;',
      { kind: "spawn", message: "cannot load the module FILE: Cannot find package 'no-such-package' imported from FILE" },
    ],
    [
      "that throws while it is loaded",
      "i.mjs",
      'throw new Error("no database");',
      { kind: "spawn", message: "cannot load the module FILE: no database" },
    ],
    [
      "that reads wrong JSON while it is loaded, which is no syntax error of its own",
      "j.mjs",
      'JSON.parse("nonsense");',
      { kind: "spawn", message: `cannot load the module FILE: Unexpected token 'o', "nonsense" is not valid JSON` },
    ],
    ["that is a directory", ".", null, { kind: "spawn", message: "cannot load the module FILE: it is a directory" }],
  ];

  // In a Node of its own: the test runner loads modules in its own way.
  test("row 5: is loaded by Node, or says why not", () => {
    const paths = rows.map(([, name, text]) => (text === null ? join(directory, name) : file(name, text)));
    const { stdout, stderr } = spawnSync(process.execPath, [join(PROGRAMS, "loads-modules.mjs"), ...paths], { encoding: "utf8" });
    expect(stderr).toBe("");
    const results = JSON.parse(stdout) as { message?: string }[];
    const told = rows.map(([sentence], index) => [
      sentence,
      { ...results[index], ...withoutPath(results[index]?.message, paths[index] ?? "") },
    ]);
    expect(told).toEqual(rows.map(([sentence, , , result]) => [sentence, result]));
  });

  function withoutPath(message: string | undefined, path: string): object {
    return message === undefined ? {} : { message: message.replaceAll(path, "FILE") };
  }

  test("is called with input and context, once loaded, and its result is awaited", async () => {
    const path = file(
      "called.mjs",
      "let calls = 0;\nexport default async (input, context) => ({ input, stage: context.stage, calls: ++calls });",
    );
    const runner = testRunner();
    const call = () => runner.call(callOf({ type: "module", module: path }, { input: { a: 1 } }));
    expect(await call()).toEqual({ output: { input: { a: 1 }, stage: "fetch", calls: 1 } });
    expect(await call()).toMatchObject({ output: { calls: 2 } });
  });

  test("that takes for ever to load does not outlive its time", async () => {
    mkdirSync(join(directory, "slow"));
    const path = file("slow/slow.mjs", "await new Promise(() => setTimeout(() => {}, 500));\nexport default () => {};");
    const controller = new AbortController();
    setTimeout(() => controller.abort(new AgentError("timeout", "too slow")), 20);
    const call = callOf({ type: "module", module: path }, { signal: controller.signal });
    expect(await failureOf(testRunner().call(call))).toMatchObject({ kind: "timeout", message: "too slow" });
  });
});

describe("a function", () => {
  const run = (agent: AgentFunction, signal?: AbortSignal) =>
    testRunner({ functions: new Map([["fetch", agent]]) }).call(
      callOf({ type: "function" }, { input: { a: 1 }, ...(signal === undefined ? {} : { signal }) }),
    );

  test("row 7: is found by its agent's name, and gets input and context", async () => {
    const context: AgentContext[] = [];
    const given: unknown[] = [];
    const reply = await run((input, theContext) => {
      given.push(input);
      context.push(theContext);
      return { b: 2 };
    });
    expect(reply).toEqual({ output: { b: 2 } });
    expect(given).toEqual([{ a: 1 }]);
    expect(context[0]).toMatchObject({ stage: "fetch", stageNumber: 2, totalStages: 3, attempt: 1, idempotencyKey: "run-1/fetch~1" });
  });

  test("row 6: may return nothing", async () => expect(await run(() => undefined)).toEqual({ output: undefined }));

  const throwers: readonly [sentence: string, agent: AgentFunction, failure: object][] = [
    ["an error", () => Promise.reject(new Error("boom")), { kind: "exit", message: "boom" }],
    [
      "an error before it returns",
      () => {
        throw new TypeError("input is undefined");
      },
      { kind: "exit", message: "input is undefined" },
    ],
    [
      "a failure of a kind that it chose",
      () => Promise.reject(new AgentError("rate_limit", "slow down", { retryAfterMs: 5 })),
      { kind: "rate_limit", message: "slow down", retry_after_ms: 5 },
    ],
    ["a text", () => Promise.reject("boom"), { kind: "exit", message: "boom" }],
  ];
  test.each(throwers)("row 9: that throws %s fails with it", async (_sentence, agent, failure) => {
    const thrown = await run(agent).catch((error: unknown) => error);
    expect(toFailure(thrown)).toEqual(failure);
  });

  test("row 126: that ignores its signal is not waited for; what it does later is ignored", async () => {
    for (const late of [Promise.resolve({ a: 1 }), Promise.reject(new Error("late"))]) {
      const controller = new AbortController();
      let end: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        end = resolve;
      });
      const failure = failureOf(run(() => held.then(() => late), controller.signal));
      controller.abort(new AgentError("timeout", "too slow"));
      expect(await failure).toMatchObject({ kind: "timeout", message: "too slow" });
      end();
      await late.catch(() => {});
    }
  });

  test("that fails because of its signal fails with the signal's reason", async () => {
    const controller = new AbortController();
    const agent: AgentFunction = (_input, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
    const failure = failureOf(run(agent, controller.signal));
    controller.abort(new AgentError("deadline", "no time left"));
    expect((await failure).kind).toBe("deadline");
  });

  test("is not called when its call is already cancelled", async () => {
    let calls = 0;
    const failure = await failureOf(run(() => (calls += 1), AbortSignal.abort()));
    expect({ kind: failure.kind, calls }).toEqual({ kind: "cancelled", calls: 0 });
  });

  test("that nobody registered is a bug, and so is a nested pipeline", async () => {
    await expect(testRunner().call(callOf({ type: "function" }))).rejects.toThrow(
      "no function is registered for agent fetch, and the plan let it pass",
    );
    await expect(testRunner().call(callOf({ type: "pipeline", plan: {} as never }))).rejects.toThrow(
      "the nested pipeline fetch was given to the agent runner; the interpreter runs it",
    );
  });
});
