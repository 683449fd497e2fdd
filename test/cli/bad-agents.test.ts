import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isRunning } from "../agents/calls.ts";
import { answer, completion, type ModelServer, startModelServer } from "../agents/model-server.ts";
import { folderWith } from "../support/folder.ts";
import { type ProgramEnd, runProgram } from "../support/program.ts";
import { stillClock } from "../support/still-clock.ts";

const PROGRAMS = fileURLToPath(new URL("../fixtures/programs", import.meta.url));

/** Runs a pipeline of one agent, with `PROGRAMS` as its scripts' directory; paths in what it prints are `FOLDER` and `PROGRAMS`. */
async function runAgent(agent: string, files: Readonly<Record<string, string>> = {}): Promise<ProgramEnd> {
  const folder = folderWith({ ...files, "one.toml": `${agent}\n[orchestration.sequential]\nagents = ["a"]\n` });
  const end = await runProgram(["run", "one.toml", "--quiet"], { cwd: folder });
  return { ...end, stderr: end.stderr.replaceAll(folder, "FOLDER").replaceAll(PROGRAMS, "PROGRAMS") };
}

function failed(message: string, ...more: readonly string[]): ProgramEnd {
  const kept = ["  finished: no stage", "  kept: the run and its input; this goes on with it:", "    agentflow resume id-1"];
  const lines = ["✖ one failed after 0ms", `  stage 1 (a) failed: ${message}`, ...more, "", ...kept, ""];
  return { code: 1, stdout: "", stderr: lines.join("\n") };
}

describe("a script that goes wrong fails its stage, and the message says how:", () => {
  const script = (rest: string): string => `[agents.a]\ntype = "script"\ncwd = "${PROGRAMS}"\n${rest}`;

  test.each<[sentence: string, rest: string, message: string, ...more: readonly string[]]>([
    [
      "it prints nonsense",
      `command = ["./prints-nonsense.sh"]`,
      `stdout is not JSON; it begins with "Hello, world"`,
      `  because: Unexpected token 'H', "Hello, world " is not valid JSON`,
      "    │ warning: this is a drill",
    ],
    [
      "it prints half a JSON text",
      `command = ["./prints-half-json.sh"]`,
      `stdout is not JSON; it begins with "{\\"rows\\": [1, 2"`,
      "  because: Expected ',' or ']' after array element in JSON at position 14 (line 1 column 15)",
      `    │ {"rows": [1, 2`,
    ],
    [
      "it prints something that is no object",
      `shell = "echo 5"`,
      '`a` gave the number 5, but only an object can be merged into the state; to keep it under a key of its own, write output = "some_key"',
    ],
    [
      "it exits with 3, and says why on stderr",
      `shell = "echo one >&2; echo two >&2; exit 3"`,
      "exited with code 3",
      "    │ one",
      "    │ two",
    ],
    ["it exits with 2, and says why on stdout", `command = ["./fails-on-stdout.sh"]`, "exited with code 2", "    │ usage: report FILE"],
    ["a signal ends it", `command = ["./dies-by-signal.sh", "SEGV"]`, "was ended by SIGSEGV"],
    [
      "its interpreter is not there",
      `command = ["./names-a-missing-interpreter.sh"]`,
      "cannot start `./names-a-missing-interpreter.sh`: the interpreter that its first line names was not found",
      "  because: spawn ./names-a-missing-interpreter.sh ENOENT",
    ],
    [
      "a program that is computed is not there",
      `command = ["\${{ 'no-such-' + 'program' }}"]`,
      "cannot start `no-such-program`: there is no such program on the PATH",
      "  because: spawn no-such-program ENOENT",
    ],
    [
      "what it promises to write is missing",
      `shell = "echo '{}'"\nwrites = ["rows"]`,
      "`a` declares that it writes `rows`, but it wrote nothing",
    ],
  ])("%s", async (_sentence, rest, message, ...more) => {
    expect(await runAgent(script(rest))).toEqual(failed(message, ...more));
  });

  test("it floods stdout: it is ended", async () => {
    const { code, stdout, stderr } = await runAgent(script(`command = ["./floods-stdout.sh"]\nmax_output = "1MB"`));
    const pid = Number(/│ (\d+)/.exec(stderr)?.[1]);
    expect({ code, stdout, stderr }).toEqual(
      failed("stdout is larger than max_output (1048576 bytes); the script was ended", `    │ ${pid}`),
    );
    expect(isRunning(pid)).toBe(false);
  });

  test("row 126: it never ends and has a child: the timeout ends both", async () => {
    const folder = folderWith({
      "one.toml": `${script(`command = ["./spawns-grandchild.sh"]\ntimeout = "300ms"`)}\n[orchestration.sequential]\nagents = ["a"]\n`,
    });
    const { code, stdout, stderr } = await runProgram(["run", "one.toml", "--verbose"], { cwd: folder });
    const pid = Number(/a │ (\d+)/.exec(stderr)?.[1]);
    const progress = `[1/1] a …\na │ ${pid}\n[1/1] a ✖ 0ms: it did not end within 300ms\n`;
    expect({ code, stdout, stderr }).toEqual({
      ...failed("it did not end within 300ms", `    │ ${pid}`),
      stderr: progress + failed("it did not end within 300ms", `    │ ${pid}`).stderr,
    });
    expect(isRunning(pid)).toBe(false);
  });
});

