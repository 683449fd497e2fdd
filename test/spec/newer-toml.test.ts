import { describe, expect, test } from "vitest";
import { newerToml } from "../../src/spec/newer-toml.ts";
import { fixed } from "./problems.ts";

describe("of TOML 1.1 is found", () => {
  test.each<[sentence: string, text: string, marked: string, message: string, help: string, fixed: string | null]>([
    [
      "a comma at the end of an inline table",
      "a = { b = 1, }",
      ",",
      "a comma at the end of an inline table",
      "remove the comma",
      "a = { b = 1 }",
    ],
    [
      "one in a table in a list",
      "a = [{ b = 1,}, 2,]",
      ",",
      "a comma at the end of an inline table",
      "remove the comma",
      "a = [{ b = 1}, 2,]",
    ],
    [
      "an inline table over several lines, commas and comments included",
      "a = {\n  b = 1, # one\n  c = 2,\n}",
      "{\n  b = 1, # one\n  c = 2,\n}",
      "an inline table over several lines",
      "write it on one line, or as a table with a header of its own",
      null,
    ],
    [
      "one in another, which is on one line",
      "a = { b = {\r\n} }",
      "{\r\n}",
      "an inline table over several lines",
      "write it on one line, or as a table with a header of its own",
      null,
    ],
    [
      "one behind a table on one line",
      "a = { b = { c = 1 }, d = 2\n}",
      "{ b = { c = 1 }, d = 2\n}",
      "an inline table over several lines",
      "write it on one line, or as a table with a header of its own",
      null,
    ],
    ["the escape \\e", String.raw`a = "x\e[1m"`, "\\e", "the escape \\e", "write \\u001b", String.raw`a = "x\u001b[1m"`],
    ["the escape \\xHH", 'a = """\n\\xE9"""', "\\xE9", "an escape \\x with two digits", "write \\u00E9", 'a = """\n\\u00E9"""'],
    ["a time without seconds", "a = 07:32", "07:32", "a time without seconds", "write 07:32:00", "a = 07:32:00"],
    [
      "a moment without seconds",
      "a = 1979-05-27T07:32-07:00",
      "1979-05-27T07:32-07:00",
      "a time without seconds",
      "write 1979-05-27T07:32:00",
      "a = 1979-05-27T07:32:00-07:00",
    ],
    ["one with a blank in it", "a = 1979-05-27 07:32Z", "07:32Z", "a time without seconds", "write 07:32:00", "a = 1979-05-27 07:32:00Z"],
  ])("%s", (_sentence, text, marked, what, help, after) => {
    const found = newerToml(text).map(({ span, fix, message, help: told, severity, code }) => ({
      marked: text.slice(span?.start, span?.end),
      message,
      help: told,
      severity,
      code,
      fixed: fixed(text, fix),
    }));
    const message = `${what} is TOML 1.1, which many editors and tools do not read yet`;
    expect(found).toEqual([{ marked, message, help, severity: "warning", code: "newer-toml", fixed: after }]);
  });
});

describe("nothing is said", () => {
  test.each<[sentence: string, text: string]>([
    ["of a list over several lines, with a comma at its end", "a = [\n  { b = 1 },\n  { b = 2 },\n]"],
    ["of a list over several lines in an inline table", "a = { b = [\n  1,\n] }"],
    ["of what stands in texts and comments", "a = 'x\\e, }' # { 07:32, }\nb = '''\n{\n}'''"],
    ["of an escaped backslash", String.raw`a = "\\e\\x41"`],
    ["of times with seconds, with an offset without", "a = 1979-05-27T07:32:00-07:00\nb = 07:32:15.5"],
    ["of a template", 'a = """\n${{ rows }}\n${{ x ? {} : y }}\n"""\nb = 1'],
  ])("%s", (_sentence, text) => expect(newerToml(text)).toEqual([]));
});
