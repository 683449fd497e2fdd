import { describe, expect, test } from "vitest";
import { diagnose, rightFiles, shown, textOf } from "./corpus.ts";

describe("nothing is said of a file that is right:", () => {
  const files = rightFiles();

  test("there are enough of them", () => expect(files.length).toBeGreaterThanOrEqual(45));

  test.each(files)("%s", async (file) => expect(shown(await diagnose(file, textOf(file)))).toBe(""));
});
