import { describe, expect, test } from "vitest";
import { addPatch, applyPatches, offsetInSource, type Patch } from "../../src/spec/patch.ts";

const source = "abcdefgh";
const patches: Patch[] = [
  { start: 1, end: 3, text: "" },
  { start: 4, end: 5, text: "XYZ" },
];

describe("patches", () => {
  test("take the place of what they cover", () => expect(applyPatches(source, patches)).toBe("adXYZfgh"));

  test("take the place of other patches that they cover, and stay in their order", () => {
    expect(addPatch(patches, { start: 0, end: 4, text: "-" })).toEqual([
      { start: 0, end: 4, text: "-" },
      { start: 4, end: 5, text: "XYZ" },
    ]);
  });

  test("leave every offset a place in the source: of what was taken out, its beginning", () => {
    const places = Array.from({ length: 9 }, (_, offset) => offsetInSource(patches, offset));
    expect(places).toEqual([0, 1, 4, 5, 5, 5, 6, 7, 8]);
  });
});
