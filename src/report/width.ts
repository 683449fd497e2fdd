import stringWidth from "string-width";

/** How many columns of a terminal a text takes. Escape codes take none, wide characters two. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/** The text, filled up with spaces to at least `columns`. */
export function padTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** The text in at most `columns`; what is cut off is replaced by `…`. The text must not hold escape codes. */
export function cutTo(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const { segment } of characters.segment(text)) {
    width += displayWidth(segment);
    if (width > columns) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/**
 * The text in lines of at most so many columns, `first` of them in the first line; broken at spaces, and within a word that is
 * wider than a line. The text must not hold escape codes.
 */
export function wrapTo(text: string, columns: number, first = columns): string[] {
  if (displayWidth(text) <= first) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((whole) => piecesOf(whole, columns))) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (displayWidth(longer) <= (lines.length === 0 ? first : columns)) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

function piecesOf(word: string, columns: number): string[] {
  const pieces = [""];
  for (const { segment } of displayWidth(word) <= columns ? [{ segment: word }] : characters.segment(word)) {
    const longer = pieces.at(-1) + segment;
    if (displayWidth(longer) <= columns) pieces[pieces.length - 1] = longer;
    else pieces.push(segment);
  }
  return pieces;
}

/** What a reader takes for one character, however many code points it has. */
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
