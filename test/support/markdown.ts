/** What the tests of the documentation read out of a page. */

/** A fenced block. */
export interface Block {
  readonly language: string;
  /** What stands after the language: `fragment`, `wrong`, a file's name, or nothing. */
  readonly words: readonly string[];
  /** Ends with a line break. */
  readonly text: string;
  /** 1-based line of its fence. */
  readonly line: number;
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; words: string[]; lines: string[]; line: number } | null = null;
  for (const [index, line] of page.split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
    } else if (open === null) {
      const [language = "", ...words] = (fence[1] ?? "").split(" ");
      open = { language, words, lines: [], line: index + 1 };
    } else {
      const { lines, ...rest } = open;
      blocks.push({ ...rest, text: `${lines.join("\n")}\n` });
      open = null;
    }
  }
  if (open !== null) throw new Error(`the block that starts in line ${open.line} does not end`);
  return blocks;
}

/** The text without its fenced blocks. */
export function proseOf(page: string): string {
  return page.replace(/^```[^]*?^```$/gm, "");
}

export function headingsOf(page: string): { readonly level: number; readonly title: string; readonly anchor: string }[] {
  return [...proseOf(page).matchAll(/^(#+) (.+)$/gm)].map(([, marks = "", title = ""]) => ({
    level: marks.length,
    title,
    anchor: title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  }));
}

/** The text under a heading, up to the next one of its level or above; its own subsections belong to it. */
export function sectionOf(page: string, title: string): string {
  const heading = headingsOf(page).find((one) => one.title === title);
  if (heading === undefined) throw new Error(`there is no heading "${title}"`);
  const start = page.indexOf(`\n${"#".repeat(heading.level)} ${title}\n`);
  const rest = page.slice(start + 1);
  const lines = rest.split("\n");
  let fenced = false;
  const end = lines.findIndex((line, index) => {
    if (line.startsWith("```")) fenced = !fenced;
    const level = /^(#+) /.exec(line)?.[1]?.length ?? Number.POSITIVE_INFINITY;
    return index > 0 && !fenced && level <= heading.level;
  });
  return (end === -1 ? lines : lines.slice(0, end)).join("\n");
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Every table, its cells trimmed and with `\|` as `|`. */
export function tablesOf(page: string): Table[] {
  return [...proseOf(page).matchAll(/(?:^\|.*\|$\n?)+/gm)].map(([lines]) => {
    const [head = [], , ...rows] = lines.trimEnd().split("\n").map(cellsOf);
    return { head, rows };
  });
}

/** All words in backquotes. */
export function codeIn(text: string): string[] {
  return [...text.matchAll(/(`+)(.+?)\1(?!`)/g)].map(([, , code = ""]) => code.replace(/^ (.*) $/, "$1"));
}

/** The files and anchors that a page links to, addresses elsewhere left out. */
export function linksOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target).filter((target) => !/^[a-z]+:/.test(target));
}

function cellsOf(line: string): string[] {
  const cells = line.slice(1, -1).split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
}
