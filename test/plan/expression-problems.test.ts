import { describe, expect, test } from "vitest";
import { type Json, type JsonObject, toJson } from "../../src/spec/json.ts";
import { evaluate, failure, problems, told } from "./expressions.ts";

describe("problems that the text shows", () => {
  test.each<[string, readonly string[]]>([
    ["", ["empty-expression [] there is no expression (write one, such as `count > 0`, or remove the key)"]],
    [" \n", ["empty-expression [ \n] there is no expression (write one, such as `count > 0`, or remove the key)"]],
    ["count +", ["invalid-expression [] this expression ends too early (something is missing after what stands last)"]],
    ["count = 3", ["invalid-expression [=] `=` is no operator here (write `==`)"]],
    ["count === 3", ["invalid-expression [===] `===` is no operator here (write `==`)"]],
    ["count !== 3", ["invalid-expression [!==] `!==` is no operator here (write `!=`)"]],
    ["count <> 3", ["invalid-expression [<>] `<>` is no operator here (write `!=`)"]],
    ["count => 3", ["invalid-expression [=>] `=>` is no operator here (write `>=`)"]],
    [
      "items.map(item => item.name)",
      ["invalid-expression [=>] `=>` is no operator here (write a comma, as in `items.map(item, item.name)`)"],
    ],
    ["count ?? 0", ["invalid-expression [??] `??` is no operator here (write `has(state.key) ? state.key : …`)"]],
    [
      "1 < count <= 3",
      ["type-mismatch [1 < count <= 3] cannot compare boolean with number: `1 < count <= 3` (write `1 < count && count <= 3`)"],
    ],
    ["ready & ready", ["invalid-expression [&] `&` is no operator here (write `&&`)"]],
    ["ready and ready", ["invalid-expression [and] `and` is no operator here (write `&&`)"]],
    ["count 3", ["invalid-expression [3] `3` cannot stand here (an operator such as `==` or `&&` may be missing before it)"]],
    ["(count", ["invalid-expression [] `)` is expected at the end (what was opened is not closed)"]],
    ["[count}", ["invalid-expression [}] `]` is expected here, not `}`"]],
    ["ready ? 1", ["invalid-expression [] `:` is expected at the end (write `condition ? one : other`)"]],
    ["order.?name", ["invalid-expression [?] a name is expected here, not `?`"]],
    ["name == 'Ada", ["invalid-expression ['Ada] the text that starts here has no closing quote (end it with `'`)"]],
    [
      "'a\nb'",
      ["invalid-expression [\n] a line break cannot stand in quotes (in TOML's single quotes write `\\n`, in its double quotes `\\\\n`)"],
    ],
    ["name.matches('\\d')", ["invalid-expression [\\d] `\\d` is no escape sequence (write `\\\\d`, or an `r` before the quotes)"]],
    ["größe", ["invalid-expression [ö] `ö` cannot stand here (a key with such a letter is written as in `state['größe']`)"]],
    ["a == 😀", ["invalid-expression [😀] `😀` cannot stand here (remove it)"]],
    ["a\u00a0== 1", ["invalid-expression [\u00a0] the character U+00A0 cannot stand here"]],
    ["1e999", ["invalid-expression [1e999] `1e999` is not a number"]],
    ["items.map(1, 2)", ["invalid-expression [1] the first argument is a name for each item, not `1` (as in `items.all(item, item > 0)`)"]],
    [
      "loop == 1",
      [
        "reserved-name [loop] `loop` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.loop`)",
      ],
    ],
    [
      "in == 1",
      [
        "reserved-name [in] `in` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.in`)",
      ],
    ],
    [
      "type == string",
      [
        "reserved-name [type] `type` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.type`)",
        "reserved-name [string] `string` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.string`)",
      ],
    ],
    [
      "optional",
      [
        "reserved-name [optional] `optional` is a word of the expression language and cannot stand alone as a name (for the key of the state, write `state.optional`)",
      ],
    ],
    ["1 + 'a'", ["type-mismatch [1 + 'a'] cannot add number and string: `1 + 'a'` (write `string(…)` around what is no text)"]],
    [
      "count > 1 && (1 + 2) < ('a')",
      [
        "type-mismatch [(1 + 2) < ('a')] cannot compare number with string: `(1 + 2) < ('a')` (`double(…)` makes a number of a text, `string(…)` a text of a number)",
      ],
    ],
    ["'a' in 'abc'", ["type-mismatch ['a' in 'abc'] cannot look for string in string: `'a' in 'abc'` (write `text.contains(…)`)"]],
    ["[1] == {'a': 1}", ["type-mismatch [[1] == {'a': 1}] cannot compare list with object: `[1] == {'a': 1}`"]],
    ["[1] < ['a']", ["type-mismatch [[1] < ['a']] cannot compare list with list: `[1] < ['a']`"]],
    ["1 ? 2 : 3", ["type-mismatch [1] this must be true or false, not a number: `1` (compare it with something, for example count > 0)"]],
    [
      "ready && 'yes'",
      [
        "type-mismatch [ready && 'yes'] `&&` needs true or false on both sides, not a string: `ready && 'yes'` (compare it with something, for example count > 0)",
      ],
    ],
    ["[1][0.5]", ["type-mismatch [[1][0.5]] the index of a list is a whole number: `[1][0.5]`"]],
    ["'abc'.first", ["type-mismatch ['abc'.first] a string has no members: `'abc'.first`"]],
    [
      "[].all(x, x > 1)",
      [
        "type-mismatch [[].all(x, x > 1)] the types in this expression cannot be worked out (where it holds an empty list or object, write `dyn([])` or `dyn({})`)",
      ],
    ],
    ["type(count)", ["type-mismatch [type(count)] the value would be a type, which JSON cannot hold"]],
    ["bytes(name)", ["type-mismatch [bytes(name)] the value would be bytes, which JSON cannot hold"]],
    ["has(name)", ["type-mismatch [name] `has` asks for a member by name, such as `has(state.name)` (write `has(state.name)`)"]],
    [
      "has(state['a-b'])",
      [
        "type-mismatch [state['a-b']] `has` asks for a member by name, such as `has(state.name)` (write `'a-b' in …` in place of `has(…['a-b'])`)",
      ],
    ],
    ["has(items[0].x)", ["type-mismatch [items[0].x] `has` asks for a member by name, such as `has(state.name)`"]],
    [
      "fetch(name)",
      [
        "unknown-function [fetch] there is no function `fetch` (docs/expressions.md lists the functions; let a script do what none of them does)",
      ],
    ],
    ["len(items)", ["unknown-function [len] there is no function `len` (replace `len` with `size`)"]],
    ["name.startWith('A')", ["unknown-function [startWith] there is no function `startWith` (replace `startWith` with `startsWith`)"]],
    [
      "name.constructor()",
      [
        "unknown-function [constructor] there is no function `constructor` (docs/expressions.md lists the functions; let a script do what none of them does)",
      ],
    ],
    [
      "contains(name, 'A')",
      ["unknown-function [contains(name, 'A')] `contains` is not called like this: `contains(name, 'A')` (write `value.contains(…)`)"],
    ],
    ["name.int()", ["unknown-function [name.int()] `int` is not called like this: `name.int()` (write `int(…)`)"]],
    [
      "now() > 3",
      [
        "unknown-function [now] there is no function `now` (an expression gives the same value whenever it is evaluated; let a script write such a value)",
      ],
    ],
    ["state.in()", ["unknown-function [in] there is no function `in` (did you mean `int`?)"]],
    [
      "name.split()",
      [
        "type-mismatch [name.split()] `split` cannot be called on a value: `name.split()` (it is called as `string.split(string)`, `string.split(string, int)`)",
      ],
    ],
    [
      "items.map(x)",
      [
        "type-mismatch [items.map(x)] `map` cannot be called on a value with a value: `items.map(x)` (it is called as `list.map(…, …)`, `list.map(…, …, …)`)",
      ],
    ],
  ])("%j", (text, expected) => {
    expect(told(text)).toEqual(expected);
  });

  test("`env` is refused where it cannot be read, and as a whole", () => {
    const help =
      "environment variables can be read in an agent's `env` and in a provider's `headers`; a key of the state that is called `env` is `state.env`";
    expect(told("env.HOME")).toEqual([`env-not-allowed [env] \`env\` cannot be read here (${help})`]);
    expect(told("has(env.HOME) || size(env) > 1")).toEqual([
      `env-not-allowed [env] \`env\` cannot be read here (${help})`,
      `env-not-allowed [env] \`env\` cannot be read here (${help})`,
    ]);
    expect(told("env[name]", { env: true })).toEqual(["invalid-env [env] `env` can only be read by name (write `env.NAME`)"]);
    expect(told("items.all(env, env > 1)")).toEqual([]);
  });

  test("all problems of names and patterns are told at once, with exact offsets", () => {
    expect(problems("loop.x == 1")).toEqual([expect.objectContaining({ start: 0, end: 4 })]);
    expect(problems("name == 'é' && (type || list)").map(({ start, end }) => [start, end])).toEqual([
      [16, 20],
      [24, 28],
    ]);
    expect(problems("count +  1 + 1 == (true + 1)")).toEqual([expect.objectContaining({ start: 19, end: 27 })]);
  });
});

