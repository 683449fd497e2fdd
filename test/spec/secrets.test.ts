import { describe, expect, test } from "vitest";
import { locate } from "../../src/spec/positions.ts";
import { checkDefinition, readSpec } from "../../src/spec/read.ts";
import { checkSecrets, hideSecrets, mayHoldSecret } from "../../src/spec/secrets.ts";

/** Not written in one piece, so that nobody takes them for keys that were lost. */
const letters = "7hG2kQ9mXw4RtY6uPz3VbN8cLd5FjS1aEo0iTg";
const PRIVATE = ["PRIVATE", "KEY"].join(" ");
const SECRETS: readonly (readonly [what: string, secret: string])[] = [
  ["an API key", `sk-${letters}`],
  ["an API key", `sk-ant-api03-${letters}`],
  ["an API key", `gsk_${letters}`],
  ["a GitHub token", `ghp_${letters}`],
  ["a GitHub token", `github_pat_11ABCDEFG_${letters}`],
  ["a GitLab token", `glpat-${letters.slice(0, 20)}`],
  ["a Hugging Face token", `hf_${letters.replaceAll(/\d/g, "")}`],
  ["a Slack token", `xoxb-${letters.slice(0, 24)}`],
  ["an AWS access key", `AKIA${letters.slice(0, 16).toUpperCase()}`],
  ["a Google API key", `AIza${letters.slice(0, 35)}`],
  ["a signed token", `eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoidGVhIn0.${letters}`],
  ["a private key", `-----BEGIN RSA ${PRIVATE}-----\n${letters}\n-----END RSA ${PRIVATE}-----`],
];

const found = (text: string): string[] =>
  checkSecrets({ prompt: text }).map(({ message, at }) => {
    const { start, end } = at as { start: number; end: number };
    return `${message.split(" stands")[0]}: ${text.slice(start, end)}`;
  });

describe("by its form is found", () => {
  test.each(SECRETS)("%s: %s", (what, secret) => {
    expect(found(secret)).toEqual([`${what}: ${secret}`]);
    expect(found(`before "${secret}" after`)).toEqual([`${what}: ${secret}`]);
    expect(mayHoldSecret(`key = "${secret}"`)).toBe(true);
  });

  test("a password in an address", () =>
    expect(found("see postgres://sales:w4ter-melon@db.example.org/sales")).toEqual(["a password: w4ter-melon"]));

  test("every one of several", () =>
    expect(
      found(
        SECRETS.slice(0, 3)
          .map(([, secret]) => secret)
          .join(" "),
      ),
    ).toHaveLength(3));
});

describe("nothing is said of", () => {
  test.each([
    ["a placeholder with dots", "sk-..."],
    ["a placeholder of one letter", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx1"],
    ["words", "sk-learn-and-all-the-other-packages-here"],
    ["a placeholder that says so", "ghp_YOUR1TOKEN2GOES3HERE4567890"],
    ["the key of a manual", "AKIAIOSFODNN7EXAMPLE"],
    ["a template", "postgres://sales:${{ password }}@db.example.org"],
    ["a variable of the shell", "postgres://sales:$PASSWORD@db.example.org"],
    ["the password that stands for one", "postgres://sales:password@db.example.org"],
    ["the user's name as a password", "postgres://dev:dev@localhost/dev"],
    ["an address with a port", "http://127.0.0.1:8080/@user"],
    ["a word that ends like a prefix", `task-${letters}`],
    ["the first line of a key alone", "it begins with -----BEGIN PRIVATE KEY-----, and so on"],
    ["what is too short", "hf_abc and ghp_abc"],
  ])("%s", (_sentence, text) => expect(found(text)).toEqual([]));
});

describe("a header of a provider", () => {
  const told = (name: string, value: string): string[] =>
    checkSecrets({ providers: { house: { headers: { [name]: value } } } }).map(({ at }) => {
      const { start, end } = at as { start: number; end: number };
      return value.slice(start, end);
    });
  test.each([
    ["holds a key of any form", "Authorization", "Bearer 4f9a7c21d0", ["4f9a7c21d0"]],
    ["holds a key by itself", "x-api-key", "4f9a7c21d0", ["4f9a7c21d0"]],
    ["takes it from the environment", "Authorization", "Bearer ${{ env.TOKEN }}", []],
    ["holds a word for a server that asks for any", "Authorization", "Bearer none", []],
    ["is another one", "X-Trace", "4f9a7c21d0", []],
  ])("%s", (_sentence, name, value, secrets) => expect(told(name, value)).toEqual(secrets));
});

describe("what is to be done is said for the place", () => {
  const secret = `sk-${letters}`;
  const help = (data: Parameters<typeof checkSecrets>[0]): (string | undefined)[] => checkSecrets(data).map((one) => one.help);
  test.each([
    [
      "a key's variable",
      { providers: { house: { api_key_env: secret } } },
      'name the environment variable that holds it: api_key_env = "API_KEY"',
    ],
    [
      "a header",
      { providers: { house: { headers: { "X-Key": secret } } } },
      "put it into an environment variable, and write ${{ env.API_KEY }} in its place",
    ],
    [
      "the environment of a script",
      { agents: { tell: { env: { TOKEN: secret } } } },
      "put it into an environment variable, and write ${{ env.TOKEN }} in its place",
    ],
    [
      "a line for the shell",
      { agents: { tell: { shell: secret } } },
      'put it into an environment variable, and write "$API_KEY" in its place',
    ],
    [
      "a command",
      { agents: { tell: { command: ["curl", secret] } } },
      "put it into an environment variable, and let the program read it there, or write shell = '… \"$API_KEY\" …'",
    ],
    ["a hook", { hooks: [{ command: [secret] }] }, "put it into an environment variable, and let the program that needs it read it there"],
  ])("%s", (_sentence, data, expected) => expect(help(data)).toEqual([expected]));
});

describe("what is shown", () => {
  test("is as long as it was, without the secret", () =>
    expect(hideSecrets(`a sk-${letters} b`)).toBe(`a sk-7${"*".repeat(letters.length - 1)} b`));

  test("hides it in the lines and messages of other diagnostics too", async () => {
    const text = `name = "x"\n[orchestration]\nmode = "sk-${letters}"\n[orchestration.sequential]\nagents = ["a"]\n`;
    const told = JSON.stringify(await locate(text, readSpec(text).diagnostics));
    expect(told).toContain("unsupported-mode");
    expect(told).not.toContain(letters.slice(2));
  });

  test("hides what only its place shows to be a key", async () => {
    const text = '[providers.house.headers]\nAuthorization = "Bearer 4f9a7c21d0" # key\n[orchestration.sequential]\nagents = ["a"]\n';
    const located = await locate(text, readSpec(text).diagnostics);
    expect(located.map(({ place }) => place?.source)).toEqual(['Authorization = "Bearer 4f********" # key']);
  });
});

test("a definition in code is no file, and may hold them", () => {
  const agents = { a: { type: "script", command: ["curl", `sk-${letters}`] } };
  expect(checkDefinition({ agents, orchestration: { sequential: { agents: ["a"] } } }).diagnostics).toEqual([]);
});
