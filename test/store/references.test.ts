import { describe, expect, test } from "vitest";
import type { Json } from "../../src/spec/json.ts";
import type { Outcome } from "../../src/engine/durable.ts";
import { formsOf, type Secret } from "../../src/spec/secret-forms.ts";
import { checksumOf, conceal, concealRecord, recordingOf, reveal } from "../../src/store/references.ts";
import { outcomeWith } from "../support/runs.ts";
import { chanceOf } from "../engine/simulation/chance.ts";

const MARK = "\u001A";
const TOKEN: Secret = { name: "TOKEN", value: "s3cr3t-t0ken" };
const SPECIAL: Secret = { name: "SPECIAL", value: 'a"b\\c/d e?ü' };
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const valueOf =
  (secrets: readonly Secret[]) =>
  (name: string): string =>
    secrets.find((secret) => secret.name === name)?.value ?? `no ${name}`;

describe("secrets are stored as references", () => {
  test.each<[string, Json, Json, Secret[]?]>([
    ["alone", TOKEN.value, `${MARK}{TOKEN}`],
    ["in a text, as often as they are there", `x ${TOKEN.value}, ${TOKEN.value}!`, `x ${MARK}{TOKEN}, ${MARK}{TOKEN}!`],
    [
      "in lists and objects, in keys too",
      { list: [1, TOKEN.value], [TOKEN.value]: null },
      { list: [1, `${MARK}{TOKEN}`], [`${MARK}{TOKEN}`]: null },
    ],
    ["what is no text stays", [1, true, null, -0, { k: 1.5 }], [1, true, null, -0, { k: 1.5 }]],
    ["as a JSON string", JSON.stringify(SPECIAL.value), `"${MARK}{SPECIAL:json}"`, [SPECIAL]],
    ["in a URL", `?q=${encodeURIComponent(SPECIAL.value)}&x`, `?q=${MARK}{SPECIAL:url}&x`, [SPECIAL]],
    ["in base64", `Basic ${Buffer.from(TOKEN.value).toString("base64")}`, `Basic ${MARK}{TOKEN:base64}`],
    ["in base64 of something longer", base64("user:s3cr3t-t0ken"), `dXNlcjp${MARK}{TOKEN:base64_at_2}4=`],
    ["in base64 without its end", base64("s3cr3t-t0ken!?"), `${MARK}{TOKEN:base64}IT8=`],
    ["in base64 for URLs", "YWI-ZD9mPj8_", `${MARK}{S:base64_trimmed_url}`, [{ name: "S", value: "ab>d?f>??" }]],
    ["with white space around it in the variable", "x 12345678!", `x ${MARK}{S:trimmed}!`, [{ name: "S", value: " 12345678\n" }]],
    ["that white space included", "x 12345678\n", `x${MARK}{S}`, [{ name: "S", value: " 12345678\n" }]],
    ["one of 8 characters of which some are white space is too short", " 123456\n", " 123456\n", [{ name: "S", value: " 123456\n" }]],
    ["a line of several", "key: second-line", `key: ${MARK}{S:line_2}`, [{ name: "S", value: "first-line\nsecond-line\n" }]],
    ["as a number", { n: 12345678 }, { n: `${MARK}#${MARK}{S}` }, [{ name: "S", value: "12345678" }]],
    ["in a number", [-123456789.5], [`${MARK}#-${MARK}{S}9.5`], [{ name: "S", value: "12345678" }]],
    ["in a URL with + for a space", "q=a+b%2Fc+de&", `q=${MARK}{S:url_plus}&`, [{ name: "S", value: "a b/c de" }]],
    ["in a URL in lower case", "q=a%20b%2fcdef&", `q=${MARK}{S:url_lower}&`, [{ name: "S", value: "a b/cdef" }]],
    ["a text that looks like one that was a number", `${MARK}#1`, `${MARK}${MARK}#1`],
    ["the mark itself is doubled", `a${MARK}b${MARK}${MARK}{TOKEN}`, `a${MARK}${MARK}b${MARK}${MARK}${MARK}${MARK}{TOKEN}`],
    ["in a key as well", { [MARK]: MARK }, { [MARK + MARK]: MARK + MARK }],
    ["beside a secret", `${MARK}${TOKEN.value}`, `${MARK}${MARK}${MARK}{TOKEN}`],
    ["a secret that begins with it", `x${MARK}12345678`, `x${MARK}{MARKED}`, [{ name: "MARKED", value: `${MARK}12345678` }]],
    ["a value shorter than 8 characters is kept: it would be found in everything", "short", "short", [{ name: "S", value: "short" }]],
    ["one of 7", "1234567", "1234567", [{ name: "S", value: "1234567" }]],
    ["one of 8", "12345678", `${MARK}{S}`, [{ name: "S", value: "12345678" }]],
    ["an empty one", "anything", "anything", [{ name: "S", value: "" }]],
    [
      "of one that is a part of another, the longer one wins, whatever their order",
      "12345678 1234567890",
      `${MARK}{S} ${MARK}{L}`,
      [
        { name: "S", value: "12345678" },
        { name: "L", value: "1234567890" },
      ],
    ],
    [
      "and in the other order",
      "12345678 1234567890",
      `${MARK}{S} ${MARK}{L}`,
      [
        { name: "L", value: "1234567890" },
        { name: "S", value: "12345678" },
      ],
    ],
    [
      "of two that overlap, the first",
      "abcdefghijkl",
      `${MARK}{ONE}ijkl`,
      [
        { name: "TWO", value: "efghijkl" },
        { name: "ONE", value: "abcdefgh" },
      ],
    ],
    [
      "of two that are the same, the first name",
      "12345678",
      `${MARK}{ONE}`,
      [
        { name: "ONE", value: "12345678" },
        { name: "TWO", value: "12345678" },
      ],
    ],
    ["characters that mean something in a pattern", "a.c+(x)[1]|$^", `${MARK}{P}`, [{ name: "P", value: "a.c+(x)[1]|$^" }]],
    ["where a pattern would match, but the secret is not there", "abc+(x)[1]|$^", "abc+(x)[1]|$^", [{ name: "P", value: "a.c+(x)[1]|$^" }]],
    ["a key that is called __proto__", JSON.parse(`{"__proto__": "${TOKEN.value}"}`), JSON.parse(`{"__proto__": "\\u001A{TOKEN}"}`)],
  ])("%s", (_, value, expected, secrets = [TOKEN]) => {
    const concealed = conceal(value, secrets);
    expect(JSON.stringify(concealed)).toBe(JSON.stringify(expected));
    expect(JSON.stringify(reveal(concealed, valueOf(secrets)))).toBe(JSON.stringify(value));
  });

  test("nothing is copied where nothing changes", () => {
    const value = { list: [{ k: "x" }], text: "y" };
    expect(conceal(value, [TOKEN])).toBe(value);
    expect(reveal(value, valueOf([]))).toBe(value);
  });

  test("nor what is beside a change", () => {
    const value = { changed: TOKEN.value, same: { k: "x" } };
    const concealed = conceal(value as Json, [TOKEN]) as typeof value;
    expect(concealed.same).toBe(value.same);
  });

  test("a variable that holds something else by now is filled in with that, in the form in which it was found", () => {
    const text = JSON.stringify([SPECIAL.value, encodeURIComponent(SPECIAL.value), Buffer.from(SPECIAL.value).toString("base64")]);
    const concealed = conceal(text, [SPECIAL]);
    expect(reveal(concealed, () => 'n"w')).toBe(JSON.stringify(['n"w', "n%22w", "biJ3"]));
  });

  test("masked, in whatever form it was", () => {
    const text = `${TOKEN.value} ${Buffer.from(TOKEN.value).toString("base64")}`;
    expect(reveal(conceal(text, [TOKEN]), () => null)).toBe("*** ***");
  });

  test("a variable as long as a system lets it be", () => {
    const value = "ü".repeat(60_000);
    const secret = { name: "LONG", value };
    const text = `x ${value} ${Buffer.from(value).toString("base64")}`;
    expect(conceal(text, [secret]) === `x ${MARK}{LONG} ${MARK}{LONG:base64}`).toBe(true);
    expect(reveal(conceal(text, [secret]), () => value) === text).toBe(true);
  });

  test("half of a pair of code units, in a text or in a secret", () => {
    const secret = { name: "HALF", value: "12345678\ud800" };
    const text = `\udc00 ${secret.value} ${MARK}`;
    expect(reveal(conceal(text, [secret]), () => secret.value)).toBe(text);
    expect(conceal(text, [secret])).not.toContain("12345678");
  });

  test("what looks like a reference, but is none, is left alone", () => {
    expect(reveal(`${MARK}x {TOKEN} ${MARK}{`, valueOf([TOKEN]))).toBe(`${MARK}x {TOKEN} ${MARK}{`);
  });

  test("masked where two keys become one, none is lost", () => {
    const value = { [TOKEN.value]: 1, [base64(TOKEN.value)]: 2, n: 12345678 };
    expect(reveal(conceal(value as Json, [TOKEN, { name: "N", value: "12345678" }]), () => null)).toEqual({
      "***": 1,
      "****": 2,
      n: "***",
    });
  });

  test("a form that the variable does not have any more is masked; a number may become a text", () => {
    const secrets = [
      { name: "PEM", value: "first-line\nsecond-line" },
      { name: "N", value: "12345678" },
    ];
    expect(reveal(conceal(["a second-line", 12345678], secrets), (name) => (name === "N" ? "87654321" : "one"))).toEqual([
      "a ***",
      87654321,
    ]);
    expect(reveal(conceal(12345678, secrets), () => "no-number")).toBe("no-number");
  });

  test("a value that a secret is filled in with is not looked at again", () => {
    expect(reveal(`${MARK}{A}`, (name) => (name === "A" ? `$& ${MARK}{B} $1` : "wrong"))).toBe(`$& ${MARK}{B} $1`);
  });
});

