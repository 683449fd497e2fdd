import type { Span } from "../spec/diagnostic.ts";
import { isCertain, nearest } from "../spec/suggest.ts";
import { ExpressionError } from "./expression-error.ts";
import type { ExpressionContext, ExpressionProblem } from "./scope.ts";
import { children, endOfLiteral, type Node, reservedName, type Wording } from "./expression-tree.ts";

/**
 * The mistakes that the CEL package finds, in words for a person who does not know it. Its own messages carry a drawing
 * of the place and speak of overloads.
 */
export interface CelError {
  readonly code: string;
  /** The message without the drawing. */
  readonly summary: string;
  readonly node?: Node;
  readonly range?: { readonly start: number; readonly end: number };
}

/** A signature of a function, for example `string.split(string): list`. */
export interface Signature {
  readonly name: string;
  readonly signature: string;
  readonly receiverType: string | null;
}

/** What is wrong with the form of the text. */
export function syntaxProblem(thrown: unknown, text: string, context: ExpressionContext): ExpressionProblem {
  if (!isCelError(thrown) || thrown.range === undefined) {
    if (thrown instanceof RangeError) return { ...TOO_LARGE, start: 0, end: text.length };
    return { code: "invalid-expression", message: `this is not an expression: ${messageOf(thrown)}`, start: 0, end: text.length };
  }
  const operator = foreignOperator(text, thrown.range.start);
  if (operator !== undefined) return operator;
  const { start } = thrown.range;
  const character = text.codePointAt(start);
  const end = Math.max(thrown.range.end, start + (character === undefined ? 0 : String.fromCodePoint(character).length));
  const found = text.slice(start, end);
  const negation = NEGATION.exec(text.slice(0, start));
  if (negation !== null && thrown.code.startsWith("unexpected")) return negationProblem(negation, text);
  if (isReserved(thrown, found)) return { ...reservedName(found, { start, end }, context), start, end };
  return { ...describeSyntax(thrown, found), ...operatorFix(text, start, found), start, end };
}

function isReserved({ code }: CelError, found: string): boolean {
  return code === "reserved_identifier" || (code === "unexpected_token" && found === "in");
}

/** A word of other languages before what it negates. */
const NEGATION = /(?<![\w.])(?:not|NOT)[ \t]+$/;

/** `not a == b` negates the whole in other languages, and `!a == b` the first part alone: there, the author has to say which. */
const SIMPLE_OPERAND = /^(?:[\w.]+(?:\([^()]*\))?|\([^()]*\))\s*(?:$|\)|&&|\|\||\?|(?:and|or|AND|OR)\b)/;

function negationProblem({ 0: word, index }: RegExpExecArray, text: string): ExpressionProblem {
  const end = index + word.length;
  const fix = SIMPLE_OPERAND.test(text.slice(end)) ? { fix: { safe: true, start: index, end, text: "!" } } : {};
  const name = word.trim();
  const message = `\`${name}\` is no operator here`;
  return {
    code: "invalid-expression",
    message,
    help: "write `!`, with brackets around what it negates",
    ...fix,
    start: index,
    end: index + name.length,
  };
}

/** What stands for an operator in other languages, with the letters around it that belong to it. */
function operatorFix(text: string, start: number, found: string): Pick<Wording, "fix"> {
  const replace = (from: number, old: string, by: string): Pick<Wording, "fix"> => ({
    fix: { safe: true, start: from, end: from + old.length, text: by },
  });
  const isNot = found === "is" ? /^is\s+not\b/.exec(text.slice(start))?.[0] : undefined;
  if (isNot !== undefined) return replace(start, isNot, "!=");
  return Object.hasOwn(OPERATORS, found) ? replace(start, found, OPERATORS[found] ?? "") : {};
}

