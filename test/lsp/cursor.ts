/** A text in which `|` shows where the cursor is. */
export function cursorIn(marked: string): { readonly text: string; readonly offset: number } {
  const offset = marked.indexOf("|");
  if (offset === -1) throw new Error("there is no cursor");
  return { text: marked.slice(0, offset) + marked.slice(offset + 1), offset };
}
