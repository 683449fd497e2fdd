import { expect, test } from "vitest";
import { createSharedValues } from "../../src/store/shared-values.ts";

test("values that are shared are changed, removed, and listed by name", async () => {
  const shared = createSharedValues();
  const set = (name: string, next: number | null) => shared.update(name, (value) => ({ value: next, result: value }));
  expect([await set("b", 1), await set("a", 2), await set("c", 3), await set("b", 4), await set("c", null), await set("c", null)]).toEqual([
    null,
    null,
    null,
    1,
    3,
    null,
  ]);
  expect(await shared.list()).toEqual([
    ["a", 2],
    ["b", 4],
  ]);
});
