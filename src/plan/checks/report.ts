import type { Diagnostic, Path } from "../../spec/diagnostic.ts";
import { nearest } from "../../spec/suggest.ts";
import type { PlanSource } from "../plan.ts";

/** Collects the problems of one pipeline file. */
export class Report {
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: string | null;

  constructor(source: PlanSource) {
    this.#file = source.file;
  }

  error(code: string, path: Path, message: string, more: Partial<Diagnostic> = {}): void {
    this.#add("error", code, path, message, more);
  }

  warning(code: string, path: Path, message: string, more: Partial<Diagnostic> = {}): void {
    this.#add("warning", code, path, message, more);
  }

  get hasErrors(): boolean {
    return this.diagnostics.some(({ severity }) => severity === "error");
  }

  #add(severity: Diagnostic["severity"], code: string, path: Path, message: string, more: Partial<Diagnostic>): void {
    this.diagnostics.push({ severity, code, message, path, ...(this.#file === null ? {} : { file: this.#file }), ...more });
  }
}

/** A name that is not known: what is near to it, and where that stands; or what there is. */
export function unknownName(name: string, known: Iterable<string>, pathOf: (name: string) => Path): Partial<Diagnostic> {
  const names = [...known];
  const near = nearest(name, names);
  if (near !== undefined) {
    return {
      label: "not defined",
      related: [{ path: pathOf(near), at: "key", label: "did you mean this one?" }],
      help: `replace \`${name}\` with \`${near}\``,
    };
  }
  const listed = names.slice(0, 12).map((known) => `\`${known}\``);
  return {
    label: "not defined",
    help: listed.length === 0 ? "none is defined" : `there are ${listed.join(", ")}${names.length > 12 ? ", …" : ""}`,
  };
}
