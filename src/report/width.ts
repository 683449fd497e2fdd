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

/** What a reader takes for one character, however many code points it has. */
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
