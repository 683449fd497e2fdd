/** How text is coloured; each function returns the text with or without escape codes around it. */
export interface Palette {
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly cyan: (text: string) => string;
  readonly blue: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

/** No colours: every text stays as it is. */
export const plainPalette: Palette = {
  red: same,
  yellow: same,
  green: same,
  cyan: same,
  blue: same,
  dim: same,
  bold: same,
};

function same(text: string): string {
  return text;
}
