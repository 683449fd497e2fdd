import { TextDocument } from "vscode-languageserver-textdocument";
import type { Span } from "../spec/diagnostic.ts";
import { stripByteOrderMark } from "../spec/toml.ts";

/** A place as the protocol counts: lines from 0, and UTF-16 units in them. */
export interface Position {
  readonly line: number;
  readonly character: number;
}

/** A text in an editor or on the disk, with its places as the protocol counts them. Never changes: what is typed makes a new one. */
export class Page {
  readonly uri: string;
  readonly version: number;
  /** Without a byte order mark, as everybody else counts. */
  readonly text: string;
  readonly #document: TextDocument;
  readonly #shift: number;

  private constructor(document: TextDocument) {
    this.uri = document.uri;
    this.version = document.version;
    this.text = stripByteOrderMark(document.getText());
    this.#document = document;
    this.#shift = document.getText().length - this.text.length;
  }

  static create(this: void, uri: string, language: string, version: number, text: string): Page {
    return new Page(TextDocument.create(uri, language, version, text));
  }

  static update(this: void, page: Page, changes: Parameters<typeof TextDocument.update>[1], version: number): Page {
    return new Page(TextDocument.update(page.#document, changes, version));
  }

  offsetAt(position: Position): number {
    return Math.max(0, this.#document.offsetAt(position) - this.#shift);
  }

  rangeOf({ start, end }: Span): { start: Position; end: Position } {
    return { start: this.#document.positionAt(start + this.#shift), end: this.#document.positionAt(end + this.#shift) };
  }

  spanOf({ start, end }: { readonly start: Position; readonly end: Position }): Span {
    return { start: this.offsetAt(start), end: this.offsetAt(end) };
  }
}
