import type { Span } from "./diagnostic.ts";
import type { Patch } from "./patch.ts";
import { looksLikeHeader, salvage } from "./salvage.ts";
import type { Failure } from "./repairs.ts";
import { isClosed } from "./toml-statements.ts";
import { type Token, tokensOf } from "./toml-tokens.ts";

/** A statement that is no TOML. All offsets are those of the source. */
export interface Broken extends Span, Failure {
  readonly source: string;
  /** What is written from its start to its end. */
  readonly text: string;
}

/** What is wrong with it, in words that name what stands there. */
export interface Mistake {
  readonly span: Span;
  readonly reason: string;
  /** What to do. */
  readonly help: string;
  /** What does that, where a program can do it. */
  readonly edits?: readonly Patch[];
  /** Whether the edits leave no doubt about what was meant. */
  readonly safe?: boolean;
}

/** The likeliest mistake in a statement that is no TOML: one that people make, or else what the parser says. */
export function findMistake(broken: Broken): Mistake {
  for (const find of looksLikeHeader(broken.text) ? IN_HEADERS : IN_PAIRS) {
    const mistake = find(broken);
    if (mistake !== undefined) return mistake;
  }
  return parserSays(broken);
}

type Find = (broken: Broken) => Mistake | undefined;

/** A character that looks like a blank, or like nothing. */
const oddCharacter: Find = ({ source, offset, reason }) => {
  const found = source[offset] ?? "";
  const number = `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const span = { start: offset, end: offset + 1 };
  if (reason.startsWith("control characters") && /[^\r\n]/.test(found)) {
    const escape = `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
    const isText = reason.includes("strings");
    return {
      span,
      reason: `the control character ${number} stands in a ${isText ? "text" : "comment"}`,
      help: isText ? `remove it, or write ${escape} in "double quotes"` : "remove it",
    };
  }
  if (/[\p{Cf}\ufeff]/u.test(found)) {
    const edits = [{ ...span, text: "" }];
    return { span, reason: `the invisible character ${number} stands here`, help: "remove it", edits, safe: true };
  }
  if (!/[^\S \t\r\n]/.test(found)) return undefined;
  return {
    span,
    reason: `${number} is a blank that TOML does not know`,
    help: "write an ordinary blank",
    edits: [{ ...span, text: " " }],
    safe: true,
  };
};

const wholeHeader: Find = ({ start, end, text, source }) => {
  const { text: header, isCertain, names } = salvage(text);
  const line = text.split(/\r?\n|#/, 1)[0]?.trimEnd() ?? "";
  const rest = /\][ \t]*([^\]\s].*)$/.exec(line)?.[1] ?? "";
  const span = { start, end: start + line.length };
  if (names === null) return { span, reason: "a header without a name", help: "write the name of a table: [agents.fetch]" };
  if (rest !== "" && !/^[:;,.]+$/.test(rest)) {
    const place = { start: start + line.length - rest.length, end: start + line.length };
    return { span: place, reason: `${tick(rest)} follows the header`, help: "a header stands alone in its line; a comment begins with #" };
  }
  const edits = [{ start, end: source[end] === "\r" ? end : start + line.length, text: header }];
  return isCertain
    ? { span, reason: `${tick(line)} is no header`, help: `write ${header}`, edits, safe: true }
    : {
        span,
        reason: `${tick(line)} is no header: the name of each part is letters, digits, - and _, with dots between`,
        help: `write it like ${names.every((name) => /^[\w-]+$/.test(name)) ? header : "[agents.fetch]"}`,
      };
};

const IN_HEADERS: readonly Find[] = [oddCharacter, wholeHeader];

