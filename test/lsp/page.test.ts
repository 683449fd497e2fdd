import { expect, test } from "vitest";
import { Page } from "../../src/lsp/page.ts";

test("places are counted as the protocol does, with a byte order mark that nobody else sees", () => {
  const page = Page.create("file:///a", "toml", 3, "\ufeffa = '😀' # b\r\nc = 1");
  expect([page.uri, page.version, page.text]).toEqual(["file:///a", 3, "a = '😀' # b\r\nc = 1"]);
  const mark = { start: page.text.indexOf("#"), end: page.text.indexOf("c") };
  const range = page.rangeOf(mark);
  expect(range).toEqual({ start: { line: 0, character: 10 }, end: { line: 1, character: 0 } });
  expect(page.spanOf(range)).toEqual(mark);
  expect(page.offsetAt({ line: 0, character: 0 })).toBe(0);
  const changed = Page.update(page, [{ range: { start: { line: 1, character: 0 }, end: { line: 1, character: 1 } }, text: "dd" }], 4);
  expect([changed.text, changed.version]).toEqual(["a = '😀' # b\r\ndd = 1", 4]);
});
