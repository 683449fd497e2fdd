import { describe, expect, test } from "vitest";
import { readStdout } from "../../src/agents/stdout.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

describe("what a script's stdout means", () => {
  const readings: readonly [sentence: string, mode: "json" | "text" | "lines", stdout: string, value: unknown][] = [
    ["json: an object", "json", '{"a": 1}\n', { a: 1 }],
    ["json: any other value", "json", " [1, null]", [1, null]],
    ["json: nothing is nothing", "json", "", undefined],
    ["json: white space is nothing", "json", " \n\t\r\n", undefined],
    ["json: null is a value here", "json", "null", null],
    ["json: a byte order mark is no part of it", "json", "\ufeff{}", {}],
    [
      "json: numbers at the edge of what is exact",
      "json",
      "[9007199254740991, -9007199254740991, 9007199254740992, 1e308, 10000000000000000000000]",
      [9007199254740991, -9007199254740991, 9007199254740992, 1e308, 1e22],
    ],
    ["json: a long fraction is rounded, as everywhere", "json", "0.12345678901234567890", 0.12345678901234568],
    ["json: digits in a string are text", "json", '{"id": "9007199254740993", "e": "1e999"}', { id: "9007199254740993", e: "1e999" }],
    ["text: one trailing newline goes", "text", "two lines\nand one\n\n", "two lines\nand one\n"],
    ["text: a newline of two characters is one", "text", "text\r\n", "text"],
    ["text: no newline is needed", "text", " text ", " text "],
    ["text: nothing is an empty text", "text", "", ""],
    ["text: NUL and a byte order mark are kept", "text", "\ufeffa\0b\n", "\ufeffa\0b"],
    ["lines: without their ends", "lines", "one\r\ntwo\n\nfour\n", ["one", "two", "", "four"]],
    ["lines: the last needs no end", "lines", "one\ntwo", ["one", "two"]],
    ["lines: nothing is no line", "lines", "", []],
    ["lines: an empty line is a line", "lines", "\n", [""]],
  ];

  test.each(readings)("%s", (_sentence, mode, stdout, value) => {
    expect(readStdout(bytes(stdout), mode)).toEqual(value);
  });

  test("__proto__ is data", () => {
    const read = readStdout(bytes('{"__proto__": {"a": 1}, "n": 1234567890123456}'), "json");
    expect(Object.keys(read as object)).toEqual(["__proto__", "n"]);
    expect((read as { a?: unknown }).a).toBeUndefined();
  });

  const refusals: readonly [sentence: string, mode: "json" | "text" | "lines", stdout: Buffer, message: string][] = [
    ["nonsense", "json", bytes("Hello,   world\n"), 'stdout is not JSON; it begins with "Hello, world"'],
    ["half of an object", "json", bytes('{"rows": [1, 2'), 'stdout is not JSON; it begins with "{\\"rows\\": [1, 2"'],
    ["two objects", "json", bytes("{}\n{}\n"), 'stdout is not JSON; it begins with "{} {}"'],
    ["a long text is cut", "json", bytes("x".repeat(200)), `stdout is not JSON; it begins with "${"x".repeat(80)}…"`],
    [
      "an integer that a double cannot hold",
      "json",
      bytes('{"id": 9007199254740993}'),
      "stdout cannot be taken as it is: the number 9007199254740993 would come out as 9007199254740992; as a string it would be kept",
    ],
    [
      "a negative one",
      "json",
      bytes("[-12345678901234567890123]"),
      "stdout cannot be taken as it is: the number -12345678901234567890123 would come out as -1.2345678901234568e+22; as a string it would be kept",
    ],
    [
      "a number that is too large",
      "json",
      bytes("[1e999]"),
      "stdout cannot be taken as it is: the number 1e999 would come out as Infinity; as a string it would be kept",
    ],
    [
      "a number of four hundred digits",
      "json",
      bytes("9".repeat(400)),
      `stdout cannot be taken as it is: the number ${"9".repeat(37)}… would come out as Infinity; as a string it would be kept`,
    ],
    [
      "nesting that overflows a stack",
      "json",
      bytes(`${"[".repeat(200_000)}1e400${"]".repeat(200_000)}`),
      "stdout cannot be taken as it is: the value is nested deeper than 500 levels",
    ],
    ["bytes that are not UTF-8", "text", Buffer.from("ab\xff\xfe", "latin1"), 'stdout is not valid UTF-8; it begins with "ab\ufffd\ufffd"'],
    ["a character that is cut off", "json", bytes('"ü"').subarray(0, 2), 'stdout is not valid UTF-8; it begins with "\\"\ufffd"'],
  ];

  test.each(refusals)("refused: %s", (_sentence, mode, stdout, message) => {
    expect(() => readStdout(stdout, mode)).toThrow(expect.objectContaining({ kind: "invalid_output", message }));
  });
});