describe("limits", () => {
  const tooLarge = "this expression is too large: at most 300 parts, nested at most 24 levels deep";

  test.each<[string, string, string[]]>([
    ["about 300 parts are allowed", `${"1 + ".repeat(149)}1`, []],
    ["more are not", `${"1 + ".repeat(150)}1`, [tooLarge]],
    ["24 levels are allowed", `${"(".repeat(23)}1${")".repeat(23)}`, []],
    ["more are not", `${"(".repeat(24)}1${")".repeat(24)}`, [tooLarge]],
    ["nor are chains of members", `a${".b".repeat(24)}`, [tooLarge]],
    ["a stack overflow of the parser is a problem", "!".repeat(1_000_000), [tooLarge]],
    ["two macros may be nested", "items.all(x, items.exists(y, x == y))", []],
    [
      "three may not",
      "items.all(x, items.exists(y, items.map(z, z) == [x, y]))",
      ["`map` stands inside 2 others, and deeper than that the time to evaluate it has no sensible bound"],
    ],
    [
      "a value in `cel.bind` counts as one",
      "items.all(x, items.all(y, cel.bind(z, x, z == y)))",
      ["`bind` stands inside 2 others, and deeper than that the time to evaluate it has no sensible bound"],
    ],
  ])("%s", (_sentence, text, messages) => {
    expect(problems(text).map(({ message }) => message)).toEqual(messages);
  });

  test("an evaluation that goes on for too long ends", () => {
    const long = toJson(Array.from({ length: 1_000_000 }, () => 0)) as Json;
    const names = toJson({ long }) as JsonObject;
    const text = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].all(n, long.exists(x, x == 0))";
    expect(failure(text, { names })).toEqual({
      message: "this takes too long: `long.exists(x, x == 0)` goes through more than 10 million items or characters",
      missing: null,
    });
    expect(evaluate("long.exists(x, x == 0)", { names }), "the next evaluation starts anew").toBe(true);
  });
});

