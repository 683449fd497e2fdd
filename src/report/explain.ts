import type { Palette } from "./palette.ts";

/** The codes of one group, in the order of the page. */
export interface CodeGroup {
  readonly title: string;
  readonly codes: readonly string[];
}

/**
 * The groups of a page in which each code is a heading of the third level, and each group one of the second.
 *
 * Contract: a heading without codes below it is no group.
 */
export function groupsOf(page: string): CodeGroup[] {
  const groups: { title: string; codes: string[] }[] = [];
  for (const line of linesOf(page)) {
    if (line.isCode) continue;
    const [, marks, title = ""] = HEADING.exec(line.text) ?? [];
    if (marks === "##") groups.push({ title, codes: [] });
    else if (marks === "###") groups.at(-1)?.codes.push(title);
  }
  return groups.filter(({ codes }) => codes.length > 0);
}

/** Every code with its meaning, by group. */
export function listCodes(groups: readonly CodeGroup[], meanings: Readonly<Record<string, string>>, { bold, cyan }: Palette): string {
  const width = Math.max(...groups.flatMap(({ codes }) => codes.map((code) => code.length)));
  const blocks = groups.map(({ title, codes }) =>
    [bold(title), ...codes.map((code) => `  ${cyan(code.padEnd(width))}  ${plain(meanings[code] ?? "")}`)].join("\n"),
  );
  return [...blocks, "agentflow explain CODE says more about one of them."].join("\n\n");
}

/**
 * The section of the page about a code, for a terminal: without marks, its blocks indented.
 *
 * @throws Error where the page has no such section
 */
export function explainCode(page: string, code: string, palette: Palette): string {
  const lines = linesOf(page);
  const start = lines.findIndex(({ text, isCode }) => !isCode && text === `### ${code}`);
  if (start === -1) throw new Error(`docs/diagnostics.md has no section about ${code}`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex(({ text, isCode }) => !isCode && HEADING.test(text));
  const section = end === -1 ? rest : rest.slice(0, end);
  const shown = section.filter(({ text, isCode }) => isCode || !text.startsWith("```")).map((line) => shownLine(line, palette));
  return `${palette.bold(code)}\n\n${shown.join("\n").trim()}`;
}

const HEADING = /^(#{1,6}) (.+)$/;

interface Line {
  readonly text: string;
  /** Whether it stands within a fenced block. */
  readonly isCode: boolean;
}

function linesOf(page: string): Line[] {
  let isCode = false;
  return page.split("\n").map((text) => {
    const isFence = text.startsWith("```");
    const line = { text, isCode: isCode && !isFence };
    if (isFence) isCode = !isCode;
    return line;
  });
}

function shownLine({ text, isCode }: Line, { bold, cyan, dim }: Palette): string {
  if (isCode) return text === "" ? "" : `    ${/^\s*#/.test(text) ? dim(text) : text}`;
  if (/^(?:Wrong|Right)\b.*:$/.test(text)) return bold(plain(text));
  return text.replace(CODE, (_, _ticks, code: string) => cyan(code)).replace(LINK, "$1");
}

/** Without the marks of code: there are quotes enough in it. */
function plain(text: string): string {
  return text.replace(CODE, "$2");
}

const CODE = /(`+) ?(.+?) ?\1(?!`)/g;
const LINK = /\[([^\]]+)\]\([^)]+\)/g;