test("any value comes back as it was, and no secret is left in it", () => {
  for (let seed = 0; seed < 3000; seed += 1) {
    const chance = chanceOf(seed);
    const alphabet = ["a", "b", "\\", '"', "%", MARK, "{", "}", ":", "T0", "ü", "😀", "/", "=", "json", " ", "\n"];
    const text = (length: number): string => Array.from({ length }, () => chance.pick(alphabet)).join("");
    const secrets = Array.from({ length: chance.between(1, 4) }, (_, index) => ({
      name: `V${index}`,
      value: chance.oneIn(9) ? "12345678" : text(chance.between(0, 14)),
    }));
    const forms = secrets.flatMap((secret) => [secret.value, base64(`x${secret.value}y`), ...formsOf(secret).values()]);
    const piece = (): string => (chance.oneIn(2) ? text(chance.below(6)) : chance.pick(forms));
    const long = (): string => Array.from({ length: chance.between(0, 5) }, piece).join("");
    const make = (depth: number): Json => {
      if (depth === 0 || chance.oneIn(3)) return chance.oneIn(5) ? chance.below(9) : chance.oneIn(5) ? 12345678 : long();
      if (chance.oneIn(2)) return Array.from({ length: chance.below(4) }, () => make(depth - 1));
      return Object.fromEntries(Array.from({ length: chance.below(4) }, () => [long(), make(depth - 1)]));
    };
    const value = make(3);
    const concealed = conceal(value, secrets);
    expect({ seed, value: reveal(concealed, valueOf(secrets)) }).toEqual({ seed, value });
    // What holds the mark is doubled wherever it is left over from an overlap.
    const left = secrets.filter(
      ({ value: secret }) =>
        secret.trim().length >= 8 && !secret.includes(MARK) && textsIn(concealed).some((part) => part.includes(secret)),
    );
    expect({ seed, left }).toEqual({ seed, left: [] });
  }
});