describe("regular expressions", () => {
  test("one that backtracks without end elsewhere ends at once", () => {
    const names = toJson({ text: `${"a".repeat(100_000)}!`, big: "x".repeat(100_000) }) as JsonObject;
    const started = performance.now();
    expect(evaluate(`'${"a".repeat(40)}!'.matches('^(a+)+$')`)).toBe(false);
    expect(evaluate("text.matches('^(a+)+$') || text.matches('^(a|a)*$') || text.matches('(.*)*=')", { names })).toBe(false);
    expect(evaluate("big.matches('.*x.*y.*z')", { names })).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  test.each<[string, string, boolean]>([
    ["matches anywhere", "name.matches('d')", true],
    ["matches at the ends", "name.matches('^A.a$')", true],
    ["takes classes and counts", "'2030-01-31'.matches(r'^\\d{4}-\\d{2}-\\d{2}$')", true],
    ["takes large counts of one character", `'${"0a".repeat(20)}'.matches('^[0-9a-f]{40}$')`, true],
    ["counts exactly", `'${"0a".repeat(20)}'.matches('^[0-9a-f]{41}$')`, false],
    [
      "takes ranges of counts",
      `'${"a".repeat(40)}'.matches('^a{3,40}$') && !'${"a".repeat(41)}'.matches('^a{3,40}$') && !'aa'.matches('^a{3,40}$') && 'aaaa'.matches('^a{3,40}$')`,
      true,
    ],
    ["takes open counts", `'${"a".repeat(50)}'.matches('^a{20,}$') && !'${"a".repeat(19)}'.matches('^a{20,}$')`, true],
    ["takes patterns of the state", "name.matches(words[0])", true],
  ])("%s", (_sentence, text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  test.each<[string, string, string]>([
    ["a look-ahead", "name.matches('(?=a)')", "look-around such as (?=…) is not supported"],
    ["a look-behind", "name.matches('(?<!a)b')", "look-around such as (?=…) is not supported"],
    ["a back-reference", "name.matches(r'(a)\\1')", "back-references such as \\1 are not supported"],
    ["a back-reference by name", "name.matches(r'(?<n>a)\\k<n>')", "back-references such as \\1 are not supported"],
    ["ignoring case", "name.matches('(?i)a')", "(?i) is not supported"],
    [
      "a group repeated too often",
      "name.matches('(ab){17}')",
      "a count is too large: a group can be repeated at most 16 times, one character at most 1000 times",
    ],
    [
      "groups repeated too often together",
      "name.matches('((ab){5}){5}')",
      "a count is too large: a group can be repeated at most 16 times, one character at most 1000 times",
    ],
    ["a pattern that is too long", `name.matches('${"a".repeat(1001)}')`, "it is longer than 1000 characters"],
    ["no regular expression", "name.matches('[z-a]')", "range out of order in character class"],
  ])("%s is refused before the run", (_sentence, text, reason) => {
    expect(problems(text).map(({ code, message }) => `${code}: ${message}`)).toEqual([
      `invalid-pattern: this regular expression cannot be used: ${reason}`,
    ]);
  });

  test("a literal that only looks like look-around is not refused", () => {
    expect(problems(String.raw`name.matches(r'[(?=]\(\?=[\1]')`)).toEqual([]);
  });

  test("one that is only known in the run is refused there", () => {
    expect(failure("name.matches('(?=' + name + ')')").message).toBe(
      "this regular expression cannot be used: look-around such as (?=…) is not supported: `name.matches('(?=' + name + ')')`",
    );
  });

  test("a text that is too long for the pattern is refused", () => {
    const names = toJson({ text: "x".repeat(6_000_000) }) as JsonObject;
    expect(failure("text.matches('(a|b|c|d|e)+f*g+')", { names }).message).toBe(
      "this takes too long: `text.matches('(a|b|c|d|e)+f*g+')` goes through more than 10 million items or characters",
    );
  });
});