describe("a module that goes wrong fails its stage, and the message says how:", () => {
  test.each<[sentence: string, source: string, message: string, ...more: readonly string[]]>([
    ["it throws", `export default () => { throw new Error("no such customer"); };`, "no such customer"],
    [
      "it throws something that is no error",
      `export default () => { throw { status: 404 }; };`,
      `a value that is not an error was thrown: {"status":404}`,
    ],
    [
      "it throws an error with causes",
      `export default () => { throw new Error("cannot book", { cause: new Error("database is away") }); };`,
      "cannot book",
      "  because: database is away",
    ],
    [
      "it returns what is not JSON",
      "export default () => ({ when: () => 1 });",
      "the output of `a` is not JSON: when is a function, which JSON cannot say",
    ],
    [
      "it has no default export",
      "export const run = 1;",
      "cannot load the module FOLDER/a.mjs: it has no default export; expected a function (input, context) => output",
    ],
    [
      "its default export is no function",
      "export default { run: 1 };",
      "cannot load the module FOLDER/a.mjs: its default export is an object; expected a function (input, context) => output",
    ],
    ["its top level throws", `throw new Error("no licence");`, "cannot load the module FOLDER/a.mjs: no licence"],
  ])("%s", async (_sentence, source, message, ...more) => {
    expect(await runAgent(`[agents.a]\ntype = "module"\nmodule = "a.mjs"`, { "a.mjs": source })).toEqual(failed(message, ...more));
  });
});

describe("a model server that goes wrong fails its stage, and the message says how:", () => {
  let server: ModelServer;
  beforeAll(async () => {
    server = await startModelServer();
  });
  afterAll(() => server.close());

  const ask = async (baseUrl: string, rest = ""): Promise<ProgramEnd> => {
    const provider = `[providers.local]\nbase_url = "${baseUrl}"\napi_key_env = "LOCAL_KEY"`;
    const agent = `[agents.a]\ntype = "llm"\nprovider = "local"\nmodel = "m"\nprompt = "Hello"\n${rest}`;
    const folder = folderWith({ "one.toml": `${provider}\n${agent}\n[orchestration.sequential]\nagents = ["a"]\n` });
    const end = await runProgram(["run", "one.toml", "--quiet"], {
      cwd: folder,
      env: { LOCAL_KEY: "key-for-the-tests" },
      clock: stillClock({ speed: 100 }),
    });
    return { ...end, stderr: end.stderr.replaceAll(server.baseUrl, "URL") };
  };

  test("nobody listens", async () => {
    const away = await startModelServer();
    await away.close();
    const address = new URL(away.baseUrl).host;
    expect(await ask(away.baseUrl)).toEqual(failed(`local cannot be reached: ECONNREFUSED ${address} (is the server running?)`));
  });

  test.each<[sentence: string, behaviour: Parameters<ModelServer["behave"]>[0], message: string, ...more: readonly string[]]>([
    [
      "it refuses the key",
      answer(401, {
        error: { message: "Incorrect API key provided: key-for-the-tests", type: "invalid_request_error", code: "invalid_api_key" },
      }),
      "local refuses the key in LOCAL_KEY (401: Incorrect API key provided: ***)",
      `    │ {"message":"Incorrect API key provided: ***","type":"invalid_request_error","code":"invalid_api_key"}`,
    ],
    [
      "too many requests",
      answer(429, { error: { message: "Slow down", type: "requests" } }),
      "local: rate limit (429: Slow down)",
      `    │ {"message":"Slow down","type":"requests"}`,
    ],
    [
      "it is broken",
      answer(500, "<html><body>Internal Server Error</body></html>"),
      `local: the server failed (500: "<html><body>Internal Server Error</body></html>")`,
      "    │ <html><body>Internal Server Error</body></html>",
    ],
    [
      "it is a web page",
      answer(200, "<!doctype html><title>Welcome</title>"),
      `local answered with HTML that is not a completion; check base_url URL; it begins with "<!doctype html><title>Welcome</title>"`,
    ],
    ["its answer is empty", completion(""), "local: the answer is empty"],
    [
      "its answer was cut off",
      completion("Once upon", { finish_reason: "length" }),
      "local: the answer was cut off at the limit of tokens; raise max_tokens, or ask for less",
    ],
  ])("%s", async (_sentence, behaviour, message, ...more) => {
    server.behave(behaviour);
    const { code, stdout, stderr } = await ask(server.baseUrl);
    expect({ code, stdout, stderr: stderr.replace(/ {2}used: .*\n/, "") }).toEqual(failed(message, ...more));
  });

  test("it never answers: the timeout ends the wait", async () => {
    server.behave(() => {});
    expect(await ask(server.baseUrl, `timeout = "10s"`)).toEqual(failed("it did not end within 10s"));
  });
});
