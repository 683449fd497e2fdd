/** What to do about a path in which a backslash has become a tab, or another character that hardly any path has; null: it has none. */
export function helpForEscapes(path: string): { readonly help: string } | null {
  return [...path].some((character) => ESCAPED.has(character)) ? { help: HELP } : null;
}

/** What TOML makes of `\b`, `\t`, `\n`, `\f` and `\r`. */
const ESCAPED: ReadonlySet<string> = new Set(["\b", "\t", "\n", "\f", "\r"]);
const HELP = String.raw`in "double quotes" a backslash begins an escape, such as \t for a tab: write \\ for a backslash, or 'single quotes' around the path`;