/** An operator of another language, of several characters; the package stops at one of these. */
function foreignOperator(text: string, at: number): ExpressionProblem | undefined {
  for (const { 0: operator, index: start } of text.matchAll(/[=!<>?]{2,}/g)) {
    const end = start + operator.length;
    if (at < start || at >= end || !Object.hasOwn(FOREIGN_OPERATORS, operator)) continue;
    const isArrow = operator === "=>" && /\(\s*\w+\s*$/.test(text.slice(0, start));
    const help = isArrow ? "write a comma, as in `items.map(item, item.name)`" : `write \`${FOREIGN_OPERATORS[operator]}\``;
    const fix = CERTAIN_OPERATORS.has(operator) ? { fix: { safe: true, start, end, text: FOREIGN_OPERATORS[operator] ?? "" } } : {};
    return { code: "invalid-expression", message: `\`${operator}\` is no operator here`, start, end, help, ...fix };
  }
  return undefined;
}

const FOREIGN_OPERATORS: Readonly<Record<string, string>> = {
  "===": "==",
  "!==": "!=",
  "<>": "!=",
  "=<": "<=",
  "=>": ">=",
  "??": "has(state.key) ? state.key : …",
};

/** Those that mean nothing else anywhere. */
const CERTAIN_OPERATORS: ReadonlySet<string> = new Set(["===", "!==", "<>", "=<"]);

/** What the types in the text show to be wrong. */
export function typeProblem(thrown: unknown, root: Node, text: string, signatures: readonly Signature[]): ExpressionProblem {
  if (!isCelError(thrown)) {
    return {
      code: "type-mismatch",
      message: "the types in this expression cannot be worked out",
      start: 0,
      end: text.length,
      help: "where it holds an empty list or object, write `dyn([])` or `dyn({})`",
    };
  }
  const node = placeOf(thrown, root);
  const { start, end } = node === undefined ? { start: 0, end: text.length } : extent(node, text);
  if (node !== undefined && thrown.code === "no_matching_overload") return { start, end, ...callProblem(thrown, node, text, signatures) };
  const help = helpFor(node, thrown, text);
  return { code: "type-mismatch", message: sentence(thrown, node, text), start, end, ...(help === undefined ? {} : { help }) };
}

/** What went wrong in an evaluation. */
export function evaluationError(thrown: unknown, root: Node, text: string): ExpressionError {
  if (thrown instanceof ExpressionError) return thrown;
  if (isCelError(thrown)) return new ExpressionError(sentence(thrown, placeOf(thrown, root), text), missingIn(thrown, text));
  return new ExpressionError(`${quote(text)} cannot be evaluated: ${messageOf(thrown)}`);
}

/** The part of the text that a node stands for, with the parentheses around its first and last part. */
export function sourceOf(node: Node, text: string): string {
  const { start, end } = extent(node, text);
  return text.slice(start, end);
}

/** As {@link sourceOf}, quoted. */
export function quoteNode(node: Node, text: string): string {
  return quote(sourceOf(node, text));
}

/** In backquotes, on one line, and short. */
export function quote(source: string): string {
  return `\`${shorten(source.trim())}\``;
}

/** One line of at most 80 characters. */
export function shorten(text: string): string {
  const line = text.slice(0, 1000).replaceAll(/\s+/g, " ");
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function isCelError(thrown: unknown): thrown is CelError {
  return thrown instanceof Error && "summary" in thrown && "code" in thrown && typeof thrown.code === "string";
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const TOO_LARGE = {
  code: "expression-too-large",
  message: "this expression is too large: at most 300 parts, nested at most 24 levels deep",
  help: "move a part of it to a stage of its own",
} as const;

function helpForCharacter(found: string): string {
  if (/^[\w'"]/.test(found)) return "an operator such as `==` or `&&` may be missing before it";
  return /^\p{L}/u.test(found) ? "a key with such a letter is written as in `state['größe']`" : "remove it";
}

const TOKENS: Readonly<Record<string, string>> = {
  RPAREN: "`)`",
  RBRACKET: "`]`",
  RBRACE: "`}`",
  COLON: "`:`",
  LPAREN: "`(`",
  IDENTIFIER: "a name",
};
const OPERATORS: Readonly<Record<string, string>> = {
  "=": "==",
  "&": "&&",
  "|": "||",
  and: "&&",
  or: "||",
  not: "!",
  is: "==",
  AND: "&&",
  OR: "||",
  NOT: "!",
};

function describeSyntax({ code, summary }: CelError, found: string): Wording {
  const invalid = (message: string, help?: string) => ({ code: "invalid-expression", message, ...(help === undefined ? {} : { help }) });
  switch (code) {
    case "limit_exceeded":
      return TOO_LARGE;
    case "unexpected_character":
    case "unexpected_token":
      if (found === "") return invalid("this expression ends too early", "something is missing after what stands last");
      if (Object.hasOwn(OPERATORS, found)) return invalid(`\`${found}\` is no operator here`, `write \`${OPERATORS[found]}\``);
      if (/^[)\]}]$/.test(found)) return invalid(`${quote(found)} cannot stand here`, "remove it, or open it before");
      if (/^[\s\p{C}]/u.test(found)) return invalid(`the character ${codePoint(found)} cannot stand here`);
      if (found.normalize("NFKC") !== found) return invalid(`${quote(found)} cannot stand here`, `write ${quote(found.normalize("NFKC"))}`);
      return invalid(`${quote(found)} cannot stand here`, helpForCharacter(found));
    case "expected_token": {
      const expected = TOKENS[/^Expected (\w+)/.exec(summary)?.[1] ?? ""] ?? "something else";
      return invalid(
        `${expected} is expected ${found === "" ? "at the end" : `here, not ${quote(found)}`}`,
        expected === "`:`" ? "write `condition ? one : other`" : found === "" ? "what was opened is not closed" : undefined,
      );
    }
    case "unterminated_string":
    case "unterminated_triple_quoted_string":
      return invalid("the text that starts here has no closing quote", `end it with ${quote(/^"""|^'''|./.exec(found)?.[0] ?? "'")}`);
    case "newline_in_string":
      return invalid("a line break cannot stand in quotes", "in TOML's single quotes write `\\n`, in its double quotes `\\\\n`");
    case "invalid_escape_sequence":
      return invalid(`${quote(found)} is no escape sequence`, `write ${quote(`\\${found}`)}, or an \`r\` before the quotes`);
    case "invalid_number":
    case "invalid_integer":
    case "invalid_hex_integer":
    case "invalid_exponent":
      return invalid(`${quote(found)} is not a number`);
    case "invalid_macro_argument":
      return invalid(`the first argument is a name for each item, not ${quote(found)}`, "as in `items.all(item, item > 0)`");
    default:
      return invalid(summary.includes(found) ? lowerFirst(summary) : `${lowerFirst(summary)}: ${quote(found)}`);
  }
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The node that an error is about. Where one side of `&&` or `||` is at fault, the package names the left one; the whole is meant. */
function placeOf({ code, node }: CelError, root: Node): Node | undefined {
  if (node === undefined || code !== "invalid_logical_operand") return node;
  const within = (outer: Node): Node | undefined => {
    const parts = children(outer);
    if ((outer.op === "&&" || outer.op === "||") && parts.includes(node)) return outer;
    for (const part of parts) {
      const found = within(part);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return within(root) ?? node;
}

function sentence(error: CelError, node: Node | undefined, text: string): string {
  return `${lowerFirst(explain(error, node))}: ${node === undefined ? quote(text) : quoteNode(node, text)}`;
}

const VERBS: Readonly<Record<string, readonly [string, string]>> = {
  "+": ["add", "and"],
  "-": ["subtract", "and"],
  "*": ["multiply", "by"],
  "/": ["divide", "by"],
  "%": ["divide", "by"],
  in: ["look for", "in"],
};

/** The reason alone. */
function explain({ code, summary }: CelError, node: Node | undefined): string {
  const last = one(/'([^']*)'$/.exec(summary)?.[1]);
  switch (code) {
    case "no_such_overload":
      return explainOperator(summary, node);
    case "no_matching_overload":
      return explainCall(summary);
    case "invalid_logical_operand":
      return `${node?.op === "&&" ? "`&&`" : node?.op === "||" ? "`||`" : "this"} needs true or false on both sides, not ${last}`;
    case "invalid_condition_type":
      return `this must be true or false, not ${last}`;
    case "invalid_comprehension_range":
      return `only a list or an object has items, not ${one(/type '([^']*)'/.exec(summary)?.[1])}`;
    case "invalid_index_type":
      return `the index of a list is a whole number${last === "a number" ? "" : `, not ${last}`}`;
    case "cannot_index_type":
      return `${last} has no members`;
    case "unsupported_type":
      return "an object with a key called `constructor` cannot be used here";
    case "division_by_zero":
    case "modulo_by_zero":
      return "cannot divide by zero";
    case "numeric_overflow":
      return "the number is too large";
    case "bool_conversion_error":
    case "int_conversion_error":
    case "uint_conversion_error":
    case "double_conversion_error":
      return `the value cannot be made ${code.startsWith("bool") ? "true or false" : "a number"}`;
    case "invalid_timestamp":
      return "a time is written as in '2030-01-31T12:00:00Z'";
    case "invalid_duration":
      return "a duration is written as in '1h30m'";
    case "index_out_of_range":
      return "the position is outside of the text";
    case "no_such_key":
      return "there is nothing here";
    default:
      return summary;
  }
}

function explainOperator(summary: string, node: Node | undefined): string {
  const unary = summary.slice("no such overload: ".length + 1);
  if (node?.op === "!_") return `\`!\` needs true or false, not ${one(unary)}`;
  if (node?.op === "-_") return `cannot negate ${one(unary)}`;
  const [left, right] = operandsOf(summary, node);
  const [verb, between] = VERBS[node?.op ?? ""] ?? ["compare", "with"];
  return `cannot ${verb} ${left} ${between} ${right}`;
}

/** The types of the two operands that do not go together. */
export function operandsOf(summary: string, node: Node | undefined): readonly string[] {
  return summary.replace("no such overload: ", "").split(` ${node?.op} `).map(typeWord);
}

function explainCall(summary: string): string {
  const [, receiver, name = "", types = ""] = /for '(?:(.+)\.)?(\w+)\((.*)\)'$/.exec(summary) ?? [];
  const given = types === "" ? "" : withoutParameters(types).split(", ").map(one).join(" and ");
  if (receiver === undefined) return `\`${name}\` does not take ${given === "" ? "nothing" : given}`;
  return `\`${name}\` cannot be called on ${one(receiver)}${given === "" ? "" : ` with ${given}`}`;
}

/** A type with its article: `a list`, `an object`, `null`. */
export function one(type = ""): string {
  const word = typeWord(type);
  return word === "null" || word === "bytes" ? word : `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: "number",
  uint: "unsigned number",
  double: "number",
  bool: "boolean",
  map: "object",
  dyn: "value",
  "google.protobuf.Timestamp": "timestamp",
  "google.protobuf.Duration": "duration",
};

/** `dyn<list<int>>` is a list. */
export function typeWord(type: string): string {
  const name = withoutParameters(type.replace(/^dyn<(.+)>$/, "$1"));
  return Object.hasOwn(TYPE_WORDS, name) ? (TYPE_WORDS[name] as string) : name;
}

function withoutParameters(types: string): string {
  const shorter = types.replaceAll(/<[^<>]*>/g, "");
  return shorter === types ? types : withoutParameters(shorter);
}

/** Names from other languages for what CEL has. */
const SYNONYMS: Readonly<Record<string, string>> = {
  len: "size",
  length: "size",
  count: "size",
  lower: "lowerAscii",
  tolower: "lowerAscii",
  tolowercase: "lowerAscii",
  upper: "upperAscii",
  toupper: "upperAscii",
  touppercase: "upperAscii",
  includes: "contains",
  strip: "trim",
  slice: "substring",
  substr: "substring",
  test: "matches",
  match: "matches",
  any: "exists",
  some: "exists",
  every: "all",
  str: "string",
  tostring: "string",
  float: "double",
  number: "double",
  parseint: "int",
};

/** With a place where it is the name alone. */
function callProblem(error: CelError, node: Node, text: string, signatures: readonly Signature[]): Wording & Partial<Span> {
  const { name, start } = nameOfCall(node, text);
  const known = signatures.filter((signature) => signature.name === name);
  if (known.length === 0 && name === "not") return unknownNot(node, text);
  if (known.length === 0) return { ...unknownFunction(name, start, signatures), start, end: start + name.length };
  const isMethod = node.op === "rcall";
  if (!known.some(({ receiverType }) => (receiverType !== null) === isMethod)) {
    const message = `\`${name}\` is not called like this: ${quoteNode(node, text)}`;
    return { code: "unknown-function", message, help: isMethod ? `write \`${name}(…)\`` : `write \`value.${name}(…)\`` };
  }
  const forms = new Set(known.map(({ signature }) => formOf(signature)));
  return { code: "type-mismatch", message: sentence(error, node, text), help: `it is called as ${[...forms].join(", ")}` };
}

/** `not (a || b)` */
function unknownNot({ start }: Node, text: string): Wording {
  const end = start + (/^not\s*/.exec(text.slice(start))?.[0].length ?? 0);
  return { code: "unknown-function", message: "there is no function `not`", help: "write `!`", fix: { safe: true, start, end, text: "!" } };
}

function unknownFunction(name: string, start: number, signatures: readonly Signature[]): Wording {
  const problem = { code: "unknown-function", message: `there is no function \`${name}\`` };
  const synonym = Object.hasOwn(SYNONYMS, name.toLowerCase()) ? SYNONYMS[name.toLowerCase()] : undefined;
  const names = new Set(signatures.map((signature) => signature.name));
  const near = synonym ?? nearest(name, names) ?? meantElsewhere(name);
  if (near !== undefined) {
    const fix = { safe: synonym !== undefined || isCertain(name, near, names), start, end: start + name.length, text: near };
    return { ...problem, help: `did you mean \`${near}\`?`, fix };
  }
  if (/^(now|today|random|uuid)$/i.test(name))
    return { ...problem, help: "an expression gives the same value whenever it is evaluated; let a script write such a value" };
  return { ...problem, help: "docs/expressions.md lists the functions; let a script do what none of them does" };
}

/** A name from another language, misspelt. */
function meantElsewhere(name: string): string | undefined {
  const near = nearest(name, Object.keys(SYNONYMS));
  return near === undefined ? undefined : SYNONYMS[near];
}

/** `list<T>.map(ast, ast): list<dyn>` is called as `list.map(…, …)`. */
function formOf(signature: string): string {
  const call = withoutParameters(signature.slice(0, signature.lastIndexOf("):") + 1));
  return `\`${call.replaceAll(/\bast\b/g, "…")}\``;
}

/** The text knows better: a word such as `in` was replaced before parsing. */
function nameOfCall(node: Node, text: string): Named {
  const [name, receiver] = node.args as [string, Node];
  if (node.op === "call") return { name, start: node.start };
  const [before = "", written] = /^[\s)]*\.\s*(\w+)/.exec(text.slice(receiver.end)) ?? [];
  const end = receiver.end + before.length;
  return written === undefined ? { name, start: node.start } : { name: written, start: end - written.length };
}

/** The name of a function, and where it stands. */
interface Named {
  readonly name: string;
  readonly start: number;
}

function helpFor(node: Node | undefined, { summary, code }: CelError, text: string): string | undefined {
  if (code === "invalid_logical_operand" || code === "invalid_condition_type") return "compare it with something, for example count > 0";
  if (code !== "no_such_overload") return undefined;
  const twice = node === undefined ? undefined : comparedTwice(node, text);
  if (twice !== undefined) return `write \`${shorten(twice)}\``;
  const [left, right] = operandsOf(summary, node);
  if (node?.op === "+" && (left === "string" || right === "string")) return "write `string(…)` around what is no text";
  if (left !== right && [left, right].every((type) => type === "string" || type === "number"))
    return "`double(…)` makes a number of a text, `string(…)` a text of a number";
  return node?.op === "in" && right === "string" ? "write `text.contains(…)`" : undefined;
}

/** `0 < a < 9` as two comparisons. */
function comparedTwice(node: Node, text: string): string | undefined {
  const [left, right] = children(node);
  if (left === undefined || right === undefined || !COMPARISONS.has(node.op) || !COMPARISONS.has(left.op)) return undefined;
  const [, middle] = children(left);
  if (middle === undefined) return undefined;
  return `${sourceOf(left, text)} && ${sourceOf(middle, text)} ${node.op} ${sourceOf(right, text)}`;
}

const COMPARISONS: ReadonlySet<string> = new Set(["<", "<=", ">", ">="]);

/** Only `has(…)` leaves it to the package to find that a key is missing: one of those before the last. */
function missingIn({ code, node }: CelError, text: string): string | null {
  return code === "no_such_key" && node !== undefined ? sourceOf(node, text).replaceAll(/\s/g, "") : null;
}

/** Parentheses around an operand are no nodes; they belong to the operand's text all the same. */
/** The range of a node, with the parentheses around its first and last part. */
export function extent({ start, end }: Node, text: string): { start: number; end: number } {
  let opened = 0;
  let unopened = 0;
  for (let index = start; index < end; index += 1) {
    const character = text[index];
    if (character === "'" || character === '"') index = (endOfLiteral(text, index) ?? end) - 1;
    else if (character === "(") opened += 1;
    else if (character === ")" && opened > 0) opened -= 1;
    else if (character === ")") unopened += 1;
  }
  let first = start;
  for (; unopened > 0 && first > 0; unopened -= 1) first = text.lastIndexOf("(", first - 1);
  let last = end;
  for (; opened > 0; opened -= 1) last = text.indexOf(")", last) + 1;
  return { start: Math.max(first, 0), end: last === 0 ? end : last };
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