/** Every text of a value, with the references cut out. */
function textsIn(value: Json): string[] {
  if (typeof value === "string") return value.split(/\u001A(?:\u001A|\{[^}]*\})/);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [...textsIn(key), ...textsIn(item as Json)]);
}

/** Names and words of the file stay, though they are the same as the secret. */
const specWith = (text: string): unknown => ({
  name: TOKEN.value,
  agents: { [TOKEN.value]: { type: TOKEN.value, prompt: text, env: { [TOKEN.value]: text }, fallback: TOKEN.value, reply: [text] } },
  orchestration: { mode: TOKEN.value, sequential: { agents: [TOKEN.value], branches: [{ from_agent: TOKEN.value, condition: text }] } },
});

describe("what is recorded of a run", () => {
  const outcome = { wrote: { k: TOKEN.value }, failure: { kind: "exit", message: `no ${TOKEN.value}` } } as unknown as Outcome;

  test("goes into the store with references, and is read without them", async () => {
    const stored: unknown[] = [];
    const store = {
      confirm: () => {},
      append: async (...entry: unknown[]) => void stored.push(entry),
      end: async (end: unknown) => void stored.push(end),
    };
    const recording = recordingOf(store, [["a", outcome]], [TOKEN]);
    await recording.append("b", outcome, { checkpoint: false });
    await recording.end({ status: "succeeded", ended_at: 1, stopped_at: null, result: { state: { k: TOKEN.value } } as never });
    await recording.end({ status: "failed", ended_at: 1, stopped_at: "a", result: null });
    expect([recording.get("a"), recording.get("b"), recording.get("c"), [...recording.entries()].map(([key]) => key)]).toEqual([
      outcome,
      outcome,
      undefined,
      ["a", "b"],
    ]);
    expect(stored).toEqual([
      ["b", { wrote: { k: `${MARK}{TOKEN}` }, failure: { kind: "exit", message: `no ${MARK}{TOKEN}` } }, { checkpoint: false }],
      { status: "succeeded", ended_at: 1, stopped_at: null, result: { state: { k: `${MARK}{TOKEN}` } } },
      { status: "failed", ended_at: 1, stopped_at: "a", result: null },
    ]);
  });

  test("of an outcome what its agent made, and no word or name of agentflow's", async () => {
    const secrets = ["succeeded", "agent-name"].map((value) => ({ name: value.slice(0, 5), value }));
    const stored: unknown[] = [];
    const store = { confirm: () => {}, append: async (...entry: unknown[]) => void stored.push(entry), end: async () => {} };
    const outcome = { ...outcomeWith({ k: "succeeded", "agent-name": 1 }), agent: "agent-name" };
    await recordingOf(store, [], secrets).append("agent-name~1!1#1", outcome);
    expect(stored).toEqual([["agent-name~1!1#1", { ...outcome, wrote: { k: `${MARK}{succe}`, [`${MARK}{agent}`]: 1 } }, undefined]]);
  });

  test("so do the input, the caller's metadata and the file; the ids do not change", () => {
    const record = {
      run_id: TOKEN.value,
      pipeline_id: "p",
      session_id: "s",
      started_at: 1,
      source: { file: null, directory: "/", spec: specWith(TOKEN.value), texts: { "/p": `say ${TOKEN.value}` }, pipelines: {} } as never,
      input: { k: TOKEN.value },
      meta: { m: TOKEN.value },
      functions: [],
      secrets: ["TOKEN"],
      parent: null,
    };
    expect(concealRecord(record, [TOKEN])).toEqual({
      ...record,
      source: { file: null, directory: "/", spec: specWith(`${MARK}{TOKEN}`), texts: { "/p": `say ${MARK}{TOKEN}` }, pipelines: {} },
      source_checksum: checksumOf(record.source),
      input: { k: `${MARK}{TOKEN}` },
      meta: { m: `${MARK}{TOKEN}` },
    });
  });
});
