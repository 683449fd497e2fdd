import { describe, expect, it } from "vitest";
import { createMasker } from "../../src/report/mask.ts";

const secret = 'p@ss word/é"1';
const masker = createMasker([{ name: "KEY", value: secret }]);
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("masked text", () => {
  it.each([
    { does: "the value itself, wherever it stands", text: `a${secret}b ${secret}`, masked: "a***b ***" },
    { does: "in JSON", text: JSON.stringify({ key: secret }), masked: '{"key":"***"}' },
    { does: "in JSON that keeps to ASCII", text: '"p@ss word/\\u00e9\\"1"', masked: '"***"' },
    { does: "in JSON that escapes slashes", text: '"p@ss word\\/é\\"1"', masked: '"***"' },
    { does: "in a URL", text: `?key=${encodeURIComponent(secret)}&x`, masked: "?key=***&x" },
    { does: "in a form", text: `key=${new URLSearchParams({ key: secret }).toString().slice(4)}`, masked: "key=***" },
    { does: "in a URL with small hexadecimal digits", text: "p%40ss%20word%2f%c3%a9%221", masked: "***" },
    { does: "in base64", text: `Bearer ${base64(secret)}`, masked: "Bearer ***" },
    { does: "in base64 for URLs, without padding", text: Buffer.from(secret).toString("base64url"), masked: "***" },
    { does: "a text without it", text: "nothing here", masked: "nothing here" },
    { does: "a part of it", text: secret.slice(0, -1), masked: secret.slice(0, -1) },
    { does: "no text", text: "", masked: "" },
  ])("$does", ({ text, masked }) => {
    expect(masker.maskText(text)).toBe(masked);
  });

  // What is left at the edges also depends on the neighbouring bytes; it holds less than six bits of the secret on either side.
  it.each([
    { before: "", masked: "***6dGFpbA==" },
    { before: "u", masked: "dX***OnRhaWw=" },
    { before: "me", masked: "bWV***Tp0YWls" },
    { before: "you", masked: "eW91***6dGFpbA==" },
  ])("in base64 behind $before.length other bytes", ({ before, masked }) => {
    expect(masker.maskText(base64(`${before}${secret}:tail`))).toBe(masked);
  });

  it("in base64, whatever byte comes next", () => {
    expect(masker.maskText(base64(`${secret}~~`))).toBe("***F+fg==");
  });

  it("covers occurrences that overlap, and a secret that holds another", () => {
    const both = createMasker([
      { name: "A", value: "abcdefgh" },
      { name: "B", value: "efghijklmnop" },
      { name: "C", value: "xxabcdefghxx" },
      { name: "D", value: "zzzzzzzz" },
    ]);
    expect(both.maskText("-abcdefghijklmnop-")).toBe("-***-");
    expect(both.maskText("-xxabcdefghxx-")).toBe("-***-");
    expect(both.maskText("-zzzzzzzzzzz-")).toBe("-***-");
    expect(both.maskText("abcdefghabcdefgh")).toBe("******");
  });

  it("covers each line of a value of several lines", () => {
    const key = createMasker([{ name: "PEM", value: "-----BEGIN-----\nMIIEvQIBADANBg\n  kqhkiG9w0B\nab\n-----END-----\n" }]);
    expect(["-----BEGIN-----", "MIIEvQIBADANBg", "kqhkiG9w0B", "ab"].map(key.maskText)).toEqual(["***", "***", "***", "ab"]);
  });

  it("covers a value without the white space around it", () => {
    expect(createMasker([{ name: "A", value: " abcdefgh\n" }]).maskText("key abcdefgh!")).toBe("key ***!");
  });
});

describe("masked values", () => {
  it("reaches strings, keys and numbers, however deep", () => {
    const numbers = createMasker([
      { name: "KEY", value: "hush-hush" },
      { name: "PIN", value: "12345678" },
    ]);
    const value = { a: ["x hush-hush", { "hush-hush": 1, pin: 12345678, small: 7 }], b: null, c: true };
    expect(numbers.maskJson(value)).toEqual({ a: ["x ***", { "***": 1, pin: "***", small: 7 }], b: null, c: true });
  });

  it("keeps entries apart whose keys become the same", () => {
    const two = createMasker([
      { name: "A", value: "aaaaaaaa" },
      { name: "B", value: "bbbbbbbb" },
    ]);
    expect(two.maskJson({ aaaaaaaa: 1, bbbbbbbb: 2 })).toEqual({ "***": 1, "****": 2 });
  });

  it("takes __proto__ for a key like any other", () => {
    const value = JSON.parse(`{"__proto__": {"x": ${JSON.stringify(secret)}}}`) as object;
    expect(JSON.stringify(masker.maskJson(value))).toBe('{"__proto__":{"x":"***"}}');
  });

  it("gives back what holds no secret as it is", () => {
    const value = { a: [1, { b: "c" }] };
    expect(masker.maskJson(value)).toBe(value);
    const mixed = { kept: { a: 1 }, changed: secret };
    expect(masker.maskJson(mixed).kept).toBe(mixed.kept);
  });
});

describe("values that are too short", () => {
  const short = createMasker([
    { name: "SHORT", value: "1234567" },
    { name: "PADDED", value: "  1234567   " },
    { name: "LONG", value: "12345678" },
    { name: "EMPTY", value: "" },
  ]);

  it("are named, and not masked", () => {
    expect(short.tooShort).toEqual(["SHORT", "PADDED"]);
    expect(short.maskText("1234567 12345678")).toBe("1234567 ***");
  });
});

describe("without secrets", () => {
  it("costs nothing: texts and values are given back as they are", () => {
    const none = createMasker([]);
    const value = { a: 1 };
    expect(none.maskText("text")).toBe("text");
    expect(none.maskJson(value)).toBe(value);
    expect(none.tooShort).toEqual([]);
  });
});
