import { describe, expect, test } from "vitest";
import { startedBy } from "../../src/plan/started.ts";

/** What is found, as `code 2`; `?` stands for an argument that is not known. */
function found(...command: string[]): string {
  const started = startedBy(command.map((text) => (text === "?" ? null : text)));
  return started === null ? "nothing" : `${started.kind} ${started.index}`;
}

describe("code", () => {
  test.each<[sentence: string, command: string[], expected: string]>([
    ["of a shell", ["sh", "-c", "?"], "code 2"],
    ["of a shell by its path", ["/bin/bash", "-c", "?"], "code 2"],
    ["behind flags in one", ["bash", "-lc", "?"], "code 2"],
    ["behind a flag with a value", ["bash", "-o", "pipefail", "-c", "?"], "code 4"],
    ["behind flags in one, with a value", ["bash", "-euo", "pipefail", "-c", "?"], "code 4"],
    ["behind a flag that follows -c", ["zsh", "-c", "-e", "?"], "code 3"],
    ["behind flags that are unknown", ["dash", "--new", "-c", "?"], "code 3"],
    ["of env", ["env", "sh", "-c", "?"], "code 3"],
    ["of env with variables", ["/usr/bin/env", "-i", "A=1", "B=?", "ksh", "-c", "?"], "code 6"],
    ["of fish", ["fish", "-c", "?"], "code 2"],
    ["of fish in one argument", ["fish", "--command=echo"], "code 1"],
    ["of node", ["node", "-e", "?"], "code 2"],
    ["of node, with more flags", ["node", "--input-type=module", "--import", "./x.mjs", "--eval", "?"], "code 5"],
    ["of node that is printed", ["node", "-p", "?"], "code 2"],
    ["of bun", ["bun", "--print", "?"], "code 2"],
    ["of deno", ["deno", "eval", "?"], "code 2"],
    ["of python", ["python3", "-c", "?"], "code 2"],
    ["of python of a version, with more flags", ["python3.12", "-W", "ignore", "-uc", "?"], "code 4"],
    ["of perl", ["perl", "-lne", "?"], "code 2"],
    ["of ruby", ["ruby", "-rjson", "-e", "?"], "code 3"],
    ["of tsx by npx", ["npx", "-y", "tsx", "-e", "?"], "code 4"],
  ])("%s", (_sentence, command, expected) => expect(found(...command)).toBe(expected));
});

describe("a script", () => {
  test.each<[sentence: string, command: string[], expected: string]>([
    ["of node", ["node", "a.mjs", "-e", "?"], "script 1"],
    ["of a shell", ["sh", "-eu", "a.sh", "-c"], "script 2"],
    ["of a shell, behind a flag with a value", ["bash", "-o", "pipefail", "a.sh"], "script 3"],
    ["of node, behind flags", ["node", "-r", "b.cjs", "--no-warnings", "--max-old-space-size=99", "a.js"], "script 5"],
    ["of python", ["python", "-u", "a.py"], "script 2"],
    ["of perl, whose modules are no code", ["perl", "-Mre", "a.pl"], "script 2"],
    ["of ruby, whose libraries are no code", ["ruby", "-rdate", "a.rb"], "script 2"],
    ["of deno", ["deno", "run", "--allow-net", "a.ts"], "script 3"],
    ["of bun", ["bun", "run", "a.ts"], "script 2"],
    ["of tsx by npx", ["npx", "tsx", "a.ts"], "script 2"],
    ["that is only known in the run", ["node", "?"], "script 1"],
  ])("%s", (_sentence, command, expected) => expect(found(...command)).toBe(expected));
});

describe("nothing is said", () => {
  test.each<[sentence: string, command: string[]]>([
    ["of other programs", ["curl", "-c", "cookies", "-e", "a.sh"]],
    ["of a program that is only known in the run", ["?", "-c", "?"]],
    ["of a flag that may have a value", ["node", "--title", "a.js"]],
    ["of a module of python", ["python", "-m", "http.server"]],
    ["of a shell that reads its code", ["sh", "-s", "a.sh"]],
    ["of tests of node", ["node", "--test", "a.mjs"]],
    ["of env with a flag that has a value", ["env", "-C", "sub", "node", "a.mjs"]],
    ["of npx with another package", ["npx", "eslint", "-c", "a.js"]],
    ["of a shell without arguments", ["bash"]],
    ["of nothing", []],
  ])("%s", (_sentence, command) => expect(found(...command)).toBe("nothing"));
});