const comment: Find = ({ source, offset }) => {
  const sign = /^(?:\/\/+|;+)/.exec(source.slice(offset, offset + 10))?.[0];
  const isEnd = /^;+[ \t]*\r?(?:\n|#|$)/.test(source.slice(offset, offset + 50));
  if (sign === undefined || isEnd) return undefined;
  const span = { start: offset, end: offset + sign.length };
  return { span, reason: `${tick(sign)} begins no comment`, help: "a comment begins with #", edits: [{ ...span, text: "#" }], safe: true };
};

/** A comma or a semicolon after a whole line. */
const separator: Find = ({ source, offset, reason }) => {
  const found = /^[ \t]*([,;]+)[ \t]*(?=\r?\n|#|$)/.exec(source.slice(offset));
  if (!/end-of-line|numeric/.test(reason) || found === null) return undefined;
  const span = { start: offset, end: offset + found[0].trimEnd().length };
  return {
    span,
    reason: `${tick(found[1] ?? "")} follows the value`,
    help: "remove it: a line ends by itself",
    edits: [{ ...span, text: "" }],
    safe: true,
  };
};

/** Typographic quotes, and backquotes. */
const oddQuotes: Find = ({ source, start, end, text, offset }) => {
  const quote = source[offset] ?? "";
  if (!/[“”„‟‘’‚‛`´«»]/.test(quote)) return undefined;
  const edits: Patch[] = [];
  for (const token of tokensOf(text)) {
    if (token.kind === "string" || token.kind === "comment") continue;
    for (const { index } of text.slice(token.start, token.end).matchAll(/[“”„‟‘’‚‛`´«»]/g)) {
      const at = start + token.start + index;
      edits.push({ start: at, end: at + 1, text: '"' });
    }
  }
  const close = source.slice(offset + 1, end).search(/[“”„‟‘’‚‛`´«»]/);
  const span = { start: offset, end: close === -1 ? offset + 1 : offset + close + 2 };
  return {
    span,
    reason: `${quote === "`" ? "a backquote" : tick(quote)} is no quotation mark of TOML`,
    help: 'write "straight quotes"',
    edits,
    safe: true,
  };
};

/** Something else than `=`, or nothing, between a key and its value. */
const equalsSign: Find = ({ start, text }) => {
  const [whole, key = "", before = "", sign = "", after = ""] = EQUALS.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const at = start + key.length + before.length;
  const span = { start: at, end: at + sign.length };
  const edits = [{ ...span, text: `${before === "" ? " " : ""}=${after === "" ? " " : ""}` }];
  return { span, reason: `${tick(sign)} stands where \`=\` is expected`, help: `write ${key} = and then the value`, edits, safe: true };
};

const KEY = String.raw`(?:[\w-]+|"[^"\\\n]*"|'[^'\n]*')(?:\.[\w-]+)*`;
const EQUALS = new RegExp(String.raw`^(${KEY})([ \t]*)(:=|=>|->|==+|=[ \t]+=|:)([ \t]*)(?=\S)`);

const noEqualsSign: Find = ({ start, text }) => {
  const [whole, key = "", value = ""] = /^([\w-]+)[ \t]+((?:["'[{\d]|true\b|false\b).*)/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const at = start + whole.length - value.length;
  const edits = [{ start: at, end: at, text: "= " }];
  return {
    span: { start: at, end: at + value.trimEnd().length },
    reason: `\`=\` is missing between ${tick(key)} and its value`,
    help: `write ${key} = ${shorten(value)}`,
    edits,
    safe: true,
  };
};

const noValue: Find = ({ source, start, end, text, offset, reason }) => {
  const line = text.split(/\r?\n/, 1)[0]?.trimEnd() ?? "";
  if (
    reason.startsWith("invalid value") &&
    /^\s*(?:#.*)?$/.test(source.slice(offset, endOfLine(source, offset))) &&
    /=[ \t]*(?:#.*)?$/.test(line)
  ) {
    return {
      span: { start, end: start + line.length },
      reason: "a value is missing after `=`",
      help: "write the value, or remove the line",
    };
  }
  if (text.startsWith("="))
    return { span: { start, end: start + 1 }, reason: "a key is missing before `=`", help: "write key = value, or remove the line" };
  if (!/^[\w-]+$/.test(line)) return undefined;
  return {
    span: { start, end: Math.min(end, start + line.length) },
    reason: `${tick(line)} stands alone`,
    help: `write ${line} = and a value, or [${line}] for a table; a comment begins with #`,
  };
};

/** Words of other languages. */
const otherWord: Find = ({ source, offset, reason }) => {
  const span = { start: offset, end: offset + (/^\w+/.exec(source.slice(offset, offset + 20))?.[0].length ?? 0) };
  const word = source.slice(span.start, span.end);
  if (!reason.startsWith("invalid value")) return undefined;
  if (/^(?:null|nil|none|undefined)$/i.test(word))
    return { span, reason: `${tick(word)} is not a value`, help: "TOML has no such value: leave the key out" };
  const meant = /^(?:true|yes|on)$/i.test(word) ? "true" : /^(?:false|no|off)$/i.test(word) ? "false" : undefined;
  if (meant === undefined) return undefined;
  return {
    span,
    reason: `${tick(word)} is not a value`,
    help: `write ${meant}, in small letters`,
    edits: [{ ...span, text: meant }],
    safe: word.toLowerCase() === meant,
  };
};

/** Numbers as they are written elsewhere. */
const number: Find = ({ source, start, text, offset }) => {
  const value = /^[^=]*=[ \t]*([\d.,_+-]+)[ \t]*(?:#.*)?(?:\r?\n|$)/.exec(text);
  const written = value?.[1] ?? "";
  const at = start + (value?.[0].lastIndexOf(written) ?? 0);
  const span = { start: at, end: at + written.length };
  if (written === "" || offset < at || offset > span.end || source.slice(at, span.end) !== written) return undefined;
  const [meant, help] = numberMeant(written);
  if (meant === undefined) return undefined;
  return { span, reason: `${tick(written)} is not a number`, help, edits: [{ ...span, text: meant }], safe: !/^0\d/.test(written) };
};

function numberMeant(written: string): [meant: string | undefined, help: string] {
  if (/^\d+,\d+$/.test(written)) return [written.replace(",", "."), `write ${written.replace(",", ".")}, with a point`];
  if (/^[+-]?\.\d+$/.test(written))
    return [written.replace(".", "0."), `write ${written.replace(".", "0.")}, with a digit before the point`];
  if (/^[+-]?\d+\.$/.test(written)) return [`${written}0`, `write ${written}0, with a digit after the point`];
  if (/^0+\d+$/.test(written)) return [written.replace(/^0+/, ""), `write ${written.replace(/^0+/, "")}, without the 0 before it`];
  return [undefined, ""];
}

/** A text without quotes, or without the first of them. */
const unquoted: Find = ({ source, start, end, text, offset, reason }) => {
  if (!/^(?:invalid value|illegal character in numeric|unfinished numeric|illegal leading|illegal underscore|invalid date)/.test(reason))
    return undefined;
  const tokens = [...tokensOf(text)].map((token) => ({ ...token, start: token.start + start, end: token.end + start }));
  const isList = /^[^=]*=\s*[[{]/.test(text);
  if (isList) return unquotedEntries(source, tokens, offset);
  const from = start + (/^[^=]*=[ \t]*/.exec(text)?.[0].length ?? 0);
  const line = source.slice(from, Math.min(end, endOfLine(source, from))).trimEnd();
  const span = { start: from, end: from + line.length };
  if (line === "" || line.includes("\\") || offset < from) return undefined;
  if (/^[^"'#]+"$/.test(line)) {
    return {
      span,
      reason: `the quotes before ${tick(line.slice(0, -1))} are missing`,
      help: `write "${shorten(line)}`,
      edits: [{ start: from, end: from, text: '"' }],
      safe: true,
    };
  }
  if (/["'#]/.test(line)) return undefined;
  if (/^[+-]?\d/.test(line) && !AMOUNT.test(line))
    return {
      span,
      reason: `${tick(line)} is not a number`,
      help: "a number is digits, with a point where it needs one; text stands in quotes",
    };
  const edits = [{ ...span, text: `"${line}"` }];
  return { span, reason: `${tick(line)} is not a value`, help: `text stands in quotes: "${shorten(line)}"`, edits, safe: true };
};

/** A duration or a size. */
const AMOUNT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|[KMGT]?i?B))+$/i;

function unquotedEntries(source: string, tokens: readonly Token[], offset: number): Mistake | undefined {
  const first = tokens.find(({ kind, start, end }) => kind === "word" && start <= offset && offset <= end);
  if (first === undefined) return undefined;
  const word = source.slice(first.start, first.end);
  const opening = tokens.findIndex(({ start }) => source[start] === "[");
  const edits = tokens
    .slice(opening + 1)
    .filter(({ kind, start, end }) => kind === "word" && !/^(?:true|false|[+-]?\d[\d.:_-]*)$/.test(source.slice(start, end)))
    .map(({ start, end }) => ({ start, end, text: `"${source.slice(start, end)}"` }));
  return {
    span: { start: first.start, end: first.end },
    reason: `${tick(word)} is not a value`,
    help: `text stands in quotes: "${shorten(word)}"`,
    edits,
    safe: tokens[opening - 1] !== undefined && source[tokens[opening - 1]?.start ?? 0] === "=",
  };
}

/** A text that runs on to the end of its line. */
const closingQuotes: Find = ({ source, start, end, text, offset, reason }) => {
  const isAtEnd = reason === "text not closed" || reason.startsWith("unfinished string");
  const quotes = /^(?:"""|''')/.exec(source.slice(offset, offset + 3))?.[0];
  if (isAtEnd && quotes !== undefined) {
    return {
      span: { start: offset, end: offset + 3 },
      reason: "the text that begins here does not end",
      help: `write ${quotes} at its end`,
    };
  }
  if (!isAtEnd && (!/^control characters.*strings/.test(reason) || /[^\r\n]/.test(source[offset] ?? "\n"))) return undefined;
  const open = [...tokensOf(text)].find((token) => token.kind === "string" && !isClosed(text.slice(token.start, token.end)));
  if (open === undefined) return undefined;
  const span = { start: start + open.start, end: start + open.end };
  const [quote, content] = [text[open.start] ?? "", text.slice(open.start + 1, open.end)];
  const isAlone = /^[^=]*=[ \t]*$/.test(text.slice(0, open.start)) && open.end >= end - start && !/["'#,\\]/.test(content);
  const inList = /^(.*[^\]\s,])(\s*\].*)$/.exec(content);
  const at = inList === null || isAlone ? span.end : span.start + 1 + (inList[1]?.length ?? 0);
  const help =
    text.includes("\n") && isAlone === false && inList === null
      ? 'close the quotes, or use """three quotes""" for several lines'
      : `write ${quote} at the end of the text`;
  return {
    span,
    reason: "the text that begins here does not end in its line",
    help,
    edits: [{ start: at, end: at, text: quote }],
    safe: isAlone && !/[\])}]$/.test(content),
  };
};

/** Quotes in a text. */
const quoteInText: Find = ({ source, start, text, offset, reason }) => {
  const quote = source[offset - 1] ?? "";
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  if (!/end-of-line|comma or end/.test(reason) || !/["']/.test(quote) || !line.slice(offset - start).includes(quote)) return undefined;
  const help = quote === '"' ? "write \\\" for a quote in the text, or put the text in 'single quotes'" : 'put the text in "double quotes"';
  return { span: { start: offset - 1, end: offset }, reason: "the text ends at this quote, and something follows it", help };
};

const comma: Find = ({ source, start, text, offset, reason }) => {
  if (!/comma or end of structure/.test(reason)) return undefined;
  const tokens = [...tokensOf(text)].filter(({ kind, end }) => kind !== "comment" && kind !== "line-break" && start + end <= offset);
  const before = start + (tokens.at(-1)?.end ?? 0);
  const span = wordAt(source, offset);
  const word = source.slice(span.start, span.end);
  if (word === "" || /[\])}]/.test(word)) return undefined;
  return {
    span,
    reason: `a comma is missing before ${tick(word)}`,
    help: "write a comma between two entries",
    edits: [{ start: before, end: before, text: "," }],
    safe: true,
  };
};

/** A list or an inline table that runs on into the next line, or to the end of the text. */
const closingBracket: Find = ({ source, end, offset, reason }) => {
  const what = /^list not|unfinished array/.test(reason) ? "]" : /^table not|unfinished table/.test(reason) ? "}" : undefined;
  if (what === undefined) return undefined;
  const span = { start: offset, end: offset + 1 };
  const isOneLine = !source.slice(offset, end).includes("\n") && !/[,#]\s*$/.test(source.slice(offset, end));
  return {
    span,
    reason: `the ${what === "]" ? "list" : "inline table"} that begins here does not end`,
    help: `write ${what} after its last entry`,
    ...(isOneLine ? { edits: [{ start: end, end, text: what === "}" ? " }" : what }], safe: true } : {}),
  };
};

/** JSON's `:` in inline tables. */
const colonInside: Find = ({ source, start, text, offset }) => {
  if (source[offset] !== ":" || !/^[^=]*=\s*[[{]/.test(text)) return undefined;
  const strings = [...tokensOf(text)].filter(({ kind }) => kind === "string");
  const edits = [...text.matchAll(/([{,]\s*(?:[\w-]+|"[^"\n]*"))(\s*):(\s*)/g)].flatMap(
    ({ 1: key = "", 2: before = "", 3: after = "", index }): Patch[] => {
      const at = index + key.length + before.length;
      if (strings.some((string) => string.start < at && at < string.end)) return [];
      return [{ start: start + at, end: start + at + 1, text: `${before === "" ? " " : ""}=${after === "" ? " " : ""}` }];
    },
  );
  const span = { start: offset, end: offset + 1 };
  return { span, reason: "`:` stands where `=` is expected", help: "an inline table is written { key = value }", edits, safe: true };
};

const escape: Find = ({ source, start, text, offset, reason }) => {
  if (!/escape/.test(reason)) return undefined;
  const string = [...tokensOf(text)].find(
    (token) => token.kind === "string" && start + token.start < offset && offset <= start + token.end,
  );
  const at = source.lastIndexOf("\\", offset);
  const span = { start: at, end: Math.max(at + 2, offset + 1) };
  const raw = string === undefined ? "" : text.slice(string.start + 1, string.end - 1);
  const isPlain = string !== undefined && !raw.startsWith('""') && !/['"]/.test(raw);
  const edits = isPlain ? [{ start: start + string.start, end: start + string.end, text: `'${raw}'` }] : [];
  const written = source.slice(span.start, span.end);
  if (/unicode/.test(reason)) return { span, reason: `${tick(written)} is no character`, help: "write four digits after \\u: \\u00e9" };
  return {
    span,
    reason: `${tick(written)} is no escape`,
    help: "write \\\\ for a backslash, or put the text in 'single quotes'",
    edits,
    safe: false,
  };
};

const IN_PAIRS: readonly Find[] = [
  oddCharacter,
  comment,
  separator,
  oddQuotes,
  colonInside,
  equalsSign,
  noEqualsSign,
  noValue,
  otherWord,
  number,
  unquoted,
  closingQuotes,
  quoteInText,
  closingBracket,
  comma,
  escape,
];

/** The parser's reason in words that name what stands there, and what to do. */
function parserSays({ source, offset, reason }: Broken): Mistake {
  const span = wordAt(source, offset);
  const word = source.slice(span.start, span.end);
  const says = (what: string, help: string): Mistake => ({ span, reason: what, help });
  const atEnd = offset >= source.length;
  if (reason.startsWith("invalid value"))
    return says(
      atEnd ? "the file ends where a value is expected" : `${word === "" ? "nothing" : tick(word)} is not a value`,
      'text stands in quotes: key = "text"',
    );
  if (/end-of-line/.test(reason))
    return says(`${tick(restOfLine(source, offset))} follows the value`, "one key = value per line; a comment begins with #");
  if (/comma or end of structure/.test(reason))
    return says(
      "a comma or a closing bracket is missing before this",
      "entries are separated by commas; a list ends with ] and an inline table with }",
    );
  if (/key/.test(reason))
    return says(
      word.trim() === "" ? "the line ends inside a key" : `${tick(word)} cannot stand in a key`,
      "write key = value; a key is letters, digits, - and _, and anything else in quotes",
    );
  return says(reason, "write it as TOML has it, or as text in quotes");
}

/** The word that begins at an offset, or one character; nothing at the end of the text. */
export function wordAt(text: string, start: number): Span {
  const match = /[\w.+:-]+|"[^"\n]*"|'[^'\n]*'|[^\n]/uy;
  match.lastIndex = start;
  return { start, end: start + (match.exec(text)?.[0].length ?? 0) };
}

function restOfLine(text: string, offset: number): string {
  return text.slice(offset, endOfLine(text, offset)).trimEnd();
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

function tick(word: string): string {
  return `\`${shorten(word)}\``;
}

function shorten(word: string): string {
  const line = word.split(/\r?\n/, 1)[0]?.trimEnd() ?? "";
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
