/** Where in the document a problem is: keys and list indexes from the root, the shape of a zod issue's path. */
export type Path = readonly (string | number)[];

/**
 * One mistake of the author, or one thing to look at. A value, never thrown: all problems of a file are collected,
 * sorted and shown together.
 *
 * Contract: `code` is a slug that never changes its meaning; `message` says what is wrong and what was expected, in
 * one line, without the place. The place is given either as `path` (looked up in the document when the message is
 * made) or as `span` (offsets in the text, where there is no document, for example after a syntax error).
 */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  /** The file it is in; absolute. Absent for a definition that was given in code. */
  readonly file?: string;
  readonly path?: Path;
  /** Whether the key, the whole value (default), or a part of the string value is meant. */
  readonly at?: "key" | "value" | { readonly start: number; readonly end: number };
  readonly span?: Span;
  /** What stands under the marked place. */
  readonly label?: string;
  readonly related?: readonly Related[];
  /** What to do, in one line; where there is a fix, what that does. */
  readonly help?: string;
  readonly fix?: Fix;
}

/**
 * A change of the file that mends the problem.
 *
 * Contract: after its edits the problem is gone, and no other has come in its place. A safe fix leaves no
 * doubt about what the author meant, or removes what did nothing: it is made by `--fix` without a question. Any other one is a
 * suggestion.
 */
export interface Fix {
  readonly safe: boolean;
  readonly edits: readonly Edit[];
}

/** Text in the place of what stands there. */
export interface Edit {
  readonly path?: Path;
  /**
   * Which part of what stands at the path is replaced, as in {@link Diagnostic}; besides, `entry` is a key with its value and its
   * line, and `end` the place after the last line of a table, where a line can be added. Default: the whole value.
   */
  readonly at?: Diagnostic["at"] | "entry" | "end";
  /** Instead of a path: offsets in the text. */
  readonly span?: Span;
  /** TOML, as it will stand in the file; for a part of a string what the string will say there, which is written as its quotes need it. */
  readonly text: string;
}

/** Offsets in the text, in UTF-16 code units; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Another place that explains the first. */
export interface Related {
  /** Where it is in another file than the diagnostic; absolute. */
  readonly file?: string;
  readonly path: Path;
  readonly at?: Diagnostic["at"];
  /** Instead of the path: offsets in the text. */
  readonly span?: Span;
  readonly label: string;
}
