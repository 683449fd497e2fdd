import { describe, expect, test } from "vitest";
import { chain, compressAboveOf, decode, encode, NotAsWrittenError, stageOfKey } from "../../src/store/codec.ts";
import { recordWith } from "../support/runs.ts";

describe("a value as bytes", () => {
  test.each([
    ["is JSON below the threshold", { text: "x".repeat(100) }, 1000, false],
    ["is JSON where compressing makes it larger", { a: 1 }, 0, false],
    ["is compressed from the threshold on", { text: "x".repeat(100) }, 111, true],
    ["is not compressed one byte below it", { text: "x".repeat(100) }, 112, false],
  ])("%s", (_, value, compressAbove, compressed) => {
    const encoded = encode(value, compressAbove);
    expect(encoded.flags === 1).toBe(compressed);
    expect(Buffer.from(encoded.bytes).toString() === JSON.stringify(value)).toBe(!compressed);
    expect(decode(encoded)).toEqual(value);
  });

  test("has the keys that mean something elsewhere", () => {
    const value = JSON.parse('{"__proto__":{"a":1},"constructor":-0}') as object;
    const read = decode<object>(encode(value, 1000));
    expect([Object.entries(read), Object.isFrozen(read)]).toEqual([Object.entries(value), true]);
  });

  test.each([
    ["no JSON", 0, "{"],
    ["not compressed though it should be", 1, '{"a":1}'],
  ])("cannot be read when it is %s", (_, flags, text) => {
    expect(() => decode({ flags, bytes: Buffer.from(text) })).toThrow(new NotAsWrittenError("a value in it cannot be read"));
  });
});

test.each([
  ["another value", [1, "a", Buffer.from("b")], [2, "a", Buffer.from("b")]],
  ["a byte that went to the neighbour", ["ab", "c"], ["a", "bc"]],
  ["an empty part", ["a", ""], ["a"]],
  ["another order", ["a", "b"], ["b", "a"]],
])("a checksum tells %s", (_, one, other) => {
  expect(chain(0, one)).not.toBe(chain(0, other));
});

test("a checksum covers what came before", () => {
  expect(chain(chain(0, ["a"]), ["b"])).toBe(chain(0, ["a", "b"]));
  expect(chain(1, ["a"])).not.toBe(chain(2, ["a"]));
});

test.each([
  ["fetch~1!1#1", "fetch"],
  ["outer~1/inner~23!2@backup#3", "outer/inner"],
  ["outer~1@backup/inner~2!1.1#1", "outer/inner"],
  ["outer~1/middle~2@other/inner~1!1.1.1#1", "outer/middle/inner"],
  ["outer~1/admission!1#1", "outer"],
  ["outer~1@backup/inner~3/admission!1.1@other#2", "outer/inner"],
  ["group/admission~1!1#1", "group/admission"],
  ["outer~1/admission~1!1.1#1", "outer/admission"],
  ["group/member~1!1#1", "group/member"],
  ["run!1", null],
  ["x", "x"],
])("%s is of the stage %s", (key, stage) => expect(stageOfKey(key)).toBe(stage));

test.each([
  ["what its pipeline says", { compressAbove: 10 }, 10],
  ["8 KB where it says nothing", {}, 8192],
])("a run compresses above %s", (_, more, expected) => expect(compressAboveOf(recordWith("a", more))).toBe(expected));
